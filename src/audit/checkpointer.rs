//! Follows the log and signs its head from time to time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::domain::Timestamp;
use crate::keys::{self, CheckpointKey};
use crate::tlog::{Frontier, Signer, leaf_hash};

use super::error::AuditError;
use super::notes::{self, Kept, NotesError};
use super::origin;
use super::start::{self, IfOther, Last, Setup, Start};
use super::subtrees::{self, LEVEL, SubtreeFile};
use super::{release, removed};

/// How often the head is signed while the log grows.
const INTERVAL: Duration = Duration::from_secs(60);

/// Most records between two notes of how far the tree has come.
const STRETCH: u64 = 65_536;

/// Signs the heads of one log, beside the journal and never in its way.
pub struct Checkpointer {
    setup: Setup,
    signer: Signer,
    /// Whoever asks waits for whoever signs.
    growing: Mutex<Growing>,
    /// When the last checkpoint was signed, in microseconds.
    signed_at: AtomicI64,
}

struct Growing {
    frontier: Frontier,
    subtrees: SubtreeFile,
    last: Kept,
    /// Where the next checkpoint belongs in `CHECKPOINTS`.
    end: u64,
}

impl Checkpointer {
    /// Holds the log against its last checkpoint; where there is none, a log begins. What the log has grown by since is
    /// signed by [`run`](Self::run), so that a start does not wait for it.
    ///
    /// # Errors
    /// [`AuditError`], with its cure; then nothing was changed.
    pub async fn start(setup: Setup, if_other: IfOther) -> Result<Self, AuditError> {
        let last = start::last(&setup.folder, &setup.keys);
        let end = last.as_ref().map_or(0, |last| last.end);
        let found = match last {
            Ok(Last { kept: None, .. }) => return Self::begin(setup, end, None),
            Ok(Last { kept: Some(kept), is_written_down, .. }) => {
                Start::of(&setup, kept).await.map(|start| (start, is_written_down))
            }
            Err(error) => Err(error),
        };
        match found {
            Ok((start, is_written_down)) => Self::go_on(setup, start, end, is_written_down),
            Err(error) if if_other == IfOther::Fork && error.can_be_accepted() => Self::fork(setup, &error),
            Err(error) => Err(error),
        }
    }

    fn go_on(setup: Setup, start: Start, end: u64, is_written_down: bool) -> Result<Self, AuditError> {
        let Start { signer, last, frontier, subtrees } = start;
        let all = setup.folder.join(notes::ALL);
        let end = if is_written_down { end } else { notes::append(&all, end, &last)? };
        let subtrees = SubtreeFile::holding(&setup.folder, &subtrees).map_err(|reason| tree(&setup.folder, reason))?;
        tracing::info!(
            records = last.checkpoint.size,
            key = %signer.verifier(),
            "the journal extends its last checkpoint"
        );
        Ok(Self::with(setup, signer, Growing { frontier, subtrees, last, end }))
    }

    fn with(setup: Setup, signer: Signer, growing: Growing) -> Self {
        let signed_at = AtomicI64::new(growing.last.at.as_micros());
        Self { setup, signer, growing: Mutex::new(growing), signed_at }
    }

    /// Begins a log that was none yet, or none of this name.
    fn begin(setup: Setup, end: u64, fork: Option<String>) -> Result<Self, AuditError> {
        keys::make_folder(&setup.keys)?;
        let key = CheckpointKey::open_or_create(&setup.key)?;
        let signer = Signer::from_seed(&origin::new(&setup.site), key.expose()).map_err(AuditError::Name)?;
        let frontier = removed::tree(&setup.store.beginning())?;
        let extensions = fork.into_iter().chain(release::lines(&frontier)).collect();
        let last = start::sign(&setup, &signer, &frontier, extensions)?;
        let mut known = subtrees::read(&setup.folder).unwrap_or_default();
        known.resize(removed::subtrees(&frontier), subtrees::UNKNOWN);
        let subtrees = SubtreeFile::holding(&setup.folder, &known).map_err(|reason| tree(&setup.folder, reason))?;
        let end = keep(&setup, end, &last)?;
        tracing::info!(key = %signer.verifier(), "the journal begins as a log that checkpoints are signed of");
        Ok(Self::with(setup, signer, Growing { frontier, subtrees, last, end }))
    }

    fn fork(setup: Setup, why: &AuditError) -> Result<Self, AuditError> {
        tracing::warn!(reason = %why, "as it was told, the daemon takes this journal for a new log: a fork");
        let all = setup.folder.join(notes::ALL);
        let (here, end) = match notes::last(&all) {
            Ok(found) => found,
            // What is there is kept, and cannot be gone on with.
            Err(NotesError::Damaged { .. }) => {
                set_aside(&all)?;
                (None, 0)
            }
            Err(error) => return Err(error.into()),
        };
        let there = notes::last(&setup.keys.join(notes::LAST)).ok().and_then(|(there, _)| there);
        let line = there.or(here).map(|last| origin::fork_line(&last.checkpoint.origin, last.checkpoint.size));
        Self::begin(setup, end, line)
    }

    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &Arc<dyn crate::store::EventStore> {
        &self.setup.store
    }

