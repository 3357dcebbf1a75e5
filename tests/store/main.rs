//! The journal as a whole: exported and imported, backed up and restored, damaged, of older programs, and not ours at all.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod backups;
mod bad_input;
mod damaged;
mod exports;
mod older;
mod program;
mod retained;
mod support;
#[path = "../replay/support.rs"]
mod world;
