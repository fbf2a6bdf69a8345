//! What is unlike the weeks before: volume, time and failures of one workflow. Pure: hours in, verdicts out.
//!
//! Volume is compared with the same hour of the weeks before. Counts are taken to the square root, where the noise of any
//! level has the same size (Anscombe), so that few and many are judged by one rule; how much more than by chance an hour
//! differs from the same hour a week before is learnt from all hours (median of absolute differences). What grew or shrank
//! slowly is followed: the level is that of the last seven days, by the median of their ratios. Few events say nothing: there
//! are floors. What this finds and misses of generated histories stands in `docs/anomalies.md`, written by a test.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::alert::Rule;

use super::hours::{DAY_HOURS, Hour, WEEK_HOURS};

/// Weeks that the same hour is compared with.
const WEEKS: i64 = 6;
/// The fewest of them that say anything.
const WEEKS_LEAST: usize = 3;
/// Deviations that no chance explains.
const UNLIKELY: f64 = 5.0;
/// So many events more than usual are the fewest that count as many.
const MORE_LEAST: f64 = 10.0;
/// So many events are the fewest that an hour must usually have to be called low.
const LOW_LEAST: f64 = 15.0;
/// The hours that are put together to find few events: the more there are, the less is chance.
const LOW_HOURS: [i64; 5] = [1, 3, 6, 12, 24];
/// The events of a day that is busy, and the fewest such days that say anything.
const BUSY_LEAST: f64 = 30.0;
const DAYS_LEAST: usize = 10;
/// So many events must have been missed for silence to be one.
const SILENT_LEAST: f64 = 20.0;
/// The most hours that are looked back for silence.
const SILENT_HOURS: i64 = 72;
/// The fewest times between events that say how long nothing may come.
const GAPS_LEAST: usize = 12;
/// So many times as long as the longest of them is no chance.
const LONGER_THAN_EVER: i64 = 3;
/// The fewest runs by which times and failures are judged.
const RUNS_LEAST: u32 = 20;
/// The most hours that are put together to have so many.
const TOGETHER_HOURS: i64 = 24;
/// The fewest samples of the past by which noise and times are judged.
const SAMPLES_LEAST: usize = 24;
/// Runs must take at least twice as long: two steps.
const SLOWER_LEAST: f64 = 2.0;
/// What share of failures is nothing, however rare they were.
const FAILING_LEAST: f64 = 0.01;
/// The fewest failures that are told of.
const FAILURES_LEAST: u32 = 5;

/// How a workflow differs from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// Usually something came, and nothing does.
    Silent,
    /// Far fewer events than usual.
    Low,
    /// Far more events than usual.
    High,
    /// Runs take far longer.
    Slow,
    /// Far more runs fail.
    Failing,
}

impl Anomaly {
    /// The rule of its alert.
    pub fn rule(self) -> Rule {
        match self {
            Self::Silent | Self::Low | Self::High => Rule::AnomalyVolume,
            Self::Slow => Rule::AnomalyLatency,
            Self::Failing => Rule::AnomalyFailures,
        }
    }

    /// The code of its alert.
    pub fn code(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Low => "low",
            Self::High => "high",
            Self::Slow => "slow",
            Self::Failing => "failing",
        }
    }
}

/// The hours of one workflow, by their number since 1970; absent ones had nothing.
#[derive(Clone, Debug, Default)]
pub struct Past {
    hours: BTreeMap<i64, Hour>,
    /// Hours in which nothing is expected because the client is closed all day.
    closed: BTreeSet<i64>,
    /// The first hour that is known, and the events of it and all after it: what is asked for most.
    first: i64,
    counts: Vec<u32>,
    /// What came in the same hours of the weeks before, and of how many weeks that is known, to the hour after the last.
    usual: Vec<Option<(f64, f64)>>,
}

/// What is known of an hour that is not over: with it each look at what came so far is a few comparisons.
#[derive(Clone, Debug, PartialEq)]
pub struct Usual {
    /// The events that are expected, and the deviation of their square roots; nothing while too little is known.
    volume: Option<(f64, f64)>,
    /// The step of times and its deviation.
    took: Option<(f64, f64)>,
    /// The share of runs that end badly.
    bad: f64,
    /// The hours before, as far as times and failures are put together with them, newest first.
    before: Vec<Hour>,
}

