//! What is pinned at enrolment: root version 1, and the lowest numbers that may ever be accepted.

use assent_schema::canon::{self, Digest};
use serde::{Deserialize, Serialize};

use crate::world::{Disk, DiskFailure};

const FILE: &str = "trust/pin.json";

/// What an operator compared with their own eyes when the agent was enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The lowest root version that may be accepted.
    pub root: u32,
    /// The lowest generation that may be accepted.
    pub generation: u32,
    /// The lowest sequence of that generation that may be accepted.
    pub sequence: u64,
}

impl Pin {
    /// Keeps it.
    ///
    /// # Errors
    /// [`DiskFailure`].
    pub fn write(&self, disk: &impl Disk) -> Result<(), DiskFailure> {
        disk.write(FILE, &canon::to_bytes(self).or(Err(DiskFailure::Broken))?)
    }

    /// Reads it; `None` before enrolment.
    ///
    /// # Errors
    /// [`DiskFailure`]; [`DiskFailure::Broken`] also when the file is not what was written.
    pub fn read(disk: &impl Disk) -> Result<Option<Self>, DiskFailure> {
        let bytes = disk.read(FILE)?;
        bytes.map(|bytes| canon::from_bytes(&bytes).or(Err(DiskFailure::Broken))).transpose()
    }
}
