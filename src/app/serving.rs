//! What is at work while the daemon serves.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Taken};
use crate::recall::Recall;
use crate::transport::admin::{self, AdminSocket};
use crate::transport::server::{self, Front, Places};
use crate::transport::{Sockets, Unionids};

use super::admin::{AdminListener, commands};
use super::core::{Core, Errands, admission_limits};
use super::dashboard::DashboardView;
use super::generation::{Commons, Generation};
use super::{RunError, id_token_keys, observation};

/// How often what is over is removed from what is remembered beside the journal.
const SWEEP: Duration = Duration::from_secs(5);

/// The listeners, and what works beside them.
pub(super) struct Serving {
    core: Core,
    commons: Commons,
    generation: Generation,
    front: watch::Sender<Arc<Front>>,
    admin: AdminListener,
    dashboard: DashboardView,
    listening: TaskTracker,
}

impl Serving {
    pub(super) async fn start(
        config: Config,
        (public, mounts): (TcpListener, Router),
        (admin, listening): (AdminListener, TaskTracker),
        (core, errands): (Core, Errands),
        stopping: CancellationToken,
    ) -> Result<Self, RunError> {
        let places = Places::take();
        let sockets = Sockets::new(places.sockets);
        let (unionids, tasks) = (Unionids::default(), TaskTracker::new());
        let commons = Commons { mounts, sockets, unionids, stopping, tasks };
        let socket = AdminSocket::bind(&config.admin.socket).await?;
        let prepared = Generation::prepare(config, &core, &commons, None)?;
        let stopping = &commons.stopping;
        commons.tasks.spawn(core.checkpointer.clone().run(stopping.clone()).boxed());
        if let Some(retention) = errands.retention {
            commons.tasks.spawn(retention.run(stopping.clone()).boxed());
        }
        commons.tasks.spawn(sweep(core.recall.clone(), stopping.clone()).boxed());
        commons.tasks.spawn(id_token_keys::turn(core.id_token_keys.clone(), stopping.clone()).boxed());
        let (generation, told) = prepared.begin();
        told?;
        let folders = observation::Folders::of(&generation.site.config);
        let looking = observation::look_at_the_disk(core.metrics.clone(), folders, stopping.clone());
        commons.tasks.spawn(looking.boxed());
        let http = Arc::new(Semaphore::new(places.http));
        observation::observe_serving(&core.metrics, http.clone(), places.http, admin.readiness());
        let front = watch::Sender::new(generation.front(commons.mounts.clone()));
        let commands =
            commands(&generation.site.config, &core, (errands.forgetting, commons.unionids.clone()), stopping);
        listening.spawn(server::serve(public, front.subscribe(), http, stopping.clone()).boxed());
        listening.spawn(admin::serve(socket, commands, stopping.clone()).boxed());
        let dashboard = DashboardView::start(&core, &commons.tasks, stopping);
        let mut serving = Self { core, commons, generation, front, admin, dashboard, listening };
        serving.show_admin();
        Ok(serving)
    }

    /// Takes another configuration in the place of the one that runs, or leaves that as it is; the log says which.
    pub(super) async fn reload(&mut self, config: Config) {
        let Taken { config, changed, at_the_next_start } = config.taken_by(&self.generation.site.config);
        let prepared = match Generation::prepare(config, &self.core, &self.commons, Some(&self.generation)) {
            Ok(prepared) => prepared,
            Err(error) => {
                let cure = error.cure();
                tracing::error!("the configuration is refused, and the one before goes on: {error}\n    {cure}");
                return;
            }
        };
        self.core.logins.limit(admission_limits(prepared.config()));
        self.generation.end_background().await;
        let (generation, told) = prepared.begin();
        if let Err(error) = told {
            tracing::error!("a website is not told of its logins: {error}\n    {}", error.cure());
        }
        self.front.send_replace(generation.front(self.commons.mounts.clone()));
        let previous = std::mem::replace(&mut self.generation, generation);
        self.show_admin();
        previous.leave_to(&self.generation).await;
        self.end_logins_if_off(&previous.site.config).await;
        tell(&changed, &at_the_next_start);
    }

    /// Lets the admin listener answer by the configuration that runs.
    fn show_admin(&mut self) {
        let settings = &self.generation.site.config.admin;
        let dashboard = self.dashboard.router(settings.token.clone());
        let (history, logins) = (self.core.history.clone(), self.core.logins.clone());
        self.admin.show(settings, Some((history, logins, self.commons.sockets.clone(), dashboard)));
    }

    async fn end_logins_if_off(&self, previous: &Config) {
        match (previous.server.logins, self.generation.site.config.server.logins) {
            (true, false) => match self.core.logins.end_what_goes_on().await {
                Ok(ended) => {
                    tracing::warn!(ended, "logins are turned off: none begins, and those that went on have ended");
                }
                Err(_) => tracing::error!(
                    "logins are turned off, and not all that went on could be ended; reload again, or restart"
                ),
            },
            (false, true) => tracing::info!("logins are turned on again"),
            _ => {}
        }
    }

    /// Stops accepting, tells who is there to come back, and finishes what is in flight.
    pub(super) async fn stop(self) {
        self.commons.stopping.cancel();
        self.listening.close();
        self.listening.wait().await;
        self.commons.tasks.close();
        let goodbyes = tokio::time::timeout(server::GRACE, self.commons.tasks.wait());
        let (goodbyes, ()) = tokio::join!(goodbyes, self.generation.stop());
        if goodbyes.is_err() {
            tracing::info!("some peers did not say goodbye in time");
        }
    }
}

fn tell(changed: &[String], at_the_next_start: &[String]) {
    if !changed.is_empty() {
        tracing::info!(changed = changed.join(", "), "the configuration was read again, and is in force");
    } else if at_the_next_start.is_empty() {
        tracing::info!("the configuration was read again: nothing is different");
    }
    if !at_the_next_start.is_empty() {
        let keys = at_the_next_start.join(", ");
        tracing::warn!(keys, "what is fixed at the start was written differently: restart the daemon for it");
    }
}

async fn sweep(recall: Recall, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
        recall.sweep();
    }
}
