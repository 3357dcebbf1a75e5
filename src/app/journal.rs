//! The daemon's journal: how it is opened, and when it can no longer be written.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::store::{self, Head, Journal, OpenError};
use crate::transport::admin::Readiness;
use crate::vault;

/// How often a store that is in use is tried again within `lock_wait`.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// Opens the journal; waits for another process that is about to let go of it.
pub(super) async fn open(config: &Config, readiness: &watch::Sender<Readiness>) -> Result<Journal, OpenError> {
    let (path, lock_wait) = (&config.store.path, config.store.lock_wait);
    let started = tokio::time::Instant::now();
    let mut is_told = false;
    loop {
        let (attempt, keys) = (path.clone(), config.keys.path.clone());
        let vault = move || vault::open_or_create(&keys);
        let opened = tokio::task::spawn_blocking(move || store::open_or_create(attempt, vault)).await;
        match opened {
            Ok(Err(OpenError::Locked(_))) if started.elapsed() < lock_wait => {
                if !is_told {
                    readiness.send_replace(Readiness::Starting("waiting for another process to let go of the journal"));
                    tracing::info!(path = %path.display(), ?lock_wait, "another process has the journal: waiting for it");
                    is_told = true;
                }
                tokio::time::sleep(LOCK_POLL).await;
            }
            Ok(opened) => return opened,
            Err(panicked) => return Err(OpenError::Unusable { path: path.clone(), reason: panicked.to_string() }),
        }
    }
}

/// Why it can no longer be written, as soon as that is so.
///
/// On a task of its own: each commit wakes who waits here, and a thread would be woken for it.
pub(super) fn failure(mut head: watch::Receiver<Head>) -> AbortOnDropHandle<Arc<str>> {
    AbortOnDropHandle::new(tokio::spawn(FutureExt::boxed(async move {
        match head.wait_for(|head| head.failure.is_some()).await {
            Ok(head) => head.failure.clone().unwrap_or_default(),
            Err(_) => "its writer has ended".into(),
        }
    })))
}
