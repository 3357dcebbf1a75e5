//! What the log is told of new sessions that are refused: when that begins, and when it is over; not each of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Full;

/// It is over when for so long nothing was short: what comes and goes is told once.
const OVER: Duration = Duration::from_secs(10);

/// What was told.
#[derive(Default)]
pub(super) struct Told(Mutex<Option<Refusing>>);

struct Refusing {
    by: Full,
    newest: Instant,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// New sessions are refused from now on.
    Begins(Full),
    /// They are not, any more.
    Over,
}

impl Told {
    /// Whether what is `short` now is news.
    pub(super) fn note(&self, short: Option<Full>, now: Instant) -> Option<News> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut *told, short) {
            (Some(refusing), Some(full)) if refusing.by == full => {
                refusing.newest = now;
                None
            }
            (_, Some(full)) => {
                *told = Some(Refusing { by: full, newest: now });
                Some(News::Begins(full))
            }
            (Some(refusing), None) if now.duration_since(refusing.newest) >= OVER => {
                *told = None;
                Some(News::Over)
            }
            (_, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_told_once_and_its_end_when_it_stays_away() {
        let (told, now) = (Told::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(told.note(None, now), None);
        assert_eq!(told.note(Some(Full::Journal), now), Some(News::Begins(Full::Journal)));
        assert_eq!(told.note(Some(Full::Journal), after(3)), None);
        assert_eq!(told.note(None, after(12)), None);
        assert_eq!(told.note(Some(Full::Journal), after(12)), None);
        assert_eq!(told.note(Some(Full::Memory), after(13)), Some(News::Begins(Full::Memory)), "something else");
        assert_eq!(told.note(None, after(23)), Some(News::Over));
        assert_eq!(told.note(None, after(24)), None);
    }
}
