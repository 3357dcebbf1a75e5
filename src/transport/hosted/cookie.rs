use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};

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
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == self.name)?;
        let (scene, token) = value.split_once('.')?;
        Some((SceneId::new(scene).ok()?, token.to_owned()))
    }

    /// The `Set-Cookie` header.
    pub(super) fn header(&self, scene: &SceneId, attach_token: &str, lives: Duration) -> String {
        let (name, seconds) = (&self.name, lives.as_secs());
        format!("{name}={scene}.{attach_token}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax")
    }
}
