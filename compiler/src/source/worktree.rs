//! Reads a work tree while it is being edited. Never for a release: what counts is a commit.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use assent_schema::finding::Findings;

use crate::error::Error;

use super::limits::{DEPTH_MOST, FILE_MOST_BYTES, FILES_MOST};
use super::text::{bad_name, shown};
use super::{Collector, Source};

/// The folders and the file of a source; nothing else of a work tree is looked at.
const ROOTS: [&str; 5] = ["assent.toml", "catalog", "clients", "library", "trust"];

/// Reads the files of a work tree that the compiler compiles; what it will not read is a finding.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn read_worktree(root: &Path) -> Result<(Source, Findings), Error> {
    let mut paths = Vec::new();
    let mut collector = Collector::new();
    for name in ROOTS {
        match fs::symlink_metadata(root.join(name)) {
            Ok(meta) => visit(root, name.to_owned(), &meta, 0, &mut paths, &mut collector)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(format!("read {name}"), e)),
        }
    }
    paths.sort();
    for path in paths {
        if let Some(reading) = collector.begin(&path) {
            let bytes = read(&root.join(&path)).map_err(|e| Error::io(format!("read {path}"), e))?;
            if collector.admit(&reading, bytes.len()) {
                collector.take(reading, &bytes);
            }
        }
    }
    Ok(collector.finish(None))
}

fn visit(
    root: &Path,
    path: String,
    meta: &fs::Metadata,
    depth: usize,
    paths: &mut Vec<String>,
    collector: &mut Collector,
) -> Result<(), Error> {
    if meta.is_file() {
        paths.push(path);
        return Ok(());
    }
    if !meta.is_dir() || depth > DEPTH_MOST || paths.len() >= FILES_MOST {
        collector.refuse(&path, "The work tree holds a link, a device or a folder that is too deep.".into());
        return Ok(());
    }
    let failed = |e| Error::io(format!("list {path}"), e);
    for item in fs::read_dir(root.join(&path)).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name();
        let bytes = name.as_encoded_bytes();
        match name.to_str().filter(|name| bad_name(name).is_none()) {
            Some(name) => {
                let meta = fs::symlink_metadata(item.path()).map_err(failed)?;
                visit(root, format!("{path}/{name}"), &meta, depth.saturating_add(1), paths, collector)?;
            }
            None => collector.refuse(&format!("{path}/{}", shown(bytes)), "The name cannot be one of ours.".into()),
        }
    }
    Ok(())
}

/// Reads one file at the root of a work tree, as all others are read; nothing where there is none.
///
/// # Errors
/// When it is a link or a device, too large, or cannot be read.
pub fn read_worktree_file(root: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let failed = |e| Error::io(format!("read {name}"), e);
    match fs::symlink_metadata(root.join(name)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(e)),
        Ok(meta) if !meta.is_file() => Err(Error::input(format!("{name} is a link, a folder or a device"))),
        Ok(_) => match read(&root.join(name)).map_err(failed)? {
            bytes if bytes.len() > FILE_MOST_BYTES => {
                Err(Error::input(format!("{name} is larger than {FILE_MOST_BYTES} bytes")))
            }
            bytes => Ok(Some(bytes)),
        },
    }
}

/// Reads a file up to one byte more than the limit, so that a file that grows meanwhile does no harm.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(FILE_MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_lock_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let read = || read_worktree_file(folder.path(), "clients.lock").map_err(|e| e.to_string());
        assert_eq!(read(), Ok(None));
        // Reading it would have no end.
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("clients.lock")).unwrap();
        assert!(read().unwrap_err().contains("is a link"));
    }
}
