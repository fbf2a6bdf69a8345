//! A TOML file as a tree of what stands where. Nothing in it says which of the two readers made it.
//!
//! The readers of this room look at trees of few keys in order, so a table is a sorted list and not a map of its own.

use std::borrow::Cow;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::plain;

/// A key with its place.
pub(super) type Key<'i> = Spanned<Cow<'i, str>>;

/// A file's tree, or why it is no TOML.
///
/// # Errors
/// What the reader of all of TOML says.
pub(super) fn tree(text: &str) -> Result<Members<'_>, toml::de::Error> {
    match plain::read(text) {
        Some(members) => Ok(members),
        None => DeTable::parse(text).map(|table| table.into_inner().into()),
    }
}

/// How a table came to be; only while a file is read does it matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It stands in braces, or a reader made it that tells nobody.
    Closed,
    /// It has a head of its own.
    Head,
    /// The head of a table in it names it.
    Above,
    /// Keys with dots name it.
    Dotted,
}

/// A table.
///
/// # Shape
/// Sorted by key, each once.
pub(super) struct Members<'i> {
    members: Vec<(Key<'i>, Spanned<Written<'i>>)>,
    origin: Origin,
}

/// One value.
#[derive(Debug)]
pub(super) enum Written<'i> {
    String(Cow<'i, str>),
    Integer(Integer<'i>),
    /// As it is written, but for `_`.
    Float(Cow<'i, str>),
    Boolean(bool),
    Datetime(Datetime),
    Array(Vec<Spanned<Written<'i>>>),
    Table(Members<'i>),
}

/// An integer of any size.
#[derive(Debug)]
pub(super) struct Integer<'i> {
    digits: Cow<'i, str>,
    radix: u32,
}

impl<'i> Integer<'i> {
    /// A decimal one.
    pub(super) fn decimal(digits: &'i str) -> Self {
        Self { digits: Cow::Borrowed(digits), radix: 10 }
    }

    /// Its digits with its sign.
    pub(super) fn as_str(&self) -> &str {
        &self.digits
    }

    /// The base of its digits.
    pub(super) fn radix(&self) -> u32 {
        self.radix
    }
}

impl<'i> Members<'i> {
    /// An empty table.
    pub(super) fn new(origin: Origin) -> Self {
        Self { members: Vec::new(), origin }
    }

    /// How it came to be.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Spanned<Written<'i>>> {
        let at = self.find(key).ok()?;
        self.members.get(at).map(|(_, value)| value)
    }

    /// Whether a key is there.
    pub(super) fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// The keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key<'i>> {
        self.members.iter().map(|(key, _)| key)
    }

    /// The keys with their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key<'i>, &Spanned<Written<'i>>)> {
        self.members.iter().map(|(key, value)| (key, value))
    }

    /// Adds a value; nothing where the key is there.
    pub(super) fn add(&mut self, key: Key<'i>, value: Spanned<Written<'i>>) -> Option<&mut Written<'i>> {
        let at = self.find(key.get_ref()).err()?;
        self.members.insert(at, (key, value));
        self.members.get_mut(at).map(|(_, value)| value.get_mut())
    }

    /// The value of a key; what is made where there is none.
    pub(super) fn get_or_add(
        &mut self,
        key: Key<'i>,
        make: impl FnOnce(&Key<'i>) -> Spanned<Written<'i>>,
    ) -> Option<&mut Written<'i>> {
        let at = match self.find(key.get_ref()) {
            Ok(at) => at,
            Err(at) => {
                let value = make(&key);
                self.members.insert(at, (key, value));
                at
            }
        };
        self.members.get_mut(at).map(|(_, value)| value.get_mut())
    }

    /// Where a key stands, or would.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|(other, _)| (**other.get_ref()).cmp(key))
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'i> Written<'i> {
    /// The text, of a text.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, of a list.
    pub(super) fn as_array(&self) -> Option<&[Spanned<Self>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, of a table.
    pub(super) fn as_table(&self) -> Option<&Members<'i>> {
        match self {
            Self::Table(members) => Some(members),
            _ => None,
        }
    }
}

impl<'i> From<DeTable<'i>> for Members<'i> {
    fn from(table: DeTable<'i>) -> Self {
        Self { members: table.into_iter().map(|(key, value)| (key, placed(value))).collect(), origin: Origin::Closed }
    }
}

fn placed(value: Spanned<DeValue<'_>>) -> Spanned<Written<'_>> {
    let span = value.span();
    Spanned::new(span, value.into_inner().into())
}

impl<'i> From<DeValue<'i>> for Written<'i> {
    fn from(value: DeValue<'i>) -> Self {
        match value {
            DeValue::String(text) => Self::String(text),
            DeValue::Integer(number) => {
                Self::Integer(Integer { digits: Cow::Owned(number.as_str().to_owned()), radix: number.radix() })
            }
            DeValue::Float(number) => Self::Float(Cow::Owned(number.as_str().to_owned())),
            DeValue::Boolean(yes) => Self::Boolean(yes),
            DeValue::Datetime(moment) => Self::Datetime(moment),
            DeValue::Array(items) => Self::Array(items.into_iter().map(placed).collect()),
            DeValue::Table(table) => Self::Table(table.into()),
        }
    }
}
