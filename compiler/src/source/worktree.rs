//! Reads a work tree while it is being edited. Never for a release: what counts is a commit.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use assent_schema::finding::Findings;
use git2::Repository;

use crate::error::Error;

use super::limits::{DEPTH_MOST, FILE_MOST_BYTES, FILES_MOST, TREE_FILE_MOST_BYTES};
use super::text::{bad_name, named, shown};
use super::{Collector, Source, advice};

/// The folders and the file of a source; nothing else of a work tree is compiled.
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
        } else {
            beside(root, &path, &mut collector)?;
        }
    }
    Ok(collector.finish(None))
}

/// Looks for secrets in the files of a work tree beside the source that git keeps or would take: those that it ignores are in no
/// commit.
///
/// # Errors
/// When the index, a folder or a file cannot be read.
pub fn look_beside(root: &Path, repository: &Repository) -> Result<(Source, Findings), Error> {
    let index = repository.index().map_err(|e| Error::git("read the index", e))?;
    let kept = index.iter().filter_map(|entry| String::from_utf8(entry.path).ok());
    let mut paths: BTreeSet<String> = kept.filter(|path| root.join(path).symlink_metadata().is_ok()).collect();
    let mut collector = Collector::new();
    list_beside(root, "", repository, 0, &mut paths, &mut collector)?;
    for path in paths.iter().filter(|path| !is_ours(path)) {
        // The name is looked at as in a commit.
        if collector.begin(path).is_none() {
            beside(root, path, &mut collector)?;
        }
    }
    Ok(collector.finish(None))
}

fn is_ours(path: &str) -> bool {
    ROOTS.contains(&path.split('/').next().unwrap_or_default())
}

/// The files of a folder that git does not ignore. What is no plain file holds no text; a commit with it is refused.
fn list_beside(
    root: &Path,
    folder: &str,
    repository: &Repository,
    depth: usize,
    paths: &mut BTreeSet<String>,
    collector: &mut Collector,
) -> Result<(), Error> {
    let failed = |e| Error::io(format!("list {}", root.join(folder).display()), e);
    if depth > DEPTH_MOST || paths.len() >= FILES_MOST {
        let what = "The work tree is too deep here, or has more files than the compiler reads, so not all of it is looked \
                    through for secrets.";
        collector.refuse(folder, what.to_owned(), advice::TOO_DEEP);
        return Ok(());
    }
    for item in fs::read_dir(root.join(folder)).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name();
        let Some(name) = name.to_str() else {
            let name = shown(name.as_encoded_bytes());
            collector.refuse(&format!("{folder}{name}"), "The name is not UTF-8.".into(), advice::NOT_UTF8);
            continue;
        };
        let path = format!("{folder}{name}");
        let is_ignored = || repository.is_path_ignored(&path).unwrap_or(false);
        if name == ".git" || is_ours(&path) || is_ignored() {
            continue;
        }
        let kind = item.file_type().map_err(failed)?;
        if kind.is_dir() && !root.join(&path).join(".git").exists() {
            list_beside(root, &format!("{path}/"), repository, depth.saturating_add(1), paths, collector)?;
        } else if kind.is_file() {
            paths.insert(path);
        }
    }
    Ok(())
}

/// Looks through one file beside the source.
fn beside(root: &Path, path: &str, collector: &mut Collector) -> Result<(), Error> {
    let failed = |e| Error::io(format!("read {path}"), e);
    let Some(reading) = Collector::begin_beside(path) else { return Ok(()) };
    let meta = fs::symlink_metadata(root.join(path)).map_err(failed)?;
    let size = usize::try_from(meta.len()).unwrap_or(usize::MAX);
    if meta.is_file() && collector.admit_one_beside(&reading, size) {
        let bytes = read_most(&root.join(path), TREE_FILE_MOST_BYTES).map_err(failed)?;
        collector.take_beside(reading, &bytes);
    }
    Ok(())
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
        let what = "The work tree holds a link, a device or a folder that is too deep.";
        collector.refuse(&path, what.into(), if meta.is_dir() { advice::TOO_DEEP } else { advice::NOT_PLAIN });
        return Ok(());
    }
    let failed = |e| Error::io(format!("list {path}"), e);
    for item in fs::read_dir(root.join(&path)).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name();
        let bytes = name.as_encoded_bytes();
        let bad = name.to_str().map_or(Some(("", advice::NOT_UTF8)), bad_name);
        if let Some((_, help)) = bad {
            let path = format!("{path}/{}", named(bytes));
            collector.refuse(&path, "The name cannot be one of ours.".into(), help);
            continue;
        }
        let meta = fs::symlink_metadata(item.path()).map_err(failed)?;
        visit(root, format!("{path}/{}", named(bytes)), &meta, depth.saturating_add(1), paths, collector)?;
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
    read_most(path, FILE_MOST_BYTES.saturating_add(1))
}

fn read_most(path: &Path, most_bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(most_bytes).unwrap_or(u64::MAX);
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
