//! Calls to WeChat, its callbacks and its QR codes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::Histogram;
use super::registering::{Histograms, Registering};
use crate::domain::{AccountName, Timestamp};

/// In seconds: from a WeChat next door to one that takes all that a call may take.
const CALL_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Account {
    account: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhichCall {
    account: String,
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    account: String,
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    account: String,
    errcode: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallbackLabels {
    account: String,
    outcome: &'static str,
}

/// What a call to WeChat brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// What was asked for.
    Ok,
    /// A no of WeChat's.
    Refused,
    /// Nothing that could be used, or nothing in time.
    Away,
}

impl CallOutcome {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Away => "away",
        }
    }
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackOutcome {
    /// It belongs to one of our scenes.
    Scan,
    /// It is authentic and no login.
    Other,
    /// It had been delivered before, and got the same answer.
    Repeat,
    /// It is not WeChat's, or too old.
    Forged,
    /// It cannot be read.
    Malformed,
    /// It was not taken, so that WeChat delivers it once more.
    Unavailable,
}

impl CallbackOutcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Scan, Self::Other, Self::Repeat, Self::Forged, Self::Malformed, Self::Unavailable];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Other => "other",
            Self::Repeat => "repeat",
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One account of WeChat's as a dashboard shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct WeChatReading {
    /// Its name in the configuration.
    pub account: String,
    /// Whether WeChat is away and not asked.
    pub is_away: bool,
    /// What the last call of each name brought, by WeChat's names (`qrcode/create`).
    pub last_calls: Vec<(&'static str, CallOutcome)>,
    /// What became of its callbacks since the start.
    pub callbacks: Vec<(CallbackOutcome, u64)>,
    /// QR codes at hand.
    pub qr_prepared: u64,
    /// QR codes made today, by Beijing's calendar.
    pub qr_budget_used: u64,
    /// QR codes that may be made a day.
    pub qr_budget_limit: u64,
    /// Until when the access token at hand is used; `None` where none was fetched yet.
    pub token_until: Option<Timestamp>,
}

/// The families of this topic.
pub(super) struct WeChat {
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    call_seconds: Histograms<WhichCall>,
    breaker_open: Family<Account, Gauge>,
    token_until: Family<Account, Gauge>,
    qr_prepared: Family<Account, Gauge>,
    qr_budget_used: Family<Account, Gauge>,
    qr_budget_limit: Family<Account, Gauge>,
    qr_budget_low: Family<Account, Gauge>,
    callbacks: Family<CallbackLabels, Counter>,
    accounts: Mutex<Accounts>,
}

/// Which accounts there are.
#[derive(Default)]
struct Accounts {
    /// By whose calls each is told.
    shown: BTreeMap<String, ApiMetrics>,
    /// Those that have gauges of QR codes, shown or not.
    with_qr: BTreeSet<String>,
}

impl WeChat {
    pub(super) fn new(of: &mut Registering<'_>) -> Self {
        Self {
            calls: of.family("wechat_api_calls", "Calls to WeChat, by what they brought"),
            errors: of.family("wechat_api_errors", "Errors that WeChat answered, by its errcode"),
            call_seconds: of
                .histograms("wechat_api_call", "How long calls to WeChat take", || Histogram::new(CALL_BUCKETS)),
            breaker_open: of.family(
                "wechat_breaker_open",
                "1 while WeChat is away and not asked for QR codes, access tokens and messages",
            ),
            token_until: of.seconds(
                "wechat_token_until_timestamp",
                "Until when the access token at hand is used, in Unix time; 0 where none was fetched yet",
                Family::default(),
            ),
            qr_prepared: of.family("wechat_qr_prepared", "QR codes at hand for the next logins"),
            qr_budget_used: of.family("wechat_qr_budget_used", "QR codes made today, by Beijing's calendar"),
            qr_budget_limit: of.family("wechat_qr_budget_limit", "QR codes that may be made a day"),
            qr_budget_low: of.family("wechat_qr_budget_low", "1 while four fifths of today's QR codes are used"),
            callbacks: of.family("wechat_callbacks", "What WeChat sent, by what became of it"),
            accounts: Mutex::default(),
        }
    }

    pub(super) fn callback(&self, account: &AccountName, outcome: CallbackOutcome) {
        let labels = CallbackLabels { account: account.as_str().to_owned(), outcome: outcome.name() };
        self.callbacks.get_or_create(&labels).inc();
    }

    pub(super) fn api(&self, account: &AccountName) -> ApiMetrics {
        ApiMetrics(Arc::new(Api {
            calls: self.calls.clone(),
            errors: self.errors.clone(),
            call_seconds: self.call_seconds.clone(),
            is_away: AtomicBool::default(),
            token_until: AtomicI64::default(),
            last_calls: Mutex::default(),
            account: account.as_str().to_owned(),
        }))
    }

    pub(super) fn show(&self, apis: impl Iterator<Item = ApiMetrics>) {
        let mut accounts = self.accounts();
        accounts.shown = apis.map(|api| (api.account().to_owned(), api)).collect();
        let Accounts { shown, with_qr } = &mut *accounts;
        for account in shown.keys() {
            // What has not happened yet is 0: an increase from nothing is none to Prometheus.
            for outcome in CallbackOutcome::ALL {
                drop(
                    self.callbacks.get_or_create(&CallbackLabels { account: account.clone(), outcome: outcome.name() }),
                );
            }
        }
        with_qr.retain(|account| {
            let stays = shown.contains_key(account);
            if !stays {
                self.forget(&Account { account: account.clone() });
            }
            stays
        });
    }

