//! When scheduled workflows run, and what happens to times that passed while nothing ran. Pure: the clock comes in.
//!
//! The cursor is the last moment that was looked at. It moves in the transaction that accepts the run, so that a time is
//! taken once whatever happens in between. It belongs to the crontab line and the zone, whose digest stands with it: another
//! line is a new schedule, no time of which has passed.
//!
//! # Source
//! language.md section 3, "Triggers" and "Clock changes".

use assent_schema::canon::Digest;
use assent_schema::cron::Crontab;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::plan::{Missed, Trigger};
use assent_schema::time::{Moment, Period};
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::store::Write;

/// A time that passed no longer ago than this is not missed: it is run now.
pub const ON_TIME: Period = Period::minutes(2);
/// The most times that are made up for after a pause.
pub const MADE_UP_MOST: usize = 100;

/// A schedule that was read.
pub struct Schedule {
    crontab: Crontab,
    zone: TimeZone,
    missed: Missed,
    line: Digest,
}

/// How far a schedule was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last moment that was looked at.
    pub at: Moment,
    /// The line and zone that it was looked at for; unknown of cursors that were kept before lines were.
    pub line: Option<Digest>,
}

/// From where a schedule goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From here: what passed since may have been missed.
    After(Moment),
    /// From here, as soon as the cursor says whose it is.
    Unmarked(Moment),
    /// From now: the schedule is new.
    Now,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The times to run for, oldest first.
    pub times: Vec<Moment>,
    /// Whether times passed that nothing runs for.
    pub skipped: bool,
    /// When to look again.
    pub next: Option<Moment>,
}

impl Schedule {
    /// Reads the schedule of a plan; `None` when it is another trigger, or its line or zone is none. Those were checked when
    /// the plan was made, and a zone may be missing from an older time-zone database.
    pub fn of(trigger: &Trigger) -> Option<Self> {
        let Trigger::Schedule { cron, zone, missed } = trigger else { return None };
        let line = Digest::tagged("assent-schedule-line/v1", format!("{cron}\0{zone}").as_bytes());
        Some(Self { crontab: cron.parse().ok()?, zone: TimeZone::get(zone).ok()?, missed: *missed, line })
    }

    /// Says which line and zone it is, for the cursor.
    pub fn line(&self) -> Digest {
        self.line
    }

    /// From where to go on after what the store keeps. A workflow that was off goes on from where it was: nothing ran, so what
    /// passed was missed.
    pub fn start(&self, cursor: Option<Cursor>) -> Start {
        match cursor {
            Some(Cursor { at, line: Some(line) }) if line == self.line => Start::After(at),
            Some(Cursor { at, line: None }) => Start::Unmarked(at),
            Some(Cursor { line: Some(_), .. }) | None => Start::Now,
        }
    }

    /// What is due now, after everything up to `cursor` was looked at. A clock that went back finds nothing due.
    pub fn due(&self, cursor: Moment, now: Moment) -> Due {
        let on_time_from = now.minus(ON_TIME).max(cursor);
        let mut times = Vec::new();
        let mut skipped = false;
        let mut missed = self.after(cursor).filter(|time| *time <= on_time_from);
        while let Some(time) = missed {
            match self.missed {
                Missed::All if times.len() < MADE_UP_MOST => times.push(time),
                Missed::Once if times.is_empty() => times.push(time),
                Missed::Once => break,
                Missed::Skip | Missed::All => {
                    skipped = true;
                    break;
                }
            }
            missed = self.after(time).filter(|time| *time <= on_time_from);
        }
        let mut next = self.after(on_time_from);
        while let Some(time) = next.filter(|time| *time <= now) {
            times.push(time);
            next = self.after(time);
        }
        Due { times, skipped, next }
    }

    fn after(&self, moment: Moment) -> Option<Moment> {
        self.crontab.next_after(moment, &self.zone)
    }
}

/// The name under which the store keeps a schedule's cursor.
pub fn cursor_name(client: &ClientId, workflow: &WorkflowId) -> String {
    format!("schedule/{client}/{workflow}")
}

/// Moves the cursor; goes into the transaction that accepts the run for this time.
pub fn move_cursor(client: &ClientId, workflow: &WorkflowId, line: Digest, to: Moment) -> Write {
    Write::State { name: cursor_name(client, workflow), value: Some(format!("{to} {line}").into_bytes()) }
}

/// Reads a cursor as [`move_cursor`] wrote it, or as it was written before: the moment alone.
pub fn read_cursor(bytes: &[u8]) -> Option<Cursor> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (at, line) = match text.split_once(' ') {
        Some((at, line)) => (at, Some(line.parse().ok()?)),
        None => (text, None),
    };
    Some(Cursor { at: at.parse().ok()?, line })
}

