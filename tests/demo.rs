//! `scan-login demo` as people start it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use scan_login::simulator::Browser;
use scan_login::simulator::LoginStart;
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
    let mut command = demo(&["--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, line.strip_prefix("open     ").unwrap().to_owned())
}

#[tokio::test]
async fn auto_plays_one_login_and_prints_its_events() {
    let (out, err, code) = ended(demo(&["--auto"])).await;
    assert_eq!(code, Some(0), "{err}");
    let types: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(types, ["created", "scanned", "confirmed", "redeemed"], "{out}");
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
