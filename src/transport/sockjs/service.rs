use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;

use super::frame::{CloseReason, Payload};
use super::head::Head;
use super::live::Live;
use super::message::Message;
use super::session::{Closed, Inbox};

/// What is served over SockJS. Any `Fn(Connection) -> impl Future<Output = ()>` is one.
pub trait Service: Send + Sync + 'static {
    /// Serves one connection, in a task of its own, from when its session opens.
    ///
    /// When the future ends, the session is closed with 1000 `Normal closure`, unless it was closed before; when it
    /// panics, with 1011. It should end soon after [`Connection::recv`] has given `None`.
    fn serve(&self, connection: Connection) -> BoxFuture<'static, ()>;
}

impl<F, T> Service for F
where
    F: Fn(Connection) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    fn serve(&self, connection: Connection) -> BoxFuture<'static, ()> {
        Box::pin(self(connection))
    }
}

/// The service's end of a session.
pub struct Connection {
    request: Head,
    live: Arc<Live>,
}

impl Connection {
    pub(super) fn new(request: Head, live: Arc<Live>) -> Self {
        Self { request, live }
    }

    /// The request that opened the session, without its body: its path, its headers (`Origin` among them, but not those that
    /// concern the connection or the answer only), and what middleware and the listener have put into its extensions as far as
    /// [`Options::extensions`](super::Options::extensions) keeps it.
    pub fn request(&self) -> &Parts {
        self.request.parts()
    }

    /// The next message's text; `None` once the session is closed by either side. Cancelling this loses no message, but
    /// one without text (see [`Options::binary`](super::Options::binary)) is passed over.
    pub async fn recv(&mut self) -> Option<String> {
        loop {
            if let Payload::Text(text) = self.recv_message().await?.into_payload() {
                return Some(text);
            }
        }
    }

    /// The next message of any kind, with the request that brought it where it is kept.
    pub async fn recv_message(&mut self) -> Option<Message> {
        loop {
            match self.live.take() {
                Inbox::Message(message) => return Some(message),
                Inbox::Closed => return None,
                Inbox::Empty => (),
            }
            self.live.for_service.notified().await;
        }
    }

    /// Sends a message, without waiting: it waits in the session until a receiver takes it. A session in which more than
    /// [`Options::max_waiting_bytes`](super::Options::max_waiting_bytes) would wait is closed with 1008 instead.
    ///
    /// # Errors
    /// [`Closed`] where the session is closed, or is so by this message.
    pub fn send(&self, message: impl AsRef<str>) -> Result<(), Closed> {
        self.live.send(message.as_ref())
    }

    /// As [`send`](Self::send), but not text: a raw WebSocket can carry that.
    ///
    /// # Errors
    /// [`Closed`] as there, and, without more ado, on every session that is not a raw WebSocket.
    pub fn send_binary(&self, message: impl Into<Bytes>) -> Result<(), Closed> {
        self.live.send_binary(message.into())
    }

    /// Closes the session; messages sent before still arrive. The first close counts.
    pub fn close(&self, code: u16, reason: impl Into<String>) {
        self.live.close(CloseReason::new(code, reason.into()));
    }

    /// Something that sends and closes, to be kept elsewhere. It does not keep the session alive.
    pub fn sender(&self) -> Sender {
        Sender(Arc::downgrade(&self.live))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Sends into a session from anywhere. Made by [`Connection::sender`].
#[derive(Clone)]
pub struct Sender(Weak<Live>);

impl Sender {
    /// As [`Connection::send`].
    ///
    /// # Errors
    /// [`Closed`] where the session is closed, or is so by this message.
    pub fn send(&self, message: impl AsRef<str>) -> Result<(), Closed> {
        self.0.upgrade().ok_or(Closed)?.send(message.as_ref())
    }

    /// As [`Connection::close`].
    pub fn close(&self, code: u16, reason: impl Into<String>) {
        if let Some(live) = self.0.upgrade() {
            live.close(CloseReason::new(code, reason.into()));
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}
