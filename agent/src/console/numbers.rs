//! KPIs as people look at them: by workflow and name, over days, with groups that are too small left out. Pure.
//!
//! A count under five is shown as `<5`, and never so that it could be had from the others and their sum. A sum tells more: of
//! one run, all of it. So sums are told in portions of five runs or more, of hours that are over; what is fewer waits for more.
//! A portion is the same whenever anybody looks, and everything that is shown adds up whole portions: whoever subtracts one
//! look from the next, one day from its week or a label from all of them has a portion, never a run.
//!
//! # Source
//! language.md section 5: groups under five are shown as `<5`.

use std::collections::{BTreeMap, BTreeSet};

/// Groups below it are not shown.
pub(super) const LEAST: i64 = 5;
/// How many days a plot shows.
pub(super) const DAYS: i64 = 30;

/// What is counted or summed: of one workflow, under one name, in one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    /// Which workflow.
    pub(super) workflow: String,
    /// Its name.
    pub(super) name: String,
    /// The currency of a sum of money.
    pub(super) currency: Option<String>,
}

/// What people see in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// The value.
    Told(i64),
    /// That there is something, of too few.
    Few,
    /// Nothing, because the value would tell another one that is hidden.
    Withheld,
}

/// The numbers of one series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// By day since 1970, all labels together.
    pub(super) days: BTreeMap<i64, Cell>,
    /// By labels, over the days that are shown.
    pub(super) groups: BTreeMap<String, Cell>,
    /// All that is shown.
    pub(super) total: i64,
}

/// One count as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// What is counted.
    pub(super) series: Series,
    /// The hour since 1970 in which the count begins.
    pub(super) hour: i64,
    /// How many hours it lasts, for the runs behind a sum.
    pub(super) lasts: i64,
    /// The labels, `path=label`, joined by commas.
    pub(super) group: String,
    /// How much.
    pub(super) value: i64,
}

/// Reads a sum's name `kpi/<client>/<workflow>/<name>/<hour>[/currency=X][/path=label]…`, less `kpi/<client>/`.
pub(super) fn read(rest: &str, value: i64) -> Option<Count> {
    let mut parts = rest.split('/');
    let (workflow, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let hour = parts.next()?.parse().ok()?;
    Some(labelled((workflow, name), (hour, 1), parts, value))
}

/// Reads how many runs are behind a sum: `kpi-runs/<client>/<workflow>/<name>/<hour>/<hours>…`, less `kpi-runs/<client>/`.
pub(super) fn read_runs(rest: &str, value: i64) -> Option<Count> {
    let mut parts = rest.split('/');
    let (workflow, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let when = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(labelled((workflow, name), when, parts, value))
}

fn labelled<'a>(
    (workflow, name): (String, String),
    (hour, lasts): (i64, i64),
    parts: impl Iterator<Item = &'a str>,
    value: i64,
) -> Count {
    let (mut currency, mut labels) = (None, Vec::new());
    for part in parts {
        match part.strip_prefix("currency=") {
            Some(code) if currency.is_none() && labels.is_empty() => currency = Some(code.to_owned()),
            _ => labels.push(part),
        }
    }
    Count { series: Series { workflow, name, currency }, hour, lasts, group: labels.join(", "), value }
}

/// Hours that begin before it are over, and what was counted in them is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// The first hour since 1970 that is not over.
    hour: i64,
    /// The day since 1970.
    day: i64,
}

impl Now {
    /// The instant in seconds since 1970. What a run counted as an hour ended is durable a few minutes later.
    pub(super) fn at(seconds: i64) -> Self {
        Self { hour: seconds.saturating_sub(300).div_euclid(3_600), day: seconds.div_euclid(86_400) }
    }

    /// The day since 1970.
    pub(super) fn day(self) -> i64 {
        self.day
    }

    fn shows(self, day: i64) -> bool {
        day > self.day.saturating_sub(DAYS) && day <= self.day
    }
}

/// The last [`DAYS`] days of everything; `runs` are those behind sums.
pub(super) fn over_days(
    counts: impl IntoIterator<Item = Count>,
    runs: impl IntoIterator<Item = Count>,
    now: Now,
) -> BTreeMap<Series, Counts> {
    let mut behind: BTreeMap<(Series, String, i64), (i64, i64)> = BTreeMap::new();
    let mut summed: BTreeSet<Series> = BTreeSet::new();
    for Count { series, hour, lasts, group, value } in runs {
        summed.insert(series.clone());
        behind.insert((series, group, hour), (lasts, value));
    }
    let mut of_counts: BTreeMap<Series, Vec<Count>> = BTreeMap::new();
    let mut of_sums: BTreeMap<Series, Vec<Portion>> = BTreeMap::new();
    for count in counts {
        let is_sum = count.series.currency.is_some() || summed.contains(&count.series);
        if is_sum {
            let key = (count.series.clone(), count.group.clone(), count.hour);
            // Sums of before runs were counted are of nobody knows how many.
            let (lasts, runs) = behind.get(&key).copied().unwrap_or((1, 0));
            let ends = count.hour.saturating_add(lasts.max(1));
            let portion = Portion { ends, group: count.group, runs, value: count.value };
            of_sums.entry(count.series).or_default().push(portion);
        } else {
            of_counts.entry(count.series.clone()).or_default().push(count);
        }
    }
    let counted = of_counts.into_iter().map(|(series, counts)| (series, of_count(&counts, now)));
    let all: BTreeMap<Series, Counts> = counted.collect();
    all.into_iter().chain(of_sums.into_iter().map(|(series, parts)| (series, of_sum(parts, now)))).collect()
}

