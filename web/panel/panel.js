// The panel: what a state looks like and says. The hosted page and the widget show the same one.

const SVG = 'http://www.w3.org/2000/svg';
const TICK_MS = 500;

// Larger than on any screen it is shown on, so that a phone's gallery has a sharp one.
const PICTURE_PIXELS = 720;

// Drawn in a square of 24 where a code has nothing to say any more.
const MARKS = {
  confirmed: 'M5 12.5l4.5 4.5L19 7.5',
  elsewhere: 'M5 12.5l4.5 4.5L19 7.5',
  denied: 'M7 7l10 10M17 7L7 17',
  expired: 'M12 6v6l4 2.5',
  away: 'M12 6.5v7M12 17v.5',
  busy: 'M12 6v6l4 2.5',
  paused: 'M9.5 7.5v9M14.5 7.5v9',
  refused: 'M12 6.5v7M12 17v.5'
};

const TIMED = ['pending', 'number', 'tap'];

const make = (name, part, parent) => {
  const element = document.createElement(name);
  if (part) {
    element.className = part;
    element.setAttribute('part', part);
  }
  if (parent) parent.appendChild(element);
  return element;
};

/** A visitor on a phone cannot point its camera at its own screen. */
const isPhone = () => matchMedia('(pointer: coarse) and (max-width: 600px)').matches;
const isInWeChat = () => /MicroMessenger/i.test(navigator.userAgent);

class Panel {
  /** `refresh` is called when the visitor wants a new code; `takesFocus` where nothing else on the page could want it. */
  constructor({ lang, words, refresh, takesFocus }) {
    this.words = words;
    this.refresh = refresh;
    this.takesFocus = takesFocus;
    this.failures = 0;
    this.element = make('div', 'panel');
    this.element.lang = lang;
    this.here = make('div', 'here', this.element);
    this.frame = make('div', 'code', this.element);
    this.picture = make('img', 'picture', this.frame);
    this.picture.alt = words.picture;
    this.picture.onload = () => this.drawn();
    this.picture.onerror = () => this.drawAgain();
    this.mark = document.createElementNS(SVG, 'svg');
    this.mark.setAttribute('viewBox', '0 0 24 24');
    this.mark.setAttribute('class', 'mark');
    this.mark.setAttribute('aria-hidden', 'true');
    this.mark.appendChild(document.createElementNS(SVG, 'path'));
    this.frame.appendChild(this.mark);
    this.makeTime();
    this.line = make('p', 'line', this.element);
    this.line.setAttribute('role', 'status');
    this.line.tabIndex = -1;
    this.more = make('div', 'more', this.element);
  }

  makeTime() {
    this.time = make('div', 'time', this.element);
    this.bar = make('div', 'track', this.time);
    this.bar.setAttribute('aria-hidden', 'true');
    this.fill = make('div', 'bar', this.bar);
    const timer = make('div', 'timer', this.time);
    timer.setAttribute('role', 'timer');
    make('span', 'unseen', timer).textContent = `${this.words.timeLeft} `;
    this.left = make('span', '', timer);
  }

  show(state) {
    const isNew = !this.state || this.state.name !== state.name;
    this.state = state;
    this.draw();
    this.offerHere();
    if (this.name() !== this.element.getAttribute('data-state')) this.element.setAttribute('data-state', this.name());
    this.mark.firstChild.setAttribute('d', MARKS[state.name] || '');
    this.tick();
    clearInterval(this.ticking);
    if (TIMED.indexOf(state.name) >= 0) this.ticking = setInterval(() => this.tick(), TICK_MS);
    this.say(isNew);
  }

  /** Ends what goes on by itself. */
  stop() {
    clearInterval(this.ticking);
    clearTimeout(this.drawing);
  }

  /** The state as it can be seen: a code that is not drawn yet is still being prepared. */
  name() {
    return this.state.name === 'pending' && !this.isDrawn ? 'loading' : this.state.name;
  }