/// The key by which a scheduled time is accepted once, also by two plans of one workflow.
pub fn delivery_key(client: &ClientId, workflow: &WorkflowId, time: Moment) -> [u8; 16] {
    let whole = Sha256::digest(format!("assent-schedule/v1\0{client}\0{workflow}\0{time}"));
    let mut key = [0; 16];
    key.iter_mut().zip(whole).for_each(|(slot, byte)| *slot = byte);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    fn hourly(missed: Missed) -> Schedule {
        let trigger = Trigger::Schedule { cron: "0 * * * *".into(), zone: "Europe/Berlin".into(), missed };
        Schedule::of(&trigger).unwrap()
    }

    fn check(missed: Missed, cursor: &str, now: &str, times: &[&str], skipped: bool) {
        let due = hourly(missed).due(at(cursor), at(now));
        assert_eq!(due.times, times.iter().map(|t| at(t)).collect::<Vec<_>>(), "{cursor} {now}");
        assert_eq!(due.skipped, skipped);
        assert!(due.next.is_some_and(|next| next > at(now)));
    }

    #[test]
    fn a_time_is_due_when_it_comes_and_once() {
        check(Missed::Skip, "2026-03-02T08:00:00Z", "2026-03-02T08:59:59Z", &[], false);
        check(Missed::Skip, "2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", &["2026-03-02T09:00:00Z"], false);
        check(Missed::Skip, "2026-03-02T09:00:00Z", "2026-03-02T09:00:30Z", &[], false);
        check(Missed::Skip, "2026-03-02T08:59:00Z", "2026-03-02T09:01:30Z", &["2026-03-02T09:00:00Z"], false);
    }

    #[test]
    fn times_that_were_missed_go_by_the_policy() {
        let (cursor, now) = ("2026-03-02T06:30:00Z", "2026-03-02T09:30:00Z");
        check(Missed::Skip, cursor, now, &[], true);
        check(Missed::Once, cursor, now, &["2026-03-02T07:00:00Z"], false);
        check(
            Missed::All,
            cursor,
            now,
            &["2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z"],
            false,
        );
        check(
            Missed::Once,
            "2026-03-02T06:30:00Z",
            "2026-03-02T09:00:10Z",
            &["2026-03-02T07:00:00Z", "2026-03-02T09:00:00Z"],
            false,
        );
    }

    #[test]
    fn a_year_away_is_bounded() {
        let due = hourly(Missed::All).due(at("2025-01-01T00:00:00Z"), at("2026-03-02T09:30:00Z"));
        assert_eq!((due.times.len(), due.skipped), (MADE_UP_MOST, true));
        let due = hourly(Missed::Skip).due(at("2025-01-01T00:00:00Z"), at("2026-03-02T09:30:00Z"));
        assert!(due.times.is_empty() && due.skipped);
    }

    #[test]
    fn a_clock_that_went_back_repeats_nothing() {
        check(Missed::All, "2026-03-02T09:00:00Z", "2026-03-02T08:00:00Z", &[], false);
        check(Missed::All, "2026-03-02T09:00:00Z", "2026-03-02T08:00:30Z", &[], false);
    }

    #[test]
    fn cursors_are_read_back_and_keys_differ() {
        let (client, workflow) = (ClientId::new("acme").unwrap(), WorkflowId::new("report").unwrap());
        let time = at("2026-03-02T09:00:00Z");
        let line = hourly(Missed::Skip).line();
        let Write::State { name, value: Some(value) } = move_cursor(&client, &workflow, line, time) else {
            panic!("a state")
        };
        let cursor = Cursor { at: time, line: Some(line) };
        assert_eq!((name.as_str(), read_cursor(&value)), ("schedule/acme/report", Some(cursor)));
        assert_eq!(read_cursor(b"2026-03-02T09:00:00Z"), Some(Cursor { at: time, line: None }), "an older one");
        for none in ["soon", "2026-03-02T09:00:00Z soon", "2026-03-02T09:00:00Z  "] {
            assert_eq!(read_cursor(none.as_bytes()), None, "{none}");
        }
        let other = WorkflowId::new("reports").unwrap();
        assert_ne!(delivery_key(&client, &workflow, time), delivery_key(&client, &other, time));
    }

    #[test]
    fn another_line_or_zone_begins_now() {
        let read = |cron: &str, zone: &str, missed| {
            Schedule::of(&Trigger::Schedule { cron: cron.into(), zone: zone.into(), missed }).unwrap()
        };
        let hourly = read("0 * * * *", "Europe/Berlin", Missed::All);
        let at = at("2026-03-02T09:00:00Z");
        let cursor = |schedule: &Schedule| Some(Cursor { at, line: Some(schedule.line()) });
        assert_eq!(hourly.start(cursor(&hourly)), Start::After(at));
        // What is done with missed times is not what the times are.
        assert_eq!(hourly.start(cursor(&read("0 * * * *", "Europe/Berlin", Missed::Skip))), Start::After(at));
        for other in [read("* * * * *", "Europe/Berlin", Missed::All), read("0 * * * *", "Europe/Rome", Missed::All)] {
            assert_eq!(hourly.start(cursor(&other)), Start::Now);
        }
        assert_eq!(hourly.start(Some(Cursor { at, line: None })), Start::Unmarked(at));
        assert_eq!(hourly.start(None), Start::Now);
    }
}
