//! What an agent that stopped learns of plans that went back, as far as it published that, and which of them releases let in
//! again meanwhile. Kept until the recovery. Pure.
//!
//! Which came first is told by the numbers of releases, not by clocks: a status that speaks of a release knows what that
//! release let in. So a plan that went back under it, or under a later one, went back after all; one that only an older status
//! names was let in since, with a reason that somebody signed.
//!
//! # Source
//! trust.md section 6.

use std::collections::BTreeMap;

use assent_schema::canon::{self, Digest};
use assent_schema::release::Manifest;
use serde::{Deserialize, Serialize};

use crate::deploy::{Returned, Why, parse_place};
use crate::store::{Store, StoreError, Write};

/// Where the store keeps it.
const RETURNED: &str = "agent/returned";

/// Generation and sequence of a release.
pub(super) type Release = (u32, u64);

/// Which plans went back, and which were let in again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Learnt {
    /// By `<client>/<workflow>`.
    returned: BTreeMap<String, BTreeMap<Digest, Back>>,
    /// The newest release that lets each plan in again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    readmitted: BTreeMap<Digest, Release>,
}

/// A plan that went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    why: Why,
    /// The newest release that a status spoke of that named it.
    release: Release,
}

/// How it was kept before releases were told apart.
type Named = BTreeMap<String, BTreeMap<Digest, Why>>;

