//! Crontab lines: when they fire, clock changes included.
//!
//! The five fields are checked here; the `cron` crate, which speaks another dialect (a seconds field, Sunday is 1), turns
//! them into sets. When a set fires is decided here, because the crate skips what a clock change removes.
//!
//! # Source
//! language.md section 3, "Clock changes"; crontab(5) for the union of both day fields.

use std::fmt;

use cron::TimeUnitSpec as _;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::time::Moment;

/// The longest line, in bytes.
pub const LINE_MOST_BYTES: usize = 256;
/// How far ahead a time is looked for: 29 February falls on one weekday again after at most 40 years.
const DAYS_AHEAD: u32 = 50 * 366;

/// One of the five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronField {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// 1 to 12, or `jan` to `dec`.
    Month,
    /// 0 to 7, or `sun` to `sat`; 0 and 7 are Sunday.
    Weekday,
}

impl CronField {
    const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Weekday];

    fn bounds(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
        }
    }

    /// Names of the values, from the lower bound on.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minute | Self::Hour | Self::Day => &[],
            Self::Month => &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
            Self::Weekday => &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "the minute",
            Self::Hour => "the hour",
            Self::Day => "the day of the month",
            Self::Month => "the month",
            Self::Weekday => "the day of the week",
        })
    }
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSchedule {
    /// It has not five fields; `@daily` and its like have one.
    NotFiveFields,
    /// A field has another form.
    Field {
        /// Which.
        field: CronField,
        /// What is wrong, as a sentence fragment.
        why: &'static str,
    },
    /// No year has such a day.
    Never,
}

impl fmt::Display for BadSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFiveFields => f.write_str("a schedule has five fields: minute, hour, day, month, day of the week"),
            Self::Field { field, why } => write!(f, "{field} {why}"),
            Self::Never => f.write_str("no month that is named has such a day"),
        }
    }
}

impl std::error::Error for BadSchedule {}

/// A crontab line that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crontab {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    /// Both day fields are restricted: either suffices.
    either_day: bool,
    /// Minute or hour begins with `*`: fires at each matching minute that comes.
    each_minute: bool,
}

impl std::str::FromStr for Crontab {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let (&[minute, hour, day, month, weekday], true) = (fields.as_slice(), text.len() <= LINE_MOST_BYTES) else {
            return Err(BadSchedule::NotFiveFields);
        };
        let [minutes, hours, days, months, weekdays] = sets([minute, hour, day, month, weekday])?;
        let star = |field: &str| field.starts_with('*');
        let either_day = !star(day) && !star(weekday);
        let crontab =
            Self { minutes, hours, days, months, weekdays, either_day, each_minute: star(minute) || star(hour) };
        if crontab.has_a_day() { Ok(crontab) } else { Err(BadSchedule::Never) }
    }
}

impl Crontab {
    /// The first time after a moment at which the schedule fires; `None` only at the end of the calendar.
    pub fn next_after(&self, moment: Moment, zone: &TimeZone) -> Option<Moment> {
        let next = if self.each_minute { self.next_minute(moment, zone) } else { self.next_time(moment, zone) };
        next.map(Moment::from)
    }

    /// Every matching local minute that comes: again in a repeated hour, not in a removed one.
    fn next_minute(&self, moment: Moment, zone: &TimeZone) -> Option<Timestamp> {
        let mut at = moment.timestamp().checked_add(SignedDuration::from_secs(1)).ok()?;
        let last = at.checked_add(SignedDuration::from_hours(24 * i64::from(DAYS_AHEAD))).ok()?;
        let mut change = next_change(at, zone);
        while at <= last {
            let local = zone.to_datetime(at);
            let (hour, minute, second) =
                (i64::from(local.hour()), i64::from(local.minute()), i64::from(local.second()));
            let skip = if second != 0 {
                60 - second
            } else if !self.matches_day(local.date()) {
                86_400 - hour * 3_600 - minute * 60
            } else if !has(self.hours, hour) {
                3_600 - minute * 60
            } else if !has(self.minutes, minute) {
                60
            } else {
                return Some(at);
            };
            // A clock change on the way may bring other minutes: look again there.
            let target = at.checked_add(SignedDuration::from_secs(skip)).ok()?;
            at = change.filter(|change| *change < target).unwrap_or(target);
            if change.is_some_and(|change| change <= at) {
                change = next_change(at, zone);
            }
        }
        None
    }

