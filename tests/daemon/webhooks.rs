//! Webhooks, as a website's back end gets them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use scan_login::domain::{AppId, OpenId};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::callback::event;
use crate::manager::ServiceManager;
use crate::phone::{asking_config, press, scan};
use crate::support::*;

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The door of a back end: what came to it, and what it answers next.
#[derive(Clone, Default)]
struct BackEnd(Arc<Inner>);

#[derive(Default)]
struct Inner {
    came: Mutex<Vec<(String, Value)>>,
    answers: Mutex<Vec<StatusCode>>,
    is_silent: Mutex<bool>,
    coming: Notify,
}

impl BackEnd {
    fn answering(answers: &[StatusCode]) -> Self {
        let back_end = Self::default();
        *back_end.0.answers.lock().unwrap() = answers.iter().rev().copied().collect();
        back_end
    }

    fn open(&self, listener: std::net::TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let router = Router::new().route("/hooks", post(take)).route("/elsewhere", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// The first so many webhooks, as soon as they are there.
    async fn first(&self, count: usize) -> Vec<(String, Value)> {
        let enough = async {
            loop {
                let coming = self.0.coming.notified();
                let came = self.0.came.lock().unwrap().clone();
                if came.len() >= count {
                    return came;
                }
                coming.await;
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.expect("no webhook came")
    }
}

/// Takes nothing that the official library does not.
async fn take(State(BackEnd(inner)): State<BackEnd>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    Webhook::new(WEBHOOK_SECRET).unwrap().verify(&body, &headers).expect("it is not signed");
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    inner.came.lock().unwrap().push((id, serde_json::from_slice(&body).unwrap()));
    inner.coming.notify_waiters();
    if *inner.is_silent.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    let status = inner.answers.lock().unwrap().pop().unwrap_or(StatusCode::NO_CONTENT);
    let mut more = HeaderMap::new();
    more.insert("location", "/elsewhere".parse().unwrap());
    (status, more)
}

fn door() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    (listener, url)
}

fn telling(config: &str, client: &str, url: &str) -> String {
    let told = format!("client_id = \"{client}\"\n webhook_url = \"{url}\"\n webhook_secret = \"{WEBHOOK_SECRET}\"");
    config.replacen(&format!("client_id = \"{client}\""), &told, 1)
}

async fn telling_world(url: &str) -> World {
    World::with(|config| telling(&asking_config("tap", &config), "shop", url)).await
}

#[tokio::test]
async fn a_back_end_is_told_in_order_what_becomes_of_a_login() {
    let (listener, url) = door();
    let back_end = BackEnd::default();
    back_end.open(listener);
    let world = telling_world(&url).await;
    let page = world.create().await;
    let link = scan(&world, &page, "oAlice").await;
    press(&link, "confirm").await;
    let confirmed = page.wait_for("confirmed").await;
    world.redeem(confirmed["code"].as_str().unwrap()).await;
    press(&link, "not_me").await;
    let came = back_end.first(2).await;
    let types: Vec<&str> = came.iter().map(|(_, body)| body["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["login.confirmed", "login.reported"]);
    let data = &came[0].1["data"];
    assert_eq!((&data["scene_id"], &data["client_id"]), (&page.scene.clone().into(), &"shop".into()));
    assert_eq!(data["openid"], "oAlice", "as the token endpoint says");
    assert_eq!(came[0].1["timestamp"], confirmed["at"]);
    assert!(!came[0].1.to_string().contains(confirmed["code"].as_str().unwrap()), "a webhook logs nobody in");
    assert_eq!(came[1].1["data"]["reason"], "not_me");
    world.wait_for_metric("scan_login_webhooks_total{client=\"shop\",outcome=\"taken\"} 2").await;
}

#[tokio::test]
async fn of_a_denied_login_it_is_told_why_and_not_who() {
    let (listener, url) = door();
    let back_end = BackEnd::default();
    back_end.open(listener);
    let world = telling_world(&url).await;
    let page = world.create().await;
    press(&scan(&world, &page, "oAlice").await, "deny").await;
    let (_, body) = back_end.first(1).await.remove(0);
    assert_eq!((&body["type"], &body["data"]["reason"]), (&"login.denied".into(), &"user".into()));
    assert!(!body.to_string().contains("oAlice"), "{body}");
}

#[tokio::test]
async fn over_a_reload_what_was_not_taken_is_told_at_the_new_address_with_the_same_id_and_nothing_else_again() {
    let (listener, url) = door();
    let refusing = StatusCode::INTERNAL_SERVER_ERROR;
    let before = BackEnd::answering(&[StatusCode::NO_CONTENT, StatusCode::NO_CONTENT, refusing, refusing]);
    before.open(listener);
    let mut world = World::prepare(|config| telling(&config, "shop", &url)).await;
    let manager = ServiceManager::of(&mut world);
    world.run().await;
    manager.until("READY=1").await;
    // Who scans follows the account first, so each login is told twice over.
    for (number, openid) in [(2, "oAlice"), (4, "oBob")] {
        world.scan(&world.create().await.qr_content, openid).await;
        before.first(number).await;
    }
    let refused = before.first(4).await.split_off(2);
    let (listener, moved) = door();
    let after = BackEnd::default();
    after.open(listener);
    world.rewrite(|config| config.replace(&url, &moved));
    manager.reload(&world).await;
    world.scan(&world.create().await.qr_content, "oCarol").await;
    let mut came = after.first(4).await;
    let carols = came.split_off(2);
    let ids = |told: &[(String, Value)]| told.iter().map(|(id, _)| id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&came), ids(&refused));
    assert!(carols.iter().all(|(_, body)| body["data"]["openid"] == "oCarol"), "{carols:?}");
    assert_eq!(before.first(4).await.len(), 4, "nothing comes to the old one any more");
}

#[tokio::test]
async fn what_a_back_end_has_not_taken_is_told_after_a_restart_with_the_same_id() {
    let (listener, url) = door();
    let back_end = BackEnd::answering(&[StatusCode::INTERNAL_SERVER_ERROR]);
    back_end.open(listener);
    let mut world = telling_world(&url).await;
    let page = world.create().await;
    press(&scan(&world, &page, "oAlice").await, "confirm").await;
    let refused = back_end.first(1).await.remove(0);
    world.kill_and_restart().await;
    assert_eq!(back_end.first(2).await[1], refused);
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 0").await;
    world.terminate().await;
    world.run().await;
    let other = world.create().await;
    press(&scan(&world, &other, "oAlice").await, "confirm").await;
    let came = back_end.first(3).await;
    assert_eq!(came[2].1["data"]["scene_id"], other.scene.as_str(), "what was taken is not told again");
}

#[tokio::test]
async fn a_refusal_is_tried_again_and_a_redirect_is_one() {
    let (listener, url) = door();
    let back_end = BackEnd::answering(&[StatusCode::TEMPORARY_REDIRECT]);
    back_end.open(listener);
    let world = telling_world(&url).await;
    let page = world.create().await;
    press(&scan(&world, &page, "oAlice").await, "confirm").await;
    let came = back_end.first(2).await;
    assert_eq!(came[0], came[1]);
    world.wait_for_metric("scan_login_webhooks_total{client=\"shop\",outcome=\"failed\"} 1").await;
    world.wait_for_metric("scan_login_webhooks_total{client=\"shop\",outcome=\"taken\"} 1").await;
}

#[tokio::test]
async fn whoever_is_gone_is_told_nothing_more() {
    let (listener, url) = door();
    let back_end = BackEnd::answering(&[StatusCode::GONE]);
    back_end.open(listener);
    let mut world = telling_world(&url).await;
    for _ in 0..2 {
        let page = world.create().await;
        press(&scan(&world, &page, "oAlice").await, "confirm").await;
        page.wait_for("confirmed").await;
        back_end.first(1).await;
    }
    // Nor after a restart, until the operator says so.
    for _ in 0..2 {
        let (_, log) = world.terminate().await;
        assert!(log.contains("410 Gone"), "{log}");
        assert_eq!(back_end.first(1).await.len(), 1);
        world.run().await;
    }
    let (_, log) = world.terminate().await;
    let gone =
        files_below(world.folder.path()).into_iter().find(|file| file.extension().is_some_and(|end| end == "gone"));
    let gone = gone.expect("nothing is noted");
    assert!(log.contains(gone.to_str().unwrap()), "the log names the file: {log}");
    std::fs::remove_file(gone).unwrap();
    world.run().await;
    assert_eq!(back_end.first(3).await.len(), 3, "what it did not take, and what came later");
}

#[tokio::test]
async fn a_website_that_does_not_answer_delays_nobody_else() {
    let ((silent_door, silent_url), (listener, url)) = (door(), door());
    let silent = BackEnd::default();
    *silent.0.is_silent.lock().unwrap() = true;
    silent.open(silent_door);
    let back_end = BackEnd::default();
    back_end.open(listener);
    let mut world = World::with(|config| telling(&telling(&config, "shop", &silent_url), "legacy", &url)).await;
    let slow = world.create().await;
    assert!(world.scan(&slow.qr_content, "oAlice").await);
    silent.first(1).await;
    let page = world.create_with(|request| *request = serde_json::json!({ "client_id": "legacy" })).await;
    assert!(world.scan(&page.qr_content, "oBob").await);
    // Beside the login: that Alice and Bob have become followers.
    let came = back_end.first(3).await;
    let login = came.iter().find(|(_, body)| body["type"] == "login.confirmed").expect("it is not told");
    assert_eq!(login.1["data"]["openid"], "oBob");
    let (status, _) = world.terminate().await;
    assert!(status.success(), "nobody is waited for at the end");
}

#[tokio::test]
async fn a_back_end_is_told_who_follows_the_account_and_who_leaves_it() {
    let (listener, url) = door();
    let back_end = BackEnd::default();
    back_end.open(listener);
    let world = World::with(|config| telling(&config, "shop", &url)).await;
    let (app_id, alice) = (AppId::new(APP_ID).unwrap(), OpenId::new("oAlice").unwrap());
    world.wechat.subscribe(&app_id, &alice).await.unwrap();
    back_end.first(1).await;
    world.wechat.unsubscribe(&app_id, &alice).await.unwrap();
    let came = back_end.first(2).await;
    assert_eq!((&came[0].1["type"], &came[1].1["type"]), (&"user.subscribed".into(), &"user.unsubscribed".into()));
    assert_eq!(came[0].1["data"], serde_json::json!({ "account": "main", "openid": "oAlice" }));
}

fn types(came: &[(String, Value)]) -> Vec<&str> {
    came.iter().map(|(_, body)| body["type"].as_str().unwrap()).collect()
}

/// Killed between WeChat's delivery and the website's 200.
#[tokio::test]
async fn who_follows_is_told_after_a_kill_with_the_same_id_and_in_order() {
    let (listener, url) = door();
    let back_end = BackEnd::answering(&[StatusCode::INTERNAL_SERVER_ERROR]);
    back_end.open(listener);
    let mut world = World::with(|config| telling(&config, "shop", &url)).await;
    let (app_id, alice) = (AppId::new(APP_ID).unwrap(), OpenId::new("oAlice").unwrap());
    assert!(world.wechat.subscribe(&app_id, &alice).await.unwrap().is_accepted());
    assert!(world.wechat.unsubscribe(&app_id, &alice).await.unwrap().is_accepted());
    let refused = back_end.first(1).await.remove(0);
    world.kill_and_restart().await;
    let came = back_end.first(3).await;
    assert_eq!(types(&came), ["user.subscribed", "user.subscribed", "user.unsubscribed"]);
    assert_eq!(came[1], refused, "the same message, with the same id");
    assert_ne!(came[2].0, refused.0);
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 0").await;
    world.terminate().await;
    world.run().await;
    let bob = OpenId::new("oBob").unwrap();
    world.wechat.subscribe(&app_id, &bob).await.unwrap();
    let came = back_end.first(4).await;
    assert_eq!(came.last().unwrap().1["data"]["openid"], "oBob", "what was taken is not told again");
}

#[tokio::test]
async fn of_a_follow_that_wechat_tells_again_after_a_restart_a_back_end_hears_once() {
    let (listener, url) = door();
    let back_end = BackEnd::default();
    back_end.open(listener);
    let mut world = World::with(|config| telling(&config, "shop", &url)).await;
    let (query, body) = (world.signed_query(), event("subscribe", "", "oAlice"));
    let path = format!("/wechat/main?{query}");
    assert_eq!(world.post(&path, &[], &body).await.status, 200);
    back_end.first(1).await;
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 0").await;
    world.terminate().await;
    // What is remembered for WeChat's repetitions may be lost.
    std::fs::remove_dir_all(world.folder.path().join("data/recall")).unwrap();
    world.run().await;
    assert_eq!(world.post(&path, &[], &body).await.status, 200);
    assert_eq!(world.callback(&event("unsubscribe", "", "oAlice")).await.status, 200);
    let came = back_end.first(2).await;
    assert_eq!(types(&came)[..2], ["user.subscribed", "user.unsubscribed"]);
    assert_eq!(world.events().await, ["subscribed", "unsubscribed"]);
}

#[tokio::test]
async fn nobody_notes_followers_of_whom_nobody_is_to_hear() {
    let (_listener, url) = door();
    let world = World::with(|config| {
        telling(&config, "shop", &url).replacen(
            "client_id = \"shop\"",
            "client_id = \"shop\"\n scopes = [\"openid\"]",
            1,
        )
    })
    .await;
    assert_eq!(world.callback(&event("subscribe", "", "oAlice")).await.status, 200);
    assert_eq!(world.callback(&event("unsubscribe", "", "oAlice")).await.status, 200);
    assert!(world.journal().await.is_empty());
}

/// The sample in docs/en/webhooks.md is a program that works.
#[tokio::test]
async fn the_documented_back_end_takes_what_is_signed_and_refuses_what_is_not() {
    let documented = include_str!("../../docs/en/webhooks.md");
    let (_, sample) = documented.split_once("```python\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sample.py");
    std::fs::write(&program, sample.split_once("```").unwrap().0).unwrap();
    let mut running = tokio::process::Command::new("python3")
        .arg(&program)
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("PORT", "0")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(running.stdout.take().unwrap()));
    let url = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(send("POST", &url, &[("webhook-id", "msg_1")], "{}").await.status, 401);
    let world = telling_world(&url).await;
    let page = world.create().await;
    press(&scan(&world, &page, "oAlice").await, "confirm").await;
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(line, format!("login.confirmed {}", page.scene));
    world.wait_for_metric("scan_login_webhooks_waiting{client=\"shop\"} 0").await;
}
