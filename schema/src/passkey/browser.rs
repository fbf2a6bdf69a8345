//! What a browser brings back: authenticator data, client data, and which pages may ask for a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Ceremony, PasskeyError};

/// The most bytes of any one part that a browser brings.
const PART_MOST_BYTES: usize = 8 * 1_024;
/// The bits of the flags of authenticator data.
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const MAY_BE_BACKED_UP: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
pub(super) const HAS_CREDENTIAL: u8 = 1 << 6;
pub(super) const HAS_EXTENSIONS: u8 = 1 << 7;
/// Hash of the relying party id, flags, counter.
const HEAD_BYTES: usize = 37;

/// What authenticator data begins with.
pub(super) struct Head<'a> {
    rp: [u8; 32],
    pub(super) flags: u8,
    pub(super) count: u32,
    pub(super) rest: &'a [u8],
}

impl<'a> Head<'a> {
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let (head, rest) = data.split_at_checked(HEAD_BYTES)?;
        let (rp, head) = head.split_at_checked(32)?;
        let (flags, count) = head.split_first()?;
        let count = u32::from_be_bytes(count.try_into().ok()?);
        Some(Self { rp: rp.try_into().ok()?, flags: *flags, count, rest })
    }

    pub(super) fn check(&self, rp: &str, origin: &str) -> Result<(), PasskeyError> {
        let ours: [u8; 32] = Sha256::digest(rp).into();
        if self.rp != ours || !is_within(origin, rp) {
            return Err(PasskeyError::Rp);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(PasskeyError::UserPresence);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(PasskeyError::UserVerification);
        }
        let is_odd = self.flags & BACKED_UP != 0 && self.flags & MAY_BE_BACKED_UP == 0;
        if is_odd { Err(PasskeyError::Form) } else { Ok(()) }
    }
}

/// Whether pages of an origin may use passkeys of a site: of the same host or one below it, and by TLS but on this machine.
fn is_within(origin: &str, rp: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let host = host.split_once(':').map_or(host, |(name, _)| name);
    let below = || host.strip_suffix(rp).is_some_and(|head| head.ends_with('.'));
    let safe = scheme == "https" || (scheme == "http" && host == "localhost");
    safe && (host == rp || below())
}

/// What browsers say of a ceremony. Members that later levels add are read over.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

pub(super) fn check_client(bytes: &[u8], kind: &str, ceremony: &Ceremony<'_>) -> Result<(), PasskeyError> {
    // A member that is there twice is refused.
    let client: ClientData = serde_json::from_slice(bytes).or(Err(PasskeyError::Form))?;
    if client.kind != kind || client.cross_origin || client.top_origin.is_some() {
        return Err(PasskeyError::Type);
    }
    if client.challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(ceremony.file)) {
        return Err(PasskeyError::Challenge);
    }
    if client.origin == ceremony.origin { Ok(()) } else { Err(PasskeyError::Origin) }
}

/// One part: base64url without padding, of one spelling.
pub(super) fn part(text: &str) -> Result<Vec<u8>, PasskeyError> {
    let is_short = text.len() <= PART_MOST_BYTES.saturating_mul(4) / 3;
    let bytes = if is_short { URL_SAFE_NO_PAD.decode(text).ok() } else { None };
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(PasskeyError::Form)
}