    /// Each named time once: the first of two that are the same, and for all that a change removed the minute after it.
    fn next_time(&self, moment: Moment, zone: &TimeZone) -> Option<Timestamp> {
        let after = moment.timestamp();
        // A change can move the times of one day into the next.
        let mut date = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..DAYS_AHEAD {
            if self.matches_day(date) {
                let times =
                    members(self.hours).flat_map(|hour| members(self.minutes).map(move |minute| (hour, minute)));
                let mut moments = times.filter_map(|(hour, minute)| moment_of(date, hour, minute, zone));
                if let Some(next) = moments.find(|next| *next > after) {
                    return Some(next);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn matches_day(&self, date: Date) -> bool {
        let day = has(self.days, i64::from(date.day()));
        let weekday = has(self.weekdays, i64::from(date.weekday().to_sunday_zero_offset()));
        has(self.months, i64::from(date.month())) && if self.either_day { day || weekday } else { day && weekday }
    }

    fn has_a_day(&self) -> bool {
        const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let first = self.days.trailing_zeros();
        self.either_day || (1..=12).zip(LENGTHS).any(|(month, length)| has(self.months, month) && first <= length)
    }
}

fn has(set: u64, member: i64) -> bool {
    u32::try_from(member).is_ok_and(|member| set.checked_shr(member).is_some_and(|rest| rest & 1 == 1))
}

fn members(set: u64) -> impl Iterator<Item = i8> {
    (0..60_i8).filter(move |member| has(set, i64::from(*member)))
}

fn next_change(after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    zone.following(after).map(|change| change.timestamp()).find(|change| *change > after)
}

/// When a local time comes first; for one that a change removed, the first minute after that change.
fn moment_of(date: Date, hour: i8, minute: i8, zone: &TimeZone) -> Option<Timestamp> {
    let local = date.at(hour, minute, 0, 0);
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok()
        }
        AmbiguousOffset::Gap { before, .. } => {
            // By the old offset the removed time lies after the change, by less than the change took away.
            let beyond = before.to_timestamp(local).ok()?.checked_add(SignedDuration::from_secs(1)).ok()?;
            let change = zone.preceding(beyond).next()?.timestamp();
            let second = i64::from(zone.to_datetime(change).second());
            change.checked_add(SignedDuration::from_secs((60 - second) % 60)).ok()
        }
    }
}

/// Checks the fields and lets the `cron` crate turn them into sets of members.
fn sets(fields: [&str; 5]) -> Result<[u64; 5], BadSchedule> {
    let mut plain = [const { String::new() }; 5];
    for ((text, field), out) in fields.into_iter().zip(CronField::ALL).zip(&mut plain) {
        *out = plain_field(text, field).map_err(|why| BadSchedule::Field { field, why })?;
    }
    let [minute, hour, day, month, weekday] = &plain;
    let line = format!("0 {minute} {hour} {day} {month} {weekday}");
    let schedule: cron::Schedule = line.parse().or(Err(BadSchedule::NotFiveFields))?;
    let set = |ordinals: &mut dyn Iterator<Item = u32>| ordinals.fold(0, |set, ordinal| set | 1_u64 << ordinal);
    Ok([
        set(&mut schedule.minutes().iter()),
        set(&mut schedule.hours().iter()),
        set(&mut schedule.days_of_month().iter()),
        set(&mut schedule.months().iter()),
        // The crate counts Sunday as 1.
        set(&mut schedule.days_of_week().iter()) >> 1,
    ])
}

/// A field with numbers alone, in the crate's dialect.
fn plain_field(text: &str, field: CronField) -> Result<String, &'static str> {
    let items = text.split(',').map(|item| plain_item(item, field)).collect::<Result<Vec<_>, _>>()?;
    Ok(items.join(","))
}

fn plain_item(text: &str, field: CronField) -> Result<String, &'static str> {
    let (least, most) = field.bounds();
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(parse_step(step, most)?)),
        None => (text, None),
    };
    let (first, last) = match range.split_once('-') {
        None if range == "*" => (least, most),
        None if step.is_some() => return Err("has a step after a single value; write a range or `*`"),
        None => {
            let value = parse_value(range, field)?;
            (value, value)
        }
        Some((first, last)) => (parse_value(first, field)?, parse_value(last, field)?),
    };
    if first > last {
        return Err("has a range that runs backward");
    }
    let step = step.unwrap_or(1);
    Ok(match field {
        // `*` and `*/2` mean Sunday to Saturday: 7 would be Sunday once more.
        CronField::Weekday => weekdays(first, if range == "*" { 6 } else { last }, step),
        _ => format!("{first}-{last}/{step}"),
    })
}

/// Weekdays one by one, as the crate counts them: 7 is Sunday again, which no range of its can say.
fn weekdays(first: u32, last: u32, step: u32) -> String {
    let stride = usize::try_from(step).unwrap_or(usize::MAX);
    let days: Vec<String> = (first..=last).step_by(stride).map(|day| (day % 7 + 1).to_string()).collect();
    days.join(",")
}

fn parse_step(text: &str, most: u32) -> Result<u32, &'static str> {
    let step = parse_number(text).ok_or("has a step that is not a number")?;
    if step == 0 || step > most { Err("has a step that is 0 or larger than the field") } else { Ok(step) }
}

fn parse_value(text: &str, field: CronField) -> Result<u32, &'static str> {
    let (least, most) = field.bounds();
    if let Some(place) = field.names().iter().position(|name| text.eq_ignore_ascii_case(name)) {
        return Ok(least.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)));
    }
    let value =
        parse_number(text).ok_or("has something that is not a value of it; `L`, `W`, `#` and `?` are not known")?;
    if (least..=most).contains(&value) { Ok(value) } else { Err("has a value outside its bounds") }
}

fn parse_number(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

mod instead;

#[cfg(test)]
mod tests;
