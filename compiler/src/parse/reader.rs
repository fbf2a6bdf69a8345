//! A typed reader of TOML tables: each kind of file says which keys it has and what they hold; this says what is wrong.
//!
//! A reader that returns nothing has reported why. [`Sink::finish`] tells in the end whether the file can be used. All readers
//! take their [`Value`] whole, whether they use it up or not, so that each can be named where one is wanted.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use super::tree::{Members, Written};
use assent_schema::code::Code;
use assent_schema::counted::counted;
use assent_schema::finding::{Findings, Span, some_of};
use assent_schema::nearest::nearest;
use assent_schema::spec::Spanned;

use super::advice::{quotes, write};
use super::value::misnamed;

/// The most findings of one file; more would not help anybody, but how many there are is told.
const FINDINGS_MOST: usize = 100;

/// Where the findings of one file go.
pub(super) struct Sink {
    file: Arc<str>,
    findings: RefCell<Findings>,
    count: Cell<usize>,
    /// The first finding that is not told.
    untold: RefCell<Option<(Code, Range<usize>)>>,
    refusals: Cell<usize>,
}

impl Sink {
    /// Nothing found in this file yet.
    pub(super) fn new(file: &Arc<str>) -> Self {
        Self {
            file: Arc::clone(file),
            findings: RefCell::new(Findings::new()),
            count: Cell::new(0),
            untold: RefCell::new(None),
            refusals: Cell::new(0),
        }
    }

    /// Reports something that does not keep the file from being used.
    pub(super) fn report(&self, code: Code, span: &Range<usize>, message: String, help: Option<String>) {
        self.count.set(self.count.get().saturating_add(1));
        if self.count.get() > FINDINGS_MOST {
            self.untold.borrow_mut().get_or_insert_with(|| (code, span.clone()));
            return;
        }
        let span = Span::new(&self.file, span.clone());
        let help = help.map_or(Cow::Borrowed(code.row().help), Cow::Owned);
        self.findings.borrow_mut().add_with_help(code, span, message, help);
    }

    /// Reports something without which the file cannot be used.
    pub(super) fn refuse(&self, code: Code, span: &Range<usize>, message: String, help: Option<String>) {
        self.refuse_later();
        self.report(code, span, message, help);
    }

    /// The file cannot be used; why is reported later.
    fn refuse_later(&self) {
        self.refusals.set(self.refusals.get().saturating_add(1));
    }

    /// Whether advice may repeat a value: those of scenarios are messages.
    pub(super) fn may_repeat(&self) -> bool {
        !self.file.ends_with(".test.toml")
    }

    /// How many things were found so far.
    pub(super) fn findings(&self) -> usize {
        self.count.get()
    }

    /// How many things were refused so far.
    pub(super) fn refusals(&self) -> usize {
        self.refusals.get()
    }

    /// All findings, and whether the file cannot be used.
    pub(super) fn finish(self) -> (Findings, bool) {
        let mut findings = self.findings.into_inner();
        if let Some((code, span)) = self.untold.into_inner() {
            let more = self.count.get().saturating_sub(FINDINGS_MOST);
            let what =
                format!("{} more of this file, this one the first, {}.", counted(more, "finding"), is_not_told(more));
            let help = format!("Mend the {FINDINGS_MOST} that are told, then check again.");
            findings.add_with_help(code, Span::new(&self.file, span), what, help);
        }
        (findings, self.refusals.get() > 0)
    }
}

fn is_not_told(more: usize) -> &'static str {
    if more == 1 { "is not told" } else { "are not told" }
}

/// One value with its place and the key under which it stands.
#[derive(Clone)]
pub(super) struct Value<'r, 'i> {
    pub(super) sink: &'r Sink,
    pub(super) inner: &'r Written<'i>,
    pub(super) span: Range<usize>,
    pub(super) key: &'r str,
    /// Whether it is one of a list that stands under the key.
    pub(super) is_item: bool,
}

impl<'r, 'i> Value<'r, 'i> {
    /// Reports that the value is not what its key holds: `what` completes "`key` …".
    pub(super) fn bad<T>(&self, what: &str) -> Option<T> {
        self.sink.refuse(Code::BadValue, &self.span, self.said(what), write(what));
        None
    }

    fn said(&self, what: &str) -> String {
        let of = if self.is_item { "An item of " } else { "" };
        format!("{of}`{}` {what}.", self.key.escape_debug())
    }

    /// As [`Self::bad`], with advice of its own.
    pub(super) fn bad_with_help<T>(&self, what: &str, help: String) -> Option<T> {
        self.sink.refuse(Code::BadValue, &self.span, self.said(what), Some(help));
        None
    }

