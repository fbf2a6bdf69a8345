//! What the people of one client decide with: each key and each account is one person's alone. Else one of them could answer as
//! the other, and the ledger would name somebody who said nothing.
//!
//! # Source
//! engine.md section 8. Promise P25.

use std::collections::BTreeMap;

use crate::id::{ConnectionId, PersonId};

use super::people::point_of;

/// Whose the keys and accounts are that were seen so far.
#[derive(Debug, Default)]
pub struct Deciders {
    points: BTreeMap<[u8; 32], PersonId>,
    accounts: BTreeMap<(ConnectionId, String), PersonId>,
}

impl Deciders {
    /// Takes a key for a person, written as in a client's facts; gives whom it belongs to already, if that is somebody else.
    /// What is no key belongs to nobody.
    pub fn take_key(&mut self, person: &PersonId, key: &str) -> Option<&PersonId> {
        let owner = self.points.entry(point_of(key)?).or_insert_with(|| person.clone());
        (owner != person).then_some(&*owner)
    }

    /// Takes an account at a connection for a person; gives whom it belongs to already, if that is somebody else.
    pub fn take_account(&mut self, person: &PersonId, at: &ConnectionId, account: &str) -> Option<&PersonId> {
        let owner = self.accounts.entry((at.clone(), account.to_owned())).or_insert_with(|| person.clone());
        (owner != person).then_some(&*owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Signer;

    #[test]
    fn a_key_is_one_persons_however_it_is_written() {
        let (lena, tom) = (PersonId::new("lena").unwrap(), PersonId::new("tom").unwrap());
        let key = |seed| Signer::from_seed(&[seed; 32]).unwrap().public().to_string();
        let mut deciders = Deciders::default();
        assert_eq!(deciders.take_key(&lena, &key(1)), None);
        assert_eq!(deciders.take_key(&lena, &key(1)), None, "one person may write it twice");
        assert_eq!(deciders.take_key(&tom, &key(2)), None);
        assert_eq!(deciders.take_key(&tom, &key(1)), Some(&lena));
        assert_eq!(deciders.take_key(&tom, "no key"), None);
        let desk = ConnectionId::new("desk").unwrap();
        assert_eq!(deciders.take_account(&lena, &desk, "7"), None);
        assert_eq!(deciders.take_account(&tom, &ConnectionId::new("chat").unwrap(), "7"), None, "another place");
        assert_eq!(deciders.take_account(&tom, &desk, "7"), Some(&lena));
    }
}
