// One session: its history as a timeline, whose gaps are as long as the times between, and the button that ends it.

import { element, section } from './chart.js';
import { date, span, time } from './format.js';
import { bearer } from './stream.js';
import { name, say } from './texts.js';

/** Told beside the event, or in every one: no facts of their own. */
const PLAIN = ['seq', 'at', 'scene_id', 'scene_seq', 'type'];
/** A gap of a second, in pixels, and the longest there is: by its logarithm, since some are of minutes. */
const [GAP, LONGEST] = [14, 96];

const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

const gap = (passed) => {
  const line = element('li', { class: 'gap' }, passed > 0 ? say('later', span(passed)) : say('atOnce'));
  line.style.minHeight = `${Math.min(LONGEST, 24 + GAP * Math.log2(1 + passed))}px`;
  return line;
};

const facts = (event) => {
  const told = Object.entries(event).filter(([key]) => !PLAIN.includes(key));
  return element('dl', {}, told.map(([key, value]) => element('div', {}, element('dt', {}, key), element('dd', {}, String(value)))));
};

const entry = (event) => element('li', { class: `event ${event.type}` },
  element('p', {}, element('b', {}, say(event.type)), event.reason ? ` (${name('reasons', event.reason)}) ` : ' ', element('time', { datetime: event.at }, time(event.at))),
  facts(event));

const timeline = (events) => element('ol', { class: 'timeline' }, events.flatMap((event, place) =>
  place > 0 ? [gap(seconds(events[place - 1].at, event.at)), entry(event)] : [entry(event)]));

/** The section of one session; `token` says what to show to the daemon, `tell` what people are told. */
export const session = (token, tell) => {
  const input = element('input', { id: 'id', required: true, autocomplete: 'off', spellcheck: 'false', maxlength: '64' });
  const form = element('form', { class: 'find', role: 'search' }, element('label', { for: 'id' }, say('id')), input, element('button', { type: 'submit' }, say('find')));
  const place = element('div', { class: 'found', tabindex: '-1' });
  const part = section('session', say('session'), say('sessionLead'), form, place);

  const failed = (text) => {
    place.replaceChildren(element('p', { class: 'empty' }, text));
    tell(text);
  };
  const ask = async (path, options = {}) => {
    const response = await fetch(path, { ...options, headers: { ...bearer(token()), ...options.headers }, cache: 'no-store' });
    const answer = await response.json();
    if (!response.ok) { throw Object.assign(new Error(answer.detail), { status: response.status }); }
    return answer;
  };
  const end = async (scene) => {
    try {
      const body = JSON.stringify({ scene_id: scene });
      const { outcome } = await ask('/dashboard/session/end', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      tell(say(outcome === 'ended' ? 'ended' : 'overBefore'));
      await find(scene);
    } catch (error) {
      tell(say('failed', error.message));
    }
  };
  /** It takes a second press: the first only asks. */
  const ender = (scene) => {
    const first = element('button', { type: 'button', class: 'danger' }, say('endIt'));
    const sure = element('button', { type: 'button', class: 'danger' }, say('endSure'));
    const not = element('button', { type: 'button', class: 'quiet' }, say('endNot'));
    const box = element('p', { class: 'ender' }, first);
    first.addEventListener('click', () => { box.replaceChildren(sure, not); not.focus(); });
    not.addEventListener('click', () => { box.replaceChildren(first); first.focus(); });
    sure.addEventListener('click', () => end(scene));
    return box;
  };
  const show = (found) => {
    const { events, scene_id: scene } = found;
    const last = events[events.length - 1];
    const stood = say('stage', say(found.stage), span(seconds(events[0].at, last.at)));
    const until = found.goes_on ? say('goesOn', date(found.deadline)) : say('isOver');
    place.replaceChildren(
      element('h3', {}, element('code', {}, scene)), element('p', { class: 'lead' }, `${date(events[0].at)} · ${stood} · ${until}`),
      found.goes_on ? ender(scene) : '', timeline(events));
    place.focus();
  };
  const find = async (id) => {
    try {
      show(await ask(`/dashboard/session?id=${encodeURIComponent(id)}`));
    } catch (error) {
      failed(error.status === 404 ? say('notFound') : say('failed', error.message));
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    find(input.value.trim());
  });
  const open = (scene) => {
    input.value = scene;
    find(scene);
    part.scrollIntoView({ block: 'start' });
  };
  const clear = () => {
    place.replaceChildren();
    tell();
  };
  return { part, open, clear };
};
