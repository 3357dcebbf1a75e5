//! Polling: `POST /S/T/xhr` waits for one frame, `POST /S/T/xhr_send` brings messages.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::super::answer::{JAVASCRIPT, PLAIN, answer, empty, not_found};
use super::super::frame::{CloseReason, DecodeError, Frame, decode};
use super::super::table::{ReceiveError, Sessions};
use super::super::{body, options::Options};

/// Answers with one frame of the session, which is opened where there is none.
///
/// Where the client goes while this waits, the server drops this future, and the receiver in it ends the session. The
/// body is read first, though it means nothing: behind an unread body the server would not notice that the client went.
pub(in super::super) async fn poll(sessions: &Arc<Sessions>, id: &str, parts: Parts, body: Body) -> Response {
    if let Err(refusal) = body::read(&sessions.options, body).await {
        return refusal;
    }
    let frame = match sessions.receive(id, parts) {
        Ok(mut receiver) => {
            let frame = receiver.next().await;
            receiver.served();
            frame
        }
        Err(ReceiveError::Busy) => Frame::Close(CloseReason::STILL_OPEN),
        Err(ReceiveError::Full) => return empty(StatusCode::SERVICE_UNAVAILABLE),
    };
    let mut text = frame.text();
    text.push('\n');
    answer(StatusCode::OK, JAVASCRIPT, text)
}

/// Takes messages for a session that exists. The messages are judged before the session is looked for.
pub(in super::super) async fn send(sessions: &Sessions, id: &str, parts: Parts, body: Body) -> Response {
    let messages = match messages(&sessions.options, &parts.headers, body).await {
        Ok(messages) => messages,
        Err(refusal) => return refusal,
    };
    let request = sessions.options.keep_requests.then(|| Arc::new(parts));
    if sessions.deliver(id, messages, request).is_err() {
        return not_found();
    }
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PLAIN));
    response
}

async fn messages(options: &Options, headers: &HeaderMap, body: Body) -> Result<Vec<String>, Response> {
    let body = body::read(options, body).await?;
    let messages = if may_be_json(headers) { decode(&body) } else { Err(DecodeError::Payload) };
    messages.map_err(|error| answer(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, error.to_string()))
}

/// Whether the content type is one that clients were seen to send JSON under. Old browsers choose it for themselves.
fn may_be_json(headers: &HeaderMap) -> bool {
    const TYPES: [&str; 6] = ["text/plain", "T", "application/json", "application/xml", "text/xml", ""];
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_under_many_content_types() {
        let judge = |value: &'static str| {
            may_be_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(may_be_json(&HeaderMap::new()));
        for value in ["text/plain", "T", "application/json", "application/xml", "text/xml", "", ";charset=utf-8"] {
            assert!(judge(value), "{value}");
        }
        assert!(judge("text/plain;charset=UTF-8"));
        assert!(judge("Application/JSON ; charset=utf-8"));
        assert!(!judge("application/x-www-form-urlencoded"));
        assert!(!judge("text/html"));
    }
}
