//! Reading the journal: which events, and how they look as lines and as a table.
//!
//! Shared by the admin socket, which reads beside a running daemon, and by the command line, which reads without one, so
//! that both mean the same by a filter and print the same lines. Nothing here reads the journal itself.

mod filter;
mod line;
mod persons;
mod table;
mod time;

pub use filter::{Filter, FilterError, Selector};
pub use line::{to_map, write_jsonl};
pub use persons::Identify;
pub use table::{Look, Table};
pub use time::{Edge, TimeError, parse_moment, parse_rfc3339};
