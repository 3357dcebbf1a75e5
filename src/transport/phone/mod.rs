//! The page on the phone of who scanned: `/c/{confirm_token}`. It says who asks, from where and with what, and takes the
//! person's word. And the page by which people scan who open a link, `/l/{scene}` (`scan`).
//!
//! The token goes to nobody but who scanned, so whoever knows it may decide; where the account has web OAuth, `identity`
//! sees that it is them indeed, by a trip to WeChat and back (`visit`, and `trip`: what is carried of it). `facts` are what the page tells, `place` where an
//! address is, `page` how it is said and `words` in which language, `sentence` how it is said where there is no page, `refusal` how it is said that nothing is done. Looking changes nothing; deciding is a
//! POST of a plain form, which works in any webview, without script.

mod asked;
mod facts;
mod identity;
mod page;
mod place;
mod refusal;
mod scan;
mod sentence;
mod trip;
mod visit;
mod words;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use crate::actors::{ConfirmStage, Confirmable, Decision};
use crate::config::Language;
use crate::domain::DenyReason;
use crate::traces::{Span, Step};

use super::client_address::ClientAddress;
use super::extract::PathText;
use super::headers::{is_form, of_page};
use super::measure::Refused;
use super::parameters::Parameters;
use super::problem::Problem;
use super::site::{Shared, Site};
use asked::Asked;
use facts::Facts;
use identity::{Gate, Withheld};
use visit::Nobody;

pub use place::{PlaceDatabase, PlaceDatabaseError};
pub(super) use scan::{in_app, link_code};

/// How the site that asks stands to this one.
const FETCHED_BY: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The routes below the public URL.
pub(super) fn routes() -> Router<Shared> {
    let pages = Router::new().route("/c/{token}", get(show).post(decide)).route("/l/{scene}", get(scan::open));
    pages.layer(from_fn(refusal::in_words))
}

/// The address of the page where who scanned confirms.
pub(super) fn link(site: &Site, token: &str) -> String {
    site.config.server.public_url.join(&path(token)).into()
}

fn path(token: &str) -> String {
    format!("/c/{token}")
}

async fn show(State(site): State<Shared>, PathText(token): PathText, asked: Asked) -> Result<Response, Problem> {
    let (address, headers) = (asked.address, &asked.headers);
    let Some(confirmable) = site.logins.confirmable(&token).await? else { return Ok(answer(&site, headers, None)) };
    let withheld = match confirmable.stage {
        ConfirmStage::Open | ConfirmStage::Confirmed => {
            match identity::gate(&site, &token, &confirmable, &asked).await? {
                Gate::Open => None,
                Gate::Shut(withheld) => Some(withheld),
                Gate::Lead(response) => return Ok(*response),
            }
        }
        ConfirmStage::Denied | ConfirmStage::WrongNumber | ConfirmStage::Reported | ConfirmStage::Over => None,
    };
    Ok(told(&site, headers, &confirmable, address, withheld))
}

/// What the form asks for.
struct Pressed {
    decision: Decision,
    /// The second step, where phone and browser are far apart.
    is_understood: bool,
}

impl Pressed {
    fn read(body: &[u8]) -> Option<Self> {
        let form = Parameters::parse(body).ok()?;
        let number = form.get("number").map(|number| number.parse().ok());
        let decision = match (form.get("action"), number) {
            (Some("confirm"), None) => Decision::Confirm,
            (Some("deny"), None) => Decision::Deny(DenyReason::User),
            (Some("not_me"), None) => Decision::Deny(DenyReason::NotMe),
            (None, Some(number)) => Decision::Pick(number?),
            _ => return None,
        };
        Some(Self { decision, is_understood: form.get("understood") == Some("yes") })
    }
}

async fn decide(
    State(site): State<Shared>,
    PathText(token): PathText,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let began = Instant::now();
    refuse_foreign(&site, &headers)?;
    if !is_form(&headers) {
        return Err(Problem::not_a_form());
    }
    let Pressed { decision, is_understood } = Pressed::read(&body?).ok_or_else(unknown_action)?;
    let Some(confirmable) = site.logins.confirmable(&token).await? else { return Ok(answer(&site, &headers, None)) };
    let is_agreeing = matches!(decision, Decision::Confirm | Decision::Pick(_));
    let lacks_step = || is_agreeing && !is_understood && facts(&site, &confirmable, address).is_far;
    if !identity::is_proven(&site, &token, &confirmable, &headers) {
        return Ok(told(&site, &headers, &confirmable, address, Some(Withheld::Nobody(Nobody::Unknown))));
    }
    if confirmable.stage == ConfirmStage::Open && lacks_step() {
        return Ok(told(&site, &headers, &confirmable, address, None));
    }
    match site.logins.decide(&token, decision).await? {
        // The address of the page again, so that going back or reloading sends nothing twice.
        Some(after) => {
            let confirm = Span::until_now(Step::Confirm, &after.scene, after.stage.name(), began);
            site.traces.ended(&Span { created: Some(&after.created), ..confirm });
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, link(&site, &token))]).into_response())
        }
        None => Ok(answer(&site, &headers, None)),
    }
}

/// A form of another site is refused. Ours says no Origin or `null`, since its page tells no referrer, and another site's
/// can say the same: newer browsers tell them apart all the same (Fetch Metadata §2.1).
fn refuse_foreign(site: &Site, headers: &HeaderMap) -> Result<(), Problem> {
    let own = site.config.server.public_url.origin();
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let is_own = origin.is_none_or(|origin| origin == b"null" || origin == own.as_bytes());
    let fetched_by = headers.get(FETCHED_BY).map(HeaderValue::as_bytes);
    let is_cross = fetched_by.is_some_and(|site| site == b"cross-site" || site == b"same-site");
    if is_own && !is_cross {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "this form stands on another site"))
}

fn unknown_action() -> Problem {
    let detail = "the form has one of the fields action (confirm, deny or not_me) and number, and perhaps understood";
    Problem::bad_request("invalid_request", detail)
}

fn facts(site: &Site, confirmable: &Confirmable, phone: ClientAddress) -> Facts {
    let client = site.config.client(&confirmable.created.client);
    Facts::of(confirmable, client, Some(phone.0), site.place_database.as_ref())
}

/// The facts of a login in one sentence, for a phone of which nobody knows where it is. The website's name is not among them.
pub(super) fn in_words(site: &Site, confirmable: &Confirmable, language: Language) -> String {
    let client = site.config.client(&confirmable.created.client);
    sentence::of(&Facts::of(confirmable, client, None, site.place_database.as_ref()), language)
}

fn told(
    site: &Site,
    headers: &HeaderMap,
    confirmable: &Confirmable,
    phone: ClientAddress,
    withheld: Option<Withheld>,
) -> Response {
    answer(site, headers, Some(page::Told { confirmable, facts: facts(site, confirmable, phone), withheld }))
}

fn answer(site: &Site, headers: &HeaderMap, told: Option<page::Told<'_>>) -> Response {
    let (html, policy) = page::render(&site.config, headers, told.as_ref());
    let page = (of_page(policy), html);
    match told {
        Some(_) => page.into_response(),
        // No session has this link, or none any more.
        None => (StatusCode::NOT_FOUND, Extension(Refused("not_found")), page).into_response(),
    }
}
