use axum::extract::{Extension, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::super::client_address::ClientAddress;
use super::super::extract::Query;
use super::super::problem::Problem;

/// Headers by which a browser says that it fetches what nobody has asked to see yet (Fetch §3.2.7, and its older forms).
const AHEAD: [&str; 3] = ["sec-purpose", "purpose", "x-purpose"];

/// How a page is asked for, by somebody who goes there: opening one can scan, and spends a code of WeChat's. What a browser
/// fetches as a picture, into a frame or ahead of time is refused, where it says so.
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) address: ClientAddress,
    /// Who asks for the head alone wants nothing to happen (RFC 9110 §9.3.2).
    pub(super) is_head: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let is_head = parts.method == Method::HEAD;
        if !is_head && !is_navigation(&parts.headers) {
            let detail = "this page is opened by a person, and not fetched as a part of another or ahead of time";
            return Err(Problem::new(StatusCode::FORBIDDEN, "not_a_navigation", detail).into_response());
        }
        let address = Extension::<ClientAddress>::from_request_parts(parts, state).await;
        let Extension(address) = address.map_err(IntoResponse::into_response)?;
        let query = Query::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self { query, headers: parts.headers.clone(), address, is_head })
    }
}

/// As far as the browser says it (Fetch Metadata Request Headers §2.1); an older one says nothing.
fn is_navigation(headers: &HeaderMap) -> bool {
    let is_document = headers.get("sec-fetch-dest").is_none_or(|destination| destination == "document");
    is_document && !AHEAD.iter().any(|name| headers.contains_key(*name))
}
