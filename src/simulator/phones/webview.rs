//! WeChat's webview in the demo's phone: it opens the page behind the link of a reply, and posts its forms.
//!
//! The page lets nobody frame it, as it should. So the phone asks for it as a phone would, and shows what it got in a frame of
//! its own, which is sandboxed: no script, nothing of the demo's page within reach. It opens nothing but `/c/…`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use url::Url;

use super::super::caller::{CallError, Called, Caller};
use super::super::wechat::USER_AGENT;

/// Where the pages are, for the daemon and for the frame.
const PAGES: &str = "c/";
const FRAMED: &str = "/demo/webview/c/";

/// A form of a button or three.
const MAX_FORM: usize = 4 * 1024;

/// What the daemon says of its page that goes for the frame, too.
const KEPT: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::REFERRER_POLICY,
    header::CACHE_CONTROL,
    header::X_CONTENT_TYPE_OPTIONS,
    header::CONTENT_LANGUAGE,
];

#[derive(Clone, Debug)]
pub(super) struct Webview {
    caller: Caller,
    pages: Url,
}

impl Webview {
    pub(super) fn new(public_url: &Url) -> Self {
        let pages = format!("{}/{PAGES}", public_url.as_str().trim_end_matches('/'));
        // Below a URL that is one, this is one.
        Self { caller: Caller::default(), pages: pages.parse().unwrap_or_else(|_| public_url.clone()) }
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route(&format!("{FRAMED}{{token}}"), get(open).post(submit).with_state(self.clone()))
            .layer(DefaultBodyLimit::max(MAX_FORM))
    }

    async fn ask(&self, method: Method, token: &str, headers: &HeaderMap, form: Bytes) -> Response {
        if !is_token(token) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let mut request = Request::builder().method(method).uri(format!("{}{token}", self.pages));
        // A form of another site stays one: the daemon sees where it stands.
        for name in [header::ORIGIN, header::CONTENT_TYPE, header::ACCEPT_LANGUAGE] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let Ok(request) = request.header(header::USER_AGENT, USER_AGENT).body(Full::from(form)) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        self.shown(self.caller.call(request).await)
    }

    fn shown(&self, called: Result<Called, CallError>) -> Response {
        let Ok(Called { status, headers, body }) = called else { return StatusCode::BAD_GATEWAY.into_response() };
        let mut response = (status, body).into_response();
        let shown = response.headers_mut();
        shown.remove(header::CONTENT_TYPE);
        for name in KEPT {
            if let Some(value) = headers.get(&name) {
                shown.insert(name, value.clone());
            }
        }
        shown.insert(header::CONTENT_SECURITY_POLICY, framed(headers.get(header::CONTENT_SECURITY_POLICY)));
        if let Some(location) = headers.get(header::LOCATION) {
            match location.to_str().ok().and_then(|location| location.strip_prefix(self.pages.as_str())) {
                Some(token) if is_token(token) => match HeaderValue::try_from(format!("{FRAMED}{token}")) {
                    Ok(location) => drop(shown.insert(header::LOCATION, location)),
                    Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
                },
                _ => return StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        response
    }
}

/// One step of a path, which leads nowhere but down.
fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_of_token)
}

/// The page's own policy, but in the frame of the demo, and in a sandbox wherever it is opened.
fn framed(policy: Option<&HeaderValue>) -> HeaderValue {
    let policy = policy.and_then(|policy| policy.to_str().ok()).unwrap_or("default-src 'none'");
    let kept = policy.split(';').map(str::trim).filter(|part| !part.is_empty() && !part.starts_with("frame-ancestors"));
    let framed = kept.chain(["frame-ancestors 'self'", "sandbox allow-forms"]).collect::<Vec<_>>().join("; ");
    HeaderValue::try_from(framed).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

async fn open(State(webview): State<Webview>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    webview.ask(Method::GET, &token, &headers, Bytes::new()).await
}

async fn submit(
    State(webview): State<Webview>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    webview.ask(Method::POST, &token, &headers, form).await
}

#[cfg(test)]
mod tests;
