//! The demo's page and everything that it talks to beside the daemon.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::hooks::Hooks;
use super::phones::Phones;
use super::relying_party::RelyingParty;
use super::sites;
use super::tape::Tape;
use super::website::Website;

const INDEX: &str = include_str!("../../web/demo/index.html");
pub(super) const STYLE: &str = include_str!("../../web/demo/demo.css");
const ICON: &str = include_str!("../../web/demo/icon.svg");

/// By what they import each other as.
const SCRIPTS: [(&str, &str); 8] = [
    ("/demo/demo.js", include_str!("../../web/demo/demo.js")),
    ("/demo/panel.js", include_str!("../../web/demo/panel.js")),
    ("/demo/phone.js", include_str!("../../web/demo/phone.js")),
    ("/demo/conversation.js", include_str!("../../web/demo/conversation.js")),
    ("/demo/hooks.js", include_str!("../../web/demo/hooks.js")),
    ("/demo/lost.js", include_str!("../../web/demo/lost.js")),
    ("/demo/tape.js", include_str!("../../web/demo/tape.js")),
    ("/demo/text.js", include_str!("../../web/demo/text.js")),
];

/// Nothing inline, nothing from elsewhere, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/` and all of `/demo/**` but the simulated WeChat's own interface. The second website's visitors confirm on
/// their phones, the third's in the conversation; the fourth is the original page. Beside them, a website with the widget and one that uses OpenID Connect.
pub fn router(
    public_url: Url,
    [website, confirming, chat, original]: [&Website; 4],
    more: [&RelyingParty; 2],
    hooks: &Hooks,
    phones: &Phones,
    tape: &Tape,
) -> Router {
    let mut assets = Router::new()
        .route("/demo/demo.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/demo/icon.svg", get(async || asset("image/svg+xml", ICON)));
    for (path, script) in SCRIPTS {
        assets = assets.route(path, get(async move || asset("text/javascript; charset=utf-8", script)));
    }
    Router::new()
        .route("/", get(index).with_state(public_url))
        .merge(assets)
        .nest("/demo/shop", website.router())
        .nest("/demo/shop/tap", confirming.router())
        .nest("/demo/shop/chat", chat.router())
        .merge(sites::router(more, original))
        .merge(hooks.router())
        .merge(phones.router())
        .merge(tape.router())
        .layer(axum::middleware::map_response(guarded))
        // With the policy of the pages that it shows.
        .merge(phones.webview())
}

/// The daemon's addresses begin with its public URL, so the page must be there, too: `localhost` is another origin than
/// `127.0.0.1`.
async fn index(State(public_url): State<Url>, headers: HeaderMap) -> Response {
    let called = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if called.is_some_and(|called| called != public_url.authority()) {
        return Redirect::temporary(public_url.as_str()).into_response();
    }
    asset("text/html; charset=utf-8", INDEX)
}

pub(super) fn asset(media_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

pub(super) async fn guarded(mut response: Response) -> Response {
    let set: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in set {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
