use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use http::Request;
use tower::ServiceExt;

use super::*;
use crate::clock::Clock;
use crate::domain::{OpenId, Timestamp};
use crate::simulator::wechat::{Quotas, SimulatedAccount, SimulatedKind, Voice};

mod account;
mod custom;
mod oauth;

fn wechat() -> SimulatedWeChat {
    wechat_with(|account| account)
}

fn wechat_with(change: impl FnOnce(SimulatedAccount) -> SimulatedAccount) -> SimulatedWeChat {
    let callback_url = "http://127.0.0.1:9/wechat/main".parse().unwrap();
    let account = SimulatedAccount { app_secret: "secret".into(), ..SimulatedAccount::new(app_id(), callback_url) };
    SimulatedWeChat::with_clock(vec![change(account)], Clock::simulated(Timestamp::from_micros(0)))
}

fn app_id() -> AppId {
    AppId::new("wx1").unwrap()
}

async fn call(wechat: &SimulatedWeChat, method: Method, path: &str, body: &str) -> Value {
    call_from("127.0.0.1:1", wechat, method, path, body).await
}

async fn call_from(peer: &str, wechat: &SimulatedWeChat, method: Method, path: &str, body: &str) -> Value {
    let peer: SocketAddr = peer.parse().unwrap();
    let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    let response = wechat.router().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&to_bytes(response.into_body(), 64 * 1024).await.unwrap()).unwrap()
}

async fn token(wechat: &SimulatedWeChat, force: bool) -> (String, u64) {
    let body = json!({"grant_type": "client_credential", "appid": "wx1", "secret": "secret", "force_refresh": force});
    let answer = call(wechat, Method::POST, "/cgi-bin/stable_token", &body.to_string()).await;
    (answer["access_token"].as_str().unwrap().to_owned(), answer["expires_in"].as_u64().unwrap())
}

/// A call with a good access token.
async fn authorized(wechat: &SimulatedWeChat, path: &str, body: &str) -> Value {
    let (token, _) = token(wechat, false).await;
    let method = if body.is_empty() { Method::GET } else { Method::POST };
    let separator = if path.contains('?') { '&' } else { '?' };
    call(wechat, method, &format!("{path}{separator}access_token={token}"), body).await
}

async fn ordinary(wechat: &SimulatedWeChat) -> Value {
    let path = "/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=secret";
    call(wechat, Method::GET, path, "").await
}

async fn create(wechat: &SimulatedWeChat, token: &str, body: &str) -> Value {
    call(wechat, Method::POST, &format!("/cgi-bin/qrcode/create?access_token={token}"), body).await
}

const CODE: &str = r#"{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"s"}}}"#;

