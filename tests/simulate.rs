//! `scan-login simulate` as people start it, beside a daemon.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use scan_login::simulator::{Browser, Caller, LoginStart};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An address of this process alone, so that both programs can have fixed ports.
fn own_address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.wrapping_add(60), low, 1)
}

fn write_configuration(folder: &Path, address: Ipv4Addr) {
    let config = format!(
        r#"
        [server]
        listen = "{address}:8080"
        public_url = "http://{address}:8080"
        [admin]
        listen = "{address}:9090"
        [[account]]
        name = "main"
        app_id = "wx0123456789abcdef"
        app_secret = "app-secret"
        token = "callbacktoken"
        encryption = "plain"
        api_base = "http://{address}:8090"
        oauth_base = "http://{address}:8090"
        [[client]]
        client_id = "shop"
        client_secret = "shop-secret"
        name = "Example Shop"
        confirm = "auto"
        "#
    );
    std::fs::write(folder.join("scan-login.toml"), config).unwrap();
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scan-login"));
    command.current_dir(folder).args(arguments).env("RUST_LOG", "warn").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap()
}

async fn ready(address: Ipv4Addr) {
    let caller = Caller::default();
    let knock = || Request::get(format!("http://{address}:9090/readyz")).body(Full::default()).unwrap();
    let ready = async {
        while !caller.call(knock()).await.is_ok_and(|called| called.status == 200) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("the daemon does not get ready");
}

async fn ask(address: Ipv4Addr, path: &str, body: Value) -> Value {
    let request = Request::post(format!("http://{address}:8090{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    Caller::default().call(request).await.unwrap().json()
}

#[tokio::test]
async fn a_daemon_beside_it_logs_in_whom_a_script_lets_scan() {
    let (folder, address) = (tempfile::tempdir().unwrap(), own_address());
    write_configuration(folder.path(), address);
    let listen = format!("{address}:8090");
    let mut simulate = program(folder.path(), &["simulate", "--listen", &listen]).spawn().unwrap();
    assert_eq!(first_line(&mut simulate).await, format!("open     http://{listen}/"));
    let _daemon = program(folder.path(), &["serve"]).spawn().unwrap();
    ready(address).await;
    let verified = ask(address, "/simulate/verify", json!({})).await;
    assert_eq!(verified["passed"], true, "{verified}");
    let start = LoginStart {
        login: "any".into(),
        client_id: "shop".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        code_challenge_method: "S256",
    };
    let mut browser = Browser::open(&format!("http://{address}:8080/").parse().unwrap(), &start).await.unwrap();
    let scan = json!({"scene": browser.scene_id, "person": "alice"});
    let (code, scanned) = tokio::join!(browser.code(), ask(address, "/simulate/scan", scan));
    assert_eq!((&scanned["event"], &scanned["accepted"]), (&"scan".into(), &true.into()), "{scanned}");
    assert!(!code.unwrap().is_empty());
}

#[tokio::test]
async fn it_stays_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path(), Ipv4Addr::LOCALHOST);
    let output = program(folder.path(), &["simulate", "--listen", "192.0.2.1:8090"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("guards nothing") && said.lines().count() == 2, "{said}");
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path(), Ipv4Addr::LOCALHOST);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = program(folder.path(), &["simulate", "--listen", &listen]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&listen) && said.contains("--listen 127.0.0.1:0"), "{said}");
}

#[tokio::test]
async fn a_daemon_that_would_not_come_here_is_hinted_at() {
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path(), Ipv4Addr::new(127, 0, 0, 2));
    let mut child = program(folder.path(), &["simulate", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let address = first_line(&mut child).await.strip_prefix("open     ").unwrap().trim_end_matches('/').to_owned();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let hint = tokio::time::timeout(PATIENCE, said.next_line()).await.unwrap().unwrap().unwrap();
    assert!(hint.contains("api_base") && hint.contains(&address), "{hint}");
}
