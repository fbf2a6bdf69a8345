//! Keyed hashes: what was sent or received, comparable without being readable.
//!
//! # Source
//! formats.md section 2, "Keyed hashes"; engine.md section 3, "Effects".

use assent_schema::canon::Digest;
use assent_schema::id::Name;
use assent_schema::plan::KeyForm;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroize as _;

/// What a keyed hash is about; hashes of different purposes never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A request that was built.
    Request,
    /// A value that was shown to a decider, by its path.
    Shown(&'a str),
    /// A webhook that was received.
    Webhook,
    /// A request whose answer is kept.
    Cached,
    /// A run, whose own key this is.
    Run,
    /// A client, whose key for pseudonyms this is.
    Pseudonyms,
    /// A value, whose pseudonym this is.
    Pseudonym,
    /// A secret that counts in a slot.
    Secret,
}

/// HMAC-SHA256 over `"assent-keyed/v1\0" || purpose || "\0" || bytes`.
pub fn keyed(key: &[u8; 32], purpose: Purpose<'_>, bytes: &[u8]) -> Digest {
    let (name, path) = match purpose {
        Purpose::Request => ("request", ""),
        Purpose::Shown(path) => ("shown:", path),
        Purpose::Webhook => ("webhook", ""),
        Purpose::Cached => ("cached", ""),
        Purpose::Run => ("run", ""),
        Purpose::Pseudonyms => ("pseudonyms", ""),
        Purpose::Pseudonym => ("pseudonym", ""),
        Purpose::Secret => ("secret", ""),
    };
    digest(key, &[b"assent-keyed/v1\0", name.as_bytes(), path.as_bytes(), b"\0", bytes])
}

/// The idempotency key of one effect: 32 hex digits, which fit the limits of the APIs we know.
///
/// An HMAC of run, step and item under the agent's own key; never of content, so that a repeat has the same key whatever it
/// reads again.
pub fn idempotency_key(key: &[u8; 32], run: &str, step: &Name, item: Option<&str>, form: KeyForm) -> String {
    // Names hold no zero byte, so that no two triples give the same bytes.
    let item = item.unwrap_or_default();
    let whole = digest(
        key,
        &[b"assent-idempotency/v1\0", run.as_bytes(), b"\0", step.as_str().as_bytes(), b"\0", item.as_bytes()],
    );
    let hex = whole.to_string();
    match form {
        KeyForm::Hex => hex.chars().take(32).collect(),
        KeyForm::Uuid => as_uuid(&hex),
    }
}

/// The first digits as a UUID that says it is random: the kind that every API takes.
///
/// # Source
/// RFC 9562 section 5.4: version 4, variant 10.
fn as_uuid(hex: &str) -> String {
    let digits = hex.chars().take(32).enumerate();
    digits.fold(String::with_capacity(36), |mut uuid, (place, digit)| {
        if matches!(place, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(match (place, digit) {
            (12, _) => '4',
            (16, '0'..='3') => '8',
            (16, '4'..='7') => '9',
            (16, '8' | '9' | 'a' | 'b') => digit,
            (16, 'c' | 'd') => 'a',
            (16, _) => 'b',
            _ => digit,
        });
        uuid
    })
}

fn digest(key: &[u8; 32], parts: &[&[u8]]) -> Digest {
    // RFC 2104: a key shorter than a block is filled up with zeroes.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    for part in parts {
        mac.update(part);
    }
    Digest::from_bytes(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_hash_is_what_openssl_says() {
        // printf 'assent-keyed/v1\0request\0hello' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        let hash = keyed(&[7; 32], Purpose::Request, b"hello");
        assert_eq!(hash.to_string(), "e78d287de5591dd62f964afec0519d06746e9d11a27285b8f05b8f2569094a10");
        assert_ne!(hash, keyed(&[7; 32], Purpose::Webhook, b"hello"));
        assert_ne!(hash, keyed(&[8; 32], Purpose::Request, b"hello"));
        assert_ne!(keyed(&[7; 32], Purpose::Shown("a"), b""), keyed(&[7; 32], Purpose::Shown("b"), b""));
    }

    #[test]
    fn the_page_of_formats_shows_these() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md")).unwrap();
        let mut key = [0; 32];
        (0..).zip(&mut key).for_each(|(place, byte)| *byte = place);
        let of_client = keyed(&key, Purpose::Pseudonyms, b"acme");
        for shown in [keyed(&key, Purpose::Request, b"hello"), of_client] {
            assert!(page.contains(&format!("| `{shown}` |")), "{shown}");
        }
        for (value, said) in [("12", "pseudonymise(12)"), ("ab c", "pseudonymise('ab c')")] {
            let name = keyed(of_client.as_bytes(), Purpose::Pseudonym, value.as_bytes()).to_string();
            assert!(page.contains(&format!("| `{said}` at `acme` | `p_{}` |", name.get(..24).unwrap())), "{name}");
        }
    }

    #[test]
    fn an_idempotency_key_is_of_run_step_and_item() {
        let step = |text| Name::new(text).unwrap();
        let one = idempotency_key(&[7; 32], "r1", &step("pay"), None, KeyForm::Hex);
        assert_eq!(one.len(), 32);
        assert_eq!(one, idempotency_key(&[7; 32], "r1", &step("pay"), None, KeyForm::Hex));
        for other in [
            idempotency_key(&[7; 32], "r2", &step("pay"), None, KeyForm::Hex),
            idempotency_key(&[7; 32], "r1", &step("pa"), Some("y"), KeyForm::Hex),
            idempotency_key(&[7; 32], "r1", &step("pay"), Some("1"), KeyForm::Hex),
            idempotency_key(&[8; 32], "r1", &step("pay"), None, KeyForm::Hex),
        ] {
            assert_ne!(one, other);
        }
        for run in 0..64 {
            let uuid = idempotency_key(&[7; 32], &format!("r{run}"), &step("pay"), None, KeyForm::Uuid);
            assert!(assent_schema::shape::is_uuid(&uuid), "{uuid}");
            assert!(uuid.get(14..15) == Some("4") && matches!(uuid.get(19..20), Some("8" | "9" | "a" | "b")), "{uuid}");
        }
    }
}
