//! The one writer and the one strict reader of canonical JSON, and digests.
//!
//! # Source
//! RFC 8785, restricted as formats.md section 1 says: integers within ±(2^53 − 1), no other numbers, no null.

mod object;
mod scan;
mod write;

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The largest integer that every JSON reader keeps exactly.
pub const INTEGER_MOST: i64 = (1 << 53) - 1;

/// Why a text is not canonical JSON of the wanted form, or a value cannot be written as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonError(String);

impl fmt::Display for CanonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CanonError {}

/// Writes a value as canonical JSON.
///
/// # Errors
/// When the value holds null, a float, an integer beyond 2^53 − 1 or a key that is no string.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonError> {
    let mut out = Vec::with_capacity(512);
    value.serialize(write::Writer(&mut out))?;
    Ok(out)
}

/// Reads canonical JSON strictly: the bytes must be exactly what [`to_bytes`] writes for the value.
///
/// # Errors
/// On bad JSON, duplicate keys, null, floats, large integers, another spelling, unknown or missing fields.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonError> {
    // Thousands of files come at once, and nearly all are canonical beyond doubt; whatever is not is looked at member by member.
    if scan::is_canonical(bytes)
        && let Ok(read) = serde_json::from_slice::<T>(bytes)
    {
        return Ok(read);
    }
    parse(bytes)?;
    // From the bytes again and not from the tree: every kind of file would have a reader of its own for trees.
    serde_json::from_slice(bytes).map_err(|error| CanonError(without_place(&error)))
}

/// What is wrong, without where in the bytes: they are one line.
fn without_place(error: &serde_json::Error) -> String {
    let (text, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    text.strip_suffix(&place).map_or_else(|| text.clone(), str::to_owned)
}

/// Reads canonical JSON strictly into a tree.
///
/// # Errors
/// As [`from_bytes`], but for fields.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).map_err(|e| CanonError(e.to_string()))?;
    reader.end().map_err(|e| CanonError(e.to_string()))?;
    let mut again = Vec::with_capacity(bytes.len());
    value.serialize(write::Writer(&mut again))?;
    if again == bytes { Ok(value) } else { Err(CanonError("the JSON is not in canonical form (RFC 8785)".into())) }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canonical JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number that is not an integer"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Err(E::custom("null"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let member = map.next_value_seed(Strict)?;
            if members.insert(key, member).is_some() {
                return Err(A::Error::custom("a key that stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

/// A SHA-256, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Digest {
    /// The plain SHA-256 of a file's bytes, the same as `sha256sum` prints.
    pub fn of_file(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of something that is no file: a domain string that ends in a zero byte, then the bytes.
    pub fn tagged(domain: &'static str, bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update(domain).chain_update([0]).chain_update(bytes).finalize().into())
    }

    /// Takes 32 bytes that are a digest already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Writes bytes as lower-case hex digits, some at once: each run spells a dozen digests.
///
/// # Errors
/// When the text cannot be written.
pub fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for chunk in bytes.chunks(32) {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(chunk) {
            let [high, low] = pair else { continue };
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
        let written = text.get(..chunk.len().saturating_mul(2)).unwrap_or_default();
        f.write_str(std::str::from_utf8(written).or(Err(fmt::Error))?)?;
    }
    Ok(())
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = CanonError;

    fn from_str(text: &str) -> Result<Self, CanonError> {
        let bad = || CanonError("is not a digest: 64 lower-case hex digits".into());
        let bytes = text.as_bytes();
        let mut out = [0; 32];
        if bytes.len() != 64 {
            return Err(bad());
        }
        for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
            let [high, low] = pair else { return Err(bad()) };
            *slot = nibble(*high).zip(nibble(*low)).map(|(h, l)| h << 4 | l).ok_or_else(bad)?;
        }
        Ok(Self(out))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl TryFrom<String> for Digest {
    type Error = CanonError;
    fn try_from(text: String) -> Result<Self, CanonError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// The `type` of a kind of file: an enum of one value, so that no other can be read.
#[macro_export]
macro_rules! only {
    ($name:ident::$value:ident) => {
        #[doc = concat!("The `type` of such a file: always `", stringify!($value), "`, in lower case.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            /// The only value.
            $value,
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_ordered_by_utf16() {
        let value = serde_json::json!({"\u{fb33}": 1, "\u{1f600}": 2, "b": [true, "x\n\u{1}"], "a": {}});
        let bytes = to_bytes(&value).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "{\"a\":{},\"b\":[true,\"x\\n\\u0001\"],\"😀\":2,\"\u{fb33}\":1}"
        );
        assert_eq!(parse(&bytes).unwrap(), value);
    }

    #[test]
    fn members_of_structs_and_variants_are_put_in_order() {
        #[derive(Serialize)]
        enum Kind {
            Plain,
            Of { z: i64, a: Vec<&'static str> },
            Pair(u8, bool),
            One(Option<u32>),
        }
        #[derive(Serialize)]
        struct Outer {
            z: Kind,
            b: Kind,
            #[serde(rename = "a\"")]
            quoted: Kind,
            a: Kind,
        }
        let outer = Outer {
            z: Kind::Of { z: -INTEGER_MOST, a: vec!["x", "\u{7}"] },
            b: Kind::Plain,
            quoted: Kind::Pair(7, true),
            a: Kind::One(Some(0)),
        };
        let wanted = r#"{"a":{"One":0},"a\"":{"Pair":[7,true]},"b":"Plain","z":{"Of":{"a":["x","\u0007"],"z":-9007199254740991}}}"#;
        assert_eq!(String::from_utf8(to_bytes(&outer).unwrap()).unwrap(), wanted);
        assert!(to_bytes(&Kind::One(None)).is_err(), "no null");
        assert!(to_bytes(&(INTEGER_MOST + 1)).is_err() && to_bytes(&i64::MIN).is_err() && to_bytes(&1.5).is_err());
    }

    proptest::proptest! {
        #[test]
        fn order_is_that_of_utf16(keys in proptest::collection::btree_set(proptest::prelude::any::<String>(), 0..8)) {
            let mut wanted: Vec<String> = keys.iter().cloned().collect();
            wanted.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            let members: Vec<_> = wanted.iter().map(|key| format!("{}:1", serde_json::to_string(key).unwrap())).collect();
            let map: std::collections::BTreeMap<_, _> = keys.into_iter().map(|key| (key, 1)).collect();
            let bytes = to_bytes(&map).unwrap();
            proptest::prop_assert_eq!(String::from_utf8(bytes).unwrap(), format!("{{{}}}", members.join(",")));
        }
    }

    #[test]
    fn another_spelling_is_refused() {
        for bad in [
            "{\"a\":1,\"a\":1}",
            "{\"b\":1,\"a\":1}",
            "{ }",
            "1.0",
            "1e3",
            "null",
            "9007199254740992",
            "-0",
            "[1] ",
            "\"\\u0041\"",
            "{}\n",
            "",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"9007199254740991").is_ok());
    }

    #[test]
    fn digests_are_spelled_in_lower_case() {
        let digest = Digest::of_file(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert_ne!(Digest::tagged("x", b"abc"), digest);
    }
}
