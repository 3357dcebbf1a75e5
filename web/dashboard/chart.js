// What all pictures are made of: elements, an hour's axis, and the numbers behind a picture.

import { ofMinute } from './format.js';
import { say } from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';

const filled = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat());
  return element;
};

/** An HTML element. */
export const element = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

/** An SVG element. */
export const shape = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, name), attributes, children);

/** A picture that fills its place whatever its form: 100 wide, 100 high, told in one sentence. */
export const picture = (told, ...shapes) =>
  shape('svg', { viewBox: '0 0 100 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': told }, ...shapes);

/** Puts an element this far (in percent) from the left or from the top. */
export const placed = (child, side, percent) => {
  child.style[side] = `${percent}%`;
  return child;
};

/** The quarters of an hour below a picture of these minutes. */
export const hourAxis = (minutes) => {
  const quarters = minutes.filter((minute) => minute % 15 === 0);
  const place = (minute) => (minute - minutes[0]) / minutes.length * 100;
  const ticks = quarters.map((minute) => placed(element('span', {}, ofMinute(minute)), 'left', place(minute)));
  return element('div', { class: 'axis', 'aria-hidden': 'true' }, ticks);
};

/** A section with its heading and what it is about. */
export const section = (id, title, lead, ...children) =>
  element('section', { 'aria-labelledby': id, class: id },
    element('h2', { id }, title), element('p', { class: 'lead' }, lead), ...children);

/** A table: the first column names the row. */
export const table = (columns, rows) =>
  element('table', {},
    element('thead', {}, element('tr', {}, columns.map((column, place) =>
      element('th', { scope: 'col', class: place > 0 && 'number' }, column)))),
    element('tbody', {}, rows.map(([name, ...cells]) =>
      element('tr', {}, element('th', { scope: 'row' }, name), cells.map((cell) => element('td', {}, cell))))));

/** The numbers behind the picture of this title. They are made while somebody has them open. */
export const numbers = (title, make) => {
  const place = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `${title}: ${say('numbers')}` });
  const details = element('details', {}, element('summary', {}, say('numbers')), place);
  const draw = () => details.open && place.replaceChildren(make());
  details.addEventListener('toggle', draw);
  return { details, draw };
};

/** Sums of five minutes each, with the minute in which each begins; of minutes that are not known, what is known. */
export const fives = (minutes, values) => {
  const sums = new Map();
  minutes.forEach((minute, place) => {
    const from = minute - minute % 5;
    sums.set(from, (sums.get(from) ?? 0) + (values[place] ?? 0));
  });
  return [...sums];
};
