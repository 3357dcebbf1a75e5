// Puts the demo's parts together.

import { Hooks } from './hooks.js';
import { Panel } from './panel.js';
import { Phones } from './phone.js';
import { Tape } from './tape.js';
import { onLanguage, speak, t } from './text.js';

const KILL_MS = 10000;
const LOOK_MS = 100;

const pressed = { late: false, twice: false, second: false, away: false };
const switches = document.querySelectorAll('[data-fault]');
/** Where a login is confirmed: on the page of a link, or in the conversation; at most one of them. */
const ways = { '/tap': document.getElementById('confirming'), '/chat': document.getElementById('chatting') };
const kill = document.getElementById('kill');
/** How long the daemon was away the last time; null where it was never killed. */
let away = null;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const isOn = (button) => button.getAttribute('aria-checked') === 'true';

const tape = new Tape();
const hooks = new Hooks();
const panel = new Panel({
  changed: (code) => {
    phones.see(code);
    if (code !== null) tape.mark(code.scene);
  },
  shop: () => `/demo/shop${Object.keys(ways).find((way) => isOn(ways[way])) ?? ''}`,
  back: () => phones.look(),
});
const phones = new Phones((fault) => pressed[fault], begin);

function post(url, body) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

function drawSwitches() {
  for (const button of switches) {
    button.setAttribute('aria-pressed', String(pressed[button.dataset.fault]));
  }
}

/** The second phone is ours; the other faults are WeChat's. */
async function tellFaults() {
  const { late, twice, away: isAway } = pressed;
  await post('/demo/faults', { late, twice, away: isAway });
}

async function press(fault) {
  pressed[fault] = !pressed[fault];
  drawSwitches();
  if (fault === 'second') return;
  try {
    await tellFaults();
  } catch (error) {
    pressed[fault] = !pressed[fault];
    drawSwitches();
    return;
  }
  // Only the next code shows whether WeChat is there: those on the screen go on working.
  if (fault === 'away' && panel.isWaiting()) panel.open();
}

async function daemon() {
  const answer = await fetch('/demo/daemon', { signal: AbortSignal.timeout(KILL_MS) });
  return answer.json();
}

/** Whatever is in flight, this page's own requests too, is lost with the daemon: the page asks until it is back. */
async function killDaemon() {
  if (kill.getAttribute('aria-disabled') === 'true') return;
  kill.setAttribute('aria-disabled', 'true');
  away = null;
  drawKill();
  const killedAt = new Date();
  try {
    const { kills } = await daemon();
    await post('/demo/daemon/kill', {}).catch(() => {});
    for (const end = performance.now() + KILL_MS; performance.now() < end;) {
      const now = await daemon().catch(() => null);
      if (now?.kills > kills) {
        away = now.away_ms;
        tape.cut(killedAt, away);
        break;
      }
      await pause(LOOK_MS);
    }
  } catch (error) {
    // It is away for another reason: the panel says so.
  }
  kill.setAttribute('aria-disabled', 'false');
  drawKill();
}

function drawKill() {
  const isBusy = kill.getAttribute('aria-disabled') === 'true';
  const idle = away === null ? t('killMore') : t('killed', (away / 1000).toFixed(2));
  document.getElementById('kill-more').textContent = isBusy ? t('killing') : idle;
}

/** What the demo was told at its start; also when it was started anew. */
function begin() {
  Object.assign(pressed, { late: false, twice: false, away: false });
  drawSwitches();
  if (!panel.isWelcoming()) panel.open();
  tape.again();
  hooks.again();
}

for (const button of switches) {
  button.addEventListener('click', () => press(button.dataset.fault));
}
kill.addEventListener('click', killDaemon);
for (const way of Object.values(ways)) {
  way.addEventListener('click', () => {
    const wasOn = isOn(way);
    for (const other of Object.values(ways)) other.setAttribute('aria-checked', String(other === way && !wasOn));
    if (panel.isWaiting()) panel.open();
  });
}
onLanguage(drawKill);
document.getElementById('lang-zh').addEventListener('click', () => speak('zh'));
document.getElementById('lang-en').addEventListener('click', () => speak('en'));

speak(navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
panel.open();
// Without them the page is poorer, and works.
fetch('/demo/faults').then((answer) => answer.json()).then((faults) => {
  Object.assign(pressed, faults);
  drawSwitches();
}).catch(() => {});
