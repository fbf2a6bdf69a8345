//! People and their keys, as options of several subcommands change them: first out, then in.

use std::collections::BTreeSet;

use assent_schema::id::PersonId;
use assent_schema::trust::{People, Person};

use super::PersonKey;
use crate::error::Error;

/// Who comes, and which people and keys go.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Changes {
    /// A person and the file of the public key; several keys of one person are several options.
    #[arg(long = "person", value_name = "PERSON=FILE.pub")]
    pub(super) added: Vec<PersonKey>,
    /// Takes a person out, with all keys; in the same call `--person` lets somebody of that name in anew.
    #[arg(long = "drop-person", value_name = "PERSON")]
    pub(super) dropped: Vec<PersonId>,
    /// Takes one key of a person out, who stays. Whoever has to sign this very file signs with a key that both versions list:
    /// let a new key in first, and take the old one out with the version after.
    #[arg(long = "drop-key", value_name = "PERSON=FILE.pub")]
    pub(super) dropped_keys: Vec<PersonKey>,
}

impl Changes {
    /// Makes them.
    ///
    /// # Errors
    /// When a key that is to go is not there, or was the last one of somebody who is to stay.
    pub(super) fn make(&self, people: &mut People) -> Result<(), Error> {
        for person in &self.dropped {
            people.remove(person).ok_or_else(|| Error::input(format!("nobody is called {person}")))?;
        }
        for PersonKey { person, key } in &self.dropped_keys {
            let known = people.get_mut(person).ok_or_else(|| Error::input(format!("nobody is called {person}")))?;
            if !known.keys.remove(key) {
                return Err(Error::input(format!("{person} has no such key: {key}")));
            }
        }
        for PersonKey { person, key } in &self.added {
            let known = people.entry(person.clone()).or_insert_with(|| Person::new(BTreeSet::new()));
            known.keys.insert(key.clone());
        }
        match people.iter().find(|(_, one)| one.keys.is_empty()) {
            None => Ok(()),
            Some((person, _)) => Err(Error::input(format!(
                "that was the last key of {person}: let another one in with `--person {person}=FILE.pub`, or take {person} out \
                 with `--drop-person {person}`"
            ))),
        }
    }
}