  draw() {
    const { session } = this.state;
    const { picture } = this;
    const url = session ? (isPhone() ? `${session.qr_png}?size=${PICTURE_PIXELS}` : session.qr_svg) : '';
    if (url === this.url) return;
    this.url = url;
    clearTimeout(this.drawing);
    if (this.save) this.save.href = url;
    // What was drawn stays until the new code is there.
    if (url) {
      picture.src = url;
    } else {
      picture.removeAttribute('src');
      this.isDrawn = false;
    }
  }

  /** For whoever is inside WeChat already, and cannot scan their own screen. Who comes back for the number goes on from below it. */
  offerHere() {
    const { name, session } = this.state;
    const isPending = name === 'pending';
    const link = isInWeChat() && TIMED.indexOf(name) >= 0 && session && session.links.in_app;
    const offered = link ? `${link} ${isPending}` : '';
    if (offered === this.offered) return;
    this.offered = offered;
    this.here.textContent = '';
    if (!link) return;
    this.element.insertBefore(this.here, isPending ? this.frame : this.more);
    const open = make('a', 'button', this.here);
    open.href = link;
    open.textContent = isPending ? this.words.here : this.words.goOn;
    make('p', 'then', this.here).textContent = this.words.comeBack;
  }

  drawn() {
    this.isDrawn = true;
    this.failures = 0;
    this.show(this.state);
  }

  drawAgain() {
    const { url } = this;
    this.drawing = setTimeout(() => {
      if (url !== this.url) return;
      this.picture.removeAttribute('src');
      this.picture.src = url;
    }, pauseMs(this.failures));
    this.failures += 1;
  }

  tick() {
    const { beganAt, endsAt } = this.state;
    const left = Math.max(0, endsAt - Date.now()) || 0;
    const seconds = Math.ceil(left / 1000);
    const text = `${Math.floor(seconds / 60)}:${`0${seconds % 60}`.slice(-2)}`;
    if (this.left.textContent !== text) this.left.textContent = text;
    this.fill.style.transform = `scaleX(${endsAt > beganAt ? Math.min(1, left / (endsAt - beganAt)) : 1})`;
  }

  /** Writes the line, but only where it says something else: a screen reader reads it then. */
  say(isNew) {
    const { isLost, number, detail, session } = this.state;
    const name = this.name();
    const said = [name, isLost, number, detail].join();
    if (said === this.said) return;
    this.said = said;
    const hadFocus = this.hasFocus();
    const isWritten = name === 'number' && session.confirm_via === 'chat';
    const [text, action] = this.words[isLost ? 'lost' : isWritten ? 'reply' : name];
    this.line.textContent = '';
    const [before, after] = text.split('{}');
    this.line.appendChild(document.createTextNode(before));
    if (name === 'number') {
      make('b', 'number', this.line).textContent = number;
      if (after) this.line.appendChild(document.createTextNode(after));
    }
    this.more.textContent = '';
    this.save = null;
    let button = null;
    if (action && !isLost) button = this.makeButton(action, this.line);
    if (name === 'away') button = this.makeButton(this.words.retry, this.more);
    if (name === 'refused' && detail) make('p', 'detail', this.more).textContent = detail;
    if (name === 'pending' && isPhone()) this.explainPhone();
    if (hadFocus && isNew) (button || this.line).focus({ preventScroll: true });
  }

  makeButton(label, parent) {
    const button = make('button', 'button', parent);
    button.type = 'button';
    button.textContent = label;
    button.onclick = () => {
      // The button goes away with its state: the line is read instead.
      this.line.focus({ preventScroll: true });
      this.refresh();
    };
    return button;
  }

  explainPhone() {
    make('p', 'hint', this.more).textContent = isInWeChat() ? this.words.wechat : this.words.phone;
    if (isInWeChat()) return;
    const save = make('a', 'save', this.more);
    save.textContent = this.words.save;
    save.href = this.url;
    save.download = 'wechat-login.png';
    // Another origin's picture opens instead of being saved: not in this page's place.
    save.target = '_blank';
    save.rel = 'noopener';
    this.save = save;
  }

  hasFocus() {
    const active = (this.element.getRootNode ? this.element.getRootNode() : document).activeElement;
    return this.element.contains(active) || (this.takesFocus && active === document.body);
  }
}
