// The phone beside a sample website: its camera sees what the page shows, or the tab that the page has opened.

const LOOK_MS = 200;

const widget = document.querySelector('scan-login');
const original = document.querySelector('img#qr');
const login = document.getElementById('login');
const scan = document.getElementById('scan');
const told = document.getElementById('told');
let tab = null;

/** The scene of the code in view; null where there is none. */
function inView() {
  if (original !== null) return original.hidden ? null : original.dataset.scene ?? null;
  let root = widget?.shadowRoot;
  try {
    if (tab !== null && !tab.closed) root = tab.document;
  } catch (error) {
    return null;
  }
  const picture = root?.querySelector('[data-state=pending] .picture');
  const address = picture?.naturalWidth ? /\/v1\/sessions\/([^/]+)\/qr/.exec(picture.src) : null;
  return address === null ? null : address[1];
}

login?.addEventListener('click', (event) => {
  event.preventDefault();
  tab = window.open(login.href);
});

scan.addEventListener('click', async () => {
  const scene = inView();
  if (scene === null) return;
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch('/demo/phone/see', { method: 'POST', headers, body: JSON.stringify({ scene, person: 'alice' }) });
  const { outcome } = await answer.json();
  told.textContent = outcome === 'pushed' ? 'Scanned. 已扫码。' : 'WeChat does not know this code. 微信不认识这个码。';
});

setInterval(() => { scan.disabled = inView() === null; }, LOOK_MS);
