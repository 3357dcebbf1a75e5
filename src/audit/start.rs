//! Whether the log is the one that was signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::keys::{CheckpointKey, KeysError};
use crate::store::{self, EventStore, OpenError, RawRecord, StoreError};
use crate::tlog::{Frontier, Hash, Signer, leaf_hash};

use super::error::AuditError;
use super::notes::{self, Kept};
use super::removed;
use super::subtrees::{self, LEAVES, LEVEL};

/// Most records in memory at once.
const BATCH: u64 = 1024;

/// A log and what is kept about it.
#[derive(Clone)]
pub struct Setup {
    /// The journal.
    pub store: Arc<dyn EventStore>,
    /// Its folder.
    pub folder: PathBuf,
    /// The folder of the keys.
    pub keys: PathBuf,
    /// The file of the key that signs.
    pub key: PathBuf,
    /// What a new log is named after: host and path of the public URL.
    pub site: String,
    /// What tells when a checkpoint was signed.
    pub clock: Clock,
}

/// What to do with a log that is not the one that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfOther {
    /// Leave everything as it is.
    Refuse,
    /// Begin a new log with it, under a name of its own.
    Fork,
}

/// The log as it was signed last.
#[derive(Debug)]
pub struct Start {
    pub(super) signer: Signer,
    pub(super) last: Kept,
    /// Of the log as far as the last checkpoint reaches.
    pub(super) frontier: Frontier,
    /// The complete subtrees up to there.
    pub(super) subtrees: Vec<Hash>,
}

/// The last checkpoint that was signed, and where the next one belongs in `CHECKPOINTS`.
pub(super) struct Last {
    pub(super) kept: Option<Kept>,
    pub(super) end: u64,
    pub(super) is_written_down: bool,
}

/// The last checkpoint that was signed for the log in `folder`: the one beside the keys counts as well, since a store that
/// is put back as a whole brings an older `CHECKPOINTS` along.
///
/// # Errors
/// [`AuditError`] where they cannot be read, or are of two logs.
pub fn last_kept(folder: &Path, keys: &Path) -> Result<Option<Kept>, AuditError> {
    Ok(last(folder, keys)?.kept)
}

pub(super) fn last(folder: &Path, keys: &Path) -> Result<Last, AuditError> {
    let (beside_store, end) = notes::last(&folder.join(notes::ALL))?;
    let (beside_keys, _) = notes::last(&keys.join(notes::LAST))?;
    let (kept, is_written_down) = match (beside_store, beside_keys) {
        (Some(here), Some(there)) if here.checkpoint.origin != there.checkpoint.origin => {
            return Err(AuditError::OtherLog { found: here.checkpoint.origin, signed: there.checkpoint.origin });
        }
        (Some(here), Some(there)) if here.checkpoint.size < there.checkpoint.size => (Some(there), false),
        (Some(here), _) => (Some(here), true),
        (None, there) => (there, false),
    };
    Ok(Last { kept, end, is_written_down })
}

