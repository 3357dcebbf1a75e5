//! The rules of the protocol whose breach its public suite does not notice, one test for each.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use scan_login::transport::sockjs::Options;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::chunks::Chunks;
use crate::support::{app, ask, ask_in_memory, closed, get, next, post, serve, serve_in_memory, text, websocket};

#[tokio::test]
async fn eventsource_names_the_origin_that_asks_null_too() {
    let (address, _events) = serve(Options::default()).await;
    for (session, origin, named) in [
        ("a", "Origin: https://www.example.com\r\n", "https://www.example.com"),
        ("b", "Origin: null\r\n", "null"),
        ("c", "", "*"),
    ] {
        let chunks = Chunks::ask(address, "GET", &format!("/echo/0/{session}/eventsource"), origin).await;
        let expected = format!("\r\naccess-control-allow-origin: {named}\r\n");
        assert!(chunks.head.contains(&expected), "{}", chunks.head);
        assert_eq!(chunks.head.contains("access-control-allow-credentials: true\r\n"), !origin.is_empty());
    }
}

#[tokio::test]
async fn answers_that_depend_on_the_origin_say_so_to_caches() {
    let (address, _events) = serve(Options::default()).await;
    for (method, path) in [
        ("GET", "info"),
        ("OPTIONS", "info"),
        ("POST", "0/a/xhr"),
        ("OPTIONS", "0/a/xhr"),
        ("POST", "0/b/xhr_streaming"),
        ("POST", "0/a/xhr_send"),
        ("GET", "0/c/eventsource"),
    ] {
        let chunks = Chunks::ask(address, method, &format!("/echo/{path}"), "").await;
        assert!(chunks.head.contains("\r\nvary: origin\r\n"), "{method} {path}: {}", chunks.head);
    }
}

#[tokio::test]
async fn what_is_not_found_is_told_in_text() {
    let (address, _events) = serve(Options::default()).await;
    for answer in [get(address, "/echo/a").await, post(address, "/echo/0/none/xhr_send", "[]").await] {
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "Not found\n"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    }
}

#[tokio::test]
async fn entropy_is_an_integer_of_32_bits_that_uses_them_all() {
    let (address, _events) = serve(Options::default()).await;
    let mut seen = 0;
    for _ in 0..64 {
        let info: serde_json::Value = serde_json::from_str(&get(address, "/echo/info").await.body).unwrap();
        let entropy = info["entropy"].as_u64().unwrap();
        assert!(entropy <= u64::from(u32::MAX));
        seen |= entropy;
    }
    assert_eq!(seen, u64::from(u32::MAX), "a bit that is never set in 64 tries is not random");
}

#[tokio::test]
async fn a_response_ends_after_128_kib_by_default() {
    let (address, _events) = serve(Options::default()).await;
    let mut chunks = Chunks::ask(address, "POST", "/echo/0/a/xhr_streaming", "").await;
    chunks.next().await;
    assert_eq!(chunks.next().await, "o\n");
    // A frame of 32 KiB, brackets and line break included: four of them and the `o` make 128 KiB and 2 bytes.
    let message = format!("[\"{}\"]", "x".repeat((32 << 10) - 6));
    for _ in 0..4 {
        assert_eq!(post(address, "/echo/0/a/xhr_send", &message).await.status, 204);
        assert_eq!(chunks.next().await.len(), 32 << 10);
    }
    assert_eq!(chunks.next().await, "");
    assert_eq!(Options::default().response_limit, 131_072);
}

