//! The original page in a real browser, its own script on the libraries that it names, against the running daemon; and the
//! demo.
//!
//! Chromium, its driver and the page's libraries must be there; `./test` installs them.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod browser;
mod demo;
mod network;
mod original_page;
mod sessions_api;
#[path = "../daemon/support.rs"]
#[expect(dead_code, reason = "the stories here need only a part of it")]
mod support;
mod website;
