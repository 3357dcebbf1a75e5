//! What WeChat has just said no to is not asked again at once: every visitor would ask, and each call costs quota.
//!
//! Pure: the time is handed in. Only what concerns the account is kept: a message that one person may not get says nothing
//! of the next.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{Absence, ApiError};
use crate::domain::Timestamp;

/// The calls whose refusals are kept: those that visitors cause and that are about no person.
const KEPT: [&str; 1] = ["qrcode/create"];

/// How long a refusal is repeated without asking again: somebody has to act first.
pub(super) const FOR_THE_OPERATOR: Duration = Duration::from_secs(30);

/// How long the others wait for the call that goes out to see; longer than a call takes.
const PROBE: Duration = Duration::from_secs(5);

/// An answer that holds for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    error: ApiError,
    until: Timestamp,
}

impl Refusal {
    /// `None` where asking again at once may help.
    pub(super) fn of(error: &ApiError, now: Timestamp) -> Option<Self> {
        let holds_for = match error {
            ApiError::Refused { .. } => FOR_THE_OPERATOR,
            ApiError::Away { cause: Absence::TooFast, .. } => until_next_minute(now),
            ApiError::Away { .. } | ApiError::NotTold { .. } => return None,
        };
        Some(Self { error: error.clone(), until: now.after(holds_for) })
    }

    /// What is answered as long as it holds; how long to wait is counted from now.
    pub(super) fn answer(&self, now: Timestamp) -> Option<ApiError> {
        (now < self.until).then(|| match &self.error {
            ApiError::Away { cause, .. } => {
                let left = now.until(self.until);
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                ApiError::Away { retry_after: Duration::from_secs(seconds), cause: cause.clone() }
            }
            other => other.clone(),
        })
    }
}

/// WeChat counts its calls a minute by the clock.
fn until_next_minute(now: Timestamp) -> Duration {
    let into_minute = now.as_seconds().rem_euclid(60).unsigned_abs();
    Duration::from_secs(60 - into_minute)
}

/// The refusals of one account, by call.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<&'static str, Refusal>>);

impl Refusals {
    /// Lets a call out, unless it was refused lately. Once that is over, one call goes out to see, and the others wait for
    /// what it brings.
    pub(super) fn ask(&self, call: &'static str, now: Timestamp) -> Result<(), ApiError> {
        let mut refusals = self.lock();
        let Some(refusal) = refusals.get_mut(call) else { return Ok(()) };
        if let Some(error) = refusal.answer(now) {
            return Err(error);
        }
        refusal.until = now.after(PROBE);
        Ok(())
    }

    /// Takes note of what a call brought.
    pub(super) fn note<T>(&self, call: &'static str, result: &Result<T, ApiError>, now: Timestamp) {
        if !KEPT.contains(&call) {
            return;
        }
        match result.as_ref().err().and_then(|error| Refusal::of(error, now)) {
            Some(refusal) => self.lock().insert(call, refusal),
            // Where it was away, that is the breaker's business.
            None => self.lock().remove(call),
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QR: &str = "qrcode/create";

    /// 2026-01-02T03:04:05Z, and so many milliseconds.
    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(1_767_323_045_000_000).after(Duration::from_millis(millis))
    }

    fn refused() -> ApiError {
        ApiError::Refused { code: 48001, message: "no".into(), cure: "act".into() }
    }

    fn no(error: ApiError) -> Result<(), ApiError> {
        Err(error)
    }

    #[test]
    fn a_refusal_holds_for_half_a_minute_and_then_one_call_goes_out_to_see() {
        let refusals = Refusals::default();
        assert_eq!(refusals.ask(QR, at(0)), Ok(()));
        refusals.note(QR, &no(refused()), at(0));
        assert_eq!(refusals.ask(QR, at(29_999)), Err(refused()));
        assert_eq!(refusals.ask(QR, at(30_000)), Ok(()));
        assert_eq!(refusals.ask(QR, at(30_001)), Err(refused()), "one is out already");
        refusals.note(QR, &no(refused()), at(30_100));
        assert_eq!(refusals.ask(QR, at(60_099)), Err(refused()));
        assert_eq!(refusals.ask(QR, at(60_100)), Ok(()));
        assert_eq!(refusals.ask(QR, at(65_100)), Ok(()), "the one before has not come back");
        refusals.note(QR, &Ok(()), at(65_200));
        assert_eq!(refusals.ask(QR, at(65_200)), Ok(()));
        assert_eq!(refusals.ask(QR, at(65_200)), Ok(()));
    }

    #[test]
    fn too_many_calls_a_minute_end_with_the_minute() {
        let refusals = Refusals::default();
        refusals.note(QR, &no(Absence::TooFast.into()), at(0));
        let wait = |seconds| {
            let retry_after = Duration::from_secs(seconds);
            Err(ApiError::Away { retry_after, cause: Absence::TooFast })
        };
        assert_eq!(refusals.ask(QR, at(0)), wait(55));
        assert_eq!(refusals.ask(QR, at(54_500)), wait(1));
        assert_eq!(refusals.ask(QR, at(55_000)), Ok(()));
    }

    #[test]
    fn what_is_about_a_person_or_may_pass_at_once_is_not_kept() {
        let refusals = Refusals::default();
        refusals.note("message/custom/send", &no(refused()), at(0));
        refusals.note(QR, &no(Absence::Busy.into()), at(0));
        refusals.note(QR, &no(Absence::Slow.into()), at(0));
        assert_eq!(refusals.ask("message/custom/send", at(0)), Ok(()));
        assert_eq!(refusals.ask(QR, at(0)), Ok(()));
    }
}
