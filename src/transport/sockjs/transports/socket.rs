//! A session over a WebSocket, with SockJS's frames or without. It lives and ends with its socket.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use futures_util::future::pending;
use http::StatusCode;
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep, timeout};

use super::super::super::websocket::{Closed, Incoming, Limits, Upgrade, WebSocket};
use super::super::answer::empty;
use super::super::frame::{CloseReason, Frame, Payload};
use super::super::live::Receiver;
use super::super::options::Options;
use super::super::outbox::Framing;
use super::super::table::{ReceiveError, Sessions};

/// How a socket is closed: its code and reason.
pub(super) type Farewell = (u16, Cow<'static, str>);

/// What is said over a socket.
pub(super) trait Speech: 'static {
    const FRAMING: Framing;

    /// Sends a frame; a heartbeat with a ping, which the peer's machine answers.
    fn write(socket: &mut WebSocket, frame: Frame) -> impl Future<Output = Result<(), Closed>> + Send;

    /// The messages in one of the client's, or how to end a connection that says something else.
    fn read(options: &Options, incoming: Incoming) -> Result<Vec<Payload>, Farewell>;

    /// How the socket of a session is closed that was closed for this reason.
    fn farewell(reason: CloseReason) -> Farewell;
}

/// Answers a handshake, and serves the socket that follows in a task of its own.
pub(super) fn upgrade<S: Speech>(sessions: &Arc<Sessions>, mut parts: Parts) -> Response {
    if !sessions.options.admit_websocket.admits(&parts) {
        return empty(StatusCode::FORBIDDEN);
    }
    let upgrade = match Upgrade::from_parts(&mut parts) {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let place = match sessions.reserve() {
        Ok(place) => place,
        Err(ReceiveError::Full) => return turn_away::<S>(sessions, upgrade),
        Err(ReceiveError::Busy | ReceiveError::Stopping) => return empty(StatusCode::SERVICE_UNAVAILABLE),
    };
    let (response, socket) = upgrade.accept(limits(&sessions.options), None);
    let opener = sessions.clone();
    sessions.options.tasks.spawn(async move {
        let Ok(mut socket) = socket.await else { return };
        if let Some((code, reason)) = serve::<S>(opener, &mut socket, place, parts).await {
            socket.close(code, &reason).await;
        }
    });
    response
}

fn limits(options: &Options) -> Limits {
    Limits { max_message_bytes: options.max_message_bytes, max_waiting_bytes: options.max_waiting_bytes }
}

/// A status is all that a program behind a WebSocket does not get to see, so the socket is opened to say why it closes.
fn turn_away<S: Speech>(sessions: &Sessions, upgrade: Upgrade) -> Response {
    let Ok(place) = sessions.farewells.clone().try_acquire_owned() else {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let (response, socket) = upgrade.accept(limits(&sessions.options), None);
    let patience = sessions.options.write_timeout;
    sessions.options.tasks.spawn(async move {
        let Ok(mut socket) = socket.await else { return };
        let reason = CloseReason::TOO_MANY_SESSIONS;
        if timeout(patience, S::write(&mut socket, Frame::Close(reason.clone()))).await.is_ok() {
            let (code, reason) = S::farewell(reason);
            socket.close(code, &reason).await;
        }
        drop(place);
    });
    response
}

/// Serves a session over the socket, and gives how to close it; `None` where the client has gone.
async fn serve<S: Speech>(
    sessions: Arc<Sessions>,
    socket: &mut WebSocket,
    place: OwnedSemaphorePermit,
    parts: Parts,
) -> Option<Farewell> {
    // The session ends with this: the service need not wait for the close handshake.
    let mut receiver = sessions.open_unlisted(S::FRAMING, place, parts);
    exchange::<S>(&sessions.options, socket, &mut receiver).await
}

/// Carries frames one way and messages the other until either side is done.
async fn exchange<S: Speech>(options: &Options, socket: &mut WebSocket, receiver: &mut Receiver) -> Option<Farewell> {
    let mut pong = None;
    loop {
        let frame = tokio::select! {
            frame = receiver.next() => Some(frame),
            incoming = socket.recv_any() => {
                match S::read(options, incoming?) {
                    Ok(messages) => receiver.deliver(messages),
                    Err(farewell) => return Some(farewell),
                }
                // The service gets its turn, so that it can answer before what the client says next ends the connection.
                yield_now().await;
                receiver.next_now()
            }
            () = elapsed(&mut pong) => {
                pong = None;
                if socket.ping_is_unanswered() {
                    receiver.close(CloseReason::SILENT);
                }
                None
            }
        };
        let Some(frame) = frame else { continue };
        if frame == Frame::Heartbeat {
            pong = Some(Box::pin(sleep(options.pong_timeout)));
        }
        let last = if let Frame::Close(reason) = &frame { Some(S::farewell(reason.clone())) } else { None };
        // A client that does not read is not waited for.
        timeout(options.write_timeout, S::write(socket, frame)).await.ok()?.ok()?;
        if last.is_some() {
            return last;
        }
    }
}

async fn elapsed(pong: &mut Option<Pin<Box<Sleep>>>) {
    match pong {
        Some(deadline) => deadline.await,
        None => pending().await,
    }
}
