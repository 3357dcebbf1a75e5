//! What is measured. Each scenario drives a daemon in its own way, and tells one object of figures.

pub mod callback;
mod crowd;
pub mod idle;
pub mod login;
pub mod recover;
pub mod replay;
pub mod storm;

use std::time::Duration;

use super::driver::Driver;
use super::process::{CpuTimes, Process};

/// The daemon's CPU time from now on, where its process can be looked at.
#[derive(Debug)]
struct Meter(Option<(Process, CpuTimes)>);

impl Meter {
    fn start(driver: &Driver) -> Self {
        let process = driver.target().process;
        Self(process.and_then(|process| Some((process, process.cpu().ok()?))))
    }

    /// What was used since the start; none where the process was not there at either moment.
    fn used(&self) -> Option<Duration> {
        let (process, earlier) = self.0.as_ref()?;
        Some(process.cpu().ok()?.since(earlier))
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
