//! The dashboard at work.

use axum::Router;
use futures_util::FutureExt;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::Logins;
use crate::dashboard::Dashboard;
use crate::transport::admin::{self, DashboardHttp};

use super::core::Core;

/// What the dashboard shows, for as long as the daemon serves, and who may see it by the configuration that runs.
pub(super) struct DashboardView {
    dashboard: Dashboard,
    logins: Logins,
    stopping: CancellationToken,
    /// Cancelled where the configuration is another: who was let in by the one before has to ask again.
    streams: CancellationToken,
}

impl DashboardView {
    /// Keeps up to date until `stopping`.
    pub(super) fn start(core: &Core, tasks: &TaskTracker, stopping: &CancellationToken) -> Self {
        let dashboard = Dashboard::new(core.history.clone(), core.metrics.clone(), core.clock.clone());
        tasks.spawn(dashboard.clone().run(stopping.clone()).boxed());
        let (stopping, streams) = (stopping.clone(), stopping.child_token());
        Self { dashboard, logins: core.logins.clone(), stopping, streams }
    }

    /// Its routes for the admin listener, with this token from now on.
    pub(super) fn router(&mut self, token: Option<SecretString>) -> Router {
        self.streams.cancel();
        self.streams = self.stopping.child_token();
        let (dashboard, logins, stop) = (self.dashboard.clone(), self.logins.clone(), self.streams.clone());
        admin::dashboard_router(DashboardHttp { dashboard, logins, token, stop })
    }
}
