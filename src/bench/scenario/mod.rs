//! What is measured. Each scenario drives a daemon in its own way, and tells one object of figures.

pub mod callback;
mod crowd;
pub mod idle;
pub mod login;
pub mod recover;
pub mod replay;
pub mod storm;

use std::time::Duration;

use tokio::time::Instant;

use super::driver::Driver;
use super::figures::{micros_each, rounded};
use super::process::{CpuTimes, Process};

/// CPU time from now on: the daemon's, where its process can be looked at, and our own.
#[derive(Debug)]
struct Meter {
    began: Instant,
    daemon: Option<(Process, CpuTimes)>,
    load: Option<(Process, CpuTimes)>,
}

impl Meter {
    fn start(driver: &Driver) -> Self {
        let read = |process: Process| Some((process, process.cpu().ok()?));
        let this = Process { id: std::process::id() };
        Self { began: Instant::now(), daemon: driver.target().process.and_then(read), load: read(this) }
    }

    /// What was used since the start.
    fn read(&self) -> Metered {
        let took = self.began.elapsed();
        let used = |earlier: &Option<(Process, CpuTimes)>| {
            let (process, earlier) = earlier.as_ref()?;
            Some(process.cpu().ok()?.since(earlier))
        };
        Metered { daemon: used(&self.daemon), load: used(&self.load), took }
    }
}

/// What was used of the processors; none where a process was not there at either moment.
#[derive(Clone, Copy, Debug)]
struct Metered {
    daemon: Option<Duration>,
    load: Option<Duration>,
    took: Duration,
}

impl Metered {
    /// The daemon's for each of so many, in microseconds; none of a process that has done nothing, and so is not the daemon.
    fn daemon_us_each(&self, count: u64) -> Option<f64> {
        self.daemon.filter(|used| !used.is_zero()).map(|used| micros_each(used, count))
    }

    /// The daemon's, in percent of one processor.
    fn daemon_percent(&self) -> Option<f64> {
        self.daemon.map(|used| self.percent(used))
    }

    /// The load's: it has one thread, so near 100 it is the load that does not do more.
    fn load_percent(&self) -> Option<f64> {
        self.load.map(|used| self.percent(used))
    }

    fn percent(&self, used: Duration) -> f64 {
        rounded(used.as_secs_f64() / self.took.as_secs_f64().max(1e-9) * 100.0)
    }
}

/// How many there are to be done, or for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many.
    Count(u64),
    /// For so long.
    Time(Duration),
}
