//! What stands around an account's calls: the breaker, the counting, and the word to the operator.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Change, Pass};
use super::error::{Absence, ApiError, Fault};
use crate::domain::Timestamp;
use crate::metrics::{ApiMetrics, CallOutcome};
use crate::transport::throttle::Throttle;

/// How often an operator is told of the same refusal.
const TOLD_EVERY: Duration = Duration::from_secs(5 * 60);
/// Most kinds of refusals that are told apart.
const KINDS: usize = 64;

/// Watches the calls of one account.
pub(super) struct Watch {
    metrics: ApiMetrics,
    breaker: Mutex<Breaker>,
    /// By call and `errcode`: the same code can have another cure.
    refusals: Mutex<HashMap<(&'static str, i64), Throttle>>,
    absences: Throttle,
}

impl Watch {
    pub(super) fn new(metrics: ApiMetrics) -> Self {
        Self { metrics, breaker: Mutex::default(), refusals: Mutex::default(), absences: Throttle::default() }
    }

    /// A new access token is used until then.
    pub(super) fn token_until(&self, until: Timestamp) {
        self.metrics.token_until(until);
    }

    /// Lets a call out, unless WeChat is away and it is not yet time to see whether it is back.
    pub(super) fn ask(&self) -> Result<Pass, ApiError> {
        self.breaker().ask(Instant::now()).map_err(|retry_after| {
            // Rounded up, since whoever waits counts in seconds.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            ApiError::Away { retry_after: Duration::from_secs(seconds), cause: Absence::NotAsked }
        })
    }

    /// Takes note of what a call brought.
    pub(super) fn note<T>(&self, call: &'static str, pass: Pass, result: &Result<T, ApiError>) {
        let change = match result {
            Err(ApiError::Away { cause, .. }) if means_absence(cause) => self.breaker().absent(pass, Instant::now()),
            _ => self.breaker().answered(pass),
        };
        self.tell_change(change, result.as_ref().err());
        match result {
            Err(ApiError::Refused { code, message, cure }) => self.tell_refusal(call, *code, message, cure),
            Err(ApiError::Away { cause, .. }) => self.tell_absence(cause),
            Ok(_) | Err(ApiError::NotTold { .. }) => {}
        }
    }

    /// Counts one HTTP call. One that is given up, because it takes too long, counts as an absence.
    pub(super) async fn count<T>(
        &self,
        call: &'static str,
        asking: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut counting = Counting { watch: self, call, began: Instant::now(), outcome: CallOutcome::Away };
        let result = asking.await;
        counting.outcome = match &result {
            Ok(_) => CallOutcome::Ok,
            Err(Fault::Code { code, .. }) => {
                self.metrics.error(*code);
                if *code == -1 { CallOutcome::Away } else { CallOutcome::Refused }
            }
            Err(Fault::Away(_)) => CallOutcome::Away,
        };
        result
    }

    fn tell_change(&self, change: Change, error: Option<&ApiError>) {
        let account = self.metrics.account();
        match (change, error) {
            (Change::Opened(rest), Some(error)) => {
                self.metrics.breaker(true);
                tracing::warn!(account, ?rest, "{error}: it is not asked for a while");
            }
            (Change::Closed, _) => {
                self.metrics.breaker(false);
                tracing::info!(account, "WeChat answers again");
            }
            (Change::None | Change::Opened(_), _) => {}
        }
    }

    fn tell_refusal(&self, call: &'static str, code: i64, message: &str, cure: &str) {
        let is_due = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let kind = (call, code);
            let kind = if refusals.len() < KINDS || refusals.contains_key(&kind) { kind } else { ("", 0) };
            refusals.entry(kind).or_insert_with(|| Throttle::new(TOLD_EVERY)).lets_through()
        };
        if is_due {
            tracing::error!(account = self.metrics.account(), call, errcode = code, message, cure, "WeChat refuses");
        }
    }

    fn tell_absence(&self, cause: &Absence) {
        if self.absences.lets_through() {
            tracing::warn!(account = self.metrics.account(), %cause, "WeChat is away");
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody answered, or nobody who can. Being told to go slower is an answer.
fn means_absence(cause: &Absence) -> bool {
    match cause {
        Absence::Slow | Absence::Unreachable(_) | Absence::Busy | Absence::Status(_) | Absence::Garbage(_) => true,
        Absence::TooFast | Absence::NotAsked => false,
    }
}

struct Counting<'a> {
    watch: &'a Watch,
    call: &'static str,
    began: Instant,
    outcome: CallOutcome,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.watch.metrics.called(self.call, self.outcome, self.began.elapsed());
    }
}
