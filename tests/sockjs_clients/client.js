// Unmodified SockJS clients in Node. Each line of input is a conversation to have: {client, url, transport, messages};
// each line of output is what came of it.
'use strict';

const readline = require('readline');
const talk = require('./talk');

const clients = { '1.1.2': require('sockjs-client-1.1.2'), '1.6.1': require('sockjs-client') };

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { client, url, transport, messages } = JSON.parse(line);
  const told = await talk(clients[client], url, transport, messages, 5);
  process.stdout.write(JSON.stringify(told) + '\n');
}).on('close', () => process.exit());
