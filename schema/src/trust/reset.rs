//! A reset: root gives a client other approvers, for when too few of the old ones are left to do it themselves.
//!
//! It waits seven days, in which any approver of the file before it can end it. The wait counts from the later of what root
//! wrote and when it was first seen, so that no date in a signed file shortens it.
//!
//! # Source
//! trust.md section 2.

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::time::{Moment, Period};

/// How long a reset waits.
pub const RESET_WAITS: Period = Period::days(7);
/// The most resets of one client.
pub(super) const RESETS_MOST: usize = 100;

/// What root says of a reset, in the client's table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The number of the approvers file that is not signed by those before it.
    pub number: u32,
    /// SHA-256 of that file; every key in it signed it.
    pub approvers: Digest,
    /// When root wrote it.
    pub announced: Moment,
}

/// What somebody who judges a reset remembers of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing of this client at all: the date that root wrote has to do.
    Nothing,
    /// The client and its old approvers, and when the reset was first seen; absent when that is now.
    Since(Option<Moment>),
    /// It was in force here before. Nothing ends it any more.
    InForce,
}

/// How a reset stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetStanding {
    /// It counts: the approvers are the new ones.
    Counts,
    /// An old approver ended it, in time.
    Vetoed,
    /// It counts from this instant on, unless somebody ends it.
    Waits(Moment),
}

impl ResetStanding {
    /// Its name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Vetoed => "vetoed",
            Self::Waits(_) => "waits",
        }
    }
}

impl Reset {
    /// How it stands at an instant. `now` is trusted time alone where there is one: a clock that somebody puts forward must
    /// not end the wait.
    pub fn standing(&self, remembered: Remembered, vetoed: bool, now: Moment) -> ResetStanding {
        let since = match remembered {
            Remembered::InForce => return ResetStanding::Counts,
            Remembered::Nothing => self.announced,
            Remembered::Since(seen) => self.announced.max(seen.unwrap_or(now)),
        };
        let until = since.plus(RESET_WAITS);
        if vetoed {
            ResetStanding::Vetoed
        } else if now >= until {
            ResetStanding::Counts
        } else {
            ResetStanding::Waits(until)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_waits_seven_days_from_when_it_was_seen() {
        let day = |n: i64| Moment::from_seconds(1_800_000_000 + n * 86_400);
        let reset = Reset { number: 2, approvers: Digest::of_file(b"2"), announced: day(0) };
        let seen = |n| Remembered::Since(Some(day(n)));
        assert_eq!(
            reset.standing(seen(3), false, day(9)),
            ResetStanding::Waits(day(10)),
            "a date in a file is not a wait"
        );
        assert_eq!(reset.standing(seen(3), false, day(10)), ResetStanding::Counts);
        assert_eq!(
            reset.standing(seen(-3), false, day(6)),
            ResetStanding::Waits(day(7)),
            "nor is it over before its date"
        );
        assert_eq!(reset.standing(Remembered::Since(None), false, day(20)), ResetStanding::Waits(day(27)));
        assert_eq!(reset.standing(Remembered::Nothing, false, day(7)), ResetStanding::Counts);
        assert_eq!(reset.standing(seen(3), true, day(30)), ResetStanding::Vetoed);
        assert_eq!(reset.standing(Remembered::InForce, true, day(4)), ResetStanding::Counts, "what counted goes on");
    }
}
