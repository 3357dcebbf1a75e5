//! A request's body, within limits.

use std::error::Error;
use std::{io, iter};

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
        Ok(Err(error)) if is_late(&*error) => Err(BodyError::Late),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::Late),
    }
}

/// The server around may be less patient, which it tells as [`io::ErrorKind::TimedOut`].
fn is_late(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_breaks_off_is_told_apart_from_one_that_the_server_does_not_await() {
        let read = async |kind| {
            let body = Body::from_stream(stream::iter([Ok(Bytes::from_static(b"[")), Err(io::Error::from(kind))]));
            read(&Options::default(), body).await
        };
        assert_eq!(read(io::ErrorKind::TimedOut).await, Err(BodyError::Late));
        assert_eq!(read(io::ErrorKind::UnexpectedEof).await, Err(BodyError::Broken));
    }
}
