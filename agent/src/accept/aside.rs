//! Items of a list that could not be read: what is kept of them, so that the list goes on behind them, and when it is looked
//! for them again. Pure.
//!
//! Each is a run that ends as it begins, `content-lost` with an item of the manual queue. It goes by a key of its own, so that
//! the event itself is still to come: once the item can be read and nobody handled it, it begins the run that it should have
//! begun. What is read within the lag is seen anyway; further back it is looked when another plan runs, which may read what
//! the one before could not, and once an hour. A plan that reads another list may not see what the list before could not give:
//! that is kept while somebody has yet to handle it, for the plan that goes back to that list.
//!
//! # Source
//! language.md section 3, "Poll"; engine.md sections 2 and 3.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::OperationRef;
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
    /// The list that showed the first of them; of those that were kept for a list alone its name says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<OperationRef>,
}

impl Aside {
    /// With one more, which stands at this place of a list.
    #[must_use]
    pub fn with(known: Option<&Self>, (at, list): (Moment, &OperationRef), (plan, now): (Digest, Moment)) -> Self {
        match known {
            Some(known) => Self { from: known.from.min(at), ..known.clone() },
            None => Self { from: at, plan, looked: now, list: Some(list.clone()) },
        }
    }

    /// What is known of all lists of a workflow, where each had its own.
    pub fn of_lists(kept: BTreeMap<OperationRef, Self>) -> Option<Self> {
        let kept = kept.into_iter().map(|(list, one)| Self { list: Some(list), ..one });
        kept.reduce(|first, next| {
            let (from, looked) = (first.from.min(next.from), first.looked.min(next.looked));
            Self { from, looked, ..if first.from <= next.from { first } else { next } }
        })
    }

    /// Whether a plan that reads this list may not see all of them.
    pub fn is_of_another(&self, list: &OperationRef) -> bool {
        self.list.as_ref().is_some_and(|of| of != list)
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

    /// What the names begin with under which the store kept it for single lists; the list follows.
    pub fn before_lists(place: &Place<'_>) -> String {
        format!("aside/{}", place.before_lists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_is_looked_for_by_another_plan_and_each_hour() {
        let (at, one, two) = (Moment::from_seconds, Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let (list, other): (OperationRef, OperationRef) = ("shop.list".parse().unwrap(), "shop.other".parse().unwrap());
        let aside = Aside::with(None, (at(50), &list), (one, at(100)));
        let more = Aside::with(Some(&aside), (at(20), &other), (two, at(500)));
        assert_eq!(more, Aside { from: at(20), plan: one, looked: at(100), list: Some(list.clone()) });
        assert_eq!(Aside::with(Some(&more), (at(90), &other), (two, at(500))), more);
        assert!(!more.is_due(one, at(3_699)) && more.is_due(one, at(3_700)) && more.is_due(two, at(101)));
        assert!(more.is_of_another(&other) && !more.is_of_another(&list));
    }

    #[test]
    fn what_was_kept_of_single_lists_is_all_looked_for() {
        let (at, plan) = (Moment::from_seconds, Digest::from_bytes([1; 32]));
        let (list, other): (OperationRef, OperationRef) = ("shop.list".parse().unwrap(), "shop.other".parse().unwrap());
        let written = format!(r#"{{"from":"{}","plan":"{plan}","looked":"{}"}}"#, at(50), at(100));
        let older = Aside::read(written.as_bytes()).expect("as it was written before");
        let kept = [(list, Aside { from: at(70), looked: at(90), ..older.clone() }), (other.clone(), older)];
        let found = Aside::of_lists(kept.into()).expect("one");
        assert_eq!(found, Aside { from: at(50), plan, looked: at(90), list: Some(other) });
        assert_eq!(Aside::of_lists(BTreeMap::new()), None);
    }
}
