//! Signatures that are not what they seem: each is a file `<file>.<person>.sig` that somebody could put into a release.

use std::collections::BTreeSet;

use assent_schema::trust::{BadKey, Namespace, PublicKey, SignatureError, Signer, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256, Sha512};

use super::table::{Attack, Verdict, attack};

const MESSAGE: &[u8] = b"type = \"approval\"\nserial = 7\n";
const NAMESPACE: &str = "approval@assent";
const SEED: [u8; 32] = [7; 32];
/// The order of the group, least significant byte first: what is added to S without changing what it means.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// The neutral point, of order one.
const NEUTRAL: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};

fn put(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
    out.extend_from_slice(field);
}

/// The parts of a signature file, each of which somebody may bend.
pub(crate) struct Parts {
    pub(crate) version: u32,
    pub(crate) namespace: &'static str,
    pub(crate) reserved: &'static [u8],
    pub(crate) hash: &'static [u8],
    /// Type, point and application of the key.
    pub(crate) key: (&'static str, [u8; 32], Option<&'static str>),
    /// The type that the inner signature names.
    pub(crate) inner: &'static str,
    /// What is put behind the signature: flags and counter of a hardware key.
    pub(crate) trailer: &'static [u8],
    /// What stands behind everything.
    pub(crate) extra: &'static [u8],
    pub(crate) message: &'static [u8],
    pub(crate) sign: fn(&[u8]) -> Vec<u8>,
}

fn secret() -> SigningKey {
    SigningKey::from_bytes(&SEED)
}

pub(crate) fn honest() -> Parts {
    Parts {
        version: 1,
        namespace: NAMESPACE,
        reserved: b"",
        hash: b"sha512",
        key: ("ssh-ed25519", secret().verifying_key().to_bytes(), None),
        inner: "ssh-ed25519",
        trailer: b"",
        extra: b"",
        message: MESSAGE,
        sign: |data| secret().sign(data).to_bytes().to_vec(),
    }
}

/// A hardware key that signed with these flags for this application.
pub(crate) fn hardware(application: &'static str, trailer: &'static [u8]) -> Parts {
    let kind = "sk-ssh-ed25519@openssh.com";
    Parts { key: (kind, secret().verifying_key().to_bytes(), Some(application)), inner: kind, trailer, ..honest() }
}

impl Parts {
    fn key_blob(&self) -> Vec<u8> {
        let (kind, point, application) = self.key;
        let mut blob = Vec::new();
        put(&mut blob, kind.as_bytes());
        put(&mut blob, &point);
        if let Some(text) = application {
            put(&mut blob, text.as_bytes());
        }
        blob
    }

    pub(crate) fn blob(&self) -> Vec<u8> {
        let hashed = if self.hash == b"sha256" {
            Sha256::digest(self.message).to_vec()
        } else {
            Sha512::digest(self.message).to_vec()
        };
        let mut data = b"SSHSIG".to_vec();
        for field in [self.namespace.as_bytes(), self.reserved, self.hash, &hashed] {
            put(&mut data, field);
        }
        if let (_, _, Some(application)) = self.key {
            data = [&Sha256::digest(application)[..], self.trailer, &Sha256::digest(&data)].concat();
        }
        let mut inner = Vec::new();
        put(&mut inner, self.inner.as_bytes());
        put(&mut inner, &(self.sign)(&data));
        inner.extend_from_slice(self.trailer);
        let mut blob = b"SSHSIG".to_vec();
        blob.extend_from_slice(&self.version.to_be_bytes());
        for field in [&self.key_blob(), self.namespace.as_bytes(), self.reserved, self.hash, &inner] {
            put(&mut blob, field);
        }
        blob.extend_from_slice(self.extra);
        blob
    }

    fn armour(&self) -> String {
        armour(&self.blob(), 70)
    }
}

pub(crate) fn armour(blob: &[u8], width: usize) -> String {
    let letters = STANDARD.encode(blob);
    let lines: Vec<&str> = letters.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// The keys by which the person counts: the plain one, and the same point in a hardware key of two applications.
pub(crate) fn listed() -> BTreeSet<PublicKey> {
    let lines = [None, Some("ssh:")].map(|application| {
        let kind = if application.is_some() { "sk-ssh-ed25519@openssh.com" } else { "ssh-ed25519" };
        let parts = Parts { key: (kind, secret().verifying_key().to_bytes(), application), ..honest() };
        format!("{kind} {}", STANDARD.encode(parts.key_blob())).parse().unwrap()
    });
    lines.into()
}

/// The line by which a root lists a point as that of a hardware key.
pub(crate) fn hardware_line(point: &[u8; 32]) -> String {
    let kind = "sk-ssh-ed25519@openssh.com";
    format!("{kind} {}", STANDARD.encode(Parts { key: (kind, *point, Some("ssh:")), ..honest() }.key_blob()))
}

/// The word of the table for each reason.
fn word(why: SignatureError) -> &'static str {
    match why {
        SignatureError::Armour => "armour",
        SignatureError::ArmourLineEnds => "armour line ends",
        SignatureError::Blob => "blob",
        SignatureError::Hash => "hash",
        SignatureError::Key(BadKey::Form) => "key form",
        SignatureError::Key(BadKey::Point) => "key point",
        SignatureError::Key(BadKey::Application) => "key application",
        SignatureError::Namespace(_) => "namespace",
        SignatureError::UnknownKey => "unknown key",
        SignatureError::UserPresence => "user presence",
        SignatureError::Mismatch => "mismatch",
        SignatureError::LineEnds => "line ends",
        SignatureError::SignedLineEnds => "signed line ends",
    }
}