#[tokio::test]
async fn a_jsonp_answer_is_not_to_be_taken_for_another_type() {
    let (address, _events) = serve(Options::default()).await;
    let answer = get(address, "/echo/0/a/jsonp?c=x").await;
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn characters_beyond_16_bits_arrive_whole() {
    let (address, _events) = serve(Options::default()).await;
    post(address, "/echo/0/a/xhr", "").await;
    post(address, "/echo/0/a/xhr_send", r#"["\ud83d\ude00"]"#).await;
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "a[\"\u{1f600}\"]\n");
}

#[tokio::test]
async fn percent_signs_are_encoded_for_eventsource() {
    let (address, _events) = serve(Options::default()).await;
    let mut chunks = Chunks::ask(address, "GET", "/echo/0/a/eventsource", "").await;
    assert_eq!([chunks.next().await, chunks.next().await], ["\r\n", "data: o\r\n\r\n"]);
    post(address, "/echo/0/a/xhr_send", r#"["%41 %"]"#).await;
    assert_eq!(chunks.next().await, "data: a[\"%2541 %25\"]\r\n\r\n");
}

#[tokio::test]
async fn jsonp_send_finds_no_unknown_session_but_tells_of_broken_messages_first() {
    let (address, _events) = serve(Options::default()).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(ask(address, "POST", "/echo/0/none/jsonp_send", &form, "d=%5B%22x%22%5D").await.status, 404);
    assert_eq!(ask(address, "POST", "/echo/0/none/jsonp_send", &form, "d=%5B").await.status, 500);
}

#[tokio::test]
async fn a_callback_of_more_than_32_characters_is_refused() {
    let (address, _events) = serve(Options::default()).await;
    for transport in ["jsonp", "htmlfile"] {
        let answer = get(address, &format!("/echo/0/a/{transport}?c={}", "x".repeat(33))).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.body, "invalid \"callback\" parameter");
    }
    assert_eq!(get(address, &format!("/echo/0/a/jsonp?c={}", "x".repeat(32))).await.status, 200);
}

#[tokio::test]
async fn a_websocket_may_say_one_string_without_an_array() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::text("\"a\"")).await.unwrap();
    assert_eq!(text(&mut socket).await, "a[\"a\"]");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_five_seconds_after_its_last_receiver() {
    let (app, mut events) = app(Options { response_limit: 1, ..Options::default() });
    for (transport, method) in
        [("xhr", "POST"), ("jsonp?c=x", "GET"), ("xhr_streaming", "POST"), ("eventsource", "GET")]
    {
        let opened = ask_in_memory(&app, method, &format!("/echo/0/a/{transport}"), "").await;
        assert_eq!(opened.status, 200);
        let began = Instant::now();
        assert_eq!(next(&mut events).await, "opened from nowhere");
        assert_eq!(next(&mut events).await, "closed", "{transport}");
        assert_eq!(began.elapsed().as_secs(), 5, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_every_25_seconds_whatever_else_is_sent() {
    let (app, _events) = app(Options::default());
    let client = serve_in_memory(app.clone());
    let mut chunks = Chunks::over(client, "POST", "/echo/0/a/xhr_streaming", "").await;
    assert_eq!([chunks.read().await.len(), chunks.read().await.len()], [2049, 2]);
    let began = Instant::now();
    for beat in 1..=3 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(ask_in_memory(&app, "POST", "/echo/0/a/xhr_send", "[\"x\"]").await.status, 204);
        assert_eq!(chunks.read().await, "a[\"x\"]\n");
        assert_eq!(chunks.read().await, "h\n");
        assert_eq!(began.elapsed().as_secs(), beat * 25);
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_without_an_answer_for_ten_seconds_is_told_so_and_closed() {
    for (path, told) in [("/echo/0/a/websocket", true), ("/echo/websocket", false)] {
        let (app, mut events) = app(Options::default());
        let url = format!("ws://localhost{path}");
        let mut socket = tokio_tungstenite::client_async(url, serve_in_memory(app)).await.unwrap().0;
        let began = Instant::now();
        next(&mut events).await;
        // Nothing is read meanwhile, so no ping is answered.
        assert_eq!(events.recv().await.unwrap(), "closed", "{path}");
        assert_eq!(began.elapsed().as_secs(), 35);
        let mut said = Vec::new();
        let code = loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(text) => said.push(text.as_str().to_owned()),
                Message::Close(Some(frame)) => break u16::from(frame.code),
                _ => (),
            }
        };
        let expected = ["o", "h", "c[3000,\"No response from heartbeat\"]"];
        assert_eq!(said, if told { &expected[..] } else { &[] });
        assert_eq!(code, if told { 1000 } else { 3000 });
    }
}

#[tokio::test]
async fn broken_json_closes_a_websocket_with_3000() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::text("[\"a")).await.unwrap();
    assert_eq!(closed(&mut socket).await, (3000, "Broken framing.".into()));
}

#[tokio::test]
async fn without_websockets_neither_of_their_paths_is_found_upgrade_or_not() {
    let (address, _events) = serve(Options { websocket: false, ..Options::default() }).await;
    let upgrade = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for path in ["/echo/websocket", "/echo/0/a/websocket"] {
        for headers in [&upgrade[..], &[]] {
            assert_eq!(ask(address, "GET", path, headers, "").await.status, 404, "{path}");
        }
    }
}
