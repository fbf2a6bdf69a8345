//! A webhook's signature by its parts: HMAC-SHA256 over the body, perhaps with a time beside it.
//!
//! # Source
//! language.md section 2, "Webhooks"; RFC 2104.

use serde::{Deserialize, Serialize};

use crate::time::Period;

/// How a sender signs by HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// The header that holds the signature.
    pub header: String,
    /// How it is written there.
    pub encoding: ProofEncoding,
    /// What stands before it there, always the same: `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// The bytes that are signed.
    #[serde(default, skip_serializing_if = "Signed::is_body")]
    pub signed: Signed,
    /// The time that is signed beside the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<SignedTime>,
}

/// How a signature is written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProofEncoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64 of RFC 4648 section 4.
    Base64,
}

/// The time that a sender signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTime {
    /// The header that holds it.
    pub header: String,
    /// How it is written there.
    pub wire: TimeWire,
    /// How far it may be from the agent's clock, either way.
    pub tolerance: Period,
}

/// How a signed time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeWire {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// A text of RFC 3339.
    Iso,
}

/// The bytes that are signed: the body, and constants and a time before or behind it: `v0:{time}:{body}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signed(String);

const BODY: &str = "{body}";
const TIME: &str = "{time}";
/// The longest of the constants together with the names, in bytes.
const SIGNED_MOST_BYTES: usize = 64;

impl Default for Signed {
    fn default() -> Self {
        Self(BODY.to_owned())
    }
}

impl TryFrom<String> for Signed {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}'));
        // Each side by itself: what is left when a name is taken out may spell another.
        let fine = text.split_once(BODY).is_some_and(|(before, behind)| {
            let times = before.matches(TIME).count() + behind.matches(TIME).count();
            times <= 1 && [before, behind].iter().all(|side| side.split(TIME).all(is_plain))
        });
        if fine && text.len() <= SIGNED_MOST_BYTES {
            Ok(Self(text))
        } else {
            Err("is not `{body}` once, perhaps with `{time}` and other signs around it, like `{time}.{body}`")
        }
    }
}

impl From<Signed> for String {
    fn from(signed: Signed) -> Self {
        signed.0
    }
}

impl Signed {
    /// Whether nothing but the body is signed.
    pub fn is_body(&self) -> bool {
        self.0 == BODY
    }

    /// Whether a time is signed with it.
    pub fn has_time(&self) -> bool {
        self.0.contains(TIME)
    }

    /// The signed bytes of a body; `time` as it stands in its header.
    pub fn bytes(&self, time: &str, body: &[u8]) -> Vec<u8> {
        let (before, behind) = self.0.split_once(BODY).unwrap_or_default();
        // A time is put in before the body is: nothing in a body is read as a name.
        let (before, behind) = (before.replace(TIME, time), behind.replace(TIME, time));
        [before.as_bytes(), body, behind.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_holds_the_body_once() {
        let bytes = |text: &str| Signed::try_from(text.to_owned()).map(|signed| signed.bytes("7", b"{time}{body}"));
        for (text, wanted) in [
            ("{body}", "{time}{body}"),
            ("{time}.{body}", "7.{time}{body}"),
            ("v0:{time}:{body}", "v0:7:{time}{body}"),
            ("{body}{time}", "{time}{body}7"),
        ] {
            assert_eq!(bytes(text), Ok(wanted.as_bytes().to_vec()), "{text}");
        }
        for text in [
            "",
            "{time}",
            "{body}{body}",
            "{time}{time}{body}",
            "{id}.{body}",
            "a b{body}",
            "{body",
            "ä{body}",
            "{ti{body}me}",
            "{time}{body}{time}",
        ] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
