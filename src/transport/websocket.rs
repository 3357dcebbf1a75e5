//! The server's side of the WebSocket protocol (RFC 6455): an upgrade that is judged by hand, and then a small type that
//! speaks text messages.
//!
//! The only file that knows which library frames the messages. It knows nothing of what is said over a socket: callers
//! bring their own limits and, where they want one, a sub-protocol.
//!
//! ```no_run
//! use axum::response::{IntoResponse, Response};
//! use scan_login::transport::websocket::{Limits, Upgrade};
//!
//! async fn echo(request: axum::extract::Request) -> Response {
//!     let (mut parts, _) = request.into_parts();
//!     let upgrade = match Upgrade::from_parts(&mut parts) {
//!         Ok(upgrade) => upgrade,
//!         Err(rejection) => return rejection.into_response(),
//!     };
//!     let (response, socket) = upgrade.accept(Limits::default(), None);
//!     tokio::spawn(async move {
//!         let Ok(mut socket) = socket.await else { return };
//!         while let Some(text) = socket.recv().await {
//!             let _ = socket.send_text(text).await;
//!         }
//!     });
//!     response
//! }
//! ```

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

/// How much is gathered before it is written where several messages are sent at once: one system call for all of them.
const GATHERED_BYTES: usize = 4 << 10;

/// What frame headers, a pong and a close frame may take beside the caller's own messages.
const CONTROL_BYTES: usize = 1024;

/// How long a peer may take to answer our close, and to read it, before the connection is dropped.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The reason of a close has this many bytes at most: a control frame's 125 without the code (RFC 6455 §5.5).
const MAX_REASON_BYTES: usize = 123;

/// The limits of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message taken, in bytes, in one frame or in many. A longer one ends the connection with 1009.
    pub max_message_bytes: usize,
    /// The longest message that can be sent, in bytes: what may wait here for a peer that does not read.
    pub max_waiting_bytes: usize,
    /// How much is read at once, in bytes, from 16 on. A socket that waits keeps a buffer of this size; a longer message takes
    /// several reads.
    pub read_bytes: usize,
}

impl Default for Limits {
    /// 64 KiB in, 256 KiB out, 1 KiB at once.
    fn default() -> Self {
        Self { max_message_bytes: 64 << 10, max_waiting_bytes: 256 << 10, read_bytes: 1024 }
    }
}

/// Why a request is not a WebSocket handshake that can be answered (RFC 6455 §4.2.1). As a response it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The method is not GET: 405.
    #[error("method must be GET")]
    Method,
    /// No `Upgrade: websocket`: 400.
    #[error("Can \"Upgrade\" only to \"WebSocket\".")]
    Upgrade,
    /// `Connection` does not name `upgrade`: 400.
    #[error("\"Connection\" must be \"Upgrade\".")]
    Connection,
    /// `Sec-WebSocket-Version` is not 13: 426, and the answer names the version (RFC 6455 §4.2.2).
    #[error("Only WebSocket version 13 is spoken.")]
    Version,
    /// `Sec-WebSocket-Key` is missing, or not 16 bytes in base64: 400.
    #[error("\"Sec-WebSocket-Key\" is missing or malformed.")]
    Key,
    /// The connection cannot be upgraded, because it is not HTTP/1.1 or the server does not allow it: 400.
    #[error("This connection cannot be upgraded.")]
    Impossible,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response(),
            Self::Version => {
                let headers = [(header::SEC_WEBSOCKET_VERSION, "13"), (header::UPGRADE, "websocket")];
                (StatusCode::UPGRADE_REQUIRED, headers, self.to_string()).into_response()
            }
            Self::Upgrade | Self::Connection | Self::Key | Self::Impossible => {
                (StatusCode::BAD_REQUEST, self.to_string()).into_response()
            }
        }
    }
}

/// A handshake that was found good and waits to be accepted. Dropping it leaves the connection as it was.
#[derive(Debug)]
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    accept: HeaderValue,
    /// The lines that offer sub-protocols.
    protocols: Vec<HeaderValue>,
}

