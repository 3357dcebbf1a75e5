//! What the sample shop's back end hears without asking: webhooks by the convention of Standard Webhooks, each verified by the
//! secret, taken once, and shown on the demo's page.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::watch;

use super::website::masked;
use crate::clock::Clock;

/// Messages that the page is told of when it comes anew.
const KEPT: usize = 32;

/// How far the sender's clock may be from ours: an older message may be a repeated one.
const TOLERANCE_SECONDS: u64 = 300;

/// The page is told that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon the page comes back after it lost the connection.
const RETRY: Duration = Duration::from_millis(300);

/// A handle to what was heard. Clone it freely.
#[derive(Clone, Debug)]
pub struct Hooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: Vec<u8>,
    clock: Clock,
    heard: watch::Sender<Vec<Heard>>,
}

/// A message that was verified.
#[derive(Clone, Debug)]
struct Heard {
    /// Counts from 1.
    number: u64,
    /// The sender's name for it: the same message may come again.
    id: String,
    /// What the page shows of it.
    shown: Value,
}

impl Hooks {
    /// Hears what is signed with this secret: `whsec_` and bytes in base64.
    pub fn new(secret: &str, clock: Clock) -> Self {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = STANDARD.decode(encoded).unwrap_or_default();
        Self(Arc::new(Inner { key, clock, heard: watch::Sender::default() }))
    }

    /// `/demo/hooks`: the daemon posts there, and the page listens to Server-Sent Events.
    pub fn router(&self) -> Router {
        Router::new().route("/demo/hooks", get(listen).post(take).with_state(self.clone()))
    }

    /// The name of a genuine message; `None` where somebody else made it, or long ago.
    fn verified<'a>(&self, headers: &'a HeaderMap, body: &[u8]) -> Option<&'a str> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
        let now = self.0.clock.now().as_micros() / 1_000_000;
        if now.abs_diff(at.parse().ok()?) > TOLERANCE_SECONDS {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.key).ok()?;
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        // Several, while a secret is exchanged.
        let given = header("webhook-signature")?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        let mut given = given.filter_map(|one| STANDARD.decode(one).ok());
        given.any(|one| mac.clone().verify_slice(&one).is_ok()).then_some(id)
    }

    fn note(&self, id: &str, message: &Value) {
        self.0.heard.send_if_modified(|heard| {
            if heard.iter().any(|known| known.id == id) {
                return false;
            }
            let data = &message["data"];
            let shown = json!({
                "type": message["type"],
                "at": message["timestamp"],
                "visitor": data["openid"].as_str().map(masked),
                "reason": data["reason"],
            });
            let number = heard.last().map_or(1, |last| last.number + 1);
            heard.push(Heard { number, id: id.to_owned(), shown });
            let over = heard.len().saturating_sub(KEPT);
            heard.drain(..over);
            true
        });
    }
}

async fn take(State(hooks): State<Hooks>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message = serde_json::from_slice(&body).ok();
    match (hooks.verified(&headers, &body), message) {
        (Some(id), Some(message)) => {
            hooks.note(id, &message);
            StatusCode::NO_CONTENT
        }
        (Some(_), None) => StatusCode::BAD_REQUEST,
        (None, _) => StatusCode::UNAUTHORIZED,
    }
}

async fn listen(State(hooks): State<Hooks>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let heard = hooks.0.heard.subscribe();
    let messages = stream::unfold((heard, last.unwrap_or_default()), |(mut heard, last)| async move {
        let is_next = |one: &Heard| one.number > last;
        let next = {
            let all = heard.wait_for(|all| all.iter().any(is_next)).await.ok()?;
            all.iter().find(|one| is_next(one)).cloned()?
        };
        let event = Event::default().retry(RETRY).id(next.number.to_string()).data(next.shown.to_string());
        Some((Ok::<_, std::convert::Infallible>(event), (heard, next.number)))
    });
    Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

#[cfg(test)]
mod tests;
