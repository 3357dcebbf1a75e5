use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::Query;
use axum::routing::post;
use tempfile::TempDir;
use tower::ServiceExt;

use super::super::wechat::SimulatedAccount;
use super::*;
use crate::clock::{Clock, rfc3339_micros};
use crate::domain::AppId;

const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

/// An admin socket that streams `chunks` to whoever follows from event 7.
fn admin(chunks: Vec<String>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let events = async move |Query(query): Query<HashMap<String, String>>| {
        assert_eq!((query["from"].as_str(), query["follow"].as_str()), ("7", "true"));
        Body::from_stream(stream::iter(chunks.clone().into_iter().map(Ok::<_, io::Error>)))
    };
    let router = Router::new().route("/events", get(events));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (folder, socket)
}

/// A WeChat that stands still at `START`, after a person has scanned the scene `sl-1`.
async fn scanned(clock: Clock) -> (SimulatedWeChat, OpenId) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let callback = Router::new().route("/", post(async || "success"));
    tokio::spawn(async move { axum::serve(listener, callback).await });
    let (app_id, openid) = (AppId::new("wx1").unwrap(), OpenId::new("oAlice").unwrap());
    let account =
        SimulatedAccount { app_secret: "secret".into(), ..SimulatedAccount::new(app_id.clone(), callback_url) };
    let wechat = SimulatedWeChat::with_clock(vec![account], clock);
    let ask = async |path: String, body: Value| -> Value {
        let request = Request::post(path).body(Body::from(body.to_string())).unwrap();
        let answer = wechat.router().oneshot(request).await.unwrap();
        serde_json::from_slice(&to_bytes(answer.into_body(), 64 * 1024).await.unwrap()).unwrap()
    };
    let grant = json!({"grant_type": "client_credential", "appid": "wx1", "secret": "secret"});
    let token = ask("/cgi-bin/stable_token".into(), grant).await["access_token"].as_str().unwrap().to_owned();
    let code = json!({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "sl-1"}}});
    let code = ask(format!("/cgi-bin/qrcode/create?access_token={token}"), code).await;
    wechat.scan(code["url"].as_str().unwrap(), &openid).await.unwrap();
    (wechat, openid)
}

fn fixed_clock() -> Clock {
    Clock::from_fn(|| START)
}

fn event(seq: u64, event_type: &str, at: Timestamp) -> String {
    json!({"seq": seq, "at": rfc3339_micros(at), "scene_id": "sl-1", "type": event_type}).to_string() + "\n"
}

#[tokio::test]
async fn events_are_timed_since_the_push_that_led_to_them() {
    let (wechat, openid) = scanned(fixed_clock()).await;
    let at = wechat.push_began("sl-1", &openid).unwrap().after(Duration::from_micros(2500));
    let scanned = event(8, "scanned", at).replace("\"sl-1\"", "\"sl-1\",\"openid\":\"oAlice\"");
    let (one, two) = scanned.split_at(20);
    let chunks = vec![
        format!("{}{one}", event(7, "created", START)),
        format!("{two}\n{}", event(9, "confirmed", at)),
        event(10, "redeemed", at),
    ];
    let (_folder, socket) = admin(chunks);
    let events: Vec<Value> = Tape::new(socket, wechat).events(7).await.unwrap().try_collect().await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event["seq"].as_u64(), event["ms_since_push"].as_f64())).collect();
    assert_eq!(told, [(Some(7), None), (Some(8), Some(2.5)), (Some(9), Some(2.5)), (Some(10), Some(2.5))]);
    assert_eq!(events[1]["openid"], "oAlice");
}

#[tokio::test]
async fn a_latency_stays_what_it_was_and_is_not_made_up() {
    let micros = Arc::new(AtomicI64::new(START.as_micros()));
    let moving = micros.clone();
    let (wechat, openid) =
        scanned(Clock::from_fn(move || Timestamp::from_micros(moving.load(Ordering::Relaxed)))).await;
    let at = wechat.push_began("sl-1", &openid).unwrap().after(Duration::from_micros(900));
    let (_folder, socket) = admin(vec![event(8, "scanned", at).replace("\"sl-1\"", "\"sl-1\",\"openid\":\"oAlice\"")]);
    let told = async |tape: &Tape| {
        let mut events = pin!(tape.events(7).await.unwrap());
        micros.fetch_add(6800, Ordering::Relaxed);
        events.try_next().await.unwrap().unwrap()["ms_since_push"].as_f64()
    };
    let tape = Tape::new(socket.clone(), wechat.clone());
    assert_eq!(told(&tape).await, Some(6.8));
    assert_eq!(told(&tape).await, Some(6.8), "after a reload");
    assert_eq!(told(&Tape::new(socket, wechat)).await, None, "never seen live");
}

#[tokio::test]
async fn an_event_before_the_push_has_no_latency() {
    let (wechat, openid) = scanned(fixed_clock()).await;
    let at = Timestamp::from_micros(wechat.push_began("sl-1", &openid).unwrap().as_micros() - 1);
    let scanned = event(8, "scanned", at).replace("\"sl-1\"", "\"sl-1\",\"openid\":\"oAlice\"");
    let (_folder, socket) = admin(vec![scanned]);
    let mut events = pin!(Tape::new(socket, wechat).events(7).await.unwrap());
    assert!(events.try_next().await.unwrap().unwrap().get("ms_since_push").is_none());
}

#[tokio::test]
async fn the_page_gets_them_as_server_sent_events_and_goes_on_where_it_was() {
    let (wechat, _) = scanned(fixed_clock()).await;
    let (_folder, socket) = admin(vec![event(7, "created", START)]);
    let request = Request::get("/demo/journal").header("last-event-id", "6").body(Body::empty()).unwrap();
    let response = Tape::new(socket, wechat).router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("data: {") && text.ends_with("id: 7\n\n"), "{text}");
    assert!(text.contains("retry: 300\n"), "the daemon may be back at once: {text}");
}

#[tokio::test]
async fn without_a_daemon_the_page_is_told_to_come_back() {
    let (wechat, _) = scanned(fixed_clock()).await;
    let request = Request::get("/demo/journal").body(Body::empty()).unwrap();
    let response = Tape::new("/nowhere/admin.sock".into(), wechat).router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
