//! The dashboard at work.

use axum::Router;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dashboard::Dashboard;
use crate::transport::admin::{self, DashboardHttp};

use super::core::Core;

/// Its routes for the admin listener. What it shows is kept up to date until `stopping`.
pub(super) fn start(
    core: &Core,
    token: Option<SecretString>,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Router {
    let dashboard = Dashboard::new(core.history.clone(), core.metrics.clone(), core.clock.clone());
    tasks.spawn(dashboard.clone().run(stopping.clone()));
    let (logins, stop) = (core.logins.clone(), stopping.clone());
    admin::dashboard_router(DashboardHttp { dashboard, logins, token, stop })
}
