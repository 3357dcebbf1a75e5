use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::super::client_address::ClientAddress;
use super::super::headers::{PRIVATE, media_type};
use super::super::parameters::Parameters;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::super::{cors, oauth, opening};
use crate::clock::{random_bytes, rfc3339_millis};
use crate::config::{Client, Pkce};
use crate::domain::{ClientId, Digest, LoginRequest, Opener, Purpose, Visitor};
use crate::keys::sha256;

const MAX_STATE: usize = 512;
const MAX_NONCE: usize = 256;
const MAX_LOCALES: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    client_id: String,
    redirect_uri: Option<String>,
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
}

/// `POST /v1/sessions`: begins a session.
pub(super) async fn create(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    if !media_type(&headers).eq_ignore_ascii_case("application/json") {
        let detail = "send the body as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let ask = Ask::read(&body?)?;
    let client = ClientId::new(&ask.client_id).ok().and_then(|id| site.config.client(&id));
    let client =
        client.ok_or_else(|| Problem::bad_request("unknown_client", "there is no client with this client_id"))?;
    // Who brings credentials is the client's back end, or is not: they are never passed over.
    if headers.contains_key(header::AUTHORIZATION) {
        let known = oauth::authenticate(&site.config, &headers, &Parameters::default());
        if !known.is_ok_and(|known| known.client_id == client.client_id) {
            return Err(Problem::invalid_client());
        }
    }
    if cors::origin(&headers).is_some_and(|origin| !cors::is_clients(origin, client, &site.config)) {
        return Err(cors::foreign());
    }
    let is_back_end = headers.contains_key(header::AUTHORIZATION);
    let visitor = if is_back_end { told_visitor(&ask)? } else { Some(opening::seen_visitor(address, &headers)) };
    if !is_back_end && (ask.client_ip.is_some() || ask.user_agent.is_some()) {
        let detail = "client_ip and user_agent are a back end's word: send the client's credentials (Basic) with them";
        return Err(Problem::bad_request("invalid_request", detail));
    }
    let request = login_request(client, ask)?;

    let asker = opening::Asker { address, visitor };
    let attach_token = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
    let opener = Opener::Browser { attach: sha256(attach_token.as_bytes()) };
    let fresh = opening::open(&site, client, asker, client.confirm, opener, request, None).await?;

    let scene = &fresh.opened.scene;
    let url = |path: &str| site.config.server.public_url.join(&format!("v1/sessions/{scene}{path}")).to_string();
    // `https` becomes `wss`, and `http` `ws`.
    let ws = url("/ws").replacen("http", "ws", 1);
    let left = site.clock.now().until(fresh.expires_at);
    let body = json!({
        "scene_id": scene.as_str(),
        "attach_token": attach_token,
        "qr_content": fresh.qr_content,
        "qr_svg": url("/qr.svg"),
        "qr_png": url("/qr.png"),
        "expires_at": rfc3339_millis(fresh.expires_at),
        "expires_in": left.as_secs_f64().round() as u64,
        "links": { "ws": ws, "sse": url("/events"), "poll": url("") },
    });
    Ok((StatusCode::CREATED, PRIVATE, axum::Json(body)).into_response())
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

fn login_request(client: &Client, ask: Ask) -> Result<LoginRequest, Problem> {
    let invalid = |detail: &str| Problem::bad_request("invalid_request", detail);
    if ask.redirect_uri.as_ref().is_some_and(|uri| !client.redirect_uris.contains(uri)) {
        return Err(invalid("redirect_uri is not one of the client's, compared as exact strings"));
    }
    let too_long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    if too_long(&ask.state, MAX_STATE) || too_long(&ask.nonce, MAX_NONCE) || too_long(&ask.ui_locales, MAX_LOCALES) {
        return Err(invalid("state (512 bytes), nonce (256) or ui_locales (128) is too long"));
    }
    let purpose = match ask.purpose.as_deref() {
        None | Some("login") => Purpose::Login,
        Some("bind") => Purpose::Bind,
        Some("verify") => Purpose::Verify,
        Some(_) => return Err(invalid("purpose is one of login, bind and verify")),
    };
    let code_challenge = match (ask.code_challenge, ask.code_challenge_method.as_deref()) {
        (Some(challenge), Some("S256")) => Some(challenge_digest(&challenge)?),
        (Some(_), _) => return Err(invalid("code_challenge_method must be S256")),
        (None, Some(_)) => return Err(invalid("code_challenge_method is there without code_challenge")),
        (None, None) if client.pkce == Pkce::Required => {
            return Err(invalid("this client must send code_challenge and code_challenge_method=S256 (RFC 7636)"));
        }
        (None, None) => None,
    };
    Ok(LoginRequest {
        scope: opening::scope(client, ask.scope.as_deref())?,
        redirect_uri: ask.redirect_uri,
        state: ask.state,
        nonce: ask.nonce,
        code_challenge,
        ui_locales: ask.ui_locales,
        purpose,
    })
}

/// The 32 bytes behind a challenge of method S256 (RFC 7636 §4.2).
fn challenge_digest(challenge: &str) -> Result<Digest, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(challenge).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let detail = "code_challenge is not the base64url of a SHA-256: 43 characters without padding";
    bytes.map(Digest).ok_or_else(|| Problem::bad_request("invalid_request", detail))
}
