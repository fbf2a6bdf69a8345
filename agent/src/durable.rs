//! Files that survive whatever comes: written beside, made durable, put in place, and their folder made durable. The one home
//! for that, but for small files of the state folder, which `real::disk` reaches by descriptors in the same order.
//!
//! What need not survive is written elsewhere, and says why there.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Puts a whole file in place of what was there.
///
/// # Errors
/// When it cannot be written; then the old one stands as it was.
///
/// # Crash
/// The old file or the new one, whole. On return it is the new one. What is no file, as `/dev/stdout`, is written to as it is.
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fill(path, |file| file.write_all(bytes))
}

/// As [`put`], written by the caller.
///
/// # Errors
/// As [`put`].
pub fn fill(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let place = match path.canonicalize() {
        // A link leads to the file that is meant.
        Ok(place) if place.is_file() => place,
        Ok(_) => return write(&mut OpenOptions::new().write(true).open(path)?),
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let new = beside(&place)?;
    match remove(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
    if let Ok(old) = place.metadata() {
        file.set_permissions(old.permissions())?;
    }
    let written = write(&mut file).and_then(|()| settle(&new, &place));
    written.inspect_err(|_| drop(remove(&new)))
}

/// Makes a file that must not be there yet.
///
/// # Errors
/// When something is there, or it cannot be written.
pub fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    folder(path)
}

/// Puts a file that was written whole in the place of another one.
///
/// # Errors
/// When the system does not.
///
/// # Crash
/// As [`put`].
pub fn settle(new: &Path, path: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    std::fs::rename(new, path)?;
    folder(path)
}

/// A name beside a file's own, hidden, for what is not whole yet.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut new = OsString::from(".");
    new.push(name);
    new.push(".new");
    Ok(path.with_file_name(new))
}

/// Makes what stands in a file's folder durable.
fn folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test looks at what was written")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_old_one_or_the_new_one_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("kept"), folder.path().join("link"));
        put(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        // A write that was cut off left this.
        std::fs::write(folder.path().join(".kept.new"), b"half").unwrap();
        let cut = fill(&path, |file| file.write_all(b"ne").and_then(|()| Err(ErrorKind::StorageFull.into())));
        assert_eq!(cut.map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        put(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink(), "the link stays one");
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["kept", "link"]);
        assert_eq!(make(&path, b"x").map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
        put(Path::new("/dev/null"), b"what is not a file is written to").unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
