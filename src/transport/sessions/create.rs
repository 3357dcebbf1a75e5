use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::super::client_address::ClientAddress;
use super::super::extract::Whole;
use super::super::headers::media_type;
use super::super::json;
use super::super::login_request::{self, Asked};
use super::super::oauth::{self, OAuthError};
use super::super::parameters::Parameters;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::{cors, opening};
use super::begun::Begun;
use crate::clock::random_bytes;
use crate::domain::{ClientId, Opener, Visitor};
use crate::keys::sha256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    client_id: String,
    redirect_uri: Option<String>,
    #[serde(default)]
    redirects: bool,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    ui_locales: Option<String>,
    purpose: Option<String>,
    client_ip: Option<String>,
    user_agent: Option<String>,
}

impl Ask {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        // serde would also fill the fields from an array, by their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::bad_request("invalid_request", "the body is not a JSON object"));
        }
        serde_json::from_slice(body).map_err(|error| {
            Problem::bad_request("invalid_request", format!("the body is not as it should be: {error}"))
        })
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            redirect_uri: self.redirect_uri.as_deref(),
            redirects: self.redirects,
            scope: self.scope.as_deref(),
            state: self.state.as_deref(),
            nonce: self.nonce.as_deref(),
            code_challenge: self.code_challenge.as_deref(),
            code_challenge_method: self.code_challenge_method.as_deref(),
            ui_locales: self.ui_locales.as_deref(),
            purpose: self.purpose.as_deref(),
        }
    }
}

/// `POST /v1/sessions`: begins a session.
pub(super) async fn create(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    Whole { headers, body }: Whole,
) -> Response {
    let answer = begin(&site, address, &headers, body).await.into_response();
    cors::let_read(answer, &headers, &site.config)
}

async fn begin(
    site: &Shared,
    address: ClientAddress,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    if !media_type(headers).eq_ignore_ascii_case("application/json") {
        let detail = "send the body as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let ask = Ask::read(&body?)?;
    let client = ClientId::new(&ask.client_id).ok().and_then(|id| site.config.client(&id));
    let client =
        client.ok_or_else(|| Problem::bad_request("unknown_client", "there is no client with this client_id"))?;
    // Who brings credentials is the client's back end, or is not: they are never passed over.
    if headers.contains_key(header::AUTHORIZATION) {
        match oauth::authenticate(site, address, headers, &Parameters::default()) {
            Ok(known) if known.client_id == client.client_id => {}
            Err(OAuthError::TooManyFailures(wait)) => return Err(Problem::too_many_failures(wait)),
            _ => return Err(Problem::invalid_client()),
        }
    }
    if cors::origin(headers).is_some_and(|origin| !cors::is_clients(origin, client, &site.config)) {
        return Err(cors::foreign());
    }
    let is_back_end = headers.contains_key(header::AUTHORIZATION);
    let visitor = if is_back_end { told_visitor(&ask)? } else { Some(opening::seen_visitor(address, headers)) };
    if !is_back_end && (ask.client_ip.is_some() || ask.user_agent.is_some()) {
        let detail = "client_ip and user_agent are a back end's word: send the client's credentials (Basic) with them";
        return Err(Problem::bad_request("invalid_request", detail));
    }
    let request = login_request::check(client, ask.asked())?;

    let asker = opening::Asker { address, visitor, browser: None, is_back_end };
    let attach_token = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
    let opener = Opener::Browser { attach: sha256(attach_token.as_bytes()) };
    let fresh = opening::open(site, client, asker, client.confirm, opener, request, None).await?;

    let begun = Begun {
        site,
        client,
        scene: &fresh.opened.scene,
        qr_content: &fresh.qr_content,
        in_app: fresh.in_app.as_deref(),
        expires_at: fresh.expires_at,
        attach_token: &attach_token,
    };
    Ok(json::private(StatusCode::CREATED, &begun))
}

/// The browser of which a back end tells; `None` where it says nothing of it. What a browser says of itself is no secret and
/// no proof, so it is only cut where it is long.
fn told_visitor(ask: &Ask) -> Result<Option<Visitor>, Problem> {
    let invalid = |detail: &str| Problem::bad_request("invalid_request", detail);
    let address = ask.client_ip.as_ref().map(|text| text.parse::<IpAddr>()).transpose();
    let address = address.map_err(|_| invalid("client_ip is not one IPv4 or IPv6 address"))?;
    match (address, ask.user_agent.as_deref()) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid("user_agent is there without client_ip")),
        (Some(address), user_agent) => Ok(Some(Visitor::new(&address.to_canonical().to_string(), user_agent))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_begins_a_session_takes_little() {
        fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size(create);
        assert!(bytes <= 3200, "{bytes} bytes for each, where what is rare takes its room at once");
    }
}
