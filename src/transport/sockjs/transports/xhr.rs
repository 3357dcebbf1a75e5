//! Polling: `POST /S/T/xhr` waits for one frame, `POST /S/T/xhr_send` brings messages.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::super::answer::{JAVASCRIPT, PLAIN, answer, empty};
use super::super::frame::{DecodeError, decode};
use super::super::table::Sessions;
use super::poll;

/// Answers with one frame.
pub(in super::super) async fn receive(
    sessions: &Arc<Sessions>,
    id: &str,
    parts: Parts,
    body: Body,
) -> Result<Response, Response> {
    let mut text = poll::poll(sessions, id, parts, body).await?.text();
    text.push('\n');
    Ok(answer(StatusCode::OK, JAVASCRIPT, text))
}

/// Takes messages. There is nothing to answer, but Firefox took an answer without a type for broken XML.
pub(in super::super) async fn send(
    sessions: &Sessions,
    id: &str,
    parts: Parts,
    body: Body,
) -> Result<Response, Response> {
    super::send::send(sessions, id, parts, body, messages).await?;
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PLAIN));
    Ok(response)
}

fn messages(media_type: &str, body: &[u8]) -> Result<Vec<String>, DecodeError> {
    if may_be_json(media_type) { decode(body) } else { Err(DecodeError::Payload) }
}

/// Whether the content type is one that clients were seen to send JSON under. Old browsers choose it for themselves.
fn may_be_json(media_type: &str) -> bool {
    const TYPES: [&str; 6] = ["text/plain", "T", "application/json", "application/xml", "text/xml", ""];
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_under_many_content_types() {
        for media_type in ["text/plain", "T", "Application/JSON", "application/xml", "text/xml", ""] {
            assert_eq!(messages(media_type, b"[\"a\"]").unwrap(), ["a"], "{media_type}");
        }
        for media_type in ["application/x-www-form-urlencoded", "text/html", "?"] {
            assert_eq!(messages(media_type, b"[\"a\"]"), Err(DecodeError::Payload), "{media_type}");
        }
    }
}
