use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::super::headers::PRIVATE;
use super::super::measure::Refused;
use super::subject::NoSubject;

/// An error of the token endpoint (RFC 6749 §5.2), and of the one for revocation (RFC 7009 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum OAuthError {
    InvalidRequest(&'static str),
    /// The client is unknown, or its credentials are wrong: nobody is told which.
    InvalidClient,
    /// Credentials from this address were wrong too often, so they are not looked at for so long.
    TooManyFailures(Duration),
    /// The code is none that this client can redeem now: nobody is told why.
    InvalidGrant,
    /// The client knows people by their unionid, and WeChat tells none of this one. The code stays unspent.
    NoUnionid,
    UnsupportedGrantType,
    /// It is another client's.
    UnauthorizedClient,
    /// Nothing can be said at the moment (the name that RFC 6749 §4.1.2.1 has for it). Without `Retry-After`: the code may
    /// have been redeemed, and a second time revokes.
    TemporarilyUnavailable,
}

impl From<NoSubject> for OAuthError {
    fn from(no_subject: NoSubject) -> Self {
        match no_subject {
            NoSubject::NoUnionid => Self::NoUnionid,
            NoSubject::Unavailable => Self::TemporarilyUnavailable,
        }
    }
}

impl OAuthError {
    /// What the refusal counts as: OAuth's own word, where that says enough.
    fn reason(self, error: &'static str) -> &'static str {
        match self {
            Self::TooManyFailures(_) => "too_many_failures",
            Self::NoUnionid => "no_unionid",
            _ => error,
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", what),
            Self::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "the client's credentials are missing or wrong")
            }
            Self::TooManyFailures(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "invalid_client", "credentials from this address were wrong too often")
            }
            Self::InvalidGrant => (
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "the code cannot be redeemed by this client, or not any more",
            ),
            Self::NoUnionid => (
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "WeChat tells no unionid of this person: bind the account to an Open Platform account",
            ),
            Self::UnsupportedGrantType => {
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant_type must be authorization_code")
            }
            Self::UnauthorizedClient => {
                (StatusCode::BAD_REQUEST, "unauthorized_client", "the token was not given to this client")
            }
            Self::TemporarilyUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "nothing can be said at the moment")
            }
        };
        let body = axum::Json(json!({ "error": error, "error_description": description }));
        let mut response = (status, PRIVATE, body).into_response();
        response.extensions_mut().insert(Refused(self.reason(error)));
        if let Self::TooManyFailures(wait) = self {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self == Self::InvalidClient {
            let basic = HeaderValue::from_static("Basic realm=\"scan-login\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}
