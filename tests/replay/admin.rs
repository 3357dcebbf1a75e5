//! The routers of the admin listener and of the admin socket.

use std::path::Path;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use scan_login::domain::{AccountName, Event};
use scan_login::metrics::{CallbackOutcome, Metrics};
use scan_login::store::{EventStore, Faults, MemoryMedium};
use scan_login::transport::admin::{AdminHttp, Readiness, events_router, http_router};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::support::*;

async fn get(socket: &Path, target: &str) -> Response<Incoming> {
    let stream = UnixStream::connect(socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(Request::get(target).body(Empty::<Bytes>::new()).unwrap()).await.unwrap()
}

async fn text(body: Incoming) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn lines(socket: &Path, target: &str) -> Vec<Value> {
    let text = text(get(socket, target).await.into_body()).await;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sequences(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect()
}

/// The status line and the body of one request with this head.
async fn raw(listener: &std::net::SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(listener).await.unwrap();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn probes_are_answered_on_loopback_and_strangers_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &folder.path().join("admin.sock")).await;
    let (ready, readiness) = watch::channel(Readiness::Starting("opening the journal"));
    let metrics = Metrics::new();
    metrics.callback(&AccountName::new("main").unwrap(), CallbackOutcome::Forged);
    let history = daemon.tree.history.clone();
    let admin = AdminHttp { history: Some(history), logins: None, sockets: None, readiness, hosts: vec![], metrics };
    let router = http_router(admin, axum::Router::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let probe = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");

    assert_eq!(raw(&address, &probe("/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(raw(&address, &probe("/readyz")).await, (503, "starting: opening the journal\n".to_owned()));
    ready.send_replace(Readiness::Ready);
    assert_eq!(raw(&address, &probe("/readyz")).await.0, 200);
    assert_eq!(raw(&address, "GET /readyz HTTP/1.0\r\n").await.0, 200, "a probe that names no host");
    assert_eq!(raw(&address, &probe("/events")).await.0, 404, "the journal is not for the listener");
    let (status, metrics) = raw(&address, &probe("/metrics")).await;
    assert_eq!(status, 200);
    assert!(
        metrics.contains("scan_login_wechat_callbacks_total{account=\"main\",outcome=\"forged\"} 1\n"),
        "{metrics}"
    );
    for path in ["/healthz", "/readyz", "/metrics", "/nowhere"] {
        let stranger = raw(&address, &format!("GET {path} HTTP/1.1\r\nHost: rebound.example.com\r\n")).await;
        assert_eq!(stranger.0, 421);
        assert!(stranger.1.contains("[admin] hosts"), "{}", stranger.1);
    }

    medium.set_faults(Faults { fail_syncs: true, ..Faults::default() });
    daemon.store.append(&scene("a"), 0, START, vec![created(None)]).await.unwrap_err();
    let (status, told) = raw(&address, &probe("/readyz")).await;
    assert_eq!(status, 503);
    assert!(told.starts_with("the journal can no longer be written: "), "{told}");
    assert_eq!(raw(&address, &probe("/healthz")).await.0, 200, "it lives all the same");
}

#[tokio::test]
async fn the_socket_tells_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &folder.path().join("admin.sock")).await;
    assert_eq!(lines(&daemon.socket, "/events").await, [] as [Value; 0], "an empty journal is an empty answer");
    two_logins(&*daemon.store).await;

    let response = get(&daemon.socket, "/events").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    assert_eq!(response.headers()["x-journal-head"], "6");
    let told = lines(&daemon.socket, "/events").await;
    assert_eq!(sequences(&told), [1, 2, 3, 4, 5, 6]);
    assert_eq!(told[0]["page_id"], "123451");
    assert_eq!((&told[5]["type"], &told[5]["reason"]), (&Value::from("denied"), &Value::from("user")));

    assert_eq!(sequences(&lines(&daemon.socket, "/events?scene=123451").await), [1, 3, 4]);
    assert_eq!(sequences(&lines(&daemon.socket, "/events?openid=bob").await), [5, 6]);
    assert_eq!(sequences(&lines(&daemon.socket, "/events?type=created&type=denied").await), [1, 2, 6]);
    assert_eq!(sequences(&lines(&daemon.socket, "/events?from=5").await), [5, 6]);
    assert_eq!(sequences(&lines(&daemon.socket, "/events?from=7").await), [] as [u64; 0]);
    assert_eq!(sequences(&lines(&daemon.socket, "/events?since=2026-01-02T03:04:09Z").await), [5, 6]);
}

#[tokio::test]
async fn a_session_is_found_without_reading_the_rest() {
    let (medium, daemon, _folder) = long_journal().await;
    one_login_more(&*daemon.store).await;
    let before = medium.reads();
    let told = lines(&daemon.socket, &format!("/events?scene={}", scene("y"))).await;
    assert_eq!(sequences(&told), [25_001, 25_002]);
    assert!(medium.reads() - before <= 4, "{} reads", medium.reads() - before);
    let later = lines(&daemon.socket, &format!("/events?from=25002&scene={}", scene("y"))).await;
    assert_eq!(sequences(&later), [25_002]);
    let unknown = lines(&daemon.socket, &format!("/events?scene={}", scene("nobody"))).await;
    assert_eq!(unknown, [] as [Value; 0]);
}

#[tokio::test]
async fn a_session_is_followed_from_the_index_on() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &folder.path().join("admin.sock")).await;
    two_logins(&*daemon.store).await;
    let mut body = get(&daemon.socket, &format!("/events?follow=true&scene={}", scene("a"))).await.into_body();
    let mut next = async || {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(data.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
    };
    let told: Vec<u64> = next().await;
    assert_eq!(told, [1, 3, 4]);
    append(&*daemon.store, "b", 3, 6, vec![Event::Expired]).await;
    append(&*daemon.store, "a", 3, 7, vec![Event::Expired]).await;
    let told: Vec<u64> = next().await;
    assert_eq!(told, [8]);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &folder.path().join("admin.sock")).await;
    let response = get(&daemon.socket, "/events?type=begun").await;
    assert_eq!(response.status(), 400);
    let problem: Value = serde_json::from_str(&text(response.into_body()).await).unwrap();
    assert_eq!(problem["title"], "`begun` is not a kind of event");
    assert!(problem["detail"].as_str().unwrap().contains("created, scanned"));
    assert_eq!(get(&daemon.socket, "/nowhere").await.status(), 404);
}

#[tokio::test]
async fn a_follower_gets_events_as_they_become_durable_until_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &folder.path().join("admin.sock")).await;
    append(&*daemon.store, "a", 0, 1, vec![created(None)]).await;
    let mut body = get(&daemon.socket, "/events?follow=true").await.into_body();
    let mut next = async || {
        let data = body.frame().await?.unwrap().into_data().unwrap();
        Some(serde_json::from_slice::<Value>(&data).unwrap()["type"].as_str().unwrap().to_owned())
    };
    assert_eq!(next().await.unwrap(), "created");
    append(&*daemon.store, "a", 1, 2, vec![scanned("alice")]).await;
    assert_eq!(next().await.unwrap(), "scanned");
    append(&*daemon.store, "a", 2, 3, vec![Event::Expired]).await;
    assert_eq!(next().await.unwrap(), "expired");

    let socket = daemon.socket.clone();
    daemon.stop().await;
    assert_eq!(next().await, None, "a clean end");
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_follower_learns_that_nothing_more_can_come() {
    let folder = tempfile::tempdir().unwrap();
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &folder.path().join("admin.sock")).await;
    let body = get(&daemon.socket, "/events?follow=true").await.into_body();
    medium.set_faults(Faults { fail_syncs: true, ..Faults::default() });
    daemon.store.append(&scene("a"), 0, START, vec![created(None)]).await.unwrap_err();
    let told: Value = serde_json::from_str(&text(body).await).unwrap();
    assert!(told["error"].as_str().unwrap().starts_with("the journal can no longer be written"), "{told}");
}

