use openidconnect::core::CoreUserInfoClaims;
use openidconnect::core::{CoreClient, CoreProviderMetadata, CoreResponseType};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};
use url::Url;

use crate::back_end::{CALLBACK, scanned, shown, world_signing_by};
use crate::support::*;

/// HTTP as the crate asks for it.
async fn http_client(request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let (parts, body) = request.into_parts();
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let body = String::from_utf8(body).unwrap();
    let answer = send(parts.method.as_str(), &parts.uri.to_string(), &headers, &body).await;
    let mut response = HttpResponse::new(answer.body.to_vec());
    *response.status_mut() = answer.status.try_into().unwrap();
    *response.headers_mut() = answer.headers;
    Ok(response)
}

#[tokio::test]
async fn the_crate_openidconnect_logs_in() {
    let world = world_signing_by("ES256").await;
    let issuer = IssuerUrl::new(world.url("")).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &http_client).await.unwrap();
    let (id, secret) = (ClientId::new("shop".into()), ClientSecret::new(SECRET.into()));
    let client = CoreClient::from_provider_metadata(metadata, id, Some(secret))
        .set_redirect_uri(RedirectUrl::new(CALLBACK.into()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("wechat".into()))
        .set_pkce_challenge(challenge)
        .url();

    let callback: Url = scanned(&world, &shown(&world, &url).await).await.parse().unwrap();
    let find = |name: &str| callback.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    assert_eq!(find("state"), *state.secret());
    let request = client.exchange_code(AuthorizationCode::new(find("code"))).unwrap().set_pkce_verifier(verifier);
    let token = request.request_async(&http_client).await.unwrap();
    let id_token = token.id_token().unwrap();
    let claims = id_token.claims(&client.id_token_verifier(), &nonce).unwrap();
    assert!(claims.auth_time().is_some());
    let id_token_verifier = client.id_token_verifier();
    let (algorithm, key) = (id_token.signing_alg().unwrap(), id_token.signing_key(&id_token_verifier).unwrap());
    let hash = AccessTokenHash::from_token(token.access_token(), algorithm, key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash));
    let subject = claims.subject().clone();
    let user = client.user_info(token.access_token().clone(), Some(subject.clone())).unwrap();
    let user: CoreUserInfoClaims = user.request_async(&http_client).await.unwrap();
    assert_eq!(*user.subject(), subject);
}
