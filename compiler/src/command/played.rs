//! What people do, done by a program: command lines, and commits with a signature. For the demo and for practice.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use assent_schema::time::Moment;
use assent_schema::trust::Namespace;
use git2::{IndexAddOption, Repository, Signature, Time};

use super::{Outcome, Outside};
use crate::error::Error;
use crate::publish::branch;
use crate::publish::hand::Hand;

/// The branch that commits go to.
pub(super) const BRANCH: &str = "main";

/// Who makes a commit, with the key that signs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// The mail address.
    pub(super) email: &'a str,
    /// The file of the private key.
    pub(super) key: &'a Path,
    /// When.
    pub(super) at: Moment,
}

/// Commits some paths of the work tree to [`BRANCH`]; `:!folder` leaves one out.
///
/// # Errors
/// When git refuses, or the key cannot be read.
pub(super) fn commit(repository: &Repository, author: &Author<'_>, message: &str, paths: &[&str]) -> Result<(), Error> {
    let tried = |e| Error::git(format!("commit «{message}»"), e);
    let mut index = repository.index().map_err(tried)?;
    let left_out: Vec<&str> = paths.iter().filter_map(|path| path.strip_prefix(":!")).collect();
    let skip = |path: &Path, _: &[u8]| i32::from(left_out.iter().any(|folder| path.starts_with(folder)));
    let wanted: Vec<&str> = paths.iter().copied().filter(|path| !path.starts_with(":!")).collect();
    index.add_all(&wanted, IndexAddOption::DEFAULT, Some(&mut { skip })).map_err(tried)?;
    index.update_all(&wanted, None).map_err(tried)?;
    index.write().map_err(tried)?;
    let tree = index.write_tree().and_then(|id| repository.find_tree(id)).map_err(tried)?;
    let who = Signature::new(author.name, author.email, &Time::new(author.at.seconds(), 0)).map_err(tried)?;
    let parent = branch::tip(repository, BRANCH)?.map(|id| repository.find_commit(id)).transpose().map_err(tried)?;
    let parents: Vec<_> = parent.iter().collect();
    let buffer = repository.commit_create_buffer(&who, &who, message, &tree, &parents).map_err(tried)?;
    let signature = Hand::read(author.key)?.sign(Namespace::Git, &buffer)?;
    let text = std::str::from_utf8(&buffer).map_err(|e| Error::internal("write a commit", e.to_string()))?;
    let id = repository.commit_signed(text, signature.trim_end(), None).map_err(tried)?;
    repository.reference(&format!("refs/heads/{BRANCH}"), id, true, message).map(drop).map_err(tried)
}

/// Runs one `assent` command line at an instant, with no environment; what came of it and what it printed.
///
/// # Errors
/// When the command fails.
pub(super) fn perform(arguments: Vec<OsString>, now: Moment) -> Result<(Outcome, String), Error> {
    let outside = Outside { now, variables: BTreeMap::new(), stdout_is_terminal: false, stderr_is_terminal: false };
    let line = std::iter::once("assent".into()).chain(arguments);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = super::perform(line, outside, &mut out, &mut err)?;
    Ok((outcome, String::from_utf8_lossy(&out).into_owned()))
}
