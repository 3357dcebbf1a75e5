//! Proofs from the kept subtrees and a few records, in place of all history.

use std::collections::HashMap;

use crate::tlog::{
    Checkpoint, CheckpointError, Frontier, Hash, InclusionProof, Nodes, Note, NoteError, inclusion_proof, leaf_hash,
    node_hash, verify_inclusion,
};

use super::subtrees::{LEAVES, LEVEL};

/// What is known of a tree: the roots of its complete subtrees of 256 leaves, and the leaves of some of them.
#[derive(Clone, Debug, Default)]
pub struct Leaves {
    subtrees: Vec<Hash>,
    leaves: HashMap<u64, Hash>,
    /// The complete subtrees of all removed records, by level and index.
    edge: HashMap<(u32, u64), Hash>,
    begin: u64,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum Unprovable {
    /// The checkpoint is no note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint's text is none.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It has fewer records.
    #[error("there is no record {seq}: the log has {size}")]
    Beyond {
        /// What was asked for.
        seq: u64,
        /// The records of the checkpoint.
        size: u64,
    },
    /// It is not there any more.
    #[error("record {seq} was removed by retention, as all up to {removed} were")]
    Removed {
        /// What was asked for.
        seq: u64,
        /// The last that was removed.
        removed: u64,
    },
    /// Some of the tree is not known.
    #[error("a part of the tree is not known: {0}")]
    Unknown(String),
    /// The tree that the records give has another root.
    #[error("the proof of record {seq} does not lead to the root that was signed: the log was altered")]
    Altered {
        /// Whose.
        seq: u64,
    },
}

impl Leaves {
    /// Of a tree with these complete subtrees.
    pub fn new(subtrees: Vec<Hash>) -> Self {
        Self { subtrees, ..Self::default() }
    }

    /// Of a log from which these first records were removed.
    #[must_use]
    pub fn behind(mut self, removed: &Frontier) -> Self {
        let mut at = 0;
        let levels = (0..u64::BITS).rev().filter(|level| removed.size() >> level & 1 == 1);
        for (level, root) in levels.zip(removed.edge()) {
            self.edge.insert((level, at >> level), *root);
            at += 1 << level;
        }
        self.begin = removed.size();
        self
    }

    /// How many of the first records were removed.
    pub fn removed(&self) -> u64 {
        self.begin
    }

    /// How many complete subtrees are known.
    pub fn subtrees(&self) -> usize {
        self.subtrees.len()
    }

    /// Takes a record's body.
    pub fn take(&mut self, seq: u64, body: &[u8]) {
        self.leaves.insert(seq - 1, leaf_hash(body));
    }

    /// The sequences, from and to, of the records whose bodies a proof for `seq` in a log of `size` records needs.
    pub fn needed(&self, seq: u64, size: u64) -> Vec<(u64, u64)> {
        let block = |index: u64| (index / LEAVES * LEAVES + 1, size.min(index / LEAVES * LEAVES + LEAVES));
        let mut needed = vec![block(seq - 1)];
        // What the file of subtrees does not reach: usually the last, incomplete one.
        let known = ((self.subtrees.len() as u64).min(size / LEAVES) * LEAVES).max(self.begin);
        if known < size {
            needed.push((known + 1, size));
        }
        needed.dedup();
        needed
    }

    /// The proof that this record is in the log of the signed `checkpoint`; `body` goes with it.
    ///
    /// # Errors
    /// [`Unprovable`]; what is returned was verified.
    pub fn prove(&self, seq: u64, body: &[u8], checkpoint: &str) -> Result<InclusionProof, Unprovable> {
        let head = Checkpoint::parse(Note::parse(checkpoint)?.unverified_text())?;
        if seq == 0 || seq > head.size {
            return Err(Unprovable::Beyond { seq, size: head.size });
        }
        if seq <= self.begin {
            return Err(Unprovable::Removed { seq, removed: self.begin });
        }
        let index = seq - 1;
        let hashes = inclusion_proof(index, head.size, self).map_err(Unprovable::Unknown)?;
        if !verify_inclusion(&leaf_hash(body), index, head.size, &hashes, &head.root) {
            return Err(Unprovable::Altered { seq });
        }
        Ok(InclusionProof { extra: Some(body.to_vec()), index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

impl Nodes for Leaves {
    type Error = String;

    fn node(&self, level: u32, index: u64) -> Result<Hash, String> {
        if let Some(root) = self.edge.get(&(level, index)) {
            return Ok(*root);
        }
        if level == 0 {
            return self.leaves.get(&index).copied().ok_or_else(|| format!("record {}", index + 1));
        }
        if level == LEVEL
            && let Some(root) = usize::try_from(index).ok().and_then(|index| self.subtrees.get(index))
        {
            return Ok(*root);
        }
        Ok(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
    }
}
