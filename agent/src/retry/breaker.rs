//! A circuit breaker for one connection: after failures in a row nothing is sent for a while, then one probe.
//!
//! Times are those of the clock that only moves forward, as the span since it began.
//!
//! # Source
//! engine.md section 3, "Failing". Promise P18.

use std::time::Duration;

/// Failures in a row that open the breaker.
pub const FAILURES_MOST: u32 = 5;
/// How long it stays open the first time; twice as long each further time.
pub const OPEN_FIRST: Duration = Duration::from_secs(10);
/// The longest time that it stays open.
pub const OPEN_MOST: Duration = Duration::from_mins(5);
/// After this time a probe whose end nobody reported no longer keeps others out.
pub const PROBE_MOST: Duration = Duration::from_mins(2);

/// Whether a request may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// Not before this time has passed; ask again then.
    Shut(Duration),
}

/// The state of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    /// How often it opened since the last success.
    openings: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum State {
    /// Requests pass.
    #[default]
    Passing,
    /// Nothing passes until then.
    Stopped { until: Duration },
    /// One request is on its way to find out.
    Probing { since: Duration },
}

impl Breaker {
    /// Asks whether a request may be sent. The first one after a stop is the probe.
    pub fn gate(&mut self, now: Duration) -> Gate {
        match self.state {
            State::Passing => Gate::Open,
            State::Stopped { until } if now < until => Gate::Shut(until.saturating_sub(now)),
            State::Probing { since } if now < since.saturating_add(PROBE_MOST) => {
                Gate::Shut(OPEN_FIRST.min(since.saturating_add(PROBE_MOST).saturating_sub(now)))
            }
            State::Stopped { .. } | State::Probing { .. } => {
                self.state = State::Probing { since: now };
                Gate::Open
            }
        }
    }

    /// Records that the other side answered, whatever it answered short of a failure of its own.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// Records a failure of the other side: not reached, not answered in time, or a status of 500 and above.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        let probe = matches!(self.state, State::Probing { .. });
        let stopped = matches!(self.state, State::Stopped { .. });
        // Requests that were on their way when it opened say nothing new.
        if !stopped && (probe || self.failures >= FAILURES_MOST) {
            let span = OPEN_FIRST.saturating_mul(1 << self.openings.min(16)).min(OPEN_MOST);
            self.openings = self.openings.saturating_add(1);
            self.state = State::Stopped { until: now.saturating_add(span) };
        }
    }

    /// Whether requests are kept back, for alerts and `status`.
    pub fn is_stopped(&self) -> bool {
        !matches!(self.state, State::Passing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES_MOST).for_each(|_| breaker.failed(at(100)));
        breaker
    }

    #[test]
    fn failures_in_a_row_stop_requests() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MOST {
            breaker.failed(at(0));
            assert_eq!(breaker.gate(at(0)), Gate::Open);
        }
        breaker.answered();
        for _ in 1..FAILURES_MOST {
            breaker.failed(at(1));
        }
        assert!(!breaker.is_stopped(), "an answer in between begins the count again");
        breaker.failed(at(1));
        assert_eq!(breaker.gate(at(1)), Gate::Shut(OPEN_FIRST));
    }

    #[test]
    fn one_probe_goes_out_and_decides() {
        let mut breaker = opened();
        assert_eq!(breaker.gate(at(109)), Gate::Shut(at(1)));
        assert_eq!(breaker.gate(at(110)), Gate::Open);
        assert!(matches!(breaker.gate(at(110)), Gate::Shut(_)), "a second request is not a probe");
        let mut again = breaker.clone();
        again.answered();
        assert_eq!(again.gate(at(111)), Gate::Open);
        breaker.failed(at(111));
        assert_eq!(breaker.gate(at(111)), Gate::Shut(OPEN_FIRST * 2));
    }

    #[test]
    fn the_stop_has_a_longest_time() {
        let mut breaker = opened();
        let mut now = at(100);
        for _ in 0..40 {
            let Gate::Shut(span) = breaker.gate(now) else { panic!("open") };
            assert!(span <= OPEN_MOST);
            now += span;
            assert_eq!(breaker.gate(now), Gate::Open);
            breaker.failed(now);
        }
        assert_eq!(breaker.gate(now), Gate::Shut(OPEN_MOST));
    }

    #[test]
    fn a_lost_probe_does_not_shut_the_connection_for_ever() {
        let mut breaker = opened();
        assert_eq!(breaker.gate(at(110)), Gate::Open);
        assert!(matches!(breaker.gate(at(109) + PROBE_MOST), Gate::Shut(_)));
        assert_eq!(breaker.gate(at(110) + PROBE_MOST), Gate::Open);
    }

    #[test]
    fn late_failures_do_not_lengthen_a_stop() {
        let mut breaker = opened();
        breaker.failed(at(105));
        assert_eq!(breaker.gate(at(110)), Gate::Open);
    }
}
