// Rows of bars, minute by minute: the sessions that go on, and what was refused.

import { element, fives, hourAxis, numbers, picture, section, shape, table } from './chart.js';
import { number, ofMinute } from './format.js';
import { sum } from './hour.js';
import { name, say } from './texts.js';

const STANDINGS = ['created', 'scanned', 'confirmed'];
/** As many reasons as have a row of their own. */
const REASONS = 7;

const bars = (values, sort) => {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const width = 100 / values.length;
  return values.map((value, place) => value > 0 && shape('rect', {
    class: sort, x: place * width, y: 100 - value / most * 100, width: width * 0.86, height: value / most * 100
  })).filter(Boolean);
};

export const most = (values) => Math.max(0, ...values.map((value) => value ?? 0));

/** A row: what it is, what it comes to, its highest bar, and the whole in one sentence for who does not see it. */
export const strip = (title, total, highest, told, values, sort) => element('div', { class: 'strip' },
  element('div', { class: 'name' }, title, ' ', element('span', { class: 'total' }, total)),
  picture(told, ...bars(values, sort)), element('div', { class: 'most' }, highest));

/** Sessions by where they stand. */
export const open = () => {
  const place = element('div', { class: 'strips' });
  let rows = () => [];
  const behind = numbers(say('open'), () => table([say('from'), ...STANDINGS.map((standing) => name('standing', standing))], rows()));
  const part = section('open', say('open'), say('openLead'), place, behind.details);
  const draw = (hour) => {
    const minutes = hour.span();
    const levels = STANDINGS.map((standing) => hour.levels((reading) => reading.sessions[standing] ?? 0));
    const now = STANDINGS.map((standing) => hour.latest()?.sessions[standing] ?? 0);
    place.replaceChildren(...STANDINGS.map((standing, row) => {
      const [title, highest] = [name('standing', standing), number(most(levels[row]))];
      const told = say('levelOverTime', title, number(now[row]), highest);
      return strip(title, say('now', number(now[row])), say('most', highest), told, levels[row], 'open-bar');
    }), hourAxis(minutes));
    rows = () => minutes.map((minute, column) => [minute, column]).filter(([minute]) => minute % 5 === 0)
      .map(([minute, column]) => [ofMinute(minute), ...levels.map((level) => level[column] === null ? '–' : number(level[column]))]);
    behind.draw();
  };
  return { part, draw };
};

/** What was refused, the most frequent reason first. */
export const refusals = () => {
  const place = element('div', { class: 'strips' });
  let rows = () => [];
  let columns = [];
  const behind = numbers(say('refusals'), () => table([say('from'), ...columns], rows()));
  const part = section('refusals', say('refusals'), say('refusalsLead'), place, behind.details);
  const draw = (hour) => {
    const minutes = hour.span();
    const reasons = Object.keys(hour.latest()?.refusals ?? {});
    const of = (reason) => hour.growth((reading) => reading.refusals[reason]);
    const known = reasons.map((reason) => ({ title: name('refused', reason), values: of(reason) }))
      .map((row) => ({ ...row, total: sum(row.values) })).filter((row) => row.total > 0).sort((one, other) => other.total - one.total);
    const shown = known.slice(0, REASONS);
    const rest = known.slice(REASONS);
    if (rest.length > 0) {
      const values = minutes.map((_, column) => sum(rest.map((row) => row.values[column])));
      shown.push({ title: say('others'), values, total: sum(values) });
    }
    behind.details.hidden = shown.length === 0;
    if (shown.length === 0) {
      place.replaceChildren(element('p', { class: 'empty' }, say('refusalsNone')));
      return;
    }
    place.replaceChildren(...shown.map(({ title, values, total }) => {
      const highest = number(most(values));
      return strip(title, say('total', number(total)), say('mostInAMinute', highest), say('overTime', title, number(total), highest), values, 'bad');
    }), hourAxis(minutes));
    columns = shown.map(({ title }) => title);
    rows = () => {
      const sums = shown.map(({ values }) => fives(minutes, values));
      return sums[0].map(([from], row) => [ofMinute(from), ...sums.map((column) => number(column[row][1]))]);
    };
    behind.draw();
  };
  return { part, draw };
};
