//! The page on the phone of who scanned: `/c/{confirm_token}`. It says who asks, and takes the person's word.
//!
//! The token goes to nobody but who scanned, so whoever knows it may decide. Looking changes nothing; deciding is a POST of
//! a plain form, which works in any webview, without script.

mod page;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::actors::{Confirmable, Decision};
use crate::domain::DenyReason;

use super::extract::PathText;
use super::parameters::Parameters;
use super::problem::Problem;
use super::site::{Shared, Site};

/// The routes below the public URL.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/c/{token}", get(show).post(decide))
}

/// The address of the page.
pub(super) fn link(site: &Site, token: &str) -> String {
    site.config.server.public_url.join(&format!("/c/{token}")).into()
}

async fn show(State(site): State<Shared>, PathText(token): PathText) -> Result<Response, Problem> {
    let confirmable = site.logins.confirmable(&token).await?;
    Ok(answer(&site, confirmable.as_ref()))
}

async fn decide(
    State(site): State<Shared>,
    PathText(token): PathText,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    refuse_foreign(&site, &headers)?;
    let form = Parameters::parse(&body?).map_err(|_| unknown_action())?;
    let number = form.get("number").map(|number| number.parse().map_err(|_| unknown_action())).transpose()?;
    let decision = match (form.get("action"), number) {
        (Some("confirm"), None) => Decision::Confirm,
        (Some("deny"), None) => Decision::Deny(DenyReason::User),
        (None, Some(number)) => Decision::Pick(number),
        _ => return Err(unknown_action()),
    };
    match site.logins.decide(&token, decision).await? {
        // The address of the page again, so that going back or reloading sends nothing twice.
        Some(_) => Ok((StatusCode::SEE_OTHER, [(header::LOCATION, link(&site, &token))]).into_response()),
        None => Ok(answer(&site, None)),
    }
}

/// A form of another site is refused. Ours says no Origin or `null`: the page has no referrer policy that would tell it.
fn refuse_foreign(site: &Site, headers: &HeaderMap) -> Result<(), Problem> {
    let own = site.config.server.public_url.origin();
    match headers.get(header::ORIGIN).map(HeaderValue::as_bytes) {
        None | Some(b"null") => Ok(()),
        Some(origin) if origin == own.as_bytes() => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "this form stands on another site")),
    }
}

fn unknown_action() -> Problem {
    Problem::bad_request("invalid_request", "the form has one field: action (confirm or deny), or number")
}

fn answer(site: &Site, confirmable: Option<&Confirmable>) -> Response {
    let status = if confirmable.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let (html, policy) = page::render(&site.config, confirmable);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (status, headers, html).into_response()
}
