// Puts the demo's parts together.

import { Panel } from './panel.js';
import { Phones } from './phone.js';
import { Tape } from './tape.js';
import { speak } from './text.js';

const pressed = { late: false, twice: false, second: false, away: false };
const switches = document.querySelectorAll('[data-fault]');

const phones = new Phones((fault) => pressed[fault]);
const tape = new Tape((event) => phones.hear(event));
const panel = new Panel((code) => {
  phones.see(code);
  if (code !== null) tape.mark(code.scene);
});

function drawSwitches() {
  for (const button of switches) {
    button.setAttribute('aria-pressed', String(pressed[button.dataset.fault]));
  }
}

/** The second phone is ours; the other faults are WeChat's. */
async function tellFaults() {
  const { late, twice, away } = pressed;
  const headers = { 'Content-Type': 'application/json' };
  await fetch('/demo/faults', { method: 'POST', headers, body: JSON.stringify({ late, twice, away }) });
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

for (const button of switches) {
  button.addEventListener('click', () => press(button.dataset.fault));
}
document.getElementById('lang-zh').addEventListener('click', () => speak('zh'));
document.getElementById('lang-en').addEventListener('click', () => speak('en'));

speak(navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
panel.open();
for (const [url, take] of [
  ['/demo/faults', (faults) => { Object.assign(pressed, faults); drawSwitches(); }],
  ['/demo/phones', (names) => phones.name(names)],
]) {
  // Without them the page is poorer, and works.
  fetch(url).then((answer) => answer.json()).then(take).catch(() => {});
}
