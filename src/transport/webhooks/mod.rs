//! Webhooks: what websites' back ends are told without asking, by the convention of Standard Webhooks.
//!
//! The journal is the queue. One [`courier`] a website reads it from its own [`cursor`] on, makes a [`message`] of each event
//! that concerns the website, and [`post`]s it, signed ([`signature`]), until the website has taken it or it is too old. The cursor
//! moves behind what is settled only, so whatever a crash interrupts is told again, with the same id. A website that is
//! slow or away keeps its own messages waiting, in a bounded number, and nobody else's.
//!
//! Who follows the account or leaves it is no event of the journal, so that is told as long as the daemon runs, and not
//! over a restart.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

mod courier;
mod cursor;
mod message;
mod post;
mod signature;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::courier::Courier;
use self::cursor::Cursor;
use self::message::Message;
use self::post::Post;
use self::signature::Signer;
use super::wechat::api::{HttpClient, NoRootCertificates};
use crate::actors::History;
use crate::clock::Clock;
use crate::config::{Config, Scope};
use crate::domain::{AccountName, OpenId};
use crate::metrics::Metrics;

/// Followers that wait for one website's courier. Past it they are not told of.
const FOLLOWERS_WAITING: usize = 1024;

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

/// Whether somebody follows the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Following {
    /// They began to.
    Subscribed,
    /// They left.
    Unsubscribed,
}

/// For what is not in the journal. Clone it freely.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    by_account: Arc<HashMap<AccountName, Vec<mpsc::Sender<Message>>>>,
    clock: Option<Clock>,
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
        let mut by_account: HashMap<AccountName, Vec<mpsc::Sender<Message>>> = HashMap::new();
        let mut couriers = Vec::new();
        for client in &config.clients {
            let (Some(url), Some(secret)) = (&client.webhook_url, &client.webhook_secret) else { continue };
            let cursor = Cursor::open(folder, client.client_id.as_str(), history.head().borrow().seq)?;
            let metrics = metrics.webhooks(&client.client_id);
            let signer = Signer::new(secret);
            let post = Post::new(HttpClient::for_base(url)?, url.clone(), signer, clock.clone(), metrics.clone());
            let (told, followers) = mpsc::channel(FOLLOWERS_WAITING);
            // An openid is WeChat's own answer, and only who may ask for it is told of one.
            if client.scopes.contains(&Scope::Wechat) {
                by_account.entry(client.account.clone()).or_default().push(told);
            }
            couriers.push(Courier::new(client.client_id.clone(), history.clone(), cursor, post, followers));
        }
        for courier in couriers {
            tasks.spawn(courier.run(stopping.clone()));
        }
        Ok(Self { by_account: Arc::new(by_account), clock: Some(clock.clone()) })
    }

    /// Tells the account's websites that somebody follows it, or does no more.
    pub(in crate::transport) fn tell_following(&self, account: &AccountName, openid: &OpenId, following: Following) {
        let (Some(websites), Some(clock)) = (self.by_account.get(account), &self.clock) else { return };
        for website in websites {
            let message = Message::of_follower(account, openid, following, clock.now());
            if website.try_send(message).is_err() {
                tracing::warn!(%account, "a website is not told of a follower: too many wait for it");
            }
        }
    }
}
