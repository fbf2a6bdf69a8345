//! Clocks of incidents through a whole year, against the rules said again as a walk over every minute; and the cases that
//! people ask about, written out: `docs/clocks.md`.
#![expect(clippy::disallowed_methods, reason = "the page is written on request")]

use std::fmt::Write as _;
use std::path::Path;

use assent_schema::calendar::{BusinessHours, zone};
use assent_schema::client::{Calendar, Tier};
use assent_schema::time::Moment;
use jiff::tz::TimeZone;

use super::{RespondBy, respond_by};
use crate::store::Severity;

const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
/// A holiday on a Monday, one on a Friday, one before a weekend whose clock changes, one on a Sunday, two in a row.
const HOLIDAYS: [&str; 6] = ["2026-04-06", "2026-12-25", "2026-03-27", "2026-11-01", "2026-05-13", "2026-05-14"];
/// Office days; late shifts that end with the day; nights of Sunday and Monday, in which clocks change; always.
const WEEKS: [(&str, &[u8], &str); 4] = [
    ("office", &[1, 2, 3, 4, 5], "09:00-17:00"),
    ("late", &[2, 4, 6], "16:00-24:00"),
    ("nights", &[7, 1], "00:00-06:30"),
    ("always", &[1, 2, 3, 4, 5, 6, 7], "00:00-24:00"),
];
const MINUTE: i64 = 60;
const DAY: i64 = 1_440;

fn calendar(days: &[u8], hours: &str) -> Calendar {
    let hours = days.iter().map(|day| (day.to_string(), hours.to_owned())).collect();
    Calendar { hours, holidays: HOLIDAYS.map(str::to_owned).into() }
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// How far a zone's clock is ahead of UTC, in minutes, in stretches of time in which it does not change.
struct Ahead(Vec<(i64, i64)>);

impl Ahead {
    fn of(zone: &TimeZone, from: i64, until: i64) -> Self {
        let second = |minute: i64| jiff::Timestamp::from_second(minute * MINUTE).unwrap();
        let ahead = |moment| i64::from(zone.to_offset(moment).seconds()) / MINUTE;
        let changes = zone.following(second(from)).map(|change| change.timestamp());
        let mut spans = vec![(from, ahead(second(from)))];
        let within = changes.take_while(|change| change.as_second() < until * MINUTE);
        spans.extend(within.map(|change| (change.as_second() / MINUTE, ahead(change))));
        Self(spans)
    }

    /// The local minute, counted from 1970.
    fn local(&self, minute: i64) -> i64 {
        let span = self.0.iter().rev().find(|(begins, _)| *begins <= minute).unwrap();
        minute + span.1
    }
}

/// The last open minute of each local day that has one: by every minute of the time, one after the other.
fn closings(ahead: &Ahead, calendar: &Calendar, (from, until): (i64, i64)) -> Vec<(i64, i64)> {
    let minutes = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<i64>().unwrap() * 60 + minute.parse::<i64>().unwrap()
    };
    let weeks: Vec<Option<(i64, i64)>> = (1..=7)
        .map(|day: i64| {
            let (opens, closes) = calendar.hours.get(&day.to_string())?.split_once('-')?;
            Some((minutes(opens), minutes(closes)))
        })
        .collect();
    let holidays: Vec<i64> = calendar
        .holidays
        .iter()
        .map(|day| at(&format!("{day}T00:00:00Z")).seconds().div_euclid(MINUTE * DAY))
        .collect();
    let mut found: Vec<(i64, i64)> = Vec::new();
    let mut today = (i64::MIN, None);
    for minute in from..until {
        let local = ahead.local(minute);
        let day = local.div_euclid(DAY);
        if day != today.0 {
            // 1970-01-01 was a Thursday.
            let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap();
            today = (day, weeks[weekday].filter(|_| !holidays.contains(&day)));
        }
        let is_open = today.1.is_some_and(|(opens, closes)| (opens..closes).contains(&local.rem_euclid(DAY)));
        match found.last_mut() {
            Some((of, last)) if is_open && *of == day => *last = minute,
            _ if is_open => found.push((day, minute)),
            _ => {}
        }
    }
    found
}

#[test]
fn every_hour_of_a_year_has_its_clock_in_every_zone_and_plan() {
    let (begins, ends) = (at("2026-01-01T00:00:00Z").seconds() / MINUTE, at("2027-01-01T00:00:00Z").seconds() / MINUTE);
    let (mut looked, mut over_a_change) = (0, 0);
    for name in ZONES {
        let zone = zone(name).unwrap();
        let span = (begins - 2 * DAY, ends + 14 * DAY);
        let ahead = Ahead::of(&zone, span.0, span.1);
        for (week, days, hours) in WEEKS {
            let calendar = calendar(days, hours);
            let hours = BusinessHours::new(&calendar, zone.clone()).unwrap();
            let closings = closings(&ahead, &calendar, span);
            let mut next = 0;
            // Not at the full hour: zones are apart by half hours too.
            for minute in (begins + 17..ends).step_by(60) {
                let since = Moment::from_seconds(minute * MINUTE);
                let day = ahead.local(minute).div_euclid(DAY);
                while closings[next].0 <= day {
                    next += 1;
                }
                let until = Moment::from_seconds((closings[next].1 + 1) * MINUTE);
                let hour = |hours: i64| Moment::from_seconds((minute + hours * 60) * MINUTE);
                for (tier, critical, normal) in
                    [(Tier::Starter, until, until), (Tier::Growth, hour(4), until), (Tier::Scale, hour(1), hour(1))]
                {
                    for (severity, wanted) in [(Severity::Critical, critical), (Severity::Normal, normal)] {
                        let by = respond_by(tier, severity, since, &hours).unwrap();
                        assert_eq!(by.until, wanted, "{name}, {week}, {tier:?}, {severity:?} since {since}");
                        let half = (wanted.seconds() - since.seconds()) / 2;
                        assert_eq!(by.warn.seconds(), since.seconds() + half, "{name}, {week}, {tier:?} since {since}");
                        looked += 1;
                    }
                }
                let apart = ahead.local(until.seconds() / MINUTE) - ahead.local(minute);
                over_a_change += usize::from(apart * MINUTE != until.seconds() - since.seconds());
            }
        }
    }
    assert!(looked > 800_000 && over_a_change > 400, "{looked} clocks, {over_a_change} over a change");
}

