//! The servers, each a process on a core of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use scan_login::transport::sockjs::{self, Connection, Options};
use scan_login::transport::websocket::{Limits, Upgrade};
use tokio::net::TcpListener;

use crate::SERVER_CORE;

#[derive(Clone, Copy)]
pub enum Kind {
    /// A WebSocket alone, at `/`.
    Native,
    /// Our SockJS, at `/echo`.
    SockJs,
    /// npm's, at `/echo`.
    Node,
}

impl Kind {
    pub fn named(name: &str) -> Self {
        if name == "native" { Self::Native } else { Self::SockJs }
    }
}

/// Keeps this process, and what it starts without a word of its own, on one core.
pub fn pin_this_process(core: &str) {
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-cp", core, &pid]).stdout(Stdio::null()).status();
    assert!(pinned.is_ok_and(|status| status.success()), "taskset cannot keep the load on core {core}");
}

pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    pub async fn start(kind: Kind) -> Self {
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sockjs_clients/reference.js");
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE]);
        match kind {
            Kind::Native => command.arg(this).args(["serve", "native"]),
            Kind::SockJs => command.arg(this).args(["serve", "sockjs"]),
            // With the response limit that both have by default.
            Kind::Node => command.args(["node", reference, "131072"]),
        };
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("the server does not start: is `./test` all installed?");
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// The memory that is its own.
    pub fn resident_bytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }

    /// The CPU time that its threads have taken, as the scheduler counts it.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = threads.filter_map(|thread| {
            let counts = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).ok()?;
            counts.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

/// Serves until the process is killed; its port is told first.
pub fn run(kind: Kind) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let app = match kind {
            Kind::Native => axum::Router::new().route("/", axum::routing::any(native)),
            Kind::SockJs | Kind::Node => sockjs::router("/echo", options(), echo),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        axum::serve(listener.tap_io(|stream| stream.set_nodelay(true).unwrap()), app).await.unwrap();
    });
}

/// As a service has them that needs nothing of what its router puts beside a request.
fn options() -> Options {
    Options { extensions: |_| http::Extensions::new(), ..Options::default() }
}

async fn echo(mut connection: Connection) {
    while let Some(message) = connection.recv().await {
        if connection.send(message).is_err() {
            break;
        }
    }
}

async fn native(request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match Upgrade::from_parts(&mut parts) {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let (response, socket) = upgrade.accept(Limits::default(), None);
    tokio::spawn(async move {
        let Ok(mut socket) = socket.await else { return };
        while let Some(text) = socket.recv().await {
            if socket.send_text(text).await.is_err() {
                break;
            }
        }
    });
    response
}