fn judge_message(message: &[u8], text: &str) -> Verdict {
    match verify(message, text.as_bytes(), Namespace::Approval, &listed()) {
        Ok(_) => Verdict::accepted(),
        Err(why) => Verdict::new(word(why), why.to_string()),
    }
}

fn judge(text: &str) -> Verdict {
    judge_message(MESSAGE, text)
}

/// The first that is answered otherwise than the others, else what all are answered.
fn all(texts: impl IntoIterator<Item = String>) -> Verdict {
    let mut verdicts: Vec<Verdict> = texts.into_iter().map(|text| judge(&text)).collect();
    verdicts.dedup();
    verdicts.pop().filter(|_| verdicts.is_empty()).unwrap_or_else(|| Verdict::new("differs", format!("{verdicts:?}")))
}

/// `sign`, with the order of the group added to S: the same number, spelled otherwise.
pub(crate) fn spelled_otherwise(data: &[u8]) -> Vec<u8> {
    let mut bytes = secret().sign(data).to_bytes().to_vec();
    let mut carry = 0;
    for (byte, more) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    bytes
}

/// `sign`, with a nonce of zero: R is the neutral point, and the equation holds.
pub(crate) fn without_nonce(data: &[u8]) -> Vec<u8> {
    let secret = secret();
    let public = secret.verifying_key().to_bytes();
    let challenge = Scalar::from_bytes_mod_order_wide(&Sha512::digest([&NEUTRAL[..], &public, data].concat()).into());
    let s = challenge * secret.to_scalar();
    [NEUTRAL, s.to_bytes()].concat()
}