impl Learnt {
    /// What the store keeps. What was kept without a release is of the one that was published when the agent stopped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn load(store: &impl Store, published: Release) -> Result<Self, StoreError> {
        let Some(bytes) = store.state(RETURNED)? else { return Ok(Self::default()) };
        if let Ok(known) = canon::from_bytes(&bytes) {
            return Ok(known);
        }
        let named: Named = canon::from_bytes(&bytes).or(Err(StoreError::Damaged("which plans went back")))?;
        let back = |(plan, why)| (plan, Back { why, release: published });
        let of = |(place, plans): (String, BTreeMap<Digest, Why>)| (place, plans.into_iter().map(back).collect());
        Ok(Self { returned: named.into_iter().map(of).collect(), readmitted: BTreeMap::new() })
    }

    /// A status that speaks of this release says that these went back. What was learnt before stays: the next thing on the
    /// branch may be this agent's own word, which knows less.
    pub(super) fn hear(&mut self, returned: Returned, release: Release) {
        for ((client, workflow), plans) in returned {
            let known = self.returned.entry(format!("{client}/{workflow}")).or_default();
            for (plan, why) in plans {
                let newest = known.get(&plan).map_or(release, |back| back.release.max(release));
                known.insert(plan, Back { why, release: newest });
            }
        }
    }

    /// A release that this agent took lets plans in again.
    pub(super) fn let_in(&mut self, manifest: &Manifest) {
        for (plan, first) in manifest.lets_in((0, 0)) {
            let release = (manifest.generation, first);
            let newest = self.readmitted.entry(plan).or_insert(release);
            *newest = release.max(*newest);
        }
    }

    /// The plans that stay back.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a place is none.
    pub(super) fn stays_back(self) -> Result<Returned, StoreError> {
        let Self { returned, readmitted } = self;
        let stays = |plan: &Digest, back: &Back| readmitted.get(plan).is_none_or(|release| *release <= back.release);
        let of = |(place, plans): (String, BTreeMap<Digest, Back>)| {
            let plans = plans.into_iter().filter(|(plan, back)| stays(plan, back)).map(|(plan, back)| (plan, back.why));
            Some((parse_place(&place)?, plans.collect()))
        };
        let damaged = || StoreError::Damaged("which plans went back");
        returned.into_iter().map(|one| of(one).ok_or_else(damaged)).collect()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it has no canonical form, which it has.
    pub(super) fn write(&self) -> Result<Write, StoreError> {
        let value = canon::to_bytes(self).or(Err(StoreError::Damaged("returned plans without canonical form")))?;
        Ok(Write::State { name: RETURNED.to_owned(), value: Some(value) })
    }

    /// Takes it out of the store.
    pub(super) fn forget() -> Write {
        Write::State { name: RETURNED.to_owned(), value: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Place;
    use crate::store::{Memory, Transaction};
    use crate::world::Wall;
    use assent_schema::release::Readmitted;

    fn plan(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    fn place() -> Place {
        ("acme".parse().unwrap(), "refund".parse().unwrap())
    }

    fn returned(plans: &[u8]) -> Returned {
        [(place(), plans.iter().map(|n| (plan(*n), Why::FailureRate)).collect())].into()
    }

    fn release(sequence: u64, lets_in: &[u8]) -> Manifest {
        let mut manifest = crate::verify::fixture::manifest(&BTreeMap::new(), sequence, None);
        let one = |n: &u8| Readmitted::now(plan(*n), "it was elsewhere".into());
        manifest.readmitted = lets_in.iter().map(one).collect();
        manifest
    }

    fn stays(learnt: &Learnt) -> Vec<Digest> {
        let returned = learnt.clone().stays_back().unwrap();
        returned.into_values().flat_map(BTreeMap::into_keys).collect()
    }

    #[test]
    fn a_plan_that_was_let_in_since_does_not_stay_back() {
        let generation = release(1, &[]).generation;
        let mut learnt = Learnt::default();
        learnt.hear(returned(&[1, 2]), (generation, 4));
        assert_eq!(stays(&learnt), [plan(1), plan(2)]);
        learnt.let_in(&release(5, &[1]));
        assert_eq!(stays(&learnt), [plan(2)]);
        // The older word again, after a release that lets nothing in: it was let in since.
        learnt.let_in(&release(6, &[]));
        learnt.hear(returned(&[1]), (generation, 4));
        assert_eq!(stays(&learnt), [plan(2)]);
        // It went back again under the release that let it in.
        learnt.hear(returned(&[1]), (generation, 5));
        assert_eq!(stays(&learnt), [plan(1), plan(2)]);
        learnt.let_in(&release(7, &[1]));
        assert_eq!(stays(&learnt), [plan(2)]);
        // What a later one carries on was let in before it went back again, and counts as of then.
        learnt.hear(returned(&[1]), (generation, 7));
        let mut carries_on = release(8, &[1, 2]);
        carries_on.readmitted.iter_mut().zip([7, 6]).for_each(|(one, since)| one.since = Some(since));
        learnt.let_in(&carries_on);
        assert_eq!(stays(&learnt), [plan(1)]);
        // The release may come before the word.
        let mut learnt = Learnt::default();
        learnt.let_in(&release(5, &[1]));
        learnt.hear(returned(&[1]), (generation, 4));
        assert_eq!(stays(&learnt), []);
    }

    #[tokio::test]
    async fn what_was_kept_before_is_of_the_release_that_was_published() {
        let generation = release(1, &[]).generation;
        let store = Memory::open(std::sync::Arc::default(), Box::new(crate::sim::NoBooks::default()));
        let named: Named = [("acme/refund".to_owned(), [(plan(1), Why::ByHand)].into())].into();
        let old = Write::State { name: RETURNED.to_owned(), value: Some(canon::to_bytes(&named).unwrap()) };
        store.commit(Transaction::new(Wall::from_millis(0)).with(old)).await.unwrap();
        let mut learnt = Learnt::load(&store, (generation, 4)).unwrap();
        assert_eq!(stays(&learnt), [plan(1)]);
        learnt.let_in(&release(5, &[1]));
        store.commit(Transaction::new(Wall::from_millis(0)).with(learnt.write().unwrap())).await.unwrap();
        assert_eq!(stays(&Learnt::load(&store, (generation, 9)).unwrap()), []);
        store.commit(Transaction::new(Wall::from_millis(0)).with(Learnt::forget())).await.unwrap();
        assert_eq!(Learnt::load(&store, (generation, 9)).unwrap(), Learnt::default());
    }
}
