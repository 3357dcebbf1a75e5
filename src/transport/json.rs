use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::headers::PRIVATE;

/// What a session's beginning takes, which is the longest of the frequent ones.
const ROOM: usize = 1024;

/// An answer in JSON, for one reader.
pub(super) fn private(status: StatusCode, told: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(ROOM);
    // What is told is made of texts and numbers, which can always be written.
    if serde_json::to_writer(&mut body, told).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(PRIVATE);
    response
}
