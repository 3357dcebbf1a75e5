//! The whole log, held record by record against everything that was signed.

use crate::clock::rfc3339_millis;
use crate::domain::{Recorded, Timestamp};
use crate::store::{RawRecord, StoreError};
use crate::tlog::{Checkpoint, Frontier, Hash, leaf_hash};

use super::nodes::Splits;
use super::notes::Kept;
use super::removed;
use super::subtrees::{LEAVES, LEVEL, UNKNOWN};

/// What is not as it was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Damage {
    /// A record that makes no sense.
    #[error("{0}")]
    Record(StoreError),
    /// The log before a checkpoint is another.
    #[error(
        "records {first} to {last} are not those that were signed: the checkpoint of {size} records{} does not fit",
        when(*.at)
    )]
    Altered {
        /// The first record that may be another one.
        first: u64,
        /// The last.
        last: u64,
        /// The checkpoint's size.
        size: u64,
        /// When it was signed, where that is known.
        at: Option<Timestamp>,
    },
    /// The log ends before a checkpoint.
    #[error("the end of the log was cut off: a checkpoint of {size} records{} was signed, and {found} are there", when(*.at))]
    Cut {
        /// The checkpoint's size.
        size: u64,
        /// The log's.
        found: u64,
        /// When it was signed, where that is known.
        at: Option<Timestamp>,
    },
    /// Records are not there, and nobody has signed that they were removed.
    #[error("records 1 to {removed} are not there, and no checkpoint says that retention removed more than {told}")]
    Untold {
        /// The last that is not there.
        removed: u64,
        /// The last of which it was signed.
        told: u64,
    },
    /// What was kept of the removed records is not theirs.
    #[error("what TREE and NODES have of the removed records does not fit in records {first} to {last}")]
    Removed {
        /// The first record that it does not fit in.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The kept subtrees are not those of the log.
    #[error("the file TREE does not fit the log in records {first} to {last}")]
    Tree {
        /// The first record of the first such subtree.
        first: u64,
        /// The last.
        last: u64,
    },
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" ({})", rfc3339_millis(at)))
}

/// A head that the log must have had.
struct Expected {
    checkpoint: Checkpoint,
    at: Option<Timestamp>,
}

/// One pass through the log.
pub struct Checks {
    /// By size, the largest first.
    expected: Vec<Expected>,
    subtrees: Vec<Hash>,
    frontier: Frontier,
    /// The size of the last checkpoint that fits.
    right_up_to: u64,
    /// The first complete subtree that is another than was kept.
    other_subtree: Option<u64>,
    fitting: u64,
    /// Sizes of removed records of which the nodes are not known.
    unheld: Vec<u64>,
}

impl Checks {
    /// Of a log of these checkpoints, whose signatures somebody has looked at, and these kept subtrees.
    pub fn new(kept: &[Kept], subtrees: Vec<Hash>) -> Self {
        let mut checks = Self {
            expected: Vec::new(),
            subtrees,
            frontier: Frontier::new(),
            right_up_to: 0,
            other_subtree: None,
            fitting: 0,
            unheld: Vec::new(),
        };
        kept.iter().for_each(|kept| checks.expect(kept.checkpoint.clone(), Some(kept.at)));
        checks
    }

    /// The log must also have had this head.
    pub fn expect(&mut self, checkpoint: Checkpoint, at: Option<Timestamp>) {
        self.expected.push(Expected { checkpoint, at });
        self.expected.sort_by_key(|expected| std::cmp::Reverse(expected.checkpoint.size));
    }

    /// The log begins behind these records: the checkpoints of them are held against what was kept, and what was kept against
    /// all that was signed. To be said once, when all checkpoints are known.
    ///
    /// # Errors
    /// [`Damage`]: the first there is.
    pub fn begin_behind(&mut self, removed: &Frontier, splits: &Splits) -> Result<(), Damage> {
        let count = removed::subtrees(removed);
        let of_removed: Vec<Hash> = self.subtrees.iter().take(count).copied().collect();
        let unknown = match of_removed.iter().rposition(|root| *root == UNKNOWN) {
            _ if of_removed.len() < count => count,
            place => place.map_or(0, |place| place + 1),
        };
        if unknown > 0 {
            return self.pass_over(removed, unknown as u64 * LEAVES);
        }
        let mut tree = Frontier::new();
        of_removed.iter().for_each(|root| tree.append_subtree(LEVEL, *root));
        if tree != *removed {
            return Err(Damage::Removed { first: 1, last: removed.size() });
        }
        self.compare()?;
        for root in of_removed {
            let (first, last) = (self.frontier.size() + 1, self.frontier.size() + LEAVES);
            let mut whole = self.frontier.clone();
            whole.append_subtree(LEVEL, root);
            while let Some(expected) = self.expected.pop_if(|expected| expected.checkpoint.size < last) {
                let size = expected.checkpoint.size;
                let Some(split) = splits.get(size) else {
                    self.unheld.push(size);
                    continue;
                };
                let (split_root, joined) = split.fold(&self.frontier);
                if joined != whole {
                    return Err(Damage::Removed { first, last });
                }
                if split_root != expected.checkpoint.root {
                    return Err(self.altered(&expected));
                }
                self.fitting += 1;
            }
            self.frontier = whole;
            self.compare()?;
        }
        Ok(())
    }

