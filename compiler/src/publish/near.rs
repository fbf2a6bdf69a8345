//! Branches in from a repository in a folder of this machine: its objects are read and packed here, and nothing is started.
//!
//! Each branch stands for itself: one that is no commit, or of which something is missing, keeps no other from coming.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::opened::open_exactly;
use super::spec::{HEADS, Spec, Spoilt};
use crate::error::Error;

/// The most files of one folder of references, and the deepest of their folders, that are looked at for broken ones.
const REFERENCES_MOST: usize = 100_000;
const DEPTH_MOST: usize = 16;

/// The folder that a URL or path of a remote leads to.
pub(super) fn folder_of(url: &str) -> PathBuf {
    let Some(rest) = url.strip_prefix("file://") else { return url.into() };
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    PathBuf::from(percent_decoded(rest))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [a, b, ..]) => std::str::from_utf8(&[*a, *b]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names of the branches there.
pub(super) fn names(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let tried = |e| Error::git(format!("list the branches of {}", folder.display()), e);
    let other = open_exactly(folder)?;
    let all = other.references_glob(&format!("{HEADS}*")).map_err(tried)?;
    let name = |reference: git2::Reference<'_>| Some(reference.name().ok()?.strip_prefix(HEADS)?.to_owned());
    Ok(all.flatten().filter_map(name).collect())
}

/// The references below `refs/heads/` whose file holds neither a digest nor where another one stands: libgit2 lists none of them
/// and says nothing, git itself ends with an error.
fn broken(other: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![(other.commondir().join(HEADS), HEADS.to_owned(), 0)];
    while let Some((folder, name, depth)) = folders.pop() {
        // What cannot be read here is what libgit2 could not read either: it said so.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().take(REFERENCES_MOST) {
            let Some(last) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let name = format!("{name}{last}");
            if kind.is_dir() && depth < DEPTH_MOST {
                folders.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() && git2::Reference::is_valid_name(&name) && !is_lock(&entry.path()) {
                // One that is there and can be found was whole, or is by now.
                let is_lost = other.find_reference(&name).is_err() && entry.path().exists();
                found.extend(is_lost.then_some(name));
            }
        }
    }
    found
}

/// Whether a file is one that git holds while it writes a reference.
fn is_lock(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "lock")
}

/// A branch that is to come.
struct Wanted {
    /// What it is called here.
    into: String,
    tip: Oid,
}

/// Fetches by refspecs; says which branches could not be taken.
pub(super) fn fetch(repository: &Repository, folder: &Path, specs: &[Spec]) -> Result<Vec<Spoilt>, Error> {
    let tried = |e| Error::git(format!("fetch from {}", folder.display()), e);
    let other = open_exactly(folder)?;
    let (mut wanted, mut spoilt) = (Vec::new(), Vec::new());
    for name in broken(&other) {
        let into = specs.iter().find_map(|spec| spec.leads(&name));
        spoilt.extend(into.map(|into| Spoilt::no_commit(&into)));
    }
    for reference in other.references().map_err(tried)?.flatten() {
        let Ok(name) = reference.name() else { continue };
        let Some(into) = specs.iter().find_map(|spec| spec.leads(name)) else { continue };
        let tip = reference.resolve().ok().and_then(|reference| reference.target());
        match tip.filter(|tip| other.find_commit(*tip).is_ok()) {
            Some(tip) if repository.refname_to_id(&into).ok() == Some(tip) => {}
            Some(tip) => wanted.push(Wanted { into, tip }),
            None => spoilt.push(Spoilt::no_commit(&into)),
        }
    }
    // One pack for all; or one for each where something is missing of one.
    let all: Vec<Oid> = wanted.iter().map(|one| one.tip).collect();
    let together = copy(repository, &other, &all).is_ok();
    for Wanted { into, tip } in wanted {
        let copied = if together { Ok(()) } else { copy(repository, &other, &[tip]) };
        let moved = copied.and_then(|()| repository.reference(&into, tip, true, "fetch").map(drop));
        if let Err(error) = moved {
            spoilt.push(Spoilt::of(&into, format!("could not be taken: {}", error.message())));
        }
    }
    spoilt.sort_by(|a: &Spoilt, b| a.branch.cmp(&b.branch));
    Ok(spoilt)
}

/// Copies what commits lead to and is not here.
fn copy(repository: &Repository, other: &Repository, tips: &[Oid]) -> Result<(), git2::Error> {
    let mut walk = other.revwalk()?;
    for tip in tips {
        walk.push(*tip)?;
    }
    // What a reference here leads to is here with all that it rests on.
    for reference in repository.references()?.flatten() {
        if let Some(here) = reference.target().filter(|here| other.find_commit(*here).is_ok()) {
            walk.hide(here)?;
        }
    }
    let mut builder = other.packbuilder()?;
    builder.insert_walk(&mut walk)?;
    if builder.object_count() == 0 {
        return Ok(());
    }
    let database = repository.odb()?;
    let mut pack = database.packwriter()?;
    builder.foreach(|bytes| pack.write_all(bytes).is_ok())?;
    pack.commit().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_file_is_its_folder() {
        for (url, folder) in [
            ("/srv/a b.git", "/srv/a b.git"),
            ("file:///srv/a%20b.git", "/srv/a b.git"),
            ("file://localhost/srv/a.git", "/srv/a.git"),
            ("file:///srv/100%.git", "/srv/100%.git"),
            ("../agency.git", "../agency.git"),
        ] {
            assert_eq!(folder_of(url), Path::new(folder), "{url}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test breaks a reference as a disk does")]
    fn a_branch_that_is_broken_there_is_told_and_keeps_no_other_from_coming() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [here, there] = folders.each_ref().map(|folder| Repository::init_bare(folder.path()).unwrap());
        let who = git2::Signature::new("a", "a@example.com", &git2::Time::new(1_800_000_000, 0)).unwrap();
        let tree = there.find_tree(there.treebuilder(None).unwrap().write().unwrap()).unwrap();
        there.commit(Some("refs/heads/release/staging/eu"), &who, &who, "one", &tree, &[]).unwrap();
        for (name, text) in [("us", "no digest"), ("apac", "")] {
            std::fs::write(there.path().join("refs/heads/release/staging").join(name), text).unwrap();
        }
        // One that is being written is nobody's mistake, and neither is one that nobody asked for.
        std::fs::write(there.path().join("refs/heads/release/staging/eu.lock"), "").unwrap();
        std::fs::write(there.path().join("refs/heads/main"), "no digest").unwrap();
        let spec = Spec::parse("+refs/heads/release/*:refs/heads/release/*").unwrap();
        let spoilt = fetch(&here, there.path(), &[spec]).unwrap();
        assert!(here.refname_to_id("refs/heads/release/staging/eu").is_ok());
        let named: Vec<&str> = spoilt.iter().map(|one| one.branch.as_str()).collect();
        assert_eq!(named, ["release/staging/apac", "release/staging/us"]);
        assert!(spoilt.iter().all(|one| one.why.starts_with("is no commit")), "{spoilt:?}");
    }
}
