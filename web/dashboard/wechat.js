// Each account of WeChat's as it is now.

import { element, section, shape } from './chart.js';
import { date, number, percent } from './format.js';
import { sum } from './hour.js';
import { name, say } from './texts.js';

const OUTCOMES = ['scan', 'other', 'repeat', 'forged', 'malformed', 'unavailable'];
/** From this share of the budget on, it is said to be low. */
const LOW = 0.8;

const state = (isAway) => element('span', { class: `verdict ${isAway ? 'bad' : 'good'}` },
  element('span', { class: 'sign', 'aria-hidden': 'true' }, isAway ? '✕' : '✓'), say(isAway ? 'away' : 'reachable'));

const calls = (lastCalls) => {
  const told = Object.entries(lastCalls).map(([call, outcome]) =>
    element('li', { class: outcome === 'ok' ? '' : 'warned' }, element('code', {}, call), ' ', name('outcomes', outcome)));
  return told.length > 0 ? element('ul', { class: 'plain' }, told) : say('none');
};

const budget = ({ budget_used: used, budget_limit: limit }) => {
  const share = limit > 0 ? used / limit : 0;
  const bar = shape('rect', { class: share >= LOW ? 'late' : 'good-bar', width: Math.min(100, share * 100), height: 100 });
  return [say('of', number(used), number(limit)), ` (${percent(used, limit)})`,
    shape('svg', { class: 'meter', viewBox: '0 0 100 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, bar)];
};

const callbacks = (hour, account) => {
  const of = (outcome) => sum(hour.growth((reading) =>
    reading.wechat.find((one) => one.account === account)?.callbacks[outcome]));
  const told = OUTCOMES.map((outcome) => [outcome, of(outcome)]).filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${number(count)} ${name('callback', outcome)}`);
  return told.length > 0 ? told.join(', ') : say('none');
};

const fact = (title, ...value) => element('div', {}, element('dt', {}, title), element('dd', {}, ...value));

/** The section of WeChat. */
export const wechat = () => {
  const place = element('div', { class: 'accounts' });
  const part = section('wechat', say('wechat'), say('wechatLead'), place);
  const draw = (hour) => place.replaceChildren(...(hour.latest()?.wechat ?? []).map((account) =>
    element('article', {}, element('h3', {}, account.account, ' ', state(account.is_away)),
      element('dl', { class: 'facts' },
        fact(say('callbacks'), callbacks(hour, account.account)), fact(say('lastCalls'), calls(account.last_calls)),
        fact(say('budget'), ...budget(account)), fact(say('prepared'), number(account.codes_prepared)),
        fact(say('tokenUntil'), account.token_until ? date(account.token_until) : say('never'))))));
  return { part, draw };
};
