// Puts the page together, and keeps it up to date.

import { access } from './access.js';
import { element } from './chart.js';
import { events } from './events.js';
import { time, zoneName } from './format.js';
import { funnel } from './funnel.js';
import { glance } from './glance.js';
import { heatmap } from './heatmap.js';
import { Hour } from './hour.js';
import { journal } from './journal.js';
import { session } from './session.js';
import { stream } from './stream.js';
import { open, refusals } from './strips.js';
import { say } from './texts.js';
import { wechat } from './wechat.js';

/** How often the page is drawn at most, and at least, in milliseconds. */
const [OFTEN, SELDOM] = [500, 5000];
/** A connection that comes back sooner was never missed. */
const MISSED_AFTER = 2000;
/** Figures come every 5 s: a connection that tells none for so long has gone without a word. */
const SILENT_AFTER = 20000;

let hour = new Hour();
let isFirst = true;
let isPaused = false;
let state = 'waiting';

const status = element('p', { class: 'status', role: 'status' });
const pause = element('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' }, say('pause'));
/** Has read out what it is told, each text by itself; told nothing, it is silent. Each section has its own, so that none takes another's words away unread. */
const voice = () => {
  const told = element('div', { class: 'unseen', role: 'status' });
  return { told, tell: (...texts) => told.replaceChildren(...texts.map((text) => element('p', {}, text))) };
};
const [ofVerdicts, ofSession] = [voice(), voice()];

const gate = access(() => connection.again());
const one = session(gate.token, ofSession.tell);
const newest = events(one.open);
const first = glance(ofVerdicts.tell);
const parts = [first, funnel(), heatmap(), open(), refusals(), wechat(), journal(), newest];
const [, steps, latency, standing, refused, accounts, durable] = parts;
const locked = element('p', { class: 'note locked' }, say('locked'));

document.title = `scan-login: ${say('title')}`;
const version = element('span', { class: 'version' });
document.getElementById('page').replaceChildren(
  element('header', {},
    element('div', {}, element('p', { class: 'kind' }, 'scan-login ', version), element('h1', {}, say('title')), element('p', { class: 'lead' }, say('zone', zoneName()))),
    element('div', { class: 'controls' }, element('div', { class: 'row' }, status, pause), gate.form)),
  first.part, steps.part, latency.part,
  element('div', { class: 'pair' }, standing.part, refused.part),
  element('div', { class: 'pair' }, accounts.part, durable.part),
  locked, element('div', { class: 'pair with-token' }, newest.part, one.part), ofVerdicts.told, ofSession.told);

const withToken = document.querySelector('.with-token');
withToken.hidden = true;
locked.hidden = true;

const sayState = (next) => {
  state = next;
  const text = isPaused ? say('paused', time(new Date(hour.now()))) : say(state);
  if (status.textContent !== text) { status.textContent = text; }
  status.className = `status ${isPaused ? 'calm' : state}`;
  hour.silence = ['lost', 'full'].includes(state) ? state : null;
  if (hour.silence && !isPaused) { first.draw(hour); }
};

let drawnAt = 0;
let timer = 0;
const draw = () => {
  clearTimeout(timer);
  drawnAt = Date.now();
  if (!isPaused) { parts.forEach((part) => part.draw(hour)); }
  timer = setTimeout(draw, SELDOM);
};
const drawSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(draw, Math.max(0, OFTEN - (Date.now() - drawnAt)));
};

let missing = 0;
let silent = 0;
const heard = (kind, data) => {
  clearTimeout(missing);
  missing = 0;
  clearTimeout(silent);
  silent = setTimeout(() => {
    lost(null);
    connection.again();
  }, SILENT_AFTER);
  if (kind === 'access') {
    isFirst = true;
    version.textContent = data.version;
    gate.show(data);
    withToken.hidden = !data.sees_all;
    locked.hidden = data.sees_all || !data.has_token;
    if (!data.sees_all) { one.clear(); }
    return;
  }
  if (isFirst) { hour = new Hour(); }
  isFirst = false;
  hour.take(data);
  sayState(hour.isComplete ? 'live' : 'reading');
  drawSoon();
};
const lost = (refusal) => {
  if (refusal && (refusal.status === 401 || refusal.status === 429)) {
    gate.refused(refusal.status);
    connection.again();
    return;
  }
  const next = refusal?.status === 503 ? 'full' : 'lost';
  missing ||= setTimeout(() => sayState(next), MISSED_AFTER);
};

pause.addEventListener('click', () => {
  isPaused = !isPaused;
  pause.setAttribute('aria-pressed', String(isPaused));
  pause.textContent = say(isPaused ? 'resume' : 'pause');
  sayState(state);
  if (!isPaused) { draw(); }
});

sayState('waiting');
const connection = stream(gate.token, heard, lost);
