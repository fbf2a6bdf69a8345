//! What the agent itself puts beside what a person set: sealed to the host, a file for each slot below `renewed/` and
//! `staged/`. The person's own place has one writer, the person, and each of these another, so that no write undoes another's.
//!
//! A renewed record names the one that a person set; when that is set anew, what was renewed before counts no more.

use std::sync::Arc;

use assent_schema::canon::Digest;
use zeroize::Zeroizing;

use super::host::HostKey;
use super::{Secret, SlotPath, VaultError};
use crate::world::Disk;

/// Files of the state folder, sealed to the host.
pub(super) struct Overlay<D: Disk> {
    pub(super) disk: D,
    pub(super) host: Arc<HostKey>,
}

impl<D: Disk> Overlay<D> {
    /// What counts now in a slot in which a person set something.
    pub(super) fn newest(&self, path: &SlotPath, set: Secret) -> Result<Secret, VaultError> {
        let Some(opened) = self.open(&renewed(path))? else { return Ok(set) };
        let (follows, record) = opened.split_at_checked(32).ok_or(VaultError::CannotOpen)?;
        if follows == follow(&set) { Secret::new(record.to_vec()) } else { Ok(set) }
    }

    /// Puts a record in the place of the one that a person set.
    pub(super) fn renew(&self, path: &SlotPath, set: &Secret, secret: &Secret) -> Result<(), VaultError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 + secret.reveal().len()));
        bytes.extend_from_slice(&follow(set));
        bytes.extend_from_slice(secret.reveal());
        self.seal(&renewed(path), &bytes)
    }

    /// What was renewed counts no more.
    pub(super) fn forget(&self, path: &SlotPath) -> Result<(), VaultError> {
        self.disk.remove(&renewed(path)).map_err(VaultError::Disk)
    }

    /// Puts the secret that may follow beside the one that counts.
    pub(super) fn stage(&self, path: &SlotPath, secret: &Secret) -> Result<(), VaultError> {
        self.seal(&staged(path), secret.reveal())
    }

    /// The secret that may follow.
    pub(super) fn staged(&self, path: &SlotPath) -> Result<Secret, VaultError> {
        let opened = self.open(&staged(path))?.ok_or(VaultError::Missing)?;
        Secret::new(opened.to_vec())
    }

    /// Forgets the secret that might have followed.
    pub(super) fn unstage(&self, path: &SlotPath) -> Result<(), VaultError> {
        self.disk.remove(&staged(path)).map_err(VaultError::Disk)
    }

    fn open(&self, file: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let Some(sealed) = self.disk.read(file).map_err(VaultError::Disk)? else { return Ok(None) };
        self.host.open(&sealed).map(Some).or(Err(VaultError::CannotOpen))
    }

    fn seal(&self, file: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let sealed = self.host.seal(bytes).or(Err(VaultError::CannotOpen))?;
        self.disk.write(file, &sealed).map_err(VaultError::Disk)
    }
}

/// The file of what was renewed in a slot.
pub(super) fn renewed(path: &SlotPath) -> String {
    format!("renewed/{path}.age")
}

/// The file of what may follow in a slot.
pub(super) fn staged(path: &SlotPath) -> String {
    format!("staged/{path}.age")
}

/// What a renewed record says of the one that a person set. It stands inside the seal.
fn follow(set: &Secret) -> [u8; 32] {
    *Digest::of_file(set.reveal()).as_bytes()
}
