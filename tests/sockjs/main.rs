//! The SockJS server as its clients meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod polling;
mod timing;
mod urls;
mod websocket;
