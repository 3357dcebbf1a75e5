// A login from its first QR code to its end, whatever becomes of codes and connections in between. It knows no page.

const RENEW_BEFORE_MS = 15000;
const SAY_LOST_AFTER_MS = 2000;
// How long the last words of a session that is over by our clock are waited for: they tell the way back.
const LAST_WORDS_MS = 10000;
const RENEW_AGAIN_MS = 3000;
// A session taken up again shows its code only if it is still to be scanned, which its messages tell at once.
const FIRST_MESSAGE_MS = 1000;

// What is wrong where there is no code, by the problem's own word; all else is `busy` or `refused`.
const REFUSALS = { wechat_away: 'away', paused: 'paused' };
const LIVE = ['pending', 'number', 'tap'];

class Login {
  /**
   * `owner.open(wanted)` gets a session: a promise of what `ask` answers. Wanted is the `same` as before, the `next` one while
   * the one before is watched on, or a `new` one, where those before are not wanted back.
   * `owner.changed(state)` hears of every change, `owner.isVisible()` tells whether somebody can see it, and
   * `owner.maxRenewals` how many codes are made without a gesture.
   *
   * A state has a `name`: `loading`, `pending`, `number` (with `number`), `tap`, `confirmed` (with `code`, `redirectTo`),
   * `denied` and `expired` (with `redirectTo`, where the website is known to wait there), `away`, `paused`, `busy`, and
   * `refused` (with `detail`, and `code` where the daemon gave one). Beside it `isLost`, and of the code in view `session`,
   * `beganAt` and `endsAt` (by this machine's clock, in ms).
   */
  constructor(owner) {
    this.owner = owner;
    this.entries = [];
    this.round = 0;
    this.stop();
  }

  /** Begins, with the session that this browser has, if there is one. */
  start() {
    this.restart('same');
  }

  /** Begins anew, because the visitor wants to. */
  refresh() {
    this.restart('new');
  }

  /** Ends all connections; nothing is told any more. */
  stop() {
    this.round += 1;
    this.entries.forEach((entry) => this.drop(entry));
    this.shown = null;
    this.settled = null;
    this.renewals = 0;
    this.failures = 0;
    this.retry = null;
    clearTimeout(this.retryTimer);
    this.isLost = false;
    clearTimeout(this.lostTimer);
    this.lostTimer = 0;
  }

  restart(wanted) {
    this.stop();
    this.show({ name: 'loading' });
    this.obtain(wanted);
  }

  obtain(wanted) {
    const { round } = this;
    this.owner.open(wanted).then((answer) => {
      if (round !== this.round) return;
      this.failures = 0;
      this.fine();
      if (answer.status === 200 || answer.status === 201) this.take(answer.body, answer.status === 200);
      else this.refuse(answer, wanted);
    }, (error) => {
      if (round !== this.round) return;
      if (error.refusal) {
        this.show(error.refusal);
        return;
      }
      this.trouble();
      this.again(pauseMs(this.failures), true, () => this.obtain(wanted));
      this.failures += 1;
    });
  }

  refuse({ status, body, retryAfter }, wanted) {
    const { code, detail } = body || {};
    const name = REFUSALS[code] || (status === 429 || status >= 500 ? 'busy' : 'refused');
    this.show({ name, code, detail });
    if (name !== 'refused') this.again(Math.max(retryAfter, 1) * (1000 + 200 * Math.random()), false, () => this.obtain(wanted));
  }

