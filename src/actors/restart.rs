use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::domain::Timestamp;

/// How often actors were restarted since the start.
#[derive(Debug, Default)]
pub struct Restarts {
    /// The registry.
    pub registry: AtomicU64,
    /// Sessions, all together.
    pub sessions: AtomicU64,
}

/// How often something may be restarted: so many times in any window, then it is given up.
#[derive(Clone, Debug)]
pub(super) struct RestartBudget {
    most: usize,
    window: Duration,
    restarts: VecDeque<Timestamp>,
}

impl Default for RestartBudget {
    /// What fails five times within a minute fails again.
    fn default() -> Self {
        Self::new(5, Duration::from_secs(60))
    }
}

impl RestartBudget {
    const fn new(most: usize, window: Duration) -> Self {
        Self { most, window, restarts: VecDeque::new() }
    }

    /// Takes one restart out of the budget; `false` where it is used up.
    pub(super) fn spend(&mut self, now: Timestamp) -> bool {
        // What lies in the future was counted before the clock was set back.
        self.restarts.retain(|then| *then <= now && then.until(now) < self.window);
        if self.restarts.len() >= self.most {
            return false;
        }
        self.restarts.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_restarts_in_a_window_and_no_more() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut budget = RestartBudget::new(2, Duration::from_secs(10));
        assert!(budget.spend(at(0)));
        assert!(budget.spend(at(5)));
        assert!(!budget.spend(at(9)));
        assert!(budget.spend(at(10)), "the first has left the window");
        assert!(!budget.spend(at(11)));
        assert!(budget.spend(at(1)), "the clock was set back");
    }
}
