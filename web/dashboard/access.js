// The token: typed in, kept for this tab alone, and shown to the daemon in a header.

import { element } from './chart.js';
import { say } from './texts.js';

const PLACE = 'scan-login-token';
/** What a header can carry. */
const CARRIED = /^[\x21-\x7e]+$/;

/** The form for the token. `changed` is called when there is another token, or none any more. */
export const access = (changed) => {
  const input = element('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true });
  const unlock = element('button', { type: 'submit' }, say('unlock'));
  const forget = element('button', { type: 'button', class: 'quiet' }, say('forget'));
  const typed = element('span', { class: 'typed' }, element('label', { for: 'token' }, say('token')), input, unlock);
  const note = element('p', { class: 'note', role: 'status' });
  const form = element('form', { class: 'access' }, typed, forget, note);

  const keep = (token) => {
    if (token) { sessionStorage.setItem(PLACE, token); } else { sessionStorage.removeItem(PLACE); }
    changed();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const token = input.value.trim();
    input.value = '';
    note.textContent = CARRIED.test(token) ? '' : say('wrongToken');
    if (!note.textContent) { keep(token); }
  });
  forget.addEventListener('click', () => {
    keep('');
    input.focus();
  });
  /** What the daemon lets this page see. */
  const show = ({ sees_all: seesAll, has_token: hasToken }) => {
    typed.hidden = seesAll || !hasToken;
    forget.hidden = !seesAll;
    if (seesAll) { note.textContent = ''; }
    if (!hasToken) { note.textContent = say('noToken'); }
  };
  const refused = (status) => {
    sessionStorage.removeItem(PLACE);
    typed.hidden = false;
    note.textContent = say(status === 429 ? 'tooManyTokens' : 'wrongToken');
    input.focus();
  };
  typed.hidden = forget.hidden = true;
  return { form, show, refused, token: () => sessionStorage.getItem(PLACE) ?? '' };
};