  /** Tries again after a while, but not while nobody sees it; at once when the network is back, where it `isNetworks` fault. */
  again(ms, isNetworks, what) {
    this.retry = { what, isNetworks, dueAt: Date.now() + ms };
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.retryIfSeen(), ms);
  }

  retryIfSeen() {
    const { retry } = this;
    if (!retry || !this.owner.isVisible()) return;
    this.retry = null;
    clearTimeout(this.retryTimer);
    retry.what();
  }

  take(session, isResumed) {
    const now = Date.now();
    const entry = { session, beganAt: now, endsAt: now + session.expires_in * 1000 };
    const isShown = () => entry === this.shown;
    entry.watch = new Watch(session, {
      message: (message) => this.hear(entry, message),
      trouble: () => isShown() && this.trouble(),
      fine: () => isShown() && this.fine(),
      gone: () => this.hear(entry, { type: 'expired' })
    });
    entry.timers = [
      setTimeout(() => this.renew(entry), (entry.endsAt - now) - Math.min(RENEW_BEFORE_MS, (entry.endsAt - now) / 3)),
      setTimeout(() => this.runOut(entry), entry.endsAt - now),
      setTimeout(() => this.drop(entry), entry.endsAt - now + LAST_WORDS_MS)
    ];
    this.entries.push(entry);
    this.shown = entry;
    if (isResumed) entry.timers.push(setTimeout(() => this.present(entry), FIRST_MESSAGE_MS));
    else this.show({ name: 'pending' });
  }

  /** Shows the code of a session that was taken up again. */
  present(entry) {
    if (entry === this.shown && this.state.name === 'loading') this.show({ name: 'pending' });
  }

  hear(entry, message) {
    const redirectTo = message.redirect_to;
    const { type, number, code } = message;
    if (type === 'created') {
      const livesMs = Date.parse(entry.session.expires_at) - Date.parse(message.at);
      if (livesMs > 0) entry.beganAt = entry.endsAt - livesMs;
      this.present(entry);
    } else if (type === 'scanned') {
      this.settle(entry);
      this.show(number === undefined ? { name: 'tap' } : { name: 'number', number });
    } else if (type === 'confirmed') {
      this.settle(entry);
      this.show({ name: 'confirmed', code, redirectTo });
    } else if (type === 'denied' || type === 'expired') {
      this.drop(entry);
      if (entry === this.shown) this.show({ name: type, redirectTo });
    }
  }

  /** This is the session that was scanned, be it the newest or not: the others are left to themselves. */
  settle(entry) {
    this.settled = entry;
    this.shown = entry;
    this.entries.filter((other) => other !== entry).forEach((other) => this.drop(other));
  }

  /** A new code, since this one ends soon. The old one stays watched: somebody may be scanning it just now. */
  renew(entry) {
    const isWanted = () => entry === this.shown && !this.settled && entry.watch && !entry.watch.isOver;
    if (!isWanted() || this.state.name !== 'pending' || this.renewals >= this.owner.maxRenewals) return;
    if (!this.owner.isVisible()) {
      entry.isRenewalDue = true;
      return;
    }
    entry.isRenewalDue = false;
    const { round } = this;
    const later = () => entry.timers.push(setTimeout(() => this.renew(entry), RENEW_AGAIN_MS));
    this.owner.open('next').then((answer) => {
      if (round !== this.round || !isWanted()) return;
      if (answer.status === 200 || answer.status === 201) {
        this.renewals += 1;
        this.take(answer.body, false);
      } else {
        later();
      }
    }, later);
  }

  /** The time of this session is over by our clock. The daemon says so, too, but whoever has lost it must not scan a dead code. */
  runOut(entry) {
    if (entry === this.shown && (LIVE.indexOf(this.state.name) >= 0 || this.state.name === 'loading')) this.show({ name: 'expired' });
  }

  drop(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    entry.timers.forEach(clearTimeout);
    entry.watch.close();
  }

  /** The network is back, or somebody looks again. */
  nudge() {
    const { retry, shown } = this;
    if (retry && (retry.isNetworks || Date.now() >= retry.dueAt)) this.retryIfSeen();
    this.entries.forEach((entry) => entry.watch.nudge());
    if (!shown) return;
    if (Date.now() >= shown.endsAt) this.runOut(shown);
    else if (shown.isRenewalDue) this.renew(shown);
  }

  trouble() {
    if (this.lostTimer || this.isLost) return;
    this.lostTimer = setTimeout(() => {
      this.lostTimer = 0;
      this.isLost = true;
      this.tell();
    }, SAY_LOST_AFTER_MS);
  }

  fine() {
    clearTimeout(this.lostTimer);
    this.lostTimer = 0;
    if (!this.isLost) return;
    this.isLost = false;
    this.tell();
  }

  show(state) {
    this.state = state;
    this.tell();
  }

  tell() {
    const { name } = this.state;
    const isLost = this.isLost && (name === 'loading' || LIVE.indexOf(name) >= 0);
    const { session, beganAt, endsAt } = this.shown || {};
    this.owner.changed(Object.assign({ isLost, session, beganAt, endsAt }, this.state));
  }
}
