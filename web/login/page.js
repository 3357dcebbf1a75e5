// The hosted login page: the website's name above the panel, and in it the way back.

const LEAVE_AFTER_MS = 8000;

const data = JSON.parse(document.getElementById('data').textContent);
const { lang, words } = textsFor([data.lang]);
const main = document.getElementById('login');
const leave = document.getElementById('leave');
const place = data.name;
let leaving = 0;

/** Says where the website waits, and goes there by itself where it `goes`, unless the visitor does something first. */
const offerToLeave = (redirectTo, goes) => {
  clearTimeout(leaving);
  leaving = 0;
  leave.textContent = '';
  if (!redirectTo) return;
  if (goes) {
    make('span', 'leaving', leave).textContent = `${words.leaving.replace('{}', place)} `;
    leaving = setTimeout(() => location.replace(redirectTo), LEAVE_AFTER_MS);
  }
  const link = make('a', '', leave);
  link.href = redirectTo;
  link.textContent = words.back.replace('{}', place);
};

/** The visitor is there: nothing happens by itself any more. What is being pressed must not move meanwhile. */
const stay = () => {
  if (!leaving) return;
  clearTimeout(leaving);
  leaving = 0;
  leave.querySelector('.leaving').style.visibility = 'hidden';
};

const bringBack = ({ session, redirectTo }) => isFirstTab(session.scene_id).then((isFirst) => {
  // In this page's place, so that "back" does not come to a login that is over.
  if (isFirst) location.replace(redirectTo);
  else panel.show({ name: 'elsewhere' });
});

const ASKED = { same: '', next: '&renew=1', new: '&anew=1' };

const login = new Login({
  open: (wanted) => ask('POST', data.session, {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: data.request + ASKED[wanted]
  }).answer,
  changed: (state) => {
    panel.show(state);
    const { name, redirectTo } = state;
    if (name === 'confirmed' && redirectTo) bringBack(state);
    if (name === 'denied' || name === 'expired') offerToLeave(redirectTo, name === 'denied');
    else offerToLeave('', false);
  },
  isVisible: () => !document.hidden,
  maxRenewals: data.maxRenewals
});
const panel = new Panel({ lang, words, takesFocus: true, refresh: () => login.refresh() });

main.appendChild(panel.element);
panel.element.appendChild(leave);
['keydown', 'pointerdown', 'touchstart'].forEach((type) => addEventListener(type, stay, { passive: true }));
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) login.nudge();
});
addEventListener('online', () => login.nudge());
// Out of the browser's memory by "back": its connections are cut, and its login may be over.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});
login.start();
