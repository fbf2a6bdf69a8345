//! KPIs as people look at them: by workflow and name, over days, with groups that are too small left out. Pure.
//!
//! Values are told in portions of five runs or more, of hours that are over; what is fewer waits for more, and is shown as `<5`.
//! A portion is the same whenever anybody looks, and everything that is shown adds up whole portions: whoever subtracts one
//! look from the next, one day from its week or a label from all of them has a portion, never a run.
//!
//! Of the hour that is not over one thing is told: how many runs a KPI counted that counts every run that is done, all labels
//! together, in fives. That is no more than the list of runs and the metrics say at any moment.
//!
//! Two counts of one workflow may differ by a few runs, which are then told by both. Of two that do, the later by name gives way:
//! where they come too close it is withheld, and so are its total and enough of the rest that nobody can add it up. Two sums of one
//! value over different runs are not released at all (`kpi-too-fine`).
//!
//! # Source
//! language.md section 5: groups under five are shown as `<5`.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::WorkflowId;
use assent_schema::plan::Kpi;

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
    /// Whether it is withheld.
    pub(super) hides_total: bool,
    /// What was counted since the last hour that is over, in fives; 0 where nothing is told of it.
    pub(super) so_far: i64,
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

/// How a KPI is taken, by all plans that may have taken it lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taking {
    /// How many hours one count lasts.
    lasts: i64,
    /// Whether it counts every run that is done.
    all_runs: bool,
}

/// How KPIs are taken, by workflow and name.
pub(super) type Takings = BTreeMap<(String, String), Taking>;

/// What plans say of how their KPIs are taken. Where two differ, the one counts that tells less.
pub(super) fn takings(kpis: impl IntoIterator<Item = (WorkflowId, Kpi)>) -> Takings {
    let mut all = Takings::new();
    for (workflow, kpi) in kpis {
        let hours = kpi.per.and_then(|per| i64::try_from(per.as_seconds() / 3_600).ok()).unwrap_or(1).max(1);
        let taking = Taking { lasts: hours, all_runs: kpi.when.is_none() && kpi.sum.is_none() };
        let known = all.entry((workflow.to_string(), kpi.name.to_string())).or_insert(taking);
        *known = Taking { lasts: known.lasts.max(taking.lasts), all_runs: known.all_runs && taking.all_runs };
    }
    all
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

    /// The hour of the day, UTC, from which on nothing is told but how many there are so far.
    pub(super) fn open_since(self) -> i64 {
        self.hour.rem_euclid(24)
    }

    fn shows(self, day: i64) -> bool {
        day > self.day.saturating_sub(DAYS) && day <= self.day
    }
}

/// The last [`DAYS`] days of everything; `runs` are those behind sums, `takings` say how counts are taken.
pub(super) fn over_days(
    counts: impl IntoIterator<Item = Count>,
    runs: impl IntoIterator<Item = Count>,
    takings: &Takings,
    now: Now,
) -> BTreeMap<Series, Counts> {
    let mut behind: BTreeMap<(Series, String, i64), (i64, i64)> = BTreeMap::new();
    let mut summed: BTreeSet<Series> = BTreeSet::new();
    for Count { series, hour, lasts, group, value } in runs {
        summed.insert(series.clone());
        behind.insert((series, group, hour), (lasts, value));
    }
    let (mut counted, mut others) = (BTreeMap::new(), BTreeMap::new());
    let mut open: BTreeMap<Series, i64> = BTreeMap::new();
    for count in counts {
        let taking = takings.get(&(count.series.workflow.clone(), count.series.name.clone()));
        let is_sum = count.series.currency.is_some() || summed.contains(&count.series);
        let known = behind.get(&(count.series.clone(), count.group.clone(), count.hour)).copied();
        // A count is of as many runs as it says; sums of before runs were counted are of nobody knows how many.
        let lasts = taking.map_or(1, |taking| taking.lasts);
        let (lasts, runs) = known.unwrap_or((lasts, if is_sum { 0 } else { count.value }));
        if !is_sum && lasts == 1 && count.hour >= now.hour && taking.is_some_and(|taking| taking.all_runs) {
            let sum: &mut i64 = open.entry(count.series.clone()).or_default();
            *sum = sum.saturating_add(count.value);
        }
        let ends = count.hour.saturating_add(lasts.max(1));
        let all: &mut BTreeMap<Series, Vec<Portion>> = if is_sum { &mut others } else { &mut counted };
        all.entry(count.series).or_default().push(Portion { ends, group: count.group, runs, value: count.value });
    }
    let told = |all: BTreeMap<Series, Vec<Portion>>| -> BTreeMap<Series, Counts> {
        all.into_iter().map(|(series, parts)| (series, of_portions(parts, now))).collect()
    };
    let (mut counted, others) = (told(counted), told(others));
    keep_apart(&mut counted);
    for (series, counts) in &mut counted {
        let so_far = open.get(series).copied().filter(|_| !counts.hides_total).unwrap_or_default();
        counts.so_far = so_far - so_far.rem_euclid(LEAST);
    }
    counted.into_iter().chain(others).collect()
}

