//! The one writer of canonical JSON: from a value straight to its bytes. Members are put in order when an object is closed,
//! which costs nothing where they stand in order already.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer};

use super::object::Object;
use super::{CanonError, INTEGER_MOST};

impl serde::ser::Error for CanonError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes one value at the end of the bytes.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

fn integer(out: &mut Vec<u8>, n: i128) -> Result<(), CanonError> {
    if n.unsigned_abs() > INTEGER_MOST.unsigned_abs().into() {
        return Err(CanonError(format!("{n} is not an integer within ±(2^53 − 1)")));
    }
    let mut digits = [0_u8; 20];
    let (mut left, mut at) = (n.unsigned_abs(), digits.len());
    loop {
        at = at.saturating_sub(1);
        if let (Some(slot), Ok(digit)) = (digits.get_mut(at), u8::try_from(left % 10)) {
            *slot = b'0'.saturating_add(digit);
        }
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if n < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
    Ok(())
}

/// Texts without anything to escape, which nearly all are, are copied. For the others `serde_json` writes what RFC 8785
/// section 3.2.2.2 wants: short escapes, then lower-case `\u00xx`.
pub(super) fn text(out: &mut Vec<u8>, text: &str) -> Result<(), CanonError> {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    serde_json::to_writer(out, text).map_err(|e| CanonError(e.to_string()))
}

fn null<T>() -> Result<T, CanonError> {
    Err(CanonError("null has no canonical form here".into()))
}

fn float<T>(n: f64) -> Result<T, CanonError> {
    Err(CanonError(format!("{n} is not an integer within ±(2^53 − 1)")))
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = CanonError;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = Variant<List<'a>>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Variant<Object<'a>>;

    fn serialize_bool(self, v: bool) -> Result<(), CanonError> {
        self.0.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_i128(self, v: i128) -> Result<(), CanonError> {
        integer(self.0, v)
    }

    fn serialize_u8(self, v: u8) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<(), CanonError> {
        integer(self.0, v.into())
    }

    fn serialize_u128(self, v: u128) -> Result<(), CanonError> {
        integer(self.0, i128::try_from(v).unwrap_or(i128::MAX))
    }

    fn serialize_f32(self, v: f32) -> Result<(), CanonError> {
        float(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result<(), CanonError> {
        float(v)
    }

    fn serialize_char(self, v: char) -> Result<(), CanonError> {
        text(self.0, v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<(), CanonError> {
        text(self.0, v)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), CanonError> {
        text(self.0, &value.to_string())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), CanonError> {
        v.serialize(self)
    }

    fn serialize_none(self) -> Result<(), CanonError> {
        null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonError> {
        null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CanonError> {
        null()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), CanonError> {
        text(self.0, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CanonError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonError> {
        self.0.push(b'{');
        text(self.0, variant)?;
        self.0.push(b':');
        value.serialize(Writer(self.0))?;
        self.0.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, CanonError> {
        self.0.push(b'[');
        Ok(List { out: self.0, first: true })
    }

    fn serialize_tuple(self, length: usize) -> Result<List<'a>, CanonError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<List<'a>, CanonError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<List<'a>>, CanonError> {
        self.0.push(b'{');
        text(self.0, variant)?;
        self.0.push(b':');
        self.serialize_seq(Some(length)).map(Variant)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Object<'a>, CanonError> {
        Ok(Object::new(self.0, length))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Object<'a>, CanonError> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<Object<'a>>, CanonError> {
        self.0.push(b'{');
        text(self.0, variant)?;
        self.0.push(b':');
        self.serialize_map(Some(length)).map(Variant)
    }
}

/// A list that is being written.
pub(super) struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        value.serialize(Writer(self.out))
    }
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        self.item(value)
    }

    fn end(self) -> Result<(), CanonError> {
        self.out.push(b']');
        Ok(())
    }
}

impl SerializeTuple for List<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        self.item(value)
    }

    fn end(self) -> Result<(), CanonError> {
        SerializeSeq::end(self)
    }
}

impl SerializeTupleStruct for List<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        self.item(value)
    }

    fn end(self) -> Result<(), CanonError> {
        SerializeSeq::end(self)
    }
}

/// What stands behind the name of a variant; one more brace closes it.
pub(super) struct Variant<T>(pub(super) T);

impl SerializeTupleVariant for Variant<List<'_>> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonError> {
        self.0.item(value)
    }

    fn end(self) -> Result<(), CanonError> {
        self.0.out.extend_from_slice(b"]}");
        Ok(())
    }
}
