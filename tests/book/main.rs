//! The book in `docs/en` and `docs/zh`: what it shows is so. Samples parse or run, links lead somewhere, and both languages have
//! the same pages with the same samples.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod built;
mod configuration;
mod first_website;
mod links;
mod pages;
mod samples;
#[allow(dead_code, reason = "the daemon's own tests use more of it")]
#[path = "../daemon/support.rs"]
mod support;
mod twins;
