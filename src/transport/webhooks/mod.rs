//! Webhooks: what websites' back ends are told without asking, by the convention of Standard Webhooks.
//!
//! The journal is the queue. One [`courier`] a website reads it from its own [`cursor`] on, makes a [`message`] of each event
//! that concerns the website, and [`post`]s it, signed ([`signature`]), until the website has taken it or it is too old. The cursor
//! moves behind what is settled only, so whatever a crash interrupts is told again, with the same id. A website that is
//! slow or away keeps its own messages waiting, in a bounded number, and nobody else's; one that is [`gone`] is told nothing more.
//!
//! Who follows an account or leaves it is noted in the journal where a website of that account is to hear of it, and only there.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

mod courier;
mod cursor;
mod gone;
mod message;
mod post;
mod signature;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::courier::Courier;
use self::cursor::Cursor;
use self::gone::Gone;
use self::post::Post;
use self::signature::Signer;
use super::wechat::api::{HttpClient, NoRootCertificates};
use crate::actors::History;
use crate::clock::Clock;
use crate::config::{Config, Scope};
use crate::domain::AccountName;
use crate::metrics::Metrics;

/// Why the webhooks cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    /// The file that says how far a website was told cannot be used.
    #[error("{path}: {reason}")]
    Cursor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No https server could be believed.
    #[error(transparent)]
    Certificates(#[from] NoRootCertificates),
}

/// Who is to hear of what. Clone it freely.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    with_followers: Arc<HashSet<AccountName>>,
}

impl Webhooks {
    /// Starts a courier for each website that has a `webhook_url`. Where one is new, what happens from now on is told.
    ///
    /// # Errors
    /// [`WebhooksError`], before anything runs.
    pub fn start(
        config: &Config,
        history: &History,
        folder: &Path,
        around: (&Clock, &Metrics),
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Result<Self, WebhooksError> {
        let (clock, metrics) = around;
        let mut with_followers = HashSet::new();
        let mut couriers = Vec::new();
        for client in &config.clients {
            let (Some(url), Some(secret)) = (&client.webhook_url, &client.webhook_secret) else { continue };
            let cursor = Cursor::open(folder, client.client_id.as_str(), history.head().borrow().seq)?;
            let gone = Gone::of(&cursor, url.as_str());
            if gone.is_noted() {
                let (client, file) = (&client.client_id, gone.path().display());
                tracing::error!(%client, %file, "the website has answered webhooks with 410 Gone, so it gets none: to begin again, remove the file or set another webhook_url");
                continue;
            }
            let metrics = metrics.webhooks(&client.client_id);
            let signer = Signer::new(secret);
            let post = Post::new(HttpClient::for_base(url)?, url.clone(), signer, clock.clone(), metrics.clone());
            // An openid is WeChat's own answer, and only who may ask for it is told of one.
            let followers_of = client.scopes.contains(&Scope::Wechat).then(|| client.account.clone());
            with_followers.extend(followers_of.clone());
            couriers.push(Courier::new(client.client_id.clone(), history.clone(), (cursor, gone), post, followers_of));
        }
        for courier in couriers {
            tasks.spawn(courier.run(stopping.clone()));
        }
        Ok(Self { with_followers: Arc::new(with_followers) })
    }

    /// Whether a website is to hear of who follows this account.
    pub(in crate::transport) fn tells_followers(&self, account: &AccountName) -> bool {
        self.with_followers.contains(account)
    }
}
