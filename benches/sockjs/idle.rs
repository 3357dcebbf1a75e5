//! Sessions that say nothing.

use std::time::Duration;

use crate::server::{Kind, Server};
use crate::websocket;

pub const SESSIONS: usize = 4000;

/// What one more idle session costs.
pub async fn bytes_a_session(kind: Kind, path: &str) -> f64 {
    let server = Server::start(kind).await;
    let mut sockets = Vec::with_capacity(SESSIONS);
    // What the first ones cost, the server keeps for all.
    for _ in 0..SESSIONS / 10 {
        sockets.push(websocket::open(server.address, path).await);
    }
    let before = settled(&server).await;
    for _ in 0..SESSIONS {
        sockets.push(websocket::open(server.address, path).await);
    }
    (settled(&server).await - before) / SESSIONS as f64
}

/// The memory once it no longer changes.
async fn settled(server: &Server) -> f64 {
    let mut last = f64::NAN;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = server.resident_bytes();
        if now == last {
            return now;
        }
        last = now;
    }
}
