//! A sample website: the back end of a small shop whose visitors log in by scanning.
//!
//! It is what a real website needs, no more: it begins a login with a PKCE challenge (RFC 7636), lets the browser talk
//! to the daemon, and redeems the code that the browser brings back, with its own credentials, from server to server.
//! The verifier never leaves the back end, and belongs to the browser that began the login (a cookie): a code that
//! somebody slips to another browser logs nobody in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::caller::{CallError, Caller};
use super::wechat::random_text;

/// Logins that are begun and not finished; the oldest are forgotten.
const MOST_BEGUN: usize = 1024;

const COOKIE: &str = "demo_shop";
const COOKIE_PATH: &str = "/demo/shop";

/// What the daemon's operator gave the website.
#[derive(Clone, Debug)]
pub struct WebsiteSettings {
    /// The website's id at the daemon.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The daemon's `/oauth/token`.
    pub token_url: Url,
}

/// A handle to the website's back end. Clone it freely.
#[derive(Clone, Debug)]
pub struct Website(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: WebsiteSettings,
    caller: Caller,
    begun: Mutex<VecDeque<Begun>>,
}

#[derive(Debug)]
struct Begun {
    browser: String,
    login: String,
    verifier: String,
}

/// What a page needs to ask the daemon for a QR code.
#[derive(Clone, Debug, Serialize)]
pub struct LoginStart {
    /// Names this login when the code is brought back.
    pub login: String,
    /// The website's id at the daemon.
    pub client_id: String,
    /// What the verifier hashes to.
    pub code_challenge: String,
    /// Always `S256`.
    pub code_challenge_method: &'static str,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Another browser's login, one that is finished, or none at all.
    #[error("this browser has not begun this login")]
    NotBegun,
    /// The daemon does not take the code.
    #[error("the code was refused ({status}): {error}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// OAuth's `error`, where there is one.
        error: String,
    },
    /// No answer.
    #[error("the login service is {0}")]
    Unreachable(#[from] CallError),
}

impl Website {
    /// A website that has these credentials.
    pub fn new(settings: WebsiteSettings) -> Self {
        Self(Arc::new(Inner { settings, caller: Caller::default(), begun: Mutex::default() }))
    }

    /// Its back end: `/begin` and `/login`, to be mounted below `/demo/shop`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/begin", post(begin).with_state(self.clone()))
            .route("/login", post(login).with_state(self.clone()))
    }

    /// Begins a login of this browser.
    pub fn begin(&self, browser: &str) -> LoginStart {
        let (login, verifier) = (random_text::<16>(), random_text::<32>());
        let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let mut begun = self.begun();
        if begun.len() == MOST_BEGUN {
            begun.pop_front();
        }
        begun.push_back(Begun { browser: browser.to_owned(), login: login.clone(), verifier });
        let client_id = self.0.settings.client_id.clone();
        LoginStart { login, client_id, code_challenge, code_challenge_method: "S256" }
    }

    /// Redeems the code of a login that this browser began. Answers who it is: the openid.
    ///
    /// # Errors
    /// A [`LoginError`] where nobody is logged in. The login is over in any case.
    pub async fn finish(&self, browser: &str, login: &str, code: &str) -> Result<String, LoginError> {
        let verifier = self.take(browser, login).ok_or(LoginError::NotBegun)?;
        self.redeem(code, Some(&verifier)).await
    }

    /// Redeems a code, with its verifier where the login had a challenge. Answers who it is: the openid.
    ///
    /// # Errors
    /// A [`LoginError`] where nobody is logged in.
    pub(super) async fn redeem(&self, code: &str, verifier: Option<&str>) -> Result<String, LoginError> {
        let settings = &self.0.settings;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .extend_pairs(verifier.map(|verifier| ("code_verifier", verifier)))
            .finish();
        let request = Request::post(settings.token_url.as_str())
            .header(header::AUTHORIZATION, basic(&settings.client_id, &settings.client_secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        let answer = self.0.caller.call(request).await?;
        let body = answer.json();
        // The access token is of no use here: the shop only wants to know who it is.
        match body["openid"].as_str() {
            Some(openid) if answer.status == StatusCode::OK => Ok(openid.to_owned()),
            _ => {
                let error = body["error"].as_str().unwrap_or("no openid in the answer").to_owned();
                Err(LoginError::Refused { status: answer.status, error })
            }
        }
    }

    fn take(&self, browser: &str, login: &str) -> Option<String> {
        let mut begun = self.begun();
        let position = begun.iter().position(|begun| begun.browser == browser && begun.login == login)?;
        begun.remove(position).map(|begun| begun.verifier)
    }

    fn begun(&self) -> MutexGuard<'_, VecDeque<Begun>> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 6749 §2.3.1: both are form-encoded first.
pub(super) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

async fn begin(State(website): State<Website>, headers: HeaderMap) -> Response {
    let browser = browser_of(&headers).map_or_else(random_text::<16>, str::to_owned);
    let cookie = format!("{COOKIE}={browser}; Path={COOKIE_PATH}; HttpOnly; SameSite=Strict; Max-Age=86400");
    ([(header::SET_COOKIE, cookie)], Json(website.begin(&browser))).into_response()
}

#[derive(Deserialize)]
struct BroughtBack {
    login: String,
    code: String,
}

async fn login(State(website): State<Website>, headers: HeaderMap, Json(brought): Json<BroughtBack>) -> Response {
    let browser = browser_of(&headers).unwrap_or_default();
    answer(website.finish(browser, &brought.login, &brought.code).await)
}

/// What the page is told of a login.
pub(super) fn answer(finished: Result<String, LoginError>) -> Response {
    match finished {
        Ok(openid) => Json(json!({ "visitor": masked(&openid) })).into_response(),
        Err(error) => (status_of(&error), Json(problem(&error))).into_response(),
    }
}

fn status_of(error: &LoginError) -> StatusCode {
    match error {
        LoginError::NotBegun | LoginError::Refused { .. } => StatusCode::BAD_REQUEST,
        LoginError::Unreachable(_) => StatusCode::BAD_GATEWAY,
    }
}

fn problem(error: &LoginError) -> Value {
    json!({ "error": error.to_string() })
}

/// Enough of an openid to tell two people apart: the rest stays with the back end.
pub(super) fn masked(openid: &str) -> String {
    format!("{}…", openid.chars().take(6).collect::<String>())
}

fn browser_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
