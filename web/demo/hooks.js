// What the shop's back end was told by webhooks, the newest first. It shows only what it has verified.

import { onLanguage, t } from './text.js';

const SHOWN = 6;
const AGAIN_MS = 300;

export class Hooks {
  constructor() {
    this.messages = [];
    onLanguage(() => this.draw());
    this.listen();
  }

  listen() {
    const source = new EventSource('/demo/hooks');
    this.source = source;
    source.onmessage = (message) => {
      this.messages.unshift(JSON.parse(message.data));
      this.messages.splice(SHOWN);
      this.draw();
    };
    // The browser tries again by itself, except after an answer that is no stream.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => source === this.source && this.listen(), AGAIN_MS);
    };
  }

  /** From the beginning: it may be another shop. */
  again() {
    this.source.close();
    this.messages = [];
    this.draw();
    this.listen();
  }

  draw() {
    const list = document.getElementById('hooks');
    const items = this.messages.map(({ type, at, visitor, reason }) => {
      const item = document.createElement('li');
      const name = document.createElement('b');
      name.textContent = type;
      item.append(name, ` ${[visitor ?? reason ?? '', new Date(at).toLocaleTimeString('en-GB')].join(' ').trim()}`);
      return item;
    });
    if (items.length === 0) {
      const nothing = document.createElement('li');
      nothing.textContent = t('hooksNone');
      items.push(nothing);
    }
    list.replaceChildren(...items);
  }
}
