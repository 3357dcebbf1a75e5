//! One file for each way to carry frames: how a frame is wrapped, and what the client may send. `poll`, `stream`, `send` and
//! `socket` are what some of them share: one frame a request, many, messages the other way, or all of it over a WebSocket.

mod poll;
mod send;
mod socket;

pub(super) mod eventsource;
pub(super) mod htmlfile;
pub(super) mod jsonp;
pub(super) mod raw_websocket;
pub(super) mod stream;
pub(super) mod websocket;
pub(super) mod xhr;
pub(super) mod xhr_streaming;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::answer::{PLAIN, answer, empty};
use super::callback::CallbackError;
use super::frame::{CloseReason, Frame};
use super::table::ReceiveError;

/// The frame that a receiver that is turned away gets instead of a session's. There is none while the server stops: a
/// status is what a load balancer understands.
fn refusal(error: ReceiveError) -> Option<Frame> {
    match error {
        ReceiveError::Busy => Some(Frame::Close(CloseReason::STILL_OPEN)),
        ReceiveError::Full => Some(Frame::Close(CloseReason::TOO_MANY_SESSIONS)),
        ReceiveError::Stopping => None,
    }
}

/// What is said where there is no such frame.
fn unavailable() -> Response {
    empty(StatusCode::SERVICE_UNAVAILABLE)
}

impl IntoResponse for CallbackError {
    fn into_response(self) -> Response {
        answer(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, self.to_string())
    }
}
