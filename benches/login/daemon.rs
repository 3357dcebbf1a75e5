//! A daemon that checks much or little, and the WeChat that calls it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{Quotas, Sealed, SimulatedAccount, SimulatedEncryption, SimulatedWeChat};
use tempfile::TempDir;

const APP_ID: &str = "wx0000000000000001";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
pub const CLIENT: &str = "shop";
pub const CLIENT_SECRET: &str = "shop-secret";
pub const ORIGIN: &str = "https://shop.example.com";
pub const REDIRECT_URI: &str = "https://shop.example.com/callback";

/// What a login is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Nothing that a login can go without.
    Little,
    /// All there is.
    All,
    /// The same, and an id token says so.
    AllWithIdToken,
}

impl Checked {
    pub fn is_all(self) -> bool {
        self != Self::Little
    }

    pub fn scope(self) -> &'static str {
        if self == Self::AllWithIdToken { "openid wechat" } else { "wechat" }
    }

    fn limits(self) -> String {
        let rate = if self.is_all() { "\"1000000000/min\"" } else { "\"off\"" };
        let page_ids = if self.is_all() { "32" } else { "\"off\"" };
        format!(
            "[limits]\nsessions_per_address = {rate}\nsessions_per_browser = {rate}\n\
             failed_client_authentications = {rate}\nunclaimed_page_ids = {page_ids}\n"
        )
    }

    fn client(self) -> String {
        if self.is_all() {
            format!("pkce = \"required\"\norigins = [\"{ORIGIN}\"]\nredirect_uris = [\"{REDIRECT_URI}\"]\n")
        } else {
            "pkce = \"optional\"\n".to_owned()
        }
    }
}

