//! `/widget.js`, the one thing here that pages of any website may load; and its description for TypeScript.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::keys::sha256;

use super::scripts::{WIDGET, WIDGET_TYPES};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// As long as a browser shows an old widget after the daemon was upgraded.
const FRESH: &str = "public, max-age=3600";

static SCRIPT_TAG: LazyLock<String> = LazyLock::new(|| entity_tag(&WIDGET));
static TYPES_TAG: LazyLock<String> = LazyLock::new(|| entity_tag(WIDGET_TYPES));

/// `GET /widget.js`.
pub(super) async fn script(headers: HeaderMap) -> Response {
    let mut response = file(&headers, "text/javascript; charset=utf-8", &SCRIPT_TAG, &WIDGET);
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// `GET /widget.d.ts`.
pub(super) async fn types(headers: HeaderMap) -> Response {
    file(&headers, "text/plain; charset=utf-8", &TYPES_TAG, WIDGET_TYPES)
}

/// The file, or 304 where the browser has it already (RFC 9110 §13.1.2).
fn file(headers: &HeaderMap, media_type: &'static str, tag: &str, body: &'static str) -> Response {
    let common = [(header::ETAG, tag), (header::CACHE_CONTROL, FRESH), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = |held: &str| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag;
    if known.flat_map(|value| value.split(',')).any(|held| is_known(held.trim())) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, media_type)], body).into_response()
}

/// A strong entity tag: a digest of the bytes (RFC 9110 §8.8.3).
fn entity_tag(text: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&sha256(text.as_bytes()).0[..12]))
}