impl Upgrade {
    /// Judges a request by RFC 6455 §4.2.1 and takes hyper's promise of the connection out of it.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; the request is then unchanged.
    pub fn from_parts(parts: &mut Parts) -> Result<Self, Rejection> {
        let headers = &parts.headers;
        if parts.method != Method::GET {
            return Err(Rejection::Method);
        }
        if !names(headers, &header::UPGRADE, "websocket") {
            return Err(Rejection::Upgrade);
        }
        if !names(headers, &header::CONNECTION, "upgrade") {
            return Err(Rejection::Connection);
        }
        if parts.version != Version::HTTP_11 {
            return Err(Rejection::Impossible);
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Rejection::Version);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key)).ok_or(Rejection::Key)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| Rejection::Key)?;
        let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().cloned().collect();
        let on_upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(Rejection::Impossible)?;
        Ok(Self { on_upgrade, accept, protocols })
    }

    /// The sub-protocols that the client offers, the one it likes best first (RFC 6455 §11.3.4).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        tokens_of(self.protocols.iter())
    }

    /// The 101 to answer with, and the socket that it leads to.
    ///
    /// `protocol` is the sub-protocol that was chosen; it must be one of [`protocols`](Self::protocols), because a
    /// browser drops a connection that names another, so any other is left out. The future ends once the response was
    /// sent; it must be polled by another task than the one that answers. It fails where the connection broke before.
    pub fn accept(
        self,
        limits: Limits,
        protocol: Option<&str>,
    ) -> (Response, impl Future<Output = Result<WebSocket, hyper::Error>> + Send + 'static + use<>) {
        let offered = protocol.filter(|chosen| self.protocols().any(|offered| offered == *chosen));
        let chosen = offered.and_then(|chosen| HeaderValue::from_str(chosen).ok());
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(chosen) = chosen {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        let on_upgrade = self.on_upgrade;
        (response, async move { Ok(WebSocket::new(on_upgrade.await?, limits).await) })
    }
}

/// The sub-protocols that a handshake offers, before it is judged.
pub fn offered_protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL)
}

/// The items of a header that is a comma-separated list, possibly in several lines (RFC 9110 §5.6.1).
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    tokens_of(headers.get_all(name).into_iter())
}

fn tokens_of<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a str> {
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// 16 bytes in base64 are 22 characters and two signs of padding.
fn is_key(value: &HeaderValue) -> bool {
    let Some(digits) = value.as_bytes().strip_suffix(b"==") else { return false };
    digits.len() == 22 && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// As much of a close's reason as fits, in whole characters.
fn shortened(reason: &str) -> &str {
    let end = (0..=reason.len().min(MAX_REASON_BYTES)).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or(0)]
}

/// Why nothing can be sent any more: the connection has ended or is ending, or the message is longer than
/// [`Limits::max_waiting_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the WebSocket takes no more messages")]
pub struct Closed;

/// A message, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Text.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

/// What a peer must not send, with the code that RFC 6455 §7.4.1 has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code to close with.
    pub code: u16,
    /// The reason to give.
    pub reason: &'static str,
}

impl Fault {
    /// A message that is no text, where only text is taken.
    pub const BINARY: Self = Self { code: 1003, reason: "Only text is taken here." };
    /// A message past [`Limits::max_message_bytes`].
    pub const TOO_LONG: Self = Self { code: 1009, reason: "The message is too long." };
    /// Text that is not UTF-8.
    pub const NOT_UTF8: Self = Self { code: 1007, reason: "The text is not UTF-8." };
    /// Something that is no WebSocket.
    pub const PROTOCOL: Self = Self { code: 1002, reason: "" };
}

/// An open WebSocket, as its server sees it. Dropping it drops the connection, without a close frame.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    unanswered_ping: bool,
    ended: bool,
}

