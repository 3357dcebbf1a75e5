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
mod line_file;
mod message;
mod post;
mod signature;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
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
use crate::domain::{AccountName, ClientId};
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

/// Everything for the couriers of a configuration; none runs.
pub struct PreparedWebhooks {
    with_followers: HashSet<AccountName>,
    folder: PathBuf,
    history: History,
    doors: Vec<Door>,
}

/// Where one website is told.
struct Door {
    client: ClientId,
    post: Post,
    followers_of: Option<AccountName>,
    gone: Gone,
}

impl Webhooks {
    /// Prepares a courier for each website that has a `webhook_url`. Where one is new, what happens from now on is told.
    ///
    /// # Errors
    /// [`WebhooksError`].
    pub fn prepare(
        config: &Config,
        history: &History,
        folder: &Path,
        (clock, metrics): (&Clock, &Metrics),
    ) -> Result<PreparedWebhooks, WebhooksError> {
        let mut with_followers = HashSet::new();
        let mut doors = Vec::new();
        for client in &config.clients {
            let (Some(url), Some(secret)) = (&client.webhook_url, &client.webhook_secret) else { continue };
            // Begun here, and seen to be usable; read where the courier starts.
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
            doors.push(Door { client: client.client_id.clone(), post, followers_of, gone });
        }
        Ok(PreparedWebhooks { with_followers, folder: folder.to_owned(), history: history.clone(), doors })
    }

    /// Whether a website is to hear of who follows this account.
    pub(in crate::transport) fn tells_followers(&self, account: &AccountName) -> bool {
        self.with_followers.contains(account)
    }
}

impl PreparedWebhooks {
    /// Who will hear of what.
    pub fn told(&self) -> Webhooks {
        Webhooks { with_followers: Arc::new(self.with_followers.clone()) }
    }

    /// Starts the couriers, when no other courier of these websites runs any more: a cursor has one owner.
    ///
    /// # Errors
    /// [`WebhooksError::Cursor`] of the first website whose cursor cannot be read any more; the others are told.
    pub fn start(self, tasks: &TaskTracker, stopping: &CancellationToken) -> Result<(), WebhooksError> {
        let head = self.history.head().borrow().seq;
        let mut started = Ok(());
        for Door { client, post, followers_of, gone } in self.doors {
            match Cursor::open(&self.folder, client.as_str(), head) {
                Ok(cursor) => {
                    let courier = Courier::new(client, self.history.clone(), (cursor, gone), post, followers_of);
                    tasks.spawn(courier.run(stopping.clone()).boxed());
                }
                Err(error) => started = started.and(Err(error)),
            }
        }
        started
    }
}
