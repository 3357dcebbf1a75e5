// One conversation with a SockJS service, the same in Node and in a browser: what is said, in order, and what came of it.
// `transport` is the only one to use, or a list of those to try.
//
// A client that gives up on its only transport before that opened (2000, 2007) asks once more: it allows no more than the
// time of a few round trips, which a busy machine may need for itself.
function talk(SockJS, url, transport, messages, tries) {
  'use strict';
  return new Promise(function (resolve) {
    var told = { heard: [], heartbeats: 0 };
    var sock = new SockJS(url, undefined, { transports: [].concat(transport) });
    sock.onopen = function () {
      told.transport = sock.transport;
      messages.forEach(function (message) { sock.send(message); });
    };
    sock.onmessage = function (event) {
      told.heard.push(event.data);
      if (told.heard.length === messages.length) { sock.close(); }
    };
    sock.onheartbeat = function () { told.heartbeats += 1; };
    sock.onclose = function (event) {
      told.code = event.code;
      told.reason = event.reason;
      if (!told.transport && (event.code === 2000 || event.code === 2007) && tries > 1) {
        resolve(talk(SockJS, url, transport, messages, tries - 1));
      } else {
        resolve(told);
      }
    };
  });
}

if (typeof module !== 'undefined') { module.exports = talk; }
