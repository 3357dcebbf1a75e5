use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use crate::config::{Choice, Scope};

use super::super::extract::Whole;
use super::super::headers::{PRIVATE, is_form};
use super::super::json;
use super::super::parameters::Parameters;
use super::super::site::Shared;
use super::grant_has;
use super::subject::{self, NoSubject};

/// Why there is nothing to say (RFC 6750 §3.1).
enum Refused {
    /// No token is there: no error is named.
    Missing,
    Malformed,
    Invalid,
    InsufficientScope,
    Unavailable,
}

/// `GET /oauth/userinfo` (OpenID Connect Core §5.3): what is known of who logged in.
pub(super) async fn get(State(site): State<Shared>, headers: HeaderMap) -> Response {
    answer(&site, bearer(&headers).map(str::to_owned)).await
}

/// `POST /oauth/userinfo`: the same; the token may stand in a form (RFC 6750 §2.2), not in both.
pub(super) async fn post(State(site): State<Shared>, Whole { headers, body }: Whole) -> Response {
    let Ok(body) = body else { return Refused::Malformed.into_response() };
    let form = if is_form(&headers) { Parameters::parse(&body) } else { Ok(Parameters::default()) };
    let Ok(form) = form else { return Refused::Malformed.into_response() };
    match (bearer(&headers), form.given("access_token")) {
        (Some(_), Some(_)) => Refused::Malformed.into_response(),
        (token, in_form) => answer(&site, token.or(in_form).map(str::to_owned)).await,
    }
}

async fn answer(site: &Shared, token: Option<String>) -> Response {
    match claims(site, token).await {
        Ok(claims) => json::private(StatusCode::OK, &claims),
        Err(refused) => refused.into_response(),
    }
}

async fn claims(site: &Shared, token: Option<String>) -> Result<Value, Refused> {
    let token = token.ok_or(Refused::Missing)?;
    let grant = site.logins.grant(&token).await.map_err(|_| Refused::Unavailable)?.ok_or(Refused::Invalid)?;
    // The client may be gone from the configuration since.
    let client = site.config.client(&grant.created.client).ok_or(Refused::Invalid)?;
    let grant = subject::complete(site, client, grant).await.map_err(|no_subject| match no_subject {
        NoSubject::Unavailable => Refused::Unavailable,
        // It will not be told later either: only a new login can tell why, or heal it.
        NoSubject::NoUnionid => Refused::Invalid,
    })?;
    let mut claims = Map::new();
    if grant_has(&grant, Scope::Openid) {
        let sub = subject::subject(site, client, &grant).ok_or(Refused::Invalid)?;
        claims.insert("sub".into(), sub.into());
    }
    if grant_has(&grant, Scope::Wechat) {
        claims.insert("openid".into(), grant.openid.as_str().into());
        if let Some(unionid) = &grant.unionid {
            claims.insert("unionid".into(), unionid.as_str().into());
        }
    }
    if claims.contains_key("sub") { Ok(Value::Object(claims)) } else { Err(Refused::InsufficientScope) }
}

/// The bearer token of the header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, challenge) = match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, "Bearer realm=\"scan-login\"".to_owned()),
            Self::Malformed => (StatusCode::BAD_REQUEST, "Bearer error=\"invalid_request\"".to_owned()),
            Self::Invalid => (StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\"".to_owned()),
            Self::InsufficientScope => {
                let scope = Scope::Openid.name();
                (StatusCode::FORBIDDEN, format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""))
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
        };
        let mut response = (status, PRIVATE).into_response();
        if let Some(challenge) = HeaderValue::from_str(&challenge).ok().filter(|challenge| !challenge.is_empty()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
