//! Small files of the state folder.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why a file could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFailure {
    /// No space is left.
    Full,
    /// The path is not below the state folder, or is no regular file.
    BadPath,
    /// Anything else the system said.
    Broken,
}

impl DiskFailure {
    /// Its code in logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "disk_full",
            Self::BadPath => "bad_path",
            Self::Broken => "disk_broken",
        }
    }
}

impl fmt::Display for DiskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for DiskFailure {}

/// Small files of the state folder. Paths are relative, parts joined by `/`, no `.` or `..`; mode 0600, folders 0700.
pub trait Disk: Send + Sync {
    /// The whole file; `None` when there is none.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure>;

    /// Puts a whole file in place of what was there, folders included.
    ///
    /// # Errors
    /// [`DiskFailure`]; then the old file stands as it was.
    ///
    /// # Crash
    /// On return the file and its name are durable. Before, either the old or the new file is there, never a part.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure>;

    /// Puts several files in place as [`Disk::write`] does each, perhaps at the same time: most of a write is waiting.
    ///
    /// # Errors
    /// [`DiskFailure`] of one of them; others may stand.
    fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskFailure> {
        files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    /// Removes a file; nothing happens when there is none.
    ///
    /// # Errors
    /// [`DiskFailure`].
    ///
    /// # Crash
    /// On return the removal is durable.
    fn remove(&self, path: &str) -> Result<(), DiskFailure>;

    /// The names of the files directly in a folder, sorted; empty when there is no folder. The state folder itself is the
    /// empty path.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure>;
}

impl<D: Disk> Disk for Arc<D> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        D::read(self, path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        D::write(self, path, bytes)
    }

    fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskFailure> {
        D::write_all(self, files)
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        D::remove(self, path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        D::list(self, folder)
    }
}
