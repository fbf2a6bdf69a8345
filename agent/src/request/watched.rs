//! Lists that are watched: an item that cannot be read keeps nobody from reading the others. Pure.

use std::collections::BTreeMap;

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::shape::{Field, Shape};

use super::json::Json;
use super::read::IsSecret;
use super::wire::{self, BadField, Exact, TooLong};
use crate::content::Content;

/// An item that lacks a declared field, or holds one that does not fit.
#[derive(Clone)]
pub struct Unread {
    /// Those of its fields that can be read.
    pub values: BTreeMap<Name, Value>,
    /// Its instants, as exactly as they came.
    pub exact: Exact,
    /// The field that does not fit.
    pub field: BadField,
    /// All that it says, by which it is known again.
    pub bytes: Content<Vec<u8>>,
    /// How many that can be read stand before it.
    pub before: usize,
}

/// The items of a list, those apart that cannot be read.
#[derive(Default)]
pub(super) struct Items {
    pub(super) values: Vec<Value>,
    /// The instants of each of them, as exactly as they came.
    pub(super) exact: Vec<Exact>,
    pub(super) unread: Vec<Unread>,
}

/// Reads a list item by item. Nothing where it is no list of records, where it is too long, and where an item that cannot be
/// read holds a secret: then the list as a whole does not fit.
pub(super) fn items(there: Option<&Json>, field: &Field, too_long: TooLong, is_secret: IsSecret) -> Option<Items> {
    let (Some(Json::List(items)), Shape::List { most, of }) = (there, &field.shape) else { return None };
    let Shape::Record { fields } = &of.shape else { return None };
    let most = usize::try_from(*most).unwrap_or(usize::MAX);
    if items.len() > most && too_long == TooLong::Fails {
        return None;
    }
    let mut read = Items::default();
    for item in items.iter().take(most) {
        let exact = item.at(&of.at).map(|item| wire::exact(item, fields)).unwrap_or_default();
        match wire::take_field(item.at(&of.at), of, TooLong::Fails) {
            Ok(value) => {
                read.values.push(value);
                read.exact.push(exact);
            }
            Err(field) => {
                let values = readable(item.at(&of.at), fields);
                if wire::fact_where(&values, fields, is_secret).is_some() {
                    return None;
                }
                let mut bytes = Content::new(Vec::new());
                item.write(bytes.reveal_mut());
                let before = read.values.len();
                read.unread.push(Unread { values, exact, field, bytes, before });
            }
        }
    }
    Some(read)
}

/// Those fields of an item that can be read.
fn readable(item: Option<&Json>, fields: &BTreeMap<Name, Field>) -> BTreeMap<Name, Value> {
    let Some(item @ Json::Object(_)) = item else { return BTreeMap::new() };
    let taken = |(name, field): (&Name, &Field)| {
        let value =
            wire::take_field(item.at(&field.at), field, TooLong::Fails).ok().filter(|value| !value.is_absent())?;
        Some((name.clone(), value))
    };
    fields.iter().filter_map(taken).collect()
}
