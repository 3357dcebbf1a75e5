//! `GET /S/T/websocket`: every frame is a text message. Such a session lives and ends with its socket.

use std::borrow::Cow;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use futures_util::future::pending;
use http::StatusCode;
use http::request::Parts;
use tokio::time::{Sleep, sleep, timeout};

use super::super::super::websocket::{Limits, Upgrade, WebSocket};
use super::super::answer::empty;
use super::super::frame::{CloseReason, Frame, decode_text};
use super::super::live::Receiver;
use super::super::options::Options;
use super::super::table::Sessions;

/// How a socket is closed: its code and reason.
type Farewell = (u16, Cow<'static, str>);

/// Answers a handshake, and serves the socket that follows in a task of its own.
pub(in super::super) fn upgrade(sessions: &Arc<Sessions>, mut parts: Parts) -> Response {
    if !sessions.options.admit_websocket.admits(&parts) {
        return empty(StatusCode::FORBIDDEN);
    }
    let upgrade = match Upgrade::from_parts(&mut parts) {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let Some(place) = sessions.reserve() else { return empty(StatusCode::SERVICE_UNAVAILABLE) };
    let Options { max_message_bytes, max_waiting_bytes, .. } = sessions.options;
    let (response, socket) = upgrade.accept(Limits { max_message_bytes, max_waiting_bytes }, None);
    let opener = sessions.clone();
    sessions.options.tasks.spawn(async move {
        if let Ok(socket) = socket.await {
            let receiver = opener.open_unlisted(place, parts);
            serve(&opener.options, socket, receiver).await;
        }
    });
    response
}

async fn serve(options: &Options, mut socket: WebSocket, mut receiver: Receiver) {
    let farewell = exchange(options, &mut socket, &mut receiver).await;
    // The session ends with its socket: the service need not wait for the close handshake.
    drop(receiver);
    if let Some((code, reason)) = farewell {
        socket.close(code, &reason).await;
    }
}

/// Carries frames one way and messages the other until either side is done; `None` where the client has gone.
async fn exchange(options: &Options, socket: &mut WebSocket, receiver: &mut Receiver) -> Option<Farewell> {
    let mut pong = None;
    loop {
        tokio::select! {
            frame = receiver.next() => {
                // A client that does not read is not waited for.
                timeout(options.write_timeout, write(socket, &frame)).await.ok()?.ok()?;
                match frame {
                    Frame::Close(reason) => return Some(farewell(reason)),
                    Frame::Heartbeat => pong = Some(Box::pin(sleep(options.pong_timeout))),
                    Frame::Open | Frame::Messages(_) => (),
                }
            }
            text = socket.recv() => match decode_text(&text?) {
                Ok(messages) => receiver.deliver(messages),
                Err(_) => return Some((3000, "Broken framing.".into())),
            },
            () = elapsed(&mut pong) => {
                pong = None;
                if socket.ping_is_unanswered() {
                    receiver.close(CloseReason::SILENT);
                }
            }
        }
    }
}

/// A heartbeat goes with a ping: the frame is for the client's program, the ping makes the peer answer.
async fn write(socket: &mut WebSocket, frame: &Frame) -> Result<(), super::super::super::websocket::Closed> {
    socket.send_text(frame.text()).await?;
    if *frame == Frame::Heartbeat {
        socket.ping().await?;
    }
    Ok(())
}

async fn elapsed(pong: &mut Option<std::pin::Pin<Box<Sleep>>>) {
    match pong {
        Some(deadline) => deadline.await,
        None => pending().await,
    }
}

/// What the session was closed with stands in the close frame; the socket itself is closed with 1000 as sockjs-node
/// does, except that a restart is told to all who can tell it apart.
fn farewell(reason: CloseReason) -> Farewell {
    if reason == CloseReason::RESTART { (reason.code, reason.text) } else { (1000, CloseReason::NORMAL.text) }
}