fn of_count(counts: &[Count], now: Now) -> Counts {
    let (mut days, mut groups, mut total) = (BTreeMap::<i64, i64>::new(), BTreeMap::<String, i64>::new(), 0_i64);
    for count in counts {
        let day = count.hour.div_euclid(24);
        if now.shows(day) {
            let (of_day, of_group) = (days.entry(day).or_default(), groups.entry(count.group.clone()).or_default());
            *of_day = of_day.saturating_add(count.value);
            *of_group = of_group.saturating_add(count.value);
            total = total.saturating_add(count.value);
        }
    }
    Counts { days: conceal(days), groups: conceal(groups), total }
}

/// Hides what is small; where that is one value alone, the next one too, for their sum is shown.
fn conceal<K: Ord + Clone>(values: BTreeMap<K, i64>) -> BTreeMap<K, Cell> {
    let few = |value: i64| (1..LEAST).contains(&value);
    let alone = values.values().filter(|value| few(**value)).count() == 1;
    let others = values.iter().filter(|(_, value)| **value != 0 && !few(**value));
    let next = others.min_by_key(|(_, value)| **value).map(|(key, _)| key.clone()).filter(|_| alone);
    let cell = |(key, value): (K, i64)| {
        let cell = match value {
            _ if few(value) => Cell::Few,
            _ if next.as_ref() == Some(&key) => Cell::Withheld,
            _ => Cell::Told(value),
        };
        (key, cell)
    };
    values.into_iter().map(cell).collect()
}

/// A part of a sum: all runs of one group in the hours of one count, then of several.
struct Portion {
    /// The first hour that is no part of it.
    ends: i64,
    group: String,
    runs: i64,
    value: i64,
}

impl Portion {
    /// The day of its last hour.
    fn day(&self) -> i64 {
        self.ends.saturating_sub(1).div_euclid(24)
    }
}

fn of_sum(mut parts: Vec<Portion>, now: Now) -> Counts {
    parts.retain(|part| part.ends <= now.hour);
    // As they ended: what ends later never comes to stand before what was looked at earlier.
    parts.sort_by_key(|part| part.ends);
    let mut shown = Counts::default();
    let mut waiting: BTreeMap<String, Portion> = BTreeMap::new();
    for part in parts {
        let (day, group) = (part.day(), part.group.clone());
        if now.shows(day) {
            shown.days.entry(day).or_insert(Cell::Few);
            shown.groups.entry(group.clone()).or_insert(Cell::Few);
        }
        let whole = match waiting.remove(&group) {
            None => part,
            Some(before) => Portion {
                runs: before.runs.saturating_add(part.runs),
                value: before.value.saturating_add(part.value),
                ..part
            },
        };
        if whole.runs < LEAST {
            waiting.insert(group, whole);
        } else if now.shows(day) {
            shown.total = shown.total.saturating_add(whole.value);
            add(shown.days.entry(day).or_insert(Cell::Few), whole.value);
            add(shown.groups.entry(group).or_insert(Cell::Few), whole.value);
        }
    }
    shown
}

fn add(cell: &mut Cell, value: i64) {
    *cell = match cell {
        Cell::Told(before) => Cell::Told(before.saturating_add(value)),
        Cell::Few | Cell::Withheld => Cell::Told(value),
    };
}

impl Series {
    /// A value as people see it.
    pub(super) fn shown(&self, cell: Cell) -> String {
        match (cell, &self.currency) {
            (Cell::Few, _) => format!("<{LEAST}"),
            (Cell::Withheld, _) => "withheld".to_owned(),
            (Cell::Told(value), Some(currency)) => super::words::money(value, currency),
            (Cell::Told(value), None) if value < 0 => format!("-{}", super::words::grouped(value.unsigned_abs())),
            (Cell::Told(value), None) => super::words::grouped(value.unsigned_abs()),
        }
    }

    /// The sum of all that is shown. A count that is too small is not told; a sum holds whole portions alone.
    pub(super) fn total(&self, counts: &Counts) -> String {
        let few = self.currency.is_none() && (1..LEAST).contains(&counts.total);
        self.shown(if few { Cell::Few } else { Cell::Told(counts.total) })
    }
}

/// The table that people take along: one line for each day, and the same groups left out.
pub(super) fn csv(all: &BTreeMap<Series, Counts>) -> String {
    let mut text = "workflow,name,currency,day,value\r\n".to_owned();
    for (series, counts) in all {
        for (day, cell) in &counts.days {
            let currency = series.currency.as_deref().unwrap_or_default();
            let value = match cell {
                Cell::Told(value) => value.to_string(),
                Cell::Few | Cell::Withheld => series.shown(*cell),
            };
            let row = format!("{},{},{currency},{},{value}\r\n", series.workflow, series.name, date(*day));
            text.push_str(&row);
        }
    }
    text
}

/// A day since 1970 as a date.
pub(super) fn date(day: i64) -> String {
    assent_schema::time::Moment::from_seconds(day.saturating_mul(86_400)).day()
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
