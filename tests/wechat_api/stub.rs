//! A WeChat, and a token server, that answer what they are told to, for calls that need no more.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, Uri};
use scan_login::clock::Clock;
use scan_login::domain::AppId;
use scan_login::transport::wechat::api::{ApiSettings, DEFAULT_DEADLINE, HttpClient, TokenSource, WeChatApi};
use tokio::net::TcpListener;

/// What came, as `POST /path?query` and its body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub body: String,
}

impl Asked {
    fn is_for_token(&self) -> bool {
        self.line.split('?').next().unwrap().ends_with("token")
    }
}

#[derive(Clone, Default)]
pub struct Stub(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    asked: Vec<Asked>,
    answers: VecDeque<String>,
    tokens: VecDeque<String>,
    usual: Option<String>,
    address: Option<SocketAddr>,
}

impl Stub {
    /// Access tokens are given without being scripted, `token-1` and so on.
    pub async fn start() -> Self {
        let stub = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        stub.0.lock().unwrap().address = Some(listener.local_addr().unwrap());
        let answering = stub.clone();
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let answer = answering.answer(&method, &uri, &body);
            async move { answer }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        stub
    }

    fn answer(&self, method: &Method, uri: &Uri, body: &[u8]) -> String {
        let mut script = self.0.lock().unwrap();
        script.asked.push(Asked { line: format!("{method} {uri}"), body: String::from_utf8(body.to_vec()).unwrap() });
        if uri.path().ends_with("token") {
            let number = script.asked.iter().filter(|asked| asked.is_for_token()).count();
            let granted = || format!(r#"{{"access_token":"token-{number}","expires_in":7200}}"#);
            return script.tokens.pop_front().unwrap_or_else(granted);
        }
        let answer = script.answers.pop_front().or_else(|| script.usual.clone());
        answer.unwrap_or_else(|| r#"{"errcode":0,"errmsg":"ok"}"#.to_owned())
    }

    /// The answer to the next call that is not for a token.
    pub fn next(&self, answer: &str) {
        self.0.lock().unwrap().answers.push_back(answer.to_owned());
    }

    /// From now on the answer to every call that is not for a token.
    pub fn always(&self, answer: &str) {
        self.0.lock().unwrap().usual = Some(answer.to_owned());
    }

    /// The answer to the next call for a token.
    pub fn next_token(&self, answer: &str) {
        self.0.lock().unwrap().tokens.push_back(answer.to_owned());
    }

    /// What came so far, without the calls for tokens.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.0.lock().unwrap().asked.clone();
        asked.into_iter().filter(|asked| !asked.is_for_token()).collect()
    }

    /// The calls for tokens.
    pub fn asked_for_tokens(&self) -> Vec<Asked> {
        let asked = self.0.lock().unwrap().asked.clone();
        asked.into_iter().filter(Asked::is_for_token).collect()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0.lock().unwrap().address.unwrap())
    }

    pub fn settings(&self) -> ApiSettings {
        ApiSettings {
            api_base: self.url().parse().unwrap(),
            app_id: AppId::new("wx1").unwrap(),
            app_secret: "app-secret".into(),
            token_source: TokenSource::default(),
            deadline: DEFAULT_DEADLINE,
        }
    }

    pub fn api(&self) -> WeChatApi {
        WeChatApi::new(self.settings(), HttpClient::plain(), Clock::system())
    }
}
