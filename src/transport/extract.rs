//! What handlers take out of a request's head, with our answers where it is not there.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::HeaderMap;
use http::request::Parts;

use crate::domain::SceneId;

use super::parameters::Parameters;
use super::problem::Problem;

/// The one parameter of a route's path. What is not even text names nothing that exists.
pub(super) struct PathText(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(text))
    }
}

/// The scene id in a path. What is none names nothing that exists.
pub(super) struct Scene(pub(super) SceneId);

impl<S: Send + Sync> FromRequestParts<S> for Scene {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        SceneId::new(text).map(Self).map_err(|_| Problem::not_found())
    }
}

/// A request's headers, and its body where that came whole.
pub(super) struct Whole {
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Bytes, BytesRejection>,
}

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Infallible;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Infallible> {
        let headers = std::mem::take(request.headers_mut());
        Ok(Self { headers, body: Bytes::from_request(request, state).await })
    }
}

/// The query, each parameter at most once.
pub(super) struct Query(Parameters<'static>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let parameters = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let twice = |_| Problem::bad_request("invalid_request", "a parameter is there twice");
        parameters.map(|parameters| Self(parameters.into_owned())).map_err(twice)
    }
}

impl Query {
    /// A parameter as it came.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// A whole number; `default` where it is not given.
    pub(super) fn number(&self, name: &str, default: u32) -> Result<u32, Problem> {
        let not_whole = |_| Problem::bad_request("invalid_request", format!("{name} is not a whole number"));
        self.0.get(name).map_or(Ok(default), |value| value.parse().map_err(not_whole))
    }
}
