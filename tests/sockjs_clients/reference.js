// The SockJS server of SockJS's own authors, with the services that the public test suite asks for. Its first line of output
// is its port; it ends with its input. `node reference.js [RESPONSE_LIMIT]`
'use strict';

const http = require('http');
const sockjs = require('sockjs');

const options = { response_limit: Number(process.argv[2] || 4096), sockjs_url: '/sockjs.min.js', log: () => {} };

function service(prefix, more, serve) {
  const service = sockjs.createServer(Object.assign({ prefix }, options, more));
  service.on('connection', serve);
  return service;
}

function echo(connection) {
  connection.on('data', (message) => connection.write(message));
}

const server = http.createServer((_, response) => {
  response.writeHead(404);
  response.end();
});
// Services answer in the opposite order of their installation, and `/echo` must not see what is another's.
[
  service('/echo', {}, echo),
  service('/disabled_websocket_echo', { websocket: false }, echo),
  service('/cookie_needed_echo', { jsessionid: true }, echo),
  service('/close', {}, (connection) => connection.close(3000, 'Go away!')),
].forEach((service) => service.installHandlers(server));

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
