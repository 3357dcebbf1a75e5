//! `GET /info`: what a client needs to know before it chooses a transport.

use axum::response::Response;
use http::StatusCode;

use super::answer::{JSON, answer};
use super::options::Options;

/// # Panics
/// Where the operating system has no randomness to give: clients would make session ids that others can guess.
pub(super) fn info(options: &Options) -> Response {
    let entropy = getrandom::u32().expect("the operating system gives no random bytes");
    let Options { websocket, cookie_needed, .. } = options;
    let json =
        format!(r#"{{"websocket":{websocket},"origins":["*:*"],"cookie_needed":{cookie_needed},"entropy":{entropy}}}"#);
    answer(StatusCode::OK, JSON, json)
}
