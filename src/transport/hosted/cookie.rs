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

/// Sessions that a cookie names at most: the newest, and those that its tabs have shown before, whose codes may be scanned
/// still.
const MOST_SESSIONS: usize = 4;

/// Requests whose sessions a browser keeps at most beside a new one, so that its cookies fit into a header: proxies take no more
/// than 8 KiB (nginx), and then nothing could be asked for until the cookies have expired.
const MOST_REQUESTS: usize = 15;

/// One session of this browser: its scene, and its attach token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) scene: SceneId,
    pub(super) attach_token: String,
}

/// The cookie that holds a request's sessions in this browser, the newest first. Each request has one of its own, so that
/// two tabs do not take each other's.
pub(super) struct SessionCookie {
    name: String,
}

impl SessionCookie {
    pub(super) fn of(client: &ClientId, login: &LoginRequest) -> Self {
        let asked = format!("{client} {login:?}");
        let digest = URL_SAFE_NO_PAD.encode(&sha256(asked.as_bytes()).0[..9]);
        Self { name: format!("{PREFIX}{digest}") }
    }

    /// The sessions that the browser holds.
    pub(super) fn read(&self, headers: &HeaderMap) -> Vec<Held> {
        let held = |text: &str| {
            let (scene, token) = text.split_once('.')?;
            Some(Held { scene: SceneId::new(scene).ok()?, attach_token: token.to_owned() })
        };
        let value = cookies::named(headers, &self.name).next().unwrap_or_default();
        value.split('~').take(MOST_SESSIONS).filter_map(held).collect()
    }

    /// The `Set-Cookie` header for a new session, and those that the browser held before and keeps.
    pub(super) fn header(&self, newest: &Held, kept: &[Held], lives: Duration) -> String {
        let all = std::iter::once(newest).chain(kept).take(MOST_SESSIONS);
        let all: Vec<String> = all.map(|held| format!("{}.{}", held.scene, held.attach_token)).collect();
        let (name, value, seconds) = (&self.name, all.join("~"), lives.as_secs());
        format!("{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax")
    }

    /// The `Set-Cookie` headers that take back the oldest of other requests, where the browser has too many.
    pub(super) fn farewells(&self, headers: &HeaderMap) -> Vec<String> {
        let is_others = |name: &&str| name.starts_with(PREFIX) && *name != BrowserCookie::NAME && *name != self.name;
        let others: Vec<&str> = cookies::all(headers).map(|(name, _)| name).filter(is_others).collect();
        let surplus = others.iter().take(others.len().saturating_sub(MOST_REQUESTS));
        surplus.map(|name| format!("{name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax")).collect()
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
