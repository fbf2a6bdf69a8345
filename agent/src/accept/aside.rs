//! Items of a list that could not be read: what is kept of them, so that the list goes on behind them, and when it is looked
//! for them again. Pure.
//!
//! Each is a run that ends as it begins, `content-lost` with an item of the manual queue. It goes by a key of its own, so that
//! the event itself is still to come: once the item can be read and nobody handled it, it begins the run that it should have
//! begun. What is read within the lag is seen anyway; further back it is looked when another plan runs, which may read what
//! the one before could not, and once an hour.
//!
//! # Source
//! language.md section 3, "Poll"; engine.md sections 2 and 3.

use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::poll::Place;
use crate::store::Write;
use crate::world::Wall;

/// How long after a look for items that were put aside the next one is.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// What is known of the items of a list that were put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aside {
    /// From where on the list is read to see all of them.
    pub from: Moment,
    /// The plan that could not read them.
    pub plan: Digest,
    /// When it was looked for them last.
    pub looked: Moment,
}

impl Aside {
    /// With one more, which stands at this place.
    #[must_use]
    pub fn with(known: Option<&Self>, at: Moment, plan: Digest, now: Moment) -> Self {
        match known {
            Some(known) => Self { from: known.from.min(at), ..known.clone() },
            None => Self { from: at, plan, looked: now },
        }
    }

    /// Whether they are looked for again.
    pub fn is_due(&self, plan: Digest, now: Moment) -> bool {
        self.plan != plan || now >= Wall::from(self.looked).plus(AGAIN_AFTER).moment()
    }

    /// Reads it as [`Self::write`] wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Keeps it, or that there is none any more.
    pub fn write(known: Option<&Self>, place: &Place<'_>) -> Write {
        Write::State { name: Self::name(place), value: known.and_then(|known| serde_json::to_vec(known).ok()) }
    }

    /// The name under which the store keeps it.
    pub fn name(place: &Place<'_>) -> String {
        format!("aside/{}", place.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_is_looked_for_by_another_plan_and_each_hour() {
        let (at, one, two) = (Moment::from_seconds, Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let aside = Aside::with(None, at(50), one, at(100));
        let more = Aside::with(Some(&aside), at(20), two, at(500));
        assert_eq!(more, Aside { from: at(20), plan: one, looked: at(100) });
        assert_eq!(Aside::with(Some(&more), at(90), two, at(500)), more);
        assert!(!more.is_due(one, at(3_699)) && more.is_due(one, at(3_700)) && more.is_due(two, at(101)));
    }
}