#[tokio::test]
async fn stable_token_has_wechats_error_codes() {
    let wechat = wechat();
    let grant = |fields: &str| format!(r#"{{"grant_type":"client_credential"{fields}}}"#);
    for (method, body, errcode) in [
        (Method::GET, String::new(), 43002),
        (Method::POST, "grant_type=client_credential".into(), 47001),
        (Method::POST, "{}".into(), 40002),
        (Method::POST, grant(""), 41002),
        (Method::POST, grant(r#","appid":"wx1""#), 41004),
        (Method::POST, grant(r#","appid":"wx2","secret":"secret""#), 40013),
        (Method::POST, grant(r#","appid":"wx1","secret":"guess""#), 40125),
    ] {
        let answer = call(&wechat, method, "/cgi-bin/stable_token", &body).await;
        assert_eq!(answer["errcode"], errcode, "{body}");
        assert!(answer["errmsg"].as_str().unwrap().contains(" rid: "), "{answer}");
    }
}

#[tokio::test]
async fn making_a_code_has_wechats_error_codes() {
    let wechat = wechat();
    let (good, _) = token(&wechat, false).await;
    let scene = |scene: &str| CODE.replace("\"s\"", &format!("\"{scene}\""));
    for (token, body, errcode) in [
        ("", CODE.to_owned(), 41001),
        ("guess", CODE.to_owned(), 40001),
        (&good, "<xml/>".into(), 47001),
        (&good, CODE.replace("QR_STR_SCENE", "QR_ANY"), 40052),
        (&good, scene(""), 40053),
        (&good, scene(&"s".repeat(65)), 40053),
    ] {
        assert_eq!(create(&wechat, token, &body).await["errcode"], errcode, "{body}");
    }
    assert_eq!(create(&wechat, &good, &scene(&"s".repeat(64))).await["expire_seconds"], 60);
    let longest = CODE.replacen('{', r#"{"expire_seconds":9000000,"#, 1);
    assert_eq!(create(&wechat, &good, &longest).await["expire_seconds"], 2_592_000);
}

#[tokio::test(start_paused = true)]
async fn a_token_stays_the_same_until_its_last_five_minutes_and_then_two_work() {
    let wechat = wechat();
    let (first, life) = token(&wechat, false).await;
    assert_eq!(life, 7200);
    tokio::time::advance(Duration::from_secs(6890)).await;
    assert_eq!(token(&wechat, false).await, (first.clone(), 310));
    tokio::time::advance(Duration::from_secs(20)).await;
    let (second, _) = token(&wechat, false).await;
    assert_ne!(second, first);
    assert!(create(&wechat, &first, CODE).await["url"].is_string());
    assert!(create(&wechat, &second, CODE).await["url"].is_string());
    tokio::time::advance(Duration::from_secs(290)).await;
    assert_eq!(create(&wechat, &first, CODE).await["errcode"], 42001);
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_kills_the_old_token_but_not_twice_within_half_a_minute() {
    let wechat = wechat();
    let (first, _) = token(&wechat, false).await;
    let (second, _) = token(&wechat, true).await;
    assert_ne!(second, first);
    assert_eq!(create(&wechat, &first, CODE).await["errcode"], 40001);
    assert_eq!(token(&wechat, true).await.0, second);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_ne!(token(&wechat, true).await.0, second);
}

#[tokio::test(start_paused = true)]
async fn a_new_ordinary_token_ends_the_one_before_after_five_minutes() {
    let wechat = wechat();
    let take = async || ordinary(&wechat).await["access_token"].as_str().unwrap().to_owned();
    let (first, second) = (take().await, take().await);
    assert_ne!(first, second);
    tokio::time::advance(Duration::from_secs(299)).await;
    assert!(create(&wechat, &first, CODE).await["url"].is_string());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(create(&wechat, &first, CODE).await["errcode"], 42001);
    assert!(create(&wechat, &second, CODE).await["url"].is_string());
    let third = take().await;
    take().await;
    assert_eq!(create(&wechat, &second, CODE).await["errcode"], 40001, "two before the present one it is unknown");
    assert!(create(&wechat, &third, CODE).await["url"].is_string());
}

#[tokio::test(start_paused = true)]
async fn ordinary_and_stable_tokens_know_nothing_of_each_other() {
    let wechat = wechat();
    let (stable, _) = token(&wechat, false).await;
    let answer = ordinary(&wechat).await;
    assert_eq!(answer["expires_in"], 7200);
    let ordinary = answer["access_token"].as_str().unwrap();
    assert_ne!(ordinary, stable);
    token(&wechat, true).await;
    assert!(create(&wechat, ordinary, CODE).await["url"].is_string());
    assert_eq!(create(&wechat, &stable, CODE).await["errcode"], 40001);
}

#[tokio::test]
async fn an_ordinary_token_has_wechats_error_codes() {
    let wechat = wechat();
    for (query, errcode) in [
        ("", 40002),
        ("grant_type=client_credential", 41002),
        ("grant_type=client_credential&appid=wx1", 41004),
        ("grant_type=client_credential&appid=wx2&secret=secret", 40013),
        ("grant_type=client_credential&appid=wx1&secret=guess", 40125),
    ] {
        let answer = call(&wechat, Method::GET, &format!("/cgi-bin/token?{query}"), "").await;
        assert_eq!(answer["errcode"], errcode, "{query}");
    }
}
