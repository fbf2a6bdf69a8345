//! Folders and plain files below a folder that is open: each part of a path is opened below the one before it, and no link is
//! followed, so that one planted there leads nowhere.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use crate::world::DiskFailure;

/// How a folder is opened.
pub(super) const FOLDER: OFlags =
    OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder that all others are below; whoever names it may name a link.
///
/// # Errors
/// [`DiskFailure`] when it is no folder or cannot be opened.
pub(super) fn root(folder: &Path) -> Result<OwnedFd, DiskFailure> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    openat(CWD, folder, flags, Mode::empty()).map_err(failure)
}

/// Opens a folder below another; `None` when it is not there.
pub(super) fn folder<'p>(
    root: &OwnedFd,
    parts: impl IntoIterator<Item = &'p str>,
) -> Result<Option<OwnedFd>, DiskFailure> {
    let mut folder = root.try_clone().or(Err(DiskFailure::Broken))?;
    for part in parts {
        match openat(&folder, part, FOLDER, Mode::empty()) {
            Ok(next) => folder = next,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failure(errno)),
        }
    }
    Ok(Some(folder))
}

/// Opens a plain file of a folder, with its size in bytes as it is now; `None` when it is not there.
pub(super) fn file(folder: &OwnedFd, name: &str) -> Result<Option<(File, u64)>, DiskFailure> {
    // NONBLOCK: a pipe planted there must not stop us; it is refused right after.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failure(errno)),
    };
    let stat = fstat(&file).map_err(failure)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(DiskFailure::BadPath);
    }
    Ok(Some((File::from(file), u64::try_from(stat.st_size).unwrap_or(0))))
}

/// What a failure of the system means.
pub(super) fn failure(errno: Errno) -> DiskFailure {
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => DiskFailure::Full,
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG => DiskFailure::BadPath,
        _ => DiskFailure::Broken,
    }
}
