// The journal as a tape: one card an event, in the order in which they became durable.

import { onLanguage, t, typeName } from './text.js';

const KEPT = 48;
const AGAIN_MS = 300;
const SAY_LOST_AFTER_MS = 2000;

const find = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The time of day here, with milliseconds. */
function timeOf(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

/** A person's press is seconds after the scan, all else a few milliseconds. */
const since = (ms) => (ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`);

/** What distinguishes a scene: its last characters, since all begin alike. */
const shortScene = (scene) => `…${scene.slice(-6)}`;

/** How the website, too, calls a person. */
const maskedOpenid = (openid) => `${openid.slice(0, 6)}…`;

export class Tape {
  constructor() {
    this.events = [];
    this.fresh = [];
    this.scene = null;
    this.last = 0;
    onLanguage(() => this.redraw());
    this.listen();
  }

  /** Marks the events of the session that is on the screen. */
  mark(scene) {
    this.scene = scene;
    for (const card of find('tape').children) {
      card.classList.toggle('current', card.dataset.scene === scene);
    }
  }

  listen() {
    const source = new EventSource('/demo/journal');
    this.source = source;
    source.onopen = () => this.trouble(false);
    source.onmessage = (message) => this.take(JSON.parse(message.data));
    source.onerror = () => {
      this.lost ??= setTimeout(() => this.trouble(true), SAY_LOST_AFTER_MS);
      // The browser tries again by itself, except after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.goOn(source), AGAIN_MS);
    };
  }

  /** Unless another one was begun meanwhile. */
  goOn(source) {
    if (source === this.source) this.listen();
  }

  /** From the beginning: it may be another journal. */
  again() {
    this.source.close();
    this.fresh = [];
    this.events = [];
    this.last = 0;
    this.redraw();
    this.listen();
  }

  /** Marks where the daemon was killed. */
  cut(at, away) {
    const cut = { type: 'cut', at: at.toISOString(), away };
    const later = this.events.findIndex((event) => new Date(event.at) > at);
    const index = later === -1 ? this.events.length : later;
    this.events.splice(index, 0, cut);
    const tape = find('tape');
    tape.querySelector('.nothing')?.remove();
    tape.insertBefore(this.card(cut), tape.children[index] ?? null);
    tape.scrollLeft = tape.scrollWidth;
  }

  trouble(is) {
    clearTimeout(this.lost);
    this.lost = undefined;
    find('tape-trouble').textContent = is ? t('tapeLost') : '';
  }

  take(event) {
    if (event.seq <= this.last) return;
    this.last = event.seq;
    this.fresh.push(event);
    if (this.fresh.length === 1) setTimeout(() => this.flush(), 0);
  }

  /** A long journal comes in one go at the beginning: only its end is drawn. */
  flush() {
    const fresh = this.fresh.splice(0).slice(-KEPT);
    const tape = find('tape');
    tape.querySelector('.nothing')?.remove();
    for (const event of fresh) {
      const before = this.events[this.events.length - 1];
      this.events.push(event);
      tape.append(this.card(event, before));
    }
    const over = Math.max(0, this.events.length - KEPT);
    this.events.splice(0, over);
    for (let count = 0; count < over; count += 1) tape.firstElementChild.remove();
    tape.scrollLeft = tape.scrollWidth;
  }

  redraw() {
    const cards = this.events.map((event, index) => this.card(event, this.events[index - 1]));
    if (cards.length === 0) cards.push(element('li', 'nothing', t('tapeEmpty')));
    find('tape').replaceChildren(...cards);
    find('tape').scrollLeft = find('tape').scrollWidth;
  }

  /** What the event is about; some say it only together with an earlier one of their scene. */
  about(event) {
    if (event.reason) return event.reason;
    const known = (key) => event[key]
      ?? this.events.find((other) => other.scene_id === event.scene_id && other[key])?.[key];
    const openid = ['scanned', 'confirmed'].includes(event.type) ? known('openid') : undefined;
    return openid ? maskedOpenid(openid) : known('client_id') ?? '';
  }

  card(event, before) {
    if (event.type === 'cut') return this.cutCard(event);
    const card = element('li', `card ${event.type}`);
    card.dataset.scene = event.scene_id;
    card.classList.toggle('current', event.scene_id === this.scene);
    card.classList.toggle('first', before?.scene_id !== undefined && before.scene_id !== event.scene_id);
    const head = element('p', 'card-head');
    head.append(element('b', 'type', event.type));
    const name = typeName(event.type);
    if (name) head.append(element('span', 'name', name));
    head.append(element('span', 'seq', `#${event.seq}`));
    const facts = element('p', 'facts');
    facts.append(element('span', 'scene', shortScene(event.scene_id ?? '')), element('span', '', this.about(event)));
    const foot = element('p', 'foot');
    foot.append(element('time', '', timeOf(event.at)));
    if (event.ms_since_push !== undefined) {
      const latency = element('span', 'latency', `+${since(event.ms_since_push)}`);
      latency.title = t('afterCallback', since(event.ms_since_push));
      foot.append(latency);
    }
    card.append(head, facts, foot);
    return card;
  }

  cutCard({ away }) {
    const card = element('li', 'cut');
    card.append(element('b', '', t('cut')), element('span', '', t('cutBack', since(away))));
    return card;
  }
}
