//! Which pages of other origins may speak to us, and what their browsers are told (Fetch Standard, CORS protocol).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::config::{Client, Config};

use super::problem::Problem;

/// How long a browser may keep the answer to its preflight.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// The origin that a request names. None comes from the same origin, or from no browser.
pub(super) fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(header::ORIGIN)
}

/// Whether `origin` is one of the client's, or ours.
pub(super) fn is_clients(origin: &HeaderValue, client: &Client, config: &Config) -> bool {
    origin == config.server.public_url.origin() || client.origins.iter().any(|known| origin == known.as_str())
}

/// Whether `origin` is any client's, or ours.
pub(super) fn is_any_clients(origin: &HeaderValue, config: &Config) -> bool {
    config.clients.iter().any(|client| is_clients(origin, client, config))
}

/// 403: the origin is a stranger's.
pub(super) fn foreign() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "this Origin is not one of the client's")
}

/// Lets pages of the clients read `response`. Whatever authorizes them travels in a header of their own, so no cookie has to.
pub(super) fn let_read(mut response: Response, headers: &HeaderMap, config: &Config) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin(headers).filter(|origin| is_any_clients(origin, config)) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static("retry-after");
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

/// The answer to a preflight for these methods.
pub(super) fn preflight(headers: &HeaderMap, methods: &'static [Method], config: &Config) -> Response {
    if !origin(headers).is_some_and(|origin| is_any_clients(origin, config)) {
        return let_read(foreign().into_response(), headers, config);
    }
    let mut response = let_read(StatusCode::NO_CONTENT.into_response(), headers, config);
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, names);
    }
    let allowed = HeaderValue::from_static("authorization, content-type, last-event-id");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    response.headers_mut().insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    response
}
