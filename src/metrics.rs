//! What is counted and measured, for the operator's Prometheus: one registry, and a typed handle for each place that
//! counts. No label ever holds what a stranger chose: accounts and calls are named by the configuration and by us.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::domain::{AccountName, ClientId};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In seconds: from a WeChat next door to one that takes all that a call may take.
const CALL_BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];

/// All metrics. Clone it freely: the clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    call_seconds: Family<WhichCall, Histogram, fn() -> Histogram>,
    breaker_open: Family<Account, Gauge>,
    qr_prepared: Family<Account, Gauge>,
    qr_budget_used: Family<Account, Gauge>,
    qr_budget_limit: Family<Account, Gauge>,
    qr_budget_low: Family<Account, Gauge>,
    callbacks: Family<CallbackLabels, Counter>,
    webhooks: Family<WebhookLabels, Counter>,
    webhooks_waiting: Family<Website, Gauge>,
}

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
struct Website {
    client: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    client: String,
    outcome: &'static str,
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

/// What became of an attempt to deliver a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookOutcome {
    /// The website took it.
    Taken,
    /// It did not, this time.
    Failed,
    /// It never did: there is no further attempt.
    GivenUp,
}

impl WebhookOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl CallOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Away => "away",
        }
    }
}

impl CallbackOutcome {
    fn name(self) -> &'static str {
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

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    pub fn new() -> Self {
        let mut of = Registering(Registry::with_prefix("scan_login"));
        let seconds: fn() -> Histogram = || Histogram::new(CALL_BUCKETS);
        let call_seconds = Family::new_with_constructor(seconds);
        let told = "How long calls to WeChat take";
        of.0.register_with_unit("wechat_api_call", told, Unit::Seconds, call_seconds.clone());
        Self(Arc::new(Inner {
            calls: of.family("wechat_api_calls", "Calls to WeChat, by what they brought"),
            errors: of.family("wechat_api_errors", "Errors that WeChat answered, by its errcode"),
            call_seconds,
            breaker_open: of.family("wechat_breaker_open", "1 while WeChat is away and not asked"),
            qr_prepared: of.family("wechat_qr_prepared", "QR codes at hand for the next logins"),
            qr_budget_used: of.family("wechat_qr_budget_used", "QR codes made today, by Beijing's calendar"),
            qr_budget_limit: of.family("wechat_qr_budget_limit", "QR codes that may be made a day"),
            qr_budget_low: of.family("wechat_qr_budget_low", "1 while four fifths of today's QR codes are used"),
            callbacks: of.family("wechat_callbacks", "What WeChat sent, by what became of it"),
            webhooks: of.family("webhooks", "Attempts to deliver webhooks, by what became of them"),
            webhooks_waiting: of.family("webhooks_waiting", "Webhooks that a website has not taken yet"),
            registry: of.0,
        }))
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// Counts a callback of WeChat's.
    pub fn callback(&self, account: &AccountName, outcome: CallbackOutcome) {
        let labels = CallbackLabels { account: account.as_str().to_owned(), outcome: outcome.name() };
        self.0.callbacks.get_or_create(&labels).inc();
    }

    /// For the calls of one account.
    pub fn wechat_api(&self, account: &AccountName) -> ApiMetrics {
        let account = account.as_str().to_owned();
        let breaker_open = self.0.breaker_open.get_or_create_owned(&Account { account: account.clone() });
        ApiMetrics { metrics: self.clone(), account, breaker_open }
    }

    /// For the webhooks of one website.
    pub fn webhooks(&self, client: &ClientId) -> WebhookMetrics {
        let client = client.as_str().to_owned();
        let waiting = self.0.webhooks_waiting.get_or_create_owned(&Website { client: client.clone() });
        WebhookMetrics { metrics: self.clone(), client, waiting }
    }

    /// For the QR codes of one account.
    pub fn qr_codes(&self, account: &AccountName) -> QrMetrics {
        let account = Account { account: account.as_str().to_owned() };
        QrMetrics {
            prepared: self.0.qr_prepared.get_or_create_owned(&account),
            budget_used: self.0.qr_budget_used.get_or_create_owned(&account),
            budget_limit: self.0.qr_budget_limit.get_or_create_owned(&account),
            budget_low: self.0.qr_budget_low.get_or_create_owned(&account),
        }
    }
}

/// Calls to WeChat for one account.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    metrics: Metrics,
    account: String,
    breaker_open: Gauge,
}

