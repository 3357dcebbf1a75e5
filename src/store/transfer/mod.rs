//! The export: a journal as lines of JSON, to be carried to another store and read by other programs. `docs/en/export.md`
//! is its description.
//!
//! ```text
//! {"format":"scan-login journal","version":1,"first":1,"program":"0.1.0"}
//! {"seq":1,"body":"AQHV…"}
//! {"records":1,"last":1,"missing":[],"doubtful":[],"sha256":"…"}
//! ```
//!
//! A body is the record as it is stored, in base64, and nothing else is said of it: what it means is decoded by whoever
//! reads it, so that nothing in an export can contradict its own record, and the log's proofs hold for the copy. Every
//! line has one form only, and the last one bears a checksum over all before it: no byte can be another unnoticed.
//!
//! A log whose first records were removed by retention has version 2, and in its header what the Merkle tree needs of them.

mod read;
mod write;

use std::io;

use serde::{Deserialize, Serialize};

pub use read::ExportReader;
pub use write::ExportWriter;

const FORMAT: &str = "scan-login journal";
/// Of a log without its first records; a whole one is written as version 1.
const VERSION: u32 = 2;
const WHOLE: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// The sequence that the log begins with.
    first: u64,
    /// The version of the program that wrote it.
    program: String,
    /// From version 2 on: [`Beginning::edge`](super::Beginning::edge), in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    seq: u64,
    body: std::borrow::Cow<'a, str>,
}

/// The end of an export: what is in it, and what is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How many records there are.
    pub records: u64,
    /// The last sequence of the log that it was made of, there or not.
    pub last: u64,
    /// What could not be read: first and last sequence of each range.
    pub missing: Vec<(u64, u64)>,
    /// Records whose origin is not certain, since they were found outside of what sled has as whole.
    pub doubtful: Vec<(u64, u64)>,
    /// SHA-256 over all lines before, in hexadecimal digits.
    sha256: String,
}

impl Summary {
    /// Whether every record of the log is there, and known to be the log's own.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.doubtful.is_empty()
    }
}

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is something else.
    #[error("this is not an export of a scan-login journal")]
    Foreign,
    /// A newer program wrote it.
    #[error("the export has version {0} of the format, and this program knows version {VERSION}")]
    Newer(u32),
    /// It ends before its last line.
    #[error("the export is cut off: it ends behind line {lines}")]
    Truncated {
        /// How many whole lines there are.
        lines: u64,
    },
    /// It is not as it was written.
    #[error("the export is damaged in line {line}: {reason}")]
    Damaged {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl ExportError {
    /// What the operator can do.
    pub fn cure(&self) -> &'static str {
        match self {
            Self::Foreign => "give a file that `scan-login store export` wrote, unpacked",
            Self::Newer(_) => "run the version of scan-login that wrote it, or a later one",
            Self::Truncated { .. } | Self::Damaged { .. } => {
                "copy it once more from where it was made, or export the store again"
            }
            Self::Io(_) => "see that the file is there and can be read by this user",
        }
    }
}

/// Adds `seq` to the last range, or begins another one.
fn add(ranges: &mut Vec<(u64, u64)>, first: u64, last: u64) {
    match ranges.last_mut() {
        Some((_, end)) if first.checked_sub(1) == Some(*end) => *end = last,
        _ => ranges.push((first, last)),
    }
}

#[cfg(test)]
mod tests;
