//! tungstenite, sending back what it is sent.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use hyper::body::Incoming;

use crate::serving::{serve, upgrade};

pub async fn run(address: SocketAddr) {
    serve(address, async |request: Request<Incoming>| {
        let (response, socket) = upgrade(request);
        tokio::spawn(async move {
            let Some(mut socket) = socket.await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() || socket.send(message).await.is_err() {
                    return;
                }
            }
        });
        response
    })
    .await;
}
