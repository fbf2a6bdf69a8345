//! A delta bomb: a pack in which a small file is stored as a change of a large one that nobody names. Made by hand, since git
//! makes no such change itself.

use git2::{ObjectType, Oid};
use sha1::{Digest as _, Sha1};

const SMALL: &[u8] = b"{\"small\":true}";
const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;
const CHANGE: u8 = 6;

/// A pack with a commit that holds the small file under these names (sorted), and the commit. What it is a change of has so many
/// bytes, all of them zero.
pub(crate) fn bomb(bytes: usize, names: &[String]) -> (Vec<u8>, Oid) {
    let id = |kind, bytes: &[u8]| Oid::hash_object(kind, bytes).expect("an id");
    let small = id(ObjectType::Blob, SMALL);
    let mut tree = Vec::new();
    for name in names {
        tree.extend_from_slice(format!("100644 {name}\0").as_bytes());
        tree.extend_from_slice(small.as_bytes());
    }
    let who = "x <x@example.com> 1780000000 +0000";
    let commit =
        format!("tree {}\nauthor {who}\ncommitter {who}\n\nrelease\n", id(ObjectType::Tree, &tree)).into_bytes();

    let mut pack = b"PACK\0\0\0\x02\0\0\0\x04".to_vec();
    pack.extend(head(COMMIT, commit.len()));
    pack.extend(stored(&commit));
    pack.extend(head(TREE, tree.len()));
    pack.extend(stored(&tree));
    let large = pack.len();
    pack.extend(head(BLOB, bytes));
    pack.extend(zeros(bytes));
    let back = pack.len() - large;
    let mut change = [number(bytes), number(SMALL.len())].concat();
    change.push(u8::try_from(SMALL.len()).expect("a small file"));
    change.extend_from_slice(SMALL);
    pack.extend(head(CHANGE, change.len()));
    pack.extend(distance(back));
    pack.extend(stored(&change));
    let digest = Sha1::digest(&pack);
    pack.extend_from_slice(&digest);
    (pack, id(ObjectType::Commit, &commit))
}

fn low(value: usize, bits: u32) -> u8 {
    u8::try_from(value & ((1 << bits) - 1)).expect("few bits")
}

fn head(kind: u8, mut size: usize) -> Vec<u8> {
    let mut out = vec![(kind << 4) | low(size, 4)];
    size >>= 4;
    while size > 0 {
        *out.last_mut().expect("a byte") |= 0x80;
        out.push(low(size, 7));
        size >>= 7;
    }
    out
}

fn number(mut value: usize) -> Vec<u8> {
    let mut out = vec![low(value, 7)];
    value >>= 7;
    while value > 0 {
        *out.last_mut().expect("a byte") |= 0x80;
        out.push(low(value, 7));
        value >>= 7;
    }
    out
}

fn distance(mut back: usize) -> Vec<u8> {
    let mut out = vec![low(back, 7)];
    back >>= 7;
    while back > 0 {
        back -= 1;
        out.push(0x80 | low(back, 7));
        back >>= 7;
    }
    out.reverse();
    out
}

/// zlib's form of some bytes as they are.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 1];
    let mut left = bytes;
    loop {
        let (now, rest) = left.split_at(left.len().min(0xffff));
        let size = u16::try_from(now.len()).expect("a block");
        out.push(u8::from(rest.is_empty()));
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&(!size).to_le_bytes());
        out.extend_from_slice(now);
        left = rest;
        if rest.is_empty() {
            break;
        }
    }
    let sums = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend_from_slice(&((sums.1 << 16) | sums.0).to_be_bytes());
    out
}

/// zlib's form of so many zeros, 13 bits for each 258 of them: never all in memory.
fn zeros(count: usize) -> Vec<u8> {
    let mut out = Bits { bytes: vec![0x78, 1], free: 0 };
    // The last block, with the codes of the standard.
    out.put(0b1, 1);
    out.put(0b10, 2);
    out.put(0b0011_0000, 8);
    for _ in 0..(count - 1) / 258 {
        // 258 bytes, as one back.
        out.put(0b1_1000_1010_0000, 13);
    }
    for _ in 0..(count - 1) % 258 {
        out.put(0b0011_0000, 8);
    }
    out.put(0, 7);
    let sum = u32::try_from(count % 65_521).expect("a small number");
    out.bytes.extend_from_slice(&((sum << 16) | 1).to_be_bytes());
    out.bytes
}

struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

impl Bits {
    /// The first bit of the code goes first.
    fn put(&mut self, code: u32, bits: u32) {
        for bit in (0..bits).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            if code >> bit & 1 == 1 {
                *self.bytes.last_mut().expect("a byte") |= 1 << (8 - self.free);
            }
            self.free -= 1;
        }
    }
}
