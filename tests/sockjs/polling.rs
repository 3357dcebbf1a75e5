//! Sessions over `xhr` and `xhr_send`.

use std::sync::Arc;
use std::time::Duration;

use scan_login::transport::sockjs::{Options, Places};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{ask, next, post, serve};

#[tokio::test]
async fn a_session_opens_echoes_and_stays() {
    let (address, mut events) = serve(Options::default()).await;
    let opened = ask(address, "POST", "/echo/0/a/xhr", &[("origin", "https://www.example.com")], "").await;
    assert_eq!(opened.status, 200);
    assert_eq!(opened.header("content-type"), Some("application/javascript; charset=UTF-8"));
    assert_eq!(opened.body, "o\n");
    assert_eq!(next(&mut events).await, "opened from https://www.example.com");

    let sent = post(address, "/echo/0/a/xhr_send", r#"["a","b"]"#).await;
    assert_eq!(sent.status, 204);
    assert_eq!(sent.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(sent.body, "");
    assert_eq!([next(&mut events).await, next(&mut events).await], ["heard a", "heard b"]);
    assert_eq!(post(address, "/echo/0/a/xhr_send", r#"["\u0000\u2028é😀"]"#).await.status, 204);
    next(&mut events).await;

    let mut received = String::new();
    while received.matches(',').count() + received.matches('\n').count() < 3 {
        received.push_str(&post(address, "/echo/0/a/xhr", "").await.body);
    }
    assert_eq!(received.replace("]\na[", ","), "a[\"a\",\"b\",\"\\u0000\\u2028é😀\"]\n");
}

#[tokio::test]
async fn messages_for_an_unknown_session_are_not_found_but_broken_ones_are_told_first() {
    let (address, _events) = serve(Options::default()).await;
    assert_eq!(post(address, "/echo/0/none/xhr_send", r#"["a"]"#).await.status, 404);
    let broken = post(address, "/echo/0/none/xhr_send", "[\"a").await;
    assert_eq!((broken.status.as_u16(), broken.body.as_str()), (500, "Broken JSON encoding."));
}

#[tokio::test]
async fn a_failed_send_leaves_the_session_usable() {
    let (address, _events) = serve(Options::default()).await;
    post(address, "/echo/0/a/xhr", "").await;
    for (body, message) in [
        ("[\"x", "Broken JSON encoding."),
        ("", "Payload expected."),
        ("\"x\"", "Payload expected."),
        ("[1]", "Payload expected."),
    ] {
        let answer = post(address, "/echo/0/a/xhr_send", body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, message), "{body}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(ask(address, "POST", "/echo/0/a/xhr_send", &form, "[\"x\"]").await.body, "Payload expected.");
    assert_eq!(post(address, "/echo/0/a/xhr_send", "[]").await.status, 204);
    assert_eq!(post(address, "/echo/0/a/xhr_send", "[\"ok\"]").await.status, 204);
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "a[\"ok\"]\n");
}

#[tokio::test]
async fn any_of_the_content_types_that_browsers_choose_will_do() {
    let (address, mut events) = serve(Options::default()).await;
    post(address, "/echo/0/a/xhr", "").await;
    next(&mut events).await;
    for value in ["text/plain", "T", "application/json", "application/xml; charset=utf-8", "text/xml", ""] {
        let headers = [("content-type", value)];
        assert_eq!(ask(address, "POST", "/echo/0/a/xhr_send", &headers, "[\"a\"]").await.status, 204, "{value}");
        next(&mut events).await;
    }
}

#[tokio::test]
async fn a_body_past_the_limit_is_too_large_and_closes_the_session() {
    let (address, _events) = serve(Options { max_message_bytes: 10, ..Options::default() }).await;
    post(address, "/echo/0/a/xhr", "").await;
    assert_eq!(post(address, "/echo/0/a/xhr_send", "[\"123456\"]").await.status, 204);
    assert_eq!(post(address, "/echo/0/b/xhr_send", "[\"1234567\"]").await.status, 413, "nobody's");
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "a[\"123456\"]\n");
    assert_eq!(post(address, "/echo/0/a/xhr_send", "[\"1234567\"]").await.status, 413);
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "c[1009,\"Message too big\"]\n");
}

#[tokio::test]
async fn a_second_receiver_is_turned_away_and_harms_nobody() {
    let (address, mut events) = serve(Options::default()).await;
    post(address, "/echo/0/a/xhr", "").await;
    next(&mut events).await;
    let (first, second) = (post(address, "/echo/0/a/xhr", ""), post(address, "/echo/0/a/xhr", ""));
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    // Whichever arrives later is answered, and only that one: the other goes on waiting.
    let (refused, waiting) = tokio::select! {
        refused = &mut first => (refused, second),
        refused = &mut second => (refused, first),
    };
    assert_eq!(refused.body, "c[2010,\"Another connection still open\"]\n");
    assert_eq!(refused.status, 200);
    assert_eq!(post(address, "/echo/0/a/xhr_send", "[\"x\"]").await.status, 204);
    assert_eq!(waiting.await.body, "a[\"x\"]\n");
}

#[tokio::test]
async fn a_closed_session_says_so_to_everyone_who_comes() {
    let (address, _events) = serve(Options::default()).await;
    assert_eq!(post(address, "/close/0/a/xhr", "").await.body, "o\n");
    for _ in 0..3 {
        assert_eq!(post(address, "/close/0/a/xhr", "").await.body, "c[3000,\"Go away!\"]\n");
        assert_eq!(post(address, "/close/0/a/xhr_send", "[\"a\"]").await.status, 204, "taken and thrown away");
    }
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits_ends_its_session_at_once() {
    let hour = Duration::from_secs(3600);
    let options = Options { disconnect_delay: hour, heartbeat_interval: hour, ..Options::default() };
    let (address, mut events) = serve(options).await;
    post(address, "/echo/0/a/xhr", "").await;
    next(&mut events).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let poll = b"POST /echo/0/a/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(poll).await.unwrap();
    drop(stream);
    assert_eq!(next(&mut events).await, "closed");
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "o\n", "its id is free again");
}

#[tokio::test]
async fn a_service_that_panics_closes_its_session() {
    let (address, _events) = serve(Options::default()).await;
    assert_eq!(post(address, "/panic/0/a/xhr", "").await.body, "o\n");
    assert_eq!(post(address, "/panic/0/a/xhr_send", "[\"a\"]").await.status, 204);
    assert_eq!(post(address, "/panic/0/a/xhr", "").await.body, "c[1011,\"Internal error\"]\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let (address, _events) = serve(Options { max_waiting_bytes: 10_000, ..Options::default() }).await;
    assert_eq!(post(address, "/flood/0/a/xhr", "").await.body, "o\n");
    let frame = post(address, "/flood/0/a/xhr", "").await.body;
    assert!(frame.starts_with("a[") && frame.len() <= 10_001, "{} bytes", frame.len());
    assert_eq!(post(address, "/flood/0/a/xhr", "").await.body, "c[1008,\"Too many messages wait\"]\n");
}

#[tokio::test]
async fn one_session_too_many_is_turned_away() {
    let (address, _events) =
        serve(Options { places: Places::of(Arc::new(Semaphore::new(1))), ..Options::default() }).await;
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "o\n");
    let answer = post(address, "/echo/0/b/xhr", "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "c[1013,\"Too many sessions\"]\n"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

/// What `/cookies` says of a message that was sent with a cookie into a session that was opened without one.
async fn cookies_of(options: Options) -> String {
    let (address, _events) = serve(options).await;
    assert_eq!(post(address, "/cookies/0/a/xhr", "").await.body, "o\n");
    let sent = ask(address, "POST", "/cookies/0/a/xhr_send", &[("cookie", "a=b")], r#"["x","y"]"#).await;
    assert_eq!(sent.status, 204);
    let mut received = String::new();
    while !received.contains("y ") {
        received.push_str(&post(address, "/cookies/0/a/xhr", "").await.body);
    }
    received.replace("]\na[", ",").replace('\\', "")
}

#[tokio::test]
async fn a_message_bears_the_request_that_brought_it_where_the_service_asks_for_that() {
    let kept = cookies_of(Options { keep_requests: true, ..Options::default() }).await;
    assert_eq!(kept, "a[\"x None Some(\"a=b\")\",\"y None Some(\"a=b\")\"]\n");
    assert_eq!(cookies_of(Options::default()).await, "a[\"x None the same\",\"y None the same\"]\n");
}

#[tokio::test]
async fn kept_requests_are_part_of_what_may_wait() {
    let long = "x".repeat(1000);
    let options = Options { keep_requests: true, max_waiting_bytes: 1000, ..Options::default() };
    for (options, closed) in [(options.clone(), true), (Options { keep_requests: false, ..options }, false)] {
        let (address, _events) = serve(options).await;
        post(address, "/echo/0/a/xhr", "").await;
        let sent = ask(address, "POST", "/echo/0/a/xhr_send", &[("cookie", &long)], "[\"x\"]").await;
        assert_eq!(sent.status, 204);
        let expected = if closed { "c[1008,\"Too many messages wait\"]\n" } else { "a[\"x\"]\n" };
        assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, expected);
    }
}
