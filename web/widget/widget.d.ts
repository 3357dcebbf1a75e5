// <scan-login>, as defined by /widget.js. Docs: docs/en/widget.md.

export interface ScanLoginScanned {
  /** The number to pick on the phone, where the website asks for one. */
  number?: number;
}

export interface ScanLoginConfirmed {
  /** The one-time authorization code; the website's back end redeems it with its code verifier. */
  code: string;
  /** The redirect URI with `code`, `state` and `iss`. The page goes there unless the event is cancelled. */
  redirectTo?: string;
}

export interface ScanLoginDenied {
  /** The redirect URI with `error=access_denied`. */
  redirectTo?: string;
}

export interface ScanLoginError {
  /**
   * The daemon's word for the problem, such as `wechat_away`, `paused`, `unknown_client`; or `foreign_origin` where this page's
   * origin is not one of the client's, and `attributes_missing`.
   */
  code: string;
  /** A sentence for developers. */
  detail?: string;
}

export interface ScanLoginEventMap {
  'scan-login-scanned': CustomEvent<ScanLoginScanned>;
  'scan-login-confirmed': CustomEvent<ScanLoginConfirmed>;
  'scan-login-denied': CustomEvent<ScanLoginDenied>;
  'scan-login-expired': CustomEvent<Record<string, never>>;
  'scan-login-error': CustomEvent<ScanLoginError>;
}

/**
 * Attributes: `client-id` must be there; `redirect-uri`, where the client has any registered; `code-challenge` (RFC 7636, S256),
 * unless the client has `pkce = "optional"`. `state`, `nonce`, `scope`, `lang`, `ui-locales` (BCP 47 tags, best first) and
 * `max-renewals` (3) may be there.
 */
export interface ScanLoginElement extends HTMLElement {
  /** Shows a new code. */
  refresh(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'scan-login': ScanLoginElement;
  }
  interface HTMLElementEventMap extends ScanLoginEventMap {}
}
