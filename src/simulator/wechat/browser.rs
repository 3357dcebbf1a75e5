//! WeChat's browser on a person's phone, which opens the links of codes and messages.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::Full;
use url::Url;

use super::{PERSON, SimulatedWeChat};
use crate::domain::OpenId;
use crate::simulator::caller::{CallError, Caller};

/// As WeChat's on a phone.
pub(in crate::simulator) const USER_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/zh_CN";

/// How many redirects are followed, as browsers do.
const MAX_REDIRECTS: usize = 20;

/// The page for web authorization, the only one that is told who holds the phone.
const AUTHORIZATION: &str = "/connect/oauth2/authorize";

/// It follows redirects and keeps cookies (RFC 6265), as long as it lives; it runs no script.
#[derive(Clone, Debug)]
pub struct WeChatBrowser {
    caller: Caller,
    person: OpenId,
    cookies: Vec<Cookie>,
}

/// The page that a browser shows.
#[derive(Clone, Debug)]
pub struct OpenedPage {
    /// Where it is.
    pub url: Url,
    /// The HTTP status.
    pub status: StatusCode,
    /// What it says.
    pub html: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Cookie {
    /// Reads `Set-Cookie` of an answer from `url`, and whether it ends the cookie.
    fn read(url: &Url, text: &str) -> Option<(Self, bool)> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let attribute = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| *value)
        };
        let path = attribute("path").unwrap_or("/").to_owned();
        let host = url.host_str()?.to_owned();
        let is_over = attribute("max-age") == Some("0");
        Some((Self { host, path, name: name.to_owned(), value: value.to_owned() }, is_over))
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.host, &self.path, &self.name) == (&other.host, &other.path, &other.name)
    }

    /// Whether it goes to this address (RFC 6265 §5.1.4).
    fn goes_to(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(&self.path);
        let is_below = below.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        url.host_str() == Some(&self.host) && is_below
    }
}

impl SimulatedWeChat {
    /// The browser on the phone of this person, with no cookies yet.
    pub fn browser(&self, openid: &OpenId) -> WeChatBrowser {
        WeChatBrowser { caller: Caller::default(), person: openid.clone(), cookies: Vec::new() }
    }
}

impl WeChatBrowser {
    /// Opens an address, and goes wherever it leads.
    ///
    /// # Errors
    /// A [`CallError`] where something on the way does not answer, or leads on without an end.
    pub async fn open(&mut self, url: &str) -> Result<OpenedPage, CallError> {
        self.go(Method::GET, address(url)?, "").await
    }

    /// Posts a form of the page at this address, as `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn submit(&mut self, url: &str, form: &str) -> Result<OpenedPage, CallError> {
        self.go(Method::POST, address(url)?, form).await
    }

    async fn go(&mut self, method: Method, mut url: Url, form: &str) -> Result<OpenedPage, CallError> {
        let (mut method, mut body) = (method, Bytes::copy_from_slice(form.as_bytes()));
        for _ in 0..MAX_REDIRECTS {
            let mut request = Request::builder()
                .method(method)
                .uri(url.as_str())
                .header(header::USER_AGENT, USER_AGENT)
                .header(header::COOKIE, self.cookies_for(&url));
            if !body.is_empty() {
                request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            let request = request.body(Full::from(body)).map_err(|error| CallError::Unreachable(error.to_string()))?;
            let called = self.caller.call(request).await?;
            self.keep_cookies(&url, &called.headers);
            let location = called.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
            let Some(location) = location.filter(|_| called.status.is_redirection()) else {
                let html = String::from_utf8_lossy(&called.body).into_owned();
                return Ok(OpenedPage { url, status: called.status, html });
            };
            url = url.join(location).map_err(|error| CallError::Unreachable(error.to_string()))?;
            url.set_fragment(None);
            (method, body) = (Method::GET, Bytes::new());
        }
        Err(CallError::Unreachable("redirected too often".into()))
    }

    fn cookies_for(&self, url: &Url) -> String {
        let held = (url.path().ends_with(AUTHORIZATION)).then(|| format!("{PERSON}={}", self.person.as_str()));
        let kept = self.cookies.iter().filter(|cookie| cookie.goes_to(url));
        let pairs: Vec<String> = kept.map(|Cookie { name, value, .. }| format!("{name}={value}")).chain(held).collect();
        pairs.join("; ")
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let told = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (cookie, is_over) in told.filter_map(|text| Cookie::read(url, text)) {
            self.cookies.retain(|kept| !kept.is_same(&cookie));
            if !is_over {
                self.cookies.push(cookie);
            }
        }
    }
}

fn address(url: &str) -> Result<Url, CallError> {
    url.parse().map_err(|error| CallError::Unreachable(format!("{url}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_goes_to_its_own_path_until_it_is_ended() {
        let wechat = SimulatedWeChat::new(Vec::new());
        let mut browser = wechat.browser(&OpenId::new("oAlice").unwrap());
        let url = |text: &str| text.parse::<Url>().unwrap();
        let mut told = |text: &str| {
            let headers = HeaderMap::from_iter([(header::SET_COOKIE, text.parse().unwrap())]);
            browser.keep_cookies(&url("http://a.example/l/1"), &headers);
            ["http://a.example/l/1", "http://a.example/l/1/x", "http://a.example/l/12", "http://b.example/l/1"]
                .map(|to| browser.cookies_for(&url(to)))
        };
        let none = String::new;
        assert_eq!(told("a=1; Path=/l/1; HttpOnly"), ["a=1".to_owned(), "a=1".to_owned(), none(), none()]);
        assert_eq!(told("a=2; Path=/l/1; Max-Age=300")[0], "a=2");
        assert_eq!(told("a=; Path=/l/1; Max-Age=0")[0], "");
        let asked = browser.cookies_for(&url("http://wechat.example/connect/oauth2/authorize?appid=wx1"));
        assert_eq!(asked, "person=oAlice");
    }
}
