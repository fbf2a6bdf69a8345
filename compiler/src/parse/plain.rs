//! The part of TOML in which people write sources, read at once: a file that holds anything else, or something wrong, is
//! for the reader of all of TOML.
//!
//! Both give the same tree with the same places; what is refused, and why, is said there alone. A fifth of a check's time
//! went into reading all of TOML.
//!
//! # Source
//! TOML 1.0.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;

use super::tree::{Integer, Key, Members, Origin, Written};

/// How deep values may stand in one another.
const DEPTH_MOST: usize = 16;
/// The most keys with dots between them.
const KEYS_MOST: usize = 8;
/// The most keys of a table: each is put in its place among the others.
const MEMBERS_MOST: usize = 64;
/// The most digits of an integer: less than any that is too large.
const DIGITS_MOST: usize = 18;

/// Reads a file; nothing where it is written otherwise.
pub(super) fn read(text: &str) -> Option<Members<'_>> {
    let mut reader = Reader { text, at: 0 };
    let mut root = Members::new(Origin::Head);
    let mut table = &mut root;
    loop {
        reader.blanks();
        match reader.peek() {
            None => break,
            Some(b'\n' | b'#') => reader.line_end()?,
            Some(b'[') => table = reader.head(&mut root)?,
            Some(_) => {
                reader.pair(table, 0)?;
                reader.line_end()?;
            }
        }
    }
    Some(root)
}

/// A file, and how far it was read.
struct Reader<'i> {
    text: &'i str,
    at: usize,
}

impl<'i> Reader<'i> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'i [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Passes over bytes of a kind; how many there were.
    fn pass(&mut self, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is(*byte)).unwrap_or(rest.len());
        self.at += length;
        length
    }

    fn blanks(&mut self) {
        self.pass(|byte| byte == b' ' || byte == b'\t');
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, wanted: u8) -> Option<()> {
        self.eat(wanted).then_some(())
    }

    fn since(&self, start: usize) -> Option<&'i str> {
        self.text.get(start..self.at)
    }

    /// The rest of a line on which nothing more may stand than a comment.
    fn line_end(&mut self) -> Option<()> {
        self.blanks();
        if self.eat(b'#') {
            self.pass(is_shown);
        }
        match self.peek() {
            None => Some(()),
            Some(_) => self.need(b'\n'),
        }
    }

    fn key(&mut self) -> Option<Key<'i>> {
        let start = self.at;
        let text = match self.peek()? {
            b'"' | b'\'' => self.quoted()?,
            _ => {
                (self.pass(is_bare) > 0).then_some(())?;
                Cow::Borrowed(self.since(start)?)
            }
        };
        Some(Spanned::new(start..self.at, text))
    }

    /// `[a.b]` or `[[a.b]]` on a line of its own; the table that it begins.
    fn head<'t>(&mut self, root: &'t mut Members<'i>) -> Option<&'t mut Members<'i>> {
        let start = self.at;
        self.need(b'[')?;
        let is_item = self.eat(b'[');
        let (mut table, mut key) = (root, self.key()?);
        for _ in 1..KEYS_MOST {
            if !self.eat(b'.') {
                break;
            }
            table = through(table, key)?;
            key = self.key()?;
        }
        self.need(b']')?;
        if is_item {
            self.need(b']')?;
        }
        let span = start..self.at;
        self.line_end()?;
        if table.len() >= MEMBERS_MOST {
            return None;
        }
        if is_item { item(table, key, span) } else { open(table.add(key, headed(span))?) }
    }

    /// `key = value`, put into a table.
    fn pair(&mut self, mut table: &mut Members<'i>, depth: usize) -> Option<()> {
        let mut key = self.key()?;
        for _ in 1..KEYS_MOST {
            if !self.eat(b'.') {
                break;
            }
            table = dotted(table, key)?;
            key = self.key()?;
        }
        self.blanks();
        self.need(b'=')?;
        self.blanks();
        let value = self.value(depth)?;
        if table.len() >= MEMBERS_MOST {
            return None;
        }
        table.add(key, value).map(|_| ())
    }

    fn value(&mut self, depth: usize) -> Option<Spanned<Written<'i>>> {
        if depth > DEPTH_MOST {
            return None;
        }
        let start = self.at;
        let value = match self.peek()? {
            b'"' | b'\'' => Written::String(self.quoted()?),
            b'[' => Written::Array(self.list(depth)?),
            b'{' => Written::Table(self.table(depth)?),
            _ => self.word()?,
        };
        Some(Spanned::new(start..self.at, value))
    }

    /// A text in quotes of either kind, on one line.
    fn quoted(&mut self) -> Option<Cow<'i, str>> {
        let quote = self.peek()?;
        self.at += 1;
        let start = self.at;
        self.pass(|byte| byte != quote && byte != b'\\' && is_shown(byte));
        let text = self.since(start)?;
        match self.peek()? {
            byte if byte == quote => self.at += 1,
            // An escape, a text of several lines, or something wrong.
            _ => return None,
        }
        // Three quotes begin another kind of text.
        (!text.is_empty() || self.peek() != Some(quote)).then_some(Cow::Borrowed(text))
    }

    /// A list, on any number of lines.
    fn list(&mut self, depth: usize) -> Option<Vec<Spanned<Written<'i>>>> {
        self.need(b'[')?;
        let mut items = Vec::new();
        loop {
            self.between()?;
            if self.eat(b']') {
                return Some(items);
            }
            items.push(self.value(depth.saturating_add(1))?);
            self.between()?;
            if !self.eat(b',') {
                self.need(b']')?;
                return Some(items);
            }
        }
    }

    /// What may stand between the items of a list.
    fn between(&mut self) -> Option<()> {
        self.blanks();
        while matches!(self.peek()?, b'\n' | b'#') {
            self.line_end()?;
            self.blanks();
        }
        Some(())
    }

    /// A table in braces, on one line.
    fn table(&mut self, depth: usize) -> Option<Members<'i>> {
        self.need(b'{')?;
        let mut table = Members::new(Origin::Closed);
        self.blanks();
        if self.eat(b'}') {
            return Some(table);
        }
        loop {
            self.blanks();
            self.pair(&mut table, depth.saturating_add(1))?;
            self.blanks();
            if !self.eat(b',') {
                self.need(b'}')?;
                return Some(table);
            }
        }
    }

    /// `true`, `false`, or a decimal number as people write it.
    fn word(&mut self) -> Option<Written<'i>> {
        let start = self.at;
        self.pass(|byte| is_bare(byte) || matches!(byte, b'+' | b'.' | b':'));
        let word = self.since(start)?;
        match word {
            "true" => return Some(Written::Boolean(true)),
            "false" => return Some(Written::Boolean(false)),
            _ => {}
        }
        let unsigned = word.strip_prefix('-').unwrap_or(word);
        match unsigned.split_once('.') {
            None => is_whole(unsigned).then(|| Written::Integer(Integer::decimal(word))),
            Some((whole, fraction)) => {
                (is_whole(whole) && is_digits(fraction)).then_some(Written::Float(Cow::Borrowed(word)))
            }
        }
    }
}

