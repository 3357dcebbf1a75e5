//! The simulated WeChat and its phones, against a callback that reads pushes as the daemon does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;
use scan_login::clock::Clock;
use scan_login::domain::{AppId, OpenId, Timestamp};
use scan_login::simulator::{NoAnswer, Pushed, ScanError, SimulatedAccount, SimulatedWeChat};
use scan_login::transport::wechat::api::{ApiSettings, DEFAULT_DEADLINE, HttpClient, TokenSource, WeChatApi};
use scan_login::transport::wechat::message::{self, Kind, Push};
use scan_login::transport::wechat::signature;
use tokio::net::TcpListener;

const TOKEN: &str = "AAAAA";
const SCENE: &str = "sl-Zm9vYmFyYmF6cXV4MTIzNA";

/// What the callback does with an authentic push.
#[derive(Clone)]
enum Answering {
    Says(StatusCode, String),
    Never,
}

#[derive(Clone)]
struct Callback {
    pushes: Arc<Mutex<Vec<Push>>>,
    answering: Arc<Mutex<Answering>>,
}

type Parameters = Query<HashMap<String, String>>;

fn is_authentic(query: &Parameters) -> bool {
    let part = |name: &str| query.get(name).map_or("", String::as_str);
    signature::is_authentic(&[TOKEN, part("timestamp"), part("nonce")], part("signature"))
}

async fn verified(query: Parameters) -> (StatusCode, String) {
    match is_authentic(&query) {
        true => (StatusCode::OK, query.get("echostr").cloned().unwrap_or_default()),
        false => (StatusCode::FORBIDDEN, String::new()),
    }
}

async fn pushed(State(callback): State<Callback>, query: Parameters, body: Bytes) -> (StatusCode, String) {
    if !is_authentic(&query) {
        return (StatusCode::FORBIDDEN, String::new());
    }
    let Ok(push) = message::parse(&body) else { return (StatusCode::BAD_REQUEST, String::new()) };
    assert_eq!(query.get("openid").map(String::as_str), Some(push.from.as_str()));
    callback.pushes.lock().unwrap().push(push);
    let answering = callback.answering.lock().unwrap().clone();
    match answering {
        Answering::Says(status, body) => (status, body),
        Answering::Never => std::future::pending().await,
    }
}

/// A WeChat with one account, the callback that the account names, and a client that makes codes.
struct Stage {
    wechat: SimulatedWeChat,
    callback: Callback,
    api: WeChatApi,
    app_id: AppId,
    person: OpenId,
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

impl Stage {
    async fn new() -> Self {
        Self::with_token(TOKEN).await
    }

    async fn with_token(token: &str) -> Self {
        let clock = Clock::simulated(Timestamp::from_micros(1_767_323_045_000_000));
        let answering = Answering::Says(StatusCode::OK, "success".into());
        let callback = Callback { pushes: Arc::default(), answering: Arc::new(Mutex::new(answering)) };
        let route = Router::new().route("/wechat/main", get(verified).post(pushed)).with_state(callback.clone());
        let app_id = AppId::new("wx0123456789abcdef").unwrap();
        let account = SimulatedAccount {
            app_id: app_id.clone(),
            app_secret: "secret".into(),
            token: token.into(),
            original_id: "gh_7f083739789a".into(),
            callback_url: format!("{}/wechat/main", listen(route).await).parse().unwrap(),
        };
        let wechat = SimulatedWeChat::with_clock(vec![account], clock.clone());
        let api_base = listen(wechat.router()).await.parse().unwrap();
        let app_secret = "secret".into();
        let settings = ApiSettings {
            api_base,
            app_id: app_id.clone(),
            app_secret,
            token_source: TokenSource::default(),
            deadline: DEFAULT_DEADLINE,
        };
        let api = WeChatApi::new(settings, HttpClient::plain(), clock);
        let person = OpenId::new("oia2TjuEGTNoeX76QEjQNrcURxG8").unwrap();
        Self { wechat, callback, api, app_id, person }
    }

    async fn code(&self) -> String {
        self.api.create_qr(SCENE, Duration::from_secs(300)).await.unwrap().content
    }

