//! `/websocket`: a WebSocket without SockJS.

use futures_util::{SinkExt, StreamExt};
use scan_login::transport::sockjs::{AllowedOrigins, Options};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{ask, closed, next, serve, text, websocket};

#[tokio::test]
async fn what_is_said_comes_as_it_is() {
    let (address, mut events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/websocket").await;
    for said in ["Hello world!\u{ffff}", "", "[]", "[\"a\"]", "\u{2028}\0 \u{1f600}", "not JSON"] {
        socket.send(Message::text(said)).await.unwrap();
        assert_eq!(text(&mut socket).await, said);
    }
    next(&mut events).await;
    for _ in 0..6 {
        assert!(next(&mut events).await.starts_with("heard "));
    }
    socket.close(None).await.unwrap();
    assert_eq!(next(&mut events).await, "closed");
}

#[tokio::test]
async fn the_socket_is_closed_with_the_services_code_and_reason() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/close/websocket/").await;
    assert_eq!(closed(&mut socket).await, (3000, "Go away!".into()));
    assert!(socket.next().await.is_none());
    let mut socket = websocket(address, "/panic/websocket").await;
    socket.send(Message::text("x")).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1011, "Internal error".into()));
}

#[tokio::test]
async fn other_than_text_is_taken_where_the_service_wants_it() {
    let (address, _events) = serve(Options { binary: true, ..Options::default() }).await;
    let mut socket = websocket(address, "/echo/websocket").await;
    let bytes = Message::binary(vec![0, 0xff, 0xfe]);
    socket.send(bytes.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), bytes);
    let mut framed = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut framed).await, "o");
    framed.send(bytes.clone()).await.unwrap();
    assert_eq!(closed(&mut framed).await.0, 1003, "SockJS has only text");

    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/websocket").await;
    socket.send(bytes).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 1003);
}

#[tokio::test]
async fn what_was_said_before_a_mistake_is_answered_before_the_close() {
    // A short text frame, and one with a reserved bit set; both masked with zeros (RFC 6455 §5.2).
    let said = |text: &str| [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text.as_bytes()].concat();
    let mistake = [0xc1, 0x80, 0, 0, 0, 0];
    for (path, text, answers) in
        [("/echo/websocket", "a", vec!["a"]), ("/echo/0/a/websocket", "[\"a\"]", vec!["o", "a[\"a\"]"])]
    {
        let (address, _events) = serve(Options::default()).await;
        let mut socket = websocket(address, path).await;
        socket.get_mut().write_all(&[said(text), mistake.to_vec()].concat()).await.unwrap();
        for answer in answers {
            assert_eq!(crate::support::text(&mut socket).await, answer);
        }
        assert_eq!(closed(&mut socket).await.0, 1002);
    }
}

#[tokio::test]
async fn a_page_that_is_not_allowed_gets_no_socket() {
    let allowed_origins = AllowedOrigins::List(vec!["https://www.example.com".into()]);
    let (address, _events) = serve(Options { allowed_origins, ..Options::default() }).await;
    for (origin, status) in [("https://evil.example.com", 403), ("null", 403), ("https://www.example.com", 101)] {
        let headers = [
            ("origin", origin),
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(ask(address, "GET", "/echo/websocket", &headers, "").await.status, status, "{origin}");
    }
}
