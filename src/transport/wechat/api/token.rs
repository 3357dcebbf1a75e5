//! The access token: fetched once for everybody, kept until shortly before it expires, replaced where WeChat rejects it.
//!
//! By default it comes from `stable_token`, which answers the same token to whoever asks, so that two daemons, or a test
//! system with the same app id, do not kill each other's. The older `token` makes a new one at each call, which ends the
//! one before; so where something else uses it for the same app id, let both ask one token server. Source:
//! <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken>.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use form_urlencoded::Serializer;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::{self, Absence, Fault};
use super::refusals::Refusal;
use super::{ApiError, HttpClient, WeChatApi, http};
use crate::domain::Timestamp;

/// How long before its end a token is replaced. In its last 5 minutes WeChat already hands out the next one, and takes both.
const MARGIN: Duration = Duration::from_secs(60);

/// How far apart forced refreshes are at least: WeChat allows 20 a day.
const FORCE_INTERVAL: Duration = Duration::from_secs(75 * 60);

/// A token whose end nobody has told is used this long.
const LIFE_UNTOLD: Duration = Duration::from_secs(60);

/// The longest that a token is kept: WeChat's live two hours.
const LIFE_MAX: Duration = Duration::from_secs(7200);

/// So many new tokens in a row rejected, and the fault is not the tokens': with `token`, each fetch would also end what
/// other systems use.
const REJECTIONS: u32 = 2;

/// Where access tokens come from.
#[derive(Clone, Debug, Default)]
pub enum TokenSource {
    /// WeChat's `stable_token`.
    #[default]
    StableToken,
    /// WeChat's older `token`.
    Token,
    /// A server that gives them out to several systems.
    Server {
        /// What it is asked by GET; it answers `{"access_token", "expires_in"?}`.
        url: Url,
        /// What reaches it: it is no part of WeChat, and no proxy leads there.
        http: Box<HttpClient>,
    },
}

type Refresh = Shared<BoxFuture<'static, Result<SecretString, ApiError>>>;

/// What is known about the account's token. The lock is never held across an await.
#[derive(Default)]
pub(super) struct Tokens(Mutex<State>);

#[derive(Default)]
struct State {
    current: Option<Token>,
    /// The refresh in flight. Whoever waits for it drives it, so that it ends with the last of them.
    refresh: Option<WeakShared<BoxFuture<'static, Result<SecretString, ApiError>>>>,
    /// The token that WeChat rejected last.
    rejected: Option<SecretString>,
    forced_at: Option<Timestamp>,
    /// How many new tokens in a row were rejected before any call took one.
    rejections: u32,
    /// Why no token is fetched, for a while.
    refused: Option<Refusal>,
}

struct Token {
    value: SecretString,
    use_until: Timestamp,
    has_worked: bool,
}

#[derive(Serialize)]
struct StableToken<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretText,
    expires_in: Option<u64>,
}

impl Granted {
    /// How long it is used: a while less than it lives.
    fn usable(&self) -> Duration {
        let Some(seconds) = self.expires_in else { return LIFE_UNTOLD };
        let life = Duration::from_secs(seconds).min(LIFE_MAX);
        // Without the second bound a token of less than a minute would be fetched anew for every call.
        life.saturating_sub(MARGIN).max(life / 2)
    }
}

