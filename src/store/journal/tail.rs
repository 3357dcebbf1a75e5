//! Small chunks at the log's end, merged into large ones.
//!
//! An event that came alone takes a chunk of its own, and sled adds several times its size to each. So what a few such
//! chunks hold is written once more as one chunk, under the first one's key and under a sync that a later group needs
//! anyway; the others are removed only when that sync came back. A crash in between leaves both: each record is then
//! read from the chunk whose key is nearest, and [`Tail::recover`] finds what is left over.

use crate::store::StoreError;
use crate::store::codec::{self, Chunk, ChunkBuilder, MAX_CHUNK};
use crate::vault::NoVault;

use super::reader::{Shared, unreadable};

/// The chunks at the end of the log that together still fit into one.
#[derive(Default)]
pub(super) struct Tail {
    records: Vec<u8>,
    count: usize,
    keys: Vec<u64>,
}

/// A chunk that takes the place of several.
pub(super) struct Merged {
    /// Under the key of the first of them.
    pub(super) chunk: ChunkBuilder,
    /// The keys of the others, to be removed when `chunk` is durable.
    pub(super) obsolete: Vec<u64>,
}

impl Tail {
    /// Reads the end of the log, and returns also what can be merged, and the keys of chunks that an interrupted merge has
    /// left over.
    pub(super) fn recover(shared: &Shared) -> Result<(Self, Vec<Merged>, Vec<u64>), StoreError> {
        let mut chunks = Vec::new();
        let (mut bytes, mut before) = (0, u64::MAX);
        // What one merge can leave over, and one tail behind it.
        while bytes <= 2 * MAX_CHUNK {
            let Some((key, value)) = shared.medium.chunk_at_or_before(before).map_err(unreadable)? else { break };
            bytes += value.len();
            chunks.push((key, value));
            let Some(next) = key.checked_sub(1) else { break };
            before = next;
        }
        let (mut tail, mut due, mut obsolete, mut covered) = (Self::default(), Vec::new(), Vec::new(), 0);
        for (key, value) in chunks.into_iter().rev() {
            let count =
                codec::decode_chunk(key, &value, &NoVault).map_err(|what| StoreError::Damaged(what.into()))?.len();
            let end = key + count as u64 - 1;
            if end <= covered {
                obsolete.push(key);
                continue;
            }
            covered = end;
            due.extend(tail.take(&Chunk { first_seq: key, value }));
        }
        Ok((tail, due, obsolete))
    }

    /// Takes the next chunk of the log. Where it does not fit to those before, they are what can be merged.
    pub(super) fn take(&mut self, chunk: &Chunk) -> Option<Merged> {
        let (records, count) = codec::records_of(&chunk.value);
        let full = if codec::fits(self.records.len() + records.len()) { None } else { std::mem::take(self).merge() };
        self.records.extend_from_slice(records);
        self.count += count;
        self.keys.push(chunk.first_seq);
        full
    }

    fn merge(self) -> Option<Merged> {
        let (first, others) = self.keys.split_first()?;
        if others.is_empty() {
            return None;
        }
        let mut chunk = ChunkBuilder::new(*first);
        chunk.push(&self.records, self.count);
        Some(Merged { chunk, obsolete: others.to_vec() })
    }
}