/// What may stand in a text of one line or in a comment: no control characters but tabs.
fn is_shown(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_digits(text: &str) -> bool {
    (1..=DIGITS_MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn headed<'i>(span: Range<usize>) -> Spanned<Written<'i>> {
    Spanned::new(span, Written::Table(Members::new(Origin::Head)))
}

fn open<'t, 'i>(value: &'t mut Written<'i>) -> Option<&'t mut Members<'i>> {
    match value {
        Written::Table(table) => Some(table),
        _ => None,
    }
}

/// The table of a key on the way to that which a head names.
fn through<'t, 'i>(table: &'t mut Members<'i>, key: Key<'i>) -> Option<&'t mut Members<'i>> {
    let above = |key: &Key<'i>| Spanned::new(key.span(), Written::Table(Members::new(Origin::Above)));
    if table.len() >= MEMBERS_MOST {
        return None;
    }
    let found = match table.get_or_add(key, above)? {
        Written::Table(table) => table,
        Written::Array(items) => open(items.last_mut()?.get_mut())?,
        _ => return None,
    };
    matches!(found.origin(), Origin::Head | Origin::Above).then_some(found)
}

/// The table of a key with a dot behind it.
fn dotted<'t, 'i>(table: &'t mut Members<'i>, key: Key<'i>) -> Option<&'t mut Members<'i>> {
    let made = |key: &Key<'i>| Spanned::new(key.span(), Written::Table(Members::new(Origin::Dotted)));
    if table.len() >= MEMBERS_MOST {
        return None;
    }
    open(table.get_or_add(key, made)?).filter(|found| found.origin() == Origin::Dotted)
}

/// One more item of a list whose items have heads.
fn item<'t, 'i>(table: &'t mut Members<'i>, key: Key<'i>, span: Range<usize>) -> Option<&'t mut Members<'i>> {
    let list = |_: &Key<'i>| Spanned::new(span.clone(), Written::Array(Vec::new()));
    let is_new = !table.contains_key(key.get_ref());
    let Written::Array(items) = table.get_or_add(key, list)? else { return None };
    // A list in brackets has no items with heads.
    let is_headed = items.last().and_then(|last| last.get_ref().as_table()).map(Members::origin) == Some(Origin::Head);
    if !is_new && !is_headed {
        return None;
    }
    items.push(headed(span));
    open(items.last_mut()?.get_mut())
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
