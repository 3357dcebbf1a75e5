//! What clients configure themselves by: OpenID Connect Discovery 1.0 §3, RFC 8414, RFC 9207 §3; and the public keys.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};
use serde_json::{Value, json};

use crate::config::{Choice, Scope, Subject};
use crate::jose::Algorithm;

use super::super::site::{Shared, Site};

/// How long others may keep it: a key is published for longer before it is used.
const PUBLIC: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "public, max-age=3600"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(super) async fn metadata(State(site): State<Shared>) -> Response {
    (PUBLIC, axum::Json(describe(&site))).into_response()
}

/// `GET /.well-known/jwks.json` (RFC 7517 §5).
pub(super) async fn jwks(State(site): State<Shared>) -> Response {
    let mut response = (PUBLIC, axum::Json(site.id_token_keys.public())).into_response();
    let media_type = http::HeaderValue::from_static("application/jwk-set+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn describe(site: &Site) -> Value {
    let base = &site.config.server.public_url;
    let url = |path: &str| base.join(path).to_string();
    let authentication = ["client_secret_basic", "client_secret_post"];
    let is_pairwise = |subject| if subject == Subject::Pairwise { "pairwise" } else { "public" };
    let mut subjects: Vec<_> = site.config.clients.iter().map(|client| is_pairwise(client.subject)).collect();
    subjects.sort_unstable();
    subjects.dedup();
    json!({
        "issuer": base.as_str(),
        "authorization_endpoint": url("oauth/authorize"),
        "token_endpoint": url("oauth/token"),
        "userinfo_endpoint": url("oauth/userinfo"),
        "revocation_endpoint": url("oauth/revoke"),
        "jwks_uri": url(".well-known/jwks.json"),
        "scopes_supported": Scope::ALL.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": subjects,
        "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash", "openid", "unionid"],
        "ui_locales_supported": ["zh-CN", "en"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    })
}
