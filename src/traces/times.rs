use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How far the system's clock may go from what is told here before it is believed again.
const APART: Duration = Duration::from_millis(100);

/// When things happened, by the calendar. What happened later is told later, however the system's clock is set meanwhile: all
/// is counted from one moment, until the two are too far apart.
pub(super) struct Times(Mutex<Moment>);

#[derive(Clone, Copy)]
struct Moment {
    by_calendar: SystemTime,
    instant: Instant,
}

impl Default for Times {
    fn default() -> Self {
        Self(Mutex::new(Moment::now()))
    }
}

impl Times {
    /// As it counts now.
    pub(super) fn now(&self) -> impl Fn(Instant) -> SystemTime + use<> {
        let now = Moment::now();
        let mut from = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = from.at(now.instant);
        let apart = told.duration_since(now.by_calendar).or_else(|_| now.by_calendar.duration_since(told));
        if apart.is_ok_and(|apart| apart > APART) {
            *from = now;
        }
        let from = *from;
        move |instant| from.at(instant)
    }
}

impl Moment {
    fn now() -> Self {
        Self { by_calendar: opentelemetry::time::now(), instant: Instant::now() }
    }

    fn at(&self, instant: Instant) -> SystemTime {
        let after = instant.saturating_duration_since(self.instant);
        self.by_calendar + after - self.instant.saturating_duration_since(instant)
    }
}
