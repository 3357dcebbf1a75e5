//! What is bounded, and how each bound is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use scan_login::transport::sockjs::{Options, Places};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::chunks::Chunks;
use crate::support::{app, ask_in_memory, closed, get, next, post, serve, serve_in_memory, text, websocket};

#[tokio::test]
async fn one_session_too_many_is_told_so_over_every_transport() {
    let (address, mut events) =
        serve(Options { places: Places::of(Arc::new(Semaphore::new(1))), ..Options::default() }).await;
    let mut only = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut only).await, "o");
    let full = "c[1013,\"Too many sessions\"]";
    assert_eq!(post(address, "/echo/0/b/xhr", "").await.body, format!("{full}\n"));
    assert!(post(address, "/echo/0/b/xhr_streaming", "").await.body.ends_with(&format!("h\n{full}\n")));
    assert_eq!(get(address, "/echo/0/b/eventsource").await.body, format!("\r\ndata: {full}\r\n\r\n"));
    assert!(get(address, "/echo/0/b/htmlfile?c=x").await.body.contains("Too many sessions"));
    assert!(get(address, "/echo/0/b/jsonp?c=x").await.body.contains("Too many sessions"));
    let mut framed = websocket(address, "/echo/0/b/websocket").await;
    assert_eq!(text(&mut framed).await, full);
    assert_eq!(closed(&mut framed).await.0, 1000);
    let mut raw = websocket(address, "/echo/websocket").await;
    assert_eq!(closed(&mut raw).await, (1013, "Too many sessions".into()));

    next(&mut events).await;
    drop(only);
    assert_eq!(next(&mut events).await, "closed");
    assert_eq!(post(address, "/echo/0/b/xhr", "").await.body, "o\n", "the place is free again");
}

#[tokio::test]
async fn a_raw_message_past_the_limit_ends_with_1009() {
    let (address, mut events) = serve(Options { max_message_bytes: 10, ..Options::default() }).await;
    let mut socket = websocket(address, "/echo/websocket").await;
    socket.send(Message::text("0123456789")).await.unwrap();
    assert_eq!(text(&mut socket).await, "0123456789");
    socket.send(Message::text("0123456789x")).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 1009);
    drop(socket);
    while next(&mut events).await != "closed" {}
}

#[tokio::test]
async fn what_waits_too_much_closes_a_session_with_1008_over_every_transport() {
    let (address, _events) = serve(Options { max_waiting_bytes: 10_000, ..Options::default() }).await;
    let told = "c[1008,\"Too many messages wait\"]";
    assert!(post(address, "/flood/0/a/xhr_streaming", "").await.body.ends_with(&format!("{told}\n")));
    assert!(get(address, "/flood/0/b/eventsource").await.body.ends_with(&format!("data: {told}\r\n\r\n")));
    let mut socket = websocket(address, "/flood/0/c/websocket").await;
    let mut last = String::new();
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        last = text.as_str().to_owned();
    }
    assert_eq!(last, told);
    let mut socket = websocket(address, "/flood/websocket").await;
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(_) => (),
            Message::Close(frame) => break assert_eq!(u16::from(frame.unwrap().code), 1008),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_streams_client_that_does_not_read_is_dropped_and_not_waited_for() {
    let hour = Duration::from_secs(3600);
    let roomy = Options { response_limit: 1 << 30, max_waiting_bytes: 1 << 30, ..Options::default() };
    let options = Options { heartbeat_interval: hour, ..roomy };
    let tasks = options.tasks.clone();
    let (app, _events) = app(options);
    let _client = Chunks::over(serve_in_memory(app.clone()), "POST", "/echo/0/a/xhr_streaming", "").await;
    // The first few stay in the connection's buffers.
    let began = Instant::now();
    let large = format!("[\"{}\"]", "x".repeat(60_000));
    while ask_in_memory(&app, "POST", "/echo/0/a/xhr_send", &large).await.status == 204 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(began.elapsed() < Duration::from_secs(60), "it is still waited for");
    }
    assert!((10..=12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    tasks.close();
    tasks.wait().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_only_told_why_it_cannot_stay_is_not_waited_for_either() {
    let options = Options { places: Places::of(Arc::new(Semaphore::new(0))), ..Options::default() };
    let tasks = options.tasks.clone();
    let (app, _events) = app(options);
    let url = "ws://localhost/echo/0/a/websocket";
    let _socket = tokio_tungstenite::client_async(url, serve_in_memory(app)).await.unwrap().0;
    let began = Instant::now();
    tasks.close();
    tasks.wait().await;
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
}
