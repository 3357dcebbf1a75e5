//! The dashboard on the admin listener: who sees what, who may end a session, and who gets nothing.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::manager::ServiceManager;
use crate::support::*;

const TOKEN: &str = "the-operators-own-token-0123456789";

/// A daemon whose admin listener has a token.
async fn world() -> World {
    let mut world = prepared().await;
    world.run().await;
    world
}

/// The same before its start.
async fn prepared() -> World {
    let world = World::prepare(|config| config.replace("[admin]", "[admin]\n token_file = \"token\"")).await;
    std::fs::write(world.folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    world
}

fn admin(world: &World, path: &str) -> String {
    format!("http://{}:9090{path}", world.address)
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// A reader of the stream.
struct Reader {
    body: Incoming,
    text: String,
}

impl Reader {
    async fn open(world: &World, headers: &[(&str, &str)]) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = http::Request::builder().uri(admin(world, "/dashboard/stream"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), text: String::new() }
    }

    /// The data of each event, until one of them is what is waited for; then all of them.
    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let told = |text: &str| -> Vec<Value> {
            let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
            let data = whole.lines().filter_map(|line| line.strip_prefix("data: "));
            data.map(|data| serde_json::from_str(data).unwrap()).collect()
        };
        let reading = async {
            while !told(&self.text).iter().any(&is_it) {
                let frame = self.body.frame().await.expect("the stream has ended").unwrap();
                self.text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
            }
        };
        assert!(tokio::time::timeout(PATIENCE, reading).await.is_ok(), "it was not told: {}", self.text);
        told(&self.text)
    }
}

fn total(messages: &[Value], kind: &str) -> u64 {
    let minutes = messages.iter().filter_map(|message| message["minutes"].as_array()).flatten();
    let last: std::collections::BTreeMap<i64, u64> = minutes
        .map(|minute| (minute["minute"].as_i64().unwrap(), minute["events"][kind].as_u64().unwrap_or_default()))
        .collect();
    last.values().sum()
}

#[tokio::test]
async fn without_the_token_the_dashboard_tells_figures_and_nobodys_name() {
    let world = world().await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let mut reader = Reader::open(&world, &[]).await;
    let messages = reader.until(|message| message["is_complete"] == true).await;
    assert_eq!((total(&messages, "created"), total(&messages, "confirmed")), (1, 1), "{messages:?}");
    // It goes on, and still names nobody.
    let other = world.create().await;
    reader.until(|message| message["minutes"][0]["events"]["created"] == 2).await;
    let personal = [&*page.scene, &*other.scene, "oAlice", "127.", "weixin.qq.com", "\"events\":["];
    for secret in personal {
        assert!(!reader.text.contains(secret), "{secret} is in {}", reader.text);
    }
    for (method, path) in
        [("GET", format!("/dashboard/session?id={}", page.scene)), ("POST", "/dashboard/session/end".into())]
    {
        let answer = send(method, &admin(&world, &path), JSON, &json!({ "scene_id": page.scene }).to_string()).await;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &"token_missing".into()), "{path}");
    }
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "created"]);
}

