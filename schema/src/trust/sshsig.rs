//! SSHSIG: signatures over the exact bytes of a file, as `ssh-keygen -Y sign` makes and `-Y verify` checks them.
//!
//! What is accepted here, `ssh-keygen` accepts; not the reverse.
//!
//! # Source
//! OpenSSH `PROTOCOL.sshsig` and `PROTOCOL.u2f`; trust.md section 1; formats.md section 2.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256, Sha512};

use super::key::{BadKey, PublicKey};
use super::signer::Signer;
use super::wire::{Reader, put_string};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----";
/// The widths of armour lines: `ssh-keygen`'s, and what other tools write.
const WIDTHS: [usize; 2] = [70, 76];
/// The largest signature file, in bytes. An Ed25519 one takes about 300.
const ARMOUR_MOST_BYTES: usize = 4_096;
/// What one usually takes.
const ARMOUR_USUAL_BYTES: usize = 384;
/// The bit that says that somebody touched the hardware key.
const USER_PRESENT: u8 = 0x01;

/// What a signature is for. A signature made for one thing never counts for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Namespace {
    /// A root version.
    Trust,
    /// Who is assigned to which client.
    Teams,
    /// The digests of the catalog.
    Catalog,
    /// A client's approvers.
    Approvers,
    /// An approval, rejection or withdrawal.
    Approval,
    /// A release's manifest.
    Release,
    /// A rehearsal by a staging agent.
    Rehearsal,
    /// Which release is the newest.
    Freshness,
    /// A person's yes or no.
    Decision,
    /// A sign-in or request to an agent, and an agent's own reports.
    Console,
    /// A request to pull now.
    Poke,
    /// The enrolment of an agent.
    Enrol,
    /// The recovery of an agent.
    Recover,
    /// A git commit: git's own namespace.
    Git,
}

impl Namespace {
    /// Every namespace.
    pub const ALL: [Self; 14] = [
        Self::Trust,
        Self::Teams,
        Self::Catalog,
        Self::Approvers,
        Self::Approval,
        Self::Release,
        Self::Rehearsal,
        Self::Freshness,
        Self::Decision,
        Self::Console,
        Self::Poke,
        Self::Enrol,
        Self::Recover,
        Self::Git,
    ];

    /// The namespace as `ssh-keygen -n` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust@assent",
            Self::Teams => "teams@assent",
            Self::Catalog => "catalog@assent",
            Self::Approvers => "approvers@assent",
            Self::Approval => "approval@assent",
            Self::Release => "release@assent",
            Self::Rehearsal => "rehearsal@assent",
            Self::Freshness => "freshness@assent",
            Self::Decision => "decision@assent",
            Self::Console => "console@assent",
            Self::Poke => "poke@assent",
            Self::Enrol => "enrol@assent",
            Self::Recover => "recover@assent",
            Self::Git => "git",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The armour is not what `ssh-keygen` writes.
    Armour,
    /// The armour's own line ends are CRLF.
    ArmourLineEnds,
    /// What is inside is not an SSHSIG of version 1 with an empty reserved field.
    Blob,
    /// The hash is neither sha512 nor sha256.
    Hash,
    /// The key inside may not sign.
    Key(BadKey),
    /// It was made for something else.
    Namespace(Namespace),
    /// It was made by a key that does not count here.
    UnknownKey,
    /// Nobody touched the hardware key.
    UserPresence,
    /// The bytes are not those that were signed.
    Mismatch,
    /// The file has CRLF line ends, and what was signed had LF.
    LineEnds,
    /// The file has LF line ends, and what was signed had CRLF.
    SignedLineEnds,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Armour => "is not one armoured SSH signature with lines of 70 or 76 characters",
            Self::ArmourLineEnds => "has CRLF line ends; git or an editor changed them, and LF is needed",
            Self::Blob => "is not an SSHSIG of version 1 with an empty reserved field",
            Self::Hash => "uses a hash other than sha512 or sha256",
            Self::Key(bad) => return write!(f, "is by a key that {bad}"),
            Self::Namespace(wanted) => {
                return write!(f, "was made for another purpose; this one is signed with the namespace `{wanted}`");
            }
            Self::UnknownKey => "is by a key that is not listed for this person here",
            Self::UserPresence => "is by a hardware key that nobody touched",
            Self::Mismatch => "does not match the file's bytes",
            Self::LineEnds => "fails only because the file's line ends were changed; restore them (LF as signed)",
            Self::SignedLineEnds => {
                "was made over the file with CRLF line ends, which an editor or git put there; sign it as it stands here, with LF"
            }
        })
    }
}

