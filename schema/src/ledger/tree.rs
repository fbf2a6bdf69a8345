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

/// How many leaves a tile has. A log keeps the root of each, so that a proof reads one tile's leaves and the others' roots.
pub const TILE: u64 = 1 << TILE_HEIGHT;
/// The height of a tile's root.
const TILE_HEIGHT: u32 = 8;

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

    /// Adds one leaf. Gives the root of the tile that it is the last leaf of.
    pub fn append(&mut self, data: &[u8]) -> Option<Digest> {
        self.append_hash(leaf(data))
    }

    /// The root over all leaves; the SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        let smallest_first = self.peaks.iter().rev();
        smallest_first.copied().reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Digest::of_file(b""))
    }

    /// Adds the hash of a leaf, or of the next of equal subtrees.
    fn append_hash(&mut self, mut hash: Digest) -> Option<Digest> {
        let mut tile = None;
        // Each trailing one bit of the old size is a peak that now gets a sibling of its own height.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
            if height == TILE_HEIGHT {
                tile = Some(hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
        tile
    }
}

/// The root over whole tiles and the leaves after them, from the tiles' roots and the leaves' hashes.
pub fn root_of_tiles(tiles: &[Digest], leaves: &[Digest]) -> Digest {
    let (mut all, mut rest) = (Frontier::new(), Frontier::new());
    for tile in tiles {
        all.append_hash(*tile);
    }
    for leaf in leaves {
        rest.append_hash(*leaf);
    }
    all.peaks.append(&mut rest.peaks);
    all.root()
}

/// Leaves from one place up to another, which is not among them.
pub type Span = (u64, u64);

/// The spans whose roots, in this order, prove a leaf to be in a tree; `None` when it is not in it.
///
/// # Source
/// RFC 6962 section 2.1.1. Each begins at a multiple of the power of two that it fits into.
pub fn inclusion_spans(index: u64, size: u64) -> Option<Vec<Span>> {
    if index >= size {
        return None;
    }
    let (mut begin, mut end, mut spans) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + split_of(end - begin);
        if index < middle {
            spans.push((middle, end));
            end = middle;
        } else {
            spans.push((begin, middle));
            begin = middle;
        }
    }
    spans.reverse();
    Some(spans)
}

/// The spans whose roots, in this order, prove that a tree grew out of the one of its first `old` leaves; `None` when it has
/// fewer. Empty when `old` is 0 or `size`.
///
/// # Source
/// RFC 6962 section 2.1.2.
pub fn consistency_spans(old: u64, size: u64) -> Option<Vec<Span>> {
    if old > size {
        return None;
    }
    let (mut begin, mut end, mut spans) = (0, size, Vec::new());
    // What is left and whole in both trees, the verifier has: it is the older root.
    let mut whole = true;
    while old > 0 && old < end {
        let middle = begin + split_of(end - begin);
        if old <= middle {
            spans.push((middle, end));
            end = middle;
        } else {
            spans.push((begin, middle));
            begin = middle;
            whole = false;
        }
    }
    if !whole {
        spans.push((begin, end));
    }
    spans.reverse();
    Some(spans)
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
        self.roots(&inclusion_spans(index, size)?)
    }

    /// The path that proves the tree of the first `old` leaves to be the beginning of that of the first `size`; `None`
    /// when there are fewer, or `old` is greater. Empty when `old` is 0 or `size`.
    pub fn consistency(&self, old: u64, size: u64) -> Option<Vec<Digest>> {
        self.first(size)?;
        self.roots(&consistency_spans(old, size)?)
    }

    fn first(&self, size: u64) -> Option<&[Digest]> {
        self.leaves.get(..usize::try_from(size).ok()?)
    }

    fn roots(&self, spans: &[Span]) -> Option<Vec<Digest>> {
        let leaves = |(begin, end): &Span| self.first(*end)?.get(usize::try_from(*begin).ok()?..);
        spans.iter().map(|span| leaves(span).map(root_of)).collect()
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
    root_of_tiles(&[], leaves)
}

/// The largest power of two that is smaller than a size of at least two.
fn split_of(size: u64) -> u64 {
    size.div_ceil(2).next_power_of_two()
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
    fn tiles_give_the_roots_that_leaves_give() {
        let all = tree(1_100);
        let (mut frontier, mut tiles) = (Frontier::new(), Vec::new());
        for data in data(1_100) {
            tiles.extend(frontier.append(&data));
        }
        assert_eq!(tiles.len(), 4);
        let hash = |n: u64| leaf(&n.to_be_bytes());
        for size in [255, 256, 257, 511, 512, 513, 1_024, 1_100] {
            let whole = usize::try_from(size / TILE).unwrap();
            let rest: Vec<_> = (size / TILE * TILE..size).map(hash).collect();
            assert_eq!(Some(root_of_tiles(&tiles[..whole], &rest)), all.root(size), "{size}");
        }
        for span in inclusion_spans(300, 1_100).unwrap() {
            assert!(span.1 - span.0 < TILE || span.0 % TILE == 0, "{span:?} begins within a tile");
        }
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
