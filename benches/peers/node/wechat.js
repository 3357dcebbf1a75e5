// What a service account's back end must know of WeChat: whether a push is WeChat's, what it says, and how a QR code is made.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');

// WeChat pads to twice the block of AES.
const BLOCK = 32;
const RANDOM_BYTES = 16;

class NotWeChat extends Error {}

class WeChat {
  #token;
  #appId;
  #key;
  #api;
  #accessToken;
  #agent = new http.Agent({ keepAlive: true });

  constructor({ token, appId, appSecret, aesKey, api }) {
    this.#token = token;
    this.#appId = appId;
    this.#key = Buffer.from(`${aesKey}=`, 'base64');
    this.#api = api;
    this.#accessToken = this.#ask('GET', `/cgi-bin/token?grant_type=client_credential&appid=${appId}&secret=${appSecret}`)
      .then((answer) => answer.access_token);
  }

  // The address of the picture of a QR code for this scene.
  async qrCode(scene) {
    const asked = { expire_seconds: 300, action_name: 'QR_STR_SCENE', action_info: { scene: { scene_str: scene } } };
    const answer = await this.#ask('POST', `/cgi-bin/qrcode/create?access_token=${await this.#accessToken}`, JSON.stringify(asked));
    return `${this.#api}/cgi-bin/showqrcode?ticket=${encodeURIComponent(answer.ticket)}`;
  }

  // Who has scanned which scene, where a push says that somebody has; throws where it is not WeChat's.
  scanned(query, body) {
    const clear = query.get('encrypt_type') === 'aes' ? this.#opened(query, body) : this.#signed(query, body);
    const event = field(clear, 'Event');
    const key = field(clear, 'EventKey') ?? '';
    if (event === 'SCAN') return { scene: key, openid: field(clear, 'FromUserName') };
    if (event === 'subscribe' && key.startsWith('qrscene_')) {
      return { scene: key.slice('qrscene_'.length), openid: field(clear, 'FromUserName') };
    }
    return null;
  }

  #signed(query, body) {
    if (this.#signature(query) !== query.get('signature')) throw new NotWeChat();
    return body;
  }

  #opened(query, body) {
    const encrypted = field(body, 'Encrypt');
    if (encrypted === null || this.#signature(query, encrypted) !== query.get('msg_signature')) throw new NotWeChat();
    const decipher = crypto.createDecipheriv('aes-256-cbc', this.#key, this.#key.subarray(0, 16)).setAutoPadding(false);
    const padded = Buffer.concat([decipher.update(encrypted, 'base64'), decipher.final()]);
    const padding = padded.at(-1);
    if (padding < 1 || padding > BLOCK) throw new NotWeChat();
    const message = padded.subarray(RANDOM_BYTES, padded.length - padding);
    const end = 4 + message.readUInt32BE(0);
    if (message.toString('utf8', end) !== this.#appId) throw new NotWeChat();
    return message.toString('utf8', 4, end);
  }

  #signature(query, ...more) {
    const parts = [this.#token, query.get('timestamp'), query.get('nonce'), ...more].sort();
    return crypto.createHash('sha1').update(parts.join('')).digest('hex');
  }

  #ask(method, path, body) {
    return new Promise((resolve, reject) => {
      const request = http.request(this.#api + path, { method, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => { text += part; });
        response.on('end', () => resolve(JSON.parse(text)));
      });
      request.on('error', reject).end(body);
    });
  }
}

// A field of WeChat's flat XML, with CDATA or without; null where it is not there.
function field(xml, name) {
  const found = new RegExp(`<${name}>(?:<!\\[CDATA\\[(.*?)\\]\\]>|([^<]*))</${name}>`, 's').exec(xml);
  return found && (found[1] ?? found[2]);
}

module.exports = { NotWeChat, WeChat };
