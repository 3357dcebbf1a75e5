// Several tabs may wait for one login. One of them brings the code to the website: brought twice, it would be worth nothing.

const TAKEN = 'scan-login.taken';
// The tab that is looked at goes first.
const HIDDEN_WAITS_MS = 500;

const locked = (what) => (navigator.locks ? navigator.locks.request(TAKEN, what) : Promise.resolve().then(what));

/** Whether this tab is the one that goes on with what was confirmed for this scene. */
const isFirstTab = (scene) => new Promise((resolve) => {
  setTimeout(resolve, document.hidden ? HIDDEN_WAITS_MS : 0);
}).then(() => locked(() => {
  if (localStorage.getItem(TAKEN) === scene) return false;
  localStorage.setItem(TAKEN, scene);
  return true;
})).catch(() => true); // A browser that keeps nothing cannot tell, and must go on.
