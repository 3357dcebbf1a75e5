//! What is measured. Each scenario tells one object of figures, and shows the same as a table.

pub mod latency;
pub mod limits;
pub mod logins;
pub mod memory;

use std::time::Duration;

use scan_login::bench::{Pinning, Progress};

/// How much is to be measured.
pub struct Extent {
    pub pinning: Pinning,
    /// Shown while it is done.
    pub progress: Progress,
    /// How often everybody has a turn, where that is said.
    pub rounds: Option<usize>,
    /// How long a turn is.
    pub turn: Duration,
    /// How many logins at a time.
    pub lanes: usize,
    /// How many lone logins a turn.
    pub lone: usize,
    /// How many open sockets.
    pub sockets: usize,
}