/// Goes into its guarded form as it is read.
#[derive(Deserialize)]
#[serde(from = "String")]
struct SecretText(SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Tokens {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeChatApi {
    /// The current token; fetched, if there is none, by one call for all who ask meanwhile, and they share its result. A
    /// caller that gives up does not take the call away from the others.
    pub(super) async fn access_token(&self) -> Result<SecretString, ApiError> {
        let refresh = {
            let mut state = self.0.tokens.lock();
            let now = self.0.clock.now();
            if let Some(token) = state.current.as_ref().filter(|token| now < token.use_until) {
                return Ok(token.value.clone());
            }
            if let Some(refusal) = state.refused.as_ref().and_then(|refusal| refusal.answer(now)) {
                return Err(refusal);
            }
            match state.refresh.as_ref().and_then(WeakShared::upgrade) {
                Some(refresh) => refresh,
                None => {
                    let refresh: Refresh = self.clone().refresh().boxed().shared();
                    state.refresh = refresh.downgrade();
                    refresh
                }
            }
        };
        refresh.await
    }

    /// Takes note of what a call with this token says of it, unless somebody has replaced it already. One that WeChat
    /// rejects is forgotten; where it rejects one new token after the other, none is fetched for a while.
    pub(super) fn judge_token(&self, used: &SecretString, error: Option<&ApiError>) {
        let now = self.0.clock.now();
        let state = &mut *self.0.tokens.lock();
        let Some(token) = state.current.as_mut().filter(|token| is_same(&token.value, used)) else { return };
        match error {
            Some(stale) if error::means_stale_token(stale) => {
                state.rejections = if token.has_worked { 0 } else { state.rejections + 1 };
                if state.rejections >= REJECTIONS {
                    state.refused = Refusal::of(stale, now);
                }
                state.current = None;
                state.rejected = Some(used.clone());
            }
            Some(ApiError::Away { .. }) => {}
            None | Some(ApiError::Refused { .. } | ApiError::NotTold { .. }) => {
                token.has_worked = true;
                state.rejections = 0;
            }
        }
    }

    async fn refresh(self) -> Result<SecretString, ApiError> {
        let fetched = self.within_deadline(self.fetch()).await;
        let now = self.0.clock.now();
        let mut state = self.0.tokens.lock();
        state.refresh = None;
        state.refused = fetched.as_ref().err().and_then(|error| Refusal::of(error, now));
        let granted = fetched?;
        let use_until = now.after(granted.usable());
        let value = granted.access_token.0;
        state.current = Some(Token { value: value.clone(), use_until, has_worked: false });
        self.0.watch.token_until(use_until);
        Ok(value)
    }

    /// A refresh is forced only where `stable_token` hands out the very token that WeChat rejects.
    async fn fetch(&self) -> Result<Granted, ApiError> {
        let granted = self.ask_for_token(false).await?;
        if self.may_force(&granted.access_token.0) {
            tracing::warn!(app_id = %self.0.settings.app_id, "WeChat hands out a token that it rejects: forcing a new one");
            return self.ask_for_token(true).await;
        }
        Ok(granted)
    }

    async fn ask_for_token(&self, force_refresh: bool) -> Result<Granted, ApiError> {
        let call = match &self.0.settings.token_source {
            TokenSource::StableToken => "stable_token",
            TokenSource::Token => "token",
            TokenSource::Server { .. } => "token_server",
        };
        let asked: Result<Granted, Fault> = match &self.0.settings.token_source {
            TokenSource::StableToken => self.0.watch.count(call, self.ask_for_stable_token(force_refresh)).await,
            TokenSource::Token => self.0.watch.count(call, self.0.http.get(&self.token_url())).await,
            TokenSource::Server { url, http } => self.0.watch.count(call, http.get(url.as_str())).await,
        };
        match asked {
            Ok(granted) if granted.access_token.0.expose_secret().is_empty() => {
                Err(Absence::Garbage("an empty access token").into())
            }
            Ok(granted) => Ok(granted),
            Err(fault) => Err(self.explain(fault, call, None)),
        }
    }

    async fn ask_for_stable_token(&self, force_refresh: bool) -> Result<Granted, Fault> {
        let settings = &self.0.settings;
        let request = StableToken {
            grant_type: "client_credential",
            appid: settings.app_id.as_str(),
            secret: settings.app_secret.expose_secret(),
            force_refresh,
        };
        let url = self.endpoint("stable_token", None);
        self.0.http.post(&url, http::json(&request)).await
    }

    /// Holds the secret: it goes nowhere but to WeChat.
    fn token_url(&self) -> String {
        let settings = &self.0.settings;
        let url = self.endpoint("token", None) + "?";
        let begin = url.len();
        Serializer::for_suffix(url, begin)
            .append_pair("grant_type", "client_credential")
            .append_pair("appid", settings.app_id.as_str())
            .append_pair("secret", settings.app_secret.expose_secret())
            .finish()
    }

    fn may_force(&self, granted: &SecretString) -> bool {
        if !matches!(self.0.settings.token_source, TokenSource::StableToken) {
            return false;
        }
        let mut state = self.0.tokens.lock();
        let now = self.0.clock.now();
        let is_rejected = state.rejected.as_ref().is_some_and(|rejected| is_same(rejected, granted));
        let is_due = state.forced_at.is_none_or(|at| at.until(now) >= FORCE_INTERVAL);
        if is_rejected && is_due {
            state.forced_at = Some(now);
        }
        is_rejected && is_due
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
