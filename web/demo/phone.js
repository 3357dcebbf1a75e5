// The phones beside the shop: a camera, the conversation with the account, and the pages that its links open.

import { Conversation } from './conversation.js';
import { onLanguage, t } from './text.js';

const CAMERA_MS = 700;
const LOOK_MS = 1000;
const SAY_LOST_AFTER_MS = 2000;
const EMPTY = { name: '', lines: [], late: false };

const find = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Phones {
  /**
   * `isPressed` tells whether a fault is on; `renewed` is called when the demo was started anew: then this is another WeChat,
   * which knows none of the codes that are on the screen.
   */
  constructor(isPressed, renewed) {
    this.isPressed = isPressed;
    this.renewed = renewed;
    this.person = 'alice';
    this.screens = { alice: EMPTY, bob: EMPTY };
    this.pages = { alice: null, bob: null };
    this.instance = null;
    this.code = null;
    this.scanning = 0;
    this.lostSince = null;
    this.conversation = new Conversation({
      open: (page) => this.browse(page),
      say: (entry) => this.say(entry),
    });
    for (const button of this.buttons()) {
      button.addEventListener('click', () => this.hold(button.dataset.person));
    }
    find('scan').addEventListener('click', () => this.scan());
    find('write').addEventListener('submit', (event) => this.write(event));
    find('page').addEventListener('load', () => this.pageCame());
    find('close-page').addEventListener('click', () => this.browse(null));
    onLanguage(() => { this.conversation.again(this.screens[this.person]); this.label(); this.title(); });
    this.tick();
    setInterval(() => this.tick(), 5000);
    setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  /** What the camera would see: the shop's code, or null. */
  see(code) {
    this.code = code;
    this.label();
  }

  /** Reads what is on the phones by now. */
  async look() {
    let shown;
    try {
      const answer = await fetch('/demo/phones', { signal: AbortSignal.timeout(SAY_LOST_AFTER_MS) });
      if (!answer.ok) throw new Error(answer.status);
      shown = await answer.json();
    } catch (error) {
      this.lostSince ??= performance.now();
      this.title();
      return;
    }
    this.lostSince = null;
    const isAnother = this.instance !== null && this.instance !== shown.instance;
    this.instance = shown.instance;
    if (isAnother) this.pages = { alice: null, bob: null };
    this.take(shown);
    if (isAnother) {
      this.drawPage();
      this.renewed();
    }
  }

  take(shown) {
    for (const button of this.buttons()) {
      const { person } = button.dataset;
      const isMore = shown[person].lines.length > this.screens[person].lines.length;
      if (isMore && person !== this.person) button.classList.add('unread');
    }
    this.screens = { alice: shown.alice, bob: shown.bob };
    this.conversation.draw(this.screens[this.person]);
    this.title();
  }

  buttons() {
    return find('people').querySelectorAll('button');
  }

  hold(person) {
    this.person = person;
    for (const button of this.buttons()) {
      const held = button.dataset.person === person;
      button.setAttribute('aria-pressed', String(held));
      if (held) button.classList.remove('unread');
    }
    this.conversation.again(this.screens[person]);
    this.title();
    this.drawPage();
  }

  async scan() {
    if (this.code === null || this.scanning > 0) return;
    const { content, picture } = this.code;
    const people = [this.person];
    if (this.isPressed('second')) people.push(this.person === 'alice' ? 'bob' : 'alice');
    for (const person of people) this.pages[person] = null;
    this.drawPage();
    this.scanning = people.length;
    this.label();
    find('seen').src = picture;
    find('camera').hidden = false;
    await pause(CAMERA_MS);
    find('camera').hidden = true;
    await Promise.all(people.map((person) => this.tell(person, content)));
  }

  /** The answer may be lost with the daemon: what came of the scan is read from the phones in any case. */
  async tell(person, content) {
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ qr_content: content, person });
    const told = fetch('/demo/phone/scan', { method: 'POST', headers, body }).catch(() => {});
    if (this.isPressed('late')) this.look();
    await told;
    this.scanning -= 1;
    this.label();
    await this.look();
  }

  write(event) {
    event.preventDefault();
    const { text } = event.target.elements;
    if (text.value.trim() === '') return;
    this.say({ text: text.value, menu: null });
    text.value = '';
  }

  /** Writes to the account, or presses an entry of its menu. What is answered is read from the phone. */
  async say({ text, menu }) {
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ text, menu, person: this.person });
    await fetch('/demo/phone/say', { method: 'POST', headers, body }).catch(() => {});
    await this.look();
  }

  /** Opens a page on the phone that is held; null closes it. */
  browse(page) {
    this.pages[this.person] = page;
    this.drawPage();
    // A page that is being opened takes the focus when it is there: earlier it would lose it again.
    if (page === null) find('chat').focus();
    else find('close-page').focus();
  }

  /** The page has come: whoever has just opened it, or pressed a button of it, goes on in it. */
  pageCame() {
    if ([find('close-page'), find('page')].includes(document.activeElement)) find('page').focus();
  }

  drawPage() {
    const page = this.pages[this.person];
    find('webview').hidden = page === null;
    // Not what is there already: loading it again would take the focus.
    if (find('page').dataset.page === (page ?? '')) return;
    find('page').dataset.page = page ?? '';
    find('page').src = page ?? 'about:blank';
  }

  /** How the website and the journal call who holds the phone. */
  title() {
    const { name } = this.screens[this.person];
    const isLost = this.lostSince !== null && performance.now() - this.lostSince > SAY_LOST_AFTER_MS;
    const shown = name ? t('me', name) : '';
    find('who').textContent = isLost ? t('noNetwork') : shown;
  }

  label() {
    const button = find('scan');
    const key = this.scanning > 0 ? 'scanning' : this.code === null ? 'scanNothing' : 'scan';
    find('scan-text').textContent = t(key);
    find('scan-text').dataset.text = key;
    // Not `disabled`: the focus would be lost with every scan.
    button.disabled = false;
    button.setAttribute('aria-disabled', String(key !== 'scan'));
  }

  tick() {
    const now = new Date();
    find('clock').textContent = `${now.getHours()}:${String(now.getMinutes()).padStart(2, '0')}`;
  }
}
