//! Retention: what is older than it must be kept goes, whole files of the archive at a time, and nothing else changes.
//!
//! ```text
//! old twice, an hour apart ─► proofs kept and signed ─► FIRST: the log begins behind it ─► index, keys ─► unlink
//! ```
//!
//! Up to `FIRST` nothing has happened, and behind it everything can be taken again: a crash in between is finished by the next
//! start. It runs beside the journal; only the index's places go through the writer, a few at a time.

mod clear;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::{AuditError, Checkpointer};
use crate::clock::{Clock, rfc3339_millis};
use crate::domain::Timestamp;
use crate::store::{EventStore, Journal, StoreError};
use crate::vault::VaultError;

pub use clear::Cleared;

/// How often it is looked for what is old.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// At least so long lies between two removals: for each, the log is read once and the keys are wrapped anew.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// Most files of one removal: bounds its memory.
const MOST_FILES: usize = 32;

/// Why nothing was removed, or not all that belongs to it: it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// What proofs need could not be kept, or signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The journal fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be destroyed.
    #[error("the keys cannot be destroyed: {0}")]
    Vault(#[from] VaultError),
}

impl RetentionError {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        match self {
            Self::Audit(error) => error.cure(),
            Self::Vault(error) => error.cure(),
            Self::Store(_) => {
                "see that the disk is well and has space, and that the folder archive belongs to this user".into()
            }
        }
    }
}

/// Removes what is old from one journal.
pub struct Retention {
    journal: Arc<Journal>,
    checkpointer: Arc<Checkpointer>,
    clock: Clock,
    /// How long records are kept.
    kept: Duration,
    /// What was old when it was looked last, and when that was by a clock that nobody sets.
    seen: Option<(Instant, u64)>,
    removed_at: Option<Instant>,
}

impl Retention {
    /// Of `journal`, whose records are kept for as long as `kept`.
    pub fn new(journal: Arc<Journal>, checkpointer: Arc<Checkpointer>, clock: Clock, kept: Duration) -> Self {
        Self { journal, checkpointer, clock, kept, seen: None, removed_at: None }
    }

    /// Works until `stop` is cancelled. A failure is told, and tried again.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match stop.run_until_cancelled(self.look()).await {
                Some(Err(error)) => {
                    let cure = error.cure();
                    tracing::warn!(%error, cure, "what is older than [store] retention could not be removed; it is tried again");
                }
                Some(Ok(())) => {}
                None => return,
            }
            stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
        }
    }

    /// Finishes what a crash has left, looks for what is old, and removes what was so an hour before as well: a clock that is set
    /// forward by mistake, and put right again, takes nothing with it.
    ///
    /// # Errors
    /// [`RetentionError`]; to be called again.
    pub async fn look(&mut self) -> Result<(), RetentionError> {
        if !self.journal.leaving().is_empty() {
            self.clear().await?;
        }
        let at = self.clock.now();
        let before = self.before(at);
        let old = self.old(before, at);
        let now = Instant::now();
        let was_old = self.seen.filter(|(at, _)| now.duration_since(*at) >= INTERVAL).map_or(0, |(_, last)| last);
        if self.seen.is_none_or(|(at, _)| now.duration_since(at) >= INTERVAL) {
            self.seen = Some((now, old));
        }
        if self.removed_at.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return Ok(());
        }
        while let Some(last) = self.next(old.min(was_old)) {
            self.remove(last, before).await?;
            self.removed_at = Some(now);
        }
        Ok(())
    }

    /// What is older than this is not kept.
    fn before(&self, now: Timestamp) -> Timestamp {
        let kept = i64::try_from(self.kept.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(kept))
    }

    /// The last record of the files at the front that have nothing younger; 0 where there are none. A file with a time that is
    /// still to come was written by a clock that was wrong: it is as old as the next one, which was written later.
    fn old(&self, before: Timestamp, now: Timestamp) -> u64 {
        let files = self.journal.oldest();
        let is_old = |place: &usize| {
            let newest = files[*place..].iter().map(|file| file.newest).find(|newest| *newest <= now);
            newest.is_some_and(|newest| newest < before)
        };
        (0..files.len()).take_while(is_old).last().map_or(0, |place| files[place].last)
    }

    /// The last record of the next files that are removed together, up to `last`.
    fn next(&self, last: u64) -> Option<u64> {
        let files = self.journal.oldest().into_iter();
        files.take_while(|file| file.last <= last).take(MOST_FILES).last().map(|file| file.last)
    }

    async fn remove(&self, last: u64, before: Timestamp) -> Result<(), RetentionError> {
        let first = self.journal.beginning().first;
        let beginning = self.checkpointer.release(last, before).await?;
        self.journal.begin_at(beginning).await?;
        let cleared = self.clear().await?;
        tracing::info!(
            first,
            last,
            older_than = rfc3339_millis(before),
            keys = cleared.keys,
            "records were removed, since [store] retention is over"
        );
        Ok(())
    }
}
