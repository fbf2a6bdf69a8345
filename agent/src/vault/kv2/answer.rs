//! What the server answers, and what is sent to it, as bytes.
//!
//! # Source
//! Vault's HTTP API, KV version 2 and `AppRole`.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::vault::{Secret, VaultError};
use crate::world::HttpResponse;

/// How a server says that the version is another one.
pub(super) const NOT_THAT_VERSION: &[u8] = b"check-and-set";

/// A text of an answer that is a secret.
pub(super) struct Hidden(pub(super) Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

#[derive(Deserialize)]
pub(super) struct Answer<T> {
    pub(super) data: Option<T>,
    pub(super) auth: Option<Auth>,
}

#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: Hidden,
    #[serde(default)]
    pub(super) lease_duration: u64,
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) data: Option<Fields>,
    pub(super) metadata: Metadata,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    pub(super) value: Option<Hidden>,
    pub(super) base64: Option<Hidden>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) version: u64,
    /// When the server deletes the version by itself; empty where it does not.
    #[serde(default)]
    pub(super) deletion_time: String,
    /// What people wrote beside the secret.
    #[serde(default, rename = "custom_metadata")]
    pub(super) noted: Option<Noted>,
}

/// What people may write beside a secret that is read here.
#[derive(Deserialize)]
pub(super) struct Noted {
    /// When it ends at the API.
    pub(super) expires: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Tells that the server cannot serve, or does not let us in, from what it says of a slot.
pub(super) fn passing(answered: HttpResponse) -> Result<HttpResponse, VaultError> {
    match answered.status {
        401 | 403 => Err(VaultError::Refused),
        // 412 and 472 to 473: a node that is behind or stands by; 503: sealed.
        408 | 412 | 429 | 472 | 473 | 500..=599 => Err(VaultError::Unreachable),
        _ => Ok(answered),
    }
}

pub(super) fn read<T: for<'de> Deserialize<'de>>(answered: &HttpResponse) -> Result<Answer<T>, VaultError> {
    serde_json::from_slice(answered.body.reveal()).or(Err(VaultError::Unreachable))
}

pub(super) fn secret(hidden: &Hidden) -> Result<Secret, VaultError> {
    Secret::new(hidden.0.as_bytes().to_vec())
}

/// An object of texts, in a buffer that is wiped.
pub(super) fn object(members: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let size = members.iter().map(|(name, value)| name.len() + value.len() * 2 + 16).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for (number, (name, value)) in members.iter().enumerate() {
        out.push(if number == 0 { b'{' } else { b',' });
        serde_json::to_writer(&mut *out, name).or(Err(VaultError::BadSecret))?;
        out.push(b':');
        serde_json::to_writer(&mut *out, value).or(Err(VaultError::BadSecret))?;
    }
    out.push(b'}');
    Ok(out)
}

pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