    /// Who still has a gauge of this account writes it for nobody.
    fn forget(&self, account: &Account) {
        let Self { breaker_open, token_until, qr_prepared, qr_budget_used, qr_budget_limit, qr_budget_low, .. } = self;
        for gauges in [breaker_open, token_until, qr_prepared, qr_budget_used, qr_budget_limit, qr_budget_low] {
            gauges.remove(account);
        }
    }

    /// Writes how the accounts are that are shown.
    pub(super) fn look(&self) {
        for (account, ApiMetrics(api)) in &self.accounts().shown {
            let account = Account { account: account.clone() };
            self.breaker_open.get_or_create(&account).set(api.is_away.load(Ordering::Relaxed).into());
            self.token_until.get_or_create(&account).set(api.token_until.load(Ordering::Relaxed));
        }
    }

    pub(super) fn qr_codes(&self, account: &AccountName) -> QrMetrics {
        self.accounts().with_qr.insert(account.as_str().to_owned());
        let account = Account { account: account.as_str().to_owned() };
        QrMetrics {
            prepared: self.qr_prepared.get_or_create_owned(&account),
            budget_used: self.qr_budget_used.get_or_create_owned(&account),
            budget_limit: self.qr_budget_limit.get_or_create_owned(&account),
            budget_low: self.qr_budget_low.get_or_create_owned(&account),
        }
    }

    pub(super) fn reading(&self) -> Vec<WeChatReading> {
        self.accounts().shown.values().map(|api| self.reading_of(&api.0)).collect()
    }

    fn reading_of(&self, api: &Api) -> WeChatReading {
        let labels = Account { account: api.account.clone() };
        let shown = |family: &Family<Account, Gauge>| {
            family.get(&labels).map_or(0, |gauge| u64::try_from(gauge.get()).unwrap_or_default())
        };
        let callbacks = CallbackOutcome::ALL.into_iter().map(|outcome| {
            let labels = CallbackLabels { account: api.account.clone(), outcome: outcome.name() };
            (outcome, self.callbacks.get(&labels).map_or(0, |counter| counter.get()))
        });
        WeChatReading {
            account: api.account.clone(),
            is_away: api.is_away.load(Ordering::Relaxed),
            last_calls: api.last_calls().iter().map(|(call, outcome)| (*call, *outcome)).collect(),
            callbacks: callbacks.collect(),
            qr_prepared: shown(&self.qr_prepared),
            qr_budget_used: shown(&self.qr_budget_used),
            qr_budget_limit: shown(&self.qr_budget_limit),
            token_until: Some(api.token_until.load(Ordering::Relaxed))
                .filter(|seconds| *seconds > 0)
                .map(|seconds| Timestamp::from_micros(seconds.saturating_mul(1_000_000))),
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls to WeChat for one account. Clone it freely. Calls are counted at once; how the account is, is told while it is shown.
#[derive(Clone, Debug)]
pub struct ApiMetrics(Arc<Api>);

#[derive(Debug)]
struct Api {
    account: String,
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    call_seconds: Histograms<WhichCall>,
    is_away: AtomicBool,
    /// In seconds of Unix time.
    token_until: AtomicI64,
    last_calls: Mutex<BTreeMap<&'static str, CallOutcome>>,
}

impl Api {
    fn last_calls(&self) -> MutexGuard<'_, BTreeMap<&'static str, CallOutcome>> {
        self.last_calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ApiMetrics {
    /// One HTTP call, named as WeChat names it (`qrcode/create`).
    pub fn called(&self, call: &'static str, outcome: CallOutcome, took: Duration) {
        let api = &*self.0;
        let labels = CallLabels { account: api.account.clone(), call, outcome: outcome.name() };
        api.calls.get_or_create(&labels).inc();
        let labels = WhichCall { account: api.account.clone(), call };
        api.call_seconds.get_or_create(&labels).took(took);
        api.last_calls().insert(call, outcome);
    }

    /// An `errcode` that WeChat answered. What is none of its codes counts as 0, lest whoever stands in its place could
    /// make up as many as they like.
    pub fn error(&self, errcode: i64) {
        let known = matches!(errcode, -1 | 10_000..=99_999);
        let labels = ErrorLabels { account: self.0.account.clone(), errcode: if known { errcode } else { 0 } };
        self.0.errors.get_or_create(&labels).inc();
    }

    /// Whether WeChat is away and not asked.
    pub fn breaker(&self, is_open: bool) {
        self.0.is_away.store(is_open, Ordering::Relaxed);
    }

    /// A new access token is used until then.
    pub fn token_until(&self, until: Timestamp) {
        self.0.token_until.store(until.as_seconds(), Ordering::Relaxed);
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.0.account
    }
}

/// QR codes of one account.
#[derive(Clone, Debug)]
pub struct QrMetrics {
    prepared: Gauge,
    budget_used: Gauge,
    budget_limit: Gauge,
    budget_low: Gauge,
}

impl QrMetrics {
    /// How many are at hand.
    pub fn prepared(&self, codes: usize) {
        self.prepared.set(codes.try_into().unwrap_or(i64::MAX));
    }

    /// How many count for today, out of how many, and whether few are left.
    pub fn budget(&self, used: u32, limit: u32, is_low: bool) {
        self.budget_used.set(used.into());
        self.budget_limit.set(limit.into());
        self.budget_low.set(is_low.into());
    }
}
