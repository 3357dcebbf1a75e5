//! What websites are told.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registering::Registering;
use crate::domain::ClientId;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Website {
    client: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    client: String,
    outcome: &'static str,
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

/// The families of this topic.
pub(super) struct Webhooks {
    attempts: Family<WebhookLabels, Counter>,
    waiting: Family<Website, Gauge>,
}

impl Webhooks {
    pub(super) fn new(of: &mut Registering<'_>) -> Self {
        Self {
            attempts: of.family("webhooks", "Attempts to deliver webhooks, by what became of them"),
            waiting: of.family("webhooks_waiting", "Webhooks that a website has not taken yet"),
        }
    }

    pub(super) fn of(&self, client: &ClientId) -> WebhookMetrics {
        let client = client.as_str().to_owned();
        let waiting = self.waiting.get_or_create_owned(&Website { client: client.clone() });
        WebhookMetrics { attempts: self.attempts.clone(), client, waiting }
    }
}

/// Webhooks of one website.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    attempts: Family<WebhookLabels, Counter>,
    client: String,
    waiting: Gauge,
}

impl WebhookMetrics {
    /// One attempt, or that there is no further one.
    pub fn attempted(&self, outcome: WebhookOutcome) {
        let labels = WebhookLabels { client: self.client.clone(), outcome: outcome.name() };
        self.attempts.get_or_create(&labels).inc();
    }

    /// How many are on their way.
    pub fn waiting(&self, messages: usize) {
        self.waiting.set(messages.try_into().unwrap_or(i64::MAX));
    }
}
