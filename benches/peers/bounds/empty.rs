//! hyper, answering an empty body.

use std::net::SocketAddr;

use bytes::Bytes;
use http::StatusCode;

use crate::serving::{answer, serve};

pub async fn run(address: SocketAddr) {
    serve(address, async |_| answer(StatusCode::OK, Bytes::new())).await;
}
