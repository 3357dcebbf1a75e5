// The steps of a login, and how logins ended otherwise.

import { element, fives, hourAxis, numbers, picture, section, shape, table } from './chart.js';
import { figure, number, ofMinute, percent } from './format.js';
import { MINUTES, sum } from './hour.js';
import { most, strip } from './strips.js';
import { name, say } from './texts.js';

const STEPS = ['created', 'scanned', 'confirmed', 'redeemed'];
const REASONS = ['user', 'not_me', 'number', 'snapshot', 'wrong_account', 'browser', 'admin'];
/** A bar's width, and how far bars are apart, in percent of the picture. */
const [WIDTH, APART] = [18, 25];

/** Bars that stand on the ground, each with a slope to the next. */
const drawn = (counts) => {
  const most = Math.max(1, ...counts);
  const top = (place) => 100 - counts[place] / most * 100;
  const slopes = counts.slice(1).map((_, place) => {
    const [from, to] = [place * APART + WIDTH, (place + 1) * APART];
    return shape('polygon', { points: `${from},100 ${from},${top(place)} ${to},${top(place + 1)} ${to},100` });
  });
  const bars = counts.map((count, place) =>
    shape('rect', { x: place * APART, y: top(place), width: WIDTH, height: count / most * 100 }));
  const told = STEPS.map((step, place) => `${say(step)}: ${number(counts[place])}`).join(', ');
  return picture(told, ...slopes, ...bars);
};

const step = (kind, count, created) => element('li', {},
  element('span', { class: 'name' }, say(kind)), element('b', {}, number(count)),
  element('span', { class: 'of' }, kind === 'created' ? say('allCreated') : say('ofCreated', percent(count, created))),
  element('span', { class: 'of' }, say('perMinute', figure(count / MINUTES))));

const endRow = (title, count, created, sort) => {
  const bar = shape('rect', { class: sort, width: created > 0 ? Math.min(100, count / created * 100) : 0, height: 100 });
  const drawn = shape('svg', { viewBox: '0 0 100 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, bar);
  return element('tr', {}, element('th', { scope: 'row' }, title), element('td', { class: 'bar' }, drawn),
    element('td', {}, number(count)), element('td', {}, percent(count, created)));
};

/** The first step and the last one, minute by minute. */
const pace = (hour) => [['created', 'open-bar'], ['redeemed', 'good-bar']].map(([kind, sort]) => {
  const values = hour.counts(kind);
  const [total, highest] = [number(sum(values)), number(most(values))];
  return strip(say(kind), say('total', total), say('mostInAMinute', highest), say('overTime', say(kind), total, highest), values, sort);
});

/** The section of the funnel. */
export const funnel = () => {
  const steps = element('ol', { class: 'steps' });
  const figure = element('figure', { class: 'picture' });
  const strips = element('div', { class: 'strips' });
  const rows = element('tbody');
  let draws = () => [];
  const behind = numbers(say('funnel'), () => table([say('from'), ...[...STEPS, 'denied', 'expired', 'revoked'].map((kind) => say(kind))], draws()));
  const ends = element('table', { class: 'ends' }, element('caption', {}, say('ends')),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, say('end')), element('td', { class: 'bar' }),
      element('th', { scope: 'col', class: 'number' }, say('sessions')), element('th', { scope: 'col', class: 'number' }, say('share')))), rows);
  const sides = element('div', { class: 'sides' }, element('div', {}, steps, figure), ends);
  const part = section('funnel', say('funnel'), say('funnelLead'), sides, strips, behind.details);

  const draw = (hour) => {
    const minutes = hour.span();
    const counts = STEPS.map((kind) => sum(hour.counts(kind)));
    const [created] = counts;
    steps.replaceChildren(...STEPS.map((kind, place) => step(kind, counts[place], created)));
    figure.replaceChildren(drawn(counts));
    strips.replaceChildren(...pace(hour), hourAxis(minutes));
    const denied = REASONS.map((reason) => [reason, sum(hour.denied(reason))]).filter(([, count]) => count > 0);
    rows.replaceChildren(
      endRow(say('expired'), sum(hour.counts('expired')), created, 'late'),
      ...(denied.length > 0 ? denied.map(([reason, count]) => endRow(say('deniedFor', name('reasons', reason)), count, created, 'bad')) : [endRow(say('denied'), 0, created, 'bad')]),
      endRow(say('revoked'), sum(hour.counts('revoked')), created, 'bad'));
    draws = () => {
      const columns = [...STEPS, 'denied', 'expired', 'revoked'].map((kind) => fives(minutes, hour.counts(kind)));
      return columns[0].map(([from], place) => [ofMinute(from), ...columns.map((column) => number(column[place][1]))]);
    };
    behind.draw();
  };
  return { part, draw };
};
