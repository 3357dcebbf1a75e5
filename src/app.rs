//! The composition root: the only one that knows every layer.

mod checkpoints;
mod core;
mod error;
mod id_token_keys;
mod journal;
pub mod offline;
mod serving;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::audit::{self, IfOther};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::EventStore;

pub use self::checkpoints::audit_setup;
pub use self::error::RunError;

use self::checkpoints::sign_the_end;
use self::core::Core;
use self::serving::{Serving, wechat_apis};

/// The sockets, bound by the caller: so a test takes any port, and a service manager may have bound them.
pub struct Listeners {
    /// For browsers, phones and WeChat.
    pub public: TcpListener,
    /// For the operator.
    pub admin: TcpListener,
}

/// How long the journal may take to finish what it has accepted when the daemon stops.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs the daemon until `shutdown` resolves; `mounts` is served on the public listener beside its own routes. A journal
/// that does not extend its last checkpoint is treated as `if_other` says.
///
/// # Errors
/// [`RunError`] where it cannot start, and where it had to stop.
pub async fn run(
    config: Config,
    listeners: Listeners,
    mounts: Router,
    if_other: IfOther,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let mut shutdown = pin!(shutdown);
    let clock = Clock::system();
    let metrics = Metrics::new();
    let wechat = wechat_apis(&config, &clock, &metrics)?;
    if if_other == IfOther::Refuse {
        audit::journal_is_there(&config.store.path, &config.keys.path)?;
        audit::key_is_there(&config.store.path, &config.keys.path, &config.keys.checkpoint_key_file)?;
    }
    let journal = tokio::select! {
        opened = journal::open(&config) => Arc::new(opened?),
        () = &mut shutdown => return Ok(()),
    };
    let (tree, core) = Core::open(&config, &journal, if_other, clock, metrics).await?;
    let checkpointer = core.checkpointer.clone();
    let serving = Serving::start(config, listeners, mounts, core, wechat).await?;
    let outcome = tokio::select! {
        () = &mut shutdown => Ok(()),
        reason = journal::failure(journal.head()) => Err(RunError::Journal(reason)),
        () = tree.failed() => Err(RunError::Tree),
    };
    tracing::info!("stopping");
    serving.stop().await;
    let closing = async {
        tree.stop().await;
        sign_the_end(&checkpointer).await;
        journal.close().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        return outcome.and(Err(RunError::Stuck));
    }
    tracing::info!("stopped");
    outcome
}