#[tokio::test]
async fn damage_ends_the_answer_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &folder.path().join("admin.sock")).await;
    two_logins(&*daemon.store).await;
    medium.flip_bit(4, 40);
    let told = lines(&daemon.socket, "/events").await;
    let error = told.last().unwrap()["error"].as_str().unwrap();
    assert!(error.starts_with("the journal is damaged"), "{error}");
}

/// A journal of 25,000 events.
async fn long_journal() -> (MemoryMedium, Daemon, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &folder.path().join("admin.sock")).await;
    for round in 0..250 {
        append(&*daemon.store, "a", round * 100, 1, vec![Event::Expired; 100]).await;
    }
    (medium, daemon, folder)
}

/// A session that is new, with two events.
async fn one_login_more(store: &dyn EventStore) {
    append(store, "y", 0, 2, vec![created(None)]).await;
    append(store, "y", 1, 3, vec![scanned("alice")]).await;
}

#[tokio::test]
async fn a_silent_replay_tells_its_progress_where_asked() {
    let (_, daemon, _folder) = long_journal().await;
    let told = lines(&daemon.socket, "/events?type=denied&progress=true").await;
    let told: Vec<_> = told.iter().map(|line| line["progress"].as_u64().unwrap()).collect();
    assert_eq!(told, [10_000, 20_000, 25_000]);
    assert_eq!(lines(&daemon.socket, "/events?type=denied").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_not_read_for() {
    let (medium, daemon, _folder) = long_journal().await;
    let router = events_router(daemon.tree.history.clone(), CancellationToken::new());
    let before = medium.reads();
    let response = router.oneshot(Request::get("/events").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(medium.reads(), before, "nothing is read before the peer takes something");
    let mut body = response.into_body();
    let batch = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(batch.iter().filter(|&&byte| byte == b'\n').count() <= 1024, "one batch at a time");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // Chunks have 100 records; the next batch is read ahead.
    assert!(medium.reads() <= before + 2 * (1024 / 100 + 2), "{} chunks were read", medium.reads() - before);
}
