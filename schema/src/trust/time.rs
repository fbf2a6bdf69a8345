//! Trusted time: moved by signed times and by the time since boot, never by a clock that anybody can set.
//!
//! # Source
//! trust.md section 2. Pure: both clocks come in as values.

use std::time::Duration;

use crate::time::{Moment, Period};

/// How far the system's clock may be from where it can be: above it people are told.
pub const CLOCK_MOST_APART: Period = Period::minutes(10);

/// The latest instant that surely has passed.
///
/// # Units
/// `boot` is the time since the machine started, sleep included; it counts anew after a restart, so only
/// [`TrustedTime::now`] is stored. It is finer than a second, because only whole seconds that passed since an instant was
/// learnt may be added to it: else two truncated readings would put trusted time ahead of a clock that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedTime {
    known: Moment,
    boot: Duration,
}

impl TrustedTime {
    /// Goes on from the instant that was stored, or from the one pinned at enrolment.
    pub fn start(stored: Moment, boot: Duration) -> Self {
        Self { known: stored, boot }
    }

    /// The trusted instant now; what is stored.
    pub fn now(&self, boot: Duration) -> Moment {
        self.known.plus(Period::seconds(boot.saturating_sub(self.boot).as_secs()))
    }

    /// Learns a time that somebody signed. Time never goes back.
    #[must_use]
    pub fn learn(self, signed: Moment, boot: Duration) -> Self {
        if signed > self.now(boot) { Self { known: signed, boot } } else { self }
    }

    /// The instant by which expiry is judged: the later of trusted time and the system's clock.
    pub fn for_expiry(&self, boot: Duration, system: Moment) -> Moment {
        self.now(boot).max(system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_moves_by_boot_and_by_signed_times_and_never_back() {
        let start = Moment::from_seconds(1_000_000);
        let time = TrustedTime::start(start, secs(50));
        assert_eq!(time.now(secs(60)), start.plus(Period::seconds(10)));
        assert_eq!(time.now(secs(0)), start, "a boot clock that went back moves nothing");
        let later = start.plus(Period::hours(5));
        let time = time.learn(later, secs(60));
        assert_eq!(time.now(secs(61)), later.plus(Period::seconds(1)));
        assert_eq!(time.learn(start, secs(61)).now(secs(61)), later.plus(Period::seconds(1)));
    }

    #[test]
    fn trusted_time_is_never_ahead_of_a_right_clock() {
        // The wall clock stands at .50 of a second while the boot clock stands at .95 of one.
        let (wall, boot) = (Duration::from_millis(1_000_500), Duration::from_millis(50_950));
        let floor = |wall: Duration| Moment::from_seconds(i64::try_from(wall.as_secs()).unwrap());
        let mut time = TrustedTime::start(floor(wall), boot);
        for step in 1..400 {
            let passed = Duration::from_millis(17 * step);
            assert!(time.now(boot + passed) <= floor(wall + passed), "after {passed:?}");
            time = time.learn(floor(wall + passed), boot + passed);
        }
    }

    #[test]
    fn expiry_takes_the_later_clock() {
        let start = Moment::from_seconds(1_000_000);
        let time = TrustedTime::start(start, secs(0));
        let boot = secs(0);
        assert_eq!(time.for_expiry(boot, start.minus(Period::days(9))), start);
        assert_eq!(time.for_expiry(boot, start.plus(Period::days(9))), start.plus(Period::days(9)));
    }
}
