//! A daemon, its WeChat and its visitors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{DataFormat, SimulatedAccount, SimulatedEncryption, SimulatedWeChat};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

pub const APP_ID: &str = "wx0000000000000001";
pub const TOKEN: &str = "callbacktoken";
pub const SECRET: &str = "shop-secret";
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0123";

/// So many a daemon needs for itself and a few dozen visitors.
pub const FEW_DESCRIPTORS: usize = 256;

/// How long anything may take before a test gives up; nothing waits that long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An address of this test alone, so that the daemon can have fixed ports, before and after a restart.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.wrapping_add(100), low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The world around one daemon.
pub struct World {
    pub folder: TempDir,
    pub wechat: SimulatedWeChat,
    pub address: Ipv4Addr,
    daemon: Option<Child>,
    environment: Vec<(String, String)>,
}

impl World {
    /// A daemon with one account, the client `shop`, and the original page with its client `legacy`.
    pub async fn start() -> Self {
        Self::with(|config| config).await
    }

    /// The same with another configuration.
    pub async fn with(change: impl FnOnce(String) -> String) -> Self {
        let mut world = Self::prepare(change).await;
        world.run().await;
        world
    }

    /// A daemon that asks WeChat for a code when it is wanted, and at no other time.
    pub async fn without_prepared_codes() -> Self {
        Self::with(|config| without_prepared_codes(&config)).await
    }

    /// A daemon whose account `main` asks a WeChat that has unionids for them.
    pub async fn with_unionids(change: impl FnOnce(String) -> String) -> Self {
        let main = |account| SimulatedAccount { has_unionid: true, ..account };
        let asking = |config: String| config.replacen("[[account]]", "[[account]]\nunionid = true", 1);
        let mut world = Self::prepare_with(main, |config| change(asking(config))).await;
        world.run().await;
        world
    }

    /// A daemon, and a WeChat that pushes to its account `main` in this mode and format.
    pub async fn in_mode(encryption: SimulatedEncryption, format: DataFormat) -> Self {
        Self::in_mode_with(encryption, format, |config| config).await
    }

    /// The same with another configuration.
    pub async fn in_mode_with(
        encryption: SimulatedEncryption,
        format: DataFormat,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let mode = match encryption {
            SimulatedEncryption::Plain => "plain",
            SimulatedEncryption::Compatible => "compatible",
            SimulatedEncryption::Safe => "safe",
        };
        let keyed = format!("encryption = \"{mode}\"\n encoding_aes_key = \"{key}\"");
        let main = |account| SimulatedAccount { encryption, format, encoding_aes_key: Some(key.into()), ..account };
        let mut world =
            Self::prepare_with(main, |config| change(config.replacen("encryption = \"plain\"", &keyed, 1))).await;
        world.run().await;
        world
    }

    /// Everything but the daemon.
    pub async fn prepare(change: impl FnOnce(String) -> String) -> Self {
        Self::prepare_with(|account| account, change).await
    }

    async fn prepare_with(
        main: impl FnOnce(SimulatedAccount) -> SimulatedAccount,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let address = own_address();
        let wechat_listener = tokio::net::TcpListener::bind((address, 0)).await.unwrap();
        let wechat_url = format!("http://{}", wechat_listener.local_addr().unwrap());
        let account = |number: u8, name: &str| SimulatedAccount {
            token: TOKEN.into(),
            oauth_domains: vec![address.to_string()],
            original_id: format!("gh_00000000000{number}"),
            ..SimulatedAccount::new(
                AppId::new(format!("wx000000000000000{number}")).unwrap(),
                format!("http://{address}:8080/wechat/{name}").parse().unwrap(),
            )
        };
        let wechat = SimulatedWeChat::new(vec![main(account(1, "main")), account(2, "other")]);
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(wechat_listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"
            [server]
            listen = "{address}:8080"
            public_url = "http://{address}:8080"
            [admin]
            listen = "{address}:9090"
            [session]
            ttl = "5m"
            [[account]]
            name = "main"
            app_id = "{APP_ID}"
            app_secret = "app-secret"
            token = "{TOKEN}"
            encryption = "plain"
            api_base = "{wechat_url}"
            [[account]]
            name = "other"
            app_id = "wx0000000000000002"
            app_secret = "app-secret"
            token = "{TOKEN}"
            encryption = "plain"
            api_base = "{wechat_url}"
            [[client]]
            client_id = "shop"
            client_secret = "{SECRET}"
            account = "main"
            name = "Example Shop"
            confirm = "auto"
            origins = ["https://shop.example.com"]
            redirect_uris = ["https://shop.example.com/callback?from=scan"]
            [[client]]
            client_id = "legacy"
            client_secret = "legacy-secret"
            account = "main"
            name = "Old Shop"
            confirm = "auto"
            pkce = "optional"
            origins = ["https://old.example.com"]
            [seed_page]
            client_id = "legacy"
            confirm = "auto"
            "#
        );
        std::fs::write(folder.path().join("scan-login.toml"), change(config)).unwrap();
        Self { folder, wechat, address, daemon: None, environment: Vec::new() }
    }

