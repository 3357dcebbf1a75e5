use axum::extract::{Extension, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::actors::GoingOn;
use crate::clock::random_bytes;
use crate::domain::Opener;
use crate::keys::sha256;

use super::super::client_address::ClientAddress;
use super::super::cors;
use super::super::extract::Whole;
use super::super::json;
use super::super::oauth::{AuthorizationRequest, NotAuthorized, read_authorization_request};
use super::super::opening;
use super::super::phone;
use super::super::problem::Problem;
use super::super::sessions::Begun;
use super::super::site::{Shared, Site};
use super::cookie::{BrowserCookie, Held, SessionCookie};
use super::form;

/// `POST /login/session`: the session of the page's request, by its own script alone. The one that this browser has, while
/// it goes on; with `renew=1` or `anew=1`, and else, a new one.
///
/// A page that renews its code goes on watching the old one, which somebody may be scanning just now: after `renew=1` the
/// browser has both, and of several the one that was scanned. After `anew=1`, by a gesture of the visitor, only the new one.
pub(super) async fn session(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    Whole { headers, body }: Whole,
) -> Result<Response, Problem> {
    // A browser names the origin of every POST; whoever is none has `/v1/sessions`.
    if cors::origin(&headers).is_none_or(|origin| origin != site.config.server.public_url.origin()) {
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
    let held = cookie.read(&headers);
    let (renews, begins_anew) = (parameters.given("renew").is_some(), parameters.given("anew").is_some());
    if !renews
        && !begins_anew
        && let Some(resumed) = resume(&site, &held, &request).await?
    {
        return Ok(resumed);
    }
    let kept = if renews { held } else { Vec::new() };
    begin(&site, address, &headers, &cookie, &kept, request).await
}

/// The session that the browser holds, where it is this request's and goes on: one that was scanned, or the newest.
async fn resume(site: &Site, held: &[Held], request: &AuthorizationRequest<'_>) -> Result<Option<Response>, Problem> {
    let mut going_on = Vec::new();
    for held in held {
        if let Some(session) = site.logins.going_on(&held.scene, &held.attach_token).await?
            && session.created.client == request.client.client_id
            && session.created.request == request.login
        {
            going_on.push((held, session));
        }
    }
    let chosen = going_on.iter().find(|(_, session)| session.is_scanned).or(going_on.first());
    Ok(chosen.map(|(held, GoingOn { created, .. })| {
        let in_app = phone::in_app(site, &held.scene, created);
        let begun = Begun {
            site,
            client: request.client,
            scene: &held.scene,
            qr_content: &created.qr.content,
            in_app: in_app.as_deref(),
            expires_at: created.expires_at,
            attach_token: &held.attach_token,
        };
        json::private(StatusCode::OK, &begun)
    }))
}

async fn begin(
    site: &Site,
    address: ClientAddress,
    headers: &HeaderMap,
    cookie: &SessionCookie,
    kept: &[Held],
    request: AuthorizationRequest<'_>,
) -> Result<Response, Problem> {
    let attach_token = URL_SAFE_NO_PAD.encode(random_bytes::<24>());
    let opener = Opener::Browser { attach: sha256(attach_token.as_bytes()) };
    let browser = BrowserCookie::of(headers);
    let visitor = Some(opening::seen_visitor(address, headers));
    let asker = opening::Asker { address, visitor, browser, is_back_end: false };
    let AuthorizationRequest { client, login } = request;
    let fresh = opening::open(site, client, asker, client.confirm, opener, login, None).await?;
    let newest = Held { scene: fresh.opened.scene, attach_token };
    let begun = Begun {
        site,
        client,
        scene: &newest.scene,
        qr_content: &fresh.qr_content,
        in_app: fresh.in_app.as_deref(),
        expires_at: fresh.expires_at,
        attach_token: &newest.attach_token,
    };
    let lives = site.clock.now().until(fresh.expires_at) + site.config.session.code_ttl;
    let mut response = json::private(StatusCode::CREATED, &begun);
    let session = std::iter::once(cookie.header(&newest, kept, lives));
    let known_from_now_on = browser.is_none().then(|| BrowserCookie::new().header());
    for set in session.chain(cookie.farewells(headers)).chain(known_from_now_on) {
        if let Ok(set) = HeaderValue::try_from(set) {
            response.headers_mut().append(header::SET_COOKIE, set);
        }
    }
    Ok(response)
}
