use data_encoding::HEXLOWER;

use crate::clock::random_bytes;

/// A name that no other log has, for the log of the site `site` (host and path of its public URL).
pub(super) fn new(site: &str) -> String {
    format!("{site}/{}", HEXLOWER.encode(&random_bytes::<8>()))
}

/// Begins the line of a checkpoint that says of which log this one is a fork.
const FORK: &str = "fork of ";

/// The line that the first checkpoint of a fork has beyond the usual ones.
pub(super) fn fork_line(of: &str, size: u64) -> String {
    format!("{FORK}{of} behind its checkpoint of {size} records")
}
