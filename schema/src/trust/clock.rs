//! Whether the system's clock can be right, by what was signed and by the time since boot.
//!
//! A clock that is behind a time that surely has passed is wrong. One that is ahead of it need not be: between the last signed
//! time and a start of the agent, hours may have passed of which nobody here knows. So ahead counts what is known in this
//! process alone: where the clock stood before, or a signed time that was not there when the agent looked last. The time since
//! boot counts sleep, so a host that slept finds both moved alike.
//!
//! # Source
//! trust.md section 2. Pure: both clocks come in as values.

use std::time::Duration;

use super::time::CLOCK_MOST_APART;
use crate::time::{Moment, Period};

/// The latest instant that it can be, as far as anything says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockWatch {
    /// That instant, and the time since boot at which it was found; nothing where the next reading is taken for what it says.
    latest: Option<(Moment, Duration)>,
}

impl ClockWatch {
    /// Hears a time that somebody signed. `looked` is the time since boot at which the agent looked before and found nothing of
    /// it, in this process: it was signed since then. Without one nobody knows how old it is.
    pub fn learn(&mut self, signed: Moment, looked: Option<Duration>, boot: Duration) {
        let Some(looked) = looked else { return };
        let latest = signed.plus(whole(boot.saturating_sub(looked)));
        let known = self.latest(boot);
        if known.is_none_or(|known| latest < known || signed > known.plus(CLOCK_MOST_APART)) {
            self.latest = Some((latest, boot));
        }
    }

    /// How far the system's clock is from where it can be: before the instant that surely has passed, or after the latest that it
    /// can be.
    pub fn differs(&mut self, passed: Moment, system: Moment, boot: Duration) -> Period {
        // What surely has passed is later than the latest that it could be: that was a reading of a clock that was behind.
        let known = self.latest(boot).filter(|latest| passed <= latest.plus(CLOCK_MOST_APART));
        let behind = passed.since(system);
        match known {
            _ if behind > CLOCK_MOST_APART => {
                // Where it stood before says nothing of where it is put right.
                self.latest = None;
                behind
            }
            Some(latest) => behind.max(system.since(latest.max(passed))),
            None => {
                self.latest = Some((system.max(passed), boot));
                behind
            }
        }
    }

    /// Whether the system's clock is so far from where it can be that people must be told.
    pub fn is_wrong(&mut self, passed: Moment, system: Moment, boot: Duration) -> bool {
        self.differs(passed, system, boot) > CLOCK_MOST_APART
    }

    fn latest(&self, boot: Duration) -> Option<Moment> {
        self.latest.map(|(latest, at)| latest.plus(whole(boot.saturating_sub(at))))
    }
}

/// A second more than passed, so that no reading that was cut short makes a right clock a wrong one.
fn whole(passed: Duration) -> Period {
    Period::seconds(passed.as_secs().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host: its clock, its time since boot, what surely has passed, all in seconds.
    struct Host {
        watch: ClockWatch,
        system: i64,
        boot: u64,
        passed: i64,
    }

    impl Host {
        /// The agent starts; `behind` is what nobody here knows to have passed since the last signed time.
        fn starts(behind: i64) -> Self {
            let mut host =
                Self { watch: ClockWatch::default(), system: 1_000_000, boot: 500, passed: 1_000_000 - behind };
            assert!(!host.is_wrong());
            host
        }

        /// So long passes, asleep or awake.
        fn passes(&mut self, seconds: u64) -> &mut Self {
            self.system += i64::try_from(seconds).unwrap();
            self.passed += i64::try_from(seconds).unwrap();
            self.boot += seconds;
            self
        }

        fn is_wrong(&mut self) -> bool {
            let (passed, system) = (Moment::from_seconds(self.passed), Moment::from_seconds(self.system));
            self.watch.is_wrong(passed, system, Duration::from_secs(self.boot))
        }

        /// Somebody signed at this time; the agent looked so long ago, if it did.
        fn learns(&mut self, signed: i64, looked: Option<u64>) {
            let looked = looked.map(|ago| Duration::from_secs(self.boot - ago));
            self.watch.learn(Moment::from_seconds(signed), looked, Duration::from_secs(self.boot));
            self.passed = self.passed.max(signed);
        }
    }

    #[test]
    fn what_nobody_knows_to_have_passed_makes_no_clock_wrong() {
        for stopped in [0, 601, 3_600, 30 * 86_400] {
            let mut host = Host::starts(stopped);
            assert!(!host.passes(86_400).is_wrong(), "after {stopped} s of a stop, and a night of sleep");
            // The newest statement that it finds was signed hours ago.
            host.learns(host.system - 3 * 3_600, None);
            assert!(!host.passes(60).is_wrong());
            host.learns(host.system - 30, Some(60));
            assert!(!host.passes(3_600).is_wrong());
        }
    }

    #[test]
    fn a_clock_that_is_set_is_wrong_until_what_is_signed_agrees() {
        let mut host = Host::starts(3_600);
        host.system += 600;
        assert!(!host.is_wrong());
        host.system += 3;
        assert!(host.is_wrong() && host.passes(7_200).is_wrong(), "it stays ahead");
        host.system -= 603;
        assert!(!host.is_wrong());
        // Put right by more than ten minutes: what is signed since says so.
        host.system += 7_200;
        assert!(host.is_wrong());
        host.learns(host.system - 20, Some(60));
        assert!(!host.is_wrong() && !host.passes(60).is_wrong());
    }

    #[test]
    fn a_clock_that_was_ahead_from_the_start_is_told_by_what_is_signed() {
        let mut host = Host::starts(3_600);
        // What was there already says nothing; what is signed while the agent looks does.
        host.learns(host.system - 7_200, None);
        assert!(!host.passes(60).is_wrong());
        host.learns(host.system - 3_600, Some(60));
        assert!(host.is_wrong() && host.passes(600).is_wrong());
        // With the repository away for a day, what it brings may be a day old.
        let mut host = Host::starts(3_600);
        host.passes(86_400).learns(1_000_000 + 60, Some(86_400));
        assert!(!host.is_wrong());
    }

    #[test]
    fn a_clock_that_is_behind_is_wrong_and_may_be_put_right() {
        let mut host = Host::starts(3_600);
        host.system -= 3_600 + 601;
        assert!(host.is_wrong() && host.passes(60).is_wrong());
        host.system += 3_600 + 601;
        assert!(!host.is_wrong());
        // At a start too, where the clock is put right by hours that nobody here knows of.
        let mut host = Host { watch: ClockWatch::default(), system: 0, boot: 9, passed: 1_000_000 };
        assert!(host.is_wrong());
        host.system = 1_000_000 + 9 * 3_600;
        assert!(!host.is_wrong() && !host.passes(60).is_wrong());
        host.system += 700;
        assert!(host.is_wrong());
    }
}
