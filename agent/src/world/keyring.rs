//! Keys that die by themselves.

use std::time::Duration;

use crate::content::Content;

/// Keys that live outside of this process and die by themselves: the kernel's keyring in production; where that is not
/// allowed, the process's own memory. They survive a restart of the process, never one of the host.
///
/// # Source
/// engine.md section 4: the epoch key of sealed content.
pub trait Keyring: Send + Sync {
    /// The key of this name while it lives.
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>>;

    /// Keeps a key for at most so long. Returns whether it will outlive the process.
    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool;
}
