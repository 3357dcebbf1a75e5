//! The operator's ways in: the listener, which answers from the first moment on, and the socket.

use std::sync::Arc;

use axum::Router;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{Forgetting, History, Logins};
use crate::config::{Admin, Config};
use crate::metrics::Metrics;
use crate::store::folder_id;
use crate::transport::admin::{self, AdminHttp, Readiness};
use crate::transport::server::{self, Front};
use crate::transport::{Sockets, Unionids};

use super::checkpoints::signing;
use super::core::Core;

/// Most connections to the admin listener.
const ADMIN_CONNECTIONS: usize = 64;

/// The admin listener.
pub(super) struct AdminListener {
    front: watch::Sender<Arc<Front>>,
    readiness: watch::Receiver<Readiness>,
    metrics: Metrics,
}

impl AdminListener {
    /// Begins to answer, while there is no journal yet: whoever looks can see that the daemon lives, and what it waits for.
    pub(super) fn open(
        listener: TcpListener,
        settings: &Admin,
        readiness: watch::Receiver<Readiness>,
        metrics: Metrics,
        listening: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Self {
        let front = watch::Sender::new(Front::for_operator(Router::new()));
        let admin = Self { front, readiness, metrics };
        admin.show(settings, None);
        let front = admin.front.subscribe();
        let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
        listening.spawn(server::serve(listener, front, places, stopping.clone()).boxed());
        admin
    }

    /// Whether the daemon takes requests.
    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.clone()
    }

    /// Answers by these settings from now on, and of this journal, which the dashboard shows.
    pub(super) fn show(&self, settings: &Admin, journal: Option<(History, Logins, Arc<Sockets>, Router)>) {
        let (history, logins, sockets, dashboard) = match journal {
            Some((history, logins, sockets, dashboard)) => (Some(history), Some(logins), Some(sockets), dashboard),
            None => (None, None, None, Router::new()),
        };
        let admin = AdminHttp {
            history,
            logins,
            sockets,
            readiness: self.readiness.clone(),
            hosts: settings.hosts.clone(),
            metrics: self.metrics.clone(),
        };
        self.front.send_replace(Front::for_operator(admin::http_router(admin, dashboard)));
    }
}

/// What the program's own commands ask, of this journal and no other.
pub(super) fn commands(
    config: &Config,
    core: &Core,
    (forgetting, unionids): (Forgetting, Unionids),
    stopping: &CancellationToken,
) -> Router {
    let commands = admin::events_router(core.history.clone(), stopping.clone())
        .merge(admin::records_router(core.history.clone(), stopping.clone()))
        .merge(admin::forget_router(forgetting, unionids))
        .merge(admin::sessions_router(core.logins.clone(), core.history.clone(), core.clock.clone()))
        .merge(admin::checkpoint_router(signing(core.checkpointer.clone())));
    match folder_id(&config.store.path) {
        Ok(journal) => admin::for_journal(journal, commands),
        Err(_) => commands,
    }
}
