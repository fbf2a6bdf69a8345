//! Business hours and holidays of a client: business time after a moment, the next business day.
//!
//! # Source
//! language.md section 4 (`business(time, duration)`), engine.md section 7. Promise P20.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::client::Calendar;
use crate::time::{Moment, Period};

/// How many days ahead an open hour is looked for: a year of holidays, and some.
const CLOSED_MOST_DAYS: u32 = 400;
/// The most days that one business duration may span: ten years.
const SPAN_MOST_DAYS: u32 = 3_660;

/// The time zone of an IANA name, in its own spelling, from the database that is built in.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name))
}

/// Why a calendar cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadCalendar {
    /// A weekday is no number from 1 to 7.
    Weekday(String),
    /// Hours are not `09:00-17:00`, the end after the beginning; `24:00` may end them.
    Hours(String),
    /// A holiday is no `YYYY-MM-DD`.
    Holiday(String),
    /// No day of the week is open.
    NeverOpen,
}

impl fmt::Display for BadCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekday(text) => write!(f, "`{text}` is not a weekday"),
            Self::Hours(text) => write!(f, "`{text}` are no hours: `09:00-17:00`"),
            Self::Holiday(text) => write!(f, "`{text}` is not a day: `2026-12-25`"),
            Self::NeverOpen => f.write_str("no day of the week has hours"),
        }
    }
}

impl std::error::Error for BadCalendar {}

/// Business hours by weekday, and closed days, in one zone.
#[derive(Clone, Debug)]
pub struct BusinessHours {
    /// Monday first; `None` where closed all day. The end may be midnight of the next day.
    week: [Option<(Time, Option<Time>)>; 7],
    holidays: BTreeSet<Date>,
    zone: TimeZone,
}

impl BusinessHours {
    /// Checks a calendar.
    ///
    /// # Errors
    /// [`BadCalendar`] with the first value that does not fit.
    pub fn new(calendar: &Calendar, zone: TimeZone) -> Result<Self, BadCalendar> {
        let mut week = [None; 7];
        for (weekday, hours) in &calendar.hours {
            let place = weekday.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let slot = place.and_then(|n| week.get_mut(n)).filter(|_| weekday.len() == 1);
            let slot = slot.ok_or_else(|| BadCalendar::Weekday(weekday.clone()))?;
            *slot = Some(parse_hours(hours).ok_or_else(|| BadCalendar::Hours(hours.clone()))?);
        }
        let date = |text: &String| parse_date(text).ok_or_else(|| BadCalendar::Holiday(text.clone()));
        let holidays = calendar.holidays.iter().map(date).collect::<Result<_, _>>()?;
        if week.iter().all(Option::is_none) {
            return Err(BadCalendar::NeverOpen);
        }
        Ok(Self { week, holidays, zone })
    }

