//! Sessions over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use scan_login::transport::sockjs::{Admission, Options};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{ask, closed, get, next, post, serve, text, websocket};

const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

#[tokio::test]
async fn the_handshake_is_answered_with_what_it_needs_and_no_more() {
    let (address, _events) = serve(Options::default()).await;
    let headers =
        [("upgrade", "websocket"), ("connection", "keep-alive, Upgrade"), ("sec-websocket-version", "13"), KEY];
    let answer = ask(address, "GET", "/echo/0/a/websocket", &headers, "").await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("connection"), Some("upgrade"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let (address, _events) = serve(Options::default()).await;
    let plain = get(address, "/echo/0/a/websocket").await;
    assert_eq!((plain.status.as_u16(), plain.body.as_str()), (400, "Can \"Upgrade\" only to \"WebSocket\"."));
    let headers = [("upgrade", "websocket"), ("connection", "close"), ("sec-websocket-version", "13"), KEY];
    let answer = ask(address, "GET", "/echo/0/a/websocket", &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, "\"Connection\" must be \"Upgrade\"."));
    let headers = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "8"), KEY];
    let answer = ask(address, "GET", "/echo/0/a/websocket", &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("sec-websocket-version")), (426, Some("13")));
}

#[tokio::test]
async fn a_session_opens_echoes_and_ends_with_its_socket() {
    let (address, mut events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    assert_eq!(next(&mut events).await, "opened from nowhere");
    for nothing in ["", "[]"] {
        socket.send(Message::text(nothing)).await.unwrap();
    }
    socket.send(Message::text(r#"["a"]"#)).await.unwrap();
    assert_eq!(text(&mut socket).await, r#"a["a"]"#);
    socket.send(Message::text(r#""one string""#)).await.unwrap();
    assert_eq!(text(&mut socket).await, r#"a["one string"]"#);
    assert_eq!([next(&mut events).await, next(&mut events).await], ["heard a", "heard one string"]);
    drop(socket);
    assert_eq!(next(&mut events).await, "closed");
}

#[tokio::test]
async fn a_clients_close_is_answered_and_ends_the_session() {
    let (address, mut events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    next(&mut events).await;
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    assert!(socket.next().await.is_none());
    assert_eq!(next(&mut events).await, "closed");
}

#[tokio::test]
async fn session_ids_mean_nothing() {
    let (address, _events) = serve(Options::default()).await;
    let mut first = websocket(address, "/echo/0/same/websocket").await;
    let mut second = websocket(address, "/echo/0/same/websocket/").await;
    assert_eq!([text(&mut first).await, text(&mut second).await], ["o", "o"]);
    second.send(Message::text(r#"["b"]"#)).await.unwrap();
    first.send(Message::text(r#"["a"]"#)).await.unwrap();
    assert_eq!([text(&mut first).await, text(&mut second).await], [r#"a["a"]"#, r#"a["b"]"#]);
}

#[tokio::test]
async fn a_close_of_the_service_is_told_twice() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/close/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    assert_eq!(text(&mut socket).await, r#"c[3000,"Go away!"]"#);
    assert_eq!(closed(&mut socket).await, (1000, "Normal closure".into()));
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn broken_json_ends_the_connection_without_a_close_frame_of_sockjs() {
    let (address, mut events) = serve(Options::default()).await;
    for broken in ["[\"a", "[1]", "{}", "\"\\ud800\""] {
        let mut socket = websocket(address, "/echo/0/a/websocket").await;
        assert_eq!(text(&mut socket).await, "o");
        assert_eq!(next(&mut events).await, "opened from nowhere");
        socket.send(Message::text(broken)).await.unwrap();
        assert_eq!(closed(&mut socket).await, (3000, "Broken framing.".into()), "{broken}");
        assert!(socket.next().await.is_none());
        assert_eq!(next(&mut events).await, "closed");
    }
}

#[tokio::test]
async fn a_message_past_the_limit_ends_with_1009_in_one_frame_or_in_many() {
    let (address, mut events) = serve(Options { max_message_bytes: 1000, ..Options::default() }).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    next(&mut events).await;
    socket.send(Message::text(format!("[\"{}\"]", "x".repeat(996)))).await.unwrap();
    assert_eq!(text(&mut socket).await.len(), 1001);
    next(&mut events).await;
    // The megabyte that follows is not read as a message; still the reason must arrive instead of a reset.
    let sent = socket.send(Message::text("x".repeat(1 << 20))).await;
    assert!(matches!(sent, Ok(()) | Err(Error::Io(_))));
    assert_eq!(closed(&mut socket).await.0, 1009);
    drop(socket);
    assert_eq!(next(&mut events).await, "closed");
}

#[tokio::test]
async fn binary_messages_are_not_taken() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::binary("[]")).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, 1003);
}

#[tokio::test]
async fn pings_are_answered() {
    let (address, _events) = serve(Options::default()).await;
    let mut socket = websocket(address, "/echo/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::Ping("hello".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("hello".into()));
}

#[tokio::test]
async fn a_handshake_that_is_not_admitted_is_refused_and_polling_goes_on() {
    let admit_websocket = Admission::when(|request| request.headers.contains_key("cookie"));
    let (address, mut events) = serve(Options { admit_websocket, ..Options::default() }).await;
    assert!(get(address, "/echo/info").await.body.starts_with(r#"{"websocket":true,"#));
    let headers =
        [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13"), KEY, ("cookie", "a=b")];
    let refused = ask(address, "GET", "/echo/0/a/websocket", &headers[..4], "").await;
    assert_eq!((refused.status.as_u16(), refused.body.as_str(), refused.header("connection")), (403, "", None));
    assert_eq!(post(address, "/echo/0/a/xhr", "").await.body, "o\n", "only WebSockets are judged");
    assert_eq!(next(&mut events).await, "opened from nowhere");
    assert_eq!(ask(address, "GET", "/echo/0/a/websocket", &headers, "").await.status, 101);
}

#[tokio::test]
async fn a_sockets_messages_have_no_request_of_their_own() {
    let (address, _events) = serve(Options { keep_requests: true, ..Options::default() }).await;
    let mut socket = websocket(address, "/cookies/0/a/websocket").await;
    assert_eq!(text(&mut socket).await, "o");
    socket.send(Message::text(r#"["a"]"#)).await.unwrap();
    assert_eq!(text(&mut socket).await, r#"a["a None the same"]"#);
}
