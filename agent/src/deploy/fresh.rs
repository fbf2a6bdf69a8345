//! Whether a client's workflows may go on, by the age of the newest freshness statement. Pure.
//!
//! # Source
//! trust.md section 4: a statement lives 24 h; without a current one the agent alerts at once and stops after the limit.

use assent_schema::release::FRESHNESS_LIVES;
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

/// The longest `stale_limit` that is honoured, whatever the client's file says.
pub const STALE_MOST: Period = Period::days(7);

/// How current the agent's knowledge is, for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// A current statement is known.
    Current,
    /// The newest statement is older than it lives: work goes on, people are told.
    Late,
    /// The client's limit has passed: nothing starts and nothing is changed outside.
    Stale,
}

/// Judges the age of the newest statement. One from the future is as good as one of now.
pub fn judge(newest: Option<Moment>, now: Moment, stale_limit: Period) -> Freshness {
    let Some(newest) = newest else { return Freshness::Stale };
    let age = now.since(newest);
    // A limit below a statement's life never stops work before people were told.
    let limit = stale_limit.clamp(FRESHNESS_LIVES, STALE_MOST);
    if age >= limit && age >= FRESHNESS_LIVES {
        Freshness::Stale
    } else if age >= FRESHNESS_LIVES {
        Freshness::Late
    } else {
        Freshness::Current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_decides() {
        let then = Moment::from_seconds(1_000_000);
        let at = |hours| judge(Some(then), then.plus(Period::hours(hours)), Period::hours(72));
        assert_eq!(at(23), Freshness::Current);
        assert_eq!(at(24), Freshness::Late);
        assert_eq!(at(71), Freshness::Late);
        assert_eq!(at(72), Freshness::Stale);
        assert_eq!(judge(None, then, Period::hours(72)), Freshness::Stale);
        assert_eq!(judge(Some(then.plus(Period::hours(9))), then, Period::hours(72)), Freshness::Current);
    }

    #[test]
    fn no_limit_is_longer_than_a_week() {
        let then = Moment::from_seconds(1_000_000);
        assert_eq!(judge(Some(then), then.plus(Period::days(7)), Period::days(30)), Freshness::Stale);
    }
}
