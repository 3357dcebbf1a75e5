// The journal: how long it is, what it takes, and how fast it is written.

import { element, section } from './chart.js';
import { ago, bytes, number, span } from './format.js';
import { quantile, sum, together } from './hour.js';
import { say } from './texts.js';

const fact = (title, value, note) => element('div', {}, element('dt', {}, title),
  element('dd', {}, value, note ? element('small', {}, note) : ''));

const syncs = (hour) => {
  const counts = together(hour.buckets((reading) => reading.journal.sync));
  const bounds = hour.latest().journal.sync.bounds;
  const of = (wanted) => span(quantile(bounds, counts, wanted));
  return sum(counts) > 0 ? say('syncValue', of(0.5), of(0.99)) : '–';
};

const since = (text, now) => text ? ago(text, now) : say('never');

/** The section of the journal. */
export const journal = () => {
  const facts = element('dl', { class: 'facts' });
  const part = section('journal', say('journal'), say('journalLead'), facts);
  const draw = (hour) => {
    const reading = hour.latest();
    if (!reading) { return; }
    const { journal } = reading;
    const parts = Object.entries(journal.bytes).filter(([, amount]) => amount > 0).map(([part, amount]) => `${part} ${bytes(amount)}`);
    facts.replaceChildren(
      fact(say('records'), number(journal.records), say('grown', number(sum(hour.growth((one) => one.journal.last))))),
      fact(say('onDisk'), bytes(sum(Object.values(journal.bytes))), parts.join(', ')),
      fact(say('free'), bytes(journal.disk_free_bytes)),
      fact(say('syncTime'), syncs(hour), say('inHour')),
      fact(say('lastSync'), since(journal.last_sync, hour.now())),
      fact(say('lastCheckpoint'), since(journal.last_checkpoint, hour.now())),
      fact(say('waits'), number(journal.waiting)),
      fact(say('restarts'), number(reading.restarts), say('sinceStart')));
  };
  return { part, draw };
};