/// How much counts differ without a cause, where their noise has the same size at every level.
struct Noise {
    /// Of all hours; 1 when it is chance alone.
    all: f64,
    /// What days differ in beyond chance, as a share of the count, squared.
    busy: f64,
}

impl Noise {
    /// The deviation around an expected count that is the median of so many weeks: of few it is itself uncertain.
    fn of(&self, expected: f64, weeks: f64) -> f64 {
        self.all.max((1.0 + expected * self.busy).sqrt()) * (1.0 + 1.57 / weeks).sqrt()
    }
}

impl Past {
    /// The hours of the past, and those in which the client was closed all day.
    pub fn new(hours: BTreeMap<i64, Hour>, closed: BTreeSet<i64>) -> Self {
        let first = hours.keys().next().copied().unwrap_or(0);
        let last = hours.keys().next_back().copied().unwrap_or(first - 1);
        let counts = (first..=last).map(|hour| hours.get(&hour).map_or(0, |hour| hour.accepted)).collect();
        let mut past = Self { hours, closed, first, counts, usual: Vec::new() };
        past.usual = (first..=last.saturating_add(1)).map(|hour| past.week_by_week(hour)).collect();
        past
    }

    fn count(&self, hour: i64) -> f64 {
        let at = usize::try_from(hour - self.first).ok();
        at.and_then(|at| self.counts.get(at)).map_or(0.0, |count| f64::from(*count))
    }

    /// Whether it is known what came in an hour, and something could have come.
    fn is_known(&self, hour: i64) -> bool {
        hour >= self.first && !self.counts.is_empty() && !self.closed.contains(&hour)
    }

    /// What is unlike the past in an hour that is over, and what is usual in the one after it.
    pub fn judge(&self, hour: i64) -> (BTreeSet<Anomaly>, Usual) {
        let mut found = BTreeSet::new();
        let (noise, level) = (self.noise(hour), self.level(hour));
        let now = self.hours.get(&hour).cloned().unwrap_or_default();
        if self.is_silent(hour, &noise, level) || self.is_quieter_than_ever(hour) {
            found.insert(Anomaly::Silent);
        } else if LOW_HOURS.into_iter().any(|hours| self.is_low(hour, hours, &noise, level)) {
            found.insert(Anomaly::Low);
        }
        found.extend(self.usual(hour, &noise, level).judge(&now));
        // An hour changes neither by much.
        (found, self.usual(hour + 1, &noise, level))
    }

    /// What is usual in an hour.
    fn usual(&self, hour: i64, noise: &Noise, level: f64) -> Usual {
        let volume = self.expected(hour, level).map(|(expected, weeks)| (expected, noise.of(expected, weeks)));
        let before =
            (1..TOGETHER_HOURS).map(|back| self.hours.get(&(hour - back)).cloned().unwrap_or_default()).collect();
        Usual { volume, took: self.took(hour), bad: self.bad(hour), before }
    }

    /// Whether far fewer came in the last hours than usually come.
    fn is_low(&self, hour: i64, hours: i64, noise: &Noise, level: f64) -> bool {
        let (mut came, mut usual, mut weeks) = (0.0, 0.0, f64::INFINITY);
        for then in (0..hours).map(|back| hour - back) {
            let Some((expected, known)) = self.expected(then, level) else { return false };
            if !self.closed.contains(&then) {
                (came, usual, weeks) = (came + self.count(then), usual + expected, weeks.min(known));
            }
        }
        usual >= LOW_LEAST && root(came) < root(usual) - UNLIKELY * noise.of(usual, weeks)
    }

    /// What came in the same hour of the weeks before, at today's level; and of how many weeks that is known.
    fn expected(&self, hour: i64, level: f64) -> Option<(f64, f64)> {
        let at = usize::try_from(hour - self.first).ok()?;
        let usual = self.usual.get(at).copied().unwrap_or_else(|| self.week_by_week(hour));
        usual.map(|(usual, weeks)| (usual * level, weeks))
    }

    fn week_by_week(&self, hour: i64) -> Option<(f64, f64)> {
        let weeks = (1..=WEEKS).map(|week| hour - week * WEEK_HOURS);
        let known: Vec<f64> = weeks.filter(|then| self.is_known(*then)).map(|then| self.count(then)).collect();
        let weeks = u32::try_from(known.len()).unwrap_or(0);
        let enough = known.len() >= WEEKS_LEAST;
        median(known).filter(|_| enough).map(|usual| (usual, f64::from(weeks)))
    }

