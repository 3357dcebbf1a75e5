use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde_json::Map;
use tokio::time::Instant;

use crate::actors::{RedeemError, Redemption};
use crate::config::Scope;
use crate::keys::sha256;
use crate::traces::{Span, Step};

use super::super::client_address::ClientAddress;
use super::super::headers::PRIVATE;
use super::super::site::Shared;
use super::client_authentication::authenticate;
use super::error::OAuthError;
use super::subject::{self, Presented};
use super::{form, grant_has, id_token};

/// `POST /oauth/token` (RFC 6749 §4.1.3): redeems a code once.
///
/// The client is judged first, so a failed authentication burns no code. Beside OAuth's own fields the answer names, with
/// the scope wechat, the openid and, where it is known, the unionid, as WeChat's API does.
pub(super) async fn token(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, OAuthError> {
    let arrived = Instant::now();
    let form = form(&headers, body)?;
    let client = authenticate(&site, address, &headers, &form)?;
    match form.given("grant_type") {
        Some("authorization_code") => {}
        Some(_) => return Err(OAuthError::UnsupportedGrantType),
        None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
    }
    let code = form.given("code").ok_or(OAuthError::InvalidRequest("code is missing"))?;
    let redirect_uri = form.given("redirect_uri");
    let verifier = form.given("code_verifier");
    // RFC 7636 §4.1: 43 to 128 characters; anything else could not have made the challenge.
    if verifier.is_some_and(|verifier| !(43..=128).contains(&verifier.len())) {
        return Err(OAuthError::InvalidRequest("code_verifier is not 43 to 128 characters long"));
    }
    let verifier = verifier.map(|verifier| sha256(verifier.as_bytes()));
    let foreseen = subject::foresee(&site, client, &Presented { code, redirect_uri, verifier }).await?;
    let redeemed = site.logins.redeem(code, &client.client_id, redirect_uri.map(str::to_owned), verifier).await;
    let redemption = redeemed.map_err(|error| match error {
        RedeemError::InvalidGrant => OAuthError::InvalidGrant,
        RedeemError::Unavailable => OAuthError::TemporarilyUnavailable,
    })?;
    let redemption = Redemption { grant: subject::recall(&site, redemption.grant, foreseen), ..redemption };
    let grant = &redemption.grant;
    let mut answer = Map::new();
    answer.insert("access_token".into(), redemption.access_token.as_str().into());
    answer.insert("token_type".into(), "Bearer".into());
    let lives = site.clock.now().until(grant.expires_at).as_secs_f64().round() as u64;
    answer.insert("expires_in".into(), lives.into());
    answer.insert("scope".into(), grant.created.request.scope.as_str().into());
    if grant_has(grant, Scope::Openid) {
        let sub = subject::subject(&site, client, grant).ok_or(OAuthError::TemporarilyUnavailable)?;
        let id_token = id_token::issue(&site, client, &redemption, sub);
        let id_token = id_token.map_err(|_| OAuthError::TemporarilyUnavailable)?;
        answer.insert("id_token".into(), id_token.into());
    }
    if grant_has(grant, Scope::Wechat) {
        answer.insert("openid".into(), grant.openid.as_str().into());
        if let Some(unionid) = &grant.unionid {
            answer.insert("unionid".into(), unionid.as_str().into());
        }
    }
    site.metrics.logins().redeemed(arrived.elapsed());
    let redeem = Span::until_now(Step::Redeem, &redemption.scene, "redeemed", arrived);
    site.traces.ended(&Span { created: Some(&grant.created), ..redeem });
    Ok((PRIVATE, [(header::PRAGMA, "no-cache")], axum::Json(answer)).into_response())
}
