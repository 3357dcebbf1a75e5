//! A trip to WeChat and back (网页授权), by which a page learns who opens it.
//!
//! The page leads to WeChat, which sends the browser back with a code; the openid behind the code is who holds the phone. The
//! cookie `sl_visit`, of the page's path alone, is random and ends with WeChat's codes; `state` is a MAC over it and the path. So
//! a code counts only in the browser that was sent for it, for the page that sent it, while it can be good: one that somebody
//! slips in counts for nothing (RFC 6749 §10.12). WeChat takes a code once, so nothing comes of opening an address again.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/guide/h5/auth.html>.

use std::time::Duration;

use axum::response::{AppendHeaders, IntoResponse, Response};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use super::super::cookies;
use super::super::extract::Query;
use super::super::headers::PRIVATE;
use super::super::site::Site;
use super::super::wechat::api::WebUser;
use crate::clock::random_bytes;
use crate::config::{Account, WebOauth};
use crate::domain::Timestamp;
use crate::keys::same_secret;

const COOKIE: &str = "sl_visit";

/// WeChat's codes live for 5 minutes.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The longest code that is passed on; WeChat's have 32 characters.
const MAX_CODE: usize = 512;

/// What people are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing: WeChat says silently who it is.
    Base,
    /// Their consent.
    Userinfo,
}

impl Scope {
    /// As far as the account may ask; `None` where it may learn nothing in a page.
    pub(super) fn of(account: &Account) -> Option<Self> {
        match account.web_oauth {
            WebOauth::Off => None,
            WebOauth::Base => Some(Self::Base),
            WebOauth::Userinfo => Some(Self::Userinfo),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::Userinfo => "snsapi_userinfo",
        }
    }
}

/// A page that wants to know who opens it.
pub(super) struct Page<'a> {
    /// Whose people it knows.
    pub(super) account: &'a Account,
    /// Below the public URL; there the browser comes back to, and nowhere else goes the cookie.
    pub(super) path: String,
    pub(super) scope: Scope,
}

/// Why it is not known who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nobody {
    /// WeChat did not say it, or somebody else brought its answer.
    Unknown,
    /// WeChat shows the page as a snapshot (快照页), where nobody is real.
    Snapshot,
}

/// Where a visitor stands.
pub(super) enum Visit {
    /// They have not been to WeChat yet.
    New,
    /// They come back from there.
    Back(Result<WebUser, Nobody>),
}

impl Visit {
    /// Reads how a page was asked for, and asks WeChat where there is something to ask.
    pub(super) async fn read(site: &Site, page: &Page<'_>, headers: &HeaderMap, query: &Query) -> Self {
        let Some(state) = query.text("state") else { return Self::New };
        let code = query.text("code").filter(|code| code.len() <= MAX_CODE);
        let Some(code) = code.filter(|_| is_own(site, page, state, headers)) else {
            return Self::Back(Err(Nobody::Unknown));
        };
        Self::Back(exchange(site, page, code).await)
    }
}

async fn exchange(site: &Site, page: &Page<'_>, code: &str) -> Result<WebUser, Nobody> {
    let api = site.wechat.get(&page.account.name).ok_or(Nobody::Unknown)?;
    match api.web_user(code, page.account.unionid).await {
        Ok(Some(user)) if user.is_snapshot => Err(Nobody::Snapshot),
        Ok(Some(user)) => Ok(user),
        Ok(None) | Err(_) => Err(Nobody::Unknown),
    }
}

/// To WeChat, which sends the browser back with a code.
pub(super) fn lead(site: &Site, page: &Page<'_>) -> Response {
    let random: String = random_bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let visit = format!("{}.{random}", site.clock.now().after(LIFETIME).as_micros());
    let mut url = page.account.oauth_base.join("connect/oauth2/authorize");
    // In the order that WeChat prescribes: another one is refused by some of its versions.
    url.query_pairs_mut()
        .append_pair("appid", page.account.app_id.as_str())
        .append_pair("redirect_uri", site.config.server.public_url.join(&page.path).as_str())
        .append_pair("response_type", "code")
        .append_pair("scope", page.scope.name())
        .append_pair("state", &state(site, page, &visit));
    url.set_fragment(Some("wechat_redirect"));
    redirect(url.as_str(), [set_cookie(site, &page.path, COOKIE, &visit, LIFETIME)])
}

/// Ends the visit in the browser: what it came back with is used.
pub(super) fn end(site: &Site, page: &Page<'_>) -> String {
    set_cookie(site, &page.path, COOKIE, "", Duration::ZERO)
}

fn is_own(site: &Site, page: &Page<'_>, told: &str, headers: &HeaderMap) -> bool {
    let visit = cookies::named(headers, COOKIE).next().filter(|visit| lasts(visit, site.clock.now()));
    visit.is_some_and(|visit| same_secret(state(site, page, visit).as_bytes(), told.as_bytes()))
}

/// A visit begins with its end, which the state vouches for.
fn lasts(visit: &str, now: Timestamp) -> bool {
    let expires = visit.split_once('.').and_then(|(expires, _)| expires.parse().ok()).map(Timestamp::from_micros);
    expires.is_some_and(|expires| now < expires)
}

/// Letters and digits, at most 128, as WeChat asks for.
fn state(site: &Site, page: &Page<'_>, visit: &str) -> String {
    mac(site, "phone-visit", &format!("{visit} {}", page.path))
}

/// What only this daemon can make of a text, for one purpose; in hexadecimal digits.
pub(super) fn mac(site: &Site, purpose: &str, text: &str) -> String {
    site.keys.pseudonym(purpose, text.as_bytes()).0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A cookie of one page, `Lax`, since the browser comes back from WeChat's site (RFC 6265bis §5.6.7.1).
pub(super) fn set_cookie(site: &Site, path: &str, name: &str, value: &str, lifetime: Duration) -> String {
    let (base, age) = (site.config.server.public_url.path(), lifetime.as_secs());
    let secure = if site.config.server.public_url.is_https() { "; Secure" } else { "" };
    format!("{name}={value}; Path={base}{path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

/// Elsewhere, telling nobody from where.
pub(super) fn redirect<const N: usize>(to: &str, cookies: [String; N]) -> Response {
    let cookies = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
    (StatusCode::FOUND, PRIVATE, [("referrer-policy", "no-referrer")], [(LOCATION, to)], cookies).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_ends_with_its_time_whatever_the_browser_keeps() {
        let now = Timestamp::from_micros(1_767_323_045_000_000);
        let visit = |micros: i64| format!("{}.0011", now.as_micros() + micros);
        assert!(lasts(&visit(1), now));
        assert!(!lasts(&visit(0), now));
        for nothing in ["", "0011", ".0011", "x.0011"] {
            assert!(!lasts(nothing, now), "{nothing}");
        }
    }
}