    /// Reports a name that nothing has, with the one that was probably meant. The file can be used all the same.
    pub(super) fn unknown(&self, what: &str, name: &str, near: Option<&str>) {
        let message = format!("There is no {what} `{}`.", name.escape_debug());
        self.sink.report(Code::UnknownName, &self.span, message, near.map(|near| format!("Did you mean `{near}`?")));
    }

    /// Reports that the value is of another TOML type.
    pub(super) fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.inner {
            Written::String(_) => "a text",
            Written::Integer(_) => "an integer",
            Written::Float(_) => "a TOML float",
            Written::Boolean(_) => "`true` or `false`",
            Written::Datetime(_) => "a TOML date",
            Written::Array(_) => "a list",
            Written::Table(_) => "a table",
        };
        self.bad_with_help(
            &format!("is {found} where {wanted} is needed"),
            quotes(self.inner, wanted, self.sink.may_repeat()),
        )
    }

    /// The value as a text.
    pub(super) fn text(&self) -> Option<&'r str> {
        match self.inner {
            Written::String(text) => Some(text),
            _ => self.mistyped("a text"),
        }
    }

    /// The value as a table.
    pub(super) fn table(self) -> Option<Table<'r, 'i>> {
        match self.inner {
            Written::Table(table) => Some(Table::new(self.sink, table, self.span)),
            _ => self.mistyped("a table"),
        }
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.inner, Written::Array(_))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = Self> + use<'r, 'i>> {
        let Written::Array(items) = self.inner else { return self.mistyped("a list") };
        let (sink, key) = (self.sink, self.key);
        Some(items.iter().map(move |item| Value { sink, inner: item.get_ref(), span: item.span(), key, is_item: true }))
    }

    /// The value with its place.
    pub(super) fn spanned<T>(self, read: impl FnOnce(Self) -> Option<T>) -> Option<Spanned<T>> {
        let span = self.span.clone();
        read(self).map(|value| Spanned::new(value, span))
    }
}

/// One table, whose keys are asked for by name; what was never asked for is unknown.
pub(super) struct Table<'r, 'i> {
    sink: &'r Sink,
    inner: &'r Members<'i>,
    span: Range<usize>,
    asked: Vec<&'static str>,
    lacking: Vec<Lacking>,
}

/// Something that must be there and is not. It is told when all keys are known: a key that is only misspelt is told once.
struct Lacking {
    /// The keys of which one would do.
    keys: Vec<&'static str>,
    message: String,
    help: String,
}

impl Drop for Table<'_, '_> {
    fn drop(&mut self) {
        for Lacking { message, help, .. } in self.lacking.drain(..) {
            self.sink.refuse(Code::BadValue, &self.span, message, Some(help));
        }
    }
}

impl<'r, 'i> Table<'r, 'i> {
    /// A table at a place.
    pub(super) fn new(sink: &'r Sink, inner: &'r Members<'i>, span: Range<usize>) -> Self {
        Self { sink, inner, span, asked: Vec::with_capacity(16), lacking: Vec::new() }
    }

    /// Where its findings go.
    pub(super) fn sink(&self) -> &'r Sink {
        self.sink
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of a key.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'r, 'i>> {
        self.asked.push(key);
        #[cfg(test)]
        super::asked::note(self.inner, key);
        let value = self.inner.get(key)?;
        Some(Value { sink: self.sink, inner: value.get_ref(), span: value.span(), key, is_item: false })
    }

    /// Where the value of a key stands.
    pub(super) fn place(&self, key: &str) -> Option<Range<usize>> {
        self.inner.get(key).map(toml::Spanned::span)
    }

    /// Makes a key known without reading it.
    pub(super) fn know(&mut self, key: &'static str) {
        self.asked.push(key);
    }

    /// Whether there are no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Whether a key is there under a name that is only misspelt, as far as its other keys are known.
    pub(super) fn is_misspelt(&self, key: &'static str) -> bool {
        let unknown = |name: &&toml::Spanned<_>| !self.asked.contains(&AsRef::<str>::as_ref(name.get_ref()));
        !self.has(key) && self.inner.keys().filter(unknown).any(|name| nearest(name.get_ref(), [key]).is_some())
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.inner.contains_key(key)
    }

    /// Reports something about the whole table.
    pub(super) fn bad<T>(&self, message: &str, help: &str) -> Option<T> {
        self.sink.refuse(Code::BadValue, &self.span, message.to_owned(), Some(help.to_owned()));
        None
    }

    /// Reports what is wrong with the value of a key, there; at the table where the key is missing.
    pub(super) fn bad_at<T>(&self, key: &str, message: &str, help: &str) -> Option<T> {
        let place = self.place(key).unwrap_or_else(|| self.span());
        self.sink.refuse(Code::BadValue, &place, message.to_owned(), Some(help.to_owned()));
        None
    }

