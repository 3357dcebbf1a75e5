// Following one session: each of its messages once and in order, over whatever the network lets through.

const POLL_SECONDS = 25;
const OPEN_WITHIN_MS = 8000;
const SOCKETS_TRIED = 2;
// A connection that was silent for so long is made anew when the network or the page comes back: it may be dead.
const STALE_MS = 20000;

const ENDS = ['confirmed', 'denied', 'expired'];

// WebSockets that failed where a poll went through. It is the network's, so it holds for all sessions of the page.
let blockedSockets = 0;

class Watch {
  /**
   * `session` is as the daemon gave it. `tell` hears `message(message)`, `trouble()` when a connection is lost, `fine()` when
   * there is one, and `gone()` where the daemon knows no such session.
   */
  constructor(session, tell) {
    this.session = session;
    this.tell = tell;
    this.seq = 0;
    this.failures = 0;
    this.isOver = false;
    this.connect();
  }

  connect() {
    this.timer = 0;
    this.heardAt = Date.now();
    if (blockedSockets < SOCKETS_TRIED && typeof WebSocket === 'function') this.listen();
    else this.poll(POLL_SECONDS, false);
  }

  listen() {
    let isOpen = false;
    let socket;
    try {
      const token = `token.${this.session.attach_token}`;
      socket = new WebSocket(`${this.session.links.ws}?after=${this.seq}`, ['scan-login.v1', token]);
    } catch (error) {
      // Some browsers throw where the page's policy forbids it.
      blockedSockets = SOCKETS_TRIED;
      this.poll(POLL_SECONDS, false);
      return;
    }
    this.socket = socket;
    const slow = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
    socket.onopen = () => {
      isOpen = true;
      clearTimeout(slow);
      if (this.socket === socket) this.tell.fine();
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.take([JSON.parse(event.data)]);
    };
    socket.onclose = () => {
      clearTimeout(slow);
      if (this.socket !== socket) return;
      this.socket = null;
      if (isOpen) this.again(0);
      else this.poll(0, true);
    };
  }

  /** `isProbe` where a socket has just failed, to learn whether it is the network's fault or the socket's. */
  poll(seconds, isProbe) {
    const { links, attach_token: token } = this.session;
    const began = Date.now();
    const request = ask('GET', `${links.poll}?after=${this.seq}&wait=${seconds}`, {
      headers: { Authorization: `Bearer ${token}` },
      withinMs: (seconds + 10) * 1000
    });
    this.request = request;
    const settle = (then) => (result) => {
      if (this.request !== request) return;
      this.request = null;
      then(result);
    };
    request.answer.then(settle(({ status, body, retryAfter }) => {
      if (status === 200 && body) {
        if (isProbe) blockedSockets += 1;
        this.tell.fine();
        this.take(body.messages);
        if (this.isOver) return;
        // A daemon that stops answers at once.
        const isHurried = !body.messages.length && seconds > 0 && Date.now() - began < 1000;
        if (isHurried) this.again(0);
        else this.connect();
      } else if (status === 429 || status >= 500) {
        this.again(retryAfter * 1000);
      } else {
        this.close();
        this.tell.gone();
      }
    }), settle(() => this.again(0)));
  }

  again(atLeastMs) {
    this.tell.trouble();
    this.timer = setTimeout(() => this.connect(), Math.max(atLeastMs, pauseMs(this.failures)));
    this.failures += 1;
  }

  take(messages) {
    this.failures = 0;
    this.heardAt = Date.now();
    messages.forEach((message) => {
      if (this.isOver || message.seq <= this.seq) return;
      this.seq = message.seq;
      if (ENDS.indexOf(message.type) >= 0) this.close();
      this.tell.message(message);
    });
  }

  /** The network or the page is back. */
  nudge() {
    if (this.isOver) return;
    if (!this.timer && Date.now() - this.heardAt < STALE_MS) return;
    this.disconnect();
    this.connect();
  }

  close() {
    this.isOver = true;
    this.disconnect();
  }

  disconnect() {
    const { socket, request } = this;
    this.socket = null;
    this.request = null;
    clearTimeout(this.timer);
    if (socket) socket.close();
    if (request) request.cut();
  }
}
