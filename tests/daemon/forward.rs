//! One callback URL, several systems: what is no login goes on to the account's other system.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::callback::{event, now, query};
use crate::support::*;

type Answering = fn() -> Response;

/// What the other system was asked, and what it answers.
#[derive(Clone, Default)]
struct Other {
    asked: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    answer: Arc<Mutex<Option<Answering>>>,
}

impl Other {
    async fn listen(&self, world: &World) {
        let listener = tokio::net::TcpListener::bind((world.address, 7070)).await.unwrap();
        let router = Router::new().fallback(Self::handle).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    async fn handle(State(other): State<Self>, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Response {
        other.asked.lock().unwrap().push((query.unwrap_or_default(), headers, body));
        let answer = *other.answer.lock().unwrap();
        answer.map_or_else(|| "success".into_response(), |answer| answer())
    }

    fn answers(&self, answer: Answering) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn asked(&self) -> Vec<(String, HeaderMap, Bytes)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A daemon whose account `main` forwards, and the other system.
async fn forwarding(mode: &str) -> (World, Other) {
    let mut world = World::prepare(|config| config).await;
    let forward = format!(
        "forward = \"http://{}:7070/hook?key=1\"\nforward_mode = \"{mode}\"\nencryption = \"plain\"",
        world.address
    );
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(world.config_file(), config.replacen("encryption = \"plain\"", &forward, 1)).unwrap();
    world.run().await;
    let other = Other::default();
    other.listen(&world).await;
    (world, other)
}

fn text(id: u32) -> String {
    format!(
        "<xml><ToUserName>gh</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>{}</CreateTime>\
         <MsgType>text</MsgType><Content>hello</Content><MsgId>{id}</MsgId></xml>",
        now()
    )
}

#[tokio::test]
async fn what_is_no_login_goes_on_as_it_came_and_its_reply_goes_back() {
    let (world, other) = forwarding("unmatched").await;
    other.answers(|| "<xml><MsgType>text</MsgType></xml>\n".into_response());
    let signed = query(&now().to_string(), "12345");
    let headers =
        [("content-type", "text/xml"), ("user-agent", "Mozilla/4.0"), ("cookie", "a=b"), ("x-real-ip", "192.0.2.1")];
    let body = text(1);
    let answer = world.post(&format!("/wechat/main?{signed}&openid=o%20A'(~)"), &headers, &body).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "<xml><MsgType>text</MsgType></xml>\n"));
    let asked = other.asked();
    let [(query, headers, asked_body)] = asked.as_slice() else { panic!("asked {} times", asked.len()) };
    assert_eq!((query.as_str(), asked_body.as_ref()), (&*format!("key=1&{signed}&openid=o%20A'(~)"), body.as_bytes()));
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "host", "user-agent"]);
}

