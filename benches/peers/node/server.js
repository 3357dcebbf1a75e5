// The server that the author of the original page would have written: a page's connection is kept with the id that the page says,
// and when WeChat tells who has scanned that id, the page is told. Where it keeps its events is another file's matter.
//
// `node server.js nothing|streams [URL OF REDIS]`, with its settings as JSON in the first line of its input. It listens where it is told,
// says `ready`, and ends with its input.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const readline = require('node:readline');
const sockjs = require('sockjs');
const { NotWeChat, WeChat } = require('./wechat');

const [kept, ...where] = process.argv.slice(2);
const input = readline.createInterface({ input: process.stdin });
input.once('line', (line) => serve(JSON.parse(line)));
input.once('close', () => process.exit());

async function serve({ host, port, wechat: account }) {
  const events = await require(`./${kept}`)(...where);
  const wechat = new WeChat(account);
  // The connection of each page, by the id that it has said.
  const pages = new Map();
  // What a page is to be told that has not said its id yet: visitors take seconds to scan, and simulated ones do not.
  const early = new Map();
  // Whom each code stands for that was not redeemed yet.
  const codes = new Map();

  const routes = {
    'GET /qrcode': async (query) => {
      const scene = query.get('sceneId');
      const [url] = await Promise.all([wechat.qrCode(scene), events.append({ type: 'created', scene })]);
      return url;
    },
    'POST /wechat/main': async (query, body) => {
      const scan = wechat.scanned(query, body);
      if (scan) {
        const code = crypto.randomBytes(16).toString('base64url');
        await events.append({ type: 'scanned', ...scan }, { type: 'confirmed', scene: scan.scene, code });
        codes.set(code, scan);
        const page = pages.get(scan.scene);
        if (page) page.write(`AUTOMATIC_LOGIN####${code}`);
        else early.set(scan.scene, `AUTOMATIC_LOGIN####${code}`);
      }
      return 'success';
    },
    'POST /oauth/token': async (_query, body) => {
      const code = new URLSearchParams(body).get('code');
      const scan = codes.get(code);
      if (!codes.delete(code)) return null;
      await events.append({ type: 'redeemed', scene: scan.scene });
      return JSON.stringify({ openid: scan.openid });
    },
  };

  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const route = routes[`${request.method} ${pathname}`];
    try {
      const answer = route ? await route(searchParams, await bodyOf(request)) : null;
      response.writeHead(answer === null ? 404 : 200, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(answer ?? '');
    } catch (error) {
      if (!(error instanceof NotWeChat)) throw error;
      response.writeHead(403).end();
    }
  });

  const connections = sockjs.createServer({ log: () => {} });
  connections.on('connection', (connection) => {
    let id;
    connection.on('data', (said) => {
      id = said;
      pages.set(id, connection);
      if (early.has(id)) {
        connection.write(early.get(id));
        early.delete(id);
      }
    });
    connection.on('close', () => pages.delete(id));
  });
  connections.installHandlers(server, { prefix: '/sockjs' });

  // As many may wait to be accepted as the system allows (net.core.somaxconn), as at our own server.
  server.listen({ host, port, backlog: 0x7fffffff }, () => console.log('ready'));
}

async function bodyOf(request) {
  let body = '';
  request.setEncoding('utf8');
  for await (const part of request) body += part;
  return body;
}
