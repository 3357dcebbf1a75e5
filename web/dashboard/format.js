// How figures, spans and moments are written, in the page's language.

import { lang, say, unit } from './texts.js';

const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(lang, { maximumSignificantDigits: 3 });
const share = new Intl.NumberFormat(lang, { style: 'percent', maximumFractionDigits: 0 });
const smallShare = new Intl.NumberFormat(lang, { style: 'percent', maximumSignificantDigits: 1 });
const clock = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const moment = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(lang, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const zone = new Intl.DateTimeFormat(lang, { timeZoneName: 'longOffset' });

export const number = (value) => whole.format(value);

/** A rate or another figure that is not whole. */
export const figure = (value) => short.format(value);

/** `part` of `all`; a dash where there is nothing to have a part of. */
export const percent = (part, all) => {
  if (all <= 0) { return '–'; }
  return (part > 0 && part / all < 0.01 ? smallShare : share).format(part / all);
};

/** A span of so many seconds, in the unit in which it has few digits. */
export const span = (seconds) => {
  if (seconds < 1) { return unit('ms', short.format(seconds * 1000)); }
  if (seconds < 60) { return unit('s', short.format(seconds)); }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) { return unit('min', minutes, Math.floor(seconds % 60)); }
  return unit('h', Math.floor(minutes / 60), minutes % 60);
};

/** An amount of so many bytes, in powers of 1024. */
export const bytes = (amount) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = amount < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(amount) / 10));
  return `${short.format(amount / 2 ** (10 * power))} ${units[power]}`;
};

/** Hours and minutes of the visitor's clock, of a minute since the Unix epoch. */
export const ofMinute = (minute) => clock.format(minute * 60000);

/** To the millisecond. */
export const time = (text) => moment.format(new Date(text));

/** With its day, to the second. */
export const date = (text) => day.format(new Date(text));

/** How long ago that was, at `now`. */
export const ago = (text, now) => say('ago', span(Math.max(0, Math.floor((now - Date.parse(text)) / 1000))));

/** The name of the visitor's zone. */
export const zoneName = () => zone.formatToParts(Date.now()).find((part) => part.type === 'timeZoneName').value;
