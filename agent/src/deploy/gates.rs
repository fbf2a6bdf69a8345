//! Health gates: whether a plan in trial does worse than the plan before it. Pure, whole numbers, floors for low volume.

use serde::{Deserialize, Serialize};

/// How many of the newest runs of a plan are remembered.
const WINDOW: usize = 64;
/// Fewer runs than this prove nothing.
pub const PROVEN_RUNS: u32 = 5;
/// A trial ends after so many runs.
pub const TRIAL_RUNS: u32 = 20;
/// Failures, in percent of the runs, that a trial may have above those of the plan before it.
const FAILURES_ABOVE_PERCENT: u32 = 10;
/// Fewer good runs than this say nothing about latency.
const LATENCY_RUNS: usize = 10;
/// The median of a trial may be so many times that of the plan before it.
const LATENCY_TIMES: u32 = 3;
/// And so many milliseconds above that: what is fast stays fast enough.
const LATENCY_ABOVE_MS: u32 = 1_000;

/// How the runs of one plan went.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Runs that ended, crashes included.
    pub runs: u32,
    /// Those among them that failed.
    pub failed: u32,
    /// The newest runs: milliseconds of a good one, `-1` for a failed one; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newest: Vec<i64>,
    /// Runs in a row that came to no end by somebody else's doing: they say nothing, unless there is no other.
    #[serde(default, skip_serializing_if = "is_none")]
    pub aside: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Health {
    /// Adds a run that came to no end by somebody else's doing.
    pub fn aside(&mut self) {
        self.aside = self.aside.saturating_add(1);
    }

    /// Whether nothing went well in as many runs as a trial has: whoever may have chosen each, together they are the plan's.
    pub fn is_barren(&self) -> bool {
        self.aside >= TRIAL_RUNS
    }

    /// Adds a run that ended well.
    pub fn good(&mut self, took_ms: u32) {
        self.aside = 0;
        self.add(i64::from(took_ms));
    }

    /// Adds a run that failed.
    pub fn bad(&mut self) {
        self.failed = self.failed.saturating_add(1);
        self.add(-1);
    }

    fn add(&mut self, sample: i64) {
        self.runs = self.runs.saturating_add(1);
        if self.newest.len() == WINDOW {
            self.newest.remove(0);
        }
        self.newest.push(sample);
    }

    /// Failures in percent of the newest runs, rounded down; nothing while too few are known.
    fn failed_percent(&self) -> u32 {
        let runs = self.newest.len();
        let failed = self.newest.iter().filter(|sample| **sample < 0).count();
        if runs < PROVEN_RUNS as usize { 0 } else { u32::try_from(failed * 100 / runs).unwrap_or(100) }
    }

    /// The median of the newest good runs in milliseconds; nothing while too few are known.
    fn median_ms(&self) -> Option<i64> {
        let mut good: Vec<i64> = self.newest.iter().copied().filter(|sample| *sample >= 0).collect();
        good.sort_unstable();
        if good.len() < LATENCY_RUNS { None } else { good.get(good.len() / 2).copied() }
    }
}

/// Why a trial does worse than the plan before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worse {
    /// More of its runs fail.
    FailureRate,
    /// Its runs take longer.
    Latency,
}

/// How many failures a trial may have after so many runs: one, and one more for each ten in a hundred above `before`.
pub fn allowed_failures(runs: u32, before: Option<&Health>) -> u32 {
    let percent = before.map_or(0, Health::failed_percent) + FAILURES_ABOVE_PERCENT;
    1 + runs.saturating_mul(percent) / 100
}

/// Compares a trial with the plan before it.
pub fn judge(trial: &Health, before: Option<&Health>) -> Option<Worse> {
    if trial.failed > allowed_failures(trial.runs, before) {
        return Some(Worse::FailureRate);
    }
    if trial.is_barren() {
        return Some(Worse::FailureRate);
    }
    let (now, then) = (trial.median_ms()?, before?.median_ms()?);
    let most = then.saturating_mul(i64::from(LATENCY_TIMES)).saturating_add(i64::from(LATENCY_ABOVE_MS));
    (now > most).then_some(Worse::Latency)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(good: u32, took_ms: u32, bad: u32) -> Health {
        let mut health = Health::default();
        (0..good).for_each(|_| health.good(took_ms));
        (0..bad).for_each(|_| health.bad());
        health
    }

    #[test]
    fn what_others_did_says_nothing_unless_nothing_else_ever_happens() {
        let mut trial = health(1, 5, 1);
        (1..TRIAL_RUNS).for_each(|_| trial.aside());
        assert_eq!((trial.runs, judge(&trial, None)), (2, None));
        let mut barren = trial.clone();
        barren.aside();
        assert_eq!(judge(&barren, None), Some(Worse::FailureRate));
        trial.good(5);
        trial.aside();
        assert_eq!(judge(&trial, None), None, "one that went well begins the count again");
    }

    #[test]
    fn one_failure_is_no_reason_and_two_of_few_are() {
        assert_eq!(judge(&health(0, 0, 1), None), None);
        assert_eq!(judge(&health(0, 0, 2), None), Some(Worse::FailureRate));
        assert_eq!(judge(&health(8, 5, 2), None), None);
        assert_eq!(judge(&health(8, 5, 3), None), Some(Worse::FailureRate));
    }

    #[test]
    fn a_trial_is_measured_against_the_plan_before_it() {
        let shaky = health(50, 5, 50);
        assert_eq!(judge(&health(5, 5, 5), Some(&shaky)), None);
        assert_eq!(judge(&health(5, 5, 5), Some(&health(60, 5, 0))), Some(Worse::FailureRate));
    }

    #[test]
    fn slower_by_far_is_worse_and_slower_by_little_is_not() {
        let before = health(20, 500, 0);
        assert_eq!(judge(&health(10, 2_500, 0), Some(&before)), None);
        assert_eq!(judge(&health(10, 2_501, 0), Some(&before)), Some(Worse::Latency));
        assert_eq!(judge(&health(9, 60_000, 0), Some(&before)), None);
        assert_eq!(judge(&health(10, 60_000, 0), None), None);
    }

    #[test]
    fn only_the_newest_runs_count_as_before() {
        let mut before = health(0, 0, 64);
        (0..64).for_each(|_| before.good(5));
        assert_eq!(before.failed_percent(), 0);
        assert_eq!(before.runs, 128);
        assert_eq!(before.newest.len(), WINDOW);
    }
}
