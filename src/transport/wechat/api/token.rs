//! The access token: fetched once for everybody, kept until shortly before it expires, replaced where WeChat rejects it.
//!
//! It comes from `stable_token`, which answers the same token to whoever asks, so that two daemons, or a test system with
//! the same app id, do not kill each other's. Source:
//! <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken>.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{ApiError, WeChatApi, http};
use crate::domain::Timestamp;

/// How long before its end a token is replaced. In its last 5 minutes WeChat already hands out the next one, and takes both.
const MARGIN: Duration = Duration::from_secs(60);

/// How far apart forced refreshes are at least: WeChat allows 20 a day.
const FORCE_INTERVAL: Duration = Duration::from_secs(75 * 60);

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
}

struct Token {
    value: SecretString,
    use_until: Timestamp,
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
    expires_in: u64,
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

    /// Forgets a token that WeChat rejected, unless somebody has replaced it already.
    pub(super) fn discard_token(&self, rejected: &SecretString) {
        let mut state = self.0.tokens.lock();
        if state.current.as_ref().is_some_and(|token| is_same(&token.value, rejected)) {
            state.current = None;
            state.rejected = Some(rejected.clone());
        }
    }

    async fn refresh(self) -> Result<SecretString, ApiError> {
        let fetched = self.within_deadline(self.fetch()).await;
        let mut state = self.0.tokens.lock();
        state.refresh = None;
        let granted = fetched?;
        let life = Duration::from_secs(granted.expires_in);
        // Without the second bound a token of less than a minute would be fetched anew for every call.
        let usable = life.saturating_sub(MARGIN).max(life / 2);
        let value = granted.access_token.0;
        state.current = Some(Token { value: value.clone(), use_until: self.0.clock.now().after(usable) });
        Ok(value)
    }

    /// A refresh is forced only where WeChat hands out the very token that it rejects.
    async fn fetch(&self) -> Result<Granted, ApiError> {
        let granted = self.ask_for_token(false).await?;
        if self.may_force(&granted.access_token.0) {
            tracing::warn!(app_id = %self.0.settings.app_id, "WeChat hands out a token that it rejects: forcing a new one");
            return self.ask_for_token(true).await;
        }
        Ok(granted)
    }

    async fn ask_for_token(&self, force_refresh: bool) -> Result<Granted, ApiError> {
        let settings = &self.0.settings;
        let request = StableToken {
            grant_type: "client_credential",
            appid: settings.app_id.as_str(),
            secret: settings.app_secret.expose_secret(),
            force_refresh,
        };
        let url = self.endpoint("cgi-bin/stable_token", None);
        self.0.http.post(&url, http::json(&request)).await.map_err(|fault| self.explain(fault, None))
    }

    fn may_force(&self, granted: &SecretString) -> bool {
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
