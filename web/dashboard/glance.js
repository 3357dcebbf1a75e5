// The first glance: does it work, is it fast, is it attacked? Each answer is a word with a sign, never a colour alone.

import { element } from './chart.js';
import { number, span } from './format.js';
import { quantile, sum, together } from './hour.js';
import { say } from './texts.js';

const GOOD = { mood: 'good', sign: '✓' };
const WARN = { mood: 'warn', sign: '!' };
const BAD = { mood: 'bad', sign: '✕' };
const CALM = { mood: 'calm', sign: '·' };

/** What people deny who did not want the login: signs that somebody else did. */
const SUSPICIOUS = ['not_me', 'number', 'wrong_account', 'snapshot'];

/** What is refused because something that a login needs is missing: no sign of an attack. */
const MISSING = ['wechat_away', 'unavailable', 'temporarily_unavailable', 'paused'];

/** What was refused, minute by minute, as far as `counts` says of its reason. */
const refusedFor = (hour, counts) => hour.growth((reading) =>
  sum(Object.entries(reading.refusals).filter(([reason]) => counts(reason)).map(([, count]) => count)));

const works = (hour) => {
  const [created, redeemed] = [hour.counts('created'), hour.counts('redeemed')];
  const reading = hour.latest();
  const away = (reading?.wechat ?? []).filter((account) => account.is_away).map((account) => account.account);
  const verdict = () => {
    if (reading?.journal.has_failed) { return [BAD, say('worksFailed')]; }
    if (away.length > 0) { return [BAD, say('worksAway', away.join(', '))]; }
    const turnedAway = sum(refusedFor(hour, (reason) => MISSING.includes(reason)).slice(-5));
    if (turnedAway > 0) { return [WARN, say('worksTurnedAway', number(turnedAway))]; }
    if (sum(created) === 0) { return [CALM, say('worksNobody')]; }
    if (sum(created.slice(-15)) >= 10 && sum(redeemed.slice(-15)) === 0) { return [WARN, say('worksNoEnd')]; }
    return [GOOD, say('worksYes')];
  };
  return [say('worksValue', number(sum(redeemed))), say('worksNote', number(sum(created))), ...verdict()];
};

const fast = (hour) => {
  const counts = together(hour.buckets((reading) => reading.push));
  const bounds = hour.latest()?.push.bounds ?? [];
  const late = quantile(bounds, counts, 0.99);
  if (late === null) { return [say('fastNone'), say('fastNoteNone'), CALM, say('fastUnknown')]; }
  const verdict = () => {
    if (late > 1) { return [BAD, say('fastVerySlow')]; }
    return late > 0.1 ? [WARN, say('fastSlow')] : [GOOD, say('fastYes')];
  };
  const note = say('fastNote', span(quantile(bounds, counts, 0.5)), number(sum(counts)));
  return [say('fastValue', span(late)), note, ...verdict()];
};

const attacked = (hour) => {
  const refused = refusedFor(hour, (reason) => !MISSING.includes(reason));
  const lately = sum(refused.slice(-5));
  const before = sum(refused) - lately;
  const suspicious = sum(SUSPICIOUS.map((reason) => sum(hour.denied(reason))));
  const verdict = () => {
    if (lately >= 20 && lately > 3 * before / 11) { return [WARN, say('attackedYes')]; }
    if (suspicious >= 5 && suspicious > sum(hour.counts('redeemed')) / 20) { return [WARN, say('attackedPhone')]; }
    return [GOOD, say('attackedNo')];
  };
  return [say('attackedValue', number(sum(refused))), say('attackedNote', number(lately), number(suspicious)), ...verdict()];
};

/** What was true is said no more where nothing comes. */
const unheard = (question, silence) =>
  question === 'works' && silence === 'lost' ? [BAD, say('worksLost')] : [CALM, say('notNow')];

const ANSWERS = [['works', works], ['fast', fast], ['attacked', attacked]];

/** The three answers. `changed` hears, in a sentence each, of all words that are others than before. */
export const glance = (changed) => {
  const tiles = ANSWERS.map(([question, answer]) => {
    const parts = {
      verdict: element('dd', { class: 'verdict' }), value: element('dd', { class: 'value' }), note: element('dd', { class: 'small' })
    };
    const tile = element('div', {}, element('dt', {}, say(question)), parts.verdict, parts.value, parts.note);
    return { question, answer, tile, ...parts, said: null };
  });
  /** Draws a tile; what is new in it, in words, if anything is. */
  const redraw = (tile, hour) => {
    const [value, note, ...verdict] = tile.answer(hour);
    const [{ mood, sign }, word] = hour.silence ? unheard(tile.question, hour.silence) : verdict;
    tile.tile.className = mood;
    tile.value.textContent = value;
    tile.note.textContent = note;
    if (tile.said === word) { return []; }
    tile.verdict.replaceChildren(element('span', { class: 'sign', 'aria-hidden': 'true' }, sign), word);
    const news = tile.said !== null && hour.isComplete ? [`${say(tile.question)} ${word}`] : [];
    tile.said = word;
    return news;
  };
  const draw = (hour) => {
    const news = tiles.flatMap((tile) => redraw(tile, hour));
    if (news.length > 0) { changed(...news); }
  };
  return { part: element('dl', { class: 'glance' }, tiles.map(({ tile }) => tile)), draw };
};
