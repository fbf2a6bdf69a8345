//! Small files of the state folder: replaced as a whole, durable on return, links never followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fsync, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::plain::{self, FOLDER, failure};
use crate::sync::lock;
use crate::world::{Disk, DiskFailure};

/// The largest file that is read, in bytes; the files here are keys and checkpoints.
pub const FILE_MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The longest part of a path, in bytes; leaves room for the ending of a file that is being written.
const PART_MOST_BYTES: usize = 200;
/// Threads at most that write files at the same time. Nearly all of their time they wait until something is durable.
const WRITERS_MOST: usize = 16;
/// The most parts of a path.
const PARTS_MOST: usize = 8;

/// How many bytes are free for us where a folder is, and how many there are.
pub fn space(folder: &Path) -> Option<(u64, u64)> {
    let of = rustix::fs::statvfs(folder).ok()?;
    Some((of.f_bavail.saturating_mul(of.f_frsize), of.f_blocks.saturating_mul(of.f_frsize)))
}

/// The state folder.
pub struct RealDisk {
    root: OwnedFd,
    /// One writer at a time, so that the name of a file that is being written can be fixed and leaves no rubbish.
    writing: Mutex<()>,
}

impl RealDisk {
    /// Opens the state folder, which must be there.
    ///
    /// # Errors
    /// [`DiskFailure`] when it is no folder or cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, DiskFailure> {
        Ok(Self { root: plain::root(folder)?, writing: Mutex::new(()) })
    }

    /// The folder of a path; `None` when it is not there.
    fn folder(&self, parts: &[&str]) -> Result<Option<OwnedFd>, DiskFailure> {
        plain::folder(&self.root, parts.iter().copied())
    }

    /// The folder of a path, made where it is missing.
    fn make_folder(&self, parts: &[&str]) -> Result<OwnedFd, DiskFailure> {
        let mut folder = self.root.try_clone().or(Err(DiskFailure::Broken))?;
        for part in parts {
            match mkdirat(&folder, *part, Mode::RWXU) {
                Ok(()) => fsync(&folder).map_err(failure)?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failure(errno)),
            }
            folder = openat(&folder, *part, FOLDER, Mode::empty()).map_err(failure)?;
        }
        Ok(folder)
    }

    /// Puts one file in place. Nobody else writes one of this name meanwhile.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        let (parts, name) = split(path)?;
        let folder = self.make_folder(&parts)?;
        let new = format!(".{name}.new");
        match unlinkat(&folder, new.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failure(errno)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, new.as_str(), flags, Mode::RUSR | Mode::WUSR).map_err(failure)?;
        let mut file = File::from(file);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| io_failure(&error))?;
        renameat(&folder, new.as_str(), &folder, name).map_err(failure)?;
        fsync(&folder).map_err(failure)
    }
}

