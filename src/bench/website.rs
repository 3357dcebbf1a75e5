//! The website's back end, which redeems the code of a login.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::http::Kept;
use super::target::{Ask, Credentials};

/// A back end that keeps its connections.
pub struct Website {
    kept: Kept,
    token_path: String,
    host: String,
    authorization: String,
    ask: Ask,
}

impl Website {
    /// The back end of this website, whose daemon has its routes below `base`.
    pub fn new(credentials: &Credentials, host: &str, base: &str, kept: Kept) -> Self {
        let secret = credentials.client_secret.expose_secret();
        let pair = STANDARD.encode(format!("{}:{secret}", credentials.client_id));
        Self {
            kept,
            token_path: format!("{base}/oauth/token"),
            host: host.to_owned(),
            authorization: format!("Basic {pair}"),
            ask: credentials.ask.clone(),
        }
    }

    /// Redeems the code of the login with this number, which is to be this person's.
    ///
    /// # Errors
    /// Why it was refused, or that it was somebody else's.
    pub async fn redeem(&self, number: u64, code: &str, openid: &str) -> Result<(), String> {
        let request = Request::post(self.kept.url(&self.token_path))
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::<Bytes>::from(self.form(number, code)))
            .map_err(|error| error.to_string())?;
        let answer = self.kept.ask(request).await?.body_of(StatusCode::OK)?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| "the answer is no JSON")?;
        match answer["openid"].as_str() {
            Some(told) if told == openid => Ok(()),
            Some(_) => Err("another person was told".into()),
            None => Err("no openid was told".into()),
        }
    }

    fn form(&self, number: u64, code: &str) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", code);
        if let Some(redirect_uri) = &self.ask.redirect_uri {
            form.append_pair("redirect_uri", redirect_uri);
        }
        if self.ask.is_with_pkce {
            form.append_pair("code_verifier", &verifier(number));
        }
        form.finish()
    }
}

/// The code verifier of a login: no shorter than it must be (RFC 7636 §4.1).
fn verifier(number: u64) -> String {
    format!("{number:043}")
}

/// What its browser asks with (RFC 7636 §4.2).
pub(super) fn challenge(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier(number)))
}
