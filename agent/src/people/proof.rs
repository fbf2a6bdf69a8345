//! What shows who signed: by an SSH key or a passkey that the newest release lists. Pure.
//!
//! # Source
//! formats.md section 2; engine.md section 8.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::passkey::{Ceremony, Passkey, PasskeyError, Used};
use assent_schema::release::Proof;
use assent_schema::trust::{Namespace, PublicKey, verify};

use super::judge::NotTaken;
use crate::store::{Store, Write};

/// Where the store keeps how often a passkey signed, by the hash of its line.
const COUNTS: &str = "passkey/";

/// By what a person is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// SSH keys.
    pub ssh: BTreeSet<PublicKey>,
    /// Passkeys.
    pub passkeys: BTreeSet<Passkey>,
}

impl Keys {
    /// Keys as the client's facts hold them; what is no key counts for nothing.
    pub fn read<'k>(texts: impl IntoIterator<Item = &'k String>) -> Self {
        let mut keys = Self::default();
        for text in texts {
            match (text.parse(), text.parse()) {
                (Ok(key), _) => drop(keys.ssh.insert(key)),
                (_, Ok(passkey)) => drop(keys.passkeys.insert(passkey)),
                (Err(_), Err(_)) => {}
            }
        }
        keys
    }
}

/// Checks that one of these keys signed exactly these bytes. A passkey signs on a page alone, whose origin must be known.
/// Returns the passkey, whose count must go up before the signature counts.
///
/// One answer for an unknown person, an unknown key and a wrong signature: who is known here is nobody's business.
///
/// # Errors
/// [`NotTaken`].
pub fn check(
    message: &str,
    proof: &Proof,
    namespace: Namespace,
    origin: Option<&str>,
    keys: &Keys,
) -> Result<Option<Used>, NotTaken> {
    match (proof, origin) {
        (Proof::Ssh(armour), _) => match verify(message.as_bytes(), armour.as_bytes(), namespace, &keys.ssh) {
            Ok(_) => Ok(None),
            Err(_) => Err(NotTaken::BadSignature),
        },
        (Proof::Passkey(_), None) => Err(NotTaken::OtherOrigin),
        (Proof::Passkey(assertion), Some(origin)) => {
            let ceremony = Ceremony { file: message.as_bytes(), origin };
            assertion.verify(&keys.passkeys, &ceremony).map(Some).map_err(not_taken)
        }
    }
}

fn not_taken(why: PasskeyError) -> NotTaken {
    match why {
        PasskeyError::Form
        | PasskeyError::UnknownKey
        | PasskeyError::Mismatch
        | PasskeyError::Type
        | PasskeyError::Challenge => NotTaken::BadSignature,
        PasskeyError::Origin | PasskeyError::Rp => NotTaken::OtherOrigin,
        PasskeyError::UserPresence | PasskeyError::UserVerification => NotTaken::NotPresent,
    }
}

/// What is to be written before a signature of a passkey counts. One that counts went up since it signed last; where it did
/// not, somebody has a copy.
///
/// # Errors
/// [`NotTaken::CounterBack`], or [`NotTaken::NotDurable`] when the store cannot be read.
///
/// # Source
/// Web Authentication Level 3, section 6.1.1.
pub fn counted(store: &impl Store, used: Option<&Used>) -> Result<Option<Write>, NotTaken> {
    let Some(Used { passkey, count }) = used else { return Ok(None) };
    let name = format!("{COUNTS}{}", Digest::of_file(passkey.to_string().as_bytes()));
    let before = store.state(&name).or(Err(NotTaken::NotDurable))?;
    let before = before.map_or(Some(0_u32), |text| std::str::from_utf8(&text).ok()?.parse().ok());
    let before = before.ok_or(NotTaken::NotDurable)?;
    match (*count, before) {
        (0, 0) => Ok(None),
        (count, before) if count > before => {
            Ok(Some(Write::State { name, value: Some(count.to_string().into_bytes()) }))
        }
        _ => Err(NotTaken::CounterBack),
    }
}
