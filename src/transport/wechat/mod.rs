//! WeChat as one Official Account meets it: what it pushes to us, and what we ask of it.
//!
//! [`signature`] and [`message`] are pure: bytes in, an answer out, so that the callback, the tests and a fuzzer use the
//! very same code. [`api`] is the client of WeChat's own server interface.

pub mod api;
pub(super) mod callback;
pub mod message;
pub mod signature;
