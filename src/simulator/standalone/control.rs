//! JSON for the page and for scripts. A person is `{"person": "alice"}` or `{"openid": "o…"}`, an account its name; where
//! none is named, the first of the configuration is meant.

use std::sync::PoisonError;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inner, Standalone, people};
use crate::clock::rfc3339_millis;
use crate::domain::{AppId, OpenId};
use crate::simulator::phones::{answered, shown, shown_without_push};
use crate::simulator::{Delivery, Line, PushFaults, ScanError, Voice};

/// What goes wrong, until something else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    late_seconds: u64,
    twice: bool,
    wrong_signature: bool,
    wrong_key: bool,
    forgets_scene: bool,
    away: bool,
    snapshots: bool,
}

/// Who does something, with what. Each call takes what it needs of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Act {
    account: Option<String>,
    person: Option<String>,
    openid: Option<String>,
    qr_content: Option<String>,
    scene: Option<String>,
    /// How long a stranger takes before following.
    hesitation_seconds: u64,
    text: String,
    /// The id of a menu's entry that was pressed, where the text is what it says.
    menu: Option<String>,
    key: String,
    url: String,
    replace: String,
    with: String,
}

/// Why nothing was done: 400.
struct Unclear(&'static str);

impl IntoResponse for Unclear {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

type Answered = Result<Json<Value>, Unclear>;

pub(super) fn router(standalone: &Standalone) -> Router {
    Router::new()
        .route("/simulate/state", get(state))
        .route("/simulate/conversation", get(conversation))
        .route("/simulate/faults", get(faults).post(press))
        .route("/simulate/scan", post(scan))
        .route("/simulate/scan-both", post(scan_both))
        .route("/simulate/text", post(text))
        .route("/simulate/click", post(click))
        .route("/simulate/view", post(view))
        .route("/simulate/subscribe", post(subscribe))
        .route("/simulate/unsubscribe", post(unsubscribe))
        .route("/simulate/verify", post(verify))
        .route("/simulate/swap", post(swap))
        .route("/simulate/mark-fail", post(mark_fail))
        .route("/simulate/replay", post(replay))
        .with_state(standalone.clone())
}

impl Standalone {
    fn account(&self, act: &Act) -> Result<AppId, Unclear> {
        let mut accounts = self.0.accounts.iter();
        let found = match &act.account {
            Some(named) => accounts.find(|(name, _)| name == named),
            None => accounts.next(),
        };
        Ok(found.ok_or(Unclear("there is no such account"))?.1.clone())
    }

    fn openid(&self, act: &Act) -> Result<OpenId, Unclear> {
        let unclear = Unclear("name a person, \"alice\" or \"bob\", or an openid");
        if let Some(openid) = &act.openid {
            return OpenId::new(openid).map_err(|_| unclear);
        }
        people().find_map(|(name, openid)| (act.person.as_deref() == Some(name)).then_some(openid)).ok_or(unclear)
    }

    fn content(&self, act: &Act) -> Result<String, Unclear> {
        match (&act.qr_content, &act.scene) {
            (Some(content), _) => Ok(content.clone()),
            (None, Some(scene)) => {
                let code = self.0.wechat.code_of(scene);
                Ok(code.ok_or(Unclear("no QR code of this scene was made"))?.qr_content)
            }
            (None, None) => Err(Unclear("say which QR code: qr_content or scene")),
        }
    }

    /// What came of a scan. A link is opened, as by whoever scanned it, and `page` is where it has led.
    async fn told(&self, scanned: Result<Delivery, ScanError>, openid: &OpenId) -> Value {
        let error = match scanned {
            Ok(delivery) => return shown(&delivery),
            Err(error) => error,
        };
        let mut told = shown_without_push(&error);
        if let ScanError::Page(url) = error {
            match self.0.wechat.browser(openid).open(url.as_str()).await {
                Ok(page) => {
                    told["page"] = page.url.as_str().into();
                    told["status"] = page.status.as_u16().into();
                }
                Err(error) => told["error"] = error.to_string().into(),
            }
        }
        told
    }

    fn faults(&self) -> Faults {
        *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn press(&self, faults: Faults) {
        let wechat = &self.0.wechat;
        wechat.set_away(faults.away);
        wechat.give_snapshots(faults.snapshots);
        wechat.set_push_faults(PushFaults {
            delay: Duration::from_secs(faults.late_seconds),
            twice: faults.twice,
            wrong_signature: faults.wrong_signature,
            wrong_key: faults.wrong_key,
            forgets_scene: faults.forgets_scene,
        });
        *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }
}

/// All that the page shows.
async fn state(State(standalone): State<Standalone>) -> Json<Value> {
    let Inner { wechat, accounts, .. } = &*standalone.0;
    let now = wechat.now();
    let codes = wechat.codes().into_iter().map(|code| {
        let account = accounts.iter().find(|(_, app_id)| *app_id == code.app_id).map(|(name, _)| name);
        let seconds = now.until(code.expires_at).as_secs();
        json!({"qr_content": code.qr_content, "scene": code.scene, "account": account, "seconds_left": seconds})
    });
    let accounts = accounts.iter().map(|(name, app_id)| {
        let conversations =
            people().map(|(person, openid)| (person.to_owned(), lines(&wechat.conversation(app_id, &openid))));
        let conversations: serde_json::Map<_, _> = conversations.collect();
        json!({"name": name, "app_id": app_id.as_str(), "menu": wechat.menu(app_id), "conversations": conversations})
    });
    let people = people().map(|(name, openid)| json!({"name": name, "openid": openid.as_str()}));
    Json(json!({
        "accounts": accounts.collect::<Vec<_>>(),
        "people": people.collect::<Vec<_>>(),
        "codes": codes.collect::<Vec<_>>(),
        "faults": standalone.faults(),
    }))
}

async fn conversation(State(standalone): State<Standalone>, Query(act): Query<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    Ok(Json(json!({ "lines": lines(&standalone.0.wechat.conversation(&app_id, &openid)) })))
}

fn lines(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        let voice = match line.voice {
            Voice::Person => "person",
            Voice::Reply => "reply",
            Voice::Custom => "custom",
            Voice::OutOfOrder => "out_of_order",
        };
        json!({"at": rfc3339_millis(line.at), "voice": voice, "text": line.text})
    };
    lines.iter().map(line).collect()
}

async fn faults(State(standalone): State<Standalone>) -> Json<Faults> {
    Json(standalone.faults())
}

async fn press(State(standalone): State<Standalone>, Json(faults): Json<Faults>) -> Json<Faults> {
    standalone.press(faults);
    Json(faults)
}

async fn scan(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (content, openid) = (standalone.content(&act)?, standalone.openid(&act)?);
    let hesitation = Duration::from_secs(act.hesitation_seconds);
    let scanned = standalone.0.wechat.scan_and_follow_after(&content, &openid, hesitation).await;
    Ok(Json(standalone.told(scanned, &openid).await))
}

async fn scan_both(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let content = standalone.content(&act)?;
    let scans = people().map(|(_, openid)| {
        let (standalone, content) = (standalone.clone(), content.clone());
        async move { standalone.told(standalone.0.wechat.scan(&content, &openid).await, &openid).await }
    });
    Ok(Json(futures_util::future::join_all(scans).await.into()))
}

fn told(delivery: Option<Delivery>) -> Answered {
    Ok(Json(shown(&delivery.ok_or(Unclear("there is no such account"))?)))
}

async fn text(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    let wechat = &standalone.0.wechat;
    told(match &act.menu {
        Some(id) => wechat.press(&app_id, &openid, id, &act.text).await,
        None => wechat.say(&app_id, &openid, &act.text).await,
    })
}

async fn click(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    told(standalone.0.wechat.click(&app_id, &openid, &act.key).await)
}

async fn view(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    told(standalone.0.wechat.view(&app_id, &openid, &act.url).await)
}

async fn subscribe(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    told(standalone.0.wechat.subscribe(&app_id, &openid).await)
}

async fn unsubscribe(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let (app_id, openid) = (standalone.account(&act)?, standalone.openid(&act)?);
    told(standalone.0.wechat.unsubscribe(&app_id, &openid).await)
}

/// As the console does when a callback URL is entered.
async fn verify(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let verification = standalone.0.wechat.verify(&standalone.account(&act)?).await;
    let verification = verification.ok_or(Unclear("there is no such account"))?;
    Ok(Json(json!({"passed": verification.is_passed, "answer": answered(&verification.answer)})))
}

/// The next two pushes change places.
async fn swap(State(standalone): State<Standalone>) -> Json<Value> {
    standalone.0.wechat.swap_next_two();
    Json(json!({}))
}

/// For one minute nothing is pushed to the account's URL.
async fn mark_fail(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    standalone.0.wechat.mark_fail(&standalone.account(&act)?);
    Ok(Json(json!({})))
}

/// The account's last push once more, under its old signature, with something in its body replaced.
async fn replay(State(standalone): State<Standalone>, Json(act): Json<Act>) -> Answered {
    let app_id = standalone.account(&act)?;
    let alter = |body: String| if act.replace.is_empty() { body } else { body.replace(&act.replace, &act.with) };
    let answer = standalone.0.wechat.replay(&app_id, alter).await;
    Ok(Json(answered(&answer.ok_or(Unclear("nothing was pushed yet"))?)))
}
