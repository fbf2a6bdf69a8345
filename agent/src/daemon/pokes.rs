//! Pokes: somebody who signs releases asks the agent to look for one now. Nothing else comes of it.
//!
//! # Source
//! trust.md section 5.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::plan::Rate;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{CLOCK_MOST_APART, SignedFile};
use serde::{Deserialize, Serialize};

use super::agent::Agent;
use crate::people::{self, NotTaken};
use crate::retry::Bucket;
use crate::store::{Store as _, Transaction, Write};
use crate::world::Clock as _;

/// How often somebody who signs releases may have the agent look.
const RATE: Rate = Rate { requests: 30, per: Period::minutes(1) };

/// Where the store keeps which pokes were taken, so that none counts twice after a restart either.
const POKES: &str = "agent/pokes";

/// The pokes that were taken, so that none counts twice.
///
/// # Shape
/// Those of the last ten minutes alone; the rate bounds how many. Of older ones the newest time is kept: what is not newer
/// counts no more, wherever the clock is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<Moment>,
    taken: BTreeMap<Digest, Moment>,
}

impl Known {
    /// What the store knows. A row that cannot be read knows of pokes that must not count again: none is taken then.
    fn read(bytes: Option<&[u8]>) -> Result<Self, NotTaken> {
        let none = Self { floor: None, taken: BTreeMap::new() };
        bytes.map_or(Ok(none), canon::from_bytes).map_err(|error| {
            tracing::error!(%error, "which pokes were taken cannot be read");
            NotTaken::NotDurable
        })
    }

    /// What is known once this one is taken.
    fn with(&self, poke: Digest, signed_at: Moment, now: Moment) -> Result<Self, NotTaken> {
        let (oldest, newest) = (now.minus(CLOCK_MOST_APART), now.plus(CLOCK_MOST_APART));
        let gone = self.taken.values().filter(|at| **at < oldest).max().copied();
        let floor = self.floor.max(gone);
        if signed_at < oldest || signed_at > newest || floor.is_some_and(|floor| signed_at <= floor) {
            return Err(NotTaken::TooLate);
        }
        let mut taken = self.taken.clone();
        taken.retain(|_, at| *at >= oldest);
        match taken.insert(poke, signed_at) {
            Some(_) => Err(NotTaken::BadChallenge),
            None => Ok(Self { floor, taken }),
        }
    }
}

/// How often pokes may come. What came stands in the store.
#[derive(Debug)]
pub(super) struct Pokes(Bucket);

/// None yet.
impl Default for Pokes {
    fn default() -> Self {
        Self(Bucket::new(RATE))
    }
}

impl Pokes {
    fn admit(&mut self, boot: Duration) -> Result<(), NotTaken> {
        if !self.0.wait(boot).is_zero() {
            return Err(NotTaken::TooMany);
        }
        self.0.take(boot);
        Ok(())
    }
}

impl Agent {
    /// Looks for releases now, if those ask who may sign them.
    ///
    /// # Errors
    /// When it is for other agents, not signed as it must be, too old, here already, one too many, or cannot be kept.
    pub(super) async fn take_poke(&self, signed: &SignedFile) -> Result<(), NotTaken> {
        let taken = self.taken().ok_or(NotTaken::Unknown)?;
        let here = (self.pin.project, &self.config.environment, &self.config.region);
        let poke = people::judge_poke(signed, taken.bundle.roots.newest(), here)?;
        let (now, boot) = (self.world.clock.now().moment(), self.world.clock.boot());
        // Two at once must not both find themselves unknown.
        let mut pokes = self.pulling.pokes.lock().await;
        let known = self.store.state(POKES).or(Err(NotTaken::NotDurable))?;
        let known = Known::read(known.as_deref())?.with(Digest::of_file(&signed.bytes), poke.time, now)?;
        pokes.admit(boot)?;
        let value = canon::to_bytes(&known).or(Err(NotTaken::NotDurable))?;
        let write = Write::State { name: POKES.to_owned(), value: Some(value) };
        let kept = self.store.commit(Transaction::new(self.world.clock.now()).with(write)).await;
        kept.or(Err(NotTaken::NotDurable))?;
        self.pull_wanted().notify_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poke_counts_once_and_only_for_a_while() {
        let moment = |minute: i64| Moment::from_seconds(1_800_000_000 + 60 * minute);
        let digest = |n: u8| Digest::from_bytes([n; 32]);
        let mut known = Known { floor: None, taken: BTreeMap::new() };
        let mut take = |n: u8, signed: i64, now: i64| {
            known = known.with(digest(n), moment(signed), moment(now))?;
            Ok(())
        };
        assert_eq!(take(1, -9, 0), Ok(()), "a sender whose clock is behind");
        assert_eq!(take(1, -9, 0), Err(NotTaken::BadChallenge));
        assert_eq!(take(2, 1, 1), Ok(()));
        assert_eq!(take(2, 1, 2), Err(NotTaken::BadChallenge), "again");
        assert_eq!(take(3, 1, 11), Ok(()), "ten minutes on");
        assert_eq!(take(4, 1, 12), Err(NotTaken::TooLate));
        assert_eq!(take(2, 1, 12), Err(NotTaken::TooLate), "again, when it is forgotten");
        assert_eq!(take(5, 23, 12), Err(NotTaken::TooLate), "from a time to come");
        assert_eq!(take(6, 30, 30), Ok(()));
        assert_eq!(take(2, 1, 5), Err(NotTaken::TooLate), "again, when the clock was put back");
        assert_eq!(take(3, 1, 5), Err(NotTaken::TooLate), "again, when the clock was put back");
    }

    #[test]
    fn no_poke_counts_while_it_cannot_be_read_which_did() {
        let none = Known { floor: None, taken: BTreeMap::new() };
        assert_eq!(Known::read(None), Ok(none.clone()));
        let bytes = canon::to_bytes(&none).unwrap();
        assert_eq!(Known::read(Some(&bytes)), Ok(none));
        assert_eq!(Known::read(bytes.get(1..)), Err(NotTaken::NotDurable));
    }

    #[test]
    fn pokes_have_a_rate() {
        let mut pokes = Pokes::default();
        let taken = (0..31).filter(|_| pokes.admit(Duration::from_secs(1)).is_ok());
        assert!((1..31).contains(&taken.count()));
    }
}