pub(crate) const ROOM: &[Attack] = &[
    attack("an honest signature", "accepted", || judge(&honest().armour())),
    attack("an honest one over sha256", "accepted", || judge(&Parts { hash: b"sha256", ..honest() }.armour())),
    attack("an honest one in lines of 76", "accepted", || judge(&armour(&honest().blob(), 76))),
    attack("an honest one without the newline at its end", "accepted", || judge(honest().armour().trim_end())),
    attack("an honest one by a hardware key that was touched", "accepted", || {
        judge(&hardware("ssh:", &[1, 0, 0, 0, 9]).armour())
    }),
    attack("a product's own signature", "accepted", || {
        let signer = Signer::from_seed(&SEED).unwrap();
        judge(&assent_schema::trust::sign(&signer, Namespace::Approval, MESSAGE))
    }),
    attack("junk before or after the armour", "armour", || {
        let good = honest().armour();
        all([
            format!("junk\n{good}"),
            format!(" {good}"),
            format!("\n{good}"),
            format!("{good}junk"),
            format!("{good} "),
            format!("{good}\n"),
        ])
    }),
    attack("a second block after an honest one", "armour", || {
        let good = honest().armour();
        judge(&format!("{good}{good}"))
    }),
    attack("armour of another kind", "armour", || judge(&honest().armour().replace("SSH SIGNATURE", "PGP SIGNATURE"))),
    attack("lines of another width", "armour", || {
        all([1, 64, 69, 71, 75, 77, 4_000].map(|width| armour(&honest().blob(), width)))
    }),
    attack("a line that is broken in the middle", "armour", || {
        let good = honest().armour();
        // The first line, which says how wide all are, and another.
        all([60, 140].map(|at| format!("{}\n{}", &good[..at], &good[at..])))
    }),
    attack("base64 that is spelled otherwise", "armour", || {
        let good = honest().armour();
        let unpadded = good.replacen('=', "", 1);
        let end = good.find('=').unwrap();
        let last = if &good[end - 1..end] == "A" { "B" } else { "A" };
        all([unpadded, format!("{}{last}{}", &good[..end - 1], &good[end..]).replacen("A=", "B=", 1)])
    }),
    attack("a truncated file", "armour", || {
        let good = honest().armour();
        all((0..good.len() - 1).map(|end| good[..end].to_owned()))
    }),
    attack("a signature that does not end", "armour", || {
        let endless = Parts { reserved: &[0; 8_192], ..honest() };
        judge(&endless.armour())
    }),
    attack("CRLF in the armour", "armour line ends", || judge(&honest().armour().replace('\n', "\r\n"))),
    attack("CRLF in the file that was signed with LF", "line ends", || {
        let text = std::str::from_utf8(MESSAGE).unwrap().replace('\n', "\r\n");
        judge_message(text.as_bytes(), &honest().armour())
    }),
    attack("LF in the file that was signed with CRLF", "signed line ends", || {
        judge(&Parts { message: b"type = \"approval\"\r\nserial = 7\r\n", ..honest() }.armour())
    }),
    attack("another version", "blob", || all([0, 2, u32::MAX].map(|version| Parts { version, ..honest() }.armour()))),
    attack("bytes in the reserved field", "blob", || judge(&Parts { reserved: b"x", ..honest() }.armour())),
    attack("bytes after the last field", "blob", || judge(&Parts { extra: &[0], ..honest() }.armour())),
    attack("bytes after the signature inside", "blob", || judge(&Parts { trailer: &[1], ..honest() }.armour())),
    attack("a truncated blob", "blob", || {
        let whole = honest().blob();
        // Less than a line of the armour has no width of its own; that is another row.
        all((53..whole.len()).map(|end| armour(&whole[..end], 70)))
    }),
    attack("another magic", "blob", || judge(&armour(&[b"SSHSIC", &honest().blob()[6..]].concat(), 70))),
    attack("a signature of another length", "blob", || {
        all([
            Parts { sign: |data| secret().sign(data).to_bytes()[..63].to_vec(), ..honest() },
            Parts { sign: |data| [&secret().sign(data).to_bytes()[..], &[0]].concat(), ..honest() },
        ]
        .map(|parts| parts.armour()))
    }),
    attack("another type inside than the key's", "blob", || {
        judge(&Parts { inner: "sk-ssh-ed25519@openssh.com", ..honest() }.armour())
    }),
    attack("another hash", "hash", || {
        all([&b"sha1"[..], b"sha384", b"SHA512", b""].map(|hash| Parts { hash, ..honest() }.armour()))
    }),
    attack("a key of another type", "key form", || {
        all(["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed448"].map(|kind| {
            let (_, point, _) = honest().key;
            Parts { key: (kind, point, None), inner: kind, ..honest() }.armour()
        }))
    }),
    attack("a key of small order, for which any signature holds", "key point", || {
        let mut most = [0xff; 32];
        (most[0], most[31]) = (0xec, 0x7f);
        all([NEUTRAL, [0; 32], most].map(|point| {
            let sign = |_: &[u8]| [NEUTRAL, [0; 32]].concat();
            Parts { key: ("ssh-ed25519", point, None), sign, ..honest() }.armour()
        }))
    }),
    attack("a key that is spelled above the field's size", "key point", || {
        let mut large = [0xff; 32];
        (large[0], large[31]) = (0xf0, 0x7f);
        judge(&Parts { key: ("ssh-ed25519", large, None), ..honest() }.armour())
    }),
    attack("a hardware key made for a web page", "key application", || {
        all(["webauthn", "https://evil.example", "ssh", ""]
            .map(|application| hardware(application, &[1, 0, 0, 0, 9]).armour()))
    }),
    attack("a signature for another purpose", "namespace", || {
        let others = Namespace::ALL.into_iter().filter(|other| *other != Namespace::Approval);
        all(others.map(|other| Parts { namespace: other.as_str(), ..honest() }.armour()))
    }),
    attack("a namespace that only begins like the right one", "namespace", || {
        all(["approval@assent.evil", "approval", "", "Approval@assent"]
            .map(|namespace| Parts { namespace, ..honest() }.armour()))
    }),
    attack("a key that is not the person's", "unknown key", || {
        let other = || SigningKey::from_bytes(&[8; 32]);
        let key = ("ssh-ed25519", other().verifying_key().to_bytes(), None);
        judge(
            &Parts { key, sign: |data| SigningKey::from_bytes(&[8; 32]).sign(data).to_bytes().to_vec(), ..honest() }
                .armour(),
        )
    }),
    attack("the person's point under another application", "unknown key", || {
        judge(&hardware("ssh:other", &[1, 0, 0, 0, 9]).armour())
    }),
    attack("a hardware key that nobody touched", "user presence", || {
        all([&[0, 0, 0, 0, 9], &[4, 0, 0, 0, 9]].map(|trailer| hardware("ssh:", trailer).armour()))
    }),
    attack("the flags of a hardware key changed after it signed", "mismatch", || {
        let untouched = hardware("ssh:", &[0, 0, 0, 0, 9]).blob();
        let flags = untouched.len() - 5;
        let mut claimed = untouched;
        claimed[flags] = 1;
        judge(&armour(&claimed, 70))
    }),
    attack("the right key over another file", "mismatch", || {
        judge(&Parts { message: b"serial = 8\n", ..honest() }.armour())
    }),
    attack("the namespace changed after it was signed", "mismatch", || {
        let other = Parts { namespace: "release1@assent", ..honest() }.blob();
        let text: Vec<u8> = other
            .windows(15)
            .position(|part| part == b"release1@assent")
            .map(|place| {
                let mut blob = other.clone();
                blob[place..place + 15].copy_from_slice(NAMESPACE.as_bytes());
                blob
            })
            .unwrap();
        judge(&armour(&text, 70))
    }),
    attack("S with the group's order added, which means the same", "mismatch", || {
        judge(&Parts { sign: spelled_otherwise, ..honest() }.armour())
    }),
    attack("R of small order, which the plain equation accepts", "mismatch", || {
        judge(&Parts { sign: without_nonce, ..honest() }.armour())
    }),
];
