// How long messages took, as a distribution over time: columns are minutes, rows are the histogram's buckets.

import { element, fives, hourAxis, numbers, picture, placed, section, shape, table } from './chart.js';
import { number, ofMinute, span } from './format.js';
import { quantile, sum, together } from './hour.js';
import { say } from './texts.js';

/** How many shades there are. */
const SHADES = 5;
/** The bounds that are written beside the rows, in seconds. */
const MARKED = [0.001, 0.01, 0.1, 1];

/** By its square root, so that a few are seen beside many. */
const shade = (count, most) => Math.max(1, Math.ceil(Math.sqrt(count / most) * SHADES));

/** How high a value stands, in percent of the picture: within its row as far as within its bucket. */
const height = (bounds, value) => {
  const above = bounds.findIndex((bound) => value <= bound);
  const row = above < 0 ? bounds.length : above;
  const lower = row > 0 ? bounds[row - 1] : 0;
  const within = above < 0 ? 0.5 : (value - lower) / (bounds[row] - lower);
  return (row + within) / (bounds.length + 1) * 100;
};

const cells = (bounds, columns, most) => {
  const [width, high] = [100 / columns.length, 100 / (bounds.length + 1)];
  return columns.flatMap((counts, column) => (counts ?? []).map((count, row) => count > 0 && shape('rect', {
    class: `shade-${shade(count, most)}`, x: column * width, y: 100 - (row + 1) * high, width: width * 0.94, height: high * 0.94
  })).filter(Boolean));
};

/** A mark of each minute's quantile, as wide as its column. */
const marks = (bounds, columns, wanted, sort) => columns.map((counts, column) => {
  const value = quantile(bounds, counts, wanted);
  if (value === null) { return ''; }
  const [x, y, width] = [column * 100 / columns.length, 100 - height(bounds, value), 100 / columns.length];
  return shape('line', { class: sort, x1: x, x2: x + width, y1: y, y2: y });
});

const grid = (bounds) => MARKED.map((bound) => {
  const y = 100 - height(bounds, bound);
  return shape('line', { class: 'grid', x1: 0, x2: 100, y1: y, y2: y });
});

const levels = (bounds) => [0, ...MARKED].map((bound) =>
  placed(element('span', { class: 'level', 'aria-hidden': 'true' }, bound === 0 ? '0' : span(bound)), 'top', 100 - height(bounds, bound)));

const legend = (most) => element('figcaption', { class: 'legend' },
  element('span', { class: 'key median' }, say('legendMedian')), element('span', { class: 'key late' }, say('legendLate')),
  element('span', { class: 'key shades' }, ...Array.from({ length: SHADES }, (_, place) => element('i', { class: `shade-${place + 1}` })), say('legendCount', number(most))));

/** The section of the latency. */
export const heatmap = () => {
  const place = element('figure', { class: 'heatmap' });
  let rows = () => [];
  const behind = numbers(say('latency'), () => table([say('from'), say('messages'), 'p50', 'p99'], rows()));
  const part = section('latency', say('latency'), say('latencyLead'), place, behind.details);

  const draw = (hour) => {
    const minutes = hour.span();
    const columns = hour.buckets((reading) => reading.push);
    const bounds = hour.latest()?.push.bounds ?? [];
    const all = together(columns);
    const count = sum(all);
    behind.details.hidden = count === 0;
    if (count === 0) {
      place.replaceChildren(element('p', { class: 'empty' }, say('latencyNone')));
      return;
    }
    const most = Math.max(...columns.flatMap((counts) => counts ?? []));
    const told = say('latencyTold', span(quantile(bounds, all, 0.5)), span(quantile(bounds, all, 0.99)), number(count));
    const drawn = picture(told, ...grid(bounds), ...cells(bounds, columns, most),
      ...marks(bounds, columns, 0.99, 'p99'), ...marks(bounds, columns, 0.5, 'p50'));
    place.replaceChildren(element('div', { class: 'plot' }, drawn, levels(bounds)), hourAxis(minutes), legend(most));
    rows = () => fives(minutes, columns.map((counts) => counts && sum(counts))).map(([from, messages]) => {
      const counts = together(columns.filter((_, column) => minutes[column] - minutes[column] % 5 === from));
      const value = (wanted) => messages > 0 ? span(quantile(bounds, counts, wanted)) : '–';
      return [ofMinute(from), number(messages), value(0.5), value(0.99)];
    });
    behind.draw();
  };
  return { part, draw };
};
