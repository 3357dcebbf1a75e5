//! One website's door: sends a message until it is taken, and waits in between as Standard Webhooks recommends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::sync::{Notify, Semaphore};
use url::Url;

use super::message::Message;
use super::signature::Signer;
use crate::clock::{Clock, random_bytes};
use crate::metrics::{WebhookMetrics, WebhookOutcome};
use crate::transport::throttle::Throttle;
use crate::transport::wechat::api::HttpClient;

/// How long an attempt may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Attempts to one website at once.
const AT_ONCE: usize = 8;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Pauses behind the attempts, in seconds; three days in all. Each is lengthened by up to a fifth.
const PAUSES: [u64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// What is older is not sent any more: nobody waits for it.
const MAX_AGE: Duration = Duration::from_secs(4 * 24 * HOUR);

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The website took it, or it is given up.
    Done,
    /// The website wants no more messages at all.
    Gone,
}

/// What an attempt brought.
enum Attempt {
    Taken,
    Gone,
    /// It answers, and does not want this.
    Refused(String),
    /// It does not answer, or says that it cannot now.
    Away(String),
}

/// Clone it freely.
#[derive(Clone)]
pub(super) struct Post(Arc<Inner>);

struct Inner {
    client: HttpClient,
    url: Url,
    signer: Signer,
    clock: Clock,
    metrics: WebhookMetrics,
    places: Semaphore,
    /// Told when the website takes something: who waits because it was away need not wait longer.
    is_back: Notify,
    failing: Throttle,
}

impl Post {
    pub(super) fn new(client: HttpClient, url: Url, signer: Signer, clock: Clock, metrics: WebhookMetrics) -> Self {
        let (places, is_back, failing) = (Semaphore::new(AT_ONCE), Notify::new(), Throttle::default());
        Self(Arc::new(Inner { client, url, signer, clock, metrics, places, is_back, failing }))
    }

    pub(super) fn metrics(&self) -> &WebhookMetrics {
        &self.0.metrics
    }

    /// Returns when the message is settled.
    pub(super) async fn deliver(self, message: Message) -> Settled {
        let metrics = &self.0.metrics;
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            if message.at.until(self.0.clock.now()) > MAX_AGE {
                break;
            }
            let attempt = {
                let _place = self.0.places.acquire().await;
                self.attempt(&message).await
            };
            let (error, is_away) = match attempt {
                Attempt::Taken => {
                    metrics.attempted(WebhookOutcome::Taken);
                    self.0.is_back.notify_waiters();
                    return Settled::Done;
                }
                Attempt::Gone => {
                    metrics.attempted(WebhookOutcome::Failed);
                    return Settled::Gone;
                }
                Attempt::Refused(error) => (error, false),
                Attempt::Away(error) => (error, true),
            };
            metrics.attempted(WebhookOutcome::Failed);
            if self.0.failing.lets_through() {
                let host = self.0.url.host_str().unwrap_or_default();
                tracing::warn!(
                    host,
                    id = message.id,
                    scene = message.scene(),
                    error,
                    "a website does not take a webhook; it is tried again"
                );
            }
            let Some(pause) = pause else { break };
            let sleep = tokio::time::sleep(with_jitter(Duration::from_secs(pause)));
            if is_away {
                tokio::select! {
                    () = sleep => {}
                    () = self.0.is_back.notified() => {}
                }
            } else {
                sleep.await;
            }
        }
        metrics.attempted(WebhookOutcome::GivenUp);
        tracing::error!(
            id = message.id,
            scene = message.scene(),
            "a webhook is given up: the website has not taken it"
        );
        Settled::Done
    }

    async fn attempt(&self, message: &Message) -> Attempt {
        let timestamp = self.0.clock.now().as_micros() / 1_000_000;
        let request = Request::post(self.0.url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("scan-login/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.0.signer.sign(&message.id, timestamp, &message.body))
            .body(Full::from(Bytes::from(message.body.clone())));
        let Ok(request) = request else { return Attempt::Refused("its address cannot be used".into()) };
        match tokio::time::timeout(DEADLINE, self.0.client.status(request)).await {
            Ok(Ok(status)) => judge(status),
            Ok(Err(error)) => Attempt::Away(error),
            Err(_) => Attempt::Away(format!("no answer within {} s", DEADLINE.as_secs())),
        }
    }
}

/// A redirect is a refusal: nothing goes where the operator has not said.
fn judge(status: StatusCode) -> Attempt {
    let told = || format!("HTTP {}", status.as_u16());
    match status {
        status if status.is_success() => Attempt::Taken,
        StatusCode::GONE => Attempt::Gone,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Attempt::Away(told()),
        _ => Attempt::Refused(told()),
    }
}

fn with_jitter(pause: Duration) -> Duration {
    pause + pause.mul_f64(f64::from(u16::from_be_bytes(random_bytes())) / f64::from(u16::MAX) / 5.0)
}
