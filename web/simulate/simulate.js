// The page of the simulated WeChat: it shows /simulate/state, and asks /simulate to do what is pressed.

const EVERY_MS = 1000;
const LATE_SECONDS = 3;
const NAMES = { alice: 'Alice', bob: 'Bob' };
// A link as WeChat's texts have it, or a bare one.
const LINK = /<a [^>]*href="((?:https?:\/\/|weixin:\/\/bizmsgmenu\?)[^"]+)"[^>]*>([^<]*)<\/a>|https?:\/\/[^\s<>"]+/g;

const find = (id) => document.getElementById(id);
let state = { accounts: [], people: [], codes: [], faults: {} };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, act) {
  const made = element('button', 'quiet', text);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}

const account = () => state.accounts.find(({ name }) => name === find('account').value) ?? state.accounts[0];

async function ask(path, body) {
  const options = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`/simulate/${path}`, options);
  return answer.json();
}

/** Does something, says what came of it, and shows what has changed. */
async function act(what, path, body) {
  say(`${what} …`);
  try {
    say(`${what}: ${outcome(await ask(path, body))}`, body?.person);
  } catch (error) {
    say(`${what}: the simulation is not running`);
  }
  await refresh();
}

function outcome(answer) {
  if (Array.isArray(answer)) return answer.map(outcome).join('; ');
  if (answer.error) return answer.error;
  if (answer.outcome === 'lost') return 'not pushed, since pushes pause';
  if (answer.outcome === 'expired') return 'the code has expired';
  if (answer.outcome === 'unknown') return 'there is no such code';
  if (answer.outcome === 'page') return `opens ${answer.page}`;
  if (answer.outcome) return `${answer.event}, ${answer.deliveries.map(delivery).join(', ')} in ${answer.ms.toFixed(1)} ms`;
  if ('passed' in answer) return answer.passed ? 'passed' : `failed, ${delivery(answer.answer)}`;
  if ('accepted' in answer) return delivery(answer);
  return 'done';
}

function delivery({ accepted, status, error }) {
  return error ?? `${accepted ? 'taken' : 'not taken'} with ${status}`;
}

/** Links in it open as this person's. */
function say(text, person) {
  find('said').replaceChildren(...linked(text, person));
}

/** Those of the account that is looked at: a daemon makes some ahead for each. */
const codes = () => state.codes.filter((code) => code.account === account()?.name);

function drawCodes() {
  find('no-codes').hidden = codes().length > 0;
  const held = document.activeElement?.dataset?.press;
  find('codes').replaceChildren(...codes().map((code) => {
    const item = element('li');
    item.append(element('code', 'scene', code.scene), element('small', '', `${code.seconds_left} s left`));
    for (const { name } of state.people) {
      const press = button(`${NAMES[name]} scans`, () => act(`${NAMES[name]} scans`, 'scan', { qr_content: code.qr_content, person: name }));
      press.dataset.press = `${name} ${code.qr_content}`;
      item.append(press);
    }
    const both = button('Both', () => act('Both scan', 'scan-both', { qr_content: code.qr_content }));
    both.dataset.press = `both ${code.qr_content}`;
    item.append(both);
    return item;
  }));
  // Whoever works by keyboard keeps the place.
  if (held) [...find('codes').querySelectorAll('button')].find((press) => press.dataset.press === held)?.focus();
}

/** An entry of a menu in the conversation: whoever presses it says what it says. */
function menuEntry(address, label, person) {
  const entry = new URLSearchParams(address.slice(address.indexOf('?') + 1));
  const said = { text: entry.get('msgmenucontent'), menu: entry.get('msgmenuid') };
  return button(label, () => act(`${NAMES[person]} presses ${label}`, 'text', { account: account().name, person, ...said }));
}

/** A text with its links, which open as the person's who reads them. */
function linked(text, person) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    if (match[1]?.startsWith('weixin:')) {
      nodes.push(text.slice(done, match.index), menuEntry(match[1], match[2], person));
      done = match.index + match[0].length;
      continue;
    }
    const link = element('a', '', match[2] ?? match[0]);
    [link.href, link.target, link.rel] = [match[1] ?? match[0], '_blank', 'noopener noreferrer'];
    // The page for web authorization asks the cookie who holds the phone.
    link.addEventListener('click', () => { document.cookie = `person=${person}; path=/connect; SameSite=Lax`; });
    nodes.push(text.slice(done, match.index), link);
    done = match.index + match[0].length;
  }
  return [...nodes, text.slice(done)];
}

