//! Public keys of people and machines: Ed25519, plain or in a hardware key.
//!
//! # Source
//! OpenSSH `PROTOCOL` and `PROTOCOL.u2f`; RFC 8032 section 5.1.3 for what an encoding of a point must be.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::wire::{Reader, put_string};
use crate::point;

const PLAIN: &str = "ssh-ed25519";
const HARDWARE: &str = "sk-ssh-ed25519@openssh.com";
/// The longest application of a hardware key, in bytes.
const APPLICATION_MOST_BYTES: usize = 128;

/// A key that may sign statements, written as OpenSSH writes public keys: `ssh-ed25519 AAAA…`.
///
/// # Shape
/// The point is canonical and not of small order. The application of a hardware key begins with `ssh:`. A comment is
/// read over and not kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    point: [u8; 32],
    application: Option<Box<str>>,
}

/// Why a text is not a public key that may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// It is neither `ssh-ed25519` nor `sk-ssh-ed25519@openssh.com`, or not in OpenSSH's form.
    Form,
    /// The point is of small order or not written in the one canonical way.
    Point,
    /// The application of a hardware key does not begin with `ssh:`.
    Application,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not an OpenSSH public key of type ssh-ed25519 or sk-ssh-ed25519@openssh.com",
            Self::Point => "is an Ed25519 key whose point is of small order or not canonical",
            Self::Application => "is a hardware key whose application does not begin with `ssh:`",
        })
    }
}

impl std::error::Error for BadKey {}

impl PublicKey {
    /// A plain Ed25519 key.
    ///
    /// # Errors
    /// [`BadKey::Point`] for a point that no honest key has.
    pub fn ed25519(point: [u8; 32]) -> Result<Self, BadKey> {
        checked(point, None)
    }

    /// Reads the blob inside a key line or a signature.
    pub(super) fn from_blob(blob: &[u8]) -> Result<Self, BadKey> {
        let (kind, point, application) = fields(blob).ok_or(BadKey::Form)?;
        match (kind, application) {
            (kind, None) if kind == PLAIN.as_bytes() => checked(point, None),
            (kind, Some(application)) if kind == HARDWARE.as_bytes() => {
                let text = std::str::from_utf8(application).or(Err(BadKey::Application))?;
                let fine = text.starts_with("ssh:") && text.len() <= APPLICATION_MOST_BYTES;
                if !fine || !text.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(BadKey::Application);
                }
                checked(point, Some(text.into()))
            }
            _ => Err(BadKey::Form),
        }
    }

    /// The blob inside a key line or a signature.
    pub fn to_blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(64);
        put_string(&mut blob, self.kind().as_bytes());
        put_string(&mut blob, &self.point);
        if let Some(application) = &self.application {
            put_string(&mut blob, application.as_bytes());
        }
        blob
    }

    /// `ssh-ed25519` or `sk-ssh-ed25519@openssh.com`.
    pub(super) fn kind(&self) -> &'static str {
        if self.application.is_some() { HARDWARE } else { PLAIN }
    }

    /// Whether it is a plain key, not one in hardware.
    pub fn is_plain(&self) -> bool {
        self.application.is_none()
    }

    /// What a hardware key signs for; nothing for a plain key.
    pub(super) fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The 32 bytes of the point. Two keys with one point are one key, whatever their type.
    pub fn point(&self) -> &[u8; 32] {
        &self.point
    }
}

/// Type, point and, for a hardware key, application.
type Fields<'a> = (&'a [u8], [u8; 32], Option<&'a [u8]>);

fn fields(blob: &[u8]) -> Option<Fields<'_>> {
    let mut reader = Reader(blob);
    let kind = reader.string()?;
    let point = reader.string()?.try_into().ok()?;
    let application = if reader.0.is_empty() { None } else { Some(reader.string()?) };
    reader.end()?;
    Some((kind, point, application))
}

fn checked(point: [u8; 32], application: Option<Box<str>>) -> Result<PublicKey, BadKey> {
    if point::is_honest(&point) { Ok(PublicKey { point, application }) } else { Err(BadKey::Point) }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), STANDARD.encode(self.to_blob()))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        if text.chars().any(char::is_control) {
            return Err(BadKey::Form);
        }
        let mut words = text.splitn(3, ' ');
        let (kind, base64) = words.next().zip(words.next()).ok_or(BadKey::Form)?;
        let blob = STANDARD.decode(base64).or(Err(BadKey::Form))?;
        let key = Self::from_blob(&blob)?;
        if key.kind() == kind { Ok(key) } else { Err(BadKey::Form) }
    }
}

impl TryFrom<String> for PublicKey {
    type Error = BadKey;
    fn try_from(text: String) -> Result<Self, BadKey> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, parts: &[&[u8]]) -> String {
        let mut blob = Vec::new();
        put_string(&mut blob, kind.as_bytes());
        for part in parts {
            put_string(&mut blob, part);
        }
        format!("{kind} {}", STANDARD.encode(blob))
    }

    #[test]
    fn a_key_has_one_spelling_and_an_optional_comment() {
        let point = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
        let text = line(PLAIN, &[&point]);
        let key: PublicKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(format!("{text} lena@acme, laptop").parse(), Ok(key));
        let hardware = line(HARDWARE, &[&point, b"ssh:"]);
        assert_eq!(hardware.parse::<PublicKey>().unwrap().to_string(), hardware);
        for (bad, why) in [
            (line(HARDWARE, &[&point, b"web:"]), BadKey::Application),
            (line(HARDWARE, &[&point]), BadKey::Form),
            (line(PLAIN, &[&point, b"ssh:"]), BadKey::Form),
            (line(PLAIN, &[&point[..31]]), BadKey::Form),
            (line("ssh-rsa", &[&point]), BadKey::Form),
            (text.replace("ssh-ed25519 ", "ssh-ed25519  "), BadKey::Form),
            (format!("{text}\n"), BadKey::Form),
            (text.trim_end_matches('=').to_owned() + "!", BadKey::Form),
            (String::new(), BadKey::Form),
        ] {
            assert_eq!(bad.parse::<PublicKey>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn points_that_no_honest_key_has_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        // y = 2^255 − 19 + 3: the point with y = 3, spelled above the field's size.
        let mut large = [0xff; 32];
        (large[0], large[31]) = (0xf0, 0x7f);
        for point in [one, [0; 32], large] {
            assert_eq!(PublicKey::ed25519(point), Err(BadKey::Point));
        }
    }
}
