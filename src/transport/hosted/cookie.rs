use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;

use crate::clock::random_bytes;
use crate::domain::{ClientId, LoginRequest, SceneId};
use crate::keys::sha256;

use super::super::cookies;

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
        let (scene, token) = cookies::named(headers, &self.name).next()?.split_once('.')?;
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
        cookies::named(headers, Self::NAME).next().filter(|value| (22..=64).contains(&value.len()))
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
