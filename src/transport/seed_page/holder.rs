use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;

use crate::actors::PageHolder;
use crate::clock::random_bytes;
use crate::config::{SeedBind, SeedPage};
use crate::domain::PageId;
use crate::keys::Keys;

use super::super::client_address::ClientAddress;
use super::super::cookies;

/// The `__Host-` prefix ties the cookie to this host and to TLS (RFC 6265bis §4.1.3.2).
const COOKIE: &str = "__Host-scan-login-page";

/// 30 days, from the last QR code on. It outlives the browser's run because a first visit is the slow one: without the
/// cookie no WebSocket is taken, see [`connection`](super::connection).
const MAX_AGE_SECONDS: u32 = 30 * 24 * 60 * 60;

/// Two requests of one connection bear different cookies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

/// A browser's value for the cookie: as sent, or a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageCookie(String);

impl PageCookie {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = cookies::named(headers, COOKIE).find(|value| (22..=64).contains(&value.len()))?;
        Some(Self(value.to_owned()))
    }

    /// Whose a connection is, by the request that opened it and the one that brought the page's id, where that is another.
    ///
    /// A browser gets the cookie with its first QR code, often after it has opened the connection; so the later request
    /// may bear one where the first has none. It never takes the place of another.
    pub(super) fn of_connection(
        opened: &HeaderMap,
        brought: Option<&HeaderMap>,
    ) -> Result<Option<Self>, Contradiction> {
        match (Self::of(opened), brought.and_then(Self::of)) {
            (Some(first), Some(later)) if first != later => Err(Contradiction),
            (first, later) => Ok(later.or(first)),
        }
    }

    pub(super) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<18>()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The `Set-Cookie` header.
    pub(super) fn header(&self) -> String {
        format!("{COOKIE}={}; Max-Age={MAX_AGE_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Lax", self.0)
    }
}

/// Who brings a half of `page`; `None` where nothing tells who it is.
pub(super) fn holder(
    keys: &Keys,
    settings: &SeedPage,
    page: PageId,
    address: ClientAddress,
    cookie: Option<&PageCookie>,
) -> Option<PageHolder> {
    let network = address.network();
    let holder = match settings.bind {
        SeedBind::Cookie => keys.pseudonym("page-cookie", cookie?.0.as_bytes()),
        SeedBind::Address => keys.pseudonym("page-address", network.to_string().as_bytes()),
    };
    Some(PageHolder { page, holder, network })
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    const ALICE: &str = "__Host-scan-login-page=aaaaaaaaaaaaaaaaaaaaaaaa";
    const BOB: &str = "__Host-scan-login-page=bbbbbbbbbbbbbbbbbbbbbbbb";

    fn bearing(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn a_cookie_may_come_later_but_not_change() {
        let none = HeaderMap::new();
        let (alice, bob) = (bearing(ALICE), bearing(BOB));
        let is = |opened, brought| PageCookie::of_connection(opened, brought);
        let cookie = || PageCookie::of(&alice);
        assert!(cookie().is_some());
        assert_eq!(is(&alice, None), Ok(cookie()));
        assert_eq!(is(&alice, Some(&alice)), Ok(cookie()));
        assert_eq!(is(&none, Some(&alice)), Ok(cookie()));
        assert_eq!(is(&alice, Some(&none)), Ok(cookie()));
        assert_eq!(is(&none, Some(&none)), Ok(None));
        assert_eq!(is(&alice, Some(&bob)), Err(Contradiction));
    }

    #[test]
    fn what_was_set_is_read_again() {
        let cookie = PageCookie::new();
        let (pair, attributes) = cookie.header().split_once("; ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let sent = HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(format!("a=b; {pair}")).unwrap())]);
        assert_eq!(PageCookie::of(&sent), Some(cookie));
        assert_eq!(attributes, "Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn what_cannot_be_ours_is_no_cookie() {
        for cookie in [
            "",
            "a=b",
            "__Host-scan-login-page=",
            "__Host-scan-login-page=short",
            "scan-login-page=aaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(PageCookie::of(&bearing(cookie)), None, "{cookie}");
        }
    }
}