/// Whether `key` is there where checkpoints were signed: to be asked before the store is opened with the other keys, which
/// makes those that are missing. Everything else that may be wrong is told by whoever opens the store.
///
/// # Errors
/// [`AuditError::KeyMissing`].
pub fn key_is_there(folder: &Path, keys: &Path, key: &Path) -> Result<(), AuditError> {
    match last_kept(folder, keys) {
        Ok(Some(_)) if !key.exists() => Err(AuditError::KeyMissing(key.to_owned())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether there is a journal where one was signed: to be asked before one is made in `folder`, which may be the empty place
/// of a disk that is not mounted. Everything else that may be wrong is told by whoever opens the store.
///
/// # Errors
/// [`AuditError::Gone`].
pub fn journal_is_there(folder: &Path, keys: &Path) -> Result<(), AuditError> {
    match (store::plan(folder), last_kept(folder, keys)) {
        (Err(OpenError::Missing(path)), Ok(Some(last))) if last.checkpoint.size > 0 => {
            Err(AuditError::Gone { path, at: last.at, signed: last.checkpoint.size })
        }
        _ => Ok(()),
    }
}

impl Start {
    /// Holds the log against the last checkpoint. Changes nothing.
    ///
    /// # Errors
    /// [`AuditError`], with its cure; [`AuditError::None`] where nothing was signed yet.
    pub async fn look(setup: &Setup) -> Result<Self, AuditError> {
        let last = last_kept(&setup.folder, &setup.keys)?;
        let last = last.ok_or_else(|| AuditError::None(setup.folder.clone()))?;
        Self::of(setup, last).await
    }

    pub(super) async fn of(setup: &Setup, last: Kept) -> Result<Self, AuditError> {
        let signer = signer(&setup.key, &last)?;
        let (found, signed) = (setup.store.head().borrow().seq, last.checkpoint.size);
        if found < signed {
            return Err(AuditError::Shorter { at: last.at, signed, found });
        }
        let removed = removed::tree(&setup.store.beginning())?;
        if signed < removed.size() {
            return Err(AuditError::Other { at: last.at, signed });
        }
        // Where the file of subtrees is wrong, the log itself decides.
        let kept = subtrees::read(&setup.folder).unwrap_or_default();
        let of_removed = kept.iter().take(removed::subtrees(&removed)).copied().collect();
        for subtrees in [kept, of_removed] {
            let (frontier, subtrees) = rebuild(&setup.store, signed, &removed, subtrees).await?;
            if frontier.root() == last.checkpoint.root {
                return Ok(Self { signer, last, frontier, subtrees });
            }
        }
        Err(AuditError::Other { at: last.at, signed })
    }

    /// How many records the last checkpoint covers.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The key that anybody can verify the log's checkpoints with.
    pub fn verifier_key(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// A checkpoint of the log as it is now, signed and kept nowhere.
    ///
    /// # Errors
    /// [`AuditError`] where the log cannot be read.
    pub async fn fresh(mut self, setup: &Setup) -> Result<String, AuditError> {
        let head = setup.store.head().borrow().seq;
        if head == self.last.checkpoint.size {
            return Ok(self.last.note);
        }
        let (next, frontier) = (self.frontier.size() + 1, &mut self.frontier);
        each_record(&setup.store, next, head, |record| frontier.append(leaf_hash(&record.body))).await?;
        Ok(sign(setup, &self.signer, &self.frontier, Vec::new())?.note)
    }
}

/// The key under the name that the last checkpoint has.
fn signer(path: &Path, last: &Kept) -> Result<Signer, AuditError> {
    let key = CheckpointKey::open(path).map_err(|error| match error {
        KeysError::Missing(path) => AuditError::KeyMissing(path),
        other => AuditError::Key(other),
    })?;
    let signer = Signer::from_seed(&last.checkpoint.origin, key.expose()).map_err(AuditError::Name)?;
    let not_signed = |reason| AuditError::NotSigned { size: last.checkpoint.size, key: path.to_owned(), reason };
    last.verify(signer.verifier()).map_err(not_signed)?;
    Ok(signer)
}

pub(super) fn sign(
    setup: &Setup,
    signer: &Signer,
    frontier: &Frontier,
    extensions: Vec<String>,
) -> Result<Kept, AuditError> {
    let origin = signer.verifier().name().to_owned();
    let checkpoint = crate::tlog::Checkpoint { origin, size: frontier.size(), root: frontier.root(), extensions };
    let note = signer.sign(&checkpoint.to_string()).map_err(AuditError::Name)?;
    Ok(Kept { at: setup.clock.now(), note, checkpoint })
}

/// The tree of the first `size` records: behind the removed ones its complete subtrees as far as they are known, the rest from
/// the log.
async fn rebuild(
    store: &Arc<dyn EventStore>,
    size: u64,
    removed: &Frontier,
    mut subtrees: Vec<Hash>,
) -> Result<(Frontier, Vec<Hash>), StoreError> {
    subtrees.truncate((size / LEAVES) as usize);
    // Those of removed records that are lost are so for good; each has its place all the same.
    subtrees.resize(subtrees.len().max(removed::subtrees(removed)), subtrees::UNKNOWN);
    let mut frontier = removed.clone();
    subtrees.iter().skip(removed::subtrees(removed)).for_each(|root| frontier.append_subtree(LEVEL, *root));
    let next = frontier.size() + 1;
    let take = |record: &RawRecord| subtrees.extend(frontier.append_telling(leaf_hash(&record.body), LEVEL));
    each_record(store, next, size, take).await?;
    Ok((frontier, subtrees))
}

/// Shows the records from `next` to `last` in order, or finds out that one is missing.
pub(super) async fn each_record(
    store: &Arc<dyn EventStore>,
    mut next: u64,
    last: u64,
    mut show: impl FnMut(&RawRecord),
) -> Result<(), StoreError> {
    while next <= last {
        let records = store.read_raw(next, (last - next + 1).min(BATCH) as usize).await?;
        for record in &records {
            if record.seq != next {
                return Err(missing(next));
            }
            show(record);
            next += 1;
        }
        if records.is_empty() {
            return Err(missing(next));
        }
    }
    Ok(())
}

fn missing(seq: u64) -> StoreError {
    StoreError::Damaged(format!("record {seq}: it is missing").into())
}
