//! `scan-login demo` as people start it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use scan_login::simulator::{Browser, BrowserError, Called, Caller, LoginStart};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scan-login"));
    command.arg("demo").args(arguments).env("RUST_LOG", "warn").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Standard output, standard error, and the exit status.
async fn ended(mut command: Command) -> (String, String, Option<i32>) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// A running demo and its address.
async fn running(folder: &std::path::Path) -> (Child, String) {
    running_at("127.0.0.1:0", folder).await
}

async fn running_at(listen: &str, folder: &std::path::Path) -> (Child, String) {
    let mut command = demo(&["--listen", listen, "--data", folder.to_str().unwrap()]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, line.strip_prefix("open     ").unwrap().to_owned())
}

/// What the demo's page does, without the page.
struct Page {
    address: String,
    cookie: String,
    shop: &'static str,
    login: String,
}

impl Page {
    /// Begins a login at this back end of the shop.
    async fn open(address: &str, shop: &'static str) -> (Self, Browser) {
        let mut page = Self { address: address.to_owned(), cookie: String::new(), shop, login: String::new() };
        let begun = page.post(&format!("{shop}/begin"), json!({})).await;
        page.cookie = begun.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let text = |name: &str| begun.json()[name].as_str().unwrap().to_owned();
        page.login = text("login");
        let start = LoginStart {
            login: text("login"),
            client_id: text("client_id"),
            code_challenge: text("code_challenge"),
            code_challenge_method: "S256",
        };
        let browser = Browser::open(&address.parse().unwrap(), &start).await.unwrap();
        (page, browser)
    }

    async fn ask(&self, method: Method, path: &str, media_type: &str, body: String) -> Called {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.address.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, media_type)
            .header(header::COOKIE, &self.cookie);
        // A connection of its own: none of before a kill.
        let caller = Caller::default();
        let answer = caller.call(request.body(body.into()).unwrap());
        tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap()
    }

    async fn get(&self, path: &str) -> Called {
        self.ask(Method::GET, path, "", String::new()).await
    }

    async fn post(&self, path: &str, body: Value) -> Called {
        self.ask(Method::POST, path, "application/json", body.to_string()).await
    }

    async fn scan(&self, browser: &Browser) -> Value {
        self.post("demo/phone/scan", json!({"qr_content": browser.qr_content, "person": "alice"})).await.json()
    }

    /// Kills the daemon, and waits until it is back.
    async fn kill(&self) {
        let before = self.get("demo/daemon").await.json()["kills"].as_u64().unwrap();
        // The connection that carries the answer may be gone first.
        let url = format!("{}demo/daemon/kill", self.address);
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json").body("{}".into()).unwrap();
        drop(Caller::default().call(request).await);
        let is_back = async {
            let url = format!("{}demo/daemon", self.address);
            let told = async || Caller::default().call(get(&url)).await;
            while !told().await.is_ok_and(|told| told.json()["kills"].as_u64() > Some(before)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, is_back).await.unwrap();
    }

    /// What the shop makes of the code: who has logged in.
    async fn log_in(&self, code: &str) -> (StatusCode, Value) {
        let called = self.post(&format!("{}/login", self.shop), json!({"login": self.login, "code": code})).await;
        (called.status, called.json())
    }

    async fn phones(&self) -> Value {
        self.get("demo/phones").await.json()
    }

    /// Where the link of the last reply leads, in the phone's webview.
    async fn link(&self) -> String {
        let phones = self.phones().await;
        let lines = phones["alice"]["lines"].as_array().unwrap();
        let said = lines.iter().rev().find(|line| line["kind"] == "account").unwrap()["text"].as_str().unwrap();
        let link = said.split('"').nth(1).unwrap();
        format!("demo/webview/{}", link.strip_prefix(&self.address).unwrap())
    }
}

fn get(url: &str) -> Request<http_body_util::Full<bytes::Bytes>> {
    Request::get(url).body(Default::default()).unwrap()
}

#[tokio::test]
async fn auto_plays_one_login_and_prints_its_events() {
    let (out, err, code) = ended(demo(&["--auto"])).await;
    assert_eq!(code, Some(0), "{err}");
    let types: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(types, ["created", "scanned", "confirmed", "redeemed"], "{out}");
    assert_eq!(out.matches(" ms after WeChat's push\n").count(), 3, "{out}");
}

#[tokio::test]
async fn auto_goes_on_with_a_journal_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    for first in ["#1", "#5"] {
        let (out, err, code) = ended(demo(&["--auto", "--data", folder.path().to_str().unwrap()])).await;
        assert_eq!((code, out.lines().count()), (Some(0), 4), "{out}{err}");
        assert_eq!(out.split_whitespace().nth(1), Some(first), "{out}");
    }
}

#[tokio::test]
async fn a_demo_beside_another_is_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let listen = address.trim_start_matches("http://").trim_end_matches('/');
    let other = tempfile::tempdir().unwrap();
    let (out, err, code) = ended(demo(&["--listen", listen, "--data", other.path().to_str().unwrap()])).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(1), "", 2), "{err}");
    assert!(err.contains("taken") && err.contains("--listen 127.0.0.1:0"), "{err}");
}

#[tokio::test]
async fn a_demo_that_cannot_serve_greets_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let (_child, _) = running(folder.path()).await;
    let (out, err, code) = ended(demo(&["--listen", "127.0.0.1:0", "--data", data])).await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("in use by another process"), "{err}");
}

