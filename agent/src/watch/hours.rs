//! What came of a workflow, by the hour: counts and how long runs took, in steps that double. Pure; references alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::Ending;

/// Seconds of an hour.
pub const HOUR_SECONDS: i64 = 3_600;
/// Hours of a day.
pub const DAY_HOURS: i64 = 24;
/// Hours of a week.
pub const WEEK_HOURS: i64 = 168;
/// Steps of times: each is the square root of two times as long as the one before; the last are runs of days.
const STEPS: u8 = 64;

/// One hour of one workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hour {
    /// Runs that were accepted.
    #[serde(skip_serializing_if = "is_none")]
    pub accepted: u32,
    /// Runs that ended well.
    #[serde(skip_serializing_if = "is_none")]
    pub good: u32,
    /// Runs that ended otherwise.
    #[serde(skip_serializing_if = "is_none")]
    pub bad: u32,
    /// Runs that ended well without waiting for people or time, by how long they took.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub took: BTreeMap<u8, u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// The hours of one day of one workflow: 0 to 23.
pub type Day = BTreeMap<u8, Hour>;

impl Hour {
    /// A run was accepted.
    pub fn accept(&mut self) {
        self.accepted = self.accepted.saturating_add(1);
    }

    /// A run ended. `millis` is how long it took, unless it waited for people or time.
    pub fn end(&mut self, ending: Ending, millis: Option<i64>) {
        match ending {
            Ending::Done | Ending::Superseded => {
                self.good = self.good.saturating_add(1);
                if let Some(millis) = millis {
                    let count = self.took.entry(step_of(millis)).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Ending::Stopped | Ending::Failed | Ending::ContentLost => self.bad = self.bad.saturating_add(1),
        }
    }

    /// Runs that ended.
    pub fn ended(&self) -> u32 {
        self.good.saturating_add(self.bad)
    }

    /// Runs whose time is known.
    pub fn timed(&self) -> u32 {
        self.took.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds another hour to this one.
    pub fn add(&mut self, other: &Self) {
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.good = self.good.saturating_add(other.good);
        self.bad = self.bad.saturating_add(other.bad);
        for (step, count) in &other.took {
            let sum = self.took.entry(*step).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The step that so many of a hundred runs stay within, parts of steps by how many runs of it that takes; nothing without
    /// a run whose time is known.
    pub fn quantile(&self, percent: u32) -> Option<f64> {
        let wanted = f64::from(self.timed()) * f64::from(percent) / 100.0;
        let mut below = 0.0;
        for (step, count) in &self.took {
            let count = f64::from(*count);
            if below + count >= wanted {
                return Some(f64::from(*step) - 1.0 + (wanted - below) / count.max(1.0));
            }
            below += count;
        }
        None
    }
}

/// The step of a time: twice the logarithm of its milliseconds.
pub fn step_of(millis: i64) -> u8 {
    let mut step = 0;
    // Steps are compared squared, so that whole numbers do: step n ends at the square root of 2 to the n.
    let squared = i128::from(millis.max(0)).saturating_mul(i128::from(millis.max(0)));
    while step < STEPS && squared > (1_i128 << step) {
        step += 1;
    }
    step
}

/// The number of an hour since 1970.
pub fn hour_of(millis: i64) -> i64 {
    millis.div_euclid(HOUR_SECONDS * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_are_twice_as_long() {
        assert_eq!((step_of(0), step_of(1), step_of(2), step_of(4), step_of(1_024)), (0, 0, 2, 4, 20));
        assert_eq!(step_of(i64::MAX), STEPS);
    }

    #[test]
    fn a_quantile_is_the_step_that_so_many_stay_within() {
        let mut hour = Hour::default();
        assert_eq!(hour.quantile(90), None);
        (0..9).for_each(|_| hour.end(Ending::Done, Some(4)));
        hour.end(Ending::Done, Some(1_000));
        assert_eq!((hour.quantile(90), hour.quantile(100)), (Some(4.0), Some(20.0)));
        assert!(hour.quantile(95).is_some_and(|step| (19.0..20.0).contains(&step)));
    }

    #[test]
    fn hours_are_counts_that_add_up_and_are_kept_as_they_are() {
        let (mut one, mut other) = (Hour::default(), Hour::default());
        one.accept();
        one.end(Ending::Failed, None);
        other.end(Ending::Done, Some(5));
        one.add(&other);
        assert_eq!((one.accepted, one.ended(), one.timed()), (1, 2, 1));
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, r#"{"accepted":1,"good":1,"bad":1,"took":{"5":1}}"#);
        assert_eq!(serde_json::from_str::<Hour>(&text).unwrap(), one);
    }
}