    /// Goes on behind removed records without what was kept of those up to `unknown`. An imported journal never had that; one that
    /// has signed a checkpoint among them has lost it.
    fn pass_over(&mut self, removed: &Frontier, unknown: u64) -> Result<(), Damage> {
        self.compare()?;
        while let Some(expected) = self.expected.pop_if(|expected| expected.checkpoint.size < removed.size()) {
            let (size, is_own) = (expected.checkpoint.size, expected.at.is_some());
            if is_own && size < unknown {
                return Err(Damage::Removed { first: 1, last: unknown });
            }
            self.unheld.push(size);
        }
        self.frontier = removed.clone();
        self.compare()
    }

    /// Takes the next record, and gives what it says.
    ///
    /// # Errors
    /// [`Damage`]: the first there is. Nothing behind it is looked at.
    pub fn take(&mut self, record: &RawRecord) -> Result<Recorded, Damage> {
        // A checkpoint of no records waits for none.
        self.compare()?;
        let recorded = record.decode().map_err(Damage::Record)?;
        let complete = self.frontier.append_telling(leaf_hash(&record.body), LEVEL);
        if let Some(root) = complete {
            let index = self.frontier.size() / LEAVES - 1;
            let kept = self.subtrees.get(index as usize);
            if kept.is_some_and(|kept| *kept != root) {
                self.other_subtree.get_or_insert(index);
            }
        }
        self.compare()?;
        Ok(recorded)
    }

    fn compare(&mut self) -> Result<(), Damage> {
        let size = self.frontier.size();
        while let Some(expected) = self.expected.pop_if(|expected| expected.checkpoint.size == size) {
            if expected.checkpoint.root != self.frontier.root() {
                return Err(self.altered(&expected));
            }
            self.right_up_to = size;
            self.fitting += 1;
        }
        Ok(())
    }

    /// Between the last checkpoint that fits and this one; less where the kept subtrees tell more.
    fn altered(&self, expected: &Expected) -> Damage {
        let (mut first, mut last, size) = (self.right_up_to + 1, expected.checkpoint.size, expected.checkpoint.size);
        if let Some(index) = self.other_subtree {
            (first, last) = (first.max(index * LEAVES + 1), last.min((index + 1) * LEAVES));
        } else {
            // The whole ones are what they were when they were kept.
            let whole = (self.subtrees.len() as u64).min(size / LEAVES) * LEAVES;
            first = first.max((whole + 1).min(last));
        }
        Damage::Altered { first, last, size, at: expected.at }
    }

    /// The log has its end here.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn finish(mut self) -> Result<Sound, Damage> {
        self.compare()?;
        let found = self.frontier.size();
        // The smallest of those that are left: the first that does not fit.
        if let Some(Expected { checkpoint, at }) = self.expected.pop() {
            return Err(Damage::Cut { size: checkpoint.size, found, at });
        }
        let surplus = (self.subtrees.len() as u64 > found / LEAVES).then_some(found / LEAVES);
        if let Some(index) = self.other_subtree.or(surplus) {
            return Err(Damage::Tree { first: index * LEAVES + 1, last: (index + 1) * LEAVES });
        }
        let Self { right_up_to: signed, fitting: checkpoints, unheld, .. } = self;
        Ok(Sound { size: found, root: self.frontier.root(), signed, checkpoints, unheld })
    }
}

/// A log without damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its records.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// How many of its records the last checkpoint covers.
    pub signed: u64,
    /// How many checkpoints fit.
    pub checkpoints: u64,
    /// Sizes of checkpoints that nothing can be said of: they end among removed records, where no checkpoint was known, or of which
    /// only the edge is.
    pub unheld: Vec<u64>,
}
