//! The server's side of a WebSocket, byte by byte: what RFC 6455 says about handshakes, frames and how to end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use scan_login::transport::websocket::{Limits, Upgrade};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

const LIMITS: Limits = Limits { max_message_bytes: 100, max_waiting_bytes: 100, read_bytes: 16 };

/// Echoes; `bye` closes with 4000, `long` tries to send more than may wait, `three` says three things at once.
async fn echo(request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match Upgrade::from_parts(&mut parts) {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let chosen = upgrade.protocols().find(|name| *name == "login.v1").map(str::to_owned);
    let (response, socket) = upgrade.accept(LIMITS, chosen.as_deref());
    tokio::spawn(async move {
        let mut socket = socket.await.unwrap();
        while let Some(text) = socket.recv().await {
            match text.as_str() {
                "bye" => return socket.close(4000, &"é".repeat(100)).await,
                "three" => socket.send_texts(["one", "two", "three"].map(str::to_owned).into()).await.unwrap(),
                "long" => assert!(socket.send_text("x".repeat(2000)).await.is_err()),
                _ => socket.send_text(text).await.unwrap(),
            }
        }
    });
    response
}

/// Counts how often it is written to.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The client's end of a connection after a handshake, and the head of the answer.
async fn connect(more: &str) -> (DuplexStream, String) {
    let (client, answer, _) = connect_counted(more).await;
    (client, answer)
}

/// The same, and how often the server has written.
async fn connect_counted(more: &str) -> (DuplexStream, String, Arc<AtomicUsize>) {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let writes = Arc::<AtomicUsize>::default();
    let server = Counted(server, writes.clone());
    let service = TowerToHyperService::new(Router::new().route("/", any(echo)));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    tokio::spawn(connection.with_upgrades());
    let head = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(client.read_u8().await.unwrap());
    }
    (client, String::from_utf8(answer).unwrap().to_ascii_lowercase(), writes)
}

/// A short frame as a client sends it, masked with zeros (RFC 6455 §5.2).
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// A short frame as the server sends it.
async fn read(client: &mut DuplexStream) -> (u8, Vec<u8>) {
    let first_byte = client.read_u8().await.unwrap();
    let mut payload = vec![0; client.read_u8().await.unwrap().into()];
    client.read_exact(&mut payload).await.unwrap();
    (first_byte, payload)
}

/// The code of the close frame that these bytes bring about.
async fn code_after(bytes: &[u8]) -> u16 {
    let (mut client, _) = connect("").await;
    client.write_all(bytes).await.unwrap();
    let (first_byte, payload) = read(&mut client).await;
    assert_eq!(first_byte, 0x88, "no close frame");
    u16::from_be_bytes([payload[0], payload[1]])
}

#[tokio::test]
async fn what_is_said_at_once_leaves_in_one_write() {
    let (mut client, _, writes) = connect_counted("").await;
    let before = writes.load(Ordering::SeqCst);
    client.write_all(&frame(0x81, b"three")).await.unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(read(&mut client).await, (0x81, text.into()));
    }
    assert_eq!(writes.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn a_sub_protocol_is_named_only_if_the_client_offers_it() {
    let (_, answer) = connect("Sec-WebSocket-Protocol: other, login.v1\r\nSec-WebSocket-Protocol: more\r\n").await;
    assert!(answer.starts_with("http/1.1 101 "));
    assert!(answer.contains("\r\nsec-websocket-protocol: login.v1\r\n"));
    for more in ["", "Sec-WebSocket-Protocol: other\r\n"] {
        assert!(!connect(more).await.1.contains("sec-websocket-protocol"));
    }
}

#[tokio::test]
async fn a_message_may_come_in_pieces_with_a_ping_between() {
    let (mut client, _) = connect("").await;
    let pieces = [frame(0x01, b"he"), frame(0x89, b"?"), frame(0x80, b"llo")].concat();
    client.write_all(&pieces).await.unwrap();
    assert_eq!(read(&mut client).await, (0x8a, b"?".to_vec()), "a pong");
    assert_eq!(read(&mut client).await, (0x81, b"hello".to_vec()));
}

#[tokio::test]
async fn each_breach_of_the_protocol_ends_with_its_code() {
    let half = vec![b'x'; 60];
    let huge = [&[0x81, 0xff][..], &u64::to_be_bytes(1 << 40), &[0; 4]].concat();
    for (code, bytes) in [
        (1002, frame(0x83, b"an unknown kind of frame")),
        (1002, frame(0xc1, b"a reserved bit")),
        (1002, vec![0x81, 1, b'x']), // not masked
        (1002, frame(0x80, b"a continuation of nothing")),
        (1003, frame(0x82, b"binary")),
        (1007, frame(0x81, b"\xff")),
        (1009, frame(0x81, &[b'x'; 101])),
        (1009, [frame(0x01, &half), frame(0x80, &half)].concat()),
        (1009, huge),
    ] {
        assert_eq!(code_after(&bytes).await, code, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    assert_eq!(code_after(&frame(0x88, &4001_u16.to_be_bytes())).await, 4001);
}

#[tokio::test]
async fn a_close_of_ours_carries_as_much_of_the_reason_as_fits() {
    let (mut client, _) = connect("").await;
    client.write_all(&frame(0x81, b"bye")).await.unwrap();
    let (first_byte, payload) = read(&mut client).await;
    assert_eq!(first_byte, 0x88);
    assert_eq!(payload[..2], 4000_u16.to_be_bytes());
    assert_eq!(std::str::from_utf8(&payload[2..]).unwrap(), "é".repeat(61));
    client.write_all(&frame(0x88, &4000_u16.to_be_bytes())).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the server ends the connection");
}

#[tokio::test]
async fn what_is_longer_than_may_wait_is_not_sent() {
    let (mut client, _) = connect("").await;
    client.write_all(&frame(0x81, b"long")).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}