    /// The moment at which so much business time has passed since `from`. Time outside the hours does not count; hours are
    /// as long as they really are on days of a clock change. Nothing to wait ends at once, open or not.
    ///
    /// `None` when it would take more than ten years.
    pub fn add(&self, from: Moment, period: Period) -> Option<Moment> {
        let mut left = period;
        if left == Period::default() {
            return Some(from);
        }
        let mut date = self.local_date(from);
        for _ in 0..SPAN_MOST_DAYS {
            if let Some((opens, closes)) = self.hours_of(date) {
                let begin = opens.max(from);
                let open = closes.since(begin);
                if open >= left {
                    return Some(begin.plus(left));
                }
                left = Period::seconds(left.as_seconds() - open.as_seconds());
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// When the first business day after the day of `from` closes: the end of "by the next business day".
    ///
    /// `None` when none of the next 400 days is open.
    pub fn end_of_next_day(&self, from: Moment) -> Option<Moment> {
        self.opening(self.local_date(from).tomorrow().ok()?).map(|(_, closes)| closes)
    }

    /// Whether a moment lies in business hours.
    pub fn is_open(&self, at: Moment) -> bool {
        self.hours_of(self.local_date(at)).is_some_and(|(opens, closes)| opens <= at && at < closes)
    }

    fn opening(&self, mut date: Date) -> Option<(Moment, Moment)> {
        for _ in 0..CLOSED_MOST_DAYS {
            if let Some(hours) = self.hours_of(date) {
                return Some(hours);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn local_date(&self, at: Moment) -> Date {
        self.zone.to_datetime(at.timestamp()).date()
    }

    /// When a day opens and closes. A time that a clock change removed is the moment after it, one that comes twice is the
    /// first for opening and for closing alike.
    fn hours_of(&self, date: Date) -> Option<(Moment, Moment)> {
        let place = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        let (from, until) = (*self.week.get(place)?).filter(|_| !self.holidays.contains(&date))?;
        let end = match until {
            Some(until) => date.to_datetime(until),
            None => date.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        let moment = |local| self.zone.to_ambiguous_timestamp(local).compatible().ok().map(Moment::from);
        Some((moment(date.to_datetime(from))?, moment(end)?))
    }
}

fn parse_hours(text: &str) -> Option<(Time, Option<Time>)> {
    let (from, until) = text.split_once('-')?;
    let from = parse_time(from)?;
    if until == "24:00" {
        return Some((from, None));
    }
    parse_time(until).filter(|until| from < *until).map(|until| (from, Some(until)))
}

fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    Time::new(hour.parse().ok().filter(|_| two(hour))?, minute.parse().ok().filter(|_| two(minute))?, 0, 0).ok()
}

fn parse_date(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| date.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn calendar(hours: &[(&str, &str)], holidays: &[&str]) -> Calendar {
        let hours =
            hours.iter().map(|(day, hours)| ((*day).to_owned(), (*hours).to_owned())).collect::<BTreeMap<_, _>>();
        Calendar { hours, holidays: holidays.iter().map(|d| (*d).to_owned()).collect() }
    }

    fn berlin() -> BusinessHours {
        let week: Vec<_> = ["1", "2", "3", "4", "5"].map(|day| (day, "09:00-17:00")).to_vec();
        BusinessHours::new(&calendar(&week, &["2026-12-25"]), zone("Europe/Berlin").unwrap()).unwrap()
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn business_time_skips_nights_weekends_and_holidays() {
        let add = |from, hours| berlin().add(at(from), Period::hours(hours)).map(|m| m.to_string()).unwrap();
        // Thursday before Christmas, 16:00 in Berlin; Friday is a holiday; Monday opens at 08:00Z.
        assert_eq!(add("2026-12-24T15:00:00Z", 1), "2026-12-24T16:00:00Z");
        assert_eq!(add("2026-12-24T15:00:00Z", 2), "2026-12-28T09:00:00Z");
        assert_eq!(add("2026-12-26T03:00:00Z", 1), "2026-12-28T09:00:00Z");
        assert_eq!(add("2026-12-24T15:00:00Z", 0), "2026-12-24T15:00:00Z");
        assert_eq!(add("2026-12-21T08:00:00Z", 40), "2026-12-28T16:00:00Z");
    }

    #[test]
    fn hours_follow_the_local_clock_through_its_changes() {
        // Friday before spring forward, 16:30 in Berlin; Monday opens at 07:00Z instead of 08:00Z.
        let next = berlin().add(at("2026-03-27T15:30:00Z"), Period::hours(1));
        assert_eq!(next, Some(at("2026-03-30T07:30:00Z")));
        // A night shift over the change is an hour shorter in spring and an hour longer in autumn.
        let night =
            BusinessHours::new(&calendar(&[("7", "00:00-04:00")], &[]), zone("Europe/Berlin").unwrap()).unwrap();
        assert_eq!(night.add(at("2026-03-28T12:00:00Z"), Period::hours(3)), Some(at("2026-03-29T02:00:00Z")));
        assert_eq!(night.add(at("2026-10-24T12:00:00Z"), Period::hours(5)), Some(at("2026-10-25T03:00:00Z")));
    }

    #[test]
    fn the_next_business_day_is_never_today() {
        let next = |from| berlin().end_of_next_day(at(from)).map(|m| m.to_string()).unwrap();
        assert_eq!(next("2026-12-22T05:00:00Z"), "2026-12-23T16:00:00Z");
        assert_eq!(next("2026-12-24T12:00:00Z"), "2026-12-28T16:00:00Z");
        // 23:30Z is the next day in Berlin already.
        assert_eq!(next("2026-12-21T23:30:00Z"), "2026-12-23T16:00:00Z");
        assert!(berlin().is_open(at("2026-12-24T15:59:59Z")) && !berlin().is_open(at("2026-12-24T16:00:00Z")));
    }

    #[test]
    fn a_calendar_that_never_opens_or_says_nonsense_is_refused() {
        let utc = || TimeZone::UTC;
        assert_eq!(BusinessHours::new(&calendar(&[], &[]), utc()).err(), Some(BadCalendar::NeverOpen));
        for (day, hours) in [("0", "09:00-17:00"), ("8", "09:00-17:00"), ("01", "09:00-17:00"), ("mon", "09:00-17:00")]
        {
            assert!(matches!(BusinessHours::new(&calendar(&[(day, hours)], &[]), utc()), Err(BadCalendar::Weekday(_))));
        }
        for hours in
            ["", "9:00-17:00", "09:00", "17:00-09:00", "09:00-09:00", "09:00-24:01", "24:00-24:00", "+9:00-17:00"]
        {
            assert!(
                matches!(BusinessHours::new(&calendar(&[("1", hours)], &[]), utc()), Err(BadCalendar::Hours(_))),
                "{hours}"
            );
        }
        for day in ["2026-02-29", "20260301", "2026-3-1", "+002026-03-01"] {
            let bad = BusinessHours::new(&calendar(&[("1", "09:00-24:00")], &[day]), utc());
            assert!(matches!(bad, Err(BadCalendar::Holiday(_))), "{day}");
        }
        assert!(zone("europe/berlin").is_none() && zone("Mars/Base").is_none());
    }
}
