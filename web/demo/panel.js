// The login panel of the shop: asks the daemon for a QR code, follows the session by long polls, hands over the code.

import { onLanguage, t } from './text.js';

const WAIT_SECONDS = 25;
const ANSWER_WITHIN_MS = (WAIT_SECONDS + 10) * 1000;
const SAY_LOST_AFTER_MS = 2000;
const RETRY_MS = [300, 700, 1500, 3000, 5000];

/** States in which the panel offers a new code, and whether by a button. */
const OVER = ['denied', 'expired', 'wechatAway', 'failed'];

const find = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function postJson(url, body, signal) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal, credentials: 'same-origin' });
}

export class Panel {
  /** `changed` is called with the code in view, or null where there is none. */
  constructor(changed) {
    this.changed = changed;
    this.attempt = new AbortController();
    this.state = 'loading';
    this.value = undefined;
    this.visitor = '';
    this.code = null;
    find('again').addEventListener('click', () => this.open());
    find('logout').addEventListener('click', () => this.open());
    onLanguage(() => this.say());
    setInterval(() => this.tick(), 1000);
  }

  /** A new session, whatever there was before. */
  async open() {
    this.attempt.abort();
    this.attempt = new AbortController();
    const { signal } = this.attempt;
    this.code = null;
    this.show('loading');
    try {
      const start = await (await postJson('/demo/shop/begin', {}, signal)).json();
      const { login, ...asked } = start;
      const answer = await postJson('/v1/sessions', asked, signal);
      if (answer.status !== 201) {
        await this.refused(answer, signal);
        return;
      }
      const session = await answer.json();
      await this.draw(session, signal);
      await this.follow(session, login, signal);
    } catch (error) {
      if (!signal.aborted) {
        this.show('lost');
        await pause(RETRY_MS[3]);
        if (!signal.aborted) this.open();
      }
    }
  }

  /** Whether a code waits to be scanned, or is being waited for. */
  isWaiting() {
    return this.state === 'pending' || this.state === 'loading' || this.state === 'wechatAway';
  }

  async refused(answer, signal) {
    const { code } = await answer.json().catch(() => ({}));
    const after = Number(answer.headers.get('Retry-After'));
    this.show(code === 'paused' ? 'paused' : 'wechatAway');
    if (answer.status === 503 && after > 0) {
      await pause(after * 1000);
      if (!signal.aborted) this.open();
    }
  }

  async draw(session, signal) {
    const image = find('qr');
    image.src = session.qr_svg;
    await image.decode();
    if (signal.aborted) return;
    const now = performance.now();
    this.began = now;
    this.ends = now + session.expires_in * 1000;
    this.code = { content: session.qr_content, picture: session.qr_svg, scene: session.scene_id };
    this.show('pending');
    this.tick();
  }

  async follow(session, login, signal) {
    let after = 0;
    let failures = 0;
    let sayLost;
    while (!signal.aborted) {
      // After a failure at once, so that the line is right as soon as the connection is.
      const wait = failures === 0 ? WAIT_SECONDS : 0;
      const messages = await this.poll(session, after, wait, signal);
      if (signal.aborted) break;
      if (messages === null) {
        if (failures === 0) sayLost = setTimeout(() => this.show('lost'), SAY_LOST_AFTER_MS);
        await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
        failures += 1;
        continue;
      }
      clearTimeout(sayLost);
      failures = 0;
      if (this.state === 'lost') this.show(this.before, this.beforeValue);
      for (const message of messages) {
        after = message.seq;
        if (await this.take(message, login, signal)) return;
      }
    }
    clearTimeout(sayLost);
  }

  /** The messages after `after`; null where there was no answer that helps. */
  async poll(session, after, wait, signal) {
    const url = new URL(session.links.poll);
    url.searchParams.set('after', after);
    url.searchParams.set('wait', wait);
    const inTime = new AbortController();
    const giveUp = () => inTime.abort();
    const timer = setTimeout(giveUp, ANSWER_WITHIN_MS);
    signal.addEventListener('abort', giveUp);
    try {
      const headers = { Authorization: `Bearer ${session.attach_token}` };
      const answer = await fetch(url, { headers, signal: inTime.signal, cache: 'no-store' });
      if (answer.status === 404) return [{ seq: after, type: 'expired' }];
      return answer.ok ? (await answer.json()).messages : null;
    } catch (error) {
      return null;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Whether the session is over with this message. */
  async take(message, login, signal) {
    switch (message.type) {
      case 'scanned':
        this.show(message.number === undefined ? 'tap' : 'number', message.number);
        return false;
      case 'confirmed':
        this.show('confirmed');
        await this.enter(login, message.code, signal);
        return true;
      case 'denied':
      case 'expired':
        this.show(message.type);
        return true;
      default:
        return false;
    }
  }

  /** What a redirect does on a real website: the back end redeems the code while the line can be read. */
  async enter(login, code, signal) {
    const [answer] = await Promise.all([postJson('/demo/shop/login', { login, code }, signal), pause(900)]);
    if (signal.aborted) return;
    if (!answer.ok) {
      this.show('failed');
      return;
    }
    this.visitor = (await answer.json()).visitor;
    this.show('welcome');
  }

  tick() {
    if (!['pending', 'tap', 'number'].includes(this.state)) return;
    const left = (this.ends - performance.now()) / (this.ends - this.began);
    find('left').style.transform = `scaleX(${Math.max(0, left)})`;
    // The daemon says so, too; whoever has lost it must not scan a dead code.
    if (left <= 0) {
      this.attempt.abort();
      this.show('expired');
    }
  }

  show(state, value) {
    if (state === 'lost' && this.state !== 'lost') {
      this.before = this.state;
      this.beforeValue = this.value;
    }
    const focused = document.activeElement;
    const panel = find('panel');
    const ours = panel.contains(focused) || focused === document.body;
    this.state = state;
    this.value = value;
    panel.dataset.state = state;
    const drawn = this.code !== null && !['loading', 'paused', 'welcome', ...OVER].includes(state);
    find('qr').hidden = !drawn;
    find('frame').classList.toggle('drawn', drawn);
    find('again').hidden = !OVER.includes(state);
    find('number').hidden = state !== 'number';
    find('welcome').hidden = state !== 'welcome';
    find('login').hidden = state === 'welcome';
    this.changed(state === 'pending' ? this.code : null);
    this.say();
    if (!ours) return;
    if (OVER.includes(state)) find('again').focus();
    else if (state === 'welcome') find('logout').focus();
    else if (panel.contains(focused)) find('frame').focus();
  }

  say() {
    const line = find('state');
    if (this.state === 'number') {
      const [before, after] = t('number').split('{}');
      const number = document.createElement('b');
      number.textContent = this.value;
      line.replaceChildren(before, number, after);
    } else {
      line.textContent = this.state === 'welcome' ? '' : t(this.state);
    }
    find('number').textContent = this.value ?? '';
    find('hello').textContent = t('hello', this.visitor);
    find('qr').alt = t('qr');
  }
}
