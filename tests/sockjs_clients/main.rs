//! Clients of SockJS's own authors, unmodified, against our server, in Node and in Chromium; and their server beside ours.
//!
//! Node, Chromium, its driver and the packages must be there; `./test` installs them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../browser/browser.rs"]
#[expect(dead_code, reason = "the pages here need only a part of it")]
mod browser;
#[path = "../sockjs/chunks.rs"]
mod chunks;
mod conversation;
mod in_chromium;
mod in_node;
mod node;
mod reference;
mod server;
mod support;
