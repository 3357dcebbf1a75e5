//! Who holds the phone: where the account has web OAuth (网页授权), the page may be used only by who scanned.
//!
//! A link can be passed on. So the page first leads through WeChat's `snsapi_base`, which says silently who opened it, and
//! comes back with a code; only where the openid behind the code is the scanner's does this browser get a cookie that opens
//! the controls of this one page. Two cookies, both of the page's path alone: `sl_visit` is random and lives while WeChat
//! is asked, so that a code that somebody slips in counts for nothing (RFC 6749 §10.12); `sl_person` is the proof, a MAC.
//! Looking never decides anything, so whoever is not the scanner is shown no controls, and ends nobody's login.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use super::super::cookies;
use super::super::extract::Query;
use super::super::headers::PRIVATE;
use super::super::problem::Problem;
use super::super::site::Site;
use super::link;
use crate::actors::Confirmable;
use crate::clock::random_bytes;
use crate::config::WebOauth;
use crate::domain::Timestamp;
use crate::keys::same_secret;

const VISIT: &str = "sl_visit";
const PERSON: &str = "sl_person";

/// WeChat's codes live for 5 minutes.
const VISIT_LIFETIME: Duration = Duration::from_secs(5 * 60);
const PERSON_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The longest code that is passed on; WeChat's have 32 characters.
const MAX_CODE: usize = 512;

/// Why the page shows no controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// WeChat did not say who it is.
    Unknown,
    /// Somebody else than who scanned.
    SomebodyElse,
    /// WeChat shows the page as a snapshot, where nobody is real.
    Snapshot,
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
pub(super) async fn gate(
    site: &Site,
    token: &str,
    confirmable: &Confirmable,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Gate, Problem> {
    if is_proven(site, token, confirmable, headers) {
        return Ok(Gate::Open);
    }
    match (query.text("state"), query.text("code")) {
        (None, _) => Ok(lead(site, token, confirmable)),
        (Some(state), Some(code)) if is_own_state(site, token, state, headers) && code.len() <= MAX_CODE => {
            judge(site, token, confirmable, code).await
        }
        (Some(_), _) => Ok(Gate::Shut(Withheld::Unknown)),
    }
}

/// Whether who presses has been shown to be who scanned; always, where the account has no web OAuth.
pub(super) fn is_proven(site: &Site, token: &str, confirmable: &Confirmable, headers: &HeaderMap) -> bool {
    let account = site.config.account(&confirmable.created.account);
    if account.is_none_or(|account| account.web_oauth == WebOauth::Off) {
        return true;
    }
    let Some((expires, mac)) = cookies::named(headers, PERSON).next().and_then(|value| value.split_once('.')) else {
        return false;
    };
    let Ok(expires) = expires.parse().map(Timestamp::from_micros) else { return false };
    site.clock.now() < expires && same_secret(proof(site, token, expires).as_bytes(), mac.as_bytes())
}

/// To WeChat, which sends the browser back with a code.
fn lead(site: &Site, token: &str, confirmable: &Confirmable) -> Gate {
    let Some(account) = site.config.account(&confirmable.created.account) else {
        return Gate::Shut(Withheld::Unknown);
    };
    let visit = hex(&random_bytes::<16>());
    let mut url = account.oauth_base.join("connect/oauth2/authorize");
    // In the order that WeChat prescribes: another one is refused by some of its versions.
    url.query_pairs_mut()
        .append_pair("appid", account.app_id.as_str())
        .append_pair("redirect_uri", &link(site, token))
        .append_pair("response_type", "code")
        .append_pair("scope", "snsapi_base")
        .append_pair("state", &state_of(site, token, &visit));
    url.set_fragment(Some("wechat_redirect"));
    Gate::Lead(Box::new(redirect(url.as_str(), set_cookie(site, token, VISIT, &visit, VISIT_LIFETIME))))
}

async fn judge(site: &Site, token: &str, confirmable: &Confirmable, code: &str) -> Result<Gate, Problem> {
    let Some(api) = site.wechat.get(&confirmable.created.account) else { return Ok(Gate::Shut(Withheld::Unknown)) };
    let user = match api.web_user(code).await {
        Ok(Some(user)) => user,
        Ok(None) | Err(_) => return Ok(Gate::Shut(Withheld::Unknown)),
    };
    if user.is_snapshot {
        return Ok(Gate::Shut(Withheld::Snapshot));
    }
    if !site.logins.is_scanner(token, &user.openid).await? {
        return Ok(Gate::Shut(Withheld::SomebodyElse));
    }
    let expires = site.clock.now().after(PERSON_LIFETIME);
    let value = format!("{}.{}", expires.as_micros(), proof(site, token, expires));
    // Without the code: it is used, and need not stand in the browser's history.
    Ok(Gate::Lead(Box::new(redirect(&link(site, token), set_cookie(site, token, PERSON, &value, PERSON_LIFETIME)))))
}

fn is_own_state(site: &Site, token: &str, state: &str, headers: &HeaderMap) -> bool {
    cookies::named(headers, VISIT)
        .next()
        .is_some_and(|visit| same_secret(state_of(site, token, visit).as_bytes(), state.as_bytes()))
}

/// Letters and digits, at most 128, as WeChat asks for.
fn state_of(site: &Site, token: &str, visit: &str) -> String {
    hex(&site.keys.pseudonym("phone-visit", format!("{visit} {token}").as_bytes()).0)
}

fn proof(site: &Site, token: &str, expires: Timestamp) -> String {
    hex(&site.keys.pseudonym("phone-person", format!("{} {token}", expires.as_micros()).as_bytes()).0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `Lax`, since the browser comes back from WeChat's site (RFC 6265bis §5.6.7.1).
fn set_cookie(site: &Site, token: &str, name: &str, value: &str, lifetime: Duration) -> String {
    let (path, age) = (site.config.server.public_url.path(), lifetime.as_secs());
    let secure = if site.config.server.public_url.is_https() { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}/c/{token}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

fn redirect(to: &str, cookie: String) -> Response {
    let headers = [(LOCATION, to.to_owned()), (SET_COOKIE, cookie)];
    (StatusCode::FOUND, PRIVATE, [("referrer-policy", "no-referrer")], headers).into_response()
}
