//! The daemon and the load on processors of their own, so that neither takes the other's time.

use rustix::io;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// Which processors are whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pinning {
    /// The daemon's.
    pub daemon: Vec<usize>,
    /// The load generator's, which has one thread.
    pub load: usize,
}

impl Pinning {
    /// The first `cores` for the daemon, the last for the load; none where that would be the same one.
    pub fn new(cores: usize) -> Option<Self> {
        Self::among(&processors(), cores)
    }

    /// The most that `cores` may be here: the load has one of its own.
    pub fn most_cores() -> usize {
        processors().len().saturating_sub(1)
    }

    fn among(all: &[usize], cores: usize) -> Option<Self> {
        let (&load, others) = all.split_last()?;
        let daemon = others.get(..cores).filter(|daemon| !daemon.is_empty())?.to_vec();
        Some(Self { daemon, load })
    }

    /// Runs this thread, and what it starts from now on, on the load's processor.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn pin_load(&self) -> io::Result<()> {
        sched_setaffinity(None, &set(&[self.load]))
    }

    /// Does `work`, which starts the daemon: a process inherits where it may run from who starts it.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn starting_daemon<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let here = sched_getaffinity(None)?;
        sched_setaffinity(None, &set(&self.daemon))?;
        let done = work();
        sched_setaffinity(None, &here)?;
        Ok(done)
    }
}

/// Those that this thread may run on; none where the system does not say.
fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect()
}

fn set(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_gets_the_last_and_the_daemon_the_first() {
        let pinning = |all: &[usize], cores| Pinning::among(all, cores).map(|pinning| (pinning.daemon, pinning.load));
        assert_eq!(pinning(&[0, 1], 1), Some((vec![0], 1)));
        assert_eq!(pinning(&[2, 3, 6, 7], 2), Some((vec![2, 3], 7)));
        assert_eq!(pinning(&[0, 1, 2, 3], 3), Some((vec![0, 1, 2], 3)));
        for none in [pinning(&[0], 1), pinning(&[0, 1], 2), pinning(&[0, 1], 0), pinning(&[], 1)] {
            assert_eq!(none, None, "nobody is pinned where there are too few");
        }
    }

    #[test]
    fn what_is_started_for_the_daemon_runs_there_and_this_thread_stays_where_it_was() {
        let Some(pinning) = Pinning::new(1) else { return };
        let before = sched_getaffinity(None).unwrap();
        let inside = pinning.starting_daemon(|| sched_getaffinity(None).unwrap()).unwrap();
        assert_eq!(inside, set(&pinning.daemon));
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
