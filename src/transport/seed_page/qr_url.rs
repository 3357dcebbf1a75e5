use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, header};

use crate::actors::{Halves, PageRefusal};
use crate::domain::{LoginRequest, Opener, PageId};

use super::super::client_address::ClientAddress;
use super::super::cors;
use super::super::extract::PathText;
use super::super::headers::PRIVATE;
use super::super::login_request;
use super::super::opening::{self, Asker, NotOpened};
use super::super::parameters::Parameters;
use super::super::picture;
use super::super::problem::Problem;
use super::super::site::Shared;
use super::configured;
use super::holder::{PageCookie, holder};

pub(super) fn routes(base: &str) -> Router<Shared> {
    Router::new()
        .route(&format!("{base}/qrcode"), get(ask).head(not_by_head))
        .route(&format!("{base}/qrcode/{{picture}}"), get(show))
}

/// Asking makes a QR code, so it is no question that could be asked without wanting the answer.
async fn not_by_head() -> Problem {
    Problem::method_not_allowed()
}

/// `GET /qrcode?sceneId=`: the absolute URL of the picture, as plain text.
async fn ask(
    State(site): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some((settings, client)) = configured(&site) else { return Problem::not_found().into_response() };
    let origin = cors::origin(&headers);
    if origin.is_some_and(|origin| !cors::is_clients(origin, client, &site.config)) {
        return cors::foreign().into_response();
    }
    let known = PageCookie::of(&headers);
    let visitor = Some(opening::seen_visitor(address, &headers));
    let asker = Asker { address, visitor, browser: known.as_ref().map(PageCookie::as_str), is_back_end: false };
    let cookie = known.clone().unwrap_or_else(PageCookie::new);
    let answer = picture_url(&site, query.as_deref().unwrap_or_default(), asker, &cookie).await;
    let mut response = match answer {
        Ok(url) => (PRIVATE, url).into_response(),
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if settings.bind == crate::config::SeedBind::Cookie
        && response.status().is_success()
        && let Ok(cookie) = HeaderValue::from_str(&cookie.header())
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn picture_url(site: &Shared, query: &str, asker: Asker<'_>, cookie: &PageCookie) -> Result<String, Problem> {
    let (settings, client) = configured(site).ok_or_else(Problem::not_found)?;
    let page = page_id(query)?;
    let half =
        holder(&site.keys, settings, page.clone(), asker.address, Some(cookie)).ok_or_else(Problem::not_found)?;
    let opened = match site.logins.find_page(&half).await.map_err(NotOpened::from)? {
        Halves::Code(opened) => opened,
        halves => {
            if let Halves::Neither = halves {
                // The page cannot poll: without a place for its connection it would show a code and hear of nothing.
                site.sockets.admit(asker.address)?;
            }
            let opener = Opener::Page { page, holder: half.holder };
            let request = LoginRequest { scope: login_request::scope(client, None)?, ..LoginRequest::default() };
            match opening::open(site, client, asker, settings.confirm, opener, request, Some(half.clone())).await {
                Ok(fresh) => fresh.opened,
                // The page asked twice at once: the other request was faster, and both get its picture.
                Err(NotOpened::Page(PageRefusal::Taken)) => match site.logins.find_page(&half).await {
                    Ok(Halves::Code(opened)) => opened,
                    _ => return Err(NotOpened::Page(PageRefusal::Taken).into()),
                },
                Err(not_opened) => return Err(not_opened.into()),
            }
        }
    };
    Ok(site.config.server.public_url.join(&format!("qrcode/{}.png", opened.picture)).to_string())
}

/// The one `sceneId` of the query.
fn page_id(query: &str) -> Result<PageId, Problem> {
    let once = || Problem::bad_request("invalid_request", "give sceneId once");
    let query = Parameters::parse(query.as_bytes()).map_err(|_| once())?;
    PageId::new(query.get("sceneId").ok_or_else(once)?)
        .map_err(|error| Problem::bad_request("invalid_request", format!("sceneId {error}")))
}

/// The picture itself; its address tells neither page id nor scene id.
async fn show(State(site): State<Shared>, PathText(file): PathText) -> Result<Response, Problem> {
    let picture = file.strip_suffix(".png").ok_or_else(Problem::not_found)?;
    let qr = site.logins.qr_code_of_picture(picture).await?.ok_or_else(Problem::not_found)?;
    let png = picture::png(&qr.content, picture::DEFAULT_SIZE).ok_or_else(Problem::not_found)?;
    Ok(picture::response("image/png", png))
}
