use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tokio::time::Instant;

use crate::actors::{RedeemError, Redemption};
use crate::config::Scope;
use crate::keys::sha256;
use crate::traces::{Span, Step};

use super::super::client_address::ClientAddress;
use super::super::extract::Whole;
use super::super::json;
use super::super::site::Shared;
use super::client_authentication::authenticate;
use super::error::OAuthError;
use super::subject::{self, Presented};
use super::{form, grant_has, id_token};

/// What is told of a login that is redeemed (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3). With the scope wechat it names the
/// openid and, where it is known, the unionid, as WeChat's API does.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    openid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<&'a str>,
}

/// `POST /oauth/token` (RFC 6749 §4.1.3): redeems a code once.
///
/// The client is judged first, so a failed authentication burns no code.
pub(super) async fn token(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    request: Whole,
) -> Result<Response, OAuthError> {
    let arrived = Instant::now();
    let form = form(&request)?;
    let client = authenticate(&site, address, &request.headers, &form)?;
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
    let mut answer = Answer {
        access_token: &redemption.access_token,
        token_type: "Bearer",
        expires_in: site.clock.now().until(grant.expires_at).as_secs_f64().round() as u64,
        scope: &grant.created.request.scope,
        id_token: None,
        openid: None,
        unionid: None,
    };
    if grant_has(grant, Scope::Openid) {
        let sub = subject::subject(&site, client, grant).ok_or(OAuthError::TemporarilyUnavailable)?;
        let id_token = id_token::issue(&site, client, &redemption, sub);
        answer.id_token = Some(id_token.map_err(|_| OAuthError::TemporarilyUnavailable)?);
    }
    if grant_has(grant, Scope::Wechat) {
        answer.openid = Some(grant.openid.as_str());
        answer.unionid = grant.unionid.as_ref().map(|unionid| unionid.as_str());
    }
    site.metrics.logins().redeemed(arrived.elapsed());
    let redeem = Span::until_now(Step::Redeem, &redemption.scene, "redeemed", arrived);
    site.traces.ended(&Span { created: Some(&grant.created), ..redeem });
    let mut response = json::private(StatusCode::OK, &answer);
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
