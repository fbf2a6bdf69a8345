//! What was verified, with the very bytes that were hashed.

use std::ops::Deref;
use std::sync::Arc;

use crate::canon::Digest;

/// A value that was parsed once, from bytes whose signatures were checked. Only this room makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    bytes: Arc<[u8]>,
    digest: Digest,
    value: T,
}

impl<T> Verified<T> {
    pub(super) fn new(bytes: &[u8], value: T) -> Self {
        Self { bytes: bytes.into(), digest: Digest::of_file(bytes), value }
    }

    /// The bytes that were signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Their SHA-256.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
