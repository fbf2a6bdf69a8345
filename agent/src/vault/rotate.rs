//! Rotation of one secret: create, set, test, finish. Pure: what is next, from what is durable.
//!
//! A person creates the secret at the API, for no API of the catalog describes how to; `vault rotate --set` puts it beside
//! the one that counts. Then this machine: it is tested at the API, it takes the place of the old one, and that is said. Until
//! it passed its test the old one counts, and if it does not pass, it is forgotten.
//!
//! # Crash
//! Every action may be done again: whoever goes on looks at what is durable and at the vault.
//!
//! # Source
//! engine.md section 4. Promise P08.

use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

/// The shortest and the longest time between two tests that told nothing.
const AGAIN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_hours(1));
/// How long before its end on-call is told of a slot, at most; of a shorter interval a quarter.
const WARN: Period = Period::days(14);

/// What is known of one slot: facts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The keyed hash of the secret that counts.
    pub mark: Digest,
    /// Since when it does, as far as this agent knows.
    pub since: Moment,
    /// The rotation that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub going: Option<Going>,
}

/// A rotation that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Going {
    /// Who put the new secret there.
    pub by: PersonId,
    /// How far it came.
    pub stage: Stage,
    /// Tests that told nothing.
    #[serde(default)]
    pub tries: u32,
    /// Not before then it is tested again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
}

/// How far a rotation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The new secret stands beside the old one, which counts.
    Set,
    /// It passed its test, or there is none; from now on it is to count.
    Tested,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the API whether it takes the new secret.
    Test,
    /// Put the new secret in the place of the old one.
    Take,
    /// Nothing before then.
    Wait(Moment),
}

/// What a test told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tested {
    /// The API takes it.
    Works,
    /// It does not.
    Refused,
    /// Nobody knows: the API could not be asked.
    Unsure,
}

impl Going {
    /// A rotation that begins: the new secret stands beside the old one.
    pub fn begins(by: PersonId) -> Self {
        Self { by, stage: Stage::Set, tries: 0, not_before: None }
    }

    /// A rotation to a secret that nobody can be asked about: senders of webhooks take no requests.
    pub fn untested(by: PersonId) -> Self {
        Self { stage: Stage::Tested, ..Self::begins(by) }
    }

    /// What is next.
    pub fn next(&self, now: Moment) -> Action {
        match (self.stage, self.not_before) {
            (Stage::Tested, _) => Action::Take,
            (Stage::Set, Some(until)) if now < until => Action::Wait(until),
            (Stage::Set, _) => Action::Test,
        }
    }

    /// How it goes on after a test; nothing when it is over and the old secret stays.
    #[must_use]
    pub fn after(self, tested: &Tested, now: Moment) -> Option<Self> {
        match tested {
            Tested::Works => Some(Self { stage: Stage::Tested, not_before: None, ..self }),
            Tested::Refused => None,
            Tested::Unsure => {
                let (least, most) = AGAIN;
                let wait = least.saturating_mul(1 << self.tries.min(10)).min(most);
                let not_before = Some(now.plus(Period::seconds(wait.as_secs())));
                Some(Self { tries: self.tries.saturating_add(1), not_before, ..self })
            }
        }
    }
}

/// How soon a slot must be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// There is time.
    Later,
    /// Soon.
    Soon,
    /// It is late.
    Over,
}

/// By when a secret that counts since then must be rotated.
pub fn due(since: Moment, every: Period) -> Moment {
    since.plus(every)
}

/// How soon that is.
pub fn how_due(since: Moment, every: Period, now: Moment) -> Due {
    let end = due(since, every);
    let warn = WARN.min(Period::seconds(every.as_seconds() / 4));
    if now >= end {
        Due::Over
    } else if now >= end.minus(warn) {
        Due::Soon
    } else {
        Due::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_seconds(seconds)
    }

    #[test]
    fn a_secret_counts_only_after_it_passed() {
        let going = Going::begins("omar".parse().unwrap());
        assert_eq!(going.next(at(0)), Action::Test);
        assert_eq!(going.clone().after(&Tested::Refused, at(0)), None);
        let tested = going.clone().after(&Tested::Works, at(0)).unwrap();
        assert_eq!(tested.next(at(0)), Action::Take);
        let unsure = going.after(&Tested::Unsure, at(0)).unwrap();
        assert_eq!(unsure.next(at(29)), Action::Wait(at(30)));
        assert_eq!(unsure.next(at(30)), Action::Test);
        let late = (0..40).fold(unsure, |going, _| going.after(&Tested::Unsure, at(0)).unwrap());
        assert_eq!(late.next(at(0)), Action::Wait(at(3_600)));
        assert_eq!(late.after(&Tested::Works, at(0)).unwrap().next(at(0)), Action::Take);
    }

    #[test]
    fn on_call_is_told_before_and_after_the_interval() {
        let day = 86_400;
        for (days, now, wanted) in [
            (90, 75 * day, Due::Later),
            (90, 76 * day, Due::Soon),
            (90, 90 * day - 1, Due::Soon),
            (90, 90 * day, Due::Over),
            (4, 3 * day - 1, Due::Later),
            (4, 3 * day, Due::Soon),
            (4, 4 * day, Due::Over),
        ] {
            assert_eq!(how_due(at(0), Period::days(days), at(now)), wanted, "{days} {now}");
        }
    }
}
