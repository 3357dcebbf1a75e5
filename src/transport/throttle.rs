use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Lets a log line through once in a while, however often its cause comes: strangers must not be able to fill a disk.
pub struct Throttle {
    began: Instant,
    every: Duration,
    /// Milliseconds since `began` at which the next line may come.
    next: AtomicU64,
}

impl Default for Throttle {
    /// One line every ten seconds.
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

impl Throttle {
    pub(super) fn new(every: Duration) -> Self {
        Self { began: Instant::now(), every, next: AtomicU64::new(0) }
    }

    /// Whether it is time for a line.
    pub(super) fn lets_through(&self) -> bool {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.began.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        let after = now.saturating_add(millis(self.every));
        now >= next && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_in_a_while() {
        let throttle = Throttle::new(Duration::from_secs(10));
        assert!(throttle.lets_through());
        assert!(!throttle.lets_through());
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!throttle.lets_through());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(throttle.lets_through());
    }
}
