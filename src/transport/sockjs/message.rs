//! A message from the client, and what it weighs while it waits.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::frame::Payload;
use super::head::Head;

/// What keeping a message costs beside its payload; so that a flood of empty ones is bounded, too.
pub(super) const OVERHEAD: usize = 32;

/// A message from the client.
#[derive(Clone)]
pub struct Message {
    payload: Payload,
    request: Option<Arc<Head>>,
    /// What it counts for as long as it waits.
    weight: usize,
}

impl Message {
    /// What was said; empty where it was no text.
    pub fn text(&self) -> &str {
        match &self.payload {
            Payload::Text(text) => text,
            Payload::Binary(_) => "",
        }
    }

    /// What was said, text or not.
    pub fn into_payload(self) -> Payload {
        self.payload
    }

    /// The request, without its body, that brought this message, where it came in one of its own and
    /// [`Options::keep_requests`](super::Options::keep_requests) says so. `None` over a WebSocket: there the request that
    /// [opened](super::Connection::request) it brings everything.
    pub fn request(&self) -> Option<&Parts> {
        self.request.as_deref().map(Head::parts)
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")
    }
}

/// The messages that one request brought, where it is kept: they share it, and its weight goes with the last of them.
pub(super) fn of_request(payloads: Vec<Payload>, request: Option<Arc<Head>>) -> Vec<Message> {
    let message = |payload: Payload| Message { weight: payload.len() + OVERHEAD, payload, request: request.clone() };
    let mut messages: Vec<Message> = payloads.into_iter().map(message).collect();
    if let (Some(last), Some(request)) = (messages.last_mut(), &request) {
        last.weight += request.weight();
    }
    messages
}
