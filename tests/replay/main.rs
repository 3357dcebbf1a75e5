//! Reading the journal over real sockets and from a real store: the admin interfaces, and the command that uses them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod archived;
mod asking;
mod command;
mod moment;
mod month;
mod records;
mod report;
mod support;
