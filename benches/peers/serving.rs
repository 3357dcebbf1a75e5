//! What the bare servers have in common: hyper's connections without anything around them, and tungstenite's sockets.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The least that hyper takes.
const HTTP_BUFFER_BYTES: usize = 8192;
/// As our daemon's: its default would be 128 KiB for each socket.
const SOCKET_BUFFER_BYTES: usize = 1024;
/// As many may wait to be accepted as the system allows (`net.core.somaxconn`), as at our daemon.
const BACKLOG: u32 = i32::MAX as u32;

/// Answers for ever.
pub async fn serve<Answer, Answering>(address: SocketAddr, answer: Answer)
where
    Answer: Fn(Request<Incoming>) -> Answering + Clone + Send + 'static,
    Answering: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(BACKLOG).unwrap();
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answering = answer(request);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let mut http = http1::Builder::new();
        let connection = http.max_buf_size(HTTP_BUFFER_BYTES).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

pub fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

/// The 101, and the socket that it leads to: on the TCP connection itself, without hyper's wrapping. `None` where the peer has gone.
pub fn upgrade(
    request: Request<Incoming>,
) -> (Response<Full<Bytes>>, impl Future<Output = Option<WebSocketStream<TcpStream>>> + Send + 'static) {
    let mut response = answer(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let key = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(key).unwrap());
    if request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("scan-login.v1"));
    }
    let promised = hyper::upgrade::on(request);
    let socket = async move {
        let parts = promised.await.ok()?.downcast::<TokioIo<TcpStream>>().ok()?;
        let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let config = WebSocketConfig::default().read_buffer_size(SOCKET_BUFFER_BYTES).write_buffer_size(0);
        Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
    };
    (response, socket)
}
