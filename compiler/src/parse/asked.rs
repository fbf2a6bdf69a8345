//! What the readers of this room asked for, for the test that holds the table of keys to them. Not part of the product.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::mem::take;
use std::ops::RangeInclusive;

use super::tree::{Members, Written};

/// One table of a file that was read.
pub(super) struct Seen {
    /// The keys that lead to it, `[]` for the item of a list.
    pub(super) path: Vec<String>,
    /// The keys that were asked for.
    pub(super) asked: BTreeSet<&'static str>,
    /// Whether its keys were read as names that people chose.
    pub(super) named: bool,
    /// The bounds within which integers of it were read, by key; those of a list stand at the list's key.
    pub(super) bounds: BTreeMap<String, Bounds>,
}

/// The least and the greatest integer that a reader takes.
pub(super) type Bounds = (i64, i64);

type Notes = BTreeMap<usize, (BTreeSet<&'static str>, bool)>;

thread_local! {
    /// By the table's address, until the file that holds it was read.
    static NOTES: RefCell<Notes> = const { RefCell::new(BTreeMap::new()) };
    /// By the value's address, until the file that holds it was read.
    static BOUNDS: RefCell<BTreeMap<usize, Bounds>> = const { RefCell::new(BTreeMap::new()) };
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

fn address(table: &Members<'_>) -> usize {
    std::ptr::from_ref(table).addr()
}

/// A key of a table was asked for.
pub(super) fn note(table: &Members<'_>, key: &'static str) {
    NOTES.with_borrow_mut(|notes| notes.entry(address(table)).or_default().0.insert(key));
}

/// All keys of a table were read as names.
pub(super) fn note_names(table: &Members<'_>) {
    NOTES.with_borrow_mut(|notes| notes.entry(address(table)).or_default().1 = true);
}

/// A value was read as an integer within bounds.
pub(super) fn note_bounds<T: Display>(value: &Written<'_>, bounds: &RangeInclusive<T>) {
    let number = |bound: &T| bound.to_string().parse().expect("an integer");
    let bounds = (number(bounds.start()), number(bounds.end()));
    BOUNDS.with_borrow_mut(|notes| notes.insert(std::ptr::from_ref(value).addr(), bounds));
}

/// A file was read to its end.
pub(super) fn file_read(root: &Members<'_>) {
    let (notes, bounds) = (NOTES.with_borrow_mut(take), BOUNDS.with_borrow_mut(take));
    SEEN.with_borrow_mut(|seen| walk(root, &mut Vec::new(), &(notes, bounds), seen));
}

/// The tables of all files that were read since the last time.
pub(super) fn seen() -> Vec<Seen> {
    SEEN.with_borrow_mut(take)
}

/// What was noted of a file.
type Noted = (Notes, BTreeMap<usize, Bounds>);

fn walk(table: &Members<'_>, path: &mut Vec<String>, notes: &Noted, seen: &mut Vec<Seen>) {
    if let Some((asked, named)) = notes.0.get(&address(table)).cloned() {
        let of = |value: &Written<'_>| notes.1.get(&std::ptr::from_ref(value).addr()).copied();
        let bounds = table.iter().filter_map(|(key, value)| {
            let inside = value.get_ref().as_array().and_then(|items| items.iter().find_map(|item| of(item.get_ref())));
            Some((key.get_ref().to_string(), of(value.get_ref()).or(inside)?))
        });
        seen.push(Seen { path: path.clone(), asked, named, bounds: bounds.collect() });
    }
    for (key, value) in table.iter() {
        path.push(key.get_ref().to_string());
        walk_value(value.get_ref(), path, notes, seen);
        path.pop();
    }
}

fn walk_value(value: &Written<'_>, path: &mut Vec<String>, notes: &Noted, seen: &mut Vec<Seen>) {
    match value {
        Written::Table(table) => walk(table, path, notes, seen),
        Written::Array(items) => {
            path.push("[]".into());
            for item in items {
                walk_value(item.get_ref(), path, notes, seen);
            }
            path.pop();
        }
        Written::String(_) | Written::Integer(_) | Written::Float(_) | Written::Boolean(_) | Written::Datetime(_) => {}
    }
}
