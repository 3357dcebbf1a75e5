//! What is counted and measured, for the operator's Prometheus and for the dashboard: one registry, and typed handles for
//! each place that counts. No label ever holds what a stranger chose: accounts, clients and calls are named by the
//! configuration and by us.

mod histogram;
mod http;
mod journal;
mod logins;
mod process;
mod reading;
mod registering;
mod webhooks;
mod wechat;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use self::registering::Registering;
use crate::domain::{AccountName, ClientId};

pub use self::histogram::Snapshot;
pub use self::http::{Connected, ConnectionKind, HttpMetrics, OTHER_ROUTE};
pub use self::journal::{DiskPart, JournalMetrics, JournalReading};
pub use self::logins::{AtWork, LoginMetrics, Standing};
pub use self::process::{Actor, ProcessMemory, ProcessMetrics, process_memory};
pub use self::reading::Reading;
pub use self::webhooks::{WebhookMetrics, WebhookOutcome};
pub use self::wechat::{ApiMetrics, CallOutcome, CallbackOutcome, QrMetrics, WeChatReading};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics. Clone it freely: the clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

/// What is asked for its figures whenever somebody reads.
type Source = Box<dyn Fn(&Metrics) + Send + Sync>;

struct Inner {
    registry: Registry,
    /// Without the program's prefix.
    plain: Registry,
    http: HttpMetrics,
    journal: JournalMetrics,
    logins: LoginMetrics,
    process: ProcessMetrics,
    webhooks: webhooks::Webhooks,
    wechat: wechat::WeChat,
    sources: Mutex<Vec<Source>>,
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
        let (mut registry, mut plain) = (Registry::with_prefix("scan_login"), Registry::default());
        let (of, plain_of) = (&mut Registering(&mut registry), &mut Registering(&mut plain));
        let logins = LoginMetrics::new(of);
        let http = HttpMetrics::new(of);
        let journal = JournalMetrics::new(of);
        let wechat = wechat::WeChat::new(of);
        let webhooks = webhooks::Webhooks::new(of);
        let process = ProcessMetrics::new(of, plain_of);
        Self(Arc::new(Inner {
            registry,
            plain,
            http,
            journal,
            logins,
            process,
            webhooks,
            wechat,
            sources: Mutex::default(),
        }))
    }

    /// Asks `source` for its figures whenever somebody reads: for what others count anyway. It must be quick.
    pub fn ask(&self, source: impl Fn(&Self) + Send + Sync + 'static) {
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    pub fn text(&self) -> String {
        self.look();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode_registry(&mut text, &self.0.registry);
        let _ = encode_registry(&mut text, &self.0.plain);
        let _ = encode_eof(&mut text);
        text
    }

    /// What a dashboard shows.
    pub fn reading(&self) -> Reading {
        self.look();
        let Inner { logins, journal, wechat, process, .. } = &*self.0;
        Reading {
            events: logins.events(),
            denied: logins.denied(),
            refusals: logins.refusals(),
            sessions: logins.sessions(),
            callback_to_durable: logins.callback_to_durable(),
            durable_to_push: logins.durable_to_push(),
            callback_to_push: logins.callback_to_push(),
            wechat: wechat.reading(),
            journal: journal.reading(),
            restarts: process.restarts(),
        }
    }

    fn look(&self) {
        self.0.process.look();
        self.0.wechat.look();
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|source| source(self));
    }

    /// Of requests and connections.
    pub fn http(&self) -> &HttpMetrics {
        &self.0.http
    }

    /// Of the journal.
    pub fn journal(&self) -> &JournalMetrics {
        &self.0.journal
    }

    /// Of scan sessions.
    pub fn logins(&self) -> &LoginMetrics {
        &self.0.logins
    }

    /// Of the process.
    pub fn process(&self) -> &ProcessMetrics {
        &self.0.process
    }

    /// Counts a callback of WeChat's.
    pub fn callback(&self, account: &AccountName, outcome: CallbackOutcome) {
        self.0.wechat.callback(account, outcome);
    }

    /// For the calls of one account, which is not shown yet.
    pub fn wechat_api(&self, account: &AccountName) -> ApiMetrics {
        self.0.wechat.api(account)
    }

    /// From now on these accounts are shown, each by what this handle is told, and no others.
    pub fn show_wechat(&self, apis: impl IntoIterator<Item = ApiMetrics>) {
        self.0.wechat.show(apis.into_iter());
    }

    /// For the webhooks of one website.
    pub fn webhooks(&self, client: &ClientId) -> WebhookMetrics {
        self.0.webhooks.of(client)
    }

    /// For the QR codes of one account.
    pub fn qr_codes(&self, account: &AccountName) -> QrMetrics {
        self.0.wechat.qr_codes(account)
    }
}

#[cfg(test)]
mod tests;
