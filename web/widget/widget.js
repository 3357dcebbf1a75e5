// <scan-login>: the panel on any page of a website. Sessions come from POST /v1/sessions, and messages are told as events.

const SCRIPT = document.currentScript && document.currentScript.src;
const BASE = new URL('.', SCRIPT || location.href).href;
const ASKED = ['client-id', 'redirect-uri', 'code-challenge', 'state', 'scope'];
const DEFAULT_RENEWALS = 3;

/** What a login cannot begin for, as the state that says so. */
const refused = (refusal) => Object.assign(new Error(refusal.detail), { refusal });

class ScanLogin extends HTMLElement {
  static get observedAttributes() {
    return ASKED.concat(['nonce', 'lang', 'ui-locales', 'max-renewals']);
  }

  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    this.nudge = () => {
      if (this.login && !document.hidden) this.login.nudge();
    };
  }

  connectedCallback() {
    document.addEventListener('visibilitychange', this.nudge);
    addEventListener('online', this.nudge);
    this.begin();
  }

  disconnectedCallback() {
    document.removeEventListener('visibilitychange', this.nudge);
    removeEventListener('online', this.nudge);
    this.end();
  }

  /** Attributes that are set one after another make one new login. */
  attributeChangedCallback(name, before, after) {
    const isHidden = name === 'nonce' && after === '';
    if (before === after || isHidden || !this.login || this.isChanging) return;
    this.isChanging = true;
    Promise.resolve().then(() => {
      this.isChanging = false;
      if (this.isConnected) this.begin();
    });
  }

  /** Shows a new code, as the button does. */
  refresh() {
    if (this.login) this.login.refresh();
  }

  begin() {
    this.end();
    const { lang, words } = textsFor(this.languages());
    this.words = words;
    this.told = '';
    const panel = new Panel({ lang, words, takesFocus: false, refresh: () => this.refresh() });
    this.panel = panel;
    this.shadowRoot.textContent = '';
    dress(this.shadowRoot);
    this.shadowRoot.appendChild(panel.element);
    const renewals = parseInt(this.getAttribute('max-renewals'), 10);
    this.login = new Login({
      open: () => this.open(),
      changed: (state) => this.changed(state),
      isVisible: () => !document.hidden,
      maxRenewals: renewals >= 0 ? renewals : DEFAULT_RENEWALS
    });
    if (this.getAttribute('client-id')) this.login.start();
    else this.changed(this.lacking(['client-id']));
  }

  end() {
    if (this.login) this.login.stop();
    if (this.panel) this.panel.stop();
    this.login = null;
  }

  languages() {
    const own = this.getAttribute('lang') || this.getAttribute('ui-locales') || document.documentElement.lang;
    return own ? own.split(' ') : navigator.languages || [navigator.language];
  }

  /** The state of a login that lacks these attributes. */
  lacking(attributes) {
    return { name: 'refused', code: 'attributes_missing', detail: this.words.missing + attributes.join(', ') };
  }

  /** What a client must send, the daemon knows: it names what it lacks. */
  open() {
    const asked = { redirects: true, ui_locales: this.getAttribute('ui-locales') || this.panel.element.lang };
    ASKED.forEach((name) => {
      const value = this.getAttribute(name);
      if (value) asked[name.replace('-', '_')] = value;
    });
    if (asked.code_challenge) asked.code_challenge_method = 'S256';
    // Under a policy, browsers empty the attribute of this name and keep its value beside it (HTML §3.2.6.7, nonces).
    const nonce = this.nonce || this.getAttribute('nonce');
    if (nonce) asked.nonce = nonce;
    const headers = { 'Content-Type': 'application/json' };
    return ask('POST', `${BASE}v1/sessions`, { headers, body: JSON.stringify(asked) }).answer.then((answer) => {
      const { missing } = answer.body || {};
      if (missing) throw refused(this.lacking(missing.map((name) => name.replace('_', '-'))));
      return answer;
    }, (lost) => this.explain(lost));
  }

  /** A browser does not tell a page why it may not read an answer. Where the daemon can be reached, it is the page's origin. */
  explain(lost) {
    return ask('GET', `${BASE}widget.js?reachable`).answer.then(() => {
      throw refused({ name: 'refused', code: 'foreign_origin', detail: this.words.origin + location.origin });
    }, () => {
      throw lost;
    });
  }

  changed(state) {
    const { name, number, code, redirectTo, detail } = state;
    this.panel.show(state);
    const isNew = this.told !== name;
    this.told = name;
    if (!isNew) return;
    if (name === 'number' || name === 'tap') this.emit('scanned', name === 'number' ? { number } : {});
    if (name === 'denied') this.emit('denied', { redirectTo });
    if (name === 'expired') this.emit('expired', {});
    if (['away', 'busy', 'paused', 'refused'].indexOf(name) >= 0) this.emit('error', { code: code || name, detail });
    if (name === 'confirmed' && this.emit('confirmed', { code, redirectTo }) && redirectTo) location.assign(redirectTo);
  }

  /** Whether nobody has prevented what would follow. */
  emit(type, detail) {
    const cancelable = type === 'confirmed';
    return this.dispatchEvent(new CustomEvent(`scan-login-${type}`, { bubbles: true, composed: true, cancelable, detail }));
  }
}

let sheet = null;

/** Styles that no policy of the page stands against, where the browser has them. */
const dress = (root) => {
  const css = `:host { display: block; font-size: 16px; } :host([hidden]) { display: none; }\n${STYLE}`;
  if ('adoptedStyleSheets' in root && 'replaceSync' in CSSStyleSheet.prototype) {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
    }
    root.adoptedStyleSheets = [sheet];
  } else {
    make('style', '', root).textContent = css;
  }
};

if (!customElements.get('scan-login')) customElements.define('scan-login', ScanLogin);
