//! A browser's side of the WebSocket protocol (RFC 6455), on the connection over which it has already spoken HTTP.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use super::http::{Answer, Connection, reason};

/// Many sockets wait at once, and all messages are small.
const READ_BUFFER_BYTES: usize = 1024;

/// An open socket; gone when it is dropped.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Makes a socket of the connection: `request` is a GET without the headers of the handshake.
    ///
    /// # Errors
    /// Why there is none: the answer's status and code, or what is wrong with it.
    pub async fn open(mut connection: Connection, mut request: Request<Full<Bytes>>) -> Result<Self, String> {
        let key = generate_key();
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).map_err(|error| error.to_string())?);
        let response = connection.begin(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Answer::of_refusal(response).await);
        }
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|accepted| *accepted != *derive_accept_key(key.as_bytes())) {
            return Err("the handshake's answer is not to our key".into());
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| reason(&error))?;
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| "the connection is another's")?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
        let (stream, already_read) = (parts.io.into_inner(), parts.read_buf.to_vec());
        Ok(Self(WebSocketStream::from_partially_read(stream, already_read, Role::Client, Some(config)).await))
    }

    /// The next text; pings are answered meanwhile.
    ///
    /// # Errors
    /// How the socket was closed.
    pub async fn text(&mut self) -> Result<String, String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(format!("closed with {} {}", u16::from(frame.code), frame.reason).trim_end().into());
                }
                Some(Ok(Message::Close(None))) | None => return Err("closed".into()),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Says a text.
    ///
    /// # Errors
    /// Why it cannot be said.
    pub async fn say(&mut self, text: String) -> Result<(), String> {
        self.0.send(Message::text(text)).await.map_err(|error| broken(&error))
    }

    /// Says that it goes, as a browser does that leaves a page, and waits for nothing.
    pub async fn leave(mut self) {
        // Where the daemon has gone first there is nobody to tell.
        let _ = self.0.close(None).await;
    }
}

fn broken(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) => "closed without a word".into(),
        error => reason(error),
    }
}
