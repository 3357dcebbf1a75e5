//! Clients of OpenID Connect that others have written log in through the daemon: npm's openid-client, PyPI's Authlib, and
//! the crate openidconnect, each as its documentation says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod back_end;
mod in_rust;
mod others;
#[path = "../second_opinion/python.rs"]
mod python;
#[allow(dead_code, reason = "the daemon's own tests use more of it")]
#[path = "../daemon/support.rs"]
mod support;