impl WebSocket {
    async fn new(upgraded: Upgraded, limits: Limits) -> Self {
        // All five limits are set: the library's defaults keep 128 KiB twice for each socket, and wait without bound. What is
        // gathered takes memory only while it is.
        let config = WebSocketConfig::default()
            .read_buffer_size(limits.read_bytes)
            .write_buffer_size(GATHERED_BYTES.min(limits.max_waiting_bytes))
            .max_write_buffer_size(limits.max_waiting_bytes.saturating_add(CONTROL_BYTES))
            .max_message_size(Some(limits.max_message_bytes))
            .max_frame_size(Some(limits.max_message_bytes));
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        Self { stream, unanswered_ping: false, ended: false }
    }

    /// The next text message; `None` once the connection has ended, in whatever way.
    ///
    /// What breaks the protocol, and a binary message, ends the connection with its [`Fault`]. Cancelling this loses no
    /// message.
    pub async fn recv(&mut self) -> Option<String> {
        match self.recv_any().await? {
            Ok(Incoming::Text(text)) => return Some(text),
            Ok(Incoming::Binary(_)) => self.fail(Fault::BINARY.code, Fault::BINARY.reason).await,
            Err(fault) => self.fail(fault.code, fault.reason).await,
        }
        None
    }

    /// The next message, or why there will be no other; `None` once the connection has ended. Pings are answered and the
    /// peer's close is acknowledged on the way. Cancelling this loses no message.
    ///
    /// # Errors
    /// The [`Fault`] to [`close`](Self::close) the connection with. What waits to be said can be said before.
    pub async fn recv_any(&mut self) -> Option<Result<Incoming, Fault>> {
        while !self.ended {
            let incoming = match self.stream.next().await {
                Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text.as_str().to_owned())),
                Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Binary(bytes)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    self.unanswered_ping = false;
                    continue;
                }
                Some(Ok(Message::Close(_))) => {
                    self.acknowledge().await;
                    continue;
                }
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Err(Fault::TOO_LONG),
                Some(Err(Error::Utf8(_))) => Err(Fault::NOT_UTF8),
                Some(Err(Error::Protocol(_) | Error::Capacity(_))) => Err(Fault::PROTOCOL),
                Some(Err(_)) | None => {
                    self.ended = true;
                    continue;
                }
            };
            self.unanswered_ping = false;
            return Some(incoming);
        }
        None
    }

    /// The peer has closed. The library has queued the acknowledgement; a peer that has gone already does not need it.
    async fn acknowledge(&mut self) {
        self.ended = true;
        let _ = Box::pin(tokio::time::timeout(CLOSE_PATIENCE, self.stream.flush())).await;
    }

    /// Sends a text message and waits until the operating system has taken it.
    ///
    /// A peer that does not read makes this wait: callers set a deadline and drop the socket after it.
    ///
    /// # Errors
    /// [`Closed`] where the connection has ended, or the message is longer than [`Limits::max_waiting_bytes`].
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Closed> {
        self.send(Message::text(text.into())).await
    }

    /// As [`send_text`](Self::send_text), but several that are ready at once: they leave together.
    ///
    /// # Errors
    /// [`Closed`] as there; some may have been sent.
    pub async fn send_texts(&mut self, texts: Vec<String>) -> Result<(), Closed> {
        if self.ended {
            return Err(Closed);
        }
        let sent = self.gather(texts).await;
        self.ended = sent.is_err();
        sent.map_err(|_| Closed)
    }

    async fn gather(&mut self, texts: Vec<String>) -> Result<(), Error> {
        for text in texts {
            self.stream.feed(Message::text(text)).await?;
        }
        self.stream.flush().await
    }

    /// As [`send_text`](Self::send_text), but anything else.
    ///
    /// # Errors
    /// [`Closed`] as there.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Closed> {
        self.send(Message::Binary(bytes.into())).await
    }

    /// Sends a ping. Until the peer sends anything, [`ping_is_unanswered`](Self::ping_is_unanswered).
    ///
    /// # Errors
    /// [`Closed`] where the connection has ended.
    pub async fn ping(&mut self) -> Result<(), Closed> {
        self.unanswered_ping = true;
        self.send(Message::Ping(Vec::new().into())).await
    }

    /// Whether nothing at all has come since the last ping. Only [`recv`](Self::recv) takes note of what comes.
    pub fn ping_is_unanswered(&self) -> bool {
        self.unanswered_ping
    }

    /// Closes the connection: sends the close frame, and waits a little for the peer's (RFC 6455 §7.1.2), throwing away
    /// what it may still send.
    ///
    /// A code that must not be sent (RFC 6455 §7.4.1) becomes 1011; a reason that is too long is cut.
    pub async fn close(mut self, code: u16, reason: &str) {
        self.fail(code, reason).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        if self.ended {
            return Err(Closed);
        }
        self.stream.send(message).await.map_err(|_| {
            self.ended = true;
            Closed
        })
    }

    /// Ends the connection so that the peer gets to read why. Closing a TCP connection while bytes of the peer wait
    /// unread resets it, and a reset takes back what was not yet read there: so they are read, for a while.
    async fn fail(&mut self, code: u16, reason: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // In a box, because every socket that waits for a message would keep room for its end.
        Box::pin(self.say_goodbye(code, reason)).await;
    }

    async fn say_goodbye(&mut self, code: u16, reason: &str) {
        let code = Some(CloseCode::from(code)).filter(|code| code.is_allowed()).unwrap_or(CloseCode::Error);
        let reason = shortened(reason);
        let goodbye = async {
            if self.stream.close(Some(CloseFrame { code, reason: reason.into() })).await.is_err() {
                return;
            }
            while let Some(Ok(_)) = self.stream.next().await {}
            let raw = self.stream.get_mut();
            let mut rest = [0; 512];
            if raw.shutdown().await.is_ok() {
                while matches!(raw.read(&mut rest).await, Ok(1..)) {}
            }
        };
        // An elapsed deadline needs no answer: the peer had its chance, and the connection is dropped either way.
        let _ = tokio::time::timeout(CLOSE_PATIENCE, goodbye).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake() -> Parts {
        let request = http::Request::get("/")
            .header("Upgrade", "WebSocket")
            .header("Connection", "keep-alive, Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        request.body(()).unwrap().into_parts().0
    }

    fn rejection(change: impl FnOnce(&mut Parts)) -> Rejection {
        let mut parts = handshake();
        change(&mut parts);
        Upgrade::from_parts(&mut parts).unwrap_err()
    }

    fn set(name: &'static str, value: &'static str) -> impl FnOnce(&mut Parts) {
        move |parts| drop(parts.headers.insert(name, HeaderValue::from_static(value)))
    }

    #[test]
    fn each_fault_of_a_handshake_has_its_answer() {
        let response = |rejection: Rejection| rejection.into_response();
        assert_eq!(rejection(|parts| parts.method = Method::POST), Rejection::Method);
        assert_eq!(rejection(|parts| drop(parts.headers.remove("upgrade"))), Rejection::Upgrade);
        assert_eq!(rejection(set("upgrade", "h2c")), Rejection::Upgrade);
        assert_eq!(rejection(set("connection", "close, upgraded")), Rejection::Connection);
        assert_eq!(rejection(|parts| parts.version = Version::HTTP_10), Rejection::Impossible);
        assert_eq!(rejection(set("sec-websocket-version", "8")), Rejection::Version);
        assert_eq!(rejection(set("sec-websocket-key", "dGhl")), Rejection::Key);
        assert_eq!(rejection(|_| ()), Rejection::Impossible, "a request that hyper did not mark cannot be upgraded");
        assert_eq!(response(Rejection::Method).status(), 405);
        assert_eq!(response(Rejection::Upgrade).status(), 400);
        assert_eq!(response(Rejection::Version).status(), 426);
        assert_eq!(response(Rejection::Version).headers()["sec-websocket-version"], "13");
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(100)), "é".repeat(61));
    }

    #[test]
    fn lists_of_tokens_may_span_lines() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONNECTION, HeaderValue::from_static("keep-alive ,, TE"));
        headers.append(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        assert_eq!(tokens(&headers, &header::CONNECTION).collect::<Vec<_>>(), ["keep-alive", "TE", "Upgrade"]);
        assert!(names(&headers, &header::CONNECTION, "upgrade"));
    }
}
