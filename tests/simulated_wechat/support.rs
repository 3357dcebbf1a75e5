//! A WeChat, the callback that its account names, and a client that makes codes.

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
use scan_login::simulator::{SimulatedAccount, SimulatedWeChat};
use scan_login::transport::wechat::api::{ApiSettings, DEFAULT_DEADLINE, HttpClient, TokenSource, WeChatApi};
use scan_login::transport::wechat::message::{self, Kind, Push};
use scan_login::transport::wechat::signature;
use tokio::net::TcpListener;

pub const TOKEN: &str = "AAAAA";
pub const SCENE: &str = "sl-Zm9vYmFyYmF6cXV4MTIzNA";

/// What the callback does with an authentic push.
#[derive(Clone)]
pub enum Answering {
    Says(StatusCode, String),
    Never,
}

#[derive(Clone)]
pub struct Callback {
    pub pushes: Arc<Mutex<Vec<Push>>>,
    pub answering: Arc<Mutex<Answering>>,
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
    let Ok(push) = message::read(&body).and_then(message::Document::into_push) else {
        return (StatusCode::BAD_REQUEST, String::new());
    };
    assert_eq!(query.get("openid").map(String::as_str), Some(push.from.as_str()));
    callback.pushes.lock().unwrap().push(push);
    let answering = callback.answering.lock().unwrap().clone();
    match answering {
        Answering::Says(status, body) => (status, body),
        Answering::Never => std::future::pending().await,
    }
}

/// A WeChat with one account, the callback that the account names, and a client that makes codes.
pub struct Stage {
    pub wechat: SimulatedWeChat,
    pub callback: Callback,
    pub api: WeChatApi,
    pub app_id: AppId,
    pub person: OpenId,
}

pub async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

impl Stage {
    pub async fn new() -> Self {
        Self::with_token(TOKEN).await
    }

    pub async fn with_token(token: &str) -> Self {
        let clock = Clock::simulated(Timestamp::from_micros(1_767_323_045_000_000));
        let answering = Answering::Says(StatusCode::OK, "success".into());
        let callback = Callback { pushes: Arc::default(), answering: Arc::new(Mutex::new(answering)) };
        let route = Router::new().route("/wechat/main", get(verified).post(pushed)).with_state(callback.clone());
        let app_id = AppId::new("wx0123456789abcdef").unwrap();
        let account = SimulatedAccount {
            app_secret: "secret".into(),
            token: token.into(),
            original_id: "gh_7f083739789a".into(),
            ..SimulatedAccount::new(app_id.clone(), format!("{}/wechat/main", listen(route).await).parse().unwrap())
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

    pub async fn code(&self) -> String {
        self.api.create_qr(SCENE, Duration::from_secs(300)).await.unwrap().content
    }

    pub fn answer(&self, answering: Answering) {
        *self.callback.answering.lock().unwrap() = answering;
    }

    pub fn kinds(&self) -> Vec<Kind> {
        self.callback.pushes.lock().unwrap().iter().map(|push| push.kind.clone()).collect()
    }
}

pub fn scan() -> Kind {
    Kind::Scan { scene: SCENE.into() }
}

/// A text as an account replies it.
pub fn reply(content: &str) -> Answering {
    let reply = format!(
        "<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
        <CreateTime>1767323045</CreateTime><MsgType><![CDATA[text]]></MsgType>\
        <Content><![CDATA[{content}]]></Content></xml>"
    );
    Answering::Says(StatusCode::OK, reply)
}

pub fn refusal() -> Answering {
    Answering::Says(StatusCode::INTERNAL_SERVER_ERROR, String::new())
}

/// Lets this much time pass at once, for everybody.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
