//! The Merkle tree of RFC 6962: the frontier by which a log grows, roots, and both kinds of proof.
//!
//! # Source
//! RFC 6962 section 2.1 for the hashes and proofs; RFC 9162 sections 2.1.3.2 and 2.1.4.2 for their verification.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::origin::Origin;
use crate::canon::Digest;

/// More hashes than a proof in any tree can hold: one for each of 64 levels, and one more.
pub const PROOF_MOST: usize = 65;

/// Size and root of one log at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Which log.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// The hash of a leaf: `SHA256(0x00 || data)`.
pub fn leaf(data: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// The hash of an inner node: `SHA256(0x01 || left || right)`.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    let hash = Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(hash.finalize().into())
}

/// The roots of the perfect subtrees that make up a tree, from the largest to the smallest: all that appending needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The frontier of a tree of this size whose perfect subtrees have these roots, from the largest to the smallest;
    /// `None` when a tree of this size has another number of them.
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// The roots of the perfect subtrees, from the largest to the smallest.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds one leaf.
    pub fn append(&mut self, data: &[u8]) {
        self.append_hash(leaf(data));
    }

    /// The root over all leaves; the SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        let smallest_first = self.peaks.iter().rev();
        smallest_first.copied().reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Digest::of_file(b""))
    }

    fn append_hash(&mut self, mut hash: Digest) {
        // Each trailing one bit of the old size is a peak that now gets a sibling of its own height.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

/// All leaf hashes of a log, from which proofs are made.
///
/// # Units
/// 32 bytes a leaf; a proof costs one hash for each leaf.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    leaves: Vec<Digest>,
}

impl Tree {
    /// A tree over these leaves, in order.
    pub fn new<'a>(data: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { leaves: data.into_iter().map(leaf).collect() }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// The root over the first `size` leaves; `None` when there are fewer.
    pub fn root(&self, size: u64) -> Option<Digest> {
        self.first(size).map(root_of)
    }

    /// The path that proves a leaf to be in the tree of the first `size` leaves; `None` when it is not.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        let leaves = self.first(size)?;
        let index = usize::try_from(index).ok().filter(|index| *index < leaves.len())?;
        let mut path = Vec::new();
        inclusion_in(index, leaves, &mut path);
        Some(path)
    }

    /// The path that proves the tree of the first `old` leaves to be the beginning of that of the first `size`; `None`
    /// when there are fewer, or `old` is greater. Empty when `old` is 0 or `size`.
    pub fn consistency(&self, old: u64, size: u64) -> Option<Vec<Digest>> {
        let leaves = self.first(size)?;
        let old = usize::try_from(old).ok().filter(|old| *old <= leaves.len())?;
        let mut path = Vec::new();
        if old > 0 {
            consistency_in(old, leaves, true, &mut path);
        }
        Some(path)
    }

    fn first(&self, size: u64) -> Option<&[Digest]> {
        self.leaves.get(..usize::try_from(size).ok()?)
    }
}

/// Whether a path proves that `data` is leaf `index` of the tree of this size and root.
pub fn verify_inclusion(data: &[u8], index: u64, size: u64, path: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf(data));
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            climb_to_left_edge(&mut at, &mut last);
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a path proves that the tree `old_size`, `old_root` is the beginning of the tree `size`, `root`.
///
/// The empty tree is the beginning of every tree; its root is still compared.
pub fn verify_consistency(old_size: u64, old_root: &Digest, size: u64, root: &Digest, path: &[Digest]) -> bool {
    if old_size > size {
        return false;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == Digest::of_file(b"");
    }
    if old_size == size {
        return path.is_empty() && old_root == root;
    }
    let mut path = path.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old_size - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node(sibling, &old_hash);
            hash = node(sibling, &hash);
            climb_to_left_edge(&mut at, &mut last);
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && hash == *root
}

/// Skips the levels at which a right-most node has no sibling.
fn climb_to_left_edge(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}

fn root_of(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    for hash in leaves {
        frontier.append_hash(*hash);
    }
    frontier.root()
}

/// The largest power of two that is smaller than a size of at least two.
fn split_of(size: usize) -> usize {
    size.div_ceil(2).next_power_of_two()
}

