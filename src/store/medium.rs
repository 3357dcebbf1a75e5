//! Where a journal's chunks lie: the little that sled and memory have to do differently.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::codec::Chunk;

/// Why a medium failed, in words for the operator.
pub(super) type MediumError = Arc<str>;

/// Takes a chunk: the sequence of its first record, and its bytes.
pub(super) type Visit<'a> = dyn FnMut(u64, &[u8]) -> ControlFlow<()> + 'a;

/// A place for chunks, ordered by the sequence of their first record.
///
/// One thread writes; any number read at the same time.
pub(super) trait Medium: Send + Sync + 'static {
    /// Stores chunks, durable only after [`sync`](Self::sync).
    fn write(&self, chunks: &[Chunk]) -> Result<(), MediumError>;

    /// Returns when everything that was written is on the disk, and would be found after a loss of power.
    fn sync(&self) -> Result<(), MediumError>;

    /// Removes chunks whose records are durable in the archive. Not durable by itself: what comes back is removed again.
    fn remove(&self, first_seqs: &[u64]) -> Result<(), MediumError>;

    /// The chunk with the greatest first sequence that is at most `seq`.
    fn chunk_at_or_before(&self, seq: u64) -> Result<Option<(u64, Vec<u8>)>, MediumError>;

    /// Shows the chunks in order, from [`chunk_at_or_before`](Self::chunk_at_or_before) `seq` on, or from the first where
    /// there is none before, without copying them, until it is told to break.
    fn visit(&self, seq: u64, visit: &mut Visit<'_>) -> Result<(), MediumError>;

    /// Notes, apart from the log, that all records up to `seq` are durable: a later start finds out if they are not there.
    /// The note itself is durable where `sync` says so.
    fn note_head(&self, seq: u64, sync: bool) -> Result<(), MediumError>;

    /// Notes that nothing more happens to streams of which no record lies at `seq` or behind it. Not durable by itself: from an
    /// older note the same is found.
    fn note_pending(&self, seq: u64) -> Result<(), MediumError>;

    /// What was [noted](Self::note_pending); where nothing was, the log's beginning.
    fn pending_from(&self) -> u64;
}
