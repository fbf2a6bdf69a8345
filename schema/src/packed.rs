//! What a pack of git says of its objects before anything is inflated: where each lies, and what it is stored as a change of.
//!
//! Git gives the size of an object, and not of what it has to make on the way to it: a hundred bytes may be stored as a change
//! of a gigabyte, which then is made in memory whenever they are read. So what objects rest on is weighed by their heads.
//!
//! # Source
//! gitformat-pack(5): "pack-*.pack files have the following format", "Version 2 pack-*.idx files".

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The most bytes of an object in a pack that say its kind and what it is a change of: ten of its size, twenty of a name.
pub const HEAD_BYTES: usize = 30;
/// The longest chain of changes: git's own limit.
const DEPTH_MOST: usize = 4_095;
const MAGIC: &[u8] = b"\xfftOc\0\0\0\x02";
const FANOUT_BYTES: usize = 256 * 4;
const NAME_BYTES: usize = 20;
/// Two digests at the end of an index.
const TRAILER_BYTES: usize = 40;
/// Marks an offset that stands in the table of large ones.
const LARGE: u32 = 1 << 31;

/// The id of an object, as bytes.
pub type Name = [u8; NAME_BYTES];

/// What an object is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Itself.
    Whole,
    /// A change of what lies at this place of the same pack.
    ChangeAt(u64),
    /// A change of the object of this id in the same pack.
    ChangeOf(Name),
}

/// Reads the first [`HEAD_BYTES`] of an object that lies at a place; nothing where it is none.
pub fn stored(head: &[u8], place: u64) -> Option<Stored> {
    let size_bytes = head.iter().position(|byte| byte & 0x80 == 0)?.checked_add(1)?;
    let rest = head.get(size_bytes..)?;
    match (head.first()? >> 4) & 7 {
        1..=4 => Some(Stored::Whole),
        6 => {
            let (first, more) = rest.split_first()?;
            let (mut back, mut more, mut byte) = (u64::from(first & 0x7f), more.iter(), *first);
            while byte & 0x80 != 0 {
                byte = *more.next()?;
                back = back.checked_add(1)?.checked_mul(0x80)?.checked_add(u64::from(byte & 0x7f))?;
            }
            place.checked_sub(back).filter(|base| *base < place).map(Stored::ChangeAt)
        }
        7 => Some(Stored::ChangeOf(rest.first_chunk().copied()?)),
        _ => None,
    }
}

/// The index of a pack: the ids of its objects, sorted, and the place of each.
#[derive(Debug)]
pub struct Index {
    bytes: Vec<u8>,
    count: usize,
    /// The numbers of the objects in the order of their places, once somebody asks by place.
    by_place: OnceLock<Vec<u32>>,
}

impl Index {
    /// Reads an index of version 2, which git has written since 2007; nothing where it is none.
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let count = usize::try_from(word(&bytes, MAGIC.len().checked_add(FANOUT_BYTES)?.checked_sub(4)?)?).ok()?;
        let least = count.checked_mul(NAME_BYTES + 8)?.checked_add(MAGIC.len() + FANOUT_BYTES + TRAILER_BYTES)?;
        (bytes.starts_with(MAGIC) && bytes.len() >= least).then(|| Self { bytes, count, by_place: OnceLock::new() })
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The id of the object of a number.
    pub fn name(&self, number: usize) -> Option<&Name> {
        let start = number.checked_mul(NAME_BYTES)?.checked_add(MAGIC.len() + FANOUT_BYTES)?;
        (number < self.count).then_some(())?;
        self.bytes.get(start..)?.first_chunk()
    }

    /// Where the object of a number lies.
    pub fn place(&self, number: usize) -> Option<u64> {
        (number < self.count).then_some(())?;
        let places = self.count.checked_mul(NAME_BYTES + 4)?.checked_add(MAGIC.len() + FANOUT_BYTES)?;
        let place = word(&self.bytes, number.checked_mul(4)?.checked_add(places)?)?;
        if place & LARGE == 0 {
            return Some(u64::from(place));
        }
        let row = usize::try_from(place & !LARGE).ok()?.checked_mul(8)?;
        let start = self.count.checked_mul(4)?.checked_add(places)?.checked_add(row)?;
        Some(u64::from_be_bytes(*self.bytes.get(start..)?.first_chunk()?))
    }

