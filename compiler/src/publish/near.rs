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
}
