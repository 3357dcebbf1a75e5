//! The services that SockJS's public test suite asks for, and WebSocket's: nothing else is needed to run either against it.
//!
//! ```text
//! cargo run --release --example sockjs_conformance -- --listen 127.0.0.1:8081
//! ```
//!
//! `/echo` says back what it hears, in responses of 4096 bytes at most; `/disabled_websocket_echo` the same without
//! WebSockets, `/cookie_needed_echo` with the cookie for load balancers; `/close` closes at once with 3000 `Go away!`.
//! `/echo/websocket` is raw and takes binary messages as well, up to 16 MiB.

use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use scan_login::transport::sockjs::{self, Connection, Options, Payload};
use tokio::net::TcpListener;

#[derive(Parser)]
#[command(about = "The services that SockJS's public test suite asks for")]
struct Arguments {
    /// Where to listen; with port 0, a free one is taken and told.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Where browsers get SockJS's client from, for the iframe pages.
    #[arg(long, default_value = "/sockjs.min.js")]
    client_script: String,
    /// Most bytes of a streaming response.
    #[arg(long, default_value_t = 4096)]
    response_limit: usize,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Frames are small and must leave at once.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, services(arguments)).await
}

fn services(Arguments { client_script, response_limit, .. }: Arguments) -> Router {
    let options = Options {
        client_script: Some(client_script),
        binary: true,
        response_limit,
        max_message_bytes: 16 << 20,
        max_waiting_bytes: 64 << 20,
        ..Options::default()
    };
    let close = |connection: Connection| async move { connection.close(3000, "Go away!") };
    Router::new()
        .merge(sockjs::router("/disabled_websocket_echo", Options { websocket: false, ..options.clone() }, echo))
        .merge(sockjs::router("/cookie_needed_echo", Options { cookie_needed: true, ..options.clone() }, echo))
        .merge(sockjs::router("/close", options.clone(), close))
        .merge(sockjs::router("/echo", options, echo))
}

async fn echo(mut connection: Connection) {
    while let Some(message) = connection.recv_message().await {
        let said = match message.into_payload() {
            Payload::Text(text) => connection.send(text),
            Payload::Binary(bytes) => connection.send_binary(bytes),
        };
        if said.is_err() {
            break;
        }
    }
}
