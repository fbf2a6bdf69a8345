//! Trusted time: moved by signed times and by the time since boot, never by a clock that anybody can set.
//!
//! # Source
//! trust.md section 2. Pure: both clocks come in as values.

use crate::time::{Moment, Period};

/// The difference between trusted time and the system's clock above which people are told.
pub const CLOCK_MOST_APART: Period = Period::minutes(10);

/// The latest instant that surely has passed.
///
/// # Units
/// `boot` is the time since the machine started, sleep included; it counts anew after a restart, so only
/// [`TrustedTime::now`] is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedTime {
    known: Moment,
    boot: Period,
}

impl TrustedTime {
    /// Goes on from the instant that was stored, or from the one pinned at enrolment.
    pub fn start(stored: Moment, boot: Period) -> Self {
        Self { known: stored, boot }
    }

    /// The trusted instant now; what is stored.
    pub fn now(&self, boot: Period) -> Moment {
        let elapsed = boot.as_seconds().saturating_sub(self.boot.as_seconds());
        self.known.plus(Period::seconds(elapsed))
    }

    /// Learns a time that somebody signed. Time never goes back.
    #[must_use]
    pub fn learn(self, signed: Moment, boot: Period) -> Self {
        Self { known: self.now(boot).max(signed), boot }
    }

    /// The instant by which expiry is judged: the later of trusted time and the system's clock.
    pub fn for_expiry(&self, boot: Period, system: Moment) -> Moment {
        self.now(boot).max(system)
    }

    /// Whether the system's clock is so far from trusted time that people must be told.
    pub fn is_clock_wrong(&self, boot: Period, system: Moment) -> bool {
        let now = self.now(boot);
        now.since(system).max(system.since(now)) > CLOCK_MOST_APART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_by_boot_and_by_signed_times_and_never_back() {
        let start = Moment::from_seconds(1_000_000);
        let time = TrustedTime::start(start, Period::seconds(50));
        assert_eq!(time.now(Period::seconds(60)), start.plus(Period::seconds(10)));
        assert_eq!(time.now(Period::seconds(0)), start, "a boot clock that went back moves nothing");
        let later = start.plus(Period::hours(5));
        let time = time.learn(later, Period::seconds(60));
        assert_eq!(time.now(Period::seconds(61)), later.plus(Period::seconds(1)));
        assert_eq!(time.learn(start, Period::seconds(61)).now(Period::seconds(61)), later.plus(Period::seconds(1)));
    }

    #[test]
    fn expiry_takes_the_later_clock_and_a_wrong_one_is_told() {
        let start = Moment::from_seconds(1_000_000);
        let time = TrustedTime::start(start, Period::seconds(0));
        let boot = Period::seconds(0);
        assert_eq!(time.for_expiry(boot, start.minus(Period::days(9))), start);
        assert_eq!(time.for_expiry(boot, start.plus(Period::days(9))), start.plus(Period::days(9)));
        assert!(!time.is_clock_wrong(boot, start.plus(Period::minutes(10))));
        assert!(time.is_clock_wrong(boot, start.plus(Period::seconds(601))));
        assert!(time.is_clock_wrong(boot, start.minus(Period::seconds(601))));
    }
}
