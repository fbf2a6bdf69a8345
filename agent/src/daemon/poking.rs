//! Pokes: somebody who signs releases asks the agent to look for one now. Nothing else comes of it.
//!
//! # Source
//! trust.md section 5.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::plan::Rate;
use assent_schema::status::Poke;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{CLOCK_MOST_APART, Namespace, RoleName, SignedFile, check};

use super::agent::{Agent, lock};
use crate::people::NotTaken;
use crate::retry::Bucket;
use crate::world::Clock as _;

/// The name of a poke in messages.
const FILE: &str = "the poke";
/// How often somebody who signs releases may have the agent look.
const RATE: Rate = Rate { requests: 30, per: Period::minutes(1) };

/// The pokes that were taken, so that none counts twice.
///
/// # Shape
/// Those of the last ten minutes alone; the rate bounds how many. Older ones count no more, and neither does any from before
/// the agent was started, of which nothing is known.
#[derive(Debug)]
pub(super) struct Pokes {
    since: Moment,
    taken: BTreeMap<Digest, Moment>,
    bucket: Bucket,
}

impl Pokes {
    /// None yet.
    pub(super) fn since(since: Moment) -> Self {
        Self { since, taken: BTreeMap::new(), bucket: Bucket::new(RATE) }
    }

    /// Takes one that was signed as it must be.
    fn take(&mut self, poke: Digest, signed_at: Moment, now: Moment, boot: Duration) -> Result<(), NotTaken> {
        let (oldest, newest) = (now.minus(CLOCK_MOST_APART), now.plus(CLOCK_MOST_APART));
        if signed_at < oldest.max(self.since) || signed_at > newest {
            return Err(NotTaken::TooLate);
        }
        self.taken.retain(|_, at| *at >= oldest);
        if self.taken.contains_key(&poke) {
            return Err(NotTaken::BadChallenge);
        }
        if !self.bucket.wait(boot).is_zero() {
            return Err(NotTaken::TooMany);
        }
        self.bucket.take(boot);
        self.taken.insert(poke, signed_at);
        Ok(())
    }
}

impl Agent {
    /// Looks for releases now, if those ask who may sign them.
    ///
    /// # Errors
    /// When it is for other agents, not signed as it must be, too old, here already, or one too many.
    pub(super) fn take_poke(&self, signed: &SignedFile) -> Result<(), NotTaken> {
        let poke: Poke = canon::from_bytes(&signed.bytes).or(Err(NotTaken::BadForm))?;
        let here = (1, self.pin.project, &self.config.environment, &self.config.region);
        if (poke.schema, poke.project, &poke.environment, &poke.region) != here {
            return Err(NotTaken::OtherQuestion);
        }
        let taken = self.taken().ok_or(NotTaken::Unknown)?;
        let rule = taken.bundle.roots.newest().rule(RoleName::Release).ok_or(NotTaken::BadSignature)?;
        check(FILE, Namespace::Poke, signed, &[rule]).or(Err(NotTaken::BadSignature))?;
        let (now, boot) = (self.world.clock.now().moment(), self.world.clock.boot());
        lock(&self.pokes).take(Digest::of_file(&signed.bytes), poke.time, now, boot)?;
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
        let mut pokes = Pokes::since(moment(0));
        let mut take = |n: u8, signed: i64, now: i64| {
            pokes.take(digest(n), moment(signed), moment(now), Duration::from_secs(u64::from(n) * 60))
        };
        assert_eq!(take(1, -1, 0), Err(NotTaken::TooLate), "from before the start");
        assert_eq!(take(2, 1, 1), Ok(()));
        assert_eq!(take(2, 1, 2), Err(NotTaken::BadChallenge), "again");
        assert_eq!(take(3, 1, 11), Ok(()), "ten minutes on");
        assert_eq!(take(4, 1, 12), Err(NotTaken::TooLate));
        assert_eq!(take(2, 1, 12), Err(NotTaken::TooLate), "again, when it is forgotten");
        assert_eq!(take(5, 23, 12), Err(NotTaken::TooLate), "from a time to come");
    }

    #[test]
    fn pokes_have_a_rate() {
        let now = Moment::from_seconds(1_800_000_000);
        let mut pokes = Pokes::since(now);
        let taken =
            (0..30).filter(|n| pokes.take(Digest::from_bytes([*n; 32]), now, now, Duration::from_secs(1)).is_ok());
        assert!((1..30).contains(&taken.count()));
    }
}
