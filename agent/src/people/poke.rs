//! Who may ask an agent to look for a release: those who sign releases, as many of them as a release needs.
//!
//! # Source
//! trust.md section 5.

use assent_schema::canon::{self, Digest};
use assent_schema::id::{Environment, Region};
use assent_schema::status::Poke;
use assent_schema::trust::{Namespace, RoleName, Root, SignedFile, check};

use super::NotTaken;

/// The name of a poke in messages.
const FILE: &str = "the poke";
/// The number of its format.
const SCHEMA: u32 = 1;

/// Judges a poke, but for when it was signed and whether it came before.
///
/// # Errors
/// When it has another form, is for other agents, or is not signed as a release must be.
pub fn judge_poke(
    signed: &SignedFile,
    root: &Root,
    (project, environment, region): (Digest, &Environment, &Region),
) -> Result<Poke, NotTaken> {
    let poke: Poke = canon::from_bytes(&signed.bytes).or(Err(NotTaken::BadForm))?;
    if (poke.schema, poke.project, &poke.environment, &poke.region) != (SCHEMA, project, environment, region) {
        return Err(NotTaken::OtherQuestion);
    }
    let rule = root.rule(RoleName::Release).ok_or(NotTaken::BadSignature)?;
    check(FILE, Namespace::Poke, signed, &[rule]).or(Err(NotTaken::BadSignature))?;
    Ok(poke)
}
