//! People, their keys, and how many of them must sign. The one place where signatures are counted.
//!
//! # Source
//! trust.md section 2: thresholds count people; zero is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::id::PersonId;
use crate::passkey::Passkey;

use super::error::TrustError;
use super::key::PublicKey;
use super::sshsig::{self, Namespace, SignatureError};

/// Somebody who signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The keys, any of which counts as this person.
    pub keys: BTreeSet<PublicKey>,
    /// The passkeys by which this person signs in to consoles. They sign no file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passkeys: BTreeSet<Passkey>,
}

impl Person {
    /// Somebody with these keys.
    pub fn new(keys: BTreeSet<PublicKey>) -> Self {
        Self { keys, passkeys: BTreeSet::new() }
    }

    /// What this person decides with for a client, written as in a client's facts.
    pub fn decides_by(&self) -> BTreeSet<String> {
        self.keys.iter().map(ToString::to_string).chain(self.passkeys.iter().map(ToString::to_string)).collect()
    }
}

/// People by handle.
pub type People = BTreeMap<PersonId, Person>;

/// Armoured signatures by the person who is said to have made them: the files `<file>.<person>.sig`.
pub type Signatures = BTreeMap<PersonId, Vec<u8>>;

/// A file with its signatures, nothing of it checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedFile {
    /// The bytes as stored.
    pub bytes: Vec<u8>,
    /// The signatures beside it.
    pub signatures: Signatures,
}

/// A role: who holds it, and how many of them must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// How many different people.
    pub threshold: u32,
    /// Who.
    pub people: BTreeSet<PersonId>,
}

/// Whose signatures count, and how many people are needed.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// Where the keys are found.
    pub people: &'a People,
    /// Who of them counts.
    pub members: &'a BTreeSet<PersonId>,
    /// How many different people must sign.
    pub threshold: u32,
}

impl Rule<'_> {
    /// Whether so many people are enough.
    pub(super) fn reached(&self, signers: usize) -> bool {
        self.threshold > 0 && u32::try_from(signers).unwrap_or(u32::MAX) >= self.threshold
    }

    /// Whether a key is one by which a person counts here.
    pub(super) fn lists(&self, who: &PersonId, key: &PublicKey) -> bool {
        self.keys(who).is_some_and(|keys| keys.contains(key))
    }

    fn keys(&self, who: &PersonId) -> Option<&BTreeSet<PublicKey>> {
        self.people.get(who).filter(|_| self.members.contains(who)).map(|person| &person.keys)
    }

    fn judge(
        &self,
        namespace: Namespace,
        bytes: &[u8],
        who: &PersonId,
        armour: &[u8],
    ) -> Result<PublicKey, SignatureError> {
        let keys = self.keys(who).ok_or(SignatureError::UnknownKey)?;
        sshsig::verify(bytes, armour, namespace, keys)
    }
}

/// Who signed, and by which key. A person is counted once, whatever number of keys signed.
pub(super) type Signers = BTreeMap<PersonId, PublicKey>;

