//! The simulated phones of the demo: two people, their conversation with the account, and the faults to press.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::website::masked;
use super::wechat::{Answer, Delivery, NoAnswer, Pushed, ScanError, SimulatedWeChat, random_openid};

use crate::domain::{AppId, OpenId};

/// How much later WeChat tells the daemon of a scan when it is late.
pub const LATE: Duration = Duration::from_secs(3);

/// Who holds a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Person {
    /// Follows the account from the beginning.
    Alice,
    /// Follows it with the first scan.
    Bob,
}

/// What is made to go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PressedFaults {
    /// Every scan is delivered twice.
    pub twice: bool,
    /// Every scan is delivered [`LATE`] later.
    pub late: bool,
    /// WeChat's server interface answers 503: no new QR codes.
    pub away: bool,
}

/// A handle to the phones. Clone it freely.
#[derive(Clone)]
pub struct Phones(Arc<Inner>);

struct Inner {
    wechat: SimulatedWeChat,
    alice: OpenId,
    bob: OpenId,
    faults: Mutex<PressedFaults>,
}

impl fmt::Debug for Phones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phones")
    }
}

impl Phones {
    /// Two phones, with openids that nobody had before.
    pub fn new(wechat: SimulatedWeChat, app_id: &AppId) -> Self {
        let (alice, bob) = (random_openid(), random_openid());
        wechat.follow(app_id, &alice);
        wechat.name_person("alice", &alice);
        wechat.name_person("bob", &bob);
        Self(Arc::new(Inner { wechat, alice, bob, faults: Mutex::default() }))
    }

    /// What the demo's page calls: `/demo/phone/scan`, `/demo/phones` and `/demo/faults`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/demo/phone/scan", post(scan))
            .route("/demo/phones", get(names))
            .route("/demo/faults", get(faults).post(press))
            .with_state(self.clone())
    }

    /// The person, as the account knows them.
    pub fn openid(&self, person: Person) -> &OpenId {
        match person {
            Person::Alice => &self.0.alice,
            Person::Bob => &self.0.bob,
        }
    }

    /// Lets a person scan the QR code that says `content`, and waits until WeChat has been answered.
    ///
    /// # Errors
    /// A [`ScanError`] where WeChat knows no such code.
    pub async fn scan(&self, content: &str, person: Person) -> Result<Delivery, ScanError> {
        if self.faults().late {
            tokio::time::sleep(LATE).await;
        }
        self.0.wechat.scan(content, self.openid(person)).await
    }

    /// What goes wrong at present.
    pub fn faults(&self) -> PressedFaults {
        *self.pressed()
    }

    /// Makes exactly this go wrong from now on.
    pub fn press(&self, faults: PressedFaults) {
        self.0.wechat.set_away(faults.away);
        self.0.wechat.deliver_twice(faults.twice);
        *self.pressed() = faults;
    }

    fn pressed(&self) -> MutexGuard<'_, PressedFaults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct ScanRequest {
    qr_content: String,
    person: Person,
}

/// `outcome` is what the phone shows: `pushed`, with what the account made of it, or a page of WeChat's own.
async fn scan(State(phones): State<Phones>, Json(request): Json<ScanRequest>) -> Json<Value> {
    Json(match phones.scan(&request.qr_content, request.person).await {
        Ok(delivery) => shown(&delivery),
        Err(ScanError::Unknown) => json!({ "outcome": "unknown" }),
        Err(ScanError::Expired) => json!({ "outcome": "expired" }),
    })
}

/// What came of a push, for pages and scripts.
pub(super) fn shown(delivery: &Delivery) -> Value {
    let event = match delivery.event {
        Pushed::Scan => "scan",
        Pushed::Subscribe => "subscribe",
        Pushed::Unsubscribe => "unsubscribe",
        Pushed::Click => "click",
        Pushed::View => "view",
        Pushed::Text => "text",
    };
    json!({
        "outcome": if delivery.is_lost() { "lost" } else { "pushed" },
        "event": event,
        "accepted": delivery.is_accepted(),
        "deliveries": delivery.answers.iter().map(answered).collect::<Vec<_>>(),
        "reply": delivery.reply().map(|reply| reply.content),
        "ms": delivery.took.as_secs_f64() * 1000.0,
    })
}

pub(super) fn answered(answer: &Result<Answer, NoAnswer>) -> Value {
    match answer {
        Ok(answer) => json!({ "status": answer.status, "accepted": answer.is_accepted() }),
        Err(error) => json!({ "error": error.to_string(), "accepted": false }),
    }
}

/// How the website and the tape call these people.
async fn names(State(phones): State<Phones>) -> Json<Value> {
    Json(json!({ "alice": masked(phones.0.alice.as_str()), "bob": masked(phones.0.bob.as_str()) }))
}

async fn faults(State(phones): State<Phones>) -> Json<PressedFaults> {
    Json(phones.faults())
}

async fn press(State(phones): State<Phones>, Json(faults): Json<PressedFaults>) -> Json<PressedFaults> {
    phones.press(faults);
    Json(faults)
}

#[cfg(test)]
mod tests;
