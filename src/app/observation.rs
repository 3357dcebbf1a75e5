//! Where what the other layers know of themselves becomes metrics: the store and the actors know nothing of those.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::actors::{Logins, Tree};
use crate::audit::Checkpointer;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Recorded, SceneId};
use crate::metrics::{Actor, ConnectionKind, DiskPart, Metrics};
use crate::store::{self, EventStore, Journal};
use crate::transport::admin::Readiness;

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Counts what the journal tells of itself.
struct JournalObserver {
    metrics: Metrics,
    clock: Clock,
}

impl store::Observer for JournalObserver {
    fn found(&self, stream: &[Recorded]) {
        self.metrics.logins().found(stream);
    }

    fn durable(&self, records: &[Recorded]) {
        self.metrics.logins().durable(records);
    }

    fn retired(&self, scene: &SceneId) {
        self.metrics.logins().retired(scene);
    }

    fn waited(&self, wait: Duration) {
        self.metrics.journal().waited(wait);
    }

    fn synced(&self, appends: usize, took: Duration) {
        self.metrics.journal().synced(appends, took, self.clock.now());
    }

    fn failed(&self) {
        self.metrics.journal().failed();
    }
}

/// Counts what the journal does from now on.
pub(super) fn observe_journal(metrics: &Metrics, journal: &Arc<Journal>, clock: &Clock) {
    journal.observed_by(Arc::new(JournalObserver { metrics: metrics.clone(), clock: clock.clone() }));
    // Whoever reads last must not keep the journal's lock.
    let (head, journal) = (journal.head(), Arc::downgrade(journal));
    metrics.ask(move |metrics| {
        let Some(journal) = journal.upgrade() else { return };
        metrics.journal().reaches(journal.beginning().first, head.borrow().seq);
        metrics.journal().waiting(journal.waiting(), journal.backlog());
    });
}

/// Shows how the actors do, and when the journal's head was signed.
pub(super) fn observe_tree(metrics: &Metrics, tree: &Tree, checkpointer: &Arc<Checkpointer>) {
    let (logins, restarts, checkpointer): (Logins, _, _) =
        (tree.logins.clone(), tree.restarts.clone(), Arc::downgrade(checkpointer));
    metrics.ask(move |metrics| {
        let (used, most) = logins.places();
        metrics.logins().places(used, most);
        metrics.process().restarted(Actor::Registry, restarts.registry.load(Ordering::Relaxed));
        metrics.process().restarted(Actor::Session, restarts.sessions.load(Ordering::Relaxed));
        if let Some(checkpointer) = checkpointer.upgrade() {
            metrics.journal().checkpoint(checkpointer.signed_at());
        }
    });
}

/// Shows how many of `most` connections there are, and whether the daemon takes requests.
pub(super) fn observe_serving(
    metrics: &Metrics,
    places: Arc<Semaphore>,
    most: usize,
    readiness: watch::Receiver<Readiness>,
) {
    metrics.ask(move |metrics| {
        metrics.http().connections(ConnectionKind::Http, most - places.available_permits().min(most));
        metrics.process().ready(*readiness.borrow() == Readiness::Ready);
    });
}

/// Looks at the disk at once and then every minute, until `stopping` is cancelled.
pub(super) async fn look_at_the_disk(metrics: Metrics, config: Folders, stopping: CancellationToken) {
    loop {
        let (config, metrics) = (config.clone(), metrics.clone());
        // A panic there is no reason to stop.
        let _ = tokio::task::spawn_blocking(move || config.look(&metrics)).await;
        if stopping.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

/// Where the journal and the keys are.
#[derive(Clone)]
pub(super) struct Folders {
    store: PathBuf,
    keys: PathBuf,
}

impl Folders {
    pub(super) fn of(config: &Config) -> Self {
        Self { store: config.store.path.clone(), keys: config.keys.path.clone() }
    }

    fn look(&self, metrics: &Metrics) {
        for part in DiskPart::ALL {
            let place = match part {
                DiskPart::Keys => self.keys.clone(),
                part => self.store.join(part.name()),
            };
            metrics.journal().takes(part, size(&place));
        }
        if let Ok(disk) = rustix::fs::statvfs(&self.store) {
            metrics.journal().disk_free(disk.f_bavail.saturating_mul(disk.f_frsize));
        }
    }
}

/// The bytes of a file, or of all files below a folder, as far as they can be seen: what vanishes meanwhile is not counted.
fn size(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| size(&entry.path())).sum()
        }
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_its_bytes_and_a_folder_those_of_all_below() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("archive");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("one"), [0; 30]).unwrap();
        std::fs::write(folder.path().join("db"), [0; 12]).unwrap();
        assert_eq!((size(&below), size(&folder.path().join("db"))), (30, 12));
        assert_eq!((size(folder.path()), size(&folder.path().join("gone"))), (42, 0));
    }
}
