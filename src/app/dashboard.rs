//! The dashboard at work.

use axum::Router;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::Tree;
use crate::clock::Clock;
use crate::dashboard::Dashboard;
use crate::metrics::Metrics;
use crate::transport::admin::{self, DashboardHttp};

/// Its routes for the admin listener. What it shows is kept up to date until `stopping`.
pub(super) fn start(
    tree: &Tree,
    token: Option<SecretString>,
    (clock, metrics): (&Clock, &Metrics),
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Router {
    let dashboard = Dashboard::new(tree.history.clone(), metrics.clone(), clock.clone());
    tasks.spawn(dashboard.clone().run(stopping.clone()));
    let (logins, stop) = (tree.logins.clone(), stopping.clone());
    admin::dashboard_router(DashboardHttp { dashboard, logins, token, stop })
}
