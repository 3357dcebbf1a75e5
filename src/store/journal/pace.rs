//! How fast the journal is written, as it shows by what was written last: how long what waits will take, and whether it pays
//! to wait for others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the newest group counts for, against all before: a quarter. One slow sync among fast ones is soon forgotten.
const NEWEST: u32 = 4;

/// While appends share syncs, a sync begins so long after the one before at the earliest.
const BETWEEN_SHARED: Duration = Duration::from_millis(1);

/// Whether appends come so close together that a sync waits for more of them: what it gathers costs less than a sync for each,
/// and leaves the processor to the logins. Who appends alone never waits (docs/adr/0034).
#[derive(Default)]
pub(super) struct Sharing {
    /// When the last group began, where it was more than one append.
    began: Option<Instant>,
}

impl Sharing {
    /// A group of so many appends begins to be written.
    pub(super) fn begins(&mut self, appends: usize, now: Instant) {
        self.began = (appends > 1).then_some(now);
    }

    /// How long the next one waits for others.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.began.map_or(Duration::ZERO, |began| BETWEEN_SHARED.saturating_sub(now.duration_since(began)))
    }
}

/// What is measured of the groups that are written.
#[derive(Default)]
pub(super) struct Pace(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    /// How long a group takes.
    group: Duration,
    /// Since when the group under way is written, where there is one.
    began: Option<Instant>,
}

impl Pace {
    /// A group begins to be written.
    pub(super) fn begins(&self, now: Instant) {
        self.measured().began = Some(now);
    }

    /// It is written.
    pub(super) fn ends(&self, now: Instant) {
        let mut measured = self.measured();
        let Some(began) = measured.began.take() else { return };
        let took = now.duration_since(began);
        measured.group = measured.group * (NEWEST - 1) / NEWEST + took / NEWEST;
    }

    /// How long it takes until the group under way and so many `groups` behind it are written. Nothing where there is nothing:
    /// however slow the last group was, the next may be written as soon as it comes, and tells how it is now.
    pub(super) fn backlog(&self, groups: u32, now: Instant) -> Duration {
        let measured = self.measured();
        let Some(began) = measured.began else { return measured.group * groups };
        // Of what has lasted longer than the others nothing is known but that it lasts: it is taken to last as long again.
        let age = now.duration_since(began);
        let group = measured.group.max(age);
        let rest = if age < measured.group { measured.group - age } else { age };
        rest + group * groups
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn written(pace: &Pace, began: Instant, took: Duration) -> Instant {
        pace.begins(began);
        pace.ends(began + took);
        began + took
    }

    #[test]
    fn who_appends_alone_waits_for_nobody() {
        let (mut sharing, now) = (Sharing::default(), Instant::now());
        assert_eq!(sharing.wait(now), Duration::ZERO);
        sharing.begins(1, now);
        assert_eq!(sharing.wait(now), Duration::ZERO);
    }

    #[test]
    fn behind_a_sync_that_was_shared_others_are_waited_for_until_a_millisecond_has_passed() {
        let (mut sharing, now) = (Sharing::default(), Instant::now());
        sharing.begins(2, now);
        assert_eq!(sharing.wait(now + Duration::from_micros(300)), Duration::from_micros(700));
        assert_eq!(sharing.wait(now + ms(5)), Duration::ZERO);
        sharing.begins(1, now);
        assert_eq!(sharing.wait(now), Duration::ZERO, "they are alone again");
    }

    #[test]
    fn what_waits_takes_as_long_as_what_was_written_last() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(pace.backlog(3, now), Duration::ZERO, "nothing was measured yet");
        for _ in 0..40 {
            now = written(&pace, now, ms(20));
        }
        let backlog = pace.backlog(3, now);
        assert!(backlog > ms(59) && backlog <= ms(60), "{backlog:?}");
        for _ in 0..40 {
            now = written(&pace, now, ms(2));
        }
        assert!(pace.backlog(3, now) < ms(7), "a disk that has recovered is not told of");
    }

    #[test]
    fn one_slow_sync_among_fast_ones_counts_for_a_quarter() {
        let (pace, now) = (Pace::default(), Instant::now());
        let now = written(&pace, now, ms(400));
        assert_eq!(pace.backlog(1, now), ms(100));
    }

    #[test]
    fn however_slow_the_last_group_was_nothing_waits_where_nothing_is_asked_for() {
        let (pace, now) = (Pace::default(), Instant::now());
        let now = written(&pace, now, Duration::from_secs(60));
        assert_eq!(pace.backlog(0, now), Duration::ZERO);
    }

    #[test]
    fn a_sync_that_does_not_come_back_shows_while_it_lasts() {
        let (pace, now) = (Pace::default(), Instant::now());
        let now = written(&pace, now, ms(40));
        pace.begins(now);
        assert_eq!(pace.backlog(0, now + ms(4)), ms(6), "of ten milliseconds, four have passed");
        assert_eq!(pace.backlog(0, now + ms(500)), ms(500));
        assert_eq!(pace.backlog(2, now + ms(500)), ms(1500));
    }
}
