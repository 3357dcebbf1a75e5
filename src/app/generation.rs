//! What is made of one configuration, and follows it: a generation. While the daemon runs, another one may take its place
//! (docs/adr/0021).
//!
//! A generation shares with the next what lives with the process, and what must survive where its part of the configuration is
//! the same: full buckets, access tokens, codes at hand, connections of the original page. Its router answers requests until the
//! next has one; what was begun with it goes on as it began. What works in the background has one owner: that of the old ends
//! before that of the new begins.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::domain::AccountName;
use crate::transport::server::{Front, HEAD_TIMEOUT};
use crate::transport::wechat::api::WeChatApi;
use crate::transport::wechat::callback::Callbacks;
use crate::transport::{
    AroundPages, PlaceDatabase, PreparedWebhooks, QrCodes, RateLimits, Site, Sockets, Unionids, Webhooks, public,
};

use super::RunError;
use super::core::Core;

/// How long the background of a generation may take to end: a courier notes how far its website was told.
const ENDING: Duration = Duration::from_secs(2);

/// What all generations share beside the [`Core`].
pub(super) struct Commons {
    /// Beside the routes of the daemon.
    pub(super) mounts: Router,
    pub(super) sockets: Arc<Sockets>,
    pub(super) unionids: Unionids,
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Everything of one configuration.
pub(super) struct Generation {
    pub(super) site: Arc<Site>,
    /// Ends what works in the background.
    ending: CancellationToken,
    background: TaskTracker,
}

/// One whose background does not run yet.
pub(super) struct Prepared {
    generation: Generation,
    webhooks: PreparedWebhooks,
}

impl Generation {
    /// Everything that can fail, and nothing that works by itself.
    ///
    /// # Errors
    /// [`RunError`], with its cure; nothing was changed.
    pub(super) fn prepare(
        config: Config,
        core: &Core,
        commons: &Commons,
        previous: Option<&Self>,
    ) -> Result<Prepared, RunError> {
        let previous = previous.map(|generation| &*generation.site);
        let wechat = wechat_apis(&config, core, previous)?;
        let callbacks = match previous {
            Some(previous) => previous.callbacks.followed_by(&config)?,
            None => Callbacks::new(&config, core.recall.clone(), commons.tasks.clone())?,
        };
        let limits = match previous {
            Some(previous) => previous.limits.followed_by(&config.limits),
            None => RateLimits::new(&config.limits),
        };
        let webhooks_folder = config.store.path.join("webhooks");
        let around = (&core.clock, &core.metrics);
        let webhooks = Webhooks::prepare(&config, &core.history, &webhooks_folder, around)?;
        let place_database = config.server.place_database.as_deref().map(PlaceDatabase::open).transpose()?;
        let qr_codes = match previous {
            Some(previous) => previous.qr_codes.followed_by(&config, &wechat, &core.clock, &core.metrics),
            None => QrCodes::new(&config, &wechat, &core.clock, &core.metrics),
        };
        let around_pages = AroundPages {
            keys: &core.keys,
            logins: &core.logins,
            metrics: &core.metrics,
            traces: &core.traces,
            sockets: &commons.sockets,
            stopping: &commons.stopping,
            tasks: &commons.tasks,
        };
        let connections = previous.map(|previous| previous.page_connections.clone()).unwrap_or_default();
        let page_connections = connections.followed_by(&config, &around_pages);
        let site = Arc::new(Site {
            config,
            logins: core.logins.clone(),
            followers: core.followers.clone(),
            keys: core.keys.clone(),
            id_token_keys: core.id_token_keys.clone(),
            clock: core.clock.clone(),
            limits,
            metrics: core.metrics.clone(),
            traces: core.traces.clone(),
            wechat,
            unionids: commons.unionids.clone(),
            page_connections,
            qr_codes,
            callbacks,
            place_database,
            webhooks: webhooks.told(),
            sockets: commons.sockets.clone(),
            stopping: commons.stopping.clone(),
            tasks: commons.tasks.clone(),
        });
        let ending = commons.stopping.child_token();
        Ok(Prepared { generation: Self { site, ending, background: TaskTracker::new() }, webhooks })
    }

    /// What the public listener shows.
    pub(super) fn front(&self, mounts: Router) -> Arc<Front> {
        let server = &self.site.config.server;
        Arc::new(Front {
            router: public::router(self.site.clone(), mounts),
            trusted_proxies: server.trusted_proxies.clone(),
            tls: server.tls.as_ref().map(|tls| tls.server.clone()),
            head_timeout: HEAD_TIMEOUT,
        })
    }

    /// Leaves everything to `next`, which answers already.
    pub(super) async fn leave_to(&self, next: &Self) {
        self.site.page_connections.end_unless(&next.site.page_connections);
        self.site.qr_codes.close_beside(&next.site.qr_codes).await;
    }

    /// Ends for good.
    pub(super) async fn stop(&self) {
        self.end_background().await;
        self.site.qr_codes.close().await;
    }

    /// Ends what works in the background.
    pub(super) async fn end_background(&self) {
        self.ending.cancel();
        self.background.close();
        if tokio::time::timeout(ENDING, self.background.wait()).await.is_err() {
            tracing::warn!("what tells websites, or makes QR codes, has not ended in time");
        }
    }
}

impl Prepared {
    /// Begins to work. Where a website cannot be told, everything else works.
    pub(super) fn begin(self) -> (Generation, Result<(), RunError>) {
        let Self { generation, webhooks } = self;
        let Site { metrics, wechat, .. } = &*generation.site;
        metrics.show_wechat(wechat.values().map(|api| api.metrics().clone()));
        generation.site.qr_codes.keep_filled(&generation.background, &generation.ending);
        let told = webhooks.start(&generation.background, &generation.ending);
        (generation, told.map_err(RunError::from))
    }

    pub(super) fn config(&self) -> &Config {
        &self.generation.site.config
    }
}

/// An account that is reached as before keeps its access token, and what is known of its refusals.
fn wechat_apis(
    config: &Config,
    core: &Core,
    previous: Option<&Site>,
) -> Result<HashMap<AccountName, WeChatApi>, RunError> {
    let mut apis = HashMap::new();
    for account in &config.accounts {
        let before = previous.and_then(|previous| {
            let before = previous.config.account(&account.name)?;
            previous.wechat.get(&account.name).filter(|_| account.reaches_wechat_as(before)).cloned()
        });
        let api = match before {
            Some(api) => api,
            None => WeChatApi::of_account(account, core.clock.clone(), &core.metrics)?,
        };
        apis.insert(account.name.clone(), api);
    }
    Ok(apis)
}