#[tokio::test]
async fn a_repetition_is_not_forwarded_again_and_gets_the_same_reply() {
    let (world, other) = forwarding("unmatched").await;
    other.answers(|| "<xml><MsgType>text</MsgType></xml>".into_response());
    let path = format!("/wechat/main?{}", query(&now().to_string(), "12345"));
    let body = text(1);
    let first = world.post(&path, &[], &body).await;
    assert_eq!(world.post(&path, &[], &body).await.body, first.body);
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn a_scan_of_ours_never_goes_on_not_even_of_an_unknown_scene() {
    let (world, other) = forwarding("unmatched").await;
    let page = world.create().await;
    for body in [
        event("SCAN", &page.scene, "oAlice"),
        event("subscribe", &format!("qrscene_{}", page.scene), "oBob"),
        event("SCAN", "sl-long-after-retention-1234", "oAlice"),
        event("SCAN", "sl-x", "oAlice"),
    ] {
        assert_eq!(world.callback(&body).await.status, 200);
    }
    let signed = query(&now().to_string(), "12345");
    assert_eq!(world.get(&format!("/wechat/main?{signed}&echostr=1"), &[]).await.text(), "1");
    assert!(other.asked().is_empty());
    let foreign = world.callback(&event("SCAN", "of-the-other-system", "oAlice")).await;
    assert_eq!((foreign.text().as_str(), other.asked().len()), ("success", 1));
}

#[tokio::test]
async fn what_is_not_wechats_does_not_go_on() {
    let (world, other) = forwarding("unmatched").await;
    let signed = query(&now().to_string(), "12345");
    let stale = query(&(now() - 700).to_string(), "12345");
    for (path, status) in [(signed.replace("signature=", "signature=0"), 403), (stale, 403)] {
        assert_eq!(world.post(&format!("/wechat/main?{path}"), &[], &text(1)).await.status, status);
    }
    assert_eq!(world.callback("<xml>nonsense</xml>").await.status, 400);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn whatever_goes_wrong_with_the_other_system_wechat_gets_success() {
    let (world, other) = forwarding("unmatched").await;
    let wrong: [Answering; 4] = [
        || (StatusCode::INTERNAL_SERVER_ERROR, "<xml></xml>").into_response(),
        || "<html>502 Bad Gateway</html>".into_response(),
        || Redirect::temporary("/elsewhere").into_response(),
        || format!("<xml>{}</xml>", "x".repeat(70_000)).into_response(),
    ];
    for (id, answer) in (1..).zip(wrong) {
        other.answers(answer);
        let answer = world.callback(&text(id)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "success"), "{id}");
    }
    assert_eq!(other.asked().len(), 4, "redirects are not followed");
}

#[tokio::test]
async fn without_the_other_system_wechat_gets_success() {
    let world = World::with(|config| {
        config.replacen("encryption = \"plain\"", "forward = \"http://127.0.0.1:9/hook\"\nencryption = \"plain\"", 1)
    })
    .await;
    assert_eq!(world.callback(&text(1)).await.text(), "success");
}

#[tokio::test]
async fn a_copy_of_ours_goes_on_where_all_is_asked_for() {
    let (world, other) = forwarding("all").await;
    other.answers(|| "<xml><MsgType>text</MsgType></xml>".into_response());
    let page = world.create().await;
    let body = event("SCAN", &page.scene, "oAlice");
    assert_eq!(world.callback(&body).await.said().as_deref(), Some("你已登录 Example Shop。"), "its answer is ignored");
    let copied = async {
        loop {
            if let [(_, _, copy)] = other.asked().as_slice() {
                break assert_eq!(copy.as_ref(), body.as_bytes());
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, copied).await.expect("no copy came");
}

#[tokio::test]
async fn a_follower_is_told_to_scan_again_where_the_other_system_says_nothing() {
    let (world, other) = forwarding("unmatched").await;
    let said = world.callback(&event("subscribe", "", "oAlice")).await.said().unwrap();
    assert!(said.contains("再扫一次"), "{said}");
    other.answers(|| "<xml><MsgType>text</MsgType></xml>".into_response());
    let welcome = world.callback(&event("subscribe", "", "oBob")).await;
    assert_eq!(welcome.text(), "<xml><MsgType>text</MsgType></xml>", "its own welcome goes first");
    assert_eq!(other.asked().len(), 2);
}

#[tokio::test]
async fn two_notices_of_one_second_both_go_on() {
    let (world, other) = forwarding("unmatched").await;
    let notice =
        |id: u32| event("TEMPLATESENDJOBFINISH", "", "oAlice").replace("</xml>", &format!("<MsgID>{id}</MsgID></xml>"));
    let (first, second) = (notice(1), notice(2));
    for body in [&first, &second, &first] {
        assert_eq!(world.callback(body).await.text(), "success");
    }
    assert_eq!(other.asked().len(), 2);
}

/// The other way round: a system in front of us forwards what it got, with what headers it likes.
#[tokio::test]
async fn behind_a_system_that_forwards_to_us_a_scan_logs_in() {
    let back = World::start().await;
    let behind = format!("forward = \"http://{}:8080/wechat/main\"\nscene_prefix = \"front-\"", back.address);
    let front = World::with(|config| config.replacen("app_secret", &format!("{behind}\napp_secret"), 1)).await;
    let page = back.create().await;
    let answer = front.callback(&event("SCAN", &page.scene, "oAlice")).await;
    assert_eq!(answer.said().as_deref(), Some("你已登录 Example Shop。"));
    page.wait_for("confirmed").await;
}
