//! What stands around an account's calls: the breakers, the counting, and the word to the operator.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// Calls that stand apart: each kind is away by itself. Strangers cause those of pages, with codes of their own making; they must not
/// stop those without which no login begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    /// `cgi-bin/`, with the account's access token.
    Server,
    /// `sns/`, for pages.
    Pages,
}

impl Interface {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "cgi-bin",
            Self::Pages => "sns",
        }
    }
}

/// A call that may go out; it is handed back with what became of it.
#[must_use]
pub(super) struct Leave {
    interface: Interface,
    pass: Pass,
}

/// Watches the calls of one account.
pub(super) struct Watch {
    metrics: ApiMetrics,
    server: Mutex<Breaker>,
    pages: Mutex<Breaker>,
    /// By call and `errcode`: the same code can have another cure.
    refusals: Mutex<HashMap<(&'static str, i64), Throttle>>,
    absences: Throttle,
}

impl Watch {
    pub(super) fn new(metrics: ApiMetrics) -> Self {
        let (server, pages) = (Mutex::default(), Mutex::default());
        Self { metrics, server, pages, refusals: Mutex::default(), absences: Throttle::default() }
    }

    pub(super) fn metrics(&self) -> &ApiMetrics {
        &self.metrics
    }

    /// A new access token is used until then.
    pub(super) fn token_until(&self, until: Timestamp) {
        self.metrics.token_until(until);
    }

    /// Lets a call out, unless WeChat is away and it is not yet time to see whether it is back.
    pub(super) fn ask(&self, interface: Interface) -> Result<Leave, ApiError> {
        let pass = self.breaker(interface).ask(Instant::now()).map_err(|retry_after| {
            // Rounded up, since whoever waits counts in seconds.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            ApiError::Away { retry_after: Duration::from_secs(seconds), cause: Absence::NotAsked }
        })?;
        Ok(Leave { interface, pass })
    }

    /// Takes note of what a call brought.
    pub(super) fn note<T>(&self, call: &'static str, leave: Leave, result: &Result<T, ApiError>) {
        let Leave { interface, pass } = leave;
        let change = match result {
            Err(ApiError::Away { cause, .. }) if means_absence(cause) => {
                self.breaker(interface).absent(pass, Instant::now())
            }
            _ => self.breaker(interface).answered(pass),
        };
        self.tell_change(interface, change, result.as_ref().err());
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

    /// The metric speaks of the server interface, whose absence stops logins.
    fn tell_change(&self, interface: Interface, change: Change, error: Option<&ApiError>) {
        let (account, of) = (self.metrics.account(), interface.name());
        let is_open = match (change, error) {
            (Change::Opened(rest), Some(error)) => {
                tracing::warn!(account, interface = of, ?rest, "{error}: it is not asked for a while");
                true
            }
            (Change::Closed, _) => {
                tracing::info!(account, interface = of, "WeChat answers again");
                false
            }
            (Change::None | Change::Opened(_), _) => return,
        };
        if interface == Interface::Server {
            self.metrics.breaker(is_open);
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

    fn breaker(&self, interface: Interface) -> MutexGuard<'_, Breaker> {
        let breaker = match interface {
            Interface::Server => &self.server,
            Interface::Pages => &self.pages,
        };
        breaker.lock().unwrap_or_else(PoisonError::into_inner)
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
