//! Objects as they are written: members in the order of their keys, each once.
//!
//! # Source
//! RFC 8785 section 3.2.3.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, SerializeStructVariant};

use super::CanonError;
use super::write::{Variant, Writer};

impl SerializeStructVariant for Variant<Object<'_>> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CanonError> {
        self.0.member(key, value)
    }

    fn end(self) -> Result<(), CanonError> {
        self.0.close()?.push(b'}');
        Ok(())
    }
}

/// An object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    /// Where each member begins.
    members: Vec<usize>,
    in_order: bool,
}

impl<'a> Object<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, length: Option<usize>) -> Self {
        out.push(b'{');
        Self { out, members: Vec::with_capacity(length.unwrap_or(0).min(64)), in_order: true }
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonError> {
        let before = self.members.last().copied();
        if before.is_some() {
            self.out.push(b',');
        }
        let begin = self.out.len();
        key.serialize(Writer(self.out))?;
        if self.out.get(begin) != Some(&b'"') {
            return Err(CanonError("a key that is not text has no canonical form here".into()));
        }
        if let Some(before) = before {
            let (head, new) = self.out.split_at(begin);
            let before = head.get(before..).unwrap_or_default();
            self.in_order &= key_order(before, new).is_lt();
        }
        self.out.push(b':');
        self.members.push(begin);
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CanonError> {
        self.key(key)?;
        value.serialize(Writer(self.out))
    }

    fn close(self) -> Result<&'a mut Vec<u8>, CanonError> {
        if !self.in_order {
            put_in_order(self.out, &self.members)?;
        }
        self.out.push(b'}');
        Ok(self.out)
    }
}

/// The text of a key at the front of a member, with its quotes.
fn key_text(member: &[u8]) -> &[u8] {
    let mut escaped = false;
    let end = member.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    end.and_then(|end| member.get(..end.saturating_add(2))).unwrap_or(member)
}

/// RFC 8785 section 3.2.3: keys are ordered by their UTF-16 code units, not by their bytes. For ASCII that needs no
/// escapes, which nearly every key is, that is the same.
fn key_order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let (a, b) = (key_text(a), key_text(b));
    let plain = |text: &[u8]| text.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    let inner = |text: &'_ [u8]| text.len().saturating_sub(1);
    if plain(a) && plain(b) {
        return a.get(..inner(a)).cmp(&b.get(..inner(b)));
    }
    let units = |text| serde_json::from_slice::<String>(text).unwrap_or_default().encode_utf16().collect::<Vec<_>>();
    units(a).cmp(&units(b))
}

/// Puts the members of the last object in the bytes in order.
fn put_in_order(out: &mut Vec<u8>, begins: &[usize]) -> Result<(), CanonError> {
    let Some(&first) = begins.first() else { return Ok(()) };
    let ends = begins.iter().skip(1).map(|next| next.saturating_sub(1)).chain([out.len()]);
    let mut members: Vec<_> = begins.iter().zip(ends).filter_map(|(begin, end)| out.get(*begin..end)).collect();
    members.sort_by(|a, b| key_order(a, b));
    if members.windows(2).any(|pair| matches!(pair, [a, b] if key_text(a) == key_text(b))) {
        return Err(CanonError("a key that stands twice".into()));
    }
    let sorted = members.join(&b',');
    out.truncate(first);
    out.extend(sorted);
    Ok(())
}

impl SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CanonError> {
        self.member(key, value)
    }

    fn end(self) -> Result<(), CanonError> {
        self.close().map(drop)
    }
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), CanonError> {
        self.close().map(drop)
    }
}
