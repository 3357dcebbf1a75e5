//! What a website asks for with a login, held against what it may ask for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{Choice, Client, Pkce, Scope};
use crate::domain::{Digest, LoginRequest, Purpose};

use super::problem::Problem;

const MAX_STATE: usize = 512;
const MAX_NONCE: usize = 256;
const MAX_LOCALES: usize = 128;

/// A request as it came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) redirect_uri: Option<&'a str>,
    /// The page means to go on at the redirect URI: where the client has some, one must be named.
    pub(super) redirects: bool,
    pub(super) scope: Option<&'a str>,
    pub(super) state: Option<&'a str>,
    pub(super) nonce: Option<&'a str>,
    pub(super) code_challenge: Option<&'a str>,
    pub(super) code_challenge_method: Option<&'a str>,
    pub(super) ui_locales: Option<&'a str>,
    pub(super) purpose: Option<&'a str>,
}

/// Why it is not granted: OAuth's word (RFC 6749 §4.1.2.1), and a sentence for the developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) error: &'static str,
    pub(super) detail: &'static str,
    /// The parameters without which this client gets no login.
    pub(super) missing: &'static [&'static str],
}

impl Invalid {
    pub(super) const fn new(error: &'static str, detail: &'static str) -> Self {
        Self { error, detail, missing: &[] }
    }

    pub(super) const fn request(detail: &'static str) -> Self {
        Self::new("invalid_request", detail)
    }

    const fn scope(detail: &'static str) -> Self {
        Self::new("invalid_scope", detail)
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::bad_request(invalid.error, invalid.detail).missing(invalid.missing)
    }
}

/// The request, where this client may make it.
pub(super) fn check(client: &Client, asked: Asked<'_>) -> Result<LoginRequest, Invalid> {
    if asked.redirect_uri.is_some_and(|uri| !client.redirect_uris.iter().any(|known| known == uri)) {
        return Err(Invalid::request("redirect_uri is not one of the client's, compared as exact strings"));
    }
    refuse_incomplete(client, &asked)?;
    let too_long = |text: Option<&str>, most: usize| text.is_some_and(|text| text.len() > most);
    if too_long(asked.state, MAX_STATE) || too_long(asked.nonce, MAX_NONCE) || too_long(asked.ui_locales, MAX_LOCALES) {
        return Err(Invalid::request("state (512 bytes), nonce (256) or ui_locales (128) is too long"));
    }
    let purpose = Purpose::from_name(asked.purpose.unwrap_or(Purpose::Login.name()));
    let purpose = purpose.ok_or(Invalid::request("purpose is one of login, bind and verify"))?;
    Ok(LoginRequest {
        scope: scope(client, asked.scope)?,
        redirect_uri: asked.redirect_uri.map(str::to_owned),
        state: asked.state.map(str::to_owned),
        nonce: asked.nonce.map(str::to_owned),
        code_challenge: code_challenge(asked.code_challenge, asked.code_challenge_method)?,
        ui_locales: asked.ui_locales.map(str::to_owned),
        purpose,
    })
}

/// Names all that this client must send and has not, so that a developer need not find one after the other.
fn refuse_incomplete(client: &Client, asked: &Asked<'_>) -> Result<(), Invalid> {
    let lacks_challenge =
        client.pkce == Pkce::Required && asked.code_challenge.is_none() && asked.code_challenge_method.is_none();
    let lacks_redirect = asked.redirects && asked.redirect_uri.is_none() && !client.redirect_uris.is_empty();
    let (detail, missing): (_, &[&str]) = match (lacks_redirect, lacks_challenge) {
        (false, false) => return Ok(()),
        (true, false) => ("this client must send redirect_uri, one of those that it has registered", &["redirect_uri"]),
        (false, true) => {
            ("this client must send code_challenge and code_challenge_method=S256 (RFC 7636)", &["code_challenge"])
        }
        (true, true) => (
            "this client must send redirect_uri, and code_challenge with code_challenge_method=S256 (RFC 7636)",
            &["redirect_uri", "code_challenge"],
        ),
    };
    Err(Invalid { missing, ..Invalid::request(detail) })
}

/// The scopes that a login gets: what was asked for, or all that the client may have.
pub(super) fn scope(client: &Client, asked: Option<&str>) -> Result<String, Invalid> {
    let known = |name: &str| client.scopes.iter().copied().find(|scope| scope.name() == name);
    let mut granted: Vec<Scope> = match asked {
        None => client.scopes.clone(),
        Some(asked) => asked
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(|name| known(name).ok_or(Invalid::scope("scope names something that this client may not ask for")))
            .collect::<Result<_, _>>()?,
    };
    granted.sort_unstable();
    granted.dedup();
    if granted.is_empty() {
        return Err(Invalid::scope("scope names nothing"));
    }
    Ok(granted.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
}

/// The challenge (RFC 7636 §4.3), by method S256 alone.
fn code_challenge(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Digest>, Invalid> {
    match (challenge, method) {
        (Some(challenge), Some("S256")) => challenge_digest(challenge).map(Some),
        (Some(_), _) => Err(Invalid::request("code_challenge_method must be S256")),
        (None, Some(_)) => Err(Invalid::request("code_challenge_method is there without code_challenge")),
        (None, None) => Ok(None),
    }
}

/// The 32 bytes behind a challenge of method S256 (RFC 7636 §4.2).
fn challenge_digest(challenge: &str) -> Result<Digest, Invalid> {
    let bytes = URL_SAFE_NO_PAD.decode(challenge).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let detail = "code_challenge is not the base64url of a SHA-256: 43 characters without padding";
    bytes.map(Digest).ok_or(Invalid::request(detail))
}
