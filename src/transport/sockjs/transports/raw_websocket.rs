//! `GET /websocket`: a WebSocket without SockJS, for programs that are no web pages. Messages are as they are, and the
//! socket itself is closed with the session's code and reason.

use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;

use super::super::super::websocket::{Closed, Fault, Incoming, WebSocket};
use super::super::frame::{CloseReason, Frame, Payload};
use super::super::options::Options;
use super::super::outbox::Framing;
use super::super::table::Sessions;
use super::socket::{self, Farewell, Speech};

/// Answers a handshake.
pub(in super::super) fn upgrade(sessions: &Arc<Sessions>, parts: Parts) -> Response {
    socket::upgrade::<Raw>(sessions, parts)
}

struct Raw;

impl Speech for Raw {
    const FRAMING: Framing = Framing::Raw;

    async fn write(socket: &mut WebSocket, frame: Frame) -> Result<(), Closed> {
        match frame {
            Frame::Raw(messages) => {
                for message in messages {
                    match message {
                        Payload::Text(text) => socket.send_text(text).await?,
                        Payload::Binary(bytes) => socket.send_binary(bytes).await?,
                    }
                }
                Ok(())
            }
            Frame::Heartbeat => socket.ping().await,
            Frame::Open | Frame::Messages(_) | Frame::Close(_) => Ok(()),
        }
    }

    fn read(options: &Options, incoming: Incoming) -> Result<Vec<Payload>, Farewell> {
        match incoming {
            Incoming::Text(text) => Ok(vec![Payload::Text(text)]),
            Incoming::Binary(bytes) if options.binary => Ok(vec![Payload::Binary(bytes)]),
            Incoming::Binary(_) => Err(Fault::BINARY.into()),
        }
    }

    fn farewell(reason: CloseReason) -> Farewell {
        reason.into()
    }
}
