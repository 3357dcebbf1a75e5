//! What is at work while the daemon serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::AccountName;
use crate::metrics::Metrics;
use crate::recall::Recall;
use crate::store::folder_id;
use crate::transport::admin::{self, AdminHttp, AdminSocket};
use crate::transport::server::{self, Places};
use crate::transport::wechat::api::{NoRootCertificates, WeChatApi};
use crate::transport::wechat::callback::Callbacks;
use crate::transport::{PlaceDatabase, QrCodes, RateLimits, Site, Unionids, Webhooks, public};

use super::checkpoints::signing;
use super::core::Core;
use super::{Listeners, RunError, id_token_keys};

/// Most connections to the admin listener.
const ADMIN_CONNECTIONS: usize = 64;

/// How often what is over is removed from what is remembered beside the journal.
const SWEEP: Duration = Duration::from_secs(5);

/// The listeners at work.
pub(super) struct Serving {
    ready: watch::Sender<bool>,
    stopping: CancellationToken,
    listening: TaskTracker,
    tasks: TaskTracker,
    qr_codes: QrCodes,
}

impl Serving {
    pub(super) async fn start(
        config: Config,
        listeners: Listeners,
        mounts: Router,
        core: Core,
        wechat: HashMap<AccountName, WeChatApi>,
    ) -> Result<Self, RunError> {
        let serving = Self {
            ready: watch::Sender::new(false),
            stopping: CancellationToken::new(),
            listening: TaskTracker::new(),
            tasks: TaskTracker::new(),
            qr_codes: QrCodes::new(&config, &wechat, &core.clock, &core.metrics),
        };
        let history = &core.history;
        let (ready, hosts) = (serving.ready.subscribe(), config.admin.hosts.clone());
        let admin_router =
            admin::http_router(AdminHttp { history: history.clone(), ready, hosts, metrics: core.metrics.clone() });
        let socket = AdminSocket::bind(&config.admin.socket).await?;
        let unionids = Unionids::default();
        let commands = admin::events_router(history.clone(), serving.stopping.clone())
            .merge(admin::records_router(history.clone(), serving.stopping.clone()))
            .merge(admin::forget_router(core.forgetting, unionids.clone()))
            .merge(admin::checkpoint_router(signing(core.checkpointer.clone())));
        let commands = match folder_id(&config.store.path) {
            Ok(journal) => admin::for_journal(journal, commands),
            Err(_) => commands,
        };
        let places = Places::take();
        let trusted_proxies = config.server.trusted_proxies.clone();
        serving.tasks.spawn(core.checkpointer.run(serving.stopping.clone()));
        if let Some(retention) = core.retention {
            serving.tasks.spawn(retention.run(serving.stopping.clone()));
        }
        serving.tasks.spawn(sweep(core.recall.clone(), serving.stopping.clone()));
        serving.tasks.spawn(id_token_keys::turn(core.id_token_keys.clone(), serving.stopping.clone()));
        let callbacks = Callbacks::new(&config, core.recall, serving.tasks.clone())?;
        serving.qr_codes.keep_filled(&serving.tasks, &serving.stopping);
        let limits = RateLimits::new(&config.limits);
        let (around, tasks, stopping) = ((&core.clock, &core.metrics), &serving.tasks, &serving.stopping);
        let webhooks = Webhooks::start(&config, history, &config.store.path.join("webhooks"), around, tasks, stopping)?;
        let place_database = config.server.place_database.as_deref().map(PlaceDatabase::open).transpose()?;
        let site = Arc::new(Site {
            config,
            logins: core.logins,
            followers: core.followers,
            keys: core.keys,
            id_token_keys: core.id_token_keys,
            clock: core.clock,
            limits,
            metrics: core.metrics,
            wechat,
            unionids,
            qr_codes: serving.qr_codes.clone(),
            callbacks,
            place_database,
            webhooks,
            places,
            sockets: Arc::new(Semaphore::new(places.sockets)),
            stopping: serving.stopping.clone(),
            tasks: serving.tasks.clone(),
        });
        let router = public::router(site, mounts);
        let stopping = || serving.stopping.clone();
        let listening = &serving.listening;
        listening.spawn(server::serve(listeners.public, router, trusted_proxies, places.http, stopping()));
        listening.spawn(server::serve(listeners.admin, admin_router, Vec::new(), ADMIN_CONNECTIONS, stopping()));
        listening.spawn(admin::serve(socket, commands, stopping()));
        serving.ready.send_replace(true);
        tracing::info!("serving");
        Ok(serving)
    }

    /// Stops accepting, tells who is there to come back, and finishes what is in flight.
    pub(super) async fn stop(self) {
        self.ready.send_replace(false);
        self.stopping.cancel();
        self.listening.close();
        self.listening.wait().await;
        self.tasks.close();
        if tokio::time::timeout(server::GRACE, self.tasks.wait()).await.is_err() {
            tracing::info!("some peers did not say goodbye in time");
        }
        self.qr_codes.close().await;
    }
}

async fn sweep(recall: Recall, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
        recall.sweep();
    }
}

pub(super) fn wechat_apis(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<HashMap<AccountName, WeChatApi>, NoRootCertificates> {
    let mut apis = HashMap::new();
    for account in &config.accounts {
        apis.insert(account.name.clone(), WeChatApi::of_account(account, clock.clone(), metrics)?);
    }
    Ok(apis)
}
