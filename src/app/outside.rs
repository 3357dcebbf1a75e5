//! What is around a running daemon: who tells it something, and who is told how far it is.

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::transport::admin::Readiness;

/// The outside, as the daemon sees it.
pub struct Outside {
    /// Cancelled when the daemon is to stop.
    pub shutdown: CancellationToken,
    /// Configurations that are to take the place of the one that runs.
    pub reloads: mpsc::Receiver<Reload>,
    /// How far the daemon is.
    pub readiness: watch::Sender<Readiness>,
}

/// A configuration that is to be taken while the daemon runs.
pub struct Reload {
    /// Valid, as all are.
    pub config: Config,
    /// Told when it is in force, or was refused; the log says which.
    pub done: oneshot::Sender<()>,
}

impl Outside {
    /// One in which nobody reloads anything, or listens.
    pub fn until(shutdown: CancellationToken) -> Self {
        let (_, reloads) = mpsc::channel(1);
        Self { shutdown, reloads, readiness: watch::Sender::new(Readiness::Starting("nothing yet")) }
    }
}
