//! A request's body, within limits.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answer::empty;
use super::options::Options;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is past the limit: 413.
    TooLong,
    /// It takes too long: 408.
    Late,
    /// It breaks off, or is not framed as HTTP says: 400.
    Broken,
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        empty(match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        })
    }
}

/// Reads a body to its end.
pub(super) async fn read(options: &Options, body: Body) -> Result<Bytes, BodyError> {
    let whole = Limited::new(body, options.max_message_bytes).collect();
    match tokio::time::timeout(options.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::Late),
    }
}
