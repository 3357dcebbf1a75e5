//! WeChat as one Official Account meets it: what it pushes to us, and what we ask of it.
//!
//! [`envelope`] and what it stands on ([`query`], [`signature`], [`crypto`], [`message`], [`reply`]) are pure: bytes in, an
//! answer out, so that the callback, the tests and a fuzzer use the very same code. [`callback`] acts on what came out of the
//! envelope; [`api`] is the client of WeChat's own server interface.

pub mod api;
pub mod callback;
pub mod crypto;
pub mod envelope;
pub mod message;
pub mod query;
pub mod reply;
pub mod signature;
