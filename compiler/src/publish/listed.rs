//! Whose signature counts for a file, as the lists that stand around it on disk say. Asked before a signature is written.
//!
//! The lists themselves are not verified here: they tell a person early of a wrong key. `check` decides what counts.
//!
//! # Source
//! trust.md section 2.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{Approvers, Namespace, PublicKey, RoleName, Root, Rule, Statement, TrustError};

use crate::named::read_named;

/// The folder of root's versions.
const ROOT: &str = "trust/root";

/// The keys by which a person's signature of a file counts, and the list that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The list that was asked; the newest of several.
    pub list: PathBuf,
    /// No key for who is not listed.
    pub keys: BTreeSet<PublicKey>,
}

/// The keys by which a person's signature of a file counts; nothing where the list that the file names is not here, or
/// cannot be read.
pub fn listed(file: &Path, bytes: &[u8], namespace: Namespace, person: &PersonId) -> Option<Listed> {
    let file = std::fs::canonicalize(file).ok()?;
    let folder = file.parent()?;
    match namespace {
        Namespace::Approval => of_statement(folder, bytes, person),
        Namespace::Approvers => of_approvers(&file, bytes, person),
        Namespace::Trust => of_root(&file, bytes, person),
        _ => of_role(folder, bytes, namespace, person),
    }
}

/// Whoever is or was an approver of the client, as [`assent_schema::trust::KnownStatements`] takes it.
fn of_statement(folder: &Path, bytes: &[u8], person: &PersonId) -> Option<Listed> {
    let statement = Statement::parse("the statement", bytes).ok()?;
    let lists = folder.parent()?.join("approvers");
    let mut listed = Listed::default();
    for number in 1_u32.. {
        let list = lists.join(format!("{number}.toml"));
        let Some(found) = read(&list) else { break };
        // Another client's approvers say nothing of this file.
        if number == 1 && Digest::of_file(&found) != statement.approvers {
            return None;
        }
        let approvers = Approvers::parse("the approvers", &found).ok()?;
        listed.keys.extend(approvers.people.get(person).into_iter().flat_map(|one| one.keys.iter().cloned()));
        listed.list = list;
    }
    (!listed.list.as_os_str().is_empty()).then_some(listed)
}

/// Each key of a first file or of a reset signs itself; a further file is signed by the one before it.
fn of_approvers(file: &Path, bytes: &[u8], person: &PersonId) -> Option<Listed> {
    let read_as = |bytes: &[u8]| Approvers::parse("the approvers", bytes).ok();
    let approvers = read_as(bytes)?;
    let is_reset = || {
        let (_, root) = newest_root(file)?;
        root.clients.get(&approvers.client)?.reset(approvers.number, &Digest::of_file(bytes)).map(drop)
    };
    let (list, approvers) = if approvers.number == 1 || is_reset().is_some() {
        (file.to_owned(), approvers)
    } else {
        let before = file.with_file_name(format!("{}.toml", approvers.number.saturating_sub(1)));
        let approvers = read_as(&read(&before)?)?;
        (before, approvers)
    };
    let keys = approvers.people.get(person).map(|one| one.keys.clone()).unwrap_or_default();
    Some(Listed { list, keys })
}

/// A version of the root is signed by its own `root` role and by that of the version before it.
fn of_root(file: &Path, bytes: &[u8], person: &PersonId) -> Option<Listed> {
    let read_as = |bytes: &[u8]| Root::parse("the root", bytes).ok();
    let root = read_as(bytes)?;
    let mut keys = keys_of(root.rule(RoleName::Root), person);
    if root.version > 1 {
        let before = file.with_file_name(format!("{}.toml", root.version.saturating_sub(1)));
        keys.extend(keys_of(read_as(&read(&before)?)?.rule(RoleName::Root), person));
    }
    Some(Listed { list: file.to_owned(), keys })
}

/// The rest is signed by a role of the newest root of the same project.
fn of_role(folder: &Path, bytes: &[u8], namespace: Namespace, person: &PersonId) -> Option<Listed> {
    let role = RoleName::ALL.into_iter().find(|role| role.namespaces().contains(&namespace))?;
    let (list, root) = newest_root(folder)?;
    let first = read(&list.with_file_name("1.toml"))?;
    if project_of(bytes)? != Digest::of_file(&first).to_string() {
        return None;
    }
    Some(Listed { keys: keys_of(root.rule(role), person), list })
}

fn keys_of(rule: Option<Rule<'_>>, person: &PersonId) -> BTreeSet<PublicKey> {
    let rule = rule.filter(|rule| rule.members.contains(person));
    rule.and_then(|rule| rule.people.get(person)).map(|one| one.keys.clone()).unwrap_or_default()
}

/// The project that a file names, whichever of its forms it has.
fn project_of(bytes: &[u8]) -> Option<String> {
    if let Ok(value) = assent_schema::canon::parse(bytes) {
        return value.get("project")?.as_str().map(str::to_owned);
    }
    let table: toml::Table = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    table.get("project")?.as_str().map(str::to_owned)
}

/// The newest version of the root that stands in the folder or in one that holds it.
fn newest_root(from: &Path) -> Option<(PathBuf, Root)> {
    let folder = from.ancestors().map(|above| above.join(ROOT)).find(|folder| folder.join("1.toml").is_file())?;
    let version = |number: u32| folder.join(format!("{number}.toml"));
    let newest = (1..u32::MAX).take_while(|number| version(*number).is_file()).last()?;
    let list = version(newest);
    let root: Result<Root, TrustError> = Root::parse("the root", &read(&list)?);
    Some((list, root.ok()?))
}

/// A plain file of at most the size that a signed file of TOML has.
fn read(path: &Path) -> Option<Vec<u8>> {
    read_named(path, Kind::SignedToml).ok()
}
