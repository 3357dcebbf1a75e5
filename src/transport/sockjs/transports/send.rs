//! Requests that bring messages for a session.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap};
use http::request::Parts;

use super::super::answer::{PLAIN, answer, not_found};
use super::super::body::{self, BodyError};
use super::super::frame::{CloseReason, DecodeError, Payload};
use super::super::head::Head;
use super::super::table::Sessions;

/// Takes messages for a session that exists; else what to answer. The messages are judged before the session is looked
/// for, so that broken ones are told even where there is none.
pub(super) async fn send(
    sessions: &Sessions,
    id: &str,
    parts: Parts,
    body: Body,
    decode: impl FnOnce(&str, &[u8]) -> Result<Vec<String>, DecodeError>,
) -> Result<(), Response> {
    let body = body::read(&sessions.options, body).await.map_err(|error| {
        if error == BodyError::TooLong {
            sessions.close(id, CloseReason::TOO_BIG);
        }
        error.into_response()
    })?;
    let messages = decode(media_type(&parts.headers), &body)
        .map_err(|error| answer(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, error.to_string()))?;
    let request = sessions.options.keep_requests.then(|| Arc::new(Head::pack(parts, sessions.options.extensions)));
    let messages = messages.into_iter().map(Payload::Text).collect();
    sessions.deliver(id, messages, request).await.map_err(|_| not_found())
}

/// The content type without its parameters; empty where there is none, `?` where it is no text.
fn media_type(headers: &HeaderMap) -> &str {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return "" };
    value.to_str().map_or("?", |value| value.split(';').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_content_type_counts_without_its_parameters() {
        let judge = |value: HeaderValue| media_type(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)])).to_owned();
        assert_eq!(media_type(&HeaderMap::new()), "");
        assert_eq!(judge(HeaderValue::from_static("Text/Plain ; charset=utf-8")), "Text/Plain");
        assert_eq!(judge(HeaderValue::from_static(";charset=utf-8")), "");
        assert_eq!(judge(HeaderValue::from_bytes(b"\xff").unwrap()), "?");
    }
}