function drawLine({ voice, text }, person) {
  const kinds = { person: 'bubble mine', out_of_order: 'note waiting' };
  const item = element('li', kinds[voice] ?? 'bubble');
  item.append(...linked(text, person));
  return item;
}

function leaves(menu) {
  const tops = menu?.button ?? [];
  return tops.flatMap((top) => (top.sub_button?.length ? top.sub_button : [top]));
}

function press({ type, name, key, url }, person) {
  const body = { account: account().name, person };
  return type === 'view'
    ? button(name, () => act(`${NAMES[person]} opens ${name}`, 'view', { ...body, url }))
    : button(name, () => act(`${NAMES[person]} presses ${name}`, 'click', { ...body, key }));
}

function makePhone(person) {
  const phone = find('phone').content.cloneNode(true).firstElementChild;
  const name = NAMES[person.name];
  phone.dataset.person = person.name;
  phone.querySelector('h2').textContent = name;
  phone.querySelector('code').textContent = person.openid;
  phone.querySelector('.chat').setAttribute('aria-label', `${name}’s conversation`);
  phone.querySelector('input').setAttribute('aria-label', `${name} writes`);
  for (const doing of phone.querySelectorAll('[data-do]')) {
    const what = doing.dataset.do === 'subscribe' ? 'follows' : 'leaves';
    doing.addEventListener('click', () => act(`${name} ${what}`, doing.dataset.do, { account: account().name, person: person.name }));
  }
  phone.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const { text } = event.target.elements;
    if (text.value === '') return;
    act(`${name} writes`, 'text', { account: account().name, person: person.name, text: text.value });
    text.value = '';
  });
  return phone;
}

function drawPhones() {
  if (find('people').children.length === 0) find('people').append(...state.people.map(makePhone));
  for (const phone of find('people').children) {
    const { person } = phone.dataset;
    const [chat, menu] = [phone.querySelector('.chat'), phone.querySelector('.menu')];
    const lines = account().conversations[person];
    // Drawn only where something is new, so that nobody loses the place in it.
    const shown = JSON.stringify([account().name, lines]);
    if (chat.dataset.shown !== shown) {
      chat.dataset.shown = shown;
      chat.replaceChildren(...lines.map((line) => drawLine(line, person)));
      chat.scrollTop = chat.scrollHeight;
    }
    const pressed = JSON.stringify(account().menu);
    if (menu.dataset.shown !== pressed) {
      menu.dataset.shown = pressed;
      menu.replaceChildren(...leaves(account().menu).map((leaf) => press(leaf, person)));
    }
  }
}

function drawFaults() {
  for (const fault of document.querySelectorAll('[data-fault]')) {
    fault.setAttribute('aria-pressed', String(Boolean(state.faults[fault.dataset.fault])));
  }
}

function drawAccounts() {
  find('account-label').hidden = state.accounts.length < 2;
  if (find('account').options.length !== state.accounts.length) {
    find('account').replaceChildren(...state.accounts.map(({ name }) => new Option(name)));
  }
}

async function refresh() {
  try {
    state = await ask('state');
    find('trouble').textContent = '';
  } catch (error) {
    find('trouble').textContent = 'The simulation is not running.';
    return;
  }
  drawAccounts();
  drawCodes();
  drawPhones();
  drawFaults();
}

for (const fault of document.querySelectorAll('[data-fault]')) {
  fault.addEventListener('click', () => {
    const name = fault.dataset.fault;
    const on = !state.faults[name];
    const value = name === 'late_seconds' ? (on ? LATE_SECONDS : 0) : on;
    act(fault.querySelector('b').textContent, 'faults', { ...state.faults, [name]: value });
  });
}
for (const doing of document.querySelectorAll('[data-act]')) {
  doing.addEventListener('click', () => act(doing.querySelector('b').textContent, doing.dataset.act, { account: account().name }));
}
find('scan').addEventListener('submit', (event) => {
  event.preventDefault();
  const code = event.target.elements.code.value.trim();
  const what = code.includes('://') ? { qr_content: code } : { scene: code };
  // Enter presses the first button.
  const { value, textContent } = event.submitter;
  if (code === '') say('say which code first');
  else if (value === 'both') act('Both scan', 'scan-both', what);
  else act(textContent, 'scan', { ...what, person: value });
});
find('account').addEventListener('change', () => {
  drawCodes();
  drawPhones();
});
await refresh();
setInterval(refresh, EVERY_MS);
