//! `clients.lock`: clients whose folders live in repositories of their own, so that only their teams can read them.
//!
//! # Source
//! trust.md section 2, "Teams". Promise P09.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::ClientId;
use git2::{ErrorCode, Odb, Oid, Repository, Tree};
use serde::{Deserialize, Serialize};

use super::commit::{Entry, read_beside, read_blob, walk_tree};
use super::limits::FILE_MOST_BYTES;
use super::{Collector, Scales, Source, tree_digest_of_commit};
use crate::error::Error;

/// The file at the root of the source.
pub const CLIENTS_LOCK: &str = "clients.lock";

/// Where a client's folder lives, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// From where those who may read it fetch it.
    pub repository: String,
    /// The commit, in full.
    pub commit: String,
    /// The SHA-256 of its tree.
    pub tree: Digest,
}

/// All pins, by client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The clients.
    #[serde(default)]
    pub clients: BTreeMap<ClientId, Pin>,
}

impl Pins {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not one; with the place.
    pub fn parse(bytes: &[u8]) -> Result<Self, (std::ops::Range<usize>, String)> {
        let text = std::str::from_utf8(bytes).or(Err((0..0, "is not UTF-8".to_owned())))?;
        let pins: Self = toml::from_str(text).map_err(|e| (e.span().unwrap_or(0..0), e.message().to_owned()))?;
        match pins.clients.iter().find(|(_, pin)| full(&pin.commit).is_none()) {
            Some((client, pin)) => {
                let place = text.find(pin.commit.as_str()).map(|start| start..start.saturating_add(pin.commit.len()));
                let what = format!("`{client}` is pinned to something else than a commit's whole id");
                Err((place.unwrap_or(0..0), what))
            }
            None => Ok(pins),
        }
    }

    /// The file.
    pub fn to_toml(&self) -> String {
        let mut text =
            "# Clients whose folders live in repositories of their own. Written by `assent trust pin`.\n".to_owned();
        for (client, Pin { repository, commit, tree }) in &self.clients {
            let repository = serde_json::Value::String(repository.clone());
            // Writing to a `String` cannot fail.
            let _written = write!(
                text,
                "\n[clients.{client}]\nrepository = {repository}\ncommit = \"{commit}\"\ntree = \"{tree}\"\n"
            );
        }
        text
    }
}

fn full(commit: &str) -> Option<Oid> {
    Oid::from_str(commit).ok().filter(|id| id.to_string() == commit)
}

/// The pinned clients of one source, as far as they are here.
#[derive(Clone, Debug, Default)]
pub(super) struct Pinned {
    /// The trees of those whose commit is in this repository, and is what was pinned.
    pub(super) trees: BTreeMap<ClientId, Oid>,
    /// All that are pinned, by the commit.
    pub(super) pins: BTreeMap<ClientId, Oid>,
    /// Those whose commit is not.
    pub(super) away: BTreeSet<ClientId>,
    /// What is wrong.
    pub(super) findings: Findings,
}

impl Pinned {
    /// Looks up what a lock pins. `present` are the clients that have a folder in the source itself.
    pub(super) fn of(repository: &Repository, lock: &[u8], present: &BTreeSet<&ClientId>) -> Result<Self, Error> {
        let mut found = Self::default();
        let pins = match Pins::parse(lock) {
            Ok(pins) => pins,
            Err((range, what)) => {
                let span = Span::new(&CLIENTS_LOCK.into(), range);
                found.findings.add(Code::Syntax, span, format!("`{CLIENTS_LOCK}` cannot be read: {what}."));
                return Ok(found);
            }
        };
        let text = String::from_utf8_lossy(lock);
        for (client, pin) in pins.clients {
            let heading = format!("[clients.{client}]");
            let start = text.find(&heading).unwrap_or(0);
            let span = Span::new(&CLIENTS_LOCK.into(), start..start.saturating_add(heading.len()).min(text.len()));
            if present.contains(&client) {
                let said = format!("`{client}` is pinned here and has a folder in `clients/` as well.");
                let help = format!("Take `clients/{client}` or its pin away.");
                found.findings.add_with_help(Code::DuplicateName, span, said, help);
                continue;
            }
            let Some(commit) = full(&pin.commit) else { continue };
            found.pins.insert(client.clone(), commit);
            let tree = match repository.find_commit(commit) {
                Err(e) if e.code() == ErrorCode::NotFound => {
                    found.away.insert(client);
                    continue;
                }
                found => found.map_err(|e| Error::git(format!("read the pinned commit {commit}"), e))?.tree_id(),
            };
            match tree_digest_of_commit(repository, commit) {
                Ok(digest) if digest == pin.tree => drop(found.trees.insert(client, tree)),
                Ok(digest) => {
                    let said = format!("The tree of commit {commit} of `{client}` is {digest}, not what is pinned.");
                    let help = format!(
                        "Nothing of `{client}` was looked at. Find out who changed the pin; `assent trust pin` writes both from \
                         what was fetched."
                    );
                    let tree = line_of(&text, start, "tree").map(|range| Span::new(&CLIENTS_LOCK.into(), range));
                    found.findings.add_with_help(Code::BadValue, tree.unwrap_or(span), said, help);
                }
                Err(why) => found.findings.add(Code::FileRefused, span, format!("`{client}` is not read: {why}.")),
            }
        }
        Ok(found)
    }
}

