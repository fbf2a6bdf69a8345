//! What the readers of this room asked for, for the test that holds the table of keys to them. Not part of the product.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use toml::de::{DeTable, DeValue};

/// One table of a file that was read.
pub(super) struct Seen {
    /// The keys that lead to it, `[]` for the item of a list.
    pub(super) path: Vec<String>,
    /// The keys that were asked for.
    pub(super) asked: BTreeSet<&'static str>,
    /// Whether its keys were read as names that people chose.
    pub(super) named: bool,
}

type Notes = BTreeMap<usize, (BTreeSet<&'static str>, bool)>;

thread_local! {
    /// By the table's address, until the file that holds it was read.
    static NOTES: RefCell<Notes> = const { RefCell::new(BTreeMap::new()) };
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

fn address(table: &DeTable<'_>) -> usize {
    std::ptr::from_ref(table).addr()
}

/// A key of a table was asked for.
pub(super) fn note(table: &DeTable<'_>, key: &'static str) {
    NOTES.with_borrow_mut(|notes| notes.entry(address(table)).or_default().0.insert(key));
}

/// All keys of a table were read as names.
pub(super) fn note_names(table: &DeTable<'_>) {
    NOTES.with_borrow_mut(|notes| notes.entry(address(table)).or_default().1 = true);
}

/// A file was read to its end.
pub(super) fn file_read(root: &DeTable<'_>) {
    let notes = NOTES.with_borrow_mut(take);
    SEEN.with_borrow_mut(|seen| walk(root, &mut Vec::new(), &notes, seen));
}

/// The tables of all files that were read since the last time.
pub(super) fn seen() -> Vec<Seen> {
    SEEN.with_borrow_mut(take)
}

fn walk(table: &DeTable<'_>, path: &mut Vec<String>, notes: &Notes, seen: &mut Vec<Seen>) {
    if let Some((asked, named)) = notes.get(&address(table)).cloned() {
        seen.push(Seen { path: path.clone(), asked, named });
    }
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        walk_value(value.get_ref(), path, notes, seen);
        path.pop();
    }
}

fn walk_value(value: &DeValue<'_>, path: &mut Vec<String>, notes: &Notes, seen: &mut Vec<Seen>) {
    match value {
        DeValue::Table(table) => walk(table, path, notes, seen),
        DeValue::Array(items) => {
            path.push("[]".into());
            items.iter().for_each(|item| walk_value(item.get_ref(), path, notes, seen));
            path.pop();
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}