    /// How much hours differ from the same hours a week before, and days beyond chance.
    fn noise(&self, hour: i64) -> Noise {
        let pairs = (1..=4 * WEEK_HOURS).map(|back| (hour - back, hour - back - WEEK_HOURS));
        let both = pairs.filter(|(now, then)| self.is_known(*now) && self.is_known(*then));
        let hours: Vec<(f64, f64)> = both.map(|(now, then)| (self.count(now), self.count(then))).collect();
        let day = |back: i64, week: i64| -> f64 {
            let hours = (1..=DAY_HOURS).map(|n| hour - back * DAY_HOURS - n - week * WEEK_HOURS);
            hours.map(|hour| self.count(hour)).sum()
        };
        let is_open = |back: i64| {
            [0, 1].iter().all(|week| self.is_known(hour - back * DAY_HOURS - DAY_HOURS - week * WEEK_HOURS))
        };
        let days: Vec<(f64, f64)> =
            (0..28).filter(|back| is_open(*back)).map(|back| (day(back, 0), day(back, 1))).collect();
        // Times in which there is nothing either way would make everything else look wild.
        let all = apart(&hours, 1.0, SAMPLES_LEAST).map_or(1.0, |(scale, _)| scale.max(1.0));
        let days = apart(&days, BUSY_LEAST, DAYS_LEAST);
        Noise { all, busy: days.map_or(0.0, |(scale, mean)| (scale * scale - 1.0).max(0.0) / mean) }
    }

    /// How the last seven days compare with the same days of the weeks before.
    fn level(&self, hour: i64) -> f64 {
        let day = |back: i64| {
            let hours = (1..=DAY_HOURS).map(|n| hour - (back * DAY_HOURS) - n);
            let open: Vec<i64> = hours.filter(|hour| !self.closed.contains(hour)).collect();
            let came: f64 = open.iter().map(|hour| self.count(*hour)).sum();
            let usual: Vec<f64> = open.iter().filter_map(|hour| Some(self.expected(*hour, 1.0)?.0)).collect();
            let usual = if usual.len() == open.len() { usual.iter().sum::<f64>() } else { return None };
            // A few events either way say nothing about a level.
            Some((came + 5.0) / (usual + 5.0))
        };
        median((0..7).filter_map(day).collect()).map_or(1.0, |level| level.clamp(0.25, 4.0))
    }

    /// Whether nothing came for so long that it cannot be chance.
    fn is_silent(&self, hour: i64, noise: &Noise, level: f64) -> bool {
        let mut missed = 0.0;
        for back in 0..SILENT_HOURS {
            let then = hour - back;
            if self.count(then) > 0.0 {
                return false;
            }
            if !self.closed.contains(&then) {
                missed += self.expected(then, level).map_or(0.0, |(expected, _)| expected);
            }
            if missed >= SILENT_LEAST * noise.all * noise.all {
                return true;
            }
        }
        false
    }

    /// Whether nothing came for far longer than ever in the weeks before: of few events no count of those that are missed says so.
    fn is_quieter_than_ever(&self, hour: i64) -> bool {
        let came: Vec<i64> = self.hours.range(..=hour).filter(|(_, one)| one.accepted > 0).map(|(at, _)| *at).collect();
        let Some(last) = came.last().copied() else { return false };
        let open = |from: i64, to: i64| {
            let closed = self.closed.range(from.saturating_add(1)..to).count();
            to.saturating_sub(from).saturating_sub(i64::try_from(closed).unwrap_or(0))
        };
        let since = last.saturating_sub(WEEKS * WEEK_HOURS);
        let recent = came.iter().filter(|at| **at >= since);
        let gaps: Vec<i64> = recent.clone().zip(recent.skip(1)).map(|(from, to)| open(*from, *to)).collect();
        let is_known = last.saturating_sub(self.first) >= WEEK_HOURS.saturating_mul(3) && gaps.len() >= GAPS_LEAST;
        let silent = open(last, hour.saturating_add(1));
        let longest = gaps.into_iter().max().unwrap_or(i64::MAX);
        is_known && silent >= DAY_HOURS && silent > longest.saturating_mul(LONGER_THAN_EVER)
    }

