//! The SockJS server as its clients meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chunks;
mod support;

mod gaps;
mod hostile;
mod iframe;
mod jsonp;
mod limits;
mod polling;
mod raw_websocket;
mod streaming;
mod timing;
mod urls;
mod websocket;
