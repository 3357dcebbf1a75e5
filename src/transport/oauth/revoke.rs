use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::actors::GivenBack;

use super::super::client_address::ClientAddress;
use super::super::extract::Whole;
use super::super::headers::PRIVATE;
use super::super::site::Shared;
use super::client_authentication::authenticate;
use super::error::OAuthError;
use super::form;

/// `POST /oauth/revoke` (RFC 7009): a website gives an access token back. A token that is none is no error (§2.2).
pub(super) async fn revoke(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    request: Whole,
) -> Result<Response, OAuthError> {
    let form = form(&request)?;
    let client = authenticate(&site, address, &request.headers, &form)?;
    let token = form.given("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
    match site.logins.give_back(token, &client.client_id).await {
        Ok(GivenBack::Void) => Ok((StatusCode::OK, PRIVATE).into_response()),
        Ok(GivenBack::OtherClients) => Err(OAuthError::UnauthorizedClient),
        Err(_) => Err(OAuthError::TemporarilyUnavailable),
    }
}
