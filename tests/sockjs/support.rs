//! Test services, and clients for them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use scan_login::transport::sockjs::{self, Connection, Options, Payload};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt;

/// Longer than anything that should happen takes, shorter than anyone likes to wait.
pub const SOON: Duration = Duration::from_secs(10);

/// What the echo service went through.
pub type Events = UnboundedReceiver<String>;

/// Waits for what the echo service went through next.
pub async fn next(events: &mut Events) -> String {
    tokio::time::timeout(SOON, events.recv()).await.expect("nothing happened").expect("the service is gone")
}

/// `/echo` says back what it hears, `/cookies` says which cookies opened the session and brought the message, `/close` closes at once with 3000, `/panic` panics at the first message, `/flood` sends
/// until it may not.
pub fn app(options: Options) -> (Router, Events) {
    let (happened, events) = unbounded_channel();
    let echo = move |connection| echo(connection, happened.clone());
    let close = |connection: Connection| async move { connection.close(3000, "Go away!") };
    let panic = |mut connection: Connection| async move {
        if let Some(message) = connection.recv().await {
            panic!("as the test wants it: {message}");
        }
    };
    let flood = |mut connection: Connection| async move {
        while connection.send("x".repeat(1000)).is_ok() {}
        assert_eq!(connection.recv().await, None);
    };
    let cookies = |mut connection: Connection| async move {
        while let Some(message) = connection.recv_message().await {
            let cookies = |request: &http::request::Parts| format!("{:?}", request.headers.get("cookie"));
            let brought = message.request().map_or_else(|| "the same".into(), cookies);
            let _ = connection.send(format!("{} {} {brought}", message.text(), cookies(connection.request())));
        }
    };
    let app = Router::new()
        .merge(sockjs::router("/cookies", options.clone(), cookies))
        .merge(sockjs::router("/echo", options.clone(), echo))
        .merge(sockjs::router("/close", options.clone(), close))
        .merge(sockjs::router("/panic", options.clone(), panic))
        .merge(sockjs::router("/flood", options, flood))
        .fallback(async || (StatusCode::NOT_FOUND, "not SockJS"));
    (app, events)
}

async fn echo(mut connection: Connection, happened: UnboundedSender<String>) {
    let origin = connection.request().headers.get("origin").map_or("nowhere", |origin| origin.to_str().unwrap());
    let _ = happened.send(format!("opened from {origin}"));
    while let Some(message) = connection.recv_message().await {
        let _ = happened.send(format!("heard {}", message.text()));
        let said = match message.into_payload() {
            Payload::Text(text) => connection.send(text),
            Payload::Binary(bytes) => connection.send_binary(bytes),
        };
        if said.is_err() {
            break;
        }
    }
    let _ = happened.send("closed".into());
}

/// Serves the test services on a real socket, for as long as the test's runtime lives.
pub async fn serve(options: Options) -> (SocketAddr, Events) {
    let (app, events) = app(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, events)
}

/// Serves one connection without a socket, so that paused time has nothing to wait for outside of the process.
pub fn serve_in_memory(app: Router) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 16);
    let service = TowerToHyperService::new(app);
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    tokio::spawn(connection.with_upgrades());
    client
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn read<B: hyper::body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.into()).unwrap() }
}

/// Asks over a connection of its own.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let response = client.send_request(request(method, path, headers, body));
    read(tokio::time::timeout(SOON, response).await.expect("no answer").unwrap()).await
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, &[], "").await
}

pub async fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    ask(address, "POST", path, &[], body).await
}

/// Asks without a socket: for tests that pause time.
pub async fn ask_in_memory(app: &Router, method: &str, path: &str, body: &str) -> Answer {
    read(app.clone().oneshot(request(method, path, &[], body)).await.unwrap()).await
}

/// A SockJS client's WebSocket.
pub async fn websocket(address: SocketAddr, path: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://localhost{path}"), stream).await.unwrap().0
}

/// The next message, which is text.
pub async fn text(socket: &mut WebSocketStream<TcpStream>) -> String {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => text.as_str().to_owned(),
        other => panic!("{other:?} instead of text"),
    }
}

/// The code and reason of the close that comes next.
pub async fn closed(socket: &mut WebSocketStream<TcpStream>) -> (u16, String) {
    match socket.next().await.unwrap().unwrap() {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.as_str().to_owned()),
        other => panic!("{other:?} instead of a close"),
    }
}
