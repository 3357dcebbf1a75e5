//! The login page that we host for websites: `/oauth/authorize`, and `/login` for those who speak no OAuth to it.
//!
//! The page is drawn for a request that has been judged, and holds nothing secret. Its script asks for the session by a
//! POST of its own; what ties the session to this browser is a cookie, so that reloading and going back find it again, and
//! no address ever names it. `widget` is the same panel for pages of the websites' own, and `scripts` puts both together.

mod cookie;
mod page;
mod scripts;
mod session;
mod widget;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};

use crate::domain::ClientId;

use super::extract::Whole;
use super::headers::is_form;
use super::oauth::{AuthorizationRequest, NotAuthorized, read_authorization_request};
use super::parameters::Parameters;
use super::problem::Problem;
use super::site::{Shared, Site};

/// The routes below the public URL.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/oauth/authorize", get(authorize).post(authorize_by_form))
        .route("/login", get(login))
        .route("/login/session", post(session::session))
        .route("/widget.js", get(widget::script))
        .route("/widget.d.ts", get(widget::types))
}

/// `GET /oauth/authorize` (RFC 6749 §4.1.1).
async fn authorize(State(site): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let (parameters, has_repeated) = Parameters::unrepeated(query.as_bytes());
    answer(&site, &headers, read_authorization_request(&site.config, &parameters, has_repeated))
}

/// `GET /login`: the same; it need not say that a code is wanted, nor what is the client's only redirect URI.
async fn login(State(site): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let (parameters, has_repeated) = Parameters::unrepeated(query.as_bytes());
    let client = parameters.given("client_id").and_then(|id| site.config.client(&ClientId::new(id).ok()?));
    let parameters = match client.map(|client| client.redirect_uris.as_slice()) {
        Some([only]) => parameters.or("redirect_uri", only),
        _ => parameters,
    };
    let parameters = parameters.or("response_type", "code");
    answer(&site, &headers, read_authorization_request(&site.config, &parameters, has_repeated))
}

/// `POST /oauth/authorize` (OpenID Connect Core §3.1.2.1): leads to the same page by GET, so that it can be reloaded.
async fn authorize_by_form(State(site): State<Shared>, Whole { headers, body }: Whole) -> Result<Response, Problem> {
    let (parameters, has_repeated) = form(&headers, body)?;
    match read_authorization_request(&site.config, &parameters, has_repeated) {
        Ok(_) => {
            let mut url = site.config.server.public_url.join("oauth/authorize");
            url.set_query(Some(&parameters.encoded()));
            Ok(see_other(url.as_str()))
        }
        refused => Ok(answer(&site, &headers, refused)),
    }
}

/// The form of a request, as [`Parameters::unrepeated`] reads it.
fn form(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<(Parameters<'static>, bool), Problem> {
    if !is_form(headers) {
        return Err(Problem::not_a_form());
    }
    let body = body?;
    let (parameters, has_repeated) = Parameters::unrepeated(&body);
    Ok((parameters.into_owned(), has_repeated))
}

fn answer(site: &Site, headers: &HeaderMap, read: Result<AuthorizationRequest<'_>, NotAuthorized>) -> Response {
    match read {
        Ok(request) => page::login(site, headers, &request),
        Err(NotAuthorized::Back(url)) => see_other(&url),
        Err(NotAuthorized::Here(detail)) => page::refusal(headers, detail),
    }
}

/// 303: whatever the method was, the next is GET (RFC 9700 §4.12).
fn see_other(url: &str) -> Response {
    let headers =
        [(header::LOCATION, url), (header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}
