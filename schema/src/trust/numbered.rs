//! Numbered files of the agency, each signed by one role: what is looked at first, and in each alike.
//!
//! # Source
//! trust.md section 1, formats.md section 1.

use serde::de::DeserializeOwned;

use crate::canon::Digest;

use super::error::TrustError;
use super::people::SignedFile;
use super::root::RoleName;
use super::root_chain::RootChain;
use super::strict;
use super::verified::Verified;

/// The number of their format.
pub(super) const SCHEMA: u32 = 1;
/// The keys with which such a file begins.
const FIRST_KEYS: &[&str] = &["type", "schema", "project", "number"];

/// A file that says its format, its project and its number.
pub(super) trait Numbered: DeserializeOwned {
    /// The role that signs it.
    const ROLE: RoleName;

    /// The number of its format, its project and its own number.
    fn numbered(&self) -> (u32, Digest, u64);
}

/// Reads such a file strictly. Signatures are not looked at.
///
/// # Errors
/// When it has another form, an unknown schema or number 0.
pub(super) fn read<T: Numbered>(file: &str, bytes: &[u8]) -> Result<T, TrustError> {
    let read: T = strict::read(file, bytes, |_| FIRST_KEYS)?;
    let (schema, _, number) = read.numbered();
    if schema != SCHEMA || number == 0 {
        return Err(TrustError::new(file, "is of a schema that this version does not know, or has number 0"));
    }
    Ok(read)
}

/// Verifies such a file: it is of this project, keeps its own rules, and its role signed it.
///
/// # Errors
/// At the first of these that does not hold.
pub(super) fn verify<T: Numbered>(
    file: &str,
    signed: &SignedFile,
    roots: &RootChain,
    rules: impl FnOnce(&T) -> Result<(), TrustError>,
) -> Result<Verified<T>, TrustError> {
    let read: T = read(file, &signed.bytes)?;
    let (_, project, _) = read.numbered();
    if project != roots.project() {
        return Err(TrustError::new(file, "belongs to another project"));
    }
    rules(&read)?;
    roots.check_role(T::ROLE, file, signed)?;
    Ok(Verified::new(&signed.bytes, read))
}
