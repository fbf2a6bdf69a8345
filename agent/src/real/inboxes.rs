//! Folders that other systems fill, below one root that `agent.toml` names. Links are never followed.

use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, fsync, mkdirat, openat, renameat, statat};
use rustix::io::Errno;

use super::plain::{self, FOLDER, failure};
use crate::world::{DiskFailure, Inboxes, Seen};

/// The root of all inboxes.
pub struct RealInboxes(OwnedFd);

impl RealInboxes {
    /// Opens the root, which must be there.
    ///
    /// # Errors
    /// [`DiskFailure`] when it is no folder or cannot be opened.
    pub fn open(root: &Path) -> Result<Self, DiskFailure> {
        plain::root(root).map(Self)
    }

    fn folder(&self, path: &str) -> Result<Option<OwnedFd>, DiskFailure> {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(DiskFailure::BadPath);
        }
        plain::folder(&self.0, path.split('/'))
    }
}

impl Inboxes for RealInboxes {
    fn shown(&self, folder: &str, most: usize) -> Result<Option<Vec<Seen>>, DiskFailure> {
        let Some(folder) = self.folder(folder)? else { return Ok(None) };
        let mut shown = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            // A name that is no text matches no pattern.
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') || shown.len() >= most {
                continue;
            }
            shown.extend(seen(&folder, name)?);
        }
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(shown))
    }

    fn file(&self, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, DiskFailure> {
        let Some(folder) = self.folder(folder)? else { return Ok(None) };
        let Some((file, _)) = plain::file(&folder, name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).or(Err(DiskFailure::Broken))?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    fn set_aside(&self, folder: &str, seen: &Seen, into: &str, mark: &str) -> Result<(), DiskFailure> {
        let Some(folder) = self.folder(folder)? else { return Err(DiskFailure::BadPath) };
        let name = seen.name.as_str();
        if self::seen(&folder, name)?.as_ref() != Some(seen) {
            return Ok(());
        }
        match mkdirat(&folder, into, Mode::RWXU | Mode::RGRP | Mode::XGRP) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failure(errno)),
        }
        let target = openat(&folder, into, FOLDER, Mode::empty()).map_err(failure)?;
        let marked = format!("{name}.{mark}");
        let name_there = match statat(&target, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => name,
            Ok(_) => &marked,
            Err(errno) => return Err(failure(errno)),
        };
        match renameat(&folder, name, &target, name_there) {
            // Somebody else took it away meanwhile: it is not here, which is all that was asked.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failure(errno)),
        }
        fsync(&target).map_err(failure)?;
        fsync(&folder).map_err(failure)
    }
}

/// A file as its folder shows it; nothing where there is none, or something else.
fn seen(folder: &impl AsFd, name: &str) -> Result<Option<Seen>, DiskFailure> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
            let changed = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanos);
            Ok(Some(Seen { name: name.to_owned(), size, changed }))
        }
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(failure(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test writes what another system writes")]
    fn files_are_shown_read_and_set_aside_and_links_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("acme/orders");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.json"), b"{}").unwrap();
        std::fs::write(folder.join(".hidden"), b"{}").unwrap();
        std::fs::write(root.path().join("secret"), b"secret").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link.json")).unwrap();
        let inboxes = RealInboxes::open(root.path()).unwrap();
        let names = || {
            let shown = inboxes.shown("acme/orders", 10).unwrap().unwrap();
            shown.into_iter().map(|seen| seen.name).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["a.json"]);
        assert_eq!(inboxes.file("acme/orders", "a.json", 2), Ok(Some(b"{}".to_vec())));
        assert_eq!(inboxes.file("acme/orders", "a.json", 1), Ok(None));
        assert_eq!(inboxes.file("acme/orders", "link.json", 100), Err(DiskFailure::BadPath));
        assert_eq!(inboxes.shown("acme/none", 10), Ok(None));
        assert_eq!(inboxes.shown("acme/..", 10), Err(DiskFailure::BadPath));
        let shown = || inboxes.shown("acme/orders", 10).unwrap().unwrap().remove(0);
        let first = shown();
        inboxes.set_aside("acme/orders", &first, "accepted", "m").unwrap();
        assert!(names().is_empty());
        std::fs::write(folder.join("a.json"), b"[]").unwrap();
        let second = shown();
        inboxes.set_aside("acme/orders", &second, "accepted", "m").unwrap();
        assert!(folder.join("accepted/a.json").exists() && folder.join("accepted/a.json.m").exists());
        // Nobody looked at what was written in its place.
        std::fs::write(folder.join("a.json"), b"[1]").unwrap();
        inboxes.set_aside("acme/orders", &second, "accepted", "m").unwrap();
        assert_eq!(names(), ["a.json"]);
        std::fs::remove_file(folder.join("a.json")).unwrap();
        // Gone already, as after a stop between the move and the next look.
        inboxes.set_aside("acme/orders", &second, "accepted", "m").unwrap();
    }
}