impl std::error::Error for SignatureError {}

#[derive(Clone, Copy)]
enum Hash {
    Sha512,
    Sha256,
}

impl Hash {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Sha512 => b"sha512",
            Self::Sha256 => b"sha256",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha512 => Sha512::digest(message).to_vec(),
            Self::Sha256 => Sha256::digest(message).to_vec(),
        }
    }
}

/// One signature, taken apart; nothing is known yet of whether it matches anything.
struct Parsed {
    key: PublicKey,
    namespace: Vec<u8>,
    hash: Hash,
    signature: Signature,
    /// Flags and counter of a hardware key.
    hardware: Option<[u8; 5]>,
}

/// Verifies a signature by one of some keys over exactly these bytes; which key it was.
///
/// # Errors
/// As [`SignatureError`] says. Never panics, whatever the bytes.
pub fn verify(
    message: &[u8],
    armour: &[u8],
    namespace: Namespace,
    keys: &BTreeSet<PublicKey>,
) -> Result<PublicKey, SignatureError> {
    let parsed = parse(&unarmour(armour)?, keys)?;
    if parsed.namespace != namespace.as_str().as_bytes() {
        return Err(SignatureError::Namespace(namespace));
    }
    if !keys.contains(&parsed.key) {
        return Err(SignatureError::UnknownKey);
    }
    if parsed.hardware.is_some_and(|[flags, ..]| flags & USER_PRESENT == 0) {
        return Err(SignatureError::UserPresence);
    }
    if parsed.matches(message) {
        return Ok(parsed.key);
    }
    let other = with_other_line_ends(message).filter(|(other, _)| parsed.matches(other));
    Err(other.map_or(SignatureError::Mismatch, |(_, why)| why))
}

/// Signs bytes; the armour as `ssh-keygen` writes it.
pub fn sign(signer: &Signer, namespace: Namespace, message: &[u8]) -> String {
    let signature = signer.sign(&signed_data(namespace.as_str().as_bytes(), Hash::Sha512, message));
    let mut inner = Vec::with_capacity(96);
    put_string(&mut inner, signer.public().kind().as_bytes());
    put_string(&mut inner, &signature);
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&VERSION.to_be_bytes());
    for field in [&signer.public().to_blob(), namespace.as_str().as_bytes(), b"", Hash::Sha512.name(), &inner] {
        put_string(&mut blob, field);
    }
    let mut text = armour(&blob, 70);
    text.push('\n');
    text
}

impl Parsed {
    fn matches(&self, message: &[u8]) -> bool {
        let data = signed_data(&self.namespace, self.hash, message);
        let data = match (self.hardware, self.key.application()) {
            (Some(trailer), Some(application)) => {
                let parts = [&Sha256::digest(application)[..], &trailer, &Sha256::digest(&data)];
                parts.concat()
            }
            _ => data,
        };
        verifying(self.key.point()).is_some_and(|key| key.verify_strict(&data, &self.signature).is_ok())
    }
}

/// The key of a point. Unpacking one costs a tenth of what a signature does, and thousands of rehearsals are by one agent.
fn verifying(point: &[u8; 32]) -> Option<VerifyingKey> {
    thread_local! {
        static LAST: Cell<Option<VerifyingKey>> = const { Cell::new(None) };
    }
    if let Some(last) = LAST.get().filter(|last| last.as_bytes() == point) {
        return Some(last);
    }
    let key = VerifyingKey::from_bytes(point).ok();
    LAST.set(key);
    key
}

/// What is really signed: a preamble, the namespace and the hash of the message.
fn signed_data(namespace: &[u8], hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut data = MAGIC.to_vec();
    for field in [namespace, b"", hash.name(), &hash.of(message)] {
        put_string(&mut data, field);
    }
    data
}

