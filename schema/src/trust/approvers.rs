//! Who may approve for a client: a chain that only the client itself changes.
//!
//! # Source
//! trust.md section 2.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::canon::Digest;
use crate::id::{ClientId, PersonId};

use super::emit::Toml;
use super::error::TrustError;
use super::key::PublicKey;
use super::people::{self, People, Person, Points, Rule, SignedFile};
use super::reset::Reset;
use super::root::{ClientEntry, Root};
use super::sshsig::Namespace;
use super::strict;
use super::verified::Verified;

const SCHEMA: u32 = 1;
/// The most approvers files of one client that are walked.
const NUMBERS_MOST: usize = 10_000;

/// One version of a client's approvers: `approvers/<number>.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvers {
    /// Always `approvers`.
    #[serde(rename = "type")]
    pub kind: ApproversType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the first approvers file; the first has none.
    #[serde(default)]
    pub approvers: Option<Digest>,
    /// Its number, from 1.
    pub number: u32,
    /// How many different approvers an approval needs.
    pub threshold: u32,
    /// The approvers.
    pub people: People,
}

crate::only!(ApproversType::Approvers);

impl Approvers {
    /// The first approvers file of a client.
    pub fn first(project: Digest, client: ClientId, threshold: u32, people: People) -> Self {
        let (kind, schema) = (ApproversType::Approvers, SCHEMA);
        Self { kind, schema, project, client, approvers: None, number: 1, threshold, people }
    }

    /// A copy of this version as the next one, to be changed and signed.
    #[must_use]
    pub fn next(&self, first: Digest) -> Self {
        Self { approvers: Some(first), number: self.number.saturating_add(1), ..self.clone() }
    }

    /// Reads an approvers file strictly. Signatures are not looked at.
    ///
    /// # Errors
    /// When it is not an approvers file, or breaks a rule.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let read: Self = strict::read(file, bytes, first_keys)?;
        if read.schema != SCHEMA {
            return Err(TrustError::new(file, "is of a schema that this version does not know"));
        }
        if (read.number == 1) != read.approvers.is_none() || read.number == 0 {
            return Err(TrustError::new(
                file,
                "names the first approvers file where it must not, or does not where it must",
            ));
        }
        people::check_threshold(file, "the approvers", read.threshold, read.people.len())?;
        Points::default().take_people(file, &read.people)?;
        if read.people.values().any(|person| !person.passkeys.is_empty()) {
            return Err(TrustError::new(file, "lists a passkey, and passkeys sign no statements"));
        }
        if read.number == 1 {
            one_key_each(file, &read)?;
        }
        Ok(read)
    }

    /// The file, as [`Approvers::parse`] reads it.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        let mut toml = Toml::new();
        toml.put("type", &self.kind);
        toml.put("schema", &self.schema);
        toml.put("project", &self.project);
        toml.put("client", &self.client);
        toml.put("approvers", &self.approvers);
        toml.put("number", &self.number);
        toml.put("threshold", &self.threshold);
        for (name, person) in &self.people {
            toml.table(&["people", name.as_str()]);
            toml.put("keys", &person.keys);
        }
        let text = toml.finish();
        Self::parse(&format!("approvers/{}.toml", self.number), text.as_bytes()).map(|_| text)
    }
}

fn first_keys(has: &dyn Fn(&str) -> bool) -> &'static [&'static str] {
    if has("approvers") {
        &["type", "schema", "project", "client", "approvers", "number"]
    } else {
        &["type", "schema", "project", "client", "number"]
    }
}

/// Every key of a first file, or of one by which root resets the approvers, signs it, and a person has one signature file.
fn one_key_each(file: &str, read: &Approvers) -> Result<(), TrustError> {
    if read.people.values().any(|person| person.keys.len() != 1) {
        let what = "lists more than one key for a person; add further keys in the next file";
        return Err(TrustError::new(file, what));
    }
    Ok(())
}

/// All approvers files of one client, verified one after the other. Those from a reset on count only when it does.
#[derive(Clone, Debug)]
pub struct ApproversChain {
    versions: Vec<Verified<Approvers>>,
    newest: Verified<Approvers>,
    members: BTreeSet<PersonId>,
    resets: Vec<Reset>,
}

impl ApproversChain {
    /// Walks from the first file, whose digest the root names and every key of which signed it, to the newest: each
    /// signed by the threshold of the one before it, or a reset that the root names and every key of which signed it. No
    /// reset counts yet: [`ApproversChain::settled`] says which do.
    ///
    /// # Errors
    /// At the first file that is missing, badly signed or breaks a rule.
    pub fn walk(
        root: &Root,
        project: Digest,
        client: &ClientId,
        files: &BTreeMap<u32, SignedFile>,
    ) -> Result<Self, TrustError> {
        let folder = format!("clients/{client}/approvers");
        if files.len() > NUMBERS_MOST {
            return Err(TrustError::new(folder, format!("holds more than {NUMBERS_MOST} files")));
        }
        let entry = root.clients.get(client);
        let entry = entry.ok_or_else(|| TrustError::new(&folder, "belongs to a client that the root does not list"))?;
        let (mut versions, mut resets) = (Vec::<Verified<Approvers>>::new(), Vec::new());
        for (wanted, (number, signed)) in (1..).zip(files) {
            let file = format!("{folder}/{number}.toml");
            let read = Approvers::parse(&file, &signed.bytes)?;
            if *number != wanted || read.number != wanted {
                return Err(TrustError::new(file, format!("stands where number {wanted} must")));
            }
            if read.project != project || read.client != *client {
                return Err(TrustError::new(file, "belongs to another project or client"));
            }
            // A client's approver who also holds a key of the agency could approve in its place.
            let mut points = root.points("the root")?;
            points.take_people(&file, &read.people)?;
            resets.extend(step(&file, &read, entry, signed, &versions)?);
            versions.push(Verified::new(&signed.bytes, read));
        }
        let newest = versions.last().cloned();
        let newest = newest.ok_or_else(|| TrustError::missing(format!("{folder}/1.toml")))?;
        let members = newest.people.keys().cloned().collect();
        Ok(Self { versions, newest, members, resets }.settled(|_| false))
    }

