//! Pages in a real browser, against the running daemon: the original page, its own script on the libraries that it names; the
//! hosted login page and the widget; and the demo.
//!
//! Chromium, its driver and the pages' libraries must be there; `./test` installs them.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod browser;
mod dashboard;
mod demo;
mod login_page;
mod looks;
mod network;
mod original_page;
mod panel;
mod phone;
#[path = "../daemon/places.rs"]
mod places;
mod screen;
mod sessions_api;
mod shop;
#[path = "../daemon/support.rs"]
#[expect(dead_code, reason = "the stories here need only a part of it")]
mod support;
mod website;
mod widget;
