//! Reading the journal: which events, where sessions stood, and how that looks as lines and as a table.
//!
//! Shared by the admin socket, which reads beside a running daemon, and by the command line, which reads without one, so
//! that both mean the same by a filter and print the same lines. Nothing here reads the journal itself.

mod course;
mod filter;
mod line;
mod moment;
mod persons;
mod report;
mod table;
mod time;

pub use course::{Course, Courses, Stage};
pub use filter::{Filter, FilterError, Selector};
pub use line::{LineError, read_jsonl, to_map, write_jsonl};
pub use moment::{Moment, Scanner, Standing};
pub use persons::Identify;
pub use report::{Counts, Facts, Histogram, Numbers, Range, Report, Step, Timeline, render};
pub use table::{GoingOnTable, Look, SessionTable, Table, sheet};
pub use time::{Edge, TimeError, local_time, parse_moment, parse_rfc3339, zone_name};

#[cfg(test)]
mod tests;
