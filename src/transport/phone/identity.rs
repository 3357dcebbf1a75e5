//! Who holds the phone: where the account has web OAuth (网页授权), the page may be used only by who scanned.
//!
//! A link can be passed on. So the page first leads through WeChat (`visit`), silently; only where the openid that comes of it
//! is the scanner's does this browser get a cookie that opens the controls of this one page: `sl_person`, a MAC, of the page's
//! path alone. Looking never decides anything, so whoever is not the scanner is shown no controls, and ends nobody's login.

use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;

use super::super::cookies;
use super::super::problem::Problem;
use super::super::site::Site;
use super::asked::Asked;
use super::visit::{self, Nobody, Page, Scope, Visit};
use super::{link, path, trip};
use crate::actors::Confirmable;
use crate::config::WebOauth;
use crate::domain::Timestamp;
use crate::keys::same_secret;

const PERSON: &str = "sl_person";
const PERSON_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Why the page shows no controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It is not known who it is.
    Nobody(Nobody),
    /// Somebody else than who scanned.
    SomebodyElse,
}

/// What to do with who opens the page.
pub(super) enum Gate {
    /// It is who scanned, as far as this account can tell.
    Open,
    /// No controls.
    Shut(Withheld),
    /// First somewhere else.
    Lead(Box<Response>),
}

/// Judges who looks.
pub(super) async fn gate(site: &Site, token: &str, confirmable: &Confirmable, asked: &Asked) -> Result<Gate, Problem> {
    if is_proven(site, token, confirmable, &asked.headers) {
        return Ok(Gate::Open);
    }
    let Some(account) = site.config.account(&confirmable.created.account) else {
        return Ok(Gate::Shut(Withheld::Nobody(Nobody::Unknown)));
    };
    let page = Page { account, path: path(token), scope: Scope::Base };
    let openid = match Visit::read(site, &page, asked).await? {
        Visit::Lead(response) => return Ok(Gate::Lead(response)),
        Visit::Back(Err(nobody)) => return Ok(Gate::Shut(Withheld::Nobody(nobody))),
        Visit::Back(Ok(user)) => user.openid,
    };
    if !site.logins.is_scanner(token, &openid).await? {
        return Ok(Gate::Shut(Withheld::SomebodyElse));
    }
    // Without the code: it is used, and need not stand in the browser's history.
    let cookies = [proof_cookie(site, token), trip::end(site, &page)];
    Ok(Gate::Lead(Box::new(visit::redirect(&link(site, token), cookies))))
}

/// Whether who presses has been shown to be who scanned; always, where the account has no web OAuth.
pub(super) fn is_proven(site: &Site, token: &str, confirmable: &Confirmable, headers: &HeaderMap) -> bool {
    let account = site.config.account(&confirmable.created.account);
    if account.is_none_or(|account| account.web_oauth == WebOauth::Off) {
        return true;
    }
    // All of them: one of somebody else's making stands in nobody's way.
    cookies::named(headers, PERSON).filter_map(|value| value.split_once('.')).any(|(expires, mac)| {
        let Ok(expires) = expires.parse().map(Timestamp::from_micros) else { return false };
        site.clock.now() < expires && same_secret(proof(site, token, expires).as_bytes(), mac.as_bytes())
    })
}

/// For the browser of who has just been shown to be who scanned.
pub(super) fn proof_cookie(site: &Site, token: &str) -> String {
    let expires = site.clock.now().after(PERSON_LIFETIME);
    let value = format!("{}.{}", expires.as_micros(), proof(site, token, expires));
    visit::set_cookie(site, &path(token), PERSON, &value, PERSON_LIFETIME)
}

fn proof(site: &Site, token: &str, expires: Timestamp) -> String {
    visit::mac(site, "phone-person", &format!("{} {token}", expires.as_micros()))
}
