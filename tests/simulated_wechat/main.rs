//! The simulated WeChat and its phones, against a callback that reads pushes as the daemon does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod delivery;
mod faults;
mod people;
mod support;
