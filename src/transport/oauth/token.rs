use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde_json::json;

use crate::actors::RedeemError;
use crate::keys::sha256;

use super::super::headers::{PRIVATE, media_type};
use super::super::parameters::Parameters;
use super::super::site::Shared;
use super::client_authentication::authenticate;
use super::error::OAuthError;

/// `POST /oauth/token` (RFC 6749 §4.1.3): redeems a code once.
///
/// The client is judged first, so a failed authentication burns no code. Beside OAuth's own fields the answer names the
/// openid, as WeChat's API does.
pub(super) async fn token(
    State(site): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, OAuthError> {
    let body = body.map_err(|_| OAuthError::InvalidRequest("the body could not be read, or is too large"))?;
    if !is_form(&headers) {
        return Err(OAuthError::InvalidRequest("send the body as application/x-www-form-urlencoded"));
    }
    // RFC 6749 §3.2: parameters must not be repeated, and empty ones count as left out.
    let form = Parameters::parse(&body).map_err(|_| OAuthError::InvalidRequest("a parameter is there twice"))?;
    let client = authenticate(&site.config, &headers, &form)?;
    match form.given("grant_type") {
        Some("authorization_code") => {}
        Some(_) => return Err(OAuthError::UnsupportedGrantType),
        None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
    }
    let code = form.given("code").ok_or(OAuthError::InvalidRequest("code is missing"))?;
    let redirect_uri = form.given("redirect_uri").map(str::to_owned);
    let verifier = form.given("code_verifier");
    // RFC 7636 §4.1: 43 to 128 characters; anything else could not have made the challenge.
    if verifier.is_some_and(|verifier| !(43..=128).contains(&verifier.len())) {
        return Err(OAuthError::InvalidRequest("code_verifier is not 43 to 128 characters long"));
    }
    let verifier = verifier.map(|verifier| sha256(verifier.as_bytes()));
    let redeemed = site.logins.redeem(code, &client.client_id, redirect_uri, verifier).await;
    let redemption = redeemed.map_err(|error| match error {
        RedeemError::InvalidGrant => OAuthError::InvalidGrant,
        RedeemError::Unavailable => OAuthError::TemporarilyUnavailable,
    })?;
    let body = json!({
        "access_token": redemption.access_token,
        "token_type": "Bearer",
        "expires_in": site.clock.now().until(redemption.grant.expires_at).as_secs_f64().round() as u64,
        "scope": redemption.grant.created.request.scope,
        "openid": redemption.grant.openid.as_str(),
    });
    Ok((PRIVATE, [(header::PRAGMA, "no-cache")], axum::Json(body)).into_response())
}

fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
