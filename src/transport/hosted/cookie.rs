use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};

use crate::clock::random_bytes;
use crate::domain::{ClientId, LoginRequest, SceneId};
use crate::keys::sha256;

/// The `__Host-` prefix ties the cookie to this host and to TLS (RFC 6265bis §4.1.3.2).
const PREFIX: &str = "__Host-scan-login-";

/// The cookie that holds a request's session in this browser: its scene, and its attach token. Each request has one of
/// its own, so that two tabs do not take each other's.
pub(super) struct SessionCookie {
    name: String,
}

impl SessionCookie {
    pub(super) fn of(client: &ClientId, login: &LoginRequest) -> Self {
        let asked = format!("{client} {login:?}");
        let digest = URL_SAFE_NO_PAD.encode(&sha256(asked.as_bytes()).0[..9]);
        Self { name: format!("{PREFIX}{digest}") }
    }

    /// Scene and attach token, where the browser sends them.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<(SceneId, String)> {
        let (scene, token) = find(headers, &self.name)?.split_once('.')?;
        Some((SceneId::new(scene).ok()?, token.to_owned()))
    }

    /// The `Set-Cookie` header.
    pub(super) fn header(&self, scene: &SceneId, attach_token: &str, lives: Duration) -> String {
        let (name, seconds) = (&self.name, lives.as_secs());
        format!("{name}={scene}.{attach_token}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax")
    }
}

/// The cookie by which a browser is counted, whatever it asks for.
pub(super) struct BrowserCookie(String);

impl BrowserCookie {
    const NAME: &str = "__Host-scan-login-browser";
    /// A day: long enough to be counted by.
    const MAX_AGE_SECONDS: u32 = 24 * 60 * 60;

    pub(super) fn of(headers: &HeaderMap) -> Option<&str> {
        find(headers, Self::NAME).filter(|value| (22..=64).contains(&value.len()))
    }

    pub(super) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<18>()))
    }

    /// The `Set-Cookie` header.
    pub(super) fn header(&self) -> String {
        let (name, seconds) = (Self::NAME, Self::MAX_AGE_SECONDS);
        format!("{name}={}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax", self.0)
    }
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}
