//! The browsers' own interface: `/v1/sessions`.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::actors::{Message, MessageBody, Watched};
use crate::clock::{random_bytes, rfc3339_millis};
use crate::config::{Client, Pkce};
use crate::domain::{ClientId, Created, Digest, LoginRequest, Opener, Purpose};
use crate::keys::sha256;

use super::client_address::ClientAddress;
use super::cors;
use super::extract::{Query, Scene};
use super::headers::{PRIVATE, media_type};
use super::oauth;
use super::opening;
use super::parameters::Parameters;
use super::picture;
use super::problem::Problem;
use super::site::Shared;

/// The longest that a poll waits.
const MAX_WAIT: Duration = Duration::from_secs(30);
const MAX_STATE: usize = 512;
const MAX_NONCE: usize = 256;
const MAX_LOCALES: usize = 128;

/// The routes below the public URL.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let site = site.clone();
    let let_read = move |headers: HeaderMap, request: Request, next: Next| {
        let site = site.clone();
        async move { cors::let_read(next.run(request).await, &headers, &site.config) }
    };
    Router::new()
        .route("/v1/sessions", post(create).options(preflight_of_creation))
        .route("/v1/sessions/{scene}", get(poll).delete(give_up).options(preflight_of_session))
        .layer(middleware::from_fn(let_read))
        .route("/v1/sessions/{scene}/qr.svg", get(svg))
        .route("/v1/sessions/{scene}/qr.png", get(png))
}

async fn preflight_of_creation(State(site): State<Shared>, headers: HeaderMap) -> Response {
    cors::preflight(&headers, &[Method::POST], &site.config)
}

async fn preflight_of_session(State(site): State<Shared>, headers: HeaderMap) -> Response {
    cors::preflight(&headers, &[Method::GET, Method::DELETE], &site.config)
}

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

async fn create(
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
    let request = login_request(client, ask)?;

    let attach_token = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
    let opener = Opener::Browser { attach: sha256(attach_token.as_bytes()) };
    let fresh = opening::open(&site, client, address, client.confirm, opener, request, None).await?;

    let scene = &fresh.opened.scene;
    let url = |path: &str| site.config.server.public_url.join(&format!("v1/sessions/{scene}{path}")).to_string();
    let left = site.clock.now().until(fresh.expires_at);
    let body = json!({
        "scene_id": scene.as_str(),
        "attach_token": attach_token,
        "qr_content": fresh.qr_content,
        "qr_svg": url("/qr.svg"),
        "qr_png": url("/qr.png"),
        "expires_at": rfc3339_millis(fresh.expires_at),
        "expires_in": left.as_secs_f64().round() as u64,
        "links": { "poll": url("") },
    });
    Ok((StatusCode::CREATED, PRIVATE, axum::Json(body)).into_response())
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

async fn poll(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (after, wait) = (query.number("after", 0)?, query.number("wait", 0)?);
    let token = token(&headers, &query).ok_or_else(Problem::unauthorized)?;
    let Scene(scene) = scene?;
    let watched = site.logins.watch(&scene, &token, after).await?;
    let Watched { created, mut watch } = watched.ok_or_else(Problem::not_found)?;
    let mut messages = watch.ready();
    if messages.is_empty() {
        let wait = Duration::from_secs(wait.into()).min(MAX_WAIT);
        messages = tokio::select! {
            next = watch.next() => next.unwrap_or_default(),
            () = tokio::time::sleep(wait) => Vec::new(),
            () = site.stopping.cancelled() => Vec::new(),
        };
    }
    let issuer = site.config.server.public_url.as_str();
    let messages: Vec<Value> = messages.iter().map(|message| message_json(message, &created, issuer)).collect();
    Ok((PRIVATE, axum::Json(json!({ "messages": messages }))).into_response())
}

async fn give_up(
    State(site): State<Shared>,
    scene: Result<Scene, Problem>,
    query: Query,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let token = token(&headers, &query).ok_or_else(Problem::unauthorized)?;
    let Scene(scene) = scene?;
    if site.logins.give_up(&scene, &token).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

fn token(headers: &HeaderMap, query: &Query) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    bearer.or_else(|| query.text("token").map(str::to_owned))
}

/// A message as browsers get it, on every transport.
fn message_json(message: &Message, created: &Created, issuer: &str) -> Value {
    let mut json = Map::new();
    json.insert("seq".into(), message.seq.into());
    let mut name = |name: &str| drop(json.insert("type".into(), name.into()));
    let outcome = match &message.body {
        MessageBody::Created => {
            name("created");
            None
        }
        MessageBody::Scanned => {
            name("scanned");
            None
        }
        MessageBody::Confirmed { code, .. } => {
            name("confirmed");
            json.insert("code".into(), code.as_ref().into());
            Some(("code", code.as_ref()))
        }
        MessageBody::Denied(_) => {
            name("denied");
            Some(("error", "access_denied"))
        }
        MessageBody::Expired => {
            name("expired");
            Some(("error", "access_denied"))
        }
    };
    json.insert("at".into(), rfc3339_millis(message.at).into());
    if let Some(url) = outcome.and_then(|outcome| redirect_to(created, outcome, issuer)) {
        json.insert("redirect_to".into(), url.into());
    }
    Value::Object(json)
}

/// The authorization response for the login's redirect URI (RFC 6749 §4.1.2, with `iss` of RFC 9207).
fn redirect_to(created: &Created, (key, value): (&str, &str), issuer: &str) -> Option<String> {
    let mut url = Url::parse(created.request.redirect_uri.as_ref()?).ok()?;
    let mut query = url.query_pairs_mut();
    query.append_pair(key, value);
    if let Some(state) = &created.request.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    drop(query);
    Some(url.into())
}

async fn svg(State(site): State<Shared>, scene: Scene) -> Result<Response, Problem> {
    let svg = picture::svg(&qr_content(&site, &scene).await?).ok_or_else(Problem::not_found)?;
    Ok(picture::response("image/svg+xml", svg))
}

async fn png(State(site): State<Shared>, scene: Scene, query: Query) -> Result<Response, Problem> {
    let size = query.number("size", picture::DEFAULT_SIZE)?;
    if !picture::SIZES.contains(&size) {
        let detail = format!("size is {} to {} pixels", picture::SIZES.start(), picture::SIZES.end());
        return Err(Problem::bad_request("invalid_request", detail));
    }
    let png = picture::png(&qr_content(&site, &scene).await?, size).ok_or_else(Problem::not_found)?;
    Ok(picture::response("image/png", png))
}

async fn qr_content(site: &Shared, Scene(scene): &Scene) -> Result<String, Problem> {
    Ok(site.logins.qr_code(scene).await?.ok_or_else(Problem::not_found)?.content)
}
