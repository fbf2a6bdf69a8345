//! The rules said again, as a walk over every minute: no search, no calendar but plain arithmetic on days.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::line::Line;

const DAY_MINUTES: i64 = 1_440;

/// A zone as the stretches of time in which its clock does not change.
pub(crate) struct Zone {
    zone: TimeZone,
    /// Where each stretch begins, in seconds, and how far its clock is ahead of UTC, in seconds.
    spans: Vec<(i64, i64)>,
}

impl Zone {
    pub(crate) fn new(zone: TimeZone, from: i64, until: i64) -> Self {
        let at = |second: i64| Timestamp::from_second(second).expect("a moment");
        let offset = |moment: Timestamp| i64::from(zone.to_offset(moment).seconds());
        let changes = zone.following(at(from)).map(|change| change.timestamp());
        let changes = changes.take_while(|change| change.as_second() < until + DAY_MINUTES * 60 * 3);
        let mut spans = vec![(from, offset(at(from)))];
        for change in changes {
            let after = offset(change);
            // A new name for the same time is no change of clocks.
            if spans.last().is_some_and(|(_, before)| *before != after) {
                spans.push((change.as_second(), after));
            }
        }
        assert!(spans.iter().all(|(_, ahead)| ahead % 60 == 0), "clocks of this century differ by whole minutes");
        Self { zone, spans }
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn spans(&self) -> &[(i64, i64)] {
        &self.spans
    }
}

/// Several lines that are walked together.
pub(crate) struct Walk<'a> {
    zone: &'a Zone,
    lines: &'a [Line],
    /// Whether each line fires on the local day that was asked last.
    day: i64,
    days: Vec<bool>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(zone: &'a Zone, lines: &'a [Line]) -> Self {
        Self { zone, lines, day: i64::MIN, days: vec![false; lines.len()] }
    }

    /// The first times of each line after `from` and before `until`.
    pub(crate) fn fires(mut self, from: i64, until: i64, most: usize) -> Vec<Vec<i64>> {
        let mut fires = vec![Vec::new(); self.lines.len()];
        let each: Vec<bool> =
            self.lines.iter().map(|line| line.minute.begins_with_star() || line.hour.begins_with_star()).collect();
        let spans = self.zone.spans();
        let mut span = spans.iter().rposition(|(begins, _)| *begins <= from).expect("a zone that was asked for");
        let mut previous = from.div_euclid(60) * 60;
        // The latest local minute that has been: what is not later comes for the second time.
        let mut highest = (previous + spans[span].1) / 60;
        while previous + 60 < until {
            let at = previous + 60;
            let before = (previous + spans[span].1) / 60;
            while spans.get(span + 1).is_some_and(|(begins, _)| *begins <= at) {
                span += 1;
            }
            let local = (at + spans[span].1) / 60;
            for line in 0..self.lines.len() {
                let due = if each[line] || (local == before + 1 && local > highest) {
                    self.matches(line, local)
                } else {
                    // This minute if it is new, and whatever was left out on the way to it.
                    (before.max(highest) + 1..=local).any(|minute| self.matches(line, minute))
                };
                if due && at > from && fires[line].len() < most {
                    fires[line].push(at);
                }
            }
            highest = highest.max(local);
            previous = at;
        }
        fires
    }

    fn matches(&mut self, line: usize, minute: i64) -> bool {
        let fields = &self.lines[line];
        if !fields.minute.has(minute.rem_euclid(60)) || !fields.hour.has(minute.rem_euclid(DAY_MINUTES) / 60) {
            return false;
        }
        let day = minute.div_euclid(DAY_MINUTES);
        if day != self.day {
            self.day = day;
            self.days = self.lines.iter().map(|line| matches_day(line, day)).collect();
        }
        self.days[line]
    }
}

/// Whether a line fires on a day, counted from 1970-01-01, which was a Thursday.
fn matches_day(line: &Line, day: i64) -> bool {
    let (month, of_month) = month_and_day(day);
    let (d, w) = (line.day.has(of_month), line.weekday.has((day + 4).rem_euclid(7)));
    let both_restricted = !line.day.begins_with_star() && !line.weekday.begins_with_star();
    line.month.has(month) && if both_restricted { d || w } else { d && w }
}

/// Month and day of the month, by counting years and months off.
fn month_and_day(mut day: i64) -> (i64, i64) {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    for (month, length) in (1..).zip([31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
        if day < length {
            return (month, day + 1);
        }
        day -= length;
    }
    unreachable!("a year has twelve months")
}