    /// The step that nine of ten runs stay within, and how much that differs from one score of runs to the next.
    fn took(&self, hour: i64) -> Option<(f64, f64)> {
        let (mut steps, mut some) = (Vec::new(), Hour::default());
        for (_, one) in self.hours.range(hour - 4 * WEEK_HOURS..hour) {
            some.add(one);
            if some.timed() >= RUNS_LEAST {
                steps.extend(std::mem::take(&mut some).quantile(90));
            }
        }
        if steps.len() < SAMPLES_LEAST {
            return None;
        }
        let middle = median(steps.clone())?;
        let apart = median(steps.iter().map(|step| (step - middle).abs()).collect())?;
        Some((middle, 1.4826 * apart))
    }

    /// The share of runs that end badly, without the days on which most did.
    fn bad(&self, hour: i64) -> f64 {
        let mut days: BTreeMap<i64, (u32, u32)> = BTreeMap::new();
        for (at, one) in self.hours.range(hour - 4 * WEEK_HOURS..hour - 1) {
            let (bad, all) = days.entry(at.div_euclid(DAY_HOURS)).or_default();
            (*bad, *all) = (bad.saturating_add(one.bad), all.saturating_add(one.ended()));
        }
        let share = |(bad, all): (u32, u32)| f64::from(bad) / f64::from(all.max(1));
        let mut days: Vec<(u32, u32)> = days.into_values().filter(|(_, all)| *all > 0).collect();
        days.sort_by(|a, b| share(*a).total_cmp(&share(*b)));
        days.truncate(days.len() - days.len() / 10);
        let sum = |(bad, all): (u32, u32), (b, a): &(u32, u32)| (bad.saturating_add(*b), all.saturating_add(*a));
        share(days.iter().fold((0, 0), sum)).max(FAILING_LEAST)
    }
}

impl Usual {
    /// What is unlike the past in what came of the hour so far.
    pub fn judge(&self, now: &Hour) -> BTreeSet<Anomaly> {
        let mut found = BTreeSet::new();
        if let Some((expected, deviation)) = self.volume {
            let came = f64::from(now.accepted);
            if came - expected >= MORE_LEAST && root(came) > root(expected) + UNLIKELY * deviation {
                found.insert(Anomaly::High);
            }
        }
        if let Some((step, deviation)) = self.took
            && let Some(slow) = self.together(now, Hour::timed).quantile(90)
            && slow > step + (UNLIKELY * deviation).max(SLOWER_LEAST)
        {
            found.insert(Anomaly::Slow);
        }
        let recent = self.together(now, Hour::ended);
        let (all, bad) = (f64::from(recent.ended()), f64::from(recent.bad));
        let chance = all * self.bad + UNLIKELY * (all * self.bad * (1.0 - self.bad)).sqrt();
        if recent.ended() >= RUNS_LEAST && recent.bad >= FAILURES_LEAST && bad > chance + 2.0 {
            found.insert(Anomaly::Failing);
        }
        found
    }

    /// The hour with as many before it as it takes to have enough runs; nothing where there are not enough.
    fn together(&self, now: &Hour, runs: fn(&Hour) -> u32) -> Hour {
        let mut all = now.clone();
        let mut before = self.before.iter();
        while runs(&all) < RUNS_LEAST {
            let Some(one) = before.next() else { return Hour::default() };
            all.add(one);
        }
        all
    }
}

/// Where the noise of a count has the same size at every level.
fn root(count: f64) -> f64 {
    2.0 * (count + 0.375).sqrt()
}

/// How far pairs of counts are apart where their noise has the same size, and the count that they are of, by medians; nothing
/// of few pairs.
fn apart(pairs: &[(f64, f64)], least: f64, enough: usize) -> Option<(f64, f64)> {
    let busy = pairs.iter().filter(|(now, then)| f64::midpoint(*now, *then) >= least);
    let (aparts, means): (Vec<f64>, Vec<f64>) = busy
        .map(|(now, then)| {
            let apart = (root(*now) - root(*then)).abs() / std::f64::consts::SQRT_2;
            (apart, f64::midpoint(*now, *then))
        })
        .unzip();
    if aparts.len() < enough {
        return None;
    }
    Some((1.4826 * median(aparts)?, median(means)?))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if middle >= values.len() {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = lower.iter().copied().max_by(f64::total_cmp).filter(|_| values.len().is_multiple_of(2));
    Some(lower.map_or(upper, |lower| f64::midpoint(lower, upper)))
}

#[cfg(test)]
mod tests;
