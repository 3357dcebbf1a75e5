//! QR codes for logins, each with a scene id of its own: from a small shelf of codes that were made ahead, so that a page
//! need not wait for WeChat and logins go on while it is away; past the shelf, from WeChat itself.
//!
//! A code is given once. One that would not outlive its session is thrown away. Making a code costs quota, so few are kept,
//! each for an hour: an idle daemon makes some hundred a day. How many may be made a day is limited, and no address may have
//! taken more of them than remain for everybody else.

mod budget;
mod ledger;
mod shelf;
mod source;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, random_bytes};
use crate::config::{AccountKind, Config, Qr};
use crate::domain::{AccountName, QrCode, SceneId};
use crate::metrics::Metrics;

use super::client_address::ClientAddress;
use super::wechat::api::WeChatApi;
use ledger::Ledger;
use shelf::Shelf;
use source::Source;

/// How much longer than its session a QR code lives at WeChat, so that a late scan is still told to us.
const MARGIN: Duration = Duration::from_secs(60);
/// Most codes that an account keeps at hand.
const PREPARED: usize = 8;
/// One code is kept at hand for so many a day: an account that may make few does not lay them up.
const BUDGET_PER_PREPARED: u32 = 100;
/// When to try again where only an operator can help.
const LATER: Duration = Duration::from_secs(30);

/// The QR codes of all accounts. Clone it freely: the clones share the shelves.
#[derive(Clone)]
pub struct QrCodes(Arc<HashMap<AccountName, Arc<Source>>>);

/// A code that nobody else gets, and its scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) scene: SceneId,
    pub(super) qr: QrCode,
}

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCode {
    /// WeChat gives none; when to try again.
    Away(Duration),
    /// This address has had its share of today's; when to try again.
    AddressUsedUp(Duration),
    /// Today's are used up; when to try again.
    UsedUp(Duration),
    /// There is no such account.
    NoAccount,
}

impl QrCodes {
    /// For every account that `wechat` reaches; no code is made yet. Reads below the store's folder what was used today.
    pub fn new(config: &Config, wechat: &HashMap<AccountName, WeChatApi>, clock: &Clock, metrics: &Metrics) -> Self {
        Self(Arc::default()).followed_by(config, wechat, clock, metrics)
    }

    /// Those of another configuration. An account for which nothing is different keeps its codes; each that stays keeps
    /// what was used today.
    #[must_use]
    pub fn followed_by(
        &self,
        config: &Config,
        wechat: &HashMap<AccountName, WeChatApi>,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Self {
        let sources = config.accounts.iter().filter_map(|account| {
            let api = wechat.get(&account.name)?.clone();
            let needs = config.session.ttl.saturating_add(MARGIN);
            let metrics = metrics.qr_codes(&account.name);
            let shelf = Shelf::new(shelf_size(config, &account.name), needs);
            let source = match self.0.get(&account.name) {
                Some(source) if source.is_same(account, &api, &shelf) => source.clone(),
                Some(source) => Arc::new(source.followed_by(account, api, shelf)),
                None => {
                    let ledger = Ledger::new(&config.store.path, &account.name);
                    Arc::new(Source::new(account, api, shelf, ledger, clock.clone(), metrics))
                }
            };
            Some((account.name.clone(), source))
        });
        Self(Arc::new(sources.collect()))
    }

    /// Fills the shelves, and goes on doing so until `stopping`: one task an account.
    pub fn keep_filled(&self, tasks: &TaskTracker, stopping: &CancellationToken) {
        for source in self.0.values().filter(|source| source.has_shelf()) {
            let (source, stopping) = (source.clone(), stopping.clone());
            let filling = async move {
                let _ = stopping.run_until_cancelled_owned(source.keep_filled()).await;
            };
            tasks.spawn(filling.boxed());
        }
    }

    /// A code for a login with this account, of a visitor from this address.
    pub(super) async fn take(&self, account: &AccountName, from: ClientAddress) -> Result<Code, NoCode> {
        self.0.get(account).ok_or(NoCode::NoAccount)?.take(from.network()).await
    }

    /// Writes down how many were used today of the accounts that `next` has no codes of.
    pub async fn close_beside(&self, next: &Self) {
        for (_, source) in self.0.iter().filter(|(account, _)| !next.0.contains_key(*account)) {
            source.close().await;
        }
    }

    /// Writes down how many were used today, when no more are made.
    pub async fn close(&self) {
        for source in self.0.values() {
            source.close().await;
        }
    }
}

/// A scene that nobody had before: the account's prefix and 128 random bits.
pub(super) fn new_scene(prefix: &str) -> SceneId {
    let random = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
    SceneId::new(format!("{prefix}{random}")).expect("the configuration checked the prefix")
}

/// How many codes an account keeps at hand: none where nobody shows them, or where WeChat gives it none.
fn shelf_size(config: &Config, name: &AccountName) -> usize {
    let Some(account) = config.account(name) else { return 0 };
    let is_shown = config.clients.iter().any(|client| client.account == *name && client.qr == Qr::Scene);
    if !config.server.logins || !is_shown || account.kind == AccountKind::Subscription {
        return 0;
    }
    PREPARED.min((account.qr_daily_budget.get() / BUDGET_PER_PREPARED) as usize)
}

#[cfg(test)]
mod tests;
