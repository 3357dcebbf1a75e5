//! Polling with scripts and forms: `GET /S/T/jsonp` answers with a script that calls a function of the page with one frame,
//! `POST /S/T/jsonp_send` brings messages in a form.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode;

use super::super::answer::{JAVASCRIPT, PLAIN, answer};
use super::super::callback::callback;
use super::super::frame::{DecodeError, decode, script_string};
use super::super::table::Sessions;
use super::poll;

/// Answers with one frame.
pub(in super::super) async fn receive(
    sessions: &Arc<Sessions>,
    id: &str,
    parts: Parts,
    body: Body,
) -> Result<Response, Response> {
    let callback = callback(parts.uri.query()).map_err(IntoResponse::into_response)?;
    let frame = poll::poll(sessions, id, parts, body).await?;
    let mut response = answer(StatusCode::OK, JAVASCRIPT, script(&callback, &frame.text()));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// The comment keeps the answer from beginning with what the asker chose: it might be taken for a file of another kind.
fn script(callback: &str, frame: &str) -> String {
    format!("/**/{callback}({});\r\n", script_string(frame))
}

/// Takes messages. Konqueror did strange things at an answer without a body.
pub(in super::super) async fn send(
    sessions: &Sessions,
    id: &str,
    parts: Parts,
    body: Body,
) -> Result<Response, Response> {
    super::send::send(sessions, id, parts, body, messages).await?;
    Ok(answer(StatusCode::OK, PLAIN, "ok"))
}

/// A form's field `d`, or the body itself where it comes as text. A body without a type is taken as text.
pub(in super::super) fn messages(media_type: &str, body: &[u8]) -> Result<Vec<String>, DecodeError> {
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => decode(&field(body)),
        "text/plain" | "" => decode(body),
        _ => Err(DecodeError::Payload),
    }
}

/// The value of `d` in a form (URL §5.1); empty where there is none. Bytes, so that what is no UTF-8 is refused as JSON.
fn field(form: &[u8]) -> Vec<u8> {
    let mut pairs = form.split(|byte| *byte == b'&');
    let value = pairs.find_map(|pair| pair.strip_prefix(b"d=")).unwrap_or_default();
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn messages_come_in_a_field_or_as_they_are() {
        assert_eq!(messages(FORM, b"d=%5B%22a+b%22%2C%22%C3%A9%2525%22%5D").unwrap(), ["a b", "é%25"]);
        assert_eq!(messages(FORM, b"i=1&d=[\"x\"]&d=[\"y\"]").unwrap(), ["x"]);
        assert_eq!(messages("text/plain", br#"["%61bc"]"#).unwrap(), ["%61bc"]);
        assert_eq!(messages("", br#"["a"]"#).unwrap(), ["a"]);
    }

    #[test]
    fn what_is_no_list_of_messages_is_refused_by_name() {
        for body in ["", "d=", "d", "p=p", "d=%7B%7D", "xd=[]"] {
            assert_eq!(messages(FORM, body.as_bytes()), Err(DecodeError::Payload), "{body}");
        }
        for body in ["d=%5B%22x", "d=[\"%ff\"]", "d=%", "d=[\"\\ud800\"]"] {
            assert_eq!(messages(FORM, body.as_bytes()), Err(DecodeError::Json), "{body}");
        }
        assert_eq!(messages("text/html", b"[\"a\"]"), Err(DecodeError::Payload));
        assert_eq!(messages("text/plain", b"d=[]"), Err(DecodeError::Json));
    }

    #[test]
    fn a_script_calls_the_function_with_the_frame() {
        assert_eq!(script("_a.b", "o"), "/**/_a.b(\"o\");\r\n");
        assert_eq!(script("x", "a[\"<\"]"), "/**/x(\"a[\\\"\\u003c\\\"]\");\r\n");
    }
}
