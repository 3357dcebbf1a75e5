//! A full disk, and syncs that fail: nothing is acknowledged, and the daemon says why.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{Line, Voice};

use crate::callback::event;
use crate::modes::{KEY, seal};
use crate::phone::asking_config;
use crate::support::*;

/// The library that makes the disk fail, compiled once by the C compiler that Rust links with.
fn faulty_disk() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faulty-disk-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/disk/faulty_disk.c");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([source, "-ldl"]).status();
        assert!(compiled.unwrap().success());
        library
    })
}

/// A daemon on a disk that can be made to fail, by writing the fault into the file.
pub async fn on_a_faulty_disk() -> (World, PathBuf) {
    on_a_faulty_disk_with(|config| config).await
}

async fn on_a_faulty_disk_with(change: impl FnOnce(String) -> String) -> (World, PathBuf) {
    let mut world = World::prepare(change).await;
    let switch = world.folder.path().join("fault");
    world.set("LD_PRELOAD", faulty_disk().to_str().unwrap());
    world.set("FAULTY_DISK", switch.to_str().unwrap());
    world.run().await;
    (world, switch)
}

async fn acknowledges_nothing_once(fault: &str, reason: &str) {
    for step in ["creation", "scan", "redemption"] {
        let (mut world, switch) = on_a_faulty_disk().await;
        let page = world.create().await;
        let mut code = String::new();
        if step == "redemption" {
            world.scan(&page.qr_content, "oAlice").await;
            code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
        }

        std::fs::write(&switch, fault).unwrap();
        match step {
            "creation" => {
                let body = serde_json::json!({
                    "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256",
                });
                assert_eq!(world.post("/v1/sessions", JSON, &body.to_string()).await.status, 503);
            }
            "scan" => assert!(!world.scan(&page.qr_content, "oAlice").await, "WeChat was told that the scan is taken"),
            _ => assert_eq!(world.redeem(&code).await.status, 503),
        }
        let (status, log) = world.output().await;
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("the journal can no longer be written") && log.contains(reason), "{log}");
        assert!(log.contains("\n    "), "{log}");
        assert!(!log.contains("given up"), "one fault is told once: {log}");

        std::fs::remove_file(&switch).unwrap();
        world.run().await;
        let messages = page.poll(0, 0).await.json()["messages"].as_array().unwrap().len();
        assert!(messages >= if step == "redemption" { 3 } else { 1 }, "what was acknowledged before is gone");
        if step != "redemption" {
            assert!(world.scan(&page.qr_content, "oAlice").await, "what was pending goes on");
            page.wait_for("confirmed").await;
        }
        world.events().await;
    }
}

/// WeChat waits 5 s, and a manager of services not much longer: a disk that hangs must not make them wait for ever.
#[tokio::test]
async fn a_disk_that_hangs_acknowledges_nothing_and_answers_and_ends_in_time() {
    let (mut world, switch) = on_a_faulty_disk().await;
    let page = world.create().await;
    std::fs::write(&switch, "HANG").unwrap();
    let body = format!(
        "<xml><ToUserName>gh</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>event</MsgType><Event>SCAN</Event><EventKey>{}</EventKey></xml>",
        page.scene
    );
    let started = std::time::Instant::now();
    let text = "<xml><ToUserName>gh</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>1</CreateTime>\
                <MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId></xml>";
    let (scan, text) = tokio::join!(world.callback(&body), world.callback(text));
    assert_eq!((scan.status, text.status), (503, 200), "a scan is to come again, and nothing else need");
    assert!(started.elapsed().as_secs_f64() < 5.0, "WeChat would have given up");
    assert_eq!(page.poll(1, 0).await.json(), serde_json::json!({ "messages": [] }));
    let stopping = std::time::Instant::now();
    let (status, log) = world.terminate().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(stopping.elapsed().as_secs_f64() < 10.0 && log.contains("does not answer"), "{log}");
    std::fs::remove_file(&switch).unwrap();
    world.run().await;
    assert!(world.scan(&page.qr_content, "oAlice").await);
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn an_answer_and_a_follow_that_cannot_be_stored_are_to_come_again_and_are_stored_yet() {
    let (world, switch) = on_a_faulty_disk_with(|config| {
        let told = "confirm = \"tap\"\n confirm_via = \"chat\"\n webhook_url = \"http://127.0.0.1:9/hooks\"\n \
                    webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
        asking_config("tap", &config).replacen("confirm = \"tap\"", told, 1)
    })
    .await;
    let page = world.create().await;
    let push = async |message: String| {
        let sealed = seal(KEY, &message);
        sealed.push(&world, &sealed.xml()).await.status
    };
    assert_eq!(push(event("SCAN", &page.scene, "oAlice")).await, 200);
    page.wait_for("scanned").await;
    std::fs::write(&switch, "HANG").unwrap();
    let answer = "<xml><ToUserName>gh</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>1</CreateTime>\
                  <MsgType>text</MsgType><Content>1</Content><MsgId>1</MsgId></xml>";
    let follow = event("subscribe", "", "oBob");
    let statuses = tokio::join!(push(answer.to_owned()), push(follow.clone()));
    assert_eq!(statuses, (503, 503));
    std::fs::remove_file(&switch).unwrap();
    page.wait_for("confirmed").await;
    assert_eq!((push(answer.to_owned()).await, push(follow).await), (200, 200));
    let mut events = world.events().await;
    events.sort_unstable();
    assert_eq!(events, ["confirmed", "created", "scanned", "subscribed"]);
}

/// All deliveries of a scan were given up; then the disk came back, and the page knows who scanned.
#[tokio::test]
async fn a_scan_that_was_stored_too_late_for_a_reply_is_told_by_a_message_of_its_own() {
    let (world, switch) = on_a_faulty_disk().await;
    let page = world.create().await;
    std::fs::write(&switch, "HANG").unwrap();
    let (app_id, alice) = (AppId::new(APP_ID).unwrap(), OpenId::new("oAlice").unwrap());
    let delivery = world.wechat.scan(&page.qr_content, &alice).await.unwrap();
    assert_eq!((delivery.deliveries(), delivery.is_accepted()), (3, false));
    std::fs::remove_file(&switch).unwrap();
    page.wait_for("confirmed").await;
    let told = async {
        let custom = |line: &Line| line.voice == Voice::Custom;
        loop {
            if let Some(line) = world.wechat.conversation(&app_id, &alice).into_iter().find(custom) {
                break line.text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await.expect("nobody was told");
    assert_eq!(told, "你已登录 Example Shop。");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing() {
    acknowledges_nothing_once("ENOSPC", "No space left on device").await;
}

#[tokio::test]
async fn a_failing_sync_acknowledges_nothing() {
    acknowledges_nothing_once("EIO", "Input/output error").await;
}
