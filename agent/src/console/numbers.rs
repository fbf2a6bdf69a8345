//! KPIs as people look at them: by workflow and name, over days, with groups that are too small left out. Pure.
//!
//! # Source
//! language.md section 5: groups under five are shown as `<5`.

use std::collections::BTreeMap;

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

/// The counts of one series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// By day since 1970, all labels together.
    pub(super) days: BTreeMap<i64, i64>,
    /// By labels, over the days that are shown.
    pub(super) groups: BTreeMap<String, i64>,
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
    let (mut currency, mut labels) = (None, Vec::new());
    for part in parts {
        match part.strip_prefix("currency=") {
            Some(code) if currency.is_none() && labels.is_empty() => currency = Some(code.to_owned()),
            _ => labels.push(part),
        }
    }
    Some(Count { series: Series { workflow, name, currency }, hour, group: labels.join(", "), value })
}

/// The last [`DAYS`] days of everything.
pub(super) fn over_days(counts: impl IntoIterator<Item = Count>, today: i64) -> BTreeMap<Series, Counts> {
    let mut all: BTreeMap<Series, Counts> = BTreeMap::new();
    for count in counts {
        let day = count.hour.div_euclid(24);
        let of = all.entry(count.series).or_default();
        if day > today.saturating_sub(DAYS) && day <= today {
            *of.days.entry(day).or_default() += count.value;
            *of.groups.entry(count.group).or_default() += count.value;
            of.total = of.total.saturating_add(count.value);
        }
    }
    all
}

impl Series {
    /// Whether a value of this series is one that is too small to be shown. Sums of money are bounded by what the client
    /// marked as a measure; how many runs they come from is told by the counts beside them.
    pub(super) fn hides(&self, value: i64) -> bool {
        self.currency.is_none() && (1..LEAST).contains(&value)
    }

    /// A value as people see it.
    pub(super) fn shown(&self, value: i64) -> String {
        match &self.currency {
            Some(currency) => super::words::money(value, currency),
            None if self.hides(value) => format!("<{LEAST}"),
            None if value < 0 => format!("-{}", super::words::grouped(value.unsigned_abs())),
            None => super::words::grouped(value.unsigned_abs()),
        }
    }
}

/// The table that people take along: one line for each day, and the same groups left out.
pub(super) fn csv(all: &BTreeMap<Series, Counts>) -> String {
    let mut text = "workflow,name,currency,day,value\r\n".to_owned();
    for (series, counts) in all {
        for (day, value) in &counts.days {
            let currency = series.currency.as_deref().unwrap_or_default();
            let value = if series.hides(*value) { format!("<{LEAST}") } else { value.to_string() };
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
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_small_groups_are_hidden_everywhere() {
        let counts = [
            read("refund/done/480/topic.kind=late", 3).unwrap(),
            read("refund/done/481/topic.kind=lost", 40).unwrap(),
            read("refund/paid/480/currency=EUR/topic.kind=late", 1_250).unwrap(),
            read("refund/done/24", 900).unwrap(),
        ];
        assert_eq!(counts[2].series.currency.as_deref(), Some("EUR"));
        assert_eq!(counts[0].group, "topic.kind=late");
        let all = over_days(counts, 40);
        let (done, of) = all.iter().find(|(series, _)| series.name == "done").unwrap();
        assert_eq!((of.total, of.days.clone()), (43, [(20, 43)].into()), "what is older than the plot is not in it");
        assert_eq!((done.shown(3), done.shown(5), done.shown(0)), ("<5".into(), "5".into(), "0".into()));
        assert!(csv(&all).contains("refund,paid,EUR,1970-01-21,1250\r\n"));
        let few = over_days([read("refund/done/480", 4).unwrap()], 20);
        assert!(csv(&few).ends_with("refund,done,,1970-01-21,<5\r\n"), "{}", csv(&few));
        for bad in ["", "refund", "refund/done", "refund/done/x"] {
            assert_eq!(read(bad, 1), None, "{bad}");
        }
    }
}
