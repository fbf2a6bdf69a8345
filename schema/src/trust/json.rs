//! Signed files in canonical JSON: manifest, freshness, rehearsals, status.
//!
//! # Source
//! trust.md section 1: parse strictly, compare with namespace and place, and only then look at anything else.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::canon::{self, Digest};
use crate::id::{AgentId, Environment, Region};
use crate::release::{Freshness, Manifest, Rehearsal};
use crate::status::{Poke, Recover, Status};

use super::error::TrustError;
use super::people::SignedFile;
use super::root::{AgentEntry, RoleName, Root};
use super::root_chain::RootChain;
use super::sshsig::{self, Namespace};
use super::verified::Verified;

const SCHEMA: u32 = 1;

/// A signed JSON file that says where it belongs.
pub trait Placed: DeserializeOwned + Serialize {
    /// The number of its format, its project, environment and region.
    fn place(&self) -> (u32, Digest, &Environment, &Region);
}

macro_rules! placed {
    ($($kind:ty),*) => {$(
        impl Placed for $kind {
            fn place(&self) -> (u32, Digest, &Environment, &Region) {
                (self.schema, self.project, &self.environment, &self.region)
            }
        }
    )*};
}

placed!(Manifest, Freshness, Rehearsal, Recover, Poke, Status);

/// Verifies a file that a role of the agency signs for one environment and region.
///
/// # Errors
/// When it is not canonical, belongs elsewhere, or is not signed as the role demands.
pub fn verify_placed<T: Placed>(
    file: &str,
    signed: &SignedFile,
    role: RoleName,
    roots: &RootChain,
    environment: &Environment,
    region: &Region,
) -> Result<Verified<T>, TrustError> {
    let read: T = read(file, &signed.bytes)?;
    if read.place() != (SCHEMA, roots.project(), environment, region) {
        return Err(TrustError::new(file, "belongs to another project, environment, region or schema"));
    }
    roots.check_role(role, file, signed)?;
    Ok(Verified::new(&signed.bytes, read))
}

/// Verifies a rehearsal: signed by the agent that it names, whose rehearsals count, from where the root says it is.
///
/// What it rehearsed, and whether that went well, is for the caller to judge.
///
/// # Errors
/// When it is not canonical, is not of an agent whose rehearsals count, belongs elsewhere, or the signature is not that agent's.
pub fn verify_rehearsal(
    file: &str,
    bytes: &[u8],
    signer: &AgentId,
    armour: &[u8],
    roots: &RootChain,
) -> Result<Verified<Rehearsal>, TrustError> {
    let read: Rehearsal = read(file, bytes)?;
    let entry = roots.newest().agents.get(signer).filter(|agent| agent.rehearses && read.agent == *signer);
    let entry = entry.ok_or_else(|| TrustError::new(file, "is by a machine whose rehearsals do not count"))?;
    let signed = SignedByAgent { file, bytes, agent: signer, armour };
    signed.verify(read, entry, roots.project(), Namespace::Rehearsal)
}

/// Verifies what an agent says of itself: signed by the agent that it names, from where the root says it is.
///
/// When it was said, and whether it is good news, is for the caller to judge.
///
/// # Errors
/// When it is not canonical, names an agent that the root does not, belongs elsewhere, or the signature is not that agent's.
pub fn verify_status(
    file: &str,
    bytes: &[u8],
    signer: &AgentId,
    armour: &[u8],
    root: &Root,
    project: Digest,
) -> Result<Verified<Status>, TrustError> {
    let read: Status = read(file, bytes)?;
    let entry = root.agents.get(signer).filter(|_| read.agent == *signer);
    let entry = entry.ok_or_else(|| TrustError::new(file, "is by another machine than its place says"))?;
    let signed = SignedByAgent { file, bytes, agent: signer, armour };
    signed.verify(read, entry, project, Namespace::Console)
}

/// A file that one agent signed.
struct SignedByAgent<'a> {
    file: &'a str,
    bytes: &'a [u8],
    agent: &'a AgentId,
    armour: &'a [u8],
}

impl SignedByAgent<'_> {
    /// What such a file says once it is from where the root says that its agent is, and signed with that agent's key.
    fn verify<T: Placed>(
        &self,
        read: T,
        entry: &AgentEntry,
        project: Digest,
        namespace: Namespace,
    ) -> Result<Verified<T>, TrustError> {
        let Self { file, bytes, agent, armour } = self;
        if read.place() != (SCHEMA, project, &entry.environment, &entry.region) {
            return Err(TrustError::new(*file, "belongs to another project, environment, region or schema"));
        }
        let keys: BTreeSet<_> = [entry.key.clone()].into();
        sshsig::verify(bytes, armour, namespace, &keys)
            .map_err(|why| TrustError::new(format!("{file}.{agent}.sig"), why.to_string()))?;
        Ok(Verified::new(bytes, read))
    }
}

fn read<T: DeserializeOwned + Serialize>(file: &str, bytes: &[u8]) -> Result<T, TrustError> {
    canon::from_bytes(bytes).map_err(|e| TrustError::new(file, format!("is malformed: {e}")))
}
