//! The journal as a transparency log: its records are the leaves of a Merkle tree, and its heads are signed.
//!
//! The leaf at index SEQ - 1 is the body of the record SEQ as it is stored. What is kept, none of it in the journal's
//! commit path:
//!
//! ```text
//! [store] path/TREE            the root of each complete subtree of 256 leaves; can be made again from the log that is left
//! [store] path/NODES           what checkpoints of removed records need of their tree; TREE is needed for them, too
//! [store] path/CHECKPOINTS     the checkpoints that were signed
//! [keys] path/checkpoint.last  the last of them once more: a store that is put back as a whole does not bring it along
//! [keys] path/checkpoint.key   what signs them, here or wherever [keys] checkpoint_key_file says
//! ```

mod checkpointer;
mod checks;
mod error;
mod nodes;
mod notes;
mod origin;
mod prove;
mod release;
mod removed;
mod start;
mod subtrees;
#[cfg(test)]
mod tests;

pub use checkpointer::Checkpointer;
pub use checks::{Checks, Damage, Sound};
pub use error::AuditError;
pub use nodes::{Splits, read as read_nodes};
pub use notes::{Kept, NotesError, read_all};
pub use prove::{Leaves, Unprovable};
pub use removed::{told_removed, tree as removed_tree};
pub use start::{IfOther, Setup, Start, journal_is_there, key_is_there, last_kept};
pub use subtrees::{LEAVES, read as read_subtrees};