/// The line of a key below a heading.
fn line_of(text: &str, heading: usize, key: &str) -> Option<std::ops::Range<usize>> {
    let below = text.get(heading..)?;
    let at = below.find(&format!("\n{key} ="))?.saturating_add(1);
    let length = below.get(at..)?.lines().next()?.len();
    let start = heading.saturating_add(at);
    Some(start..start.saturating_add(length))
}

/// The lock of a tree; nothing where there is none, or none that could be one.
pub(super) fn lock_of(
    repository: &Repository,
    scales: &Scales,
    tree: &Tree<'_>,
) -> Result<Option<Vec<u8>>, git2::Error> {
    // Not searched for: a tree out of order would hide it.
    let Some(entry) = tree.iter().find(|entry| entry.name_bytes() == CLIENTS_LOCK.as_bytes()) else {
        return Ok(None);
    };
    if entry.kind() != Some(git2::ObjectType::Blob) {
        return Ok(None);
    }
    lock(&repository.odb()?, scales, entry.id())
}

/// The bytes of a lock; nothing where it is too large to be one.
pub(super) fn lock(odb: &Odb<'_>, scales: &Scales, blob: Oid) -> Result<Option<Vec<u8>>, git2::Error> {
    if scales.size(odb, blob)? > FILE_MOST_BYTES {
        return Ok(None);
    }
    Ok(Some(odb.read(blob)?.data().to_vec()))
}

/// The clients that a lock pins.
#[derive(Clone, Debug, Default)]
pub struct PinnedClients {
    /// The commit of each.
    pub pins: BTreeMap<ClientId, Oid>,
    /// Those whose commit is not in the repository.
    pub away: BTreeSet<ClientId>,
}

/// The pinned folders for a source on disk, whose lock this is: what is pinned is read from the object database.
///
/// # Errors
/// When that cannot be read.
pub fn read_pinned(
    repository: &Repository,
    lock: &[u8],
    disk: &Source,
) -> Result<(Source, Findings, PinnedClients), Error> {
    let all: BTreeSet<ClientId> = disk.files.keys().filter_map(|path| client_of(path)).collect();
    let pinned = Pinned::of(repository, lock, &all.iter().collect())?;
    let odb = repository.odb().map_err(|e| Error::git("open the object database", e))?;
    let scales = Scales::of(repository);
    let mut collector = Collector::new();
    for (client, tree) in &pinned.trees {
        let failed = |e| Error::git(format!("read the folder of {client}"), e);
        let tree = repository.find_tree(*tree).map_err(failed)?;
        let mut entries = Vec::new();
        walk_tree((repository, &scales), &tree, &format!("clients/{client}"), 2, &mut entries)?;
        for entry in entries {
            match entry {
                Entry::Refused { path, what, help } => {
                    collector.refuse(&path, format!("The commit holds {what}."), help);
                }
                Entry::File { path, blob, .. } => {
                    if let Some(reading) = collector.begin(&path) {
                        read_blob((&odb, &scales), blob, reading, &mut collector).map_err(failed)?;
                    } else if let Some(reading) = Collector::begin_beside(&path) {
                        read_beside((&odb, &scales), blob, reading, &mut collector).map_err(failed)?;
                    }
                }
            }
        }
    }
    let (source, mut findings) = collector.finish(None);
    findings.append(pinned.findings);
    Ok((source, findings, PinnedClients { pins: pinned.pins, away: pinned.away }))
}

/// The client in whose folder a path is.
pub(super) fn client_of(path: &str) -> Option<ClientId> {
    ClientId::new(path.strip_prefix("clients/")?.split_once('/')?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pin = Pin {
            repository: "ssh://git@git.example/\"acme\".git".into(),
            commit: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".into(),
            tree: Digest::of_file(b""),
        };
        let pins = Pins { clients: [("acme".parse().unwrap(), pin)].into() };
        assert_eq!(Pins::parse(pins.to_toml().as_bytes()), Ok(pins.clone()));
        let short = pins.to_toml().replace("4b825dc642cb6eb9a060e54bf8d69288fbee4904", "4b825dc");
        assert!(Pins::parse(short.as_bytes()).is_err());
        let more = pins.to_toml().replace("tree =", "branch = \"main\"\ntree =");
        assert!(Pins::parse(more.as_bytes()).is_err());
    }
}
