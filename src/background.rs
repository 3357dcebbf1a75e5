//! Work that can wait, on threads that have nothing else to do: docs/adr/0035.

use std::time::{Duration, Instant};

/// So long it works without a rest, and so long is the rest.
const AT_ONCE: Duration = Duration::from_millis(1);
const REST: Duration = Duration::from_millis(4);

/// What nice(2) calls it: beside who is at work this thread gets a tenth of the processor, and an idle one whole. Less, and what
/// it holds while it is displaced would be waited for.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Work for which nobody waits. A thread that went on and on with it would take half of a processor from who is at work.
pub(crate) struct Unhurried {
    since: Instant,
}

impl Unhurried {
    /// Lets all others go first, from here to this thread's end: it cannot be taken back. Only where each thread has a priority of
    /// its own, as on Linux (setpriority(2), "C library/kernel differences").
    pub(crate) fn begin() -> Self {
        #[cfg(target_os = "linux")]
        if let Err(error) = let_others_go_first() {
            tracing::debug!(%error, "the priority of work that can wait cannot be lowered: it takes its share beside the logins");
        }
        Self { since: Instant::now() }
    }

    /// To be called every few steps, with nothing held that others need.
    pub(crate) fn rest(&mut self) {
        if is_due(self.since.elapsed()) {
            std::thread::sleep(REST);
            self.since = Instant::now();
        }
    }
}

/// An operator may have given the whole program less.
#[cfg(target_os = "linux")]
fn let_others_go_first() -> rustix::io::Result<()> {
    use rustix::process::{getpriority_process, setpriority_process};
    if getpriority_process(None)? < NICE { setpriority_process(None, NICE) } else { Ok(()) }
}

fn is_due(worked: Duration) -> bool {
    worked >= AT_ONCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_when_it_has_worked_and_not_at_each_step() {
        assert!(!is_due(AT_ONCE / 2));
        assert!(is_due(AT_ONCE) && is_due(AT_ONCE * 100));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_thread_lets_the_others_go_first() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let lowered = std::thread::spawn(move || {
            Unhurried::begin();
            priority()
        });
        assert_eq!(lowered.join().unwrap(), before.max(NICE));
        assert_eq!(priority(), before);
    }
}