#[tokio::test]
async fn help_offers_only_what_the_demo_heeds() {
    let (help, _, code) = ended(demo(&["--help"])).await;
    assert_eq!(code, Some(0));
    assert!(help.contains("--data") && !help.contains("--config"), "{help}");
    let (_, err, code) = ended(demo(&["--config", "elsewhere.toml", "--auto"])).await;
    assert_eq!(code, Some(0), "{err}");
}

#[tokio::test]
async fn everything_stands_on_one_port() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let start = LoginStart {
        login: "any".into(),
        client_id: "shop".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        code_challenge_method: "S256",
    };
    let browser = Browser::open(&address.parse().unwrap(), &start).await.unwrap();
    assert!(browser.qr_content.starts_with("http://weixin.qq.com/q/"), "{}", browser.qr_content);
}

#[tokio::test]
async fn a_login_that_was_pending_when_the_daemon_was_killed_completes() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let (page, mut browser) = Page::open(&address, "demo/shop").await;
    let instance = page.phones().await["instance"].clone();
    page.kill().await;
    assert_eq!(page.phones().await["instance"], instance, "the same WeChat, with the same codes");
    let scanned = page.scan(&browser).await;
    assert_eq!((&scanned["outcome"], &scanned["accepted"]), (&json!("pushed"), &json!(true)), "{scanned}");
    page.kill().await;
    let code = browser.code().await.unwrap();
    let (status, visitor) = page.log_in(&code).await;
    assert_eq!((status, &visitor["visitor"]), (StatusCode::OK, &page.phones().await["alice"]["name"]));
}

#[tokio::test]
async fn a_scan_that_wechat_has_not_told_yet_is_told_to_the_daemon_that_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let (page, mut browser) = Page::open(&address, "demo/shop").await;
    page.post("demo/faults", json!({"late": true, "twice": false, "away": false})).await;
    let scan = json!({"qr_content": browser.qr_content, "person": "alice"}).to_string();
    let url = format!("{address}demo/phone/scan");
    let scan = Request::post(url).header(header::CONTENT_TYPE, "application/json").body(scan.into()).unwrap();
    // The phone's own connection is one of the daemon's, and is gone with it.
    let late = async { assert!(Caller::default().call(scan).await.is_err()) };
    let killed = async {
        while page.phones().await["alice"]["late"] == false {
            tokio::task::yield_now().await;
        }
        page.kill().await;
    };
    tokio::join!(late, killed);
    let code = browser.code().await.unwrap();
    assert_eq!(page.log_in(&code).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_login_is_confirmed_on_the_page_behind_the_link_of_the_reply() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let (page, mut browser) = Page::open(&address, "demo/shop/tap").await;
    page.scan(&browser).await;
    let link = page.link().await;
    let shown = page.get(&link).await;
    let html = String::from_utf8(shown.body.to_vec()).unwrap();
    assert!(html.contains("data-action=\"confirm\"") && html.contains("data-action=\"deny\""), "{html}");
    let policy = |headers: &HeaderMap| headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy(&shown.headers).contains("frame-ancestors 'self'"), "{:?}", shown.headers);
    let own = page.get(link.strip_prefix("demo/webview/").unwrap()).await;
    assert!(policy(&own.headers).contains("frame-ancestors 'none'"), "the page itself lets nobody frame it");

    let pressed = page.ask(Method::POST, &link, "application/x-www-form-urlencoded", "action=confirm".into()).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
    assert_eq!(pressed.headers[header::LOCATION], format!("/{link}"));
    let code = browser.code().await.unwrap();
    assert_eq!(page.log_in(&code).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_login_is_refused_on_that_page() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let (page, mut browser) = Page::open(&address, "demo/shop/tap").await;
    page.scan(&browser).await;
    let link = page.link().await;
    page.ask(Method::POST, &link, "application/x-www-form-urlencoded", "action=deny".into()).await;
    let ended = browser.code().await;
    assert!(matches!(&ended, Err(BrowserError::Ended(how)) if how == "denied"), "{ended:?}");
}

#[tokio::test]
async fn after_a_new_start_on_the_same_folder_the_page_is_told_that_it_is_another_wechat() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = running(folder.path()).await;
    let (page, browser) = Page::open(&address, "demo/shop").await;
    let before = page.phones().await["instance"].clone();
    child.kill().await.unwrap();
    let listen = address.trim_start_matches("http://").trim_end_matches('/');
    let (_child, again) = running_at(listen, folder.path()).await;
    assert_eq!(again, address);
    let (page, _) = Page::open(&address, "demo/shop").await;
    assert_ne!(page.phones().await["instance"], before);
    assert_eq!(page.scan(&browser).await, json!({"outcome": "unknown"}));
}

#[tokio::test]
async fn another_site_cannot_kill_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, address) = running(folder.path()).await;
    let (page, _) = Page::open(&address, "demo/shop").await;
    let refused = page.ask(Method::POST, "demo/daemon/kill", "text/plain", "{}".into()).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// How many threads of this process write a journal.
fn journal_writers(process: u32) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "journal").count()
}

#[tokio::test]
async fn nothing_of_a_killed_daemon_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (child, address) = running(folder.path()).await;
    let (page, _) = Page::open(&address, "demo/shop").await;
    for _ in 0..3 {
        page.kill().await;
    }
    let alone = async {
        while journal_writers(child.id().unwrap()) != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, alone).await.unwrap();
}
