//! WeChat's server interface, with the error codes that it is known for. HTTP 200 in every case.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router, middleware};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{AccessToken, Account, SimulatedWeChat, TOKEN_LIFETIME, World, faults, random_text};
use crate::domain::{AppId, Timestamp};

/// In the last five minutes of a token the next one is handed out, and both work.
const OVERLAP: Duration = Duration::from_secs(300);

/// Forced refreshes that come faster than this have no effect.
const FORCE_INTERVAL: Duration = Duration::from_secs(30);

const MAX_QR_SECONDS: u64 = 2_592_000;

/// `errcode` and `errmsg`.
type Refusal = (i64, &'static str);

const NOT_POST: Refusal = (43002, "require POST method");
const NOT_JSON: Refusal = (47001, "data format error");

pub(super) fn router(wechat: &SimulatedWeChat) -> Router {
    Router::new()
        .route("/cgi-bin/stable_token", any(stable_token))
        .route("/cgi-bin/qrcode/create", any(create_qr))
        .layer(middleware::from_fn_with_state(wechat.clone(), faults::intervene))
        .with_state(wechat.clone())
}

/// An error as WeChat words it, with the `rid` that its support asks for.
pub(super) fn refusal(errcode: i64, errmsg: &str) -> Response {
    let rid = random_text::<9>();
    Json(json!({"errcode": errcode, "errmsg": format!("{errmsg} rid: {rid}")})).into_response()
}

fn answer(result: Result<Value, Refusal>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err((errcode, errmsg)) => refusal(errcode, errmsg),
    }
}

async fn stable_token(State(wechat): State<SimulatedWeChat>, method: Method, body: Bytes) -> Response {
    answer(request(&method, &body).and_then(|request| wechat.grant(&request)))
}

async fn create_qr(
    State(wechat): State<SimulatedWeChat>,
    method: Method,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let token = query.get("access_token").map_or("", String::as_str);
    answer(request(&method, &body).and_then(|request| wechat.make_qr(token, &request)))
}

fn request(method: &Method, body: &[u8]) -> Result<Value, Refusal> {
    if method != Method::POST {
        return Err(NOT_POST);
    }
    serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(NOT_JSON)
}

impl SimulatedWeChat {
    fn grant(&self, request: &Value) -> Result<Value, Refusal> {
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        if text("grant_type") != "client_credential" {
            return Err((40002, "invalid grant_type"));
        }
        if text("appid").is_empty() {
            return Err((41002, "appid missing"));
        }
        if text("secret").is_empty() {
            return Err((41004, "appsecret missing"));
        }
        let app_id = AppId::new(text("appid")).map_err(|_| (40013, "invalid appid"))?;
        let now = self.0.clock.now();
        let mut world = self.world();
        let account = world.account(&app_id).ok_or((40013, "invalid appid"))?;
        if account.about.app_secret != text("secret") {
            return Err((40125, "invalid appsecret"));
        }
        let token = account.stable_token(now, request["force_refresh"].as_bool().unwrap_or_default());
        Ok(json!({"access_token": token.value, "expires_in": now.until(token.expires_at).as_secs()}))
    }

    fn make_qr(&self, token: &str, request: &Value) -> Result<Value, Refusal> {
        let now = self.0.clock.now();
        let mut world = self.world();
        let app_id = world.owner_of(token, now)?;
        if request["action_name"] != "QR_STR_SCENE" {
            return Err((40052, "invalid action name"));
        }
        let scene = scene(&request["action_info"])?;
        let seconds = request["expire_seconds"].as_u64().unwrap_or(60).clamp(1, MAX_QR_SECONDS);
        let made = world.make_code(app_id, scene, now, Duration::from_secs(seconds));
        Ok(json!({"ticket": made.ticket, "expire_seconds": seconds, "url": made.url}))
    }
}

/// WeChat takes a request without the inner `scene` and makes a code with scene 0.
fn scene(action_info: &Value) -> Result<String, Refusal> {
    if !action_info["scene"].is_object() {
        return Ok("0".into());
    }
    let scene = action_info["scene"]["scene_str"].as_str().unwrap_or_default();
    if !(1..=64).contains(&scene.chars().count()) {
        return Err((40053, "invalid action info"));
    }
    Ok(scene.to_owned())
}

impl Account {
    fn stable_token(&mut self, now: Timestamp, force: bool) -> AccessToken {
        let may_force = self.forced_at.is_none_or(|at| at.until(now) >= FORCE_INTERVAL);
        match &self.token {
            Some(_) if force && may_force => {
                self.forced_at = Some(now);
                self.previous = None;
                self.renew(now)
            }
            Some(token) if now.until(token.expires_at) > OVERLAP => token.clone(),
            _ => {
                self.previous = self.token.take();
                self.renew(now)
            }
        }
    }

    fn renew(&mut self, now: Timestamp) -> AccessToken {
        let value = format!("72_{}", random_text::<96>());
        let token = AccessToken { value, expires_at: now.after(TOKEN_LIFETIME) };
        self.token = Some(token.clone());
        token
    }
}

impl World {
    fn owner_of(&self, token: &str, now: Timestamp) -> Result<AppId, Refusal> {
        if token.is_empty() {
            return Err((41001, "access_token missing"));
        }
        let holds = |account: &&Account| tokens(account).any(|held| held.value == token);
        let account = self
            .accounts
            .iter()
            .find(holds)
            .ok_or((40001, "invalid credential, access_token is invalid or not latest"))?;
        if tokens(account).any(|held| held.value == token && now >= held.expires_at) {
            return Err((42001, "access_token expired"));
        }
        Ok(account.about.app_id.clone())
    }
}

fn tokens(account: &Account) -> impl Iterator<Item = &AccessToken> {
    account.token.iter().chain(&account.previous)
}

#[cfg(test)]
mod tests;