pub struct Daemon {
    folder: TempDir,
    process: Mutex<Child>,
    /// The public socket, where it is kept over a restart.
    handed_over: Option<TcpListener>,
    admin: SocketAddr,
    wechat: SimulatedWeChat,
    /// WeChat's and the website's connections, which are kept.
    kept: Client<HttpConnector, Full<Bytes>>,
    pub checked: Checked,
    pub address: SocketAddr,
    logins: AtomicU32,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Daemon {
    pub async fn start(checked: Checked) -> Self {
        Self::start_with(checked, false).await
    }

    /// One whose public socket is held here, as systemd holds it, so that it stays open over a restart.
    pub async fn start_handed_over(checked: Checked) -> Self {
        Self::start_with(checked, true).await
    }

    async fn start_with(checked: Checked, is_handed_over: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("login-bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let (address, admin) = (free(), free());
        let wechat = SimulatedWeChat::new(vec![SimulatedAccount {
            encryption: SimulatedEncryption::Safe,
            encoding_aes_key: Some(AES_KEY.into()),
            quotas: Quotas { qr_codes: u64::MAX, ..Quotas::default() },
            ..SimulatedAccount::new(app_id(), format!("http://{address}/wechat/main").parse().unwrap())
        }]);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let api = listener.local_addr().unwrap();
        let router = wechat.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\n[admin]\nlisten = \"{admin}\"\n{}\
             [[account]]\nname = \"main\"\napp_id = \"{APP_ID}\"\napp_secret = \"app-secret\"\ntoken = \"callbacktoken\"\n\
             encoding_aes_key = \"{AES_KEY}\"\napi_base = \"http://{api}\"\nqr_daily_budget = {}\n\
             [[client]]\nclient_id = \"{CLIENT}\"\nclient_secret = \"{CLIENT_SECRET}\"\nname = \"Example Shop\"\n\
             confirm = \"auto\"\n{}",
            checked.limits(),
            u32::MAX,
            checked.client(),
        );
        std::fs::write(folder.path().join("scan-login.toml"), config).unwrap();
        let handed_over = is_handed_over.then(|| TcpListener::bind(address).unwrap());
        let process = Mutex::new(spawn(&folder, handed_over.as_ref()));
        let kept = Client::builder(TokioExecutor::new()).build_http();
        let logins = AtomicU32::new(0);
        let daemon = Self { folder, process, handed_over, admin, wechat, kept, checked, address, logins };
        daemon.until_ready().await;
        daemon
    }

    /// SIGTERM and the next start: how long the daemon took to end, and then until it was ready.
    pub async fn restart(&self) -> (Duration, Duration) {
        let began = Instant::now();
        let pid = self.process.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = loop {
            if let Some(status) = self.process.lock().unwrap().try_wait().unwrap() {
                assert!(status.success(), "{status}");
                break Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let next = spawn(&self.folder, self.handed_over.as_ref());
        *self.process.lock().unwrap() = next;
        self.until_ready().await;
        (ended - began, ended.elapsed())
    }

    async fn until_ready(&self) {
        while !self.is_ready().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let request = Request::get(format!("http://{}/readyz", self.admin)).body(Full::default()).unwrap();
        self.kept.request(request).await.is_ok_and(|answer| answer.status() == 200)
    }

    /// The number of a login that nobody had before.
    pub fn next_login(&self) -> u32 {
        self.logins.fetch_add(1, Ordering::Relaxed)
    }

    /// The push that says that this person has scanned.
    pub fn scan(&self, scene: &str, person: u32) -> Sealed {
        let openid = format!("o{person:027}");
        let clear = format!(
            "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\n\
             <FromUserName><![CDATA[{openid}]]></FromUserName>\n<CreateTime>{}</CreateTime>\n\
             <MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[SCAN]]></Event>\n\
             <EventKey><![CDATA[{scene}]]></EventKey>\n<Ticket><![CDATA[gQ==]]></Ticket>\n</xml>",
            self.wechat.now().as_seconds()
        );
        self.wechat.seal(&app_id(), &OpenId::new(openid).unwrap(), &clear).unwrap()
    }

    /// Delivers a push.
    pub async fn push(&self, push: Sealed) {
        let request = Request::post(format!("http://{}/wechat/main?{}", self.address, push.query));
        self.post(request.header("content-type", "text/xml"), push.body).await;
    }

    /// Posts over a kept connection, and reads the answer, which must be 200.
    pub async fn post(&self, request: http::request::Builder, body: String) -> Bytes {
        let answer = self.kept.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        body
    }

    /// What its threads have had of the CPU so far.
    pub fn cpu(&self) -> CpuTimes {
        let id = self.process.lock().unwrap().id();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let times = threads.filter_map(|thread| {
            let thread = thread.unwrap();
            let counts = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let nanoseconds = counts.split_whitespace().next()?.parse().ok()?;
            Some((thread.file_name(), nanoseconds))
        });
        CpuTimes(times.collect())
    }
}

/// The public socket comes in as descriptor 0; a shell makes it the one that the daemon looks for.
fn spawn(folder: &TempDir, handed_over: Option<&TcpListener>) -> Child {
    let program = env!("CARGO_BIN_EXE_scan-login");
    let mut command = match handed_over {
        None => Command::new(program),
        Some(_) => {
            let mut shell = Command::new("sh");
            let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public exec \"$0\" \"$@\"";
            shell.args(["-c", script, program]);
            shell
        }
    };
    command.args(["serve", "--config"]).arg(folder.path().join("scan-login.toml")).env("RUST_LOG", "error");
    let socket = handed_over.map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
    command.stdin(socket.map_or_else(Stdio::null, Stdio::from)).spawn().unwrap()
}

fn app_id() -> AppId {
    AppId::new(APP_ID).unwrap()
}

/// The CPU time of each thread, user's and system's, as the scheduler counts it in nanoseconds.
pub struct CpuTimes(HashMap<std::ffi::OsString, u64>);

impl CpuTimes {
    /// What was used since `earlier`, without threads that have ended meanwhile.
    pub fn since(&self, earlier: &Self) -> Duration {
        let used = self.0.iter().map(|(thread, now)| now - earlier.0.get(thread).copied().unwrap_or_default());
        Duration::from_nanos(used.sum())
    }
}
