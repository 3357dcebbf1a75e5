//! A trip to WeChat and back (网页授权), by which a page learns who opens it.
//!
//! The page leads to WeChat, which sends the browser back with a code; the openid behind the code is who holds the phone. A code
//! counts only in the browser that was sent for it, for the page that sent it, while it can be good (`trip`): one that somebody
//! slips in counts for nothing (RFC 6749 §10.12). WeChat takes a code once. Who brings one that was used is sent once more, since
//! the page may have been reloaded, or asked for twice by the browser.
//!
//! Source: <https://developers.weixin.qq.com/doc/service/guide/h5/auth.html>.

use std::time::Duration;

use axum::response::{AppendHeaders, IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::StatusCode;
use http::header::{LOCATION, SET_COOKIE};

use super::super::headers::PRIVATE;
use super::super::problem::Problem;
use super::super::site::Site;
use super::super::wechat::api::WebUser;
use super::asked::Asked;
use super::trip::{self, Secret, Trip};
use crate::config::{Account, WebOauth};

/// The longest code that is passed on; WeChat's have 32 characters.
const MAX_CODE: usize = 128;

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
    /// They have to go to WeChat.
    Lead(Box<Response>),
    /// They come back from there.
    Back(Result<WebUser, Nobody>),
}

impl Visit {
    /// Reads how a page was asked for, and asks WeChat where there is something to ask.
    ///
    /// # Errors
    /// 429 where this address or this visit has asked WeChat too often.
    pub(super) async fn read(site: &Site, page: &Page<'_>, asked: &Asked) -> Result<Self, Problem> {
        let Some(state) = asked.query.text("state").filter(|_| !asked.is_head) else {
            return Ok(Self::Lead(lead(site, page, asked, Trip::First)));
        };
        let back = trip::back(site, page, &asked.headers, state);
        let code = asked.query.text("code").filter(|code| is_code(code));
        let Some(((secret, trip), code)) = back.zip(code) else { return Ok(Self::Back(Err(Nobody::Unknown))) };
        site.limits
            .take_exchange(asked.address, secret.as_str())
            .map_err(|wait| Problem::too_many("too_many_visits", "this was tried too often").again_after(wait))?;
        let Some(api) = site.wechat.get(&page.account.name) else { return Ok(Self::Back(Err(Nobody::Unknown))) };
        Ok(match api.web_user(code, page.account.unionid).await {
            Ok(None) if trip == Trip::First => Self::Lead(lead(site, page, asked, Trip::Again)),
            Ok(Some(user)) if user.is_snapshot => Self::Back(Err(Nobody::Snapshot)),
            Ok(Some(user)) => Self::Back(Ok(user)),
            Ok(None) | Err(_) => Self::Back(Err(Nobody::Unknown)),
        })
    }
}

/// Whether it can be a code of WeChat's. What it can be nothing of is no word to trouble WeChat with.
fn is_code(code: &str) -> bool {
    let is_of_code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_CODE).contains(&code.len()) && code.bytes().all(is_of_code)
}

/// To WeChat, which sends the browser back with a code. Who asks for the head alone is given nothing to keep.
fn lead(site: &Site, page: &Page<'_>, asked: &Asked, trip: Trip) -> Box<Response> {
    let secret = Secret::of(&asked.headers);
    let mut url = page.account.oauth_base.join("connect/oauth2/authorize");
    // In the order that WeChat prescribes: another one is refused by some of its versions.
    url.query_pairs_mut()
        .append_pair("appid", page.account.app_id.as_str())
        .append_pair("redirect_uri", site.config.server.public_url.join(&page.path).as_str())
        .append_pair("response_type", "code")
        .append_pair("scope", page.scope.name())
        .append_pair("state", &secret.state(site, page, trip));
    url.set_fragment(Some("wechat_redirect"));
    Box::new(if asked.is_head {
        redirect(url.as_str(), [])
    } else {
        redirect(url.as_str(), [secret.cookie(site, page)])
    })
}

/// What only this daemon can make of a text, for one purpose; in hexadecimal digits.
pub(super) fn mac(site: &Site, purpose: &str, text: &str) -> String {
    HEXLOWER.encode(&site.keys.pseudonym(purpose, text.as_bytes()).0)
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
    fn what_cannot_be_a_code_of_wechats_is_none() {
        for code in ["041Ab_-c", &"x".repeat(128)] {
            assert!(is_code(code), "{code}");
        }
        for code in ["", "a b", "a%", "a/b", "ä", "a\n", &"x".repeat(129)] {
            assert!(!is_code(code), "{code}");
        }
    }
}
