//! What of a repository is looked at before libgit2 reads any of it: objects that break off, at which it would not end, and grafts, by
//! which commits have other parents than they have.
//!
//! # Source
//! language.md section 1, "Which repositories are read"; gitrepository-layout(5) for `info/grafts` and `info/alternates`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use assent_schema::loose::{Inflater, MOST_BYTES, folders, names_object};

use crate::error::Error;

/// The largest list of grafts or alternates, in bytes.
const LIST_MOST_BYTES: u64 = 1 << 20;

/// Looks at a repository by the folder that holds its objects and references.
///
/// # Errors
/// When it has grafts, an object breaks off, those that are not packed come to too much, or something cannot be looked at.
pub fn look_at(common: &Path) -> Result<(), Error> {
    let tried = |error| Error::io(format!("look at the objects of the repository {}", common.display()), error);
    if said(&common.join("info/grafts")).map_err(tried)?.lines().any(is_said) {
        let what = "the repository's `info/grafts` gives commits other parents than they have; remove that file first";
        return Err(Error::input(what));
    }
    let (mut left, mut inflater) = (MOST_BYTES, Inflater::default());
    for objects in lenders(&common.join("objects")).map_err(tried)? {
        for file in files(&objects).map_err(tried)? {
            match size(&file, left, &mut inflater) {
                Ok(Some(size)) if size < left => left = left.saturating_sub(size),
                Ok(Some(_)) => return Err(too_much(common)),
                Ok(None) => return Err(breaks_off(&file)),
                // Somebody packs meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(tried(error)),
            }
        }
    }
    Ok(())
}

fn too_much(common: &Path) -> Error {
    Error::input(format!(
        "the repository {} holds more than a gigabyte in objects that are not packed: run `git gc` there first",
        common.display()
    ))
}

fn breaks_off(file: &Path) -> Error {
    Error::input(format!(
        "{} is an object of git that breaks off, as a power cut or a full disk leaves them, and none is read before that is mended: \
         `git fsck` names it. Where a remote has it, move that file away and run `git fetch --refetch`",
        file.display()
    ))
}

fn is_said(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#')
}

/// A small text that may not be there; never a pipe, at which a reader waits, and no more of it than it may be.
fn said(file: &Path) -> io::Result<String> {
    match file.metadata() {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(io::Error::new(ErrorKind::InvalidInput, format!("{} is no plain file", file.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    }
    let mut text = String::new();
    File::open(file)?.take(LIST_MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// A folder of objects and those that it borrows from, each once, whoever borrows of whom and however far: git stops after a few, and
/// what it may reach by a shorter way is among them.
fn lenders(objects: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let (mut all, mut next) = (BTreeSet::new(), vec![objects.to_owned()]);
    while let Some(objects) = next.pop() {
        let objects = match objects.canonicalize() {
            Ok(objects) => objects,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if all.insert(objects.clone()) {
            let others = said(&objects.join("info/alternates"))?;
            next.extend(others.lines().filter(|line| is_said(line)).map(|other| objects.join(other)));
        }
    }
    Ok(all)
}

fn size(file: &Path, most: u64, inflater: &mut Inflater) -> io::Result<Option<u64>> {
    if std::fs::symlink_metadata(file)?.is_file() { inflater.size(File::open(file)?, most) } else { Ok(None) }
}

fn files(objects: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders().map(|name| objects.join(name)).filter(|folder| folder.is_dir()) {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            found.extend(entry.file_name().to_str().is_some_and(names_object).then(|| entry.path()));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test writes what stands on disk")]
mod tests {
    use super::*;

    #[test]
    fn what_is_borrowed_is_looked_at_as_well() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (objects, lent) = (here.path().join("objects/info"), there.path().join("00"));
        for folder in [&objects, &lent] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let own = here.path().join("objects");
        let lines = [there.path(), &own, &own, &own, &own, &own, &own, &own].map(|path| path.to_str().unwrap());
        std::fs::write(objects.join("alternates"), lines.join("\n")).unwrap();
        assert_eq!(lenders(&own).unwrap().len(), 2, "who borrows of itself is looked at once");
        look_at(here.path()).unwrap();
        std::fs::write(lent.join("0a".repeat(19)), "x").unwrap();
        assert!(look_at(here.path()).unwrap_err().to_string().contains("breaks off"));
    }
}
