//! The headers that many answers share.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use super::options::Options;

pub(super) const PLAIN: &str = "text/plain; charset=UTF-8";
pub(super) const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
pub(super) const HTML: &str = "text/html; charset=UTF-8";
/// Without a charset: the format has one only (HTML §9.2.5), and some browsers stumble over the parameter.
pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const JSON: &str = "application/json; charset=UTF-8";

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0");

/// A year.
const LONG: HeaderValue = HeaderValue::from_static("public, max-age=31536000");

/// Only caches that know no `max-age` look at `Expires` (RFC 9111 §5.3), so any date far away does, and no clock is asked.
const FAR_AWAY: HeaderValue = HeaderValue::from_static("Thu, 31 Dec 2037 23:55:55 GMT");

/// An answer with a body.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer without a body and without a content type.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// 404.
pub(super) fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, PLAIN, "Not found\n")
}

/// 405 with `Allow` (RFC 9110 §15.5.6).
pub(super) fn method_not_allowed(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

/// The answer to a browser that asks whether it may (Fetch §3.2.2); it may keep the answer for a year.
pub(super) fn preflight(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    keep_long(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    response
}

/// Caches may keep it for a year.
pub(super) fn keep_long(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, LONG);
    response.headers_mut().insert(header::EXPIRES, FAR_AWAY);
}

/// Caches keep nothing of it, where it does not say itself for how long they may.
pub(super) fn no_cache(response: &mut Response) {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(NO_CACHE);
}

/// What every answer of one request gets, read from the request before it is taken apart.
pub(super) struct Common {
    has_origin: bool,
    asked_headers: Option<HeaderValue>,
    allow_origin: Option<HeaderValue>,
    cookie: Option<HeaderValue>,
}

impl Common {
    pub(super) fn of(options: &Options, request: &HeaderMap) -> Self {
        let origin = request.get(header::ORIGIN);
        let asked_headers = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|value| !value.is_empty());
        let allow_origin = match origin {
            Some(origin) if options.allowed_origins.allow(origin.as_bytes()) => Some(origin.clone()),
            Some(_) => None,
            None => Some(HeaderValue::from_static("*")),
        };
        Self {
            has_origin: origin.is_some(),
            asked_headers: asked_headers.cloned(),
            allow_origin,
            cookie: options.cookie_needed.then(|| cookie(request)),
        }
    }

    /// Whether the page, where the request names one, may use the service.
    pub(super) fn is_allowed(&self) -> bool {
        self.allow_origin.is_some()
    }

    /// CORS (Fetch §3.2.3): the page's origin by name, because `*` forbids the credentials that clients send.
    pub(super) fn cors(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(allowed) = &self.allow_origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
        if self.has_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(asked) = &self.asked_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    }

    /// The cookie for sticky sessions, where the option asks for it.
    pub(super) fn cookie(&self, response: &mut Response) {
        if let Some(cookie) = &self.cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
    }
}

/// Sets the request's own `JSESSIONID` again, or a first one: load balancers put their mark into it.
fn cookie(request: &HeaderMap) -> HeaderValue {
    let lines = request.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let value = cookies.find(|(name, _)| *name == "JSESSIONID").map_or("dummy", |(_, value)| value);
    HeaderValue::try_from(format!("JSESSIONID={value}; path=/"))
        .unwrap_or_else(|_| HeaderValue::from_static("JSESSIONID=dummy; path=/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_own_cookie_is_set_again() {
        let mut request = HeaderMap::new();
        assert_eq!(cookie(&request), "JSESSIONID=dummy; path=/");
        request.insert(header::COOKIE, HeaderValue::from_static("a=b; JSESSIONID=abc=d; c"));
        assert_eq!(cookie(&request), "JSESSIONID=abc=d; path=/");
        request.insert(header::COOKIE, HeaderValue::from_static("XJSESSIONID=no"));
        assert_eq!(cookie(&request), "JSESSIONID=dummy; path=/");
    }
}
