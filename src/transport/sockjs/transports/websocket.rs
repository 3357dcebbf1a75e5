//! `GET /S/T/websocket`: every frame is a text message. The session's id means nothing.

use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;

use super::super::super::websocket::{Closed, Fault, Incoming, WebSocket};
use super::super::frame::{CloseReason, Frame, Payload, decode_text};
use super::super::options::Options;
use super::super::outbox::Framing;
use super::super::table::Sessions;
use super::socket::{self, Farewell, Speech};

/// Answers a handshake.
pub(in super::super) fn upgrade(sessions: &Arc<Sessions>, parts: Parts) -> Response {
    socket::upgrade::<Framed>(sessions, parts)
}

pub(super) struct Framed;

impl Speech for Framed {
    const FRAMING: Framing = Framing::SockJs;

    async fn write(socket: &mut WebSocket, frame: Frame) -> Result<(), Closed> {
        // The frame is for the client's program, the ping makes its machine answer.
        let is_heartbeat = frame == Frame::Heartbeat;
        socket.send_text(frame.text()).await?;
        if is_heartbeat {
            socket.ping().await?;
        }
        Ok(())
    }

    fn read(_: &Options, incoming: Incoming) -> Result<Vec<Payload>, Farewell> {
        let Incoming::Text(text) = incoming else { return Err(Fault::BINARY.into()) };
        match decode_text(&text) {
            Ok(messages) => Ok(messages.into_iter().map(Payload::Text).collect()),
            Err(_) => Err(Farewell { code: 3000, reason: "Broken framing.".into() }),
        }
    }

    /// What the session was closed with stands in the close frame; the socket itself is closed with 1000 as sockjs-node
    /// does, except that a restart is told to all who can tell it apart.
    fn farewell(reason: CloseReason) -> Farewell {
        if reason == CloseReason::RESTART { reason.into() } else { CloseReason::NORMAL.into() }
    }
}
