// The original page's own conversation, without its libraries: it makes an id, asks for the picture of a QR code, says the id
// over SockJS, and takes the code that comes to its website's back end.

const SAY_AFTER_MS = 2000;
const LOGGED_IN = 'AUTOMATIC_LOGIN####';

const find = (id) => document.getElementById(id);
const id = `${Math.round(Math.random() * 100000000)}1`;
const random = () => Math.random().toString(36).slice(2, 10);

async function logIn(code) {
  find('qr').hidden = true;
  const body = new URLSearchParams({ openId: code, sceneId: '911' });
  const answer = await fetch('/demo/original/login', { method: 'POST', body });
  const { visitor } = await answer.json();
  find('line').textContent = answer.ok ? `Welcome, ${visitor} 欢迎` : 'Not logged in. 未登录';
}

/** SockJS over a WebSocket: `o` opens, `a` brings messages, `c` closes; what is said is a list of texts. */
function connect() {
  const url = new URL(`/sockjs/000/${random()}/websocket`, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    if (data === 'o') setTimeout(() => socket.send(JSON.stringify([id])), SAY_AFTER_MS);
    if (data.startsWith('c') && !find('qr').hidden) find('line').textContent = 'The connection was closed. 连接已关闭。';
    if (!data.startsWith('a')) return;
    for (const text of JSON.parse(data.slice(1))) {
      if (text.startsWith(LOGGED_IN)) logIn(text.slice(LOGGED_IN.length));
    }
  };
}

/** Where there is no code at the moment, the answer is a problem in place of an address. */
async function showCode() {
  const answer = await fetch(`/qrcode?sceneId=${id}`);
  if (answer.ok) {
    find('qr').src = await answer.text();
  } else {
    find('qr').hidden = true;
    find('line').textContent = 'No code at the moment: please come again in a while. 暂时没有二维码，请稍后再来。';
  }
}

/** The picture's address names no scene, so the camera beside this page reads in the journal which one it is. */
function tellCamera() {
  new EventSource('/demo/journal').onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.page_id === id) find('qr').dataset.scene = event.scene_id;
  };
}

connect();
tellCamera();
showCode();
