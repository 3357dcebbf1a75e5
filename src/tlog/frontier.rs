use super::hash::{Hash, empty_root, node_hash};

/// A tree of which only the right edge is kept: the roots of its complete subtrees, the largest first. That is enough to
/// append, and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit of `size` that is set.
    edge: Vec<Hash>,
}

impl Frontier {
    /// Of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves whose complete subtrees have these roots, the largest first; `None` where a tree of that size
    /// has another number of them.
    pub fn of(size: u64, edge: Vec<Hash>) -> Option<Self> {
        (edge.len() as u32 == size.count_ones()).then_some(Self { size, edge })
    }

    /// The roots of its complete subtrees, the largest first.
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: Hash) {
        self.merge(0, leaf, u32::MAX);
    }

    /// Appends a leaf; where it completes a subtree of 2^`level` leaves, the root of that.
    pub fn append_telling(&mut self, leaf: Hash, level: u32) -> Option<Hash> {
        self.merge(0, leaf, level)
    }

    /// Appends a complete subtree of 2^`level` leaves by its root.
    ///
    /// # Panics
    /// Where the tree ends in the middle of such a subtree.
    pub fn append_subtree(&mut self, level: u32, root: Hash) {
        assert!(self.size.is_multiple_of(1 << level), "a subtree of 2^{level} leaves cannot begin at {}", self.size);
        self.merge(level, root, u32::MAX);
    }

    /// Puts a subtree at the end and merges what is complete; gives the root that has the level asked for.
    fn merge(&mut self, level: u32, root: Hash, asked: u32) -> Option<Hash> {
        let (mut root, mut at, mut told) = (root, level, None);
        // As many are on the edge as bits are set.
        while self.size >> at & 1 == 1 {
            if let Some(left) = self.edge.pop() {
                root = node_hash(&left, &root);
            }
            at += 1;
            told = told.or((at == asked).then_some(root));
        }
        self.edge.push(root);
        self.size += 1 << level;
        told
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let folded = self.edge.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(empty_root)
    }
}
