//! What websites' back ends speak: OAuth 2.0 (RFC 6749). So far the token endpoint.

mod client_authentication;
mod error;
mod token;

use axum::Router;
use axum::routing::post;

use super::site::Shared;

pub(super) use client_authentication::authenticate;

/// The routes below the public URL.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/oauth/token", post(token::token))
}