/// Withholds of each count what comes too close to one of the same workflow before it.
fn keep_apart(all: &mut BTreeMap<Series, Counts>) {
    let names: Vec<Series> = all.keys().cloned().collect();
    for (place, name) in names.iter().enumerate() {
        let Some(mut own) = all.remove(name) else { continue };
        let before = names.iter().take(place).filter(|other| other.workflow == name.workflow);
        for other in before.filter_map(|other| all.get(other)) {
            own.give_way(other);
        }
        all.insert(name.clone(), own);
    }
}

/// Whether the difference of two numbers is a group that is too small to be shown.
fn too_close(one: i64, other: i64) -> bool {
    (1..LEAST).contains(&one.abs_diff(other).try_into().unwrap_or(LEAST))
}

/// Withholds one more value where none is: then nobody can add up the total.
fn hide_one<K: Ord + Clone>(cells: &mut BTreeMap<K, Cell>) {
    if cells.values().all(|cell| matches!(cell, Cell::Told(_))) {
        let told = cells.iter().filter_map(|(key, cell)| match cell {
            Cell::Told(value) if *value != 0 => Some((*value, key.clone())),
            Cell::Told(_) | Cell::Few | Cell::Withheld => None,
        });
        let least = told.min();
        cells.extend(least.map(|(_, key)| (key, Cell::Withheld)));
    }
}

impl Counts {
    /// Withholds what tells, beside what another count shows, of a group that is too small.
    fn give_way(&mut self, other: &Self) {
        let told = |cell: &Cell| match cell {
            Cell::Told(value) => Some(*value),
            Cell::Few | Cell::Withheld => None,
        };
        let shown: Vec<i64> = other.groups.values().filter_map(told).collect();
        let total = Some(other.total).filter(|_| !other.hides_total);
        let beside = |value: i64| shown.iter().chain(&total).any(|other| too_close(value, *other));
        let mut hidden = beside(self.total);
        for (day, cell) in &mut self.days {
            let close = |value: i64| other.days.get(day).and_then(told).is_some_and(|other| too_close(value, other));
            if told(cell).is_some_and(close) {
                (*cell, hidden) = (Cell::Withheld, true);
            }
        }
        for cell in self.groups.values_mut() {
            if told(cell).is_some_and(beside) {
                (*cell, hidden) = (Cell::Withheld, true);
            }
        }
        if hidden {
            self.hides_total = true;
            hide_one(&mut self.days);
            hide_one(&mut self.groups);
        }
    }
}

/// A part of a series: all runs of one group in the hours of one count, then of several.
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

fn of_portions(mut parts: Vec<Portion>, now: Now) -> Counts {
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

    /// All that is told: whole portions alone. A dash before anything is: nobody knows yet whether it is nothing.
    pub(super) fn total(&self, counts: &Counts) -> String {
        if counts.days.is_empty() {
            return "–".to_owned();
        }
        let few = counts.total == 0 && counts.days.values().any(|cell| *cell == Cell::Few);
        let cell = match counts.hides_total {
            true => Cell::Withheld,
            false if few => Cell::Few,
            false => Cell::Told(counts.total),
        };
        self.shown(cell)
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
