//! What websites' back ends speak: OAuth 2.0 (RFC 6749) and OpenID Connect.

mod authorization_request;
mod authorization_response;
mod client_authentication;
mod error;
mod id_token;
mod metadata;
mod revoke;
mod subject;
mod token;
mod userinfo;

use axum::Router;
use axum::routing::{get, post};

use crate::actors::Grant;
use crate::config::{Choice, Scope};

use super::extract::Whole;
use super::headers::is_form;
use super::parameters::Parameters;
use super::site::Shared;

pub(super) use authorization_request::{AuthorizationRequest, NotAuthorized, read as read_authorization_request};
pub(super) use authorization_response::redirect_to;
pub(super) use client_authentication::authenticate;
pub(super) use error::OAuthError;

/// The routes below the public URL.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/oauth/token", post(token::token))
        .route("/oauth/userinfo", get(userinfo::get).post(userinfo::post))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/.well-known/openid-configuration", get(metadata::metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata::metadata))
        .route("/.well-known/jwks.json", get(metadata::jwks))
}

/// The metadata of an issuer whose URL has a path: RFC 8414 §3.1 puts the well-known part before it.
pub(super) fn routes_at_the_root(base: &str) -> Router<Shared> {
    Router::new()
        .route(&format!("/.well-known/oauth-authorization-server{base}"), get(metadata::metadata))
        .route(&format!("/.well-known/openid-configuration{base}"), get(metadata::metadata))
}

/// The form of a request, each parameter at most once; empty ones count as left out (RFC 6749 §3.2).
fn form(request: &Whole) -> Result<Parameters<'_>, OAuthError> {
    let body =
        request.body.as_ref().map_err(|_| OAuthError::InvalidRequest("the body could not be read, or is too large"))?;
    if !is_form(&request.headers) {
        return Err(OAuthError::InvalidRequest("send the body as application/x-www-form-urlencoded"));
    }
    Parameters::parse(body).map_err(|_| OAuthError::InvalidRequest("a parameter is there twice"))
}

/// Whether a login was granted a scope.
fn grant_has(grant: &Grant, scope: Scope) -> bool {
    has_scope(&grant.created.request.scope, scope)
}

fn has_scope(granted: &str, scope: Scope) -> bool {
    granted.split(' ').any(|granted| granted == scope.name())
}
