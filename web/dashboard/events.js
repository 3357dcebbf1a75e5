// The newest events as a list, for who has the token. It is no live region: it would never be silent.

import { element, section } from './chart.js';
import { time } from './format.js';
import { name, say } from './texts.js';

const what = (event) => event.reason ? `${say(event.type)} (${name('reasons', event.reason)})` : say(event.type);

const whose = (event) => [event.client_id, event.account].filter(Boolean).join(', ');

/** The section of the events. `open` is called with a scene id. */
export const events = (open) => {
  const list = element('ol', { class: 'events' });
  const none = element('p', { class: 'empty' }, say('eventsNone'));
  const part = section('events', say('events'), say('eventsLead'), none, element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': say('eventsLead') }, list));
  const lines = new Map();

  const line = (event) => {
    const scene = event.scene_id
      ? element('button', { type: 'button', class: 'link', title: event.scene_id, 'aria-label': `${event.scene_id}: ${say('openSession', event.seq)}` }, event.scene_id)
      : '';
    if (scene) { scene.addEventListener('click', () => open(event.scene_id)); }
    return element('li', { class: event.type }, element('time', { datetime: event.at }, time(event.at)),
      element('span', { class: 'what' }, what(event)), element('span', { class: 'whose' }, whose(event)), scene);
  };
  /** Lines that were there stay what they are, so that the focus stays, too. */
  const draw = (hour) => {
    none.hidden = hour.events.length > 0;
    const wanted = new Set(hour.events.map((event) => event.seq));
    [...lines.keys()].filter((seq) => !wanted.has(seq)).forEach((seq) => { lines.get(seq).remove(); lines.delete(seq); });
    [...hour.events].reverse().filter((event) => !lines.has(event.seq)).forEach((event) => {
      lines.set(event.seq, line(event));
      list.prepend(lines.get(event.seq));
    });
  };
  return { part, draw };
};