    /// A key that must be there.
    pub(super) fn need<T>(&mut self, key: &'static str, read: impl FnOnce(Value<'r, 'i>) -> Option<T>) -> Option<T> {
        match self.get(key) {
            Some(value) => read(value),
            None => self.lacks(&[key], &format!("`{key}` is missing."), &format!("Add `{key}`.")),
        }
    }

    /// Reports that one of some keys must be there and none is.
    pub(super) fn lacks<T>(&mut self, keys: &[&'static str], message: &str, help: &str) -> Option<T> {
        self.sink.refuse_later();
        let (message, help) = (message.to_owned(), help.to_owned());
        self.lacking.push(Lacking { keys: keys.to_vec(), message, help });
        None
    }

    /// A key that may be absent.
    pub(super) fn opt<T>(&mut self, key: &'static str, read: impl FnOnce(Value<'r, 'i>) -> Option<T>) -> Option<T> {
        self.get(key).and_then(read)
    }

    /// A list that may be absent.
    pub(super) fn list<T>(&mut self, key: &'static str, mut read: impl FnMut(Value<'r, 'i>) -> Option<T>) -> Vec<T> {
        self.get(key)
            .and_then(|value| value.items())
            .map(|items| items.filter_map(&mut read).collect())
            .unwrap_or_default()
    }

    /// A list without repetitions that may be absent.
    pub(super) fn set<T: Ord>(
        &mut self,
        key: &'static str,
        read: impl FnMut(Value<'r, 'i>) -> Option<Spanned<T>>,
    ) -> BTreeSet<Spanned<T>> {
        let items = self.list(key, read);
        let mut set = BTreeSet::new();
        for item in items {
            let span = item.span.clone();
            if !set.insert(item) {
                let message = format!("`{key}` names this twice.");
                self.sink.refuse(Code::DuplicateName, &span, message, Some("Remove one of them.".into()));
            }
        }
        set
    }

    /// A table of named things that may be absent.
    pub(super) fn map<K: Ord + FromStr<Err: Display>, T>(
        &mut self,
        key: &'static str,
        read: impl FnMut(Value<'r, 'i>) -> Option<T>,
    ) -> BTreeMap<Spanned<K>, T> {
        self.get(key).and_then(Value::table).map(|table| table.entries(read)).unwrap_or_default()
    }

    /// Every key with its value; the keys are names that people chose.
    pub(super) fn entries<K: Ord + FromStr<Err: Display>, T>(
        self,
        mut read: impl FnMut(Value<'r, 'i>) -> Option<T>,
    ) -> BTreeMap<Spanned<K>, T> {
        #[cfg(test)]
        super::asked::note_names(self.inner);
        let mut map = BTreeMap::new();
        for (key, value) in self.inner.iter() {
            let name = key.get_ref().as_ref();
            let read_key = name.parse::<K>().map_err(|e| {
                self.sink.refuse(Code::BadValue, &key.span(), format!("This name {}.", misnamed(name, &e)), None);
            });
            let value =
                read(Value { sink: self.sink, inner: value.get_ref(), span: value.span(), key: name, is_item: false });
            if let (Ok(name), Some(value)) = (read_key, value) {
                map.insert(Spanned::new(name, key.span()), value);
            }
        }
        map
    }

    /// Reports every key that was never asked for. Call it last.
    pub(super) fn done(mut self) {
        let (inner, lacking) = (self.inner, std::mem::take(&mut self.lacking));
        let needed: Vec<&str> = lacking.iter().flat_map(|lacking| &lacking.keys).copied().collect();
        let asked = std::mem::take(&mut self.asked);
        let unknown = || inner.keys().filter(|key| !asked.contains(&key.get_ref().as_ref()));
        // What is lacking is meant rather than what is there already.
        let near = |name: &str| nearest(name, needed.iter().copied()).or_else(|| nearest(name, asked.iter().copied()));
        let meant: BTreeSet<&str> = match needed.as_slice() {
            [] => BTreeSet::new(),
            _ => unknown().filter_map(|key| near(key.get_ref())).collect(),
        };
        let is_told = |lacking: &Lacking| !lacking.keys.iter().any(|key| meant.contains(key));
        self.lacking = lacking.into_iter().filter(is_told).collect();
        let sink = self.sink;
        // Before the keys that are too many: of those only so many are told.
        drop(self);
        for key in unknown() {
            let name: &str = key.get_ref();
            let help = match near(name) {
                Some(near) if inner.contains_key(near) => {
                    format!("`{near}` is there already: what this says belongs there, or nowhere. Remove it here.")
                }
                Some(near) => format!("Did you mean `{near}`?"),
                None if asked.is_empty() => "Remove it.".to_owned(),
                None => format!("The keys here are {}.", some_of(asked.iter().copied())),
            };
            let message = format!("There is no key `{}` here.", name.escape_debug());
            sink.report(Code::UnknownKey, &key.span(), message, Some(help));
        }
    }
}
