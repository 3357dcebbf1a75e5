// Keeps each event in a stream of Redis. What `append` returns is fulfilled when Redis has acknowledged: with `appendfsync
// always`, that is when it is on the disk.
'use strict';

const { createClient } = require('redis');

module.exports = async (url) => {
  const client = await createClient({ url }).on('error', (error) => { throw error; }).connect();
  return {
    // Commands that are given together travel together.
    append: (...events) => Promise.all(events.map((event) => client.xAdd('logins', '*', event))),
  };
};
