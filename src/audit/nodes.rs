//! The file `NODES`: the inner nodes of removed subtrees that old checkpoints need. A checkpoint that ends in the middle of a
//! subtree of 256 records splits it: the complete subtrees on the left of that end give its root, those on the right lead on to
//! the subtree's own root, which `TREE` has. They are 9 at most.
//!
//! ```text
//! entry    size u64  node [32]×9, from left to right, zeros behind the last  crc32 u32        300 bytes, little-endian
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::tlog::{Frontier, Hash, Nodes};

use super::subtrees::{LEAVES, LEVEL};

const NAME: &str = "NODES";
const MOST: usize = LEVEL as usize + 1;
const ENTRY: usize = 8 + MOST * 32 + 4;

/// The nodes of one checkpoint's subtree, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) size: u64,
    nodes: Vec<Hash>,
}

/// The splits that are known.
#[derive(Clone, Debug, Default)]
pub struct Splits(HashMap<u64, Split>);

impl Splits {
    /// That of a checkpoint of `size` records.
    pub(super) fn get(&self, size: u64) -> Option<&Split> {
        self.0.get(&size)
    }
}

/// Level of each node of the subtree that a checkpoint of `size` records splits, from left to right, and how many are on its left.
fn levels(size: u64) -> (Vec<u32>, usize) {
    let inside = size % LEAVES;
    // On the left in falling order, as the bits of what is inside; on the right in rising order, until the subtree is full.
    let mut levels: Vec<u32> = (0..LEVEL).rev().filter(|level| inside >> level & 1 == 1).collect();
    let (left, mut end) = (levels.len(), inside);
    while end < LEAVES {
        levels.push(end.trailing_zeros());
        end += 1 << end.trailing_zeros();
    }
    (levels, left)
}

impl Split {
    /// Of a checkpoint of `size` records that does not end with a subtree, whose leaves `tree` knows.
    pub(super) fn of<N: Nodes>(size: u64, tree: &N) -> Result<Self, N::Error> {
        let mut at = size / LEAVES * LEAVES;
        let node = |level: u32| {
            let node = tree.node(level, at >> level);
            at += 1 << level;
            node
        };
        Ok(Self { size, nodes: levels(size).0.into_iter().map(node).collect::<Result<_, _>>()? })
    }

    /// The root of the checkpoint's tree behind `before`, which ends where the subtree begins; and the tree with all of it.
    pub(super) fn fold(&self, before: &Frontier) -> (Hash, Frontier) {
        let (mut tree, (levels, left)) = (before.clone(), levels(self.size));
        let mut nodes = levels.into_iter().zip(&self.nodes);
        nodes.by_ref().take(left).for_each(|(level, node)| tree.append_subtree(level, *node));
        let root = tree.root();
        nodes.for_each(|(level, node)| tree.append_subtree(level, *node));
        (root, tree)
    }

    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.size.to_le_bytes());
        for (place, node) in bytes[8..].as_chunks_mut::<32>().0.iter_mut().zip(&self.nodes) {
            *place = node.0;
        }
        let checksum = crc32fast::hash(&bytes[..ENTRY - 4]);
        bytes[ENTRY - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY]) -> Option<Self> {
        let (content, checksum) = bytes.split_at(ENTRY - 4);
        let size = u64::from_le_bytes(content[..8].try_into().ok()?);
        let is_whole = checksum == crc32fast::hash(content).to_le_bytes() && !size.is_multiple_of(LEAVES);
        let nodes = content[8..].as_chunks::<32>().0.iter().take(levels(size).0.len());
        is_whole.then(|| Self { size, nodes: nodes.copied().map(Hash).collect() })
    }
}

/// What the file in this folder holds; nothing where there is none. What is not whole is passed over.
///
/// # Errors
/// What the system says.
pub fn read(folder: &Path) -> io::Result<Splits> {
    match std::fs::read(folder.join(NAME)) {
        Ok(bytes) => {
            let whole = bytes.as_chunks().0.iter().filter_map(Split::decode);
            Ok(Splits(whole.map(|split| (split.size, split)).collect()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Splits::default()),
        Err(error) => Err(error),
    }
}

/// Appends those that are not there yet, durably; what a crash tore off before is written over. Up to `removed` it was done
/// before: the file's end alone is looked at.
pub(super) fn extend(folder: &Path, removed: u64, mut splits: Vec<Split>) -> io::Result<()> {
    if splits.is_empty() {
        return Ok(());
    }
    let path = folder.join(NAME);
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    let end = file.metadata()?.len() / ENTRY as u64 * ENTRY as u64;
    let (mut at, mut bytes) = (end, [0; ENTRY]);
    while let Some(before) = at.checked_sub(ENTRY as u64) {
        file.read_exact_at(&mut bytes, before)?;
        let Some(found) = Split::decode(&bytes).filter(|found| found.size > removed) else { break };
        splits.retain(|split| *split != found);
        at = before;
    }
    let bytes: Vec<u8> = splits.iter().flat_map(Split::encode).collect();
    file.write_all_at(&bytes, end)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Leaves;

    fn body(seq: u64) -> [u8; 8] {
        seq.to_le_bytes()
    }

    #[test]
    fn of_every_size_the_nodes_give_its_root_and_the_subtree_that_it_splits() {
        let mut leaves = Leaves::default();
        (257..=512).for_each(|seq| leaves.take(seq, &body(seq)));
        let (mut before, mut tree) = (Frontier::new(), Frontier::new());
        (1..=256).for_each(|seq| before.append(crate::tlog::leaf_hash(&body(seq))));
        (1..=512).for_each(|seq| tree.append(crate::tlog::leaf_hash(&body(seq))));
        let mut all = Vec::new();
        for size in 257..512 {
            let split = Split::of(size, &leaves).unwrap();
            assert!((2..=MOST).contains(&split.nodes.len()), "{size}");
            let mut expected = before.clone();
            (257..=size).for_each(|seq| expected.append(crate::tlog::leaf_hash(&body(seq))));
            assert_eq!(split.fold(&before), (expected.root(), tree.clone()), "{size}");
            all.push(split);
        }
        let folder = tempfile::tempdir().unwrap();
        extend(folder.path(), 256, all[..100].to_vec()).unwrap();
        // A crash tore the next one.
        let mut torn = std::fs::read(folder.path().join(NAME)).unwrap();
        torn.extend_from_slice(&all[100].encode()[..200]);
        std::fs::write(folder.path().join(NAME), torn).unwrap();
        extend(folder.path(), 256, all.clone()).unwrap();
        let length = std::fs::metadata(folder.path().join(NAME)).unwrap().len();
        assert_eq!(length, (all.len() * ENTRY) as u64, "what was there already was written again");
        let read = read(folder.path()).unwrap();
        assert!(all.iter().all(|split| read.get(split.size) == Some(split)));
    }

    #[test]
    fn what_is_not_whole_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap().get(300).is_none());
        let split = Split { size: 300, nodes: vec![Hash([1; 32]); levels(300).0.len()] };
        let whole = split.encode();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Split::decode(&flipped), None, "bit {bit}");
        }
    }
}
