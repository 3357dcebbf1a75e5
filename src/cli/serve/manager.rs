//! What the service manager is told (sd_notify(3)); nothing where none listens.

use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tokio::sync::watch;

use crate::transport::admin::Readiness;

/// How long the manager is to wait for a start, in microseconds, from when it was told last: a large journal takes its time, and
/// another process may have it.
const PATIENCE_MICROS: u32 = 30_000_000;

/// How often a start tells that it is under way.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Tells how far the daemon is, as long as it runs.
pub(super) async fn follow(mut readiness: watch::Receiver<Readiness>) {
    loop {
        let now = *readiness.borrow_and_update();
        let status = now.to_string();
        let status = NotifyState::Status(&status);
        match now {
            Readiness::Starting(_) => tell(&[status, NotifyState::ExtendTimeoutUsec(PATIENCE_MICROS)]),
            Readiness::Ready => tell(&[NotifyState::Ready, status]),
            Readiness::Stopping => tell(&[NotifyState::Stopping, status]),
        }
        // A start may take long, and is told to be under way again and again; nothing else is.
        match tokio::time::timeout(TOLD_EVERY, readiness.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) if matches!(now, Readiness::Starting(_)) => {}
            Err(_) if readiness.changed().await.is_ok() => {}
            Err(_) => return,
        }
    }
}

/// The configuration is about to be read again. A manager waits for [`reloaded`] then (`Type=notify-reload`).
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager is not told of the reload"),
    }
}

/// It was read, and is in force or was refused. While the daemon starts, its readiness tells more.
pub(super) fn reloaded(readiness: &watch::Receiver<Readiness>) {
    if *readiness.borrow() == Readiness::Ready {
        tell(&[NotifyState::Ready]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::debug!(%error, "the service manager cannot be told anything");
    }
}
