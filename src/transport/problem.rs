use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::measure::Refused;

/// An error as RFC 9457 writes it: `application/problem+json`.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// A word for programs.
    code: &'static str,
    /// A sentence for people; holds nothing secret.
    detail: String,
    retry_after: Option<Duration>,
    authenticate: Option<&'static str>,
    /// Parameters that a request must have and this one has not.
    missing: &'static [&'static str],
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None, authenticate: None, missing: &[] }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The same for an unknown scene and a wrong token: nobody can tell which.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here that you may see")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this cannot be done here")
    }

    pub(super) fn unauthorized() -> Self {
        let detail = "give the attach token as Authorization: Bearer, or as the query parameter token";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "token_missing", detail);
        Self { authenticate: Some("Bearer"), ..problem }
    }

    /// 429 (RFC 6585 §4).
    pub(super) fn too_many(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
    }

    pub(super) fn not_a_form() -> Self {
        let detail = "send the body as application/x-www-form-urlencoded";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(super) fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this takes")
    }

    pub(super) fn body_incomplete() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_incomplete", "the body did not arrive whole and in time")
    }

    /// Credentials of a client that are not its own.
    pub(super) fn invalid_client() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "the client's credentials are wrong");
        Self { authenticate: Some("Basic realm=\"scan-login\""), ..problem }
    }

    /// Credentials from this address were wrong too often: they are not looked at.
    pub(super) fn too_many_failures(retry_after: Duration) -> Self {
        let detail = "credentials from this address were wrong too often";
        Self::too_many("too_many_failures", detail).again_after(retry_after)
    }

    /// Names the parameters without which there is nothing to be had (RFC 9457 §3.2).
    pub(super) fn missing(self, missing: &'static [&'static str]) -> Self {
        Self { missing, ..self }
    }

    /// 503 with `Retry-After`.
    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).again_after(retry_after)
    }

    /// With `Retry-After` (RFC 9110 §10.2.3).
    pub(super) fn again_after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }
}

/// A body that could not be read.
impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::body_too_large();
        }
        Self::body_incomplete()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if !self.missing.is_empty() {
            body["missing"] = json!(self.missing);
        }
        let mut response = (self.status, body.to_string()).into_response();
        response.extensions_mut().insert(Refused(self.code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
        }
        if let Some(scheme) = self.authenticate {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}