    /// The key that anybody can verify the log's checkpoints with.
    pub fn verifier_key(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// When the last checkpoint was signed.
    pub fn signed_at(&self) -> Timestamp {
        Timestamp::from_micros(self.signed_at.load(Ordering::Relaxed))
    }

    /// A signed checkpoint of the log as far as it is durable now; where it has grown, it is kept.
    ///
    /// # Errors
    /// [`AuditError`] where the log cannot be read, or the checkpoint cannot be kept.
    pub async fn checkpoint(self: &Arc<Self>) -> Result<String, AuditError> {
        self.catch_up().await?;
        // A task of its own: what is written goes to its end, whoever stops waiting for it.
        let this = self.clone();
        let signed = tokio::spawn(FutureExt::boxed(async move { this.sign().await })).await;
        signed.unwrap_or_else(|panicked| Err(tree(&self.setup.folder, std::io::Error::other(panicked))))
    }

    /// Takes what the log has grown by into the tree; may be dropped at any time.
    pub(super) async fn catch_up(&self) -> Result<(), AuditError> {
        let mut growing = self.growing.lock().await;
        let head = self.setup.store.head().borrow().seq;
        while growing.frontier.size() < head {
            let mut frontier = growing.frontier.clone();
            let mut roots = Vec::new();
            let last = head.min(frontier.size() + STRETCH);
            start::each_record(&self.setup.store, frontier.size() + 1, last, |record| {
                roots.extend(frontier.append_telling(leaf_hash(&record.body), LEVEL));
            })
            .await?;
            growing.subtrees.append(&roots).map_err(|reason| tree(&self.setup.folder, reason))?;
            growing.frontier = frontier;
        }
        Ok(())
    }

    async fn sign(&self) -> Result<String, AuditError> {
        let mut growing = self.growing.lock().await;
        if growing.frontier.size() > growing.last.checkpoint.size {
            self.sign_head(&mut growing, Vec::new()).await?;
        }
        Ok(growing.last.note.clone())
    }

    /// Signs the head with these lines more, also where it has not grown.
    pub(super) async fn sign_with(&self, extensions: Vec<String>) -> Result<(), AuditError> {
        self.sign_head(&mut *self.growing.lock().await, extensions).await
    }

    async fn sign_head(&self, growing: &mut Growing, extensions: Vec<String>) -> Result<(), AuditError> {
        growing.subtrees.sync().map_err(|reason| tree(&self.setup.folder, reason))?;
        let fresh = start::sign(&self.setup, &self.signer, &growing.frontier, extensions)?;
        growing.end = self.keep_aside(growing.end, fresh.clone()).await?;
        self.signed_at.store(fresh.at.as_micros(), Ordering::Relaxed);
        growing.last = fresh;
        Ok(())
    }

    /// Keeps a checkpoint without holding up whoever shares the thread.
    async fn keep_aside(&self, end: u64, kept: Kept) -> Result<u64, AuditError> {
        let setup = self.setup.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&setup, end, &kept)).await;
        kept.unwrap_or_else(|panicked| Err(tree(&self.setup.folder, std::io::Error::other(panicked))))
    }

    /// Signs at once and then every minute, until `stop` is cancelled. A failure is told, and tried again.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // After an upgrade that is all history, and nobody waits for it who is told to stop.
            let caught_up = stop.run_until_cancelled(self.catch_up()).await;
            let signed = match caught_up {
                Some(Ok(())) => self.checkpoint().await.map(drop),
                Some(Err(error)) => Err(error),
                None => return,
            };
            if let Err(error) = signed {
                tracing::warn!(%error, cure = error.cure(), "no checkpoint could be signed; it is tried again");
            }
            stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
        }
    }
}

/// First beside the keys: once a fork is written there, the log before it is not gone on with.
fn keep(setup: &Setup, end: u64, kept: &Kept) -> Result<u64, AuditError> {
    notes::replace(&setup.keys.join(notes::LAST), kept)?;
    Ok(notes::append(&setup.folder.join(notes::ALL), end, kept)?)
}

/// Gives a damaged file another name that nothing has.
fn set_aside(path: &Path) -> Result<(), AuditError> {
    let aside = path.with_extension(format!("damaged-{}", origin::new("").trim_start_matches('/')));
    std::fs::rename(path, aside).map_err(|reason| NotesError::Io { path: path.to_owned(), reason }.into())
}

fn tree(folder: &Path, reason: std::io::Error) -> AuditError {
    AuditError::Tree { path: folder.to_owned(), reason }
}
