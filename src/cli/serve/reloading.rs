//! SIGHUP: the configuration is read again, with all the files that it names.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use crate::app::Reload;
use crate::transport::admin::Readiness;

use super::super::read;
use super::{known_to_everybody, manager};

/// Reads the configuration at `path` again at each SIGHUP from now on, also while the daemon starts: it is taken then.
pub(super) fn on_hangup(
    path: PathBuf,
    reloads: mpsc::Sender<Reload>,
    readiness: watch::Receiver<Readiness>,
) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(FutureExt::boxed(async move {
        while hangup.recv().await.is_some() {
            manager::reloading();
            reload(&path, &reloads).await;
            manager::reloaded(&readiness);
        }
    }));
    Ok(())
}

/// Returns when it is in force, or refused.
async fn reload(path: &Path, reloads: &mpsc::Sender<Reload>) {
    let path = path.to_owned();
    let (config, warnings) = match tokio::task::spawn_blocking(move || read(&path)).await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(faults)) => {
            return tracing::error!("the configuration is refused, and the one before goes on:\n{faults}");
        }
        Err(panicked) => return tracing::error!(%panicked, "the configuration could not be read again"),
    };
    if let Some(what) = known_to_everybody(&config) {
        return tracing::error!("the configuration is refused, and the one before goes on: {what}");
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let (done, is_done) = oneshot::channel();
    if reloads.send(Reload { config, done }).await.is_ok() {
        // Where the daemon ends meanwhile, nobody waits for it.
        let _ = is_done.await;
    }
}
