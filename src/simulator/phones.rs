//! The simulated phones of the demo: two people, their conversation with the account, and the faults to press.

mod notes;
mod webview;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use self::notes::Notes;
use self::webview::Webview;
use super::website::masked;
use super::wechat::{Answer, Delivery, NoAnswer, Pushed, ScanError, SimulatedWeChat, random_openid, random_text};
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
    app_id: AppId,
    /// Tells this WeChat from one of an earlier start, which knew other codes and other people.
    instance: String,
    alice: Phone,
    bob: Phone,
    webview: Webview,
    faults: Mutex<PressedFaults>,
}

struct Phone {
    openid: OpenId,
    notes: Mutex<Notes>,
}

impl Phone {
    fn new() -> Self {
        Self { openid: random_openid(), notes: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Phones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phones")
    }
}

impl Phones {
    /// Two phones, with openids that nobody had before; they open pages below `public_url`.
    pub fn new(wechat: SimulatedWeChat, app_id: &AppId, public_url: Url) -> Self {
        let (alice, bob) = (Phone::new(), Phone::new());
        wechat.follow(app_id, &alice.openid);
        wechat.name_person("alice", &alice.openid);
        wechat.name_person("bob", &bob.openid);
        Self(Arc::new(Inner {
            wechat,
            app_id: app_id.clone(),
            instance: random_text::<16>(),
            alice,
            bob,
            webview: Webview::new(&public_url),
            faults: Mutex::default(),
        }))
    }

    /// What the demo's page calls: `/demo/phone/scan`, `/demo/phone/see` and `/demo/phone/say`, `/demo/phones` and `/demo/faults`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/demo/phone/scan", post(scan))
            .route("/demo/phone/see", post(see))
            .route("/demo/phone/say", post(say))
            .route("/demo/phones", get(shown_now))
            .route("/demo/faults", get(faults).post(press))
            .with_state(self.clone())
    }

    /// What the phones show where somebody follows a link: `/demo/webview/**`.
    pub fn webview(&self) -> Router {
        self.0.webview.router()
    }

    /// The person, as the account knows them.
    pub fn openid(&self, person: Person) -> &OpenId {
        &self.phone(person).openid
    }

    fn phone(&self, person: Person) -> &Phone {
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
        let phone = self.phone(person);
        if self.faults().late {
            phone.notes().late += 1;
            tokio::time::sleep(LATE).await;
            phone.notes().late -= 1;
        }
        let began = self.0.wechat.now();
        let scanned = self.0.wechat.scan(content, &phone.openid).await;
        phone.notes().note(began, self.0.wechat.now(), &scanned);
        scanned
    }

    fn screen(&self, person: Person) -> Value {
        let phone = self.phone(person);
        let conversation = self.0.wechat.conversation(&self.0.app_id, &phone.openid);
        let notes = phone.notes();
        json!({
            "name": masked(phone.openid.as_str()),
            "lines": notes.among(conversation),
            "late": notes.late > 0,
        })
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
    let scanned = phones.scan(&request.qr_content, request.person).await;
    Json(scanned.map_or_else(|error| shown_without_push(&error), |delivery| shown(&delivery)))
}

#[derive(Deserialize)]
struct SeeRequest {
    scene: String,
    person: Person,
}

/// The same for the code of a scene, as a picture's address names it.
async fn see(phones: State<Phones>, Json(request): Json<SeeRequest>) -> Json<Value> {
    let Some(code) = phones.0.0.wechat.code_of(&request.scene) else { return Json(json!({ "outcome": "unknown" })) };
    scan(phones, Json(ScanRequest { qr_content: code.qr_content, person: request.person })).await
}

#[derive(Deserialize)]
struct SayRequest {
    text: String,
    /// The id of a menu's entry that was pressed.
    menu: Option<String>,
    person: Person,
}

/// Somebody writes to the account, or presses an entry of a menu.
async fn say(State(phones): State<Phones>, Json(request): Json<SayRequest>) -> Json<Value> {
    let Inner { wechat, app_id, .. } = &*phones.0;
    let openid = phones.openid(request.person);
    let delivery = match &request.menu {
        Some(id) => wechat.press(app_id, openid, id, &request.text).await,
        None => wechat.say(app_id, openid, &request.text).await,
    };
    Json(delivery.map_or_else(|| json!({ "outcome": "unknown" }), |delivery| shown(&delivery)))
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

/// What a phone shows where nothing was pushed.
pub(super) fn shown_without_push(error: &ScanError) -> Value {
    match error {
        ScanError::Page(url) => json!({ "outcome": "page", "url": url.as_str() }),
        ScanError::Unknown => json!({ "outcome": "unknown" }),
        ScanError::Expired => json!({ "outcome": "expired" }),
    }
}

pub(super) fn answered(answer: &Result<Answer, NoAnswer>) -> Value {
    match answer {
        Ok(answer) => json!({ "status": answer.status, "accepted": answer.is_accepted() }),
        Err(error) => json!({ "error": error.to_string(), "accepted": false }),
    }
}

/// What is on the phones, how the website and the tape call their people, and which WeChat it is that they use.
async fn shown_now(State(phones): State<Phones>) -> Json<Value> {
    Json(json!({
        "instance": phones.0.instance,
        "alice": phones.screen(Person::Alice),
        "bob": phones.screen(Person::Bob),
    }))
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
