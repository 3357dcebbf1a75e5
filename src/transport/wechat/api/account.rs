//! From what the operator wrote to a client.

use super::{ApiSettings, DEFAULT_DEADLINE, HttpClient, NoRootCertificates, TokenSource, WeChatApi};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::metrics::Metrics;

impl WeChatApi {
    /// The client of a configured account for one of the operator's commands: nobody counts its calls. Where the daemon
    /// uses `token`, this asks `stable_token`: another `token` would end the one that the daemon uses, and the two kinds
    /// know nothing of each other.
    ///
    /// # Errors
    /// As [`Self::of_account`].
    pub fn for_operator(account: &Account, clock: Clock) -> Result<Self, NoRootCertificates> {
        let token_source = match &account.token_source {
            config::TokenSource::Token => config::TokenSource::StableToken,
            other => other.clone(),
        };
        Self::of_account(&Account { token_source, ..account.clone() }, clock, &Metrics::new())
    }

    /// The client of a configured account; `metrics` counts its calls.
    ///
    /// # Errors
    /// [`NoRootCertificates`] where https is spoken and the machine has none.
    pub fn of_account(account: &Account, clock: Clock, metrics: &Metrics) -> Result<Self, NoRootCertificates> {
        let api_base = account.api_base.join("");
        let http = match &account.proxy {
            Some(proxy) => HttpClient::for_base_through(&api_base, proxy.expose())?,
            None => HttpClient::for_base(&api_base)?,
        };
        let token_source = match &account.token_source {
            config::TokenSource::StableToken => TokenSource::StableToken,
            config::TokenSource::Token => TokenSource::Token,
            config::TokenSource::Server(url) => {
                TokenSource::Server { url: url.clone(), http: Box::new(HttpClient::for_base(url)?) }
            }
        };
        let settings = ApiSettings {
            api_base,
            app_id: account.app_id.clone(),
            app_secret: account.app_secret.clone(),
            token_source,
            deadline: DEFAULT_DEADLINE,
        };
        Ok(Self::counted(settings, http, clock, metrics.wechat_api(&account.name)))
    }
}
