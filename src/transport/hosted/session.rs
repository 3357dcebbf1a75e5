use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::clock::random_bytes;
use crate::domain::{Created, Opener};
use crate::keys::sha256;

use super::super::client_address::ClientAddress;
use super::super::cors;
use super::super::headers::PRIVATE;
use super::super::oauth::{AuthorizationRequest, NotAuthorized, read_authorization_request};
use super::super::opening;
use super::super::phone;
use super::super::problem::Problem;
use super::super::sessions::Begun;
use super::super::site::{Shared, Site};
use super::cookie::{BrowserCookie, SessionCookie};
use super::form;

/// `POST /login/session`: the session of the page's request, by its own script alone. The one that this browser has, while
/// it goes on; with `renew=1`, and else, a new one.
pub(super) async fn session(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    // A browser names the origin of every POST; whoever is none has `/v1/sessions`.
    if cors::origin(&headers).is_none_or(|origin| origin != site.config.server.public_url.origin().as_str()) {
        return Err(cors::foreign());
    }
    let (parameters, has_repeated) = form(&headers, body)?;
    let parameters = parameters.or("response_type", "code");
    let request = read_authorization_request(&site.config, &parameters, has_repeated);
    let request = request.map_err(|refused| match refused {
        NotAuthorized::Here(detail) => Problem::bad_request("invalid_request", detail),
        NotAuthorized::Back(_) => Problem::bad_request("invalid_request", "this request is not answered with a login"),
    })?;
    let cookie = SessionCookie::of(&request.client.client_id, &request.login);
    if parameters.given("renew").is_none()
        && let Some(resumed) = resume(&site, &headers, &cookie, &request).await?
    {
        return Ok(resumed);
    }
    begin(&site, address, &headers, &cookie, request).await
}

/// The session that the browser's cookie names, where it is this request's and goes on.
async fn resume(
    site: &Site,
    headers: &HeaderMap,
    cookie: &SessionCookie,
    request: &AuthorizationRequest<'_>,
) -> Result<Option<Response>, Problem> {
    let Some((scene, attach_token)) = cookie.read(headers) else { return Ok(None) };
    let created = site.logins.going_on(&scene, &attach_token).await?;
    let is_same =
        |created: &Arc<Created>| created.client == request.client.client_id && created.request == request.login;
    let Some(created) = created.filter(is_same) else { return Ok(None) };
    let in_app = phone::in_app(site, &scene, &created);
    let begun = Begun {
        scene: &scene,
        qr_content: &created.qr.content,
        in_app: in_app.as_deref(),
        expires_at: created.expires_at,
        attach_token: &attach_token,
    };
    Ok(Some((StatusCode::OK, PRIVATE, axum::Json(begun.json(site))).into_response()))
}

async fn begin(
    site: &Site,
    address: ClientAddress,
    headers: &HeaderMap,
    cookie: &SessionCookie,
    request: AuthorizationRequest<'_>,
) -> Result<Response, Problem> {
    let attach_token = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
    let opener = Opener::Browser { attach: sha256(attach_token.as_bytes()) };
    let browser = BrowserCookie::of(headers);
    let visitor = Some(opening::seen_visitor(address, headers));
    let asker = opening::Asker { address, visitor, browser, is_back_end: false };
    let AuthorizationRequest { client, login } = request;
    let fresh = opening::open(site, client, asker, client.confirm, opener, login, None).await?;
    let scene = &fresh.opened.scene;
    let begun = Begun {
        scene,
        qr_content: &fresh.qr_content,
        in_app: fresh.in_app.as_deref(),
        expires_at: fresh.expires_at,
        attach_token: &attach_token,
    };
    let lives = site.clock.now().until(fresh.expires_at) + site.config.session.code_ttl;
    let session = [(header::SET_COOKIE, cookie.header(scene, &attach_token, lives))];
    let mut response = (StatusCode::CREATED, PRIVATE, session, axum::Json(begun.json(site))).into_response();
    if browser.is_none()
        && let Ok(browser) = HeaderValue::try_from(BrowserCookie::new().header())
    {
        response.headers_mut().append(header::SET_COOKIE, browser);
    }
    Ok(response)
}
