//! Inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2) and how they are verified (RFC 9162 §2.1.3.2 and
//! §2.1.4.2).

use super::hash::{Hash, empty_root, node_hash};

/// Where the roots of complete subtrees come from.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The root of the subtree of the 2^`level` leaves from `index`·2^`level` on.
    ///
    /// # Errors
    /// Where it cannot be had.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// Where a node cannot be had.
pub fn root<N: Nodes>(size: u64, nodes: &N) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range(0, size, nodes) }
}

/// What proves that the leaf at `index` is in the tree of the first `size` leaves: `PATH(index, D[size])`.
///
/// # Errors
/// Where a node cannot be had.
///
/// # Panics
/// Where there is no such leaf.
pub fn inclusion_proof<N: Nodes>(index: u64, size: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    assert!(index < size, "there is no leaf {index} in a tree of {size}");
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// What proves that the tree of `size` leaves begins with that of `old` leaves: `PROOF(old, D[size])`.
///
/// # Errors
/// Where a node cannot be had.
///
/// # Panics
/// Where `old` is zero or larger than `size`: there is nothing to prove.
pub fn consistency_proof<N: Nodes>(old: u64, size: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    assert!(0 < old && old <= size, "a tree of {size} leaves has nothing to prove of one of {old}");
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    // Until the old tree ends with this range.
    while old < end {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    // Where it is the whole old tree, its root is known.
    if begin > 0 {
        path.push(range(begin, end, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `size`, which is 2 or more.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The hash of the leaves from `begin` to `end`, as it is a part of the tree: `begin` is a multiple of a power of two that
/// is not smaller than their number.
fn range<N: Nodes>(begin: u64, end: u64, nodes: &N) -> Result<Hash, N::Error> {
    let size = end - begin;
    if size.is_power_of_two() {
        return nodes.node(size.trailing_zeros(), begin / size);
    }
    let middle = begin + split(size);
    Ok(node_hash(&range(begin, middle, nodes)?, &range(middle, end, nodes)?))
}

/// Whether `proof` shows that `leaf` is at `index` of the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // The right edge has no siblings where its subtrees are not complete.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `size` leaves begins with that of `old` leaves.
pub fn verify_consistency(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root() && (size > 0 || old_root == root);
    }
    if old >= size {
        return old == size && proof.is_empty() && old_root == root;
    }
    // Where the old tree is one complete subtree, the proof leaves its root out.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
        None => return false,
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (size - 1) >> shift);
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && hash == *root
}
