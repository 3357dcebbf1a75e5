//! A request's body, within limits.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answer::empty;
use super::options::Options;

/// Reads a body to its end.
///
/// # Errors
/// The answer to give: 413 for a body past the limit, 408 for one that takes too long, 400 for one that breaks off.
pub(super) async fn read(options: &Options, body: Body) -> Result<Bytes, Response> {
    let whole = Limited::new(body, options.max_message_bytes).collect();
    match tokio::time::timeout(options.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(empty(StatusCode::PAYLOAD_TOO_LARGE)),
        Ok(Err(_)) => Err(empty(StatusCode::BAD_REQUEST)),
        Err(_) => Err(empty(StatusCode::REQUEST_TIMEOUT)),
    }
}
