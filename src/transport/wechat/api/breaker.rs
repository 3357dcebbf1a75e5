//! While WeChat does not answer, nobody waits for it: after some absences in a row, calls fail at once for a while that
//! grows; then one call is let through to see, and only its success lets the others follow.
//!
//! Pure: the time is handed in, and what a call brought is told.

use std::time::Duration;

use tokio::time::Instant;

/// So many absences in a row, and it is no longer chance.
const ABSENCES: u32 = 5;
/// How long calls rest at first, and at most.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A probe that has not come back by then has been given up by its caller, and another is let through.
const PROBE: Duration = Duration::from_secs(10);

/// Decides whether a call may go out now.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Calls go out. So many have met nobody since one last did.
    Closed { absences: u32 },
    /// Nobody is asked before `until`.
    Open { until: Instant, rest: Duration },
    /// One call is out to see.
    Probing { since: Instant, rest: Duration },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { absences: 0 }
    }
}

/// A call that may go out; it is handed back with what became of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Pass {
    is_probe: bool,
}

/// What changed with what a call brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// From now on nobody is asked for this long.
    Opened(Duration),
    /// Calls go out again.
    Closed,
}

impl Breaker {
    /// A pass, or how long to wait at least.
    pub(super) fn ask(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => Ok(Pass { is_probe: false }),
            State::Open { until, .. } if now < until => Err(until - now),
            State::Probing { since, .. } if now < since + PROBE => Err(REST.0),
            State::Open { rest, .. } | State::Probing { rest, .. } => {
                self.state = State::Probing { since: now, rest };
                Ok(Pass { is_probe: true })
            }
        }
    }

    /// WeChat answered, be it a refusal. Whichever call that was, it is there.
    pub(super) fn answered(&mut self, _: Pass) -> Change {
        let was_closed = matches!(self.state, State::Closed { .. });
        self.state = State::default();
        if was_closed { Change::None } else { Change::Closed }
    }

    /// Nobody answered. Calls that had gone out before the rest began do not prolong it.
    pub(super) fn absent(&mut self, pass: Pass, now: Instant) -> Change {
        let rest = match self.state {
            State::Closed { absences } if absences + 1 < ABSENCES => {
                self.state = State::Closed { absences: absences + 1 };
                return Change::None;
            }
            State::Closed { .. } => REST.0,
            State::Probing { rest, .. } if pass.is_probe => (rest * 2).min(REST.1),
            State::Open { .. } | State::Probing { .. } => return Change::None,
        };
        self.state = State::Open { until: now + rest, rest };
        Change::Opened(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A breaker that has just opened at `now`.
    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for count in 1..=ABSENCES {
            let pass = breaker.ask(now).unwrap();
            let expected = if count == ABSENCES { Change::Opened(secs(1)) } else { Change::None };
            assert_eq!(breaker.absent(pass, now), expected);
        }
        breaker
    }

    #[test]
    fn some_absences_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..ABSENCES {
                let pass = breaker.ask(now).unwrap();
                assert_eq!(breaker.absent(pass, now), Change::None);
            }
            let pass = breaker.ask(now).unwrap();
            assert_eq!(breaker.answered(pass), Change::None, "an answer in between begins the count anew");
        }
        assert_eq!(opened(now).ask(now), Err(secs(1)));
    }

    #[test]
    fn after_the_rest_one_call_goes_out_and_the_others_wait_for_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.ask(now + secs(1) - Duration::from_millis(1)), Err(Duration::from_millis(1)));
        let probe = breaker.ask(now + secs(1)).unwrap();
        assert_eq!(breaker.ask(now + secs(2)), Err(secs(1)));
        assert_eq!(breaker.answered(probe), Change::Closed);
        assert!(breaker.ask(now + secs(2)).is_ok());
    }

    #[test]
    fn the_rest_grows_to_half_a_minute_and_begins_small_again() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        now += secs(1);
        for rest in [2, 4, 8, 16, 30, 30, 30] {
            let probe = breaker.ask(now).unwrap();
            assert_eq!(breaker.absent(probe, now), Change::Opened(secs(rest)));
            assert_eq!(breaker.ask(now), Err(secs(rest)));
            now += secs(rest);
        }
        let probe = breaker.ask(now).unwrap();
        assert_eq!(breaker.answered(probe), Change::Closed);
        for _ in 1..ABSENCES {
            let pass = breaker.ask(now).unwrap();
            assert_eq!(breaker.absent(pass, now), Change::None);
        }
        let pass = breaker.ask(now).unwrap();
        assert_eq!(breaker.absent(pass, now), Change::Opened(secs(1)));
    }

    #[test]
    fn calls_that_were_out_already_do_not_prolong_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let mut passes: Vec<Pass> = (0..50).map(|_| breaker.ask(now).unwrap()).collect();
        let late = passes.split_off(ABSENCES as usize);
        for pass in passes {
            let _ = breaker.absent(pass, now);
        }
        let mut late = late.into_iter();
        assert_eq!(breaker.absent(late.next().unwrap(), now + Duration::from_millis(500)), Change::None);
        let probe = breaker.ask(now + secs(1)).unwrap();
        assert_eq!(breaker.absent(late.next().unwrap(), now + secs(1)), Change::None, "it is not the probe");
        assert_eq!(breaker.absent(probe, now + secs(2)), Change::Opened(secs(2)));
        assert_eq!(breaker.answered(late.next().unwrap()), Change::Closed, "somebody is there");
    }

    #[test]
    fn a_probe_whose_caller_gave_up_is_followed_by_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let given_up = breaker.ask(now + secs(1)).unwrap();
        drop(given_up);
        assert!(breaker.ask(now + secs(10)).is_err());
        let next = breaker.ask(now + secs(11)).unwrap();
        assert_eq!(breaker.answered(next), Change::Closed);
    }
}
