//! What id tokens are signed with (RFC 7515, RFC 7517): keys that are made, published, used and put away by themselves.
//!
//! ```text
//! made ──(1 day: published, so that caches know it)──► signs ──(90 days)──► published on ──(2 days)──► removed
//!                                                        └─ 1 day before its end the next is made
//! ```

mod folder;
mod ring;
mod rotation;
mod signing_key;

pub use ring::{KeyRing, SignError};
pub use signing_key::Algorithm;
