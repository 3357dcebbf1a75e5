use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::vault::MemoryVault;

use super::codec::Chunk;
use super::medium::{Medium, MediumError, Visit};
use super::old::Old;
use super::{Journal, StoreError};

/// A medium in memory, for tests: it keeps what was synced apart from what was only written, and fails on request.
///
/// Clones share their content, so that a journal can be opened again on what a crash has left.
#[derive(Clone, Default)]
pub struct MemoryMedium(Arc<Inner>);

#[derive(Default)]
struct Inner {
    vault: MemoryVault,
    content: Mutex<Content>,
    stalled: Condvar,
}

#[derive(Default)]
struct Content {
    written: Tables,
    synced: Tables,
    syncs: usize,
    reads: usize,
    faults: Faults,
}

#[derive(Clone, Default)]
struct Tables {
    log: BTreeMap<u64, Vec<u8>>,
    pending_from: u64,
}

/// What goes wrong from now on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Writes fail, as on a full disk.
    pub fail_writes: bool,
    /// Syncs fail.
    pub fail_syncs: bool,
    /// Syncs do not come back until this is off again.
    pub stall_syncs: bool,
}

impl MemoryMedium {
    /// An empty medium.
    pub fn new() -> Self {
        Self::default()
    }

    /// A journal on what is there.
    ///
    /// # Errors
    /// [`StoreError`] where what is there is damaged.
    pub fn open(&self) -> Result<Journal, StoreError> {
        self.open_with(Old::none())
    }

    /// The same with an archive, which is no part of the medium.
    pub(super) fn open_with(&self, old: Old) -> Result<Journal, StoreError> {
        Journal::start(self.clone(), old, Arc::new(self.vault()))
    }

    /// The keys of all journals on it.
    pub fn vault(&self) -> MemoryVault {
        self.0.vault.clone()
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.content().faults = faults;
        self.0.stalled.notify_all();
    }

    /// Loses the power: whatever was not synced is gone, but for the first `torn_chunks` chunks of it.
    pub fn lose_power(&self, torn_chunks: usize) {
        let mut content = self.content();
        let mut survived = content.synced.clone();
        let unsynced = content.written.log.iter().filter(|(seq, _)| !content.synced.log.contains_key(seq));
        survived.log.extend(unsynced.take(torn_chunks).map(|(seq, value)| (*seq, value.clone())));
        content.written = survived.clone();
        content.synced = survived;
    }

    /// Flips one bit of the chunk that holds the sequence `seq`, behind the journal's back.
    pub fn flip_bit(&self, seq: u64, byte: usize) {
        if let Some((_, value)) = self.content().written.log.range_mut(..=seq).next_back() {
            let byte = byte % value.len();
            value[byte] ^= 1;
        }
    }

    /// How many syncs there have been.
    pub fn syncs(&self) -> usize {
        self.content().syncs
    }

    /// How many chunks were read.
    pub fn reads(&self) -> usize {
        self.content().reads
    }

    /// How many bytes all its chunks have: what a disk would have to hold at the least.
    pub fn log_bytes(&self) -> usize {
        self.content().written.log.values().map(Vec::len).sum()
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.content().written.log.len()
    }

    /// Whether the record with the sequence `seq` was written, durable or not.
    pub fn has_written(&self, seq: u64) -> bool {
        self.content().written.log.range(..=seq).next_back().is_some()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Medium for MemoryMedium {
    fn write(&self, chunks: &[Chunk]) -> Result<(), MediumError> {
        let mut content = self.content();
        if content.faults.fail_writes {
            return Err("no space left on device".into());
        }
        for chunk in chunks {
            content.written.log.insert(chunk.first_seq, chunk.value.clone());
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), MediumError> {
        let mut content = self.content();
        while content.faults.stall_syncs {
            content = self.0.stalled.wait(content).unwrap_or_else(PoisonError::into_inner);
        }
        if content.faults.fail_syncs {
            return Err("input/output error".into());
        }
        content.syncs += 1;
        content.synced = content.written.clone();
        Ok(())
    }

    fn remove(&self, first_seqs: &[u64]) -> Result<(), MediumError> {
        let mut content = self.content();
        for seq in first_seqs {
            content.written.log.remove(seq);
        }
        Ok(())
    }

    fn chunk_at_or_before(&self, seq: u64) -> Result<Option<(u64, Vec<u8>)>, MediumError> {
        let mut content = self.content();
        content.reads += 1;
        let chunk = content.written.log.range(..=seq).next_back();
        Ok(chunk.map(|(first_seq, value)| (*first_seq, value.clone())))
    }

    fn visit(&self, seq: u64, visit: &mut Visit<'_>) -> Result<(), MediumError> {
        let mut next = seq;
        if self.content().written.log.range(..=seq).next().is_none() {
            let Some(first) = self.content().written.log.keys().next().copied() else { return Ok(()) };
            next = first;
        }
        // One at a time, since whoever visits may look for more meanwhile.
        while let Some((first_seq, value)) = self.chunk_at_or_before(next)? {
            let following = self.content().written.log.range(first_seq + 1..).next().map(|(seq, _)| *seq);
            if visit(first_seq, &value).is_break() {
                break;
            }
            let Some(following) = following else { break };
            next = following;
        }
        Ok(())
    }

    /// Memory does not lose the end of the log without a word.
    fn note_head(&self, _: u64, _: bool) -> Result<(), MediumError> {
        Ok(())
    }

    fn note_pending(&self, seq: u64) -> Result<(), MediumError> {
        self.content().written.pending_from = seq;
        Ok(())
    }

    fn pending_from(&self) -> u64 {
        self.content().written.pending_from
    }
}