    /// The number of the object of an id.
    pub fn find(&self, name: &Name) -> Option<usize> {
        let row = |row: u8| usize::try_from(word(&self.bytes, MAGIC.len().checked_add(usize::from(row) * 4)?)?).ok();
        let first = *name.first()?;
        let mut low = first.checked_sub(1).map_or(Some(0), row)?;
        let mut high = row(first)?.min(self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.name(middle)?.cmp(name) {
                std::cmp::Ordering::Less => low = middle.checked_add(1)?,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The number of the object that lies at a place.
    fn at(&self, place: u64) -> Option<usize> {
        let by_place = self.by_place.get_or_init(|| {
            let mut all: Vec<u32> = (0..u32::try_from(self.count).unwrap_or(u32::MAX)).collect();
            all.sort_by_cached_key(|number| self.place(usize::try_from(*number).ok()?));
            all
        });
        let of = |number: &u32| usize::try_from(*number).ok().and_then(|number| self.place(number));
        let found = by_place.binary_search_by_key(&Some(place), of).ok()?;
        usize::try_from(*by_place.get(found)?).ok()
    }
}

fn word(bytes: &[u8], start: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(start..)?.first_chunk()?))
}

/// What has to be made on the way to an object, besides itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The largest of it, in bytes.
    pub largest: u64,
    /// All of it, in bytes.
    pub all: u64,
    /// How many changes it takes.
    pub depth: usize,
}

/// Whoever can look at a pack.
pub trait Pack {
    /// The first [`HEAD_BYTES`] of what lies at a place, or as many as there are.
    fn head(&self, place: u64) -> Option<Vec<u8>>;

    /// The size of an object once it is made, as its head says.
    fn size(&self, name: &Name) -> Option<u64>;
}

/// The loads of the objects of one pack; what was weighed is known.
#[derive(Debug)]
pub struct Loads {
    index: Index,
    known: BTreeMap<usize, Load>,
}

impl Loads {
    /// Nothing weighed yet.
    pub fn new(index: Index) -> Self {
        Self { index, known: BTreeMap::new() }
    }

    /// Where its objects lie.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What has to be made on the way to the object of a number; nothing where that cannot be told, or is a chain that is too
    /// long.
    pub fn of(&mut self, number: usize, pack: &impl Pack) -> Option<Load> {
        // Each with what it is a change of.
        let mut changes: Vec<(usize, usize)> = Vec::new();
        let mut at = number;
        let mut load = loop {
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            let place = self.index.place(at)?;
            let base = match stored(&pack.head(place)?, place)? {
                Stored::Whole => break Load::default(),
                Stored::ChangeAt(base) => self.index.at(base)?,
                Stored::ChangeOf(name) => self.index.find(&name)?,
            };
            changes.push((at, base));
            // A circle is too long as well.
            if changes.len() > DEPTH_MOST {
                return None;
            }
            at = base;
        };
        for (change, base) in changes.into_iter().rev() {
            let size = pack.size(self.index.name(base)?)?;
            let depth = load.depth.checked_add(1).filter(|depth| *depth <= DEPTH_MOST)?;
            load = Load { largest: load.largest.max(size), all: load.all.saturating_add(size), depth };
            self.known.insert(change, load);
        }
        Some(load)
    }
}

/// How much more than itself what a commit holds may take to be read: git stores a file as a change of one of much the same size,
/// fifty times at most.
const TIMES_MOST: u64 = 64;

