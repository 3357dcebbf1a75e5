//! A daemon with two accounts, and the WeChat that calls it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{Outage, Sealed, SimulatedAccount, SimulatedEncryption, SimulatedWeChat};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0123";
const OPENID: &str = "oia2TjuEGTNoeX76QEjQNrcURxG8";

/// Which account is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Safe,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Safe => "safe",
        }
    }

    fn app_id(self) -> AppId {
        AppId::new(format!("wx000000000000{}", self.name())).unwrap()
    }
}

/// A push, ready to be sent.
pub struct Push {
    mode: Mode,
    sealed: Sealed,
}

pub struct Daemon {
    _folder: TempDir,
    process: Child,
    wechat: SimulatedWeChat,
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    next: std::cell::Cell<u64>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (public, admin) = (port(), port());
        let base = format!("http://127.0.0.1:{public}");
        let account = |mode: Mode, encryption| SimulatedAccount {
            encryption,
            encoding_aes_key: Some(KEY.into()),
            ..SimulatedAccount::new(mode.app_id(), format!("{base}/wechat/{}", mode.name()).parse().unwrap())
        };
        let wechat = SimulatedWeChat::new(vec![
            account(Mode::Plain, SimulatedEncryption::Plain),
            account(Mode::Safe, SimulatedEncryption::Safe),
        ]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_base = format!("http://{}", listener.local_addr().unwrap());
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let account = |mode: Mode| {
            format!(
                "[[account]]\nname = \"{0}\"\napp_id = \"{1}\"\napp_secret = \"app-secret\"\ntoken = \"callbacktoken\"\n\
                 encryption = \"{0}\"\nencoding_aes_key = \"{KEY}\"\napi_base = \"{api_base}\"\n",
                mode.name(),
                mode.app_id()
            )
        };
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{public}\"\npublic_url = \"{base}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [limits]\nsessions_per_address = \"off\"\nsessions_per_browser = \"off\"\n{}{}\
             [[client]]\nclient_id = \"shop\"\nclient_secret = \"shop-secret\"\naccount = \"safe\"\nname = \"Example Shop\"\n\
             confirm = \"auto\"\n",
            account(Mode::Plain),
            account(Mode::Safe),
        );
        std::fs::write(folder.path().join("scan-login.toml"), config).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_scan-login"))
            .args(["serve", "--config"])
            .arg(folder.path().join("scan-login.toml"))
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let daemon = Self { _folder: folder, process, wechat, client, base, next: std::cell::Cell::new(0) };
        let ready = format!("http://127.0.0.1:{admin}/readyz");
        while daemon.send("GET", &ready, "").await.is_none_or(|(status, _)| status != 200) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        daemon
    }

    /// The CPU time that the daemon's threads have taken, as the scheduler counts it in nanoseconds.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = threads.filter_map(|thread| {
            let counts = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).ok()?;
            counts.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// A text that nobody wrote before, which is answered with `success`.
    pub fn text(&self, mode: Mode) -> Push {
        let id = self.next.get();
        self.next.set(id + 1);
        let fields =
            format!("<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[hello]]></Content>\n<MsgId>{id}</MsgId>\n");
        self.seal(mode, &fields)
    }

    pub fn scan(&self, scene: &str) -> Push {
        let event = "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[SCAN]]></Event>\n";
        self.seal(
            Mode::Safe,
            &format!("{event}<EventKey><![CDATA[{scene}]]></EventKey>\n<Ticket><![CDATA[gQ==]]></Ticket>\n"),
        )
    }

    fn seal(&self, mode: Mode, fields: &str) -> Push {
        let clear = format!(
            "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\n\
             <FromUserName><![CDATA[{OPENID}]]></FromUserName>\n<CreateTime>{}</CreateTime>\n{fields}</xml>",
            self.wechat.now().as_seconds()
        );
        let sealed = self.wechat.seal(&mode.app_id(), &OpenId::new(OPENID).unwrap(), &clear).unwrap();
        Push { mode, sealed }
    }

    pub async fn push(&self, push: Push) {
        let url = format!("{}/wechat/{}?{}", self.base, push.mode.name(), push.sealed.query);
        let (status, body) = self.send("POST", &url, &push.sealed.body).await.unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }

    /// Opens a session, and tells its scene.
    pub async fn open_session(&self) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let body = format!(r#"{{"client_id":"shop","code_challenge":"{challenge}","code_challenge_method":"S256"}}"#);
        let (status, body) = self.send("POST", &format!("{}/v1/sessions", self.base), &body).await.unwrap();
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["scene_id"].as_str().unwrap().to_owned()
    }

    pub fn take_api_down(&self) {
        self.wechat.set_outage(Some(Outage::Hangs));
    }

    async fn send(&self, method: &str, url: &str, body: &str) -> Option<(u16, Bytes)> {
        let request = http::Request::builder().method(method).uri(url).header("content-type", "application/json");
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        Some((head.status.as_u16(), body.collect().await.ok()?.to_bytes()))
    }
}
