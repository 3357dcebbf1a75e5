// The phones beside the shop: a camera, and the conversation with the account.

import { maskedOpenid } from './tape.js';
import { onLanguage, t } from './text.js';

const CAMERA_MS = 700;
const KEPT = 30;

const find = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Phones {
  /** `isPressed` tells whether a fault is on. */
  constructor(isPressed) {
    this.isPressed = isPressed;
    this.person = 'alice';
    this.chats = { alice: [], bob: [] };
    this.names = {};
    this.winners = new Map();
    this.taken = [];
    this.code = null;
    this.scanning = 0;
    for (const button of this.buttons()) {
      button.addEventListener('click', () => this.hold(button.dataset.person));
    }
    find('scan').addEventListener('click', () => this.scan());
    onLanguage(() => { this.draw(); this.label(); });
    this.tick();
    setInterval(() => this.tick(), 5000);
  }

  /** What the camera would see: the shop's code, or null. */
  see(code) {
    this.code = code;
    this.label();
  }

  /** How the website and the journal call these people. */
  name(names) {
    this.names = names;
    this.tellLosers();
    this.draw();
  }

  /** The journal tells who was first with a code. */
  hear(event) {
    if (event.type !== 'scanned') return;
    this.winners.set(event.scene_id, maskedOpenid(event.openid));
    if (this.winners.size > KEPT) this.winners.delete(this.winners.keys().next().value);
    this.tellLosers();
  }

  /** Tells those whose scan WeChat has delivered after somebody else's; the others wait for the journal. */
  tellLosers() {
    this.taken = this.taken.slice(-KEPT).filter(({ person, scene }) => {
      const [winner, name] = [this.winners.get(scene), this.names[person]];
      if (winner === undefined || name === undefined) return true;
      if (winner !== name) this.add(person, { key: 'somebodyFirst' });
      return false;
    });
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
    this.draw();
  }

  async scan() {
    if (this.code === null || this.scanning > 0) return;
    const { content, picture, scene } = this.code;
    const people = [this.person];
    if (this.isPressed('second')) people.push(this.person === 'alice' ? 'bob' : 'alice');
    this.scanning = people.length;
    this.label();
    find('seen').src = picture;
    find('camera').hidden = false;
    await pause(CAMERA_MS);
    find('camera').hidden = true;
    await Promise.all(people.map((person) => this.tell(person, content, scene)));
  }

  async tell(person, content, scene) {
    const late = this.isPressed('late') ? { key: 'lateNow', wait: true } : null;
    if (late) this.add(person, late);
    let shown;
    try {
      const headers = { 'Content-Type': 'application/json' };
      const body = JSON.stringify({ qr_content: content, person });
      const answer = await fetch('/demo/phone/scan', { method: 'POST', headers, body });
      shown = answer.ok ? await answer.json() : { outcome: 'noNetwork' };
    } catch (error) {
      shown = { outcome: 'noNetwork' };
    }
    this.chats[person] = this.chats[person].filter((entry) => entry !== late);
    this.scanning -= 1;
    this.label();
    this.receive(person, shown, scene);
  }

  receive(person, shown, scene) {
    if (shown.outcome !== 'pushed') {
      this.add(person, { key: { unknown: 'unknown', expired: 'old' }[shown.outcome] || 'noNetwork' });
      return;
    }
    this.add(person, { key: shown.event === 'subscribe' ? 'followed' : 'scanned' });
    if (shown.reply) this.add(person, { bubble: shown.reply });
    if (!shown.accepted) {
      this.add(person, { key: 'broken' });
      return;
    }
    const both = shown.deliveries.length > 1 && shown.deliveries.every((delivery) => delivery.accepted);
    this.add(person, { key: both ? 'answeredTwice' : 'answered', value: shown.ms.toFixed(1), quiet: true });
    this.taken.push({ person, scene });
    this.tellLosers();
  }

  add(person, entry) {
    this.chats[person].push(entry);
    this.chats[person].splice(0, this.chats[person].length - KEPT);
    if (person === this.person) {
      this.draw();
      return;
    }
    for (const button of this.buttons()) {
      if (button.dataset.person === person) button.classList.add('unread');
    }
  }

  draw() {
    const name = this.names[this.person];
    find('who').textContent = name ? t('me', name) : '';
    const chat = find('chat');
    const entries = this.chats[this.person];
    chat.replaceChildren(...(entries.length === 0 ? [{ key: 'empty', hint: true }] : entries).map((entry) => {
      const item = document.createElement('li');
      item.textContent = entry.bubble ?? t(entry.key, entry.value);
      item.className = entry.bubble ? 'bubble' : 'note';
      if (entry.quiet) item.classList.add('quiet-note');
      if (entry.hint) item.classList.add('hint');
      if (entry.wait) item.classList.add('waiting');
      return item;
    }));
    chat.scrollTop = chat.scrollHeight;
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