    fn answer(&self, answering: Answering) {
        *self.callback.answering.lock().unwrap() = answering;
    }

    fn kinds(&self) -> Vec<Kind> {
        self.callback.pushes.lock().unwrap().iter().map(|push| push.kind.clone()).collect()
    }
}

fn scan() -> Kind {
    Kind::Scan { scene: SCENE.into() }
}

#[tokio::test]
async fn a_stranger_follows_and_a_follower_scans() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    let first = stage.wechat.scan(&code, &stage.person).await.unwrap();
    let second = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!((first.event, second.event), (Pushed::Subscribe, Pushed::Scan));
    assert!(first.is_accepted() && first.deliveries() == 1);
    assert_eq!(stage.kinds(), [Kind::Subscribe { scene: Some(SCENE.into()) }, scan()]);
    let push = stage.callback.pushes.lock().unwrap()[0].clone();
    assert_eq!(push.to, "gh_7f083739789a");
    assert_eq!(push.from, stage.person);
    assert_eq!(push.create_time, first.began.as_seconds());
    stage.wechat.unfollow(&stage.app_id, &stage.person);
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().event, Pushed::Subscribe);
}

#[tokio::test]
async fn nothing_is_pushed_for_a_code_that_is_over_or_unknown() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(300)).await;
    tokio::time::resume();
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap_err(), ScanError::Expired);
    assert_eq!(stage.wechat.scan("https://example.com", &stage.person).await.unwrap_err(), ScanError::Unknown);
    assert!(stage.kinds().is_empty());
}

#[tokio::test]
async fn a_push_that_is_not_taken_is_delivered_three_times() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.follow(&stage.app_id, &stage.person);
    stage.answer(Answering::Says(StatusCode::OK, "{\"ok\":true}".into()));
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert!(!delivery.is_accepted());
    assert_eq!(delivery.deliveries(), 3);
    assert_eq!(stage.kinds(), [scan(), scan(), scan()]);
}

#[tokio::test]
async fn a_callback_that_does_not_answer_is_given_up_after_three_times_five_seconds() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.answer(Answering::Never);
    tokio::time::pause();
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(delivery.answers, vec![Err(NoAnswer::TimedOut); 3]);
    assert!(delivery.took >= Duration::from_secs(15), "{:?}", delivery.took);
}

#[tokio::test]
async fn a_reply_reaches_the_person() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    let reply = "<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
        <CreateTime>1767323045</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[请点击]]></Content></xml>";
    stage.answer(Answering::Says(StatusCode::OK, reply.into()));
    let delivery = stage.wechat.scan(&code, &stage.person).await.unwrap();
    assert_eq!(delivery.deliveries(), 1);
    assert_eq!(delivery.reply().unwrap().content, "请点击");
}

#[tokio::test]
async fn an_accepted_push_can_come_twice() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.wechat.follow(&stage.app_id, &stage.person);
    stage.wechat.deliver_twice(true);
    assert_eq!(stage.wechat.scan(&code, &stage.person).await.unwrap().deliveries(), 2);
    assert_eq!(stage.kinds(), [scan(), scan()]);
}

#[tokio::test]
async fn the_console_verifies_who_knows_the_token() {
    let good = Stage::new().await;
    assert!(good.wechat.verify(&good.app_id).await.unwrap().is_passed);
    let other = Stage::with_token("BBBBB").await;
    let verification = other.wechat.verify(&other.app_id).await.unwrap();
    assert!(!verification.is_passed);
    assert_eq!(verification.answer.unwrap().status, 403);
}

#[tokio::test]
async fn any_bytes_can_be_pushed() {
    let stage = Stage::new().await;
    let query = stage.wechat.signed_query(&stage.app_id, &stage.person).unwrap();
    let malformed = stage.wechat.push_raw(&stage.app_id, &query, "<xml>").await.unwrap().unwrap();
    assert_eq!(malformed.status, 400);
    let forged = stage.wechat.push_raw(&stage.app_id, "signature=0&timestamp=1&nonce=2", "").await.unwrap().unwrap();
    assert_eq!(forged.status, 403);
}