    /// The same, with those resets that count: the newest file is the last one before the first that does not.
    #[must_use]
    pub fn settled(mut self, counts: impl Fn(&Reset) -> bool) -> Self {
        let waits = self.resets.iter().find(|reset| !counts(reset)).map(|reset| reset.number);
        let counting = self.versions.iter().take_while(|version| waits.is_none_or(|waits| version.number < waits));
        if let Some(newest) = counting.last() {
            self.newest = newest.clone();
            self.members = self.newest.people.keys().cloned().collect();
        }
        self
    }

    /// The chain as it was when a file was the last one in it; nothing where there is none of that number. No reset counts yet.
    pub fn until(&self, number: u32) -> Option<Self> {
        let versions: Vec<_> = self.versions.iter().filter(|version| version.number <= number).cloned().collect();
        let newest = versions.last().filter(|last| last.number == number)?.clone();
        let resets = self.resets.iter().filter(|reset| reset.number <= number).cloned().collect();
        let members = newest.people.keys().cloned().collect();
        Some(Self { versions, newest, members, resets }.settled(|_| false))
    }

    /// Whether a person was an approver by a file up to this number.
    pub fn ever_listed(&self, who: &PersonId, number: u32) -> bool {
        let mut then = self.versions.iter().take_while(|version| version.number <= number);
        then.any(|version| version.people.contains_key(who))
    }

    /// The files in the chain that are resets, whether they count or not.
    pub fn resets(&self) -> &[Reset] {
        &self.resets
    }

    /// Whether a key is one by which a person was an approver just before a reset.
    pub(super) fn lists_before(&self, reset: &Reset, who: &PersonId, key: &PublicKey) -> bool {
        let before = reset.number.checked_sub(1).and_then(|number| self.version(number));
        before.and_then(|before| before.people.get(who)).is_some_and(|person| person.keys.contains(key))
    }

    /// Whose approvers they are.
    pub fn client(&self) -> &ClientId {
        &self.newest.client
    }

    /// SHA-256 of the first file, which statements name.
    pub fn first(&self) -> Digest {
        self.versions.first().unwrap_or(&self.newest).digest()
    }

    /// The newest file that counts: who may approve today.
    pub fn newest(&self) -> &Verified<Approvers> {
        &self.newest
    }

    /// A version by its number, whether it counts or not.
    pub fn version(&self, number: u32) -> Option<&Verified<Approvers>> {
        self.versions.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The rule for an approval: the threshold, by people who are approvers today.
    pub(super) fn rule(&self) -> Rule<'_> {
        Rule { people: &self.newest.people, members: &self.members, threshold: self.newest.threshold }
    }

    /// Everybody who ever was an approver, with every key: what an old statement may be signed by. With those whom a reset
    /// would bring: what they sign in time comes with the same release, and counts for nothing before it does.
    pub(super) fn everybody(&self) -> People {
        all_of(&self.versions)
    }

    /// Everybody who is or was an approver by the files that count.
    pub(super) fn anybody_yet(&self) -> People {
        let counting = self.versions.iter().take_while(|version| version.number <= self.newest.number);
        all_of(counting)
    }
}

fn all_of<'a>(versions: impl IntoIterator<Item = &'a Verified<Approvers>>) -> People {
    let mut all = People::new();
    for (name, person) in versions.into_iter().flat_map(|version| &version.people) {
        all.entry(name.clone()).or_insert_with(|| Person::new(BTreeSet::new())).keys.extend(person.keys.clone());
    }
    all
}

/// Checks one file against those before it. The reset that it is, if it is one.
fn step(
    file: &str,
    read: &Approvers,
    entry: &ClientEntry,
    signed: &SignedFile,
    before: &[Verified<Approvers>],
) -> Result<Option<Reset>, TrustError> {
    let (first, digest) = (entry.approvers, Digest::of_file(&signed.bytes));
    let members: BTreeSet<PersonId> = read.people.keys().cloned().collect();
    let all = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let own = |threshold| Rule { people: &read.people, members: &members, threshold };
    let Some(old) = before.last() else {
        if digest != first {
            return Err(TrustError::new(file, "is not the first approvers file that the root names"));
        }
        return people::check(file, Namespace::Approvers, signed, &[own(all)]).map(|()| None);
    };
    if read.approvers != Some(first) {
        return Err(TrustError::new(file, "names another first approvers file"));
    }
    if let Some(reset) = entry.reset(read.number, &digest) {
        one_key_each(file, read)?;
        people::check(file, Namespace::Approvers, signed, &[own(all)])?;
        return Ok(Some(reset.clone()));
    }
    let old_members: BTreeSet<PersonId> = old.people.keys().cloned().collect();
    let theirs = Rule { people: &old.people, members: &old_members, threshold: old.threshold };
    people::check(file, Namespace::Approvers, signed, &[theirs])?;
    Ok(None)
}

#[cfg(test)]
#[path = "approvers_tests.rs"]
mod tests;
