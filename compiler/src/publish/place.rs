//! Puts files in place: whole, and never through a link that somebody planted.
//!
//! Whoever commits can make a link of any name in a work tree: of a file, of a folder above it, of the name that is written
//! first. So nothing is followed below the top of a repository. Only where the command line names the very file that it wants
//! does a link lead to the one that is meant.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::opened::is_repository;
use crate::error::Error;

/// Puts a whole file where a source has it, or below a folder that the command line names.
///
/// # Errors
/// When the file or a folder of its repository above it is a link, or it cannot be written; then the old one stands.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    refuse_links(path)?;
    whole(path, bytes)
}

/// Puts a file where the command line says that it wants it. A link leads to the file that is meant; a device or a pipe is
/// written to and stays what it is.
///
/// # Errors
/// When it cannot be written; then the old one stands.
pub fn put_named(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    match path.canonicalize() {
        Ok(meant) if meant.is_file() => whole(&meant, bytes),
        Ok(other) => {
            let opened = OpenOptions::new().write(true).open(other);
            opened.and_then(|mut other| other.write_all(bytes)).map_err(|e| tried(path, e))
        }
        Err(_) => whole(path, bytes),
    }
}

/// Puts a file where nothing is yet, which its owner alone can read.
///
/// # Errors
/// When something is there, a link too, or it cannot be written; then there is none.
pub fn put_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| tried(path, e))?;
    fill(&mut file, None, bytes).map_err(|e| {
        take_back(path);
        tried(path, e)
    })
}

/// Removes a file that was put where nothing was, because what it tells of did not come to be.
pub fn take_back(path: &Path) {
    drop(std::fs::remove_file(path));
}

/// Refuses a place that a link of its repository leads away from. A link that leads to the repository itself is the user's own.
///
/// # Errors
/// When there is one.
pub fn refuse_links(path: &Path) -> Result<(), Error> {
    let path = std::path::absolute(path).map_err(|e| tried(path, e))?;
    let is_link = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    let is_planted = |one: &Path| is_link(one) && one.ancestors().skip(1).any(is_repository);
    // Nor is the file itself one, wherever it is: what is written is a file, not what a link leads to.
    let first = is_link(&path).then_some(path.as_path());
    match first.or_else(|| path.ancestors().find(|one| is_planted(one))) {
        None => Ok(()),
        Some(link) => Err(Error::input(format!(
            "{} is a link, and nothing is written through one: remove it, or name the place that it leads to if that is meant; \
             nothing was written",
            link.display()
        ))),
    }
}

/// Writes into a new file beside the old one, which then takes its place.
fn whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let tried = |e| tried(path, e);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(tried)?;
    let beside = beside(path);
    // What a call that was cut off left there, or a link that somebody planted; of neither is anything opened.
    match std::fs::remove_file(&beside) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(tried(e)),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&beside).map_err(tried)?;
    let was = path.metadata().ok().filter(std::fs::Metadata::is_file).map(|old| old.permissions());
    // What a full disk took half of is in nobody's way afterwards.
    fill(&mut file, was, bytes).and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
        drop(std::fs::remove_file(&beside));
        tried(e)
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(tried)
}

fn fill(file: &mut File, permissions: Option<Permissions>, bytes: &[u8]) -> io::Result<()> {
    permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    beside.into()
}

fn tried(path: &Path, error: io::Error) -> Error {
    Error::io(format!("write {}", path.display()), error)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what stood there before")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_private_takes_no_place_and_is_for_its_owner() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt");
        put_private(&path, b"first").unwrap();
        assert!(put_private(&path, b"second").is_err());
        assert_eq!(
            (std::fs::read(&path).unwrap(), path.metadata().unwrap().mode() & 0o777),
            (b"first".to_vec(), 0o600)
        );
        let (link, to) = (folder.path().join("link"), folder.path().join("to"));
        symlink(&to, &link).unwrap();
        assert!(put_private(&link, b"text").is_err() && !to.exists());
        take_back(&path);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_could_not_be_written_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("by a folder")).unwrap();
        assert!(put(&path, b"text").is_err());
        assert!(!folder.path().join("taken.new").exists());
    }

    #[test]
    fn what_the_command_line_names_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        put_named(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink(), "the link stays one");
        put_named(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!Path::new("/dev/null").is_file(), "a device is not replaced by a file");
        assert!(put_named(Path::new("/dev/full"), b"gone").unwrap_err().to_string().contains("/dev/full"));
        assert!(put_named(folder.path(), b"gone").is_err());
    }

    #[test]
    fn nothing_is_written_through_a_link_that_somebody_planted() {
        let home = tempfile::tempdir().unwrap();
        let (repo, victims) = (home.path().join("repo"), home.path().join("victims"));
        std::fs::create_dir_all(repo.join(".git")).unwrap();
        std::fs::create_dir_all(repo.join("trust/root")).unwrap();
        // One that is a repository itself is a victim like the others.
        std::fs::create_dir_all(victims.join(".git")).unwrap();
        let victim = victims.join("file");
        std::fs::write(&victim, "theirs").unwrap();
        symlink(&victim, repo.join("trust/root/1.toml.alice.sig")).unwrap();
        symlink(victims.join("not there"), repo.join("trust/root/2.toml")).unwrap();
        symlink(&victims, repo.join("clients")).unwrap();
        symlink(&repo, home.path().join("mine")).unwrap();
        for place in
            ["trust/root/1.toml.alice.sig", "trust/root/2.toml", "clients/file", "clients/../file", "clients/a/b"]
        {
            let refused = put(&repo.join(place), b"ours").unwrap_err().to_string();
            assert!(refused.contains("is a link"), "{place}: {refused}");
            assert!(put(&home.path().join("mine").join(place), b"ours").is_err(), "{place}");
        }
        let names = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
        assert_eq!((std::fs::read(&victim).unwrap().as_slice(), names(&victims)), (&b"theirs"[..], 2));
        // The name that is written first, and a left-over of that name.
        symlink(&victim, repo.join("trust/root/3.toml.new")).unwrap();
        put(&home.path().join("mine/trust/root/3.toml"), b"ours").unwrap();
        std::fs::write(repo.join("trust/root/3.toml.new"), "half").unwrap();
        put(&repo.join("trust/root/3.toml"), b"ours").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
        assert_eq!(std::fs::read(repo.join("trust/root/3.toml")).unwrap(), b"ours");
        assert!(repo.join("trust/root/3.toml.new").symlink_metadata().is_err());
    }
}
