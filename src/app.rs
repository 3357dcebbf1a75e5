//! The composition root: the only one that knows every layer.

mod admin;
mod checkpoints;
mod core;
mod dashboard;
mod error;
mod generation;
mod id_token_keys;
mod journal;
mod memory;
mod observation;
pub mod offline;
mod outside;
mod serving;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{self, IfOther};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::EventStore;
use crate::traces::Traces;
use crate::transport::admin::Readiness;

pub use self::checkpoints::audit_setup;
pub use self::error::RunError;
pub use self::outside::{Outside, Reload};

use self::admin::AdminListener;
use self::checkpoints::sign_the_end;
use self::core::{Core, Opened};
use self::serving::Serving;

/// The sockets, bound by the caller: so a test takes any port, and a service manager may have bound them.
pub struct Listeners {
    /// For browsers, phones and WeChat.
    pub public: TcpListener,
    /// For the operator.
    pub admin: TcpListener,
}

/// How long the journal may take to finish what it has accepted when the daemon stops.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs the daemon until it is told to stop; `mounts` is served on the public listener beside its own routes. A journal
/// that does not extend its last checkpoint is treated as `if_other` says.
///
/// Boxed, as all that lives as long as the daemon: what a runtime is given unboxed is compiled once for each of its schedulers.
///
/// # Errors
/// [`RunError`] where it cannot start, and where it had to stop.
pub fn run(
    config: Config,
    listeners: Listeners,
    mounts: Router,
    if_other: IfOther,
    outside: Outside,
) -> BoxFuture<'static, Result<(), RunError>> {
    live(config, listeners, mounts, if_other, outside).boxed()
}

async fn live(
    config: Config,
    listeners: Listeners,
    mounts: Router,
    if_other: IfOther,
    outside: Outside,
) -> Result<(), RunError> {
    let Outside { shutdown, mut reloads, readiness } = outside;
    let (clock, metrics, traces) = (Clock::system(), Metrics::new(), Traces::from_environment());
    let (stopping, listening) = (CancellationToken::new(), TaskTracker::new());
    // Whatever is at work by then ends with a start that is given up.
    let _ends = stopping.clone().drop_guard();
    readiness.send_replace(Readiness::Starting("opening the journal"));
    let subscribed = readiness.subscribe();
    let admin = AdminListener::open(listeners.admin, &config.admin, subscribed, metrics.clone(), &listening, &stopping);
    if if_other == IfOther::Refuse {
        audit::journal_is_there(&config.store.path, &config.keys.path)?;
        audit::key_is_there(&config.store.path, &config.keys.path, &config.keys.checkpoint_key_file)?;
    }
    let began = Instant::now();
    let journal = tokio::select! {
        opened = journal::open(&config, &readiness) => Arc::new(opened?),
        () = shutdown.cancelled() => return Ok(()),
    };
    observation::observe_journal(&metrics, &journal, &clock);
    readiness.send_replace(Readiness::Starting("bringing back what was pending"));
    let Opened { tree, core, errands } =
        Core::open(&config, &journal, if_other, clock, (metrics, traces.clone()), began).await?;
    let checkpointer = core.checkpointer.clone();
    let (public, admin) = ((listeners.public, mounts), (admin, listening));
    let mut serving = Serving::start(config, public, admin, (core, errands), stopping).await?;
    readiness.send_replace(Readiness::Ready);
    tracing::info!("serving");
    let mut failure = journal::failure(journal.head());
    let outcome = loop {
        tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            failed = &mut failure => {
                break Err(RunError::Journal(failed.unwrap_or_else(|panicked| panicked.to_string().into())));
            }
            () = tree.failed() => break Err(RunError::Tree),
            Some(reload) = reloads.recv() => {
                serving.reload(reload.config).await;
                // Whoever asked may be gone.
                let _ = reload.done.send(());
            }
        }
    };
    readiness.send_replace(Readiness::Stopping);
    tracing::info!("stopping");
    serving.stop().await;
    let closing = async {
        tree.stop().await;
        sign_the_end(&checkpointer).await;
        journal.close().await;
        traces.finish().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        return outcome.and(Err(RunError::Stuck));
    }
    tracing::info!("stopped");
    outcome
}