    /// Writes the configuration anew.
    pub fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        std::fs::write(self.config_file(), change(text)).unwrap();
    }

    /// Starts the daemon, which may open [`FEW_DESCRIPTORS`].
    pub async fn run_narrow(&mut self) {
        let daemon = self.command("serve");
        let daemon = daemon.as_std();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {FEW_DESCRIPTORS} && exec \"$0\" \"$@\""));
        shell.arg(daemon.get_program()).args(daemon.get_args());
        shell.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        self.adopt(shell.spawn().unwrap());
        self.until_ready().await;
    }

    /// Takes a process for the daemon that somebody else has started.
    pub fn adopt(&mut self, daemon: Child) {
        self.daemon = Some(daemon);
    }

    /// Waits until the daemon is ready.
    pub async fn until_ready(&mut self) {
        let ready = async {
            while self.try_get_at(9090, "/readyz").await.is_none_or(|answer| answer.status != 200) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, ready).await.is_err() {
            panic!("the daemon did not get ready: {}", self.output().await.1);
        }
    }

    /// Sends the daemon a signal, by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Sets a variable for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("scan-login.toml")
    }

    /// Starts the daemon and waits until it is ready.
    pub async fn run(&mut self) {
        self.run_with("serve").await;
    }

    /// The same with other arguments.
    pub async fn run_with(&mut self, arguments: &str) {
        self.daemon = Some(self.command(arguments).spawn().unwrap());
        self.until_ready().await;
    }

    /// The program with this world's configuration.
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scan-login"));
        command
            .arg("--config")
            .arg(self.config_file())
            .args(subcommand.split_whitespace())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub fn is_running(&self) -> bool {
        self.daemon.is_some()
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.daemon.as_ref().and_then(Child::id).unwrap()).unwrap()
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().await.unwrap();
    }

    /// `kill -9`, and the next start.
    pub async fn kill_and_restart(&mut self) {
        self.kill().await;
        self.run().await;
    }

    /// SIGTERM; the exit status and what was written to standard error.
    pub async fn terminate(&mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.output().await
    }

    /// The exit status, and standard error, of a daemon that ends by itself.
    pub async fn output(&mut self) -> (ExitStatus, String) {
        let mut daemon = self.daemon.take().unwrap();
        let mut stderr = String::new();
        let mut pipe = daemon.stderr.take().unwrap();
        let ended = async {
            let reading = pipe.read_to_string(&mut stderr);
            let (_, status) = tokio::join!(reading, daemon.wait());
            status.unwrap()
        };
        let status = tokio::time::timeout(PATIENCE, ended).await.expect("the daemon does not end");
        (status, stderr)
    }

    /// A start that is refused: how it ends, and what it says.
    pub async fn refused(&mut self) -> (ExitStatus, String) {
        self.daemon = Some(self.command("serve").spawn().unwrap());
        self.output().await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}:8080{path}", self.address)
    }

    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::from((self.address, 8080))
    }

    pub async fn try_get_at(&self, port: u16, path: &str) -> Option<Answer> {
        let url = format!("http://{}:{port}{path}", self.address);
        try_send("GET", &url, &[], "").await
    }

    /// Waits until `/metrics` has this line.
    pub async fn wait_for_metric(&self, line: &str) {
        let mut told = String::new();
        let waiting = async {
            while !told.lines().any(|found| found == line) {
                told = self.try_get_at(9090, "/metrics").await.expect("the daemon is gone").text();
            }
        };
        let is_there = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(is_there, "{line} is not in\n{told}");
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send("GET", &self.url(path), headers, "").await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send("POST", &self.url(path), headers, body).await
    }

    /// `POST /v1/sessions` as a page of the shop does.
    pub async fn create(&self) -> LoginPage {
        self.create_with(|_| {}).await
    }

    /// The same with something else in the request.
    pub async fn create_with(&self, change: impl FnOnce(&mut Value)) -> LoginPage {
        let mut body = serde_json::json!({
            "client_id": "shop",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
        });
        change(&mut body);
        let answer = self.post("/v1/sessions", JSON, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        LoginPage::of(&answer.json())
    }

    /// Scans as `openid`; whether WeChat got its `success`.
    pub async fn scan(&self, qr_content: &str, openid: &str) -> bool {
        self.wechat.scan(qr_content, &OpenId::new(openid).unwrap()).await.unwrap().is_accepted()
    }

    pub async fn redeem(&self, code: &str) -> Answer {
        let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
        self.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await
    }

    /// A callback with this body, signed as WeChat signs it.
    pub async fn callback(&self, body: &str) -> Answer {
        let query = self.signed_query();
        self.post(&format!("/wechat/main?{query}"), &[("content-type", "text/xml")], body).await
    }

    pub fn signed_query(&self) -> String {
        self.wechat.signed_query(&AppId::new(APP_ID).unwrap(), &OpenId::new("oAnybody").unwrap()).unwrap()
    }

    /// The whole journal, as `replay` prints it.
    pub async fn journal(&self) -> Vec<Value> {
        self.replay("").await
    }

    pub async fn replay(&self, arguments: &str) -> Vec<Value> {
        let output = self.command(&format!("replay --format jsonl {arguments}")).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The types of the journal's events, after checking that there is no hole in it.
    pub async fn events(&self) -> Vec<String> {
        let journal = self.journal().await;
        for (place, event) in (1..).zip(&journal) {
            assert_eq!(event["seq"], place, "the journal has a hole");
        }
        journal.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// The account `main` may learn who opens a page, of the simulated WeChat.
pub fn web_oauth(config: &str, scope: &str) -> String {
    let base = config.lines().find_map(|line| line.trim().strip_prefix("api_base = ")).unwrap().to_owned();
    let more = format!("web_oauth = \"{scope}\"\n oauth_base = {base}\n api_base = {base}");
    config.replacen(&format!("api_base = {base}"), &more, 1)
}

/// An account that may make few codes a day lays none up.
pub fn without_prepared_codes(config: &str) -> String {
    config.replace("[[account]]", "[[account]]\nqr_daily_budget = 50")
}

pub const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A page that shows a QR code and waits.
pub struct LoginPage {
    pub scene: String,
    pub attach_token: String,
    pub qr_content: String,
    pub poll: String,
    pub created: Value,
}

impl LoginPage {
    pub fn of(created: &Value) -> Self {
        let text = |key: &str| created[key].as_str().unwrap_or_else(|| panic!("{key} is missing")).to_owned();
        Self {
            scene: text("scene_id"),
            attach_token: text("attach_token"),
            qr_content: text("qr_content"),
            poll: created["links"]["poll"].as_str().unwrap().to_owned(),
            created: created.clone(),
        }
    }

    pub async fn poll(&self, after: u32, wait: u32) -> Answer {
        let bearer = format!("Bearer {}", self.attach_token);
        send("GET", &format!("{}?after={after}&wait={wait}", self.poll), &[("authorization", &bearer)], "").await
    }

    /// The browser gives up.
    pub async fn give_up(&self) {
        let bearer = format!("Bearer {}", self.attach_token);
        assert_eq!(send("DELETE", &self.poll, &[("authorization", &bearer)], "").await.status, 204);
    }

    /// Polls until there is a message of this type.
    pub async fn wait_for(&self, kind: &str) -> Value {
        let mut after = 0;
        loop {
            let answer = self.poll(after, 20).await.json();
            let messages = answer["messages"].as_array().expect("no messages").clone();
            assert!(!messages.is_empty(), "no message of type {kind} came");
            if let Some(found) = messages.iter().find(|message| message["type"] == kind) {
                return found.clone();
            }
            after = u32::try_from(messages.last().unwrap()["seq"].as_u64().unwrap()).unwrap();
        }
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The text of the passive reply in it.
    pub fn said(&self) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once("<Content><![CDATA[")?;
        Some(rest.split_once("]]></Content>")?.0.to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// All headers of this name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = tokio::time::timeout(Duration::from_secs(40), try_send(method, url, headers, body)).await;
    answer.expect("no answer came").unwrap_or_else(|| panic!("{url} cannot be reached"))
}

/// On a connection of its own: what a peer whose daemon was killed has.
pub async fn try_send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let (parts, body) = client.request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Every file below `folder`, for comparisons.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
