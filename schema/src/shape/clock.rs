//! Whose clock a day, or a time of a day, is read by where it stands without a zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::Moment;

/// A clock.
///
/// # Shape
/// On the wire of plans `client`, or the name of a zone of the IANA database. A plan that is released names the zone: the catalog
/// alone leaves it to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Clock {
    /// The client's, whoever that is.
    Client,
    /// That of a zone.
    Zone(TimeZone),
}

/// What stands for the client's clock.
const CLIENT: &str = "client";
/// The zones whose clocks are never put back, so that every time comes once.
const STEADY: [&str; 2] = ["UTC", "Etc/UTC"];
/// How long a day is, as it is written.
const DAY_BYTES: usize = 10;
/// How long a day is with its time to the second.
const TIME_BYTES: usize = 19;

impl Clock {
    /// The clock of a zone of the IANA database.
    pub fn of(zone: &str) -> Option<Self> {
        TimeZone::get(zone).ok().filter(|zone| zone.iana_name().is_some()).map(Self::Zone)
    }

    /// The same, with a client's zone where it is the client's.
    #[must_use]
    pub fn or(&self, client: &Self) -> Self {
        match self {
            Self::Client => client.clone(),
            Self::Zone(_) => self.clone(),
        }
    }

    /// Whether each time comes once: no hour of it is there twice.
    pub fn is_steady(&self) -> bool {
        self.zone().and_then(TimeZone::iana_name).is_some_and(|name| STEADY.contains(&name))
    }

    /// The first moment of a day that is written `2026-05-10`.
    pub fn first_of(&self, day: &str) -> Option<Moment> {
        let day: Date = Some(day).filter(|day| day.len() == DAY_BYTES)?.parse().ok()?;
        self.stamp(day.to_datetime(Time::midnight())).map(Moment::from)
    }

    /// The moment at which this clock shows a time that is written `2026-05-10T09:30:00`, with a fraction or without, to the
    /// fraction. Of a time that comes twice the first; of one that is left out, as much later as clocks are put forward.
    pub fn at(&self, time: &str) -> Option<Timestamp> {
        let (whole, fraction) = time.split_at_checked(TIME_BYTES)?;
        let is_joined = matches!(whole.as_bytes().get(DAY_BYTES), Some(b'T' | b' '));
        // An offset or a zone would stand here, and says another time.
        let is_fraction = |fraction: &str| !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
        let ends = fraction.is_empty() || fraction.strip_prefix('.').is_some_and(is_fraction);
        let time: DateTime = Some(time).filter(|_| is_joined && ends)?.parse().ok()?;
        self.stamp(time)
    }

    /// The day of a moment, as it is written.
    pub fn day(&self, at: Moment) -> Option<String> {
        Some(self.zone()?.to_datetime(at.timestamp()).date().to_string())
    }

    /// What it shows at a moment, as it is written.
    pub fn time(&self, at: Moment) -> Option<String> {
        Some(self.zone()?.to_datetime(at.timestamp()).to_string())
    }

    /// Nothing where nobody said whose it is, and outside of the years that can be written.
    fn stamp(&self, time: DateTime) -> Option<Timestamp> {
        let stamp = self.zone()?.to_ambiguous_timestamp(time).compatible().ok()?;
        Some(stamp).filter(|stamp| Moment::from(*stamp).seconds() == stamp.as_second())
    }

    fn zone(&self) -> Option<&TimeZone> {
        match self {
            Self::Client => None,
            Self::Zone(zone) => Some(zone),
        }
    }
}

impl TryFrom<String> for Clock {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == CLIENT { Ok(Self::Client) } else { Self::of(&text).ok_or("is no time zone of the IANA database") }
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.zone().and_then(TimeZone::iana_name).unwrap_or(CLIENT).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_the_clock_is() {
        let day = |zone: &str, day: &str| Clock::of(zone).unwrap().first_of(day).map(|at| at.to_string());
        assert_eq!(day("Europe/Berlin", "2026-05-10").as_deref(), Some("2026-05-09T22:00:00Z"));
        assert_eq!(day("UTC", "2026-05-10").as_deref(), Some("2026-05-10T00:00:00Z"));
        // Midnight is left out there that day: clocks go from 23:59 to 01:00.
        assert_eq!(day("America/Santiago", "2026-09-06").as_deref(), Some("2026-09-06T04:00:00Z"));
        for bad in ["2026-5-10", "20260510", "2026-05-10T00:00:00", "2026-02-30", "2026-05-10Z", "", "10.05.2026"] {
            assert_eq!(day("UTC", bad), None, "{bad}");
        }
        assert_eq!(Clock::Client.first_of("2026-05-10"), None, "nobody said whose day");
    }

    #[test]
    fn a_time_without_a_zone_is_that_of_the_clock() {
        let at = |time: &str| Clock::of("Europe/Berlin").unwrap().at(time).map(|at| at.to_string());
        assert_eq!(at("2026-05-10T09:30:00").as_deref(), Some("2026-05-10T07:30:00Z"));
        assert_eq!(at("2026-05-10 09:30:00.250").as_deref(), Some("2026-05-10T07:30:00.25Z"));
        // Twice there, and never there.
        assert_eq!(at("2026-10-25T02:30:00").as_deref(), Some("2026-10-25T00:30:00Z"));
        assert_eq!(at("2026-03-29T02:30:00").as_deref(), Some("2026-03-29T01:30:00Z"));
        for bad in [
            "2026-05-10T09:30:00Z",
            "2026-05-10T09:30:00+02:00",
            "2026-05-10T09:30:00.5Z",
            "2026-05-10T09:30:00[Europe/Berlin]",
            "2026-05-10T09:30:00.",
            "2026-05-10T09:30",
            "2026-05-10",
            "9999-12-31T23:59:59",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let clock = Clock::of("America/New_York").unwrap();
        let at: Moment = "2026-03-02T03:00:00Z".parse().unwrap();
        assert_eq!(
            (clock.day(at).unwrap(), clock.time(at).unwrap()),
            ("2026-03-01".into(), "2026-03-01T22:00:00".into())
        );
        assert_eq!(clock.at(&clock.time(at).unwrap()).map(Moment::from), Some(at));
        assert!(clock.first_of(&clock.day(at).unwrap()).is_some_and(|first| first < at));
    }

    #[test]
    fn plans_name_zones_that_there_are() {
        let read = |text: &str| serde_json::from_str::<Clock>(text).ok();
        for text in [r#""client""#, r#""Europe/Berlin""#, r#""UTC""#] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        for bad in [r#""Mars/Base""#, r#""""#, "null", r#""+02:00""#] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let steady = |zone: &str| Clock::of(zone).unwrap().is_steady();
        assert!(steady("UTC") && !steady("Europe/Berlin") && !Clock::Client.is_steady());
        assert_eq!(Clock::Client.or(&Clock::of("UTC").unwrap()), Clock::of("UTC").unwrap());
    }
}