/// What a person would ask: what is special, where, and when it began, in UTC.
const CASES: [(&str, &str, &str); 22] = [
    ("an ordinary morning", "Europe/Berlin", "2026-06-02T08:00:00Z"),
    ("an ordinary Friday afternoon", "Europe/Berlin", "2026-06-05T14:30:00Z"),
    ("a minute before midnight", "Europe/Berlin", "2026-06-02T21:59:00Z"),
    ("midnight", "Europe/Berlin", "2026-06-02T22:00:00Z"),
    ("on a Saturday", "Europe/Berlin", "2026-06-06T10:00:00Z"),
    ("on a Sunday before a Monday that is a holiday", "Europe/Berlin", "2026-04-05T10:00:00Z"),
    ("on a Monday that is a holiday", "Europe/Berlin", "2026-04-06T10:00:00Z"),
    ("before two holidays in a row", "Europe/Berlin", "2026-05-12T10:00:00Z"),
    ("the evening before a Friday that is a holiday", "Europe/Berlin", "2026-12-24T22:00:00Z"),
    ("before a holiday and a weekend whose clock goes forward", "Europe/Berlin", "2026-03-26T12:00:00Z"),
    ("an hour before the clock goes forward", "Europe/Berlin", "2026-03-29T00:00:00Z"),
    ("an hour before the clock goes back", "Europe/Berlin", "2026-10-25T00:00:00Z"),
    ("in the hour that comes twice, the first time", "Europe/Berlin", "2026-10-25T00:30:00Z"),
    ("in the hour that comes twice, the second time", "Europe/Berlin", "2026-10-25T01:30:00Z"),
    ("a Friday before the clock goes forward", "America/New_York", "2026-03-06T20:00:00Z"),
    ("a Friday before the clock goes back", "America/New_York", "2026-10-30T20:00:00Z"),
    ("in the evening, which is tomorrow in UTC", "America/New_York", "2026-06-03T02:00:00Z"),
    ("in the morning, which is yesterday in UTC", "Asia/Kolkata", "2026-06-02T20:00:00Z"),
    ("half an hour before midnight", "Asia/Kolkata", "2026-06-02T18:00:00Z"),
    ("before the clock goes forward by half an hour", "Australia/Lord_Howe", "2026-10-03T15:00:00Z"),
    ("before the clock goes back by half an hour", "Australia/Lord_Howe", "2026-04-04T14:30:00Z"),
    ("the last day of the year", "Australia/Lord_Howe", "2026-12-31T00:00:00Z"),
];

const HEAD: &str = "# Until when an incident is answered

Written by a test (`agent/src/incident/clock_tests.rs`, `UPDATE=1`), which holds every hour of 2026 in four time zones, four
weeks and three plans against a walk over each minute. Here are the cases that people ask about. The client is open from Monday
to Friday, 09:00 to 17:00 in its own time; 27 March, 6 April, 13 and 14 May and 25 December are holidays. Hours of `scale` and
`growth` are hours that pass, whatever clocks show. \"The next business day\" is never the day on which it began, and ends when
the client closes. On-call is warned when half of the time is over.

| it began | where | on | `scale` | `growth`, critical | `growth`, else; `starter` | warned then |
|---|---|---|---|---|---|---|
";

#[test]
fn what_people_ask_about_stands_in_the_docs() {
    let mut page = HEAD.to_owned();
    let (_, days, hours) = WEEKS[0];
    for (what, name, since) in CASES {
        let zone = zone(name).unwrap();
        let hours = BusinessHours::new(&calendar(days, hours), zone.clone()).unwrap();
        let since = at(since);
        let local = |moment: Moment| {
            let (at, ahead) = (zone.to_datetime(moment.timestamp()), zone.to_offset(moment.timestamp()));
            format!("{} ({ahead})", at.strftime("%a %d %b %H:%M"))
        };
        let by = |tier, severity| respond_by(tier, severity, since, &hours).unwrap();
        let (scale, critical) = (by(Tier::Scale, Severity::Normal), by(Tier::Growth, Severity::Critical));
        let RespondBy { until, warn } = by(Tier::Starter, Severity::Critical);
        assert_eq!(by(Tier::Growth, Severity::Normal), RespondBy { until, warn });
        let [since, scale, critical, until, warn] = [since, scale.until, critical.until, until, warn].map(local);
        writeln!(page, "| {what} | {name} | {since} | {scale} | {critical} | {until} | {warn} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clocks.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "UPDATE=1 writes it again");
}
