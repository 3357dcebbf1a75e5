//! Transparency logs: the Merkle tree of RFC 6962 §2.1, proofs about it, and signed checkpoints.
//!
//! Sources: RFC 6962 §2.1 (tree and proofs), RFC 9162 §2.1.3 and §2.1.4 (how proofs are verified), and C2SP's
//! `signed-note`, `tlog-checkpoint` and `tlog-proof`. Pure: no I/O, nothing of logins, and nothing of the journal.

mod checkpoint;
mod frontier;
mod hash;
mod note;
mod proof;
#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointError, InclusionProof};
pub use frontier::Frontier;
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use note::{Note, NoteError, SEED_BYTES, Signer, Verifier};
pub use proof::{Nodes, consistency_proof, inclusion_proof, root, verify_consistency, verify_inclusion};