#[tokio::test]
async fn with_the_token_a_login_is_seen_as_it_happens() {
    let world = world().await;
    let (name, value) = bearer(TOKEN);
    let mut reader = Reader::open(&world, &[(name, &value)]).await;
    reader.until(|message| message["is_complete"] == true).await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    reader
        .until(|message| {
            message["events"].as_array().is_some_and(|events| events.iter().any(|event| event["type"] == "confirmed"))
        })
        .await;
    assert!(reader.text.contains(&page.scene) && !reader.text.contains("oAlice"), "the list names no person");

    let url = admin(&world, &format!("/dashboard/session?id={}", page.scene));
    let session = send("GET", &url, &[(name, &value)], "").await.json();
    assert_eq!((&session["stage"], &session["goes_on"]), (&"confirmed".into(), &true.into()));
    assert_eq!(session["events"].as_array().unwrap(), &world.journal().await, "its history is what `replay` prints");
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let text = session.to_string();
    for secret in [&*code, &*page.attach_token, TOKEN, SECRET] {
        assert!(!text.contains(secret) && !reader.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_operator_ends_a_session_and_its_browser_hears_it() {
    let world = world().await;
    let page = world.create().await;
    let (name, value) = bearer(TOKEN);
    let body = json!({ "scene_id": page.scene }).to_string();
    let url = admin(&world, "/dashboard/session/end");
    let headers = [(name, &*value), JSON[0]];
    let (denied, ended) = tokio::join!(page.wait_for("denied"), send("POST", &url, &headers, &body));
    assert_eq!((ended.status, &ended.json()["outcome"]), (200, &"ended".into()));
    assert_eq!(denied["seq"], 2);
    let last = world.journal().await.pop().unwrap();
    assert_eq!((&last["type"], &last["reason"]), (&"denied".into(), &"admin".into()));
    assert_eq!(send("POST", &url, &headers, &body).await.json()["outcome"], "over_before");
    let unknown = json!({ "scene_id": "sl-0123456789abcdefghijkl" }).to_string();
    assert_eq!(send("POST", &url, &headers, &unknown).await.status, 404);
    assert_eq!(world.events().await, ["created", "denied"]);
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone_and_guesses_are_told_and_few() {
    let mut world = world().await;
    let page = world.create().await;
    let path = format!("/dashboard/session?id={}", page.scene);
    let elsewhere: [(&str, (&str, String)); 3] = [
        (&path, ("cookie", format!("token={TOKEN}; authorization=Bearer {TOKEN}"))),
        (&format!("{path}&token={TOKEN}&access_token={TOKEN}"), ("accept", "*/*".into())),
        (&path, ("x-authorization", format!("Bearer {TOKEN}"))),
    ];
    for (path, (name, value)) in &elsewhere {
        let answer = send("GET", &admin(&world, path), &[(name, value)], "").await;
        assert_eq!(answer.status, 401, "{path} {name}");
    }
    let right = bearer(TOKEN);
    let url = admin(&world, &path);
    assert_eq!(send("GET", &url, &[(right.0, &right.1)], "").await.status, 200);
    for guess in 0..5 {
        let (name, value) = bearer(&format!("a-guess-of-somebody-{guess}"));
        let answer = send("GET", &url, &[(name, &value)], "").await;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &"wrong_token".into()));
    }
    let answer = send("GET", &url, &[(right.0, &right.1)], "").await;
    assert_eq!((answer.status, answer.header("retry-after").is_empty()), (429, false));
    let (_, log) = world.terminate().await;
    assert_eq!(log.matches("a wrong token was given to the admin listener").count(), 1, "{log}");
    assert!(!log.contains(TOKEN) && !log.contains("a-guess"), "{log}");
}

#[tokio::test]
async fn another_sites_page_sees_nothing_and_ends_nothing() {
    let world = world().await;
    let page = world.create().await;
    let right = bearer(TOKEN);
    let token = (right.0, &*right.1);
    let body = json!({ "scene_id": page.scene }).to_string();
    let end = admin(&world, "/dashboard/session/end");
    let origin = ("origin", "https://evil.example.com");
    assert_eq!(send("POST", &end, &[token, origin, JSON[0]], &body).await.status, 403);
    for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(send("POST", &end, &[token, ("content-type", form)], &body).await.status, 415, "{form}");
    }
    assert_eq!(send("GET", &end, &[token], "").await.status, 405);
    // A page that had its own name resolve to the listener, and one that may not read what it makes the browser fetch.
    for path in ["/", "/dashboard/stream", "/dashboard/dashboard.js", "/dashboard/session?id=x"] {
        let rebound = send("GET", &admin(&world, path), &[token, ("host", "evil.example.com")], "").await;
        assert_eq!(rebound.status, 421, "{path}");
    }
    let stream = admin(&world, "/dashboard/stream");
    for headers in [&[origin][..], &[("sec-fetch-site", "cross-site")]] {
        assert_eq!(send("GET", &stream, headers, "").await.status, 403, "{headers:?}");
    }
    let preflight = send("OPTIONS", &end, &[origin, ("access-control-request-method", "POST")], "").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, ""));
    let shown = send("GET", &admin(&world, "/"), &[], "").await;
    let policy = shown.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && shown.header("x-frame-options") == "DENY");
    assert_eq!((shown.header("cache-control"), shown.header("set-cookie")), ("no-store", ""));
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn without_a_token_file_there_are_figures_and_no_way_to_more() {
    let world = World::start().await;
    let page = world.create().await;
    let mut reader = Reader::open(&world, &[]).await;
    let messages = reader.until(|message| message["is_complete"] == true).await;
    assert_eq!((&messages[0]["sees_all"], &messages[0]["has_token"]), (&false.into(), &false.into()));
    let url = admin(&world, &format!("/dashboard/session?id={}", page.scene));
    for token in ["", "undefined", TOKEN] {
        let (name, value) = bearer(token);
        let answer = send("GET", &url, &[(name, &value)], "").await;
        assert_eq!((answer.status, &answer.json()["code"]), (401, &"no_token_file".into()), "{token}");
    }
}

#[tokio::test]
async fn an_open_dashboard_does_not_keep_the_daemon_from_stopping() {
    let mut world = world().await;
    let mut reader = Reader::open(&world, &[]).await;
    reader.until(|message| message["is_complete"] == true).await;
    let (status, log) = world.terminate().await;
    assert!(status.success(), "{log}");
    assert!(!log.contains("still busy") && !log.contains("did not say goodbye"), "{log}");
    assert!(reader.body.frame().await.is_none(), "the stream has its end, so that the page looks for the next daemon");
}

#[tokio::test]
async fn another_token_counts_from_the_reload_on_and_who_was_let_in_has_to_ask_again() {
    let mut world = prepared().await;
    let manager = ServiceManager::of(&mut world);
    world.run().await;
    manager.until("READY=1").await;
    let (name, old) = bearer(TOKEN);
    let mut reader = Reader::open(&world, &[(name, &old)]).await;
    reader.until(|message| message["sees_all"] == true).await;
    let next = "another-token-of-the-operators-0123";
    std::fs::write(world.folder.path().join("token"), next).unwrap();
    manager.reload(&world).await;
    let ended = async { while reader.body.frame().await.is_some() {} };
    assert!(tokio::time::timeout(PATIENCE, ended).await.is_ok(), "the stream goes on");
    let url = admin(&world, "/dashboard/session?id=nobody");
    assert_eq!(send("GET", &url, &[(name, &old)], "").await.status, 401);
    let (name, new) = bearer(next);
    assert_eq!(send("GET", &url, &[(name, &new)], "").await.status, 404, "there is no such session");
}