/// RFC 6962 section 2.1.1, `PATH(m, D[n])`.
fn inclusion_in(index: usize, leaves: &[Digest], path: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(split_of(leaves.len()));
    if index < left.len() {
        inclusion_in(index, left, path);
        path.push(root_of(right));
    } else {
        inclusion_in(index - left.len(), right, path);
        path.push(root_of(left));
    }
}

/// RFC 6962 section 2.1.2, `SUBPROOF(m, D[n], b)`.
fn consistency_in(old: usize, leaves: &[Digest], whole: bool, path: &mut Vec<Digest>) {
    if old == leaves.len() {
        if !whole {
            path.push(root_of(leaves));
        }
        return;
    }
    let (left, right) = leaves.split_at(split_of(leaves.len()));
    if old <= left.len() {
        consistency_in(old, left, whole, path);
        path.push(root_of(right));
    } else {
        consistency_in(old - left.len(), right, false, path);
        path.push(root_of(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(n: u64) -> Vec<[u8; 8]> {
        (0..n).map(u64::to_be_bytes).collect()
    }

    fn tree(n: u64) -> Tree {
        Tree::new(data(n).iter().map(<[u8; 8]>::as_slice))
    }

    #[test]
    fn proofs_hold_at_every_size_and_nowhere_else() {
        let all = tree(130);
        for size in 1..=130 {
            let root = all.root(size).unwrap();
            for index in 0..size {
                let path = all.inclusion(index, size).unwrap();
                let leaf = index.to_be_bytes();
                assert!(verify_inclusion(&leaf, index, size, &path, &root), "{index} in {size}");
                assert!(!verify_inclusion(&leaf, index + 1, size, &path, &root));
                assert!(!verify_inclusion(&(index + 1).to_be_bytes(), index, size, &path, &root));
                let longer: Vec<_> = path.iter().copied().chain([root]).collect();
                assert!(!verify_inclusion(&leaf, index, size, &longer, &root));
                assert!(path.is_empty() || !verify_inclusion(&leaf, index, size, &path[1..], &root));
            }
            assert!(all.inclusion(size, size).is_none());
        }
    }

    #[test]
    fn consistency_holds_between_every_two_sizes_and_nowhere_else() {
        let all = tree(130);
        for size in 0..=130 {
            let root = all.root(size).unwrap();
            for old in 0..=size {
                let old_root = all.root(old).unwrap();
                let path = all.consistency(old, size).unwrap();
                assert!(path.len() < PROOF_MOST);
                assert!(verify_consistency(old, &old_root, size, &root, &path), "{old} to {size}");
                let other = leaf(b"other");
                assert!(!verify_consistency(old, &other, size, &root, &path));
                assert!(old == 0 || !verify_consistency(old, &old_root, size, &other, &path));
                let longer: Vec<_> = path.iter().copied().chain([root]).collect();
                assert!(!verify_consistency(old, &old_root, size, &root, &longer));
                assert!(path.is_empty() || !verify_consistency(old, &old_root, size, &root, &path[1..]));
            }
            assert!(all.consistency(size + 1, size).is_none());
        }
    }

    #[test]
    fn the_frontier_has_the_root_of_the_whole_tree_at_every_size() {
        let all = tree(300);
        let mut frontier = Frontier::new();
        for (size, data) in (0..).zip(data(300)) {
            assert_eq!(Some(frontier.root()), all.root(size));
            frontier.append(&data);
            assert_eq!(frontier.size(), size + 1);
        }
        assert_eq!(Some(frontier.root()), all.root(300));
    }

    #[test]
    fn a_proof_with_a_bit_flipped_proves_nothing() {
        let all = tree(100);
        let root = all.root(100).unwrap();
        let path = all.inclusion(37, 100).unwrap();
        for at in 0..path.len() {
            let mut bent = path.clone();
            let mut bytes = *bent[at].as_bytes();
            bytes[at] ^= 1;
            bent[at] = Digest::from_bytes(bytes);
            assert!(!verify_inclusion(&37_u64.to_be_bytes(), 37, 100, &bent, &root));
        }
    }
}
