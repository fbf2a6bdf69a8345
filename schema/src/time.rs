//! Moments and periods, with their units kept. Nothing here reads a clock.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment in UTC, to the second, written `YYYY-MM-DDTHH:MM:SSZ`.
///
/// # Source
/// formats.md section 1. Years 0001 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(i64);

/// A text that is not a moment or a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTime {
    wanted: &'static str,
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not {}", self.wanted)
    }
}

impl std::error::Error for BadTime {}

impl BadTime {
    /// What is wanted, where the text has the right form and is beyond what can be written.
    pub(crate) fn limit(&self) -> Option<&'static str> {
        [PERIOD_LIMIT, MOMENT_LIMIT].into_iter().find(|limit| *limit == self.wanted)
    }
}

/// What is wanted instead of a period that is too long: [`Period::MOST`].
const PERIOD_LIMIT: &str = "a period of at most 3660d";
/// What is wanted instead of a moment that is too late.
const MOMENT_LIMIT: &str = "an instant of at most `9999-12-30T22:00:00Z`";

const EARLIEST: i64 = -62_135_596_800;
/// 9999-12-30T22:00:00Z: later moments have no local time in every zone.
const LATEST: i64 = 253_402_207_200;

impl Moment {
    /// Takes seconds since 1970-01-01T00:00:00Z, held to the years that can be written.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(EARLIEST, LATEST))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// This moment and a period later, held to the last moment that can be written.
    #[must_use]
    pub fn plus(self, period: Period) -> Self {
        Self::from_seconds(self.0.saturating_add_unsigned(period.0))
    }

    /// This moment and a period earlier, held to the first moment that can be written.
    #[must_use]
    pub fn minus(self, period: Period) -> Self {
        Self::from_seconds(self.0.saturating_sub_unsigned(period.0))
    }

    /// The time from `earlier` to this moment; nothing when `earlier` is later.
    pub fn since(self, earlier: Self) -> Period {
        Period(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment for time-zone arithmetic.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The UTC day, written `YYYY-MM-DD`.
    pub fn day(self) -> String {
        let mut text = self.to_string();
        text.truncate(10);
        text
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self::from_seconds(timestamp.as_second())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A timestamp of whole seconds is written just so.
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

impl std::str::FromStr for Moment {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        // Nothing else that has the form of an instant is too late for one.
        let is_late = text.len() == 20 && text.starts_with("9999-12-3") && text.ends_with('Z');
        let form = "an instant in UTC like `2026-03-02T09:00:00Z`";
        let bad = BadTime { wanted: if is_late { MOMENT_LIMIT } else { form } };
        let Ok(timestamp) = text.parse::<Timestamp>() else { return Err(bad) };
        let moment = Self::from(timestamp);
        if moment.to_string() == text { Ok(moment) } else { Err(bad) }
    }
}

impl TryFrom<String> for Moment {
    type Error = BadTime;
    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

/// A length of time in whole seconds, written with its unit: `30s`, `10m`, `4h`, `7d`.
///
/// # Units
/// Seconds. Written with the largest unit that divides it, so that equal periods have equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(u64);

/// The longest period that can be written: ten years, in seconds.
const PERIOD_MOST_SECONDS: u64 = 10 * 366 * 86_400;

impl Period {
    /// The longest period that can be written: ten years.
    pub const MOST: Self = Self(PERIOD_MOST_SECONDS);

    /// A period of so many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// A period of so many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    /// A period of so many hours.
    pub const fn hours(hours: u64) -> Self {
        Self(hours * 3_600)
    }

    /// A period of so many days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    /// The period in seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The same length for timers.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if self.0 != 0 && self.0.is_multiple_of(seconds) {
                return write!(f, "{}{unit}", self.0 / seconds);
            }
        }
        write!(f, "{}s", self.0)
    }
}

impl std::str::FromStr for Period {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = BadTime { wanted: "a period like `30s`, `10m`, `4h` or `7d`" };
        let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
        let Some((digits, unit)) = units.iter().find_map(|(u, n)| Some((text.strip_suffix(*u)?, *n))) else {
            return Err(bad);
        };
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let canonical = digits == "0" || !digits.starts_with('0');
        match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)) {
            Some(seconds) if plain && canonical && seconds <= PERIOD_MOST_SECONDS => Ok(Self(seconds)),
            _ if plain && canonical => Err(BadTime { wanted: PERIOD_LIMIT }),
            _ => Err(bad),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = BadTime;
    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_moment_can_be_written() {
        for (seconds, text) in [(i64::MIN, "0001-01-01T00:00:00Z"), (i64::MAX, "9999-12-30T22:00:00Z")] {
            let moment = Moment::from_seconds(seconds);
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
        }
    }

    #[test]
    fn a_moment_has_one_spelling() {
        let text = "2026-03-02T09:00:00Z";
        assert_eq!(text.parse::<Moment>().map(|m| m.to_string()), Ok(text.to_owned()));
        for bad in ["2026-03-02T09:00:00+00:00", "2026-03-02T09:00:00.5Z", "2026-03-02", "2026-03-02t09:00:00z", ""] {
            assert!(bad.parse::<Moment>().is_err_and(|bad| bad.limit().is_none()), "{bad}");
        }
        let late = "9999-12-31T23:59:59Z".parse::<Moment>();
        assert!(late.is_err_and(|bad| bad.limit() == Some(MOMENT_LIMIT)));
        assert_eq!("2026-03-02T09:00:00Z".parse::<Moment>().map(Moment::day), Ok("2026-03-02".to_owned()));
    }

    #[test]
    fn a_period_keeps_its_unit() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("10m", 600), ("4h", 14_400), ("7d", 604_800)] {
            assert_eq!(text.parse::<Period>(), Ok(Period::seconds(seconds)));
            assert_eq!(Period::seconds(seconds).to_string(), text);
        }
        for bad in ["", "5", "m", "-1m", "01m", "1.5h", "1w", "99999999999999999999s", "100000d"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
        assert_eq!(PERIOD_LIMIT, format!("a period of at most {}", Period::MOST));
        let limit = |text: &str| text.parse::<Period>().err().and_then(|bad| bad.limit());
        assert_eq!(["3661d", "99999999999999999999s", "1w"].map(limit), [Some(PERIOD_LIMIT), Some(PERIOD_LIMIT), None]);
    }
}