/// The same text with CRLF made LF, or LF made CRLF where no CR is, and what is wrong when that was signed; nothing when there are no line
/// ends.
fn with_other_line_ends(message: &[u8]) -> Option<(Vec<u8>, SignatureError)> {
    let text = std::str::from_utf8(message).ok()?;
    if text.contains("\r\n") {
        return Some((text.replace("\r\n", "\n").into_bytes(), SignatureError::LineEnds));
    }
    text.contains('\n').then(|| (text.replace('\n', "\r\n").into_bytes(), SignatureError::SignedLineEnds))
}

/// The bytes inside the armour, which must be exactly as we would write it.
fn unarmour(bytes: &[u8]) -> Result<Vec<u8>, SignatureError> {
    if bytes.len() > ARMOUR_MOST_BYTES {
        return Err(SignatureError::Armour);
    }
    if bytes.contains(&b'\r') {
        return Err(SignatureError::ArmourLineEnds);
    }
    let text = std::str::from_utf8(bytes).or(Err(SignatureError::Armour))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let body = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(SignatureError::Armour)?;
    let width = body.find('\n').ok_or(SignatureError::Armour)?;
    let blob = STANDARD.decode(body.replace('\n', "")).or(Err(SignatureError::Armour))?;
    if WIDTHS.contains(&width) && armour(&blob, width) == text { Ok(blob) } else { Err(SignatureError::Armour) }
}

/// Armour without a newline at its end.
fn armour(blob: &[u8], width: usize) -> String {
    let mut text = String::with_capacity(ARMOUR_USUAL_BYTES);
    text.push_str(BEGIN);
    let letters = STANDARD.encode(blob);
    let mut left = letters.as_str();
    while let Some((line, rest)) = left.split_at_checked(width).filter(|(_, rest)| !rest.is_empty()) {
        text.push_str(line);
        text.push('\n');
        left = rest;
    }
    text.push_str(left);
    text.push('\n');
    text.push_str(END);
    text
}

/// Takes a signature apart. A key that is listed was judged when it was read, which costs a fifth of what a signature does.
fn parse(blob: &[u8], listed: &BTreeSet<PublicKey>) -> Result<Parsed, SignatureError> {
    let [key, namespace, reserved, hash, inner] = blob_fields(blob).ok_or(SignatureError::Blob)?;
    if !reserved.is_empty() {
        return Err(SignatureError::Blob);
    }
    let hash = match hash {
        b"sha512" => Hash::Sha512,
        b"sha256" => Hash::Sha256,
        _ => return Err(SignatureError::Hash),
    };
    let key = match listed.iter().find(|one| one.to_blob() == key) {
        Some(one) => one.clone(),
        None => PublicKey::from_blob(key).map_err(SignatureError::Key)?,
    };
    let (signature, hardware) = inner_fields(&key, inner).ok_or(SignatureError::Blob)?;
    Ok(Parsed { key, namespace: namespace.to_vec(), hash, signature, hardware })
}

fn blob_fields(blob: &[u8]) -> Option<[&[u8]; 5]> {
    let mut reader = Reader(blob);
    let magic = reader.bytes(MAGIC.len())?;
    let version = reader.number()?;
    let fields = [reader.string()?, reader.string()?, reader.string()?, reader.string()?, reader.string()?];
    reader.end()?;
    (magic == MAGIC && version == VERSION).then_some(fields)
}

fn inner_fields(key: &PublicKey, inner: &[u8]) -> Option<(Signature, Option<[u8; 5]>)> {
    let mut reader = Reader(inner);
    let kind = reader.string()?;
    let bytes: [u8; 64] = reader.string()?.try_into().ok()?;
    let hardware = match key.application() {
        Some(_) => Some(reader.bytes(5)?.try_into().ok()?),
        None => None,
    };
    reader.end()?;
    (kind == key.kind().as_bytes()).then(|| (Signature::from_bytes(&bytes), hardware))
}

#[cfg(test)]
#[path = "sshsig_tests.rs"]
mod tests;
