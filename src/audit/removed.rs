//! What stays of records that retention has removed: enough of their tree that nothing signed before becomes worthless.
//!
//! ```text
//! FIRST   the edge: the roots of the complete subtrees of all removed records together. With it every root of the log
//!         from here on is computed, and every record that is left is proved
//! TREE    the root of each subtree of 256 records, of removed ones, too: checkpoints at those sizes
//! NODES   of each subtree in the middle of which a checkpoint ends, the nodes on both sides of that end
//! ```
//!
//! All are durable before the first record is removed, and so is a checkpoint that says how many are going to be: who cannot
//! sign cannot pass off a hole as retention.

use crate::clock::rfc3339_millis;
use crate::domain::Timestamp;
use crate::store::{Beginning, StoreError};
use crate::tlog::{Checkpoint, Frontier, Hash};

use super::subtrees::LEAVES;

/// Begins the line of a checkpoint that says so.
const LINE: &str = "without records 1 to ";

/// The tree of the removed records.
///
/// # Errors
/// [`StoreError::Damaged`] where the store's beginning is none of a tree.
pub fn tree(beginning: &Beginning) -> Result<Frontier, StoreError> {
    let edge = beginning.edge.iter().copied().map(Hash).collect();
    let tree = Frontier::of(beginning.removed(), edge).filter(|tree| tree.size().is_multiple_of(LEAVES));
    tree.ok_or_else(|| StoreError::Damaged("its file FIRST does not fit a tree of records".into()))
}

/// Where a log begins from which these records were removed.
pub(super) fn beginning(removed: &Frontier) -> Beginning {
    Beginning { first: removed.size() + 1, edge: removed.edge().iter().map(|hash| hash.0).collect() }
}

/// How many subtrees were removed.
pub(super) fn subtrees(removed: &Frontier) -> usize {
    usize::try_from(removed.size() / LEAVES).unwrap_or(usize::MAX)
}

/// Says that the first `count` records are not there, since they are older than `before` where that is known.
pub(super) fn line(count: u64, before: Option<Timestamp>) -> String {
    let older = before.map_or_else(String::new, |at| format!(", older than {}", rfc3339_millis(at)));
    format!("{LINE}{count}{older}")
}

/// How many of the first records the checkpoint says are not there.
pub fn told_removed(checkpoint: &Checkpoint) -> u64 {
    let told = checkpoint.extensions.iter().filter_map(|line| line.strip_prefix(LINE)?.split(',').next()?.parse().ok());
    told.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::empty_root;

    #[test]
    fn a_checkpoint_tells_how_many_records_were_removed() {
        let at = Timestamp::from_micros(1_767_323_045_678_901);
        assert_eq!(line(512, Some(at)), "without records 1 to 512, older than 2026-01-02T03:04:05.678Z");
        let told = |extensions: Vec<String>| {
            told_removed(&Checkpoint { origin: "log".into(), size: 1000, root: empty_root(), extensions })
        };
        assert_eq!(told(vec!["fork of log".into(), line(256, None), line(512, Some(at))]), 512);
        assert_eq!(told(vec!["without records 1 to many".into()]), 0);
        assert_eq!(told(vec![]), 0);
    }
}