impl ApiMetrics {
    /// One HTTP call, named as WeChat names it (`qrcode/create`).
    pub fn called(&self, call: &'static str, outcome: CallOutcome, took: Duration) {
        let Self { metrics, account, .. } = self;
        let labels = CallLabels { account: account.clone(), call, outcome: outcome.name() };
        metrics.0.calls.get_or_create(&labels).inc();
        let labels = WhichCall { account: account.clone(), call };
        metrics.0.call_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// An `errcode` that WeChat answered. What is none of its codes counts as 0, lest whoever stands in its place could
    /// make up as many as they like.
    pub fn error(&self, errcode: i64) {
        let known = matches!(errcode, -1 | 10_000..=99_999);
        let labels = ErrorLabels { account: self.account.clone(), errcode: if known { errcode } else { 0 } };
        self.metrics.0.errors.get_or_create(&labels).inc();
    }

    /// Whether WeChat is away and not asked.
    pub fn breaker(&self, is_open: bool) {
        self.breaker_open.set(is_open.into());
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// Webhooks of one website.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    metrics: Metrics,
    client: String,
    waiting: Gauge,
}

impl WebhookMetrics {
    /// One attempt, or that there is no further one.
    pub fn attempted(&self, outcome: WebhookOutcome) {
        let labels = WebhookLabels { client: self.client.clone(), outcome: outcome.name() };
        self.metrics.0.webhooks.get_or_create(&labels).inc();
    }

    /// How many are on their way.
    pub fn waiting(&self, messages: usize) {
        self.waiting.set(messages.try_into().unwrap_or(i64::MAX));
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

/// A registry that is being filled.
struct Registering(Registry);

impl Registering {
    fn family<S, M>(&mut self, name: &str, help: &str) -> Family<S, M>
    where
        Family<S, M>: Default + Clone + Metric,
    {
        let family = Family::default();
        self.0.register(name, help, family.clone());
        family
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main() -> AccountName {
        AccountName::new("main").unwrap()
    }

    fn has(metrics: &Metrics, line: &str) -> bool {
        metrics.text().lines().any(|found| found == line)
    }

    #[test]
    fn names_follow_the_conventions() {
        let metrics = Metrics::new();
        let api = metrics.wechat_api(&main());
        api.called("qrcode/create", CallOutcome::Ok, Duration::from_millis(30));
        api.error(40164);
        api.breaker(true);
        metrics.callback(&main(), CallbackOutcome::Scan);
        metrics.qr_codes(&main()).budget(7, 90_000, false);
        metrics.qr_codes(&main()).prepared(8);
        for line in [
            r#"scan_login_wechat_api_calls_total{account="main",call="qrcode/create",outcome="ok"} 1"#,
            r#"scan_login_wechat_api_errors_total{account="main",errcode="40164"} 1"#,
            r#"scan_login_wechat_api_call_seconds_bucket{le="0.05",account="main",call="qrcode/create"} 1"#,
            r#"scan_login_wechat_breaker_open{account="main"} 1"#,
            r#"scan_login_wechat_callbacks_total{account="main",outcome="scan"} 1"#,
            r#"scan_login_wechat_qr_budget_used{account="main"} 7"#,
            r#"scan_login_wechat_qr_budget_limit{account="main"} 90000"#,
            r#"scan_login_wechat_qr_prepared{account="main"} 8"#,
            "# EOF",
        ] {
            assert!(has(&metrics, line), "{line} is not in\n{}", metrics.text());
        }
    }

    #[test]
    fn made_up_codes_are_one_label() {
        let metrics = Metrics::new();
        let api = metrics.wechat_api(&main());
        for code in [1, 7, 123_456, i64::MIN] {
            api.error(code);
        }
        assert!(has(&metrics, r#"scan_login_wechat_api_errors_total{account="main",errcode="0"} 4"#));
    }

    #[test]
    fn clones_count_together() {
        let metrics = Metrics::new();
        for handle in [metrics.clone(), metrics.clone()] {
            handle.callback(&main(), CallbackOutcome::Forged);
        }
        assert!(has(&metrics, r#"scan_login_wechat_callbacks_total{account="main",outcome="forged"} 2"#));
    }
}
