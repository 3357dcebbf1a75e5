// One phone's conversation, as WeChat shows it: bubbles with their links, and notes between them.

import { t } from './text.js';

const find = (id) => document.getElementById(id);

/** The links that WeChat knows in a text: `<a href="…">…</a>`. All else is text. */
const LINK = /<a href="([^"]*)">([^<]*)<\/a>/g;

const MENU = 'weixin://bizmsgmenu?';

/** The address in the phone's webview, where it is a page of the daemon's; else null. */
function webviewOf(address) {
  const pages = `${location.origin}/c/`;
  return address.startsWith(pages) ? `/demo/webview/c/${address.slice(pages.length)}` : null;
}

/** What an entry of a menu says when it is pressed, with its id; null where the address is none. */
function entryOf(address) {
  if (!address.startsWith(MENU)) return null;
  const entry = new URLSearchParams(address.slice(MENU.length));
  return { text: entry.get('msgmenucontent'), menu: entry.get('msgmenuid') };
}

/** `doing.open` is called with the webview's address where somebody follows a link, `doing.say` with a menu's entry. */
function textWithLinks(text, doing) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const [whole, address, label] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + whole.length;
    const [webview, entry] = [webviewOf(address), entryOf(address)];
    const isDead = webview === null && entry === null;
    const link = document.createElement(isDead ? 'span' : 'button');
    link.className = 'link';
    link.textContent = label;
    if (!isDead) {
      link.type = 'button';
      link.addEventListener('click', () => (entry === null ? doing.open(webview) : doing.say(entry)));
    }
    parts.push(link);
  }
  parts.push(text.slice(end));
  return parts;
}

function drawLine(line, doing) {
  const item = document.createElement('li');
  switch (line.kind) {
    case 'account':
    case 'person':
      item.className = line.kind === 'person' ? 'bubble mine' : 'bubble';
      item.append(...textWithLinks(line.text, doing));
      break;
    case 'answered':
    case 'answeredTwice':
      item.className = 'note quiet-note';
      item.textContent = t(line.kind, line.ms.toFixed(1));
      break;
    default:
      item.className = `note ${line.kind}`;
      item.textContent = t(line.kind);
  }
  return item;
}

/** Draws what is new; what stands there stays, and with it the focus. */
export class Conversation {
  constructor(doing) {
    this.doing = doing;
    this.drawn = [];
  }

  draw({ lines, late }) {
    const wanted = lines.length === 0 && !late ? [{ kind: 'hint' }] : [...lines];
    if (late) wanted.push({ kind: 'waiting' });
    const keys = wanted.map((line) => JSON.stringify(line));
    const same = keys.findIndex((key, index) => key !== this.drawn[index]);
    const kept = same === -1 ? keys.length : same;
    if (kept === keys.length && keys.length === this.drawn.length) return;
    const chat = find('chat');
    while (chat.children.length > kept) chat.lastElementChild.remove();
    chat.append(...wanted.slice(kept).map((line) => drawLine(line, this.doing)));
    this.drawn = keys;
    chat.scrollTop = chat.scrollHeight;
  }

  /** In another language, or of another person. */
  again(screen) {
    find('chat').replaceChildren();
    this.drawn = [];
    this.draw(screen);
  }
}
