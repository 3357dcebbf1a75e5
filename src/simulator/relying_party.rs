//! The back end of a website that leaves logging in to an OpenID provider (OpenID Connect Core 1.0).
//!
//! It learns the provider's endpoints by discovery, keeps state, nonce and verifier of every login that a browser of its has begun,
//! redeems the code that comes back, and believes the id token only after it has verified it: signature, issuer, audience, times
//! and nonce. By the JOSE library that the daemon has in any case: a library for the whole protocol would bring a second RSA and
//! second curves into a binary whose demo alone needs them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::caller::{CallError, Called, Caller};
use super::website::basic;
use super::wechat::random_text;

/// Logins that are begun and not finished; the oldest are forgotten.
const MOST_BEGUN: usize = 1024;

/// What an id token may be signed with.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// What the provider's operator gave the website.
#[derive(Clone, Debug)]
pub struct RelyingPartySettings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// The website's id there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where visitors come back to.
    pub redirect_uri: Url,
}

/// A handle to the back end. Clone it freely.
#[derive(Clone, Debug)]
pub struct RelyingParty(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: RelyingPartySettings,
    caller: Caller,
    begun: Mutex<VecDeque<Begun>>,
}

#[derive(Debug)]
struct Begun {
    browser: String,
    state: String,
    nonce: String,
    verifier: String,
}

/// What an authorization request says of one login.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Ties the answer to the browser that asked.
    pub state: String,
    /// Ties the id token to this login.
    pub nonce: String,
    /// RFC 7636, by method S256.
    pub code_challenge: String,
}

/// What a visitor comes back with (RFC 6749 §4.1.2, RFC 9207).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answered {
    /// Of the login that was asked for.
    #[serde(default)]
    pub state: String,
    /// Who answers.
    #[serde(default)]
    pub iss: String,
    /// The code, where the visitor has logged in.
    pub code: Option<String>,
    /// Why there is none.
    pub error: Option<String>,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum RelyingError {
    /// Another browser's login, one that is finished, or none at all.
    #[error("this browser has not begun this login")]
    NotBegun,
    /// The provider says no.
    #[error("the login was refused: {0}")]
    Refused(String),
    /// Somebody says something that cannot be believed.
    #[error("the answer cannot be believed: {0}")]
    Unbelievable(&'static str),
    /// No answer.
    #[error("the login service is {0}")]
    Unreachable(#[from] CallError),
}

/// The provider's own description (OpenID Connect Discovery 1.0 §3).
#[derive(Deserialize)]
struct Provider {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl RelyingParty {
    /// A website that has these credentials.
    pub fn new(settings: RelyingPartySettings) -> Self {
        Self(Arc::new(Inner { settings, caller: Caller::default(), begun: Mutex::default() }))
    }

    /// What it was set up with.
    pub fn settings(&self) -> &RelyingPartySettings {
        &self.0.settings
    }

    /// Begins a login of this browser.
    pub fn begin(&self, browser: &str) -> Asked {
        let (state, nonce, verifier) = (random_text::<16>(), random_text::<16>(), random_text::<32>());
        let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let mut begun = self.begun();
        if begun.len() == MOST_BEGUN {
            begun.pop_front();
        }
        begun.push_back(Begun { browser: browser.to_owned(), state: state.clone(), nonce: nonce.clone(), verifier });
        Asked { state, nonce, code_challenge }
    }

    /// Finishes the login that this browser began. Answers the verified claims of the id token.
    ///
    /// # Errors
    /// A [`RelyingError`] where nobody is logged in. The login is over in any case.
    pub async fn finish(&self, browser: &str, answered: Answered) -> Result<Value, RelyingError> {
        let begun = self.take(browser, &answered.state).ok_or(RelyingError::NotBegun)?;
        if answered.iss != self.0.settings.issuer {
            return Err(RelyingError::Unbelievable("somebody else answers"));
        }
        let Some(code) = answered.code else {
            return Err(RelyingError::Refused(answered.error.unwrap_or_else(|| "without a word".into())));
        };
        let provider = self.provider().await?;
        let token = self.redeem(&provider, &code, &begun.verifier).await?;
        let keys = self.get(&provider.jwks_uri).await?;
        let keys = serde_json::from_slice(&keys.body).map_err(|_| RelyingError::Unbelievable("no keys"))?;
        self.verify(token["id_token"].as_str().unwrap_or_default(), &keys, &begun.nonce)
    }

    async fn provider(&self) -> Result<Provider, RelyingError> {
        let issuer = &self.0.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let provider: Provider = serde_json::from_slice(&self.get(&url).await?.body)
            .map_err(|_| RelyingError::Unbelievable("the provider does not describe itself"))?;
        let is_itself = provider.issuer == *issuer;
        if is_itself { Ok(provider) } else { Err(RelyingError::Unbelievable("the provider is another")) }
    }

    async fn redeem(&self, provider: &Provider, code: &str, verifier: &str) -> Result<Value, RelyingError> {
        let settings = &self.0.settings;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", settings.redirect_uri.as_str())
            .append_pair("code_verifier", verifier)
            .finish();
        let request = Request::post(&provider.token_endpoint)
            .header(header::AUTHORIZATION, basic(&settings.client_id, &settings.client_secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.call(request, form).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.json());
        }
        Err(RelyingError::Refused(answer.json()["error"].as_str().unwrap_or("no error in the answer").to_owned()))
    }

    /// The claims of an id token (OpenID Connect Core §3.1.3.7).
    fn verify(&self, token: &str, keys: &JwkSet, nonce: &str) -> Result<Value, RelyingError> {
        let settings = &self.0.settings;
        let unsigned =
            |_| RelyingError::Unbelievable("the id token is not signed by the provider, or not for this website");
        let header = jsonwebtoken::decode_header(token).map_err(unsigned)?;
        let key = header.kid.as_deref().and_then(|kid| keys.find(kid));
        let key = key.ok_or(RelyingError::Unbelievable("the id token is signed with an unknown key"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(RelyingError::Unbelievable("the id token is signed in another way"));
        }
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.client_id]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = DecodingKey::from_jwk(key).map_err(unsigned)?;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).map_err(unsigned)?.claims;
        let is_ours = claims["nonce"].as_str() == Some(nonce);
        if is_ours { Ok(claims) } else { Err(RelyingError::Unbelievable("the id token is of another login")) }
    }

    async fn get(&self, url: &str) -> Result<Called, CallError> {
        self.call(Request::get(url), String::new()).await
    }

    async fn call(&self, request: http::request::Builder, body: String) -> Result<Called, CallError> {
        let request =
            request.body(Full::<Bytes>::from(body)).map_err(|error| CallError::Unreachable(error.to_string()))?;
        self.0.caller.call(request).await
    }

    fn take(&self, browser: &str, state: &str) -> Option<Begun> {
        let mut begun = self.begun();
        let position = begun.iter().position(|begun| begun.browser == browser && begun.state == state)?;
        begun.remove(position)
    }

    fn begun(&self) -> MutexGuard<'_, VecDeque<Begun>> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
