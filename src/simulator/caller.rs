use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::client::{self, HttpClient};

/// Longer than any long poll.
const TIMEOUT: Duration = Duration::from_secs(40);

const MAX_BYTES: usize = 1024 * 1024;

/// HTTP as browsers and websites speak it. Clone it freely.
#[derive(Clone, Debug)]
pub struct Caller(HttpClient);

/// What a call was answered with.
#[derive(Clone, Debug)]
pub struct Called {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// None in time.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// No connection, or one that broke.
    #[error("not reachable: {0}")]
    Unreachable(String),
}

impl Called {
    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build(client::plain()))
    }
}

impl Caller {
    /// Sends one request over plain HTTP and reads the whole answer.
    ///
    /// # Errors
    /// A [`CallError`] where there is no whole answer; a status of 400 or 500 is an answer.
    pub async fn call(&self, request: Request<Full<Bytes>>) -> Result<Called, CallError> {
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Called, CallError> {
        let response = self.0.request(request).await.map_err(|error| CallError::Unreachable(reason(&error)))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await;
        let body = body.map_err(|error| CallError::Unreachable(error.to_string()))?.to_bytes();
        Ok(Called { status: parts.status, headers: parts.headers, body })
    }
}

/// The innermost cause: the outer ones only say that something went wrong.
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
