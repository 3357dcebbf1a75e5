//! Our server with its services, and with the pages that use them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::extract;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::serve::ListenerExt;
use http::header;
use scan_login::transport::sockjs::{self, Connection, Options};
use tokio::net::TcpListener;

use crate::browser::CURE;
use crate::conversation::CLIENTS;

/// The folder of this test, with its packages.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sockjs_clients");

/// Serves `/{client}/echo` and `/{client}/close` for each client, `/{client}/frameless` that echoes without iframe pages, and
/// a page `/page/{client}`.
pub async fn serve() -> SocketAddr {
    let close = |connection: Connection| async move { connection.close(3000, "Go away!") };
    let mut app = axum::Router::new().route("/page/{client}", get(page)).route("/client/{client}", get(script));
    for client in CLIENTS {
        let options = Options {
            client_script: Some(format!("/client/{client}")),
            response_limit: 4096,
            cookie_needed: true,
            ..Options::default()
        };
        let frameless = Options { client_script: None, ..options.clone() };
        app = app
            .merge(sockjs::router(&format!("/{client}/echo"), options.clone(), echo))
            .merge(sockjs::router(&format!("/{client}/frameless"), frameless, echo))
            .merge(sockjs::router(&format!("/{client}/close"), options, close));
    }
    start(app).await
}

/// The services that [`reference.js`](../reference.js) has as well.
pub async fn serve_like_the_reference() -> SocketAddr {
    let options = Options { client_script: Some("/sockjs.min.js".into()), response_limit: 4096, ..Options::default() };
    let close = |connection: Connection| async move { connection.close(3000, "Go away!") };
    let app = axum::Router::new()
        .merge(sockjs::router("/disabled_websocket_echo", Options { websocket: false, ..options.clone() }, echo))
        .merge(sockjs::router("/cookie_needed_echo", Options { cookie_needed: true, ..options.clone() }, echo))
        .merge(sockjs::router("/close", options.clone(), close))
        .merge(sockjs::router("/echo", options, echo));
    start(app).await
}

async fn start(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn echo(mut connection: Connection) {
    while let Some(message) = connection.recv().await {
        if connection.send(message).is_err() {
            break;
        }
    }
}

async fn page(extract::Path(client): extract::Path<String>) -> Html<String> {
    Html(format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><script src=\"/client/{client}\"></script>\
         <script>{}; var logged = [];</script></head><body></body></html>",
        include_str!("talk.js")
    ))
}

async fn script(extract::Path(client): extract::Path<String>) -> impl IntoResponse {
    let script = std::fs::read(packages().join(package(&client)).join("dist/sockjs.js")).unwrap();
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script)
}

fn package(client: &str) -> &'static str {
    if client == "1.1.2" { "sockjs-client-1.1.2" } else { "sockjs-client" }
}

/// Where npm puts the packages.
pub fn packages() -> PathBuf {
    let packages = Path::new(FOLDER).join("node_modules");
    assert!(packages.is_dir(), "the SockJS packages are not there: {CURE}");
    packages
}