impl Disk for RealDisk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        let (parts, name) = split(path)?;
        let Some(folder) = self.folder(&parts)? else { return Ok(None) };
        let Some((file, size)) = plain::file(&folder, name)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(1 << 20));
        let read = file.take(FILE_MOST_BYTES + 1).read_to_end(&mut bytes);
        match read {
            Ok(size) if size as u64 <= FILE_MOST_BYTES => Ok(Some(bytes)),
            Ok(_) | Err(_) => Err(DiskFailure::Broken),
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        let _writing = lock(&self.writing);
        self.put(path, bytes)
    }

    fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskFailure> {
        let _writing = lock(&self.writing);
        let files: Vec<_> = files.iter().collect();
        let write = |share: &[(&String, &Vec<u8>)]| share.iter().try_for_each(|(path, bytes)| self.put(path, bytes));
        std::thread::scope(|scope| {
            let shares = files.chunks(files.len().div_ceil(WRITERS_MOST).max(1));
            let shares: Vec<_> = shares.map(|share| scope.spawn(move || write(share))).collect();
            shares.into_iter().try_for_each(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        let (parts, name) = split(path)?;
        let _writing = lock(&self.writing);
        let Some(folder) = self.folder(&parts)? else { return Ok(()) };
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => fsync(&folder).map_err(failure),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failure(errno)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        let parts = if folder.is_empty() { Vec::new() } else { parts(folder)? };
        let Some(folder) = self.folder(&parts)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if entry.file_type() == FileType::RegularFile && is_part(name) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The folders of a path and the name at its end.
fn split(path: &str) -> Result<(Vec<&str>, &str), DiskFailure> {
    let mut parts = parts(path)?;
    let name = parts.pop().ok_or(DiskFailure::BadPath)?;
    Ok((parts, name))
}

fn parts(path: &str) -> Result<Vec<&str>, DiskFailure> {
    let parts: Vec<_> = path.split('/').collect();
    let fine = parts.len() <= PARTS_MOST && parts.iter().all(|part| is_part(part));
    if fine { Ok(parts) } else { Err(DiskFailure::BadPath) }
}

/// A leading dot is for files that are being written.
fn is_part(part: &str) -> bool {
    (1..=PART_MOST_BYTES).contains(&part.len())
        && !part.starts_with('.')
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn io_failure(error: &std::io::Error) -> DiskFailure {
    error.raw_os_error().map_or(DiskFailure::Broken, |code| failure(Errno::from_raw_os_error(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn disk() -> (tempfile::TempDir, RealDisk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(folder.path()).unwrap();
        (folder, disk)
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_private() {
        let (folder, disk) = disk();
        assert_eq!(disk.read("ledger/keys/acme/2026-03-02"), Ok(None));
        disk.write("ledger/keys/acme/2026-03-02", b"first, and longer").unwrap();
        disk.write("ledger/keys/acme/2026-03-02", b"second").unwrap();
        assert_eq!(disk.read("ledger/keys/acme/2026-03-02"), Ok(Some(b"second".to_vec())));
        let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("ledger/keys"), mode("ledger/keys/acme/2026-03-02")), (0o700, 0o600));
        assert_eq!(disk.list("ledger/keys/acme"), Ok(vec!["2026-03-02".to_owned()]));
        disk.remove("ledger/keys/acme/2026-03-02").unwrap();
        disk.remove("ledger/keys/acme/2026-03-02").unwrap();
        assert_eq!(disk.list("ledger/keys/acme"), Ok(Vec::new()));
        assert_eq!(disk.list("nowhere"), Ok(Vec::new()));
    }

    #[test]
    fn many_files_stand_whole_and_a_bad_one_is_told() {
        let (folder, disk) = disk();
        let mut files: BTreeMap<String, Vec<u8>> =
            (0..100_u8).map(|n| (format!("keys/client-{}/{n}", n % 40), vec![n; 80])).collect();
        for _ in 0..2 {
            disk.write_all(&files).unwrap();
            for (path, bytes) in &files {
                assert_eq!(disk.read(path).as_ref(), Ok(&Some(bytes.clone())), "{path}");
            }
        }
        disk.write_all(&BTreeMap::new()).unwrap();
        symlink("/etc", folder.path().join("link")).unwrap();
        files.insert("link/passwd".to_owned(), b"x".to_vec());
        assert!(disk.write_all(&files).is_err());
    }

    #[test]
    fn what_a_crash_left_half_written_is_neither_listed_nor_in_the_way() {
        let (folder, disk) = disk();
        disk.write("a", b"old").unwrap();
        symlink("/etc/passwd", folder.path().join(".a.new")).unwrap();
        assert_eq!(disk.read("a"), Ok(Some(b"old".to_vec())));
        disk.write("a", b"new").unwrap();
        assert_eq!(disk.read("a"), Ok(Some(b"new".to_vec())));
        assert!(!folder.path().join(".a.new").exists());
    }

    #[test]
    fn paths_stay_below_the_folder() {
        let (_folder, disk) = disk();
        for bad in
            ["", "/etc/passwd", "..", "../a", "a/../b", "a//b", "a/", ".hidden", "a\0b", "ä", "a b", &"a".repeat(201)]
        {
            assert_eq!(disk.read(bad), Err(DiskFailure::BadPath), "{bad:?}");
            assert_eq!(disk.write(bad, b""), Err(DiskFailure::BadPath), "{bad:?}");
            assert_eq!(disk.remove(bad), Err(DiskFailure::BadPath), "{bad:?}");
        }
    }

    #[test]
    fn links_and_what_is_no_file_are_refused() {
        let (folder, disk) = disk();
        symlink("/etc/passwd", folder.path().join("link")).unwrap();
        symlink("/etc", folder.path().join("etc")).unwrap();
        disk.write("folder/file", b"").unwrap();
        assert_eq!(disk.read("link"), Err(DiskFailure::BadPath));
        assert_eq!(disk.read("etc/passwd"), Err(DiskFailure::BadPath));
        assert_eq!(disk.read("folder"), Err(DiskFailure::BadPath));
        assert!(disk.write("etc/passwd", b"").is_err());
    }
}
