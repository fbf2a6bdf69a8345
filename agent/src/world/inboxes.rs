//! Folders that other systems fill.

use super::disk::DiskFailure;

/// A file as a folder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970 as the file system tells it; only compared.
    pub changed: i64,
}

/// Folders that other systems fill. Paths are relative, `<client>/<folder>`; links are never followed.
pub trait Inboxes: Send + Sync + 'static {
    /// The regular files of a folder, hidden ones not, sorted by name; `None` when there is no such folder.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn shown(&self, folder: &str, most: usize) -> Result<Option<Vec<Seen>>, DiskFailure>;

    /// A file's bytes; `None` when it is gone, or larger than `most`.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn file(&self, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, DiskFailure>;

    /// Moves a file into a folder below its own, under its name or, where that is taken, the name with `mark` behind it. One that is
    /// gone, or no longer as it was seen, is left alone: nobody looked at what stands there now.
    ///
    /// # Errors
    /// [`DiskFailure`].
    ///
    /// # Crash
    /// The file stands in one place or the other.
    fn set_aside(&self, folder: &str, seen: &Seen, into: &str, mark: &str) -> Result<(), DiskFailure>;
}