/// Checks that every signature beside a file counts under at least one rule, and that every rule is fulfilled.
///
/// A signature that counts for nothing refuses the file: somebody must look at it.
///
/// # Errors
/// Which signature does not count and why, or how many people are missing.
pub fn check(file: &str, namespace: Namespace, signed: &SignedFile, rules: &[Rule<'_>]) -> Result<(), TrustError> {
    signers(file, namespace, signed, rules).map(drop)
}

/// As [`check`]; who signed, by rule.
pub(super) fn signers(
    file: &str,
    namespace: Namespace,
    signed: &SignedFile,
    rules: &[Rule<'_>],
) -> Result<Vec<Signers>, TrustError> {
    let mut signers = vec![Signers::new(); rules.len()];
    for (person, armour) in &signed.signatures {
        let mut whys = Vec::new();
        for (rule, signers) in rules.iter().zip(&mut signers) {
            match rule.judge(namespace, &signed.bytes, person, armour) {
                Ok(key) => drop(signers.insert(person.clone(), key)),
                Err(why) => whys.push(why),
            }
        }
        if whys.len() == rules.len() {
            // A reason other than "not listed" says more.
            let why = whys.into_iter().min_by_key(|why| *why == SignatureError::UnknownKey);
            let mut error = TrustError::signature(file, person, why.unwrap_or(SignatureError::UnknownKey));
            if rules.iter().all(|rule| rule.keys(person).is_none()) {
                error.what =
                    format!("{}: nobody who may sign it is called `{person}`, as the file's name says", error.what);
            }
            return Err(error);
        }
    }
    match rules.iter().zip(&signers).find(|(rule, signers)| !rule.reached(signers.len())) {
        Some((rule, signers)) => Err(TrustError::unsigned(file, missing(rule, signers))),
        None => Ok(signers),
    }
}

fn missing(rule: &Rule<'_>, signers: &Signers) -> String {
    let others = rule.members.iter().filter(|member| !signers.contains_key(*member));
    let others: Vec<&str> = others.map(PersonId::as_str).collect();
    let more = usize::try_from(rule.threshold).unwrap_or(usize::MAX).saturating_sub(signers.len());
    format!(
        "is signed by {} of the {} needed; {more} more of: {}",
        signers.len(),
        counted(rule.threshold, "person"),
        others.join(", ")
    )
}

/// Checks that a threshold can be reached and is no open door.
///
/// # Errors
/// When it is zero or larger than the number of people.
pub(super) fn check_threshold(file: &str, what: &str, threshold: u32, people: usize) -> Result<(), TrustError> {
    let most = u32::try_from(people).unwrap_or(u32::MAX);
    if (1..=most).contains(&threshold) {
        return Ok(());
    }
    Err(TrustError::new(file, format!("has a threshold of {threshold} for {what}, who are {people}")))
}

/// Keys already taken, by point; refuses one that is listed a second time.
#[derive(Debug, Default)]
pub(super) struct Points(BTreeMap<[u8; 32], String>);

/// Whose the keys of a root are: those of people and of machines.
#[derive(Debug)]
pub struct Owners(pub(super) Points);

impl Owners {
    /// The person or machine of the agency that has a key, written as in a client's facts. Somebody who decides for the client
    /// with it would be one who may have written what is decided on.
    pub fn of(&self, key: &str) -> Option<&str> {
        self.0.owner(key)
    }
}

impl Points {
    /// Takes a key for an owner.
    pub(super) fn take(&mut self, file: &str, point: &[u8; 32], owner: &str) -> Result<(), TrustError> {
        match self.0.insert(*point, owner.to_owned()) {
            Some(other) => Err(TrustError::new(file, format!("lists one key for {other} and for {owner}"))),
            None => Ok(()),
        }
    }

    /// Whose a key is, written as in a client's facts: OpenSSH's form or that of a passkey.
    fn owner(&self, key: &str) -> Option<&str> {
        self.0.get(&point_of(key)?).map(String::as_str)
    }

    /// Takes all keys and passkeys of some people.
    pub(super) fn take_people(&mut self, file: &str, people: &People) -> Result<(), TrustError> {
        for (name, person) in people {
            if person.keys.is_empty() {
                return Err(TrustError::new(file, format!("lists no key for {name}")));
            }
            person.keys.iter().try_for_each(|key| self.take(file, key.point(), name.as_str()))?;
            person.passkeys.iter().try_for_each(|passkey| self.take(file, &passkey.point(), name.as_str()))?;
        }
        Ok(())
    }
}

/// The point of a key that is written as in a client's facts. Two keys with one point are one key.
pub(super) fn point_of(key: &str) -> Option<[u8; 32]> {
    match key.parse::<PublicKey>() {
        Ok(key) => Some(*key.point()),
        Err(_) => Some(key.parse::<Passkey>().ok()?.point()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::signer::Signer;
    use super::*;

    fn id(name: &str) -> PersonId {
        PersonId::new(name).unwrap()
    }

    #[test]
    fn thresholds_count_people_not_keys() {
        let signers: Vec<Signer> = (1..=3).map(|seed| Signer::from_seed(&[seed; 32]).unwrap()).collect();
        let person = |keys: &[usize]| Person::new(keys.iter().map(|k| signers[*k].public().clone()).collect());
        let people: People = [(id("ann"), person(&[0, 1])), (id("ben"), person(&[2]))].into();
        let members: BTreeSet<_> = people.keys().cloned().collect();
        let rule = |threshold| Rule { people: &people, members: &members, threshold };
        let signed = |by: &[(&str, usize)]| SignedFile {
            bytes: b"x".to_vec(),
            signatures: by
                .iter()
                .map(|(name, key)| (id(name), sshsig::sign(&signers[*key], Namespace::Trust, b"x").into_bytes()))
                .collect(),
        };
        let judged = |by: &[(&str, usize)], threshold| check("f", Namespace::Trust, &signed(by), &[rule(threshold)]);
        assert_eq!(judged(&[("ann", 1), ("ben", 2)], 2), Ok(()));
        assert!(judged(&[("ann", 0)], 2).is_err());
        assert!(judged(&[], 0).is_err(), "a threshold of zero is never reached");
        assert!(judged(&[("ann", 0), ("ben", 1)], 1).is_err(), "one bad signature refuses the file");
        assert!(judged(&[("ann", 0), ("eve", 1)], 1).is_err(), "nobody knows eve");
        assert!(check("f", Namespace::Release, &signed(&[("ann", 0)]), &[rule(1)]).is_err());
    }
}
