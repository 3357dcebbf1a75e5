//! Heartbeats, delays and the shutdown, in paused time and without sockets.

use std::time::Duration;

use futures_util::StreamExt;
use scan_login::transport::sockjs::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{app, ask_in_memory, next, serve_in_memory};

async fn poll(app: &axum::Router, path: &str) -> String {
    ask_in_memory(app, "POST", path, "").await.body
}

async fn websocket(app: axum::Router) -> WebSocketStream<DuplexStream> {
    let url = "ws://localhost/echo/0/a/websocket";
    let mut socket = tokio_tungstenite::client_async(url, serve_in_memory(app)).await.unwrap().0;
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("o"));
    socket
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_long_gets_a_heartbeat() {
    let (app, _events) = app(Options::default());
    assert_eq!(poll(&app, "/echo/0/a/xhr").await, "o\n");
    let began = Instant::now();
    assert_eq!(poll(&app, "/echo/0/a/xhr").await, "h\n");
    assert_eq!(began.elapsed().as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_receiver_ends_after_the_delay() {
    let (app, mut events) = app(Options::default());
    assert_eq!(poll(&app, "/echo/0/a/xhr").await, "o\n");
    let began = Instant::now();
    assert_eq!(next(&mut events).await, "opened from nowhere");
    assert_eq!(next(&mut events).await, "closed");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(ask_in_memory(&app, "POST", "/echo/0/a/xhr_send", "[]").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_the_middle_of_a_wait_ends_its_session_at_once() {
    let (app, mut events) = app(Options::default());
    assert_eq!(poll(&app, "/echo/0/a/xhr").await, "o\n");
    next(&mut events).await;
    let mut client = serve_in_memory(app.clone());
    let poll = b"POST /echo/0/a/xhr HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    client.write_all(poll).await.unwrap();
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    drop(client);
    assert_eq!(next(&mut events).await, "closed");
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let (app, _events) = app(Options::default());
    let mut client = serve_in_memory(app);
    let send = b"POST /echo/0/a/xhr_send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[\"";
    client.write_all(send).await.unwrap();
    let began = Instant::now();
    let mut status = [0; 12];
    client.read_exact(&mut status).await.unwrap();
    assert_eq!((&status, began.elapsed().as_secs()), (b"HTTP/1.1 408", 30));
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_is_kept_for_the_delay_from_its_last_receiver_on() {
    let (app, _events) = app(Options::default());
    assert_eq!(poll(&app, "/close/0/a/xhr").await, "o\n");
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(poll(&app, "/close/0/a/xhr").await, "c[3000,\"Go away!\"]\n");
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(poll(&app, "/close/0/a/xhr").await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_gets_a_heartbeat_and_a_ping() {
    let (app, _events) = app(Options::default());
    let mut socket = websocket(app).await;
    let began = Instant::now();
    for beat in 1..=3 {
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("h"));
        assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Ping(_)));
        assert_eq!(began.elapsed().as_secs(), beat * 25);
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_whose_peer_is_silent_ends() {
    let (app, mut events) = app(Options::default());
    let socket = websocket(app).await;
    let began = Instant::now();
    next(&mut events).await;
    assert_eq!(events.recv().await.unwrap(), "closed", "nobody reads here, so no ping is answered");
    assert_eq!(began.elapsed().as_secs(), 35);
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn more_pings_do_not_put_off_the_end_of_a_silent_peer_and_answers_do() {
    let (heartbeat_interval, pong_timeout) = (Duration::from_secs(6), Duration::from_secs(12));
    let options = Options { heartbeat_interval, pong_timeout, ..Options::default() };
    let (silent_app, mut silent_events) = app(options.clone());
    let silent = websocket(silent_app).await;
    let began = Instant::now();
    next(&mut silent_events).await;
    assert_eq!(silent_events.recv().await.unwrap(), "closed");
    assert_eq!(began.elapsed().as_secs(), 18, "the first ping is the one that counts");
    drop(silent);

    let (app, _events) = app(options);
    let mut socket = websocket(app).await;
    for _ in 0..20 {
        // Reading is what answers the pings.
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("h"));
        assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Ping(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_not_read_is_dropped_and_not_waited_for() {
    let options = Options { heartbeat_interval: Duration::from_secs(3600), ..Options::default() };
    let tasks = options.tasks.clone();
    let (app, _events) = app(options);
    let url = "ws://localhost/flood/0/a/websocket";
    let socket = tokio_tungstenite::client_async(url, serve_in_memory(app)).await.unwrap().0;
    let began = Instant::now();
    tasks.close();
    tasks.wait().await;
    assert_eq!(began.elapsed().as_secs(), 10, "the write timeout");
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tells_everyone_and_leaves_no_task() {
    let options = Options::default();
    let (shutdown, tasks) = (options.shutdown.clone(), options.tasks.clone());
    let (app, _events) = app(options);
    assert_eq!(poll(&app, "/echo/0/b/xhr").await, "o\n");
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { poll(&app, "/echo/0/b/xhr").await }
    });
    let mut socket = websocket(app.clone()).await;

    shutdown.cancel();
    assert_eq!(waiting.await.unwrap(), "c[1012,\"Service restart\"]\n");
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("c[1012,\"Service restart\"]"));
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("no close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "Service restart"));
    assert!(socket.next().await.is_none());

    let began = Instant::now();
    tasks.close();
    tasks.wait().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(ask_in_memory(&app, "POST", "/echo/0/c/xhr", "").await.status, 503);
}
