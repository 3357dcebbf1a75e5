//! A session over a WebSocket, with SockJS's frames or without. It lives and ends with its socket.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::pending;
use http::StatusCode;
use http::request::Parts;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep, timeout};

use super::super::super::websocket::{Closed, Fault, Incoming, Limits, Upgrade, WebSocket};
use super::super::answer::empty;
use super::super::frame::{CloseReason, Frame, Payload};
use super::super::head::Head;
use super::super::live::Receiver;
use super::super::options::Options;
use super::super::outbox::Framing;
use super::super::table::{ReceiveError, Sessions};

/// How a socket is closed.
pub(super) struct Farewell {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl From<Fault> for Farewell {
    fn from(Fault { code, reason }: Fault) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl From<CloseReason> for Farewell {
    fn from(CloseReason { code, text }: CloseReason) -> Self {
        Self { code, reason: text }
    }
}

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
    let place = match sessions.reserve(&parts.extensions) {
        Ok(place) => place,
        Err(ReceiveError::Full) => return turn_away::<S>(sessions, upgrade),
        Err(ReceiveError::Busy | ReceiveError::Stopping) => return empty(StatusCode::SERVICE_UNAVAILABLE),
    };
    let (response, socket) = upgrade.accept(limits(&sessions.options), None);
    let (opener, head) = (sessions.clone(), Head::pack(parts, sessions.options.extensions));
    // What happens before the session is open and behind its end is in boxes: it takes no room while the session waits.
    let opening = Box::pin(async move {
        let socket = socket.await.ok()?;
        Some((socket, opener.open_unlisted(S::FRAMING, place, head), opener))
    });
    sessions.options.tasks.spawn(serve::<S>(opening).boxed());
    response
}

type Opened = (WebSocket, Receiver, Arc<Sessions>);

async fn serve<S: Speech>(opening: Pin<Box<impl Future<Output = Option<Opened>>>>) {
    let Some((mut socket, mut receiver, sessions)) = opening.await else { return };
    let farewell = exchange::<S>(&sessions.options, &mut socket, &mut receiver).await;
    // The session ends with its socket: the service need not wait for the close handshake.
    drop(receiver);
    if let Some(Farewell { code, reason }) = farewell {
        Box::pin(async move { socket.close(code, &reason).await }).await;
    }
}

fn limits(options: &Options) -> Limits {
    let Options { max_message_bytes, max_waiting_bytes, websocket_read_bytes, .. } = *options;
    Limits { max_message_bytes, max_waiting_bytes, read_bytes: websocket_read_bytes }
}

/// A status is all that a program behind a WebSocket does not get to see, so the socket is opened to say why it closes.
fn turn_away<S: Speech>(sessions: &Sessions, upgrade: Upgrade) -> Response {
    let Ok(place) = sessions.farewells.clone().try_acquire_owned() else {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let (response, socket) = upgrade.accept(limits(&sessions.options), None);
    let patience = sessions.options.write_timeout;
    sessions.options.tasks.spawn(FutureExt::boxed(async move {
        let Ok(mut socket) = socket.await else { return };
        let reason = CloseReason::TOO_MANY_SESSIONS;
        if timeout(patience, S::write(&mut socket, Frame::Close(reason.clone()))).await.is_ok() {
            let Farewell { code, reason } = S::farewell(reason);
            socket.close(code, &reason).await;
        }
        drop(place);
    }));
    response
}

/// Carries frames one way and messages the other until either side is done.
async fn exchange<S: Speech>(options: &Options, socket: &mut WebSocket, receiver: &mut Receiver) -> Option<Farewell> {
    let mut pong = None;
    loop {
        tokio::select! {
            frame = receiver.next() => {
                // The first ping without an answer counts: those that follow it must not put its end off.
                if frame == Frame::Heartbeat && !(pong.is_some() && socket.ping_is_unanswered()) {
                    pong = Some(Box::pin(sleep(options.pong_timeout)));
                }
                if let Some(last) = write::<S>(options, socket, frame).await? {
                    return Some(last);
                }
            }
            incoming = socket.recv_any() => {
                let said = incoming?.map_err(Farewell::from).and_then(|incoming| S::read(options, incoming));
                match said {
                    Ok(messages) => receiver.deliver(messages),
                    Err(farewell) => return Box::pin(finish::<S>(options, socket, receiver, farewell)).await,
                }
            }
            () = elapsed(&mut pong) => {
                pong = None;
                if socket.ping_is_unanswered() {
                    receiver.close(CloseReason::SILENT);
                }
            }
        }
    }
}

/// Writes a frame; gives how to close the socket where it was the last one, and `None` where the client has gone or does
/// not read: it is not waited for.
async fn write<S: Speech>(options: &Options, socket: &mut WebSocket, frame: Frame) -> Option<Option<Farewell>> {
    let last = if let Frame::Close(reason) = &frame { Some(S::farewell(reason.clone())) } else { None };
    // In a box, because every socket that waits for a frame would keep room for its writing.
    Box::pin(timeout(options.write_timeout, S::write(socket, frame))).await.ok()?.ok()?;
    Some(last)
}

/// The client has broken the rules. What it had said before gets the answer that the service has at once.
async fn finish<S: Speech>(
    options: &Options,
    socket: &mut WebSocket,
    receiver: &Receiver,
    farewell: Farewell,
) -> Option<Farewell> {
    yield_now().await;
    match receiver.next_now() {
        Some(frame @ (Frame::Messages(_) | Frame::Raw(_))) => {
            write::<S>(options, socket, frame).await.map(|_| farewell)
        }
        _ => Some(farewell),
    }
}

async fn elapsed(pong: &mut Option<Pin<Box<Sleep>>>) {
    match pong {
        Some(deadline) => deadline.await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::websocket::Framed;
    use super::*;

    #[test]
    fn a_socket_that_waits_takes_little() {
        let bytes = size_of_val(&serve::<Framed>(Box::pin(std::future::ready(None))));
        assert!(bytes <= 1100, "{bytes} bytes for each, where all that is said takes its room at once");
    }
}