/// Whether that much may have to be made for objects of so many bytes, and a rest that is fixed.
pub fn is_bearable(load: u64, size: u64, rest: u64) -> bool {
    load <= size.saturating_mul(TIMES_MOST).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        assert_eq!(stored(&[0x35, 0x78], 12), Some(Stored::Whole));
        assert_eq!(stored(&[0xb5, 0x80, 0x01, 0x78], 12), Some(Stored::Whole));
        assert_eq!(stored(&[0x65, 0x0a, 0x78], 112), Some(Stored::ChangeAt(102)));
        assert_eq!(stored(&[0xe5, 0x01, 0x80, 0x00, 0x78], 200), Some(Stored::ChangeAt(72)), "128 back");
        let named: Vec<u8> = std::iter::once(0x75).chain([7; 20]).collect();
        assert_eq!(stored(&named, 12), Some(Stored::ChangeOf([7; 20])));
        for bad in [&[][..], &[0x80], &[0x05, 0x78], &[0x55, 0x78], &[0x65, 0x0d], &[0x65, 0x00], &[0x65], &[0x75, 1]] {
            assert_eq!(stored(bad, 12), None, "{bad:?}");
        }
    }

    /// An index of objects whose ids begin with these bytes, at these places.
    fn index(objects: &[(u8, u64)]) -> Index {
        let mut bytes = MAGIC.to_vec();
        for row in 0..=255_u8 {
            let below = objects.iter().filter(|(name, _)| *name <= row).count();
            bytes.extend(u32::try_from(below).unwrap().to_be_bytes());
        }
        bytes.extend(objects.iter().flat_map(|(name, _)| [*name; 20]));
        bytes.extend(objects.iter().flat_map(|_| [0; 4]));
        let mut large = Vec::new();
        for (_, place) in objects {
            let small = u32::try_from(*place).ok().filter(|place| place & LARGE == 0);
            let word = small.unwrap_or(LARGE | u32::try_from(large.len() / 8).unwrap());
            if small.is_none() {
                large.extend(place.to_be_bytes());
            }
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(large);
        bytes.extend([0; 40]);
        Index::parse(bytes).unwrap()
    }

    /// A pack in which each object has this size and this head.
    struct Made(BTreeMap<u64, Vec<u8>>, BTreeMap<u8, u64>);

    impl Pack for Made {
        fn head(&self, place: u64) -> Option<Vec<u8>> {
            self.0.get(&place).cloned()
        }

        fn size(&self, name: &Name) -> Option<u64> {
            self.1.get(&name[0]).copied()
        }
    }

    #[test]
    fn what_an_object_rests_on_is_weighed_along_its_chain() {
        let far = 1 << 40;
        let mut loads = Loads::new(index(&[(1, 12), (9, 30), (200, 20), (255, far)]));
        assert_eq!(loads.index.find(&[200; 20]), Some(2));
        assert_eq!(loads.index.find(&[201; 20]), None);
        assert_eq!(loads.index.place(3), Some(far));
        assert_eq!(loads.index.at(far), Some(3));
        let change = |of: u8| std::iter::once(0x75).chain([of; 20]).collect::<Vec<u8>>();
        // 9 is a change of 200, which is one of 1; 255 is one of itself.
        let heads = [(12, vec![0x35]), (20, vec![0x65, 8]), (30, vec![0x65, 10]), (far, change(255))].into();
        let pack = Made(heads, [(1, 1000), (9, 1), (200, 50)].into());
        let load = |all, largest, depth| Some(Load { largest, all, depth });
        assert_eq!(loads.of(1, &pack), load(1050, 1000, 2));
        assert_eq!(loads.of(0, &pack), load(0, 0, 0));
        assert_eq!(loads.of(2, &pack), load(1000, 1000, 1));
        assert_eq!(loads.of(3, &pack), None, "a circle");
        assert_eq!(loads.of(4, &pack), None, "no such object");
    }

    #[test]
    fn what_is_no_index_is_none() {
        let whole = index(&[(1, 12)]).bytes;
        assert!(Index::parse(whole.clone()).is_some());
        assert!(Index::parse(whole[..whole.len() - 1].to_vec()).is_none());
        assert!(Index::parse(Vec::new()).is_none());
        let mut other = whole;
        other[7] = 1;
        assert!(Index::parse(other).is_none());
    }
}
