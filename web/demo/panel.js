// The login panel of the shop: asks the daemon for a QR code, follows the session by long polls, hands over the code.

import { Lost } from './lost.js';
import { locale, onLanguage, t } from './text.js';

const WAIT_SECONDS = 25;
const ANSWER_WITHIN_MS = (WAIT_SECONDS + 10) * 1000;

/** Why there is no code, by the problem's own word. */
const REFUSALS = {
  wechat_away: 'wechatAway',
  paused: 'paused',
  too_many_sessions: 'tooMany',
  memory_low: 'tooMany',
  journal_behind: 'tooMany',
  qr_budget: 'usedUp',
  qr_budget_address: 'usedUpHere',
  unavailable: 'unavailable',
};

/** States in which the panel offers a new code by a button. */
const OVER = ['denied', 'expired', 'wechatAway', 'tooMany', 'usedUp', 'usedUpHere', 'unavailable', 'refused', 'failed'];

/** States in which a code waits to be scanned, or is waited for. */
const WAITING = ['pending', 'loading', 'wechatAway'];

const find = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function postJson(url, body, signal) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal, credentials: 'same-origin' });
}

export class Panel {
  /**
   * `changed` is called with the code in view, or null where there is none; `shop` tells the address of the back end to
   * log in at; `back` is called when a connection that was lost is back.
   */
  constructor({ changed, shop, back }) {
    this.changed = changed;
    this.shop = shop;
    this.back = back;
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
    const shop = this.shop();
    const lost = new Lost(() => this.show('lost'), signal);
    while (!signal.aborted) {
      try {
        const opened = await this.begin(shop, signal);
        lost.isOver();
        if (opened.session === undefined) {
          if (opened.after === 0) return;
          await pause(opened.after * 1000);
          continue;
        }
        await this.draw(opened.session, signal);
        await this.follow(opened.session, { shop, login: opened.login }, signal);
        return;
      } catch (error) {
        if (!signal.aborted) await lost.again();
      }
    }
  }

  /** Whether a code waits to be scanned, or is being waited for. */
  isWaiting() {
    return WAITING.includes(this.state);
  }

  isWelcoming() {
    return this.state === 'welcome';
  }

  /** A session with the name of its login; or none, and after how many seconds it may be tried again by itself. */
  async begin(shop, signal) {
    const begun = await postJson(`${shop}/begin`, {}, signal);
    if (!begun.ok) throw new Error(begun.status);
    const { login, ...asked } = await begun.json();
    const answer = await postJson('/v1/sessions', { ...asked, ui_locales: locale() }, signal);
    if (answer.status === 201) return { login, session: await answer.json() };
    const { code } = await answer.json().catch(() => ({}));
    if (!signal.aborted) this.show(REFUSALS[code] ?? 'refused');
    const after = answer.status === 503 ? Number(answer.headers.get('Retry-After')) || 0 : 0;
    return { after };
  }

  async draw(session, signal) {
    const image = find('qr');
    image.src = session.qr_svg;
    await image.decode();
    if (signal.aborted) return;
    const now = performance.now();
    this.began = now;
    this.ends = now + session.expires_in * 1000;
    this.isWritten = session.confirm_via === 'chat';
    this.code = { content: session.qr_content, picture: session.qr_svg, scene: session.scene_id };
    this.show('pending');
    this.tick();
  }

  async follow(session, begun, signal) {
    let after = 0;
    const lost = new Lost(() => this.show('lost'), signal);
    while (!signal.aborted) {
      // After a failure at once, so that the line is right as soon as the connection is.
      const wait = lost.failures === 0 ? WAIT_SECONDS : 0;
      const messages = await this.poll(session, after, wait, signal);
      if (signal.aborted) return;
      if (messages === null) {
        await lost.again();
        continue;
      }
      if (lost.failures > 0) this.back();
      lost.isOver();
      if (this.state === 'lost') this.show(this.before, this.beforeValue);
      for (const message of messages) {
        after = message.seq;
        if (await this.take(message, begun, signal)) return;
      }
    }
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
  async take(message, begun, signal) {
    switch (message.type) {
      case 'scanned':
        this.show(message.number === undefined ? 'tap' : 'number', message.number);
        return false;
      case 'confirmed':
        this.show('confirmed');
        await this.enter(begun, message.code, signal);
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
  async enter({ shop, login }, code, signal) {
    const finished = postJson(`${shop}/login`, { login, code }, signal).catch(() => null);
    const [answer] = await Promise.all([finished, pause(900)]);
    if (signal.aborted) return;
    if (!answer?.ok) {
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
      const [before, after] = t(this.isWritten ? 'reply' : 'number').split('{}');
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
