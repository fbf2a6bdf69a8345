//! Rate limits honoured ahead of time: a token bucket that says how long a request has to wait for its turn.
//!
//! Never more than the declared number of requests in any window of the declared length, bursts included. Written as the
//! generic cell rate algorithm, whose whole state is one moment.
//!
//! # Source
//! engine.md section 3, "Failing". ITU-T I.371 (the algorithm).

use std::time::Duration;

use assent_schema::plan::Rate;

/// One in so many of the declared requests may come at once after a pause; the rest are spread evenly.
const BURST_SHARE: u32 = 10;

/// The bucket of one connection or operation. Times are those of the clock that only moves forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Between two requests once the burst is used.
    interval: Duration,
    /// How far ahead of the even rhythm a burst may run.
    tolerance: Duration,
    /// When the next request would come in the even rhythm.
    expected: Duration,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        let requests = rate.requests.max(1);
        let burst = (requests / BURST_SHARE).max(1);
        // In any window of length `per` at most `burst + ceil(per / interval) - 1` requests pass, so this is `requests`.
        let interval = round_up(rate.per.duration(), requests - burst + 1);
        Self { interval, tolerance: interval.saturating_mul(burst - 1), expected: Duration::ZERO }
    }

    /// Takes the next turn and says how long to wait for it: nothing when it is now.
    ///
    /// A turn that was taken is used, also when the request is then not sent.
    pub fn take(&mut self, now: Duration) -> Duration {
        let start = self.expected.saturating_sub(self.tolerance).max(now);
        self.expected = self.expected.max(now).saturating_add(self.interval);
        start.saturating_sub(now)
    }

    /// How long the next turn would have to wait, without taking it.
    pub fn wait(&self, now: Duration) -> Duration {
        self.expected.saturating_sub(self.tolerance).saturating_sub(now)
    }

    /// Keeps all requests back for a time, because the API said so.
    pub fn pause(&mut self, now: Duration, span: Duration) {
        let until = now.saturating_add(span).saturating_add(self.tolerance);
        self.expected = self.expected.max(until);
    }
}

/// A span divided by a number, rounded up to a nanosecond so that parts never add up to less than the whole.
fn round_up(span: Duration, parts: u32) -> Duration {
    let nanos = span.as_nanos().div_ceil(u128::from(parts.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::time::Period;
    use proptest::prelude::*;

    fn bucket(requests: u32, seconds: u64) -> Bucket {
        Bucket::new(Rate { requests, per: Period::seconds(seconds) })
    }

    #[test]
    fn one_request_a_minute_is_one_request_a_minute() {
        let mut bucket = bucket(1, 60);
        let now = Duration::from_secs(1_000);
        assert_eq!(bucket.take(now), Duration::ZERO);
        assert_eq!(bucket.take(now), Duration::from_mins(1));
        assert_eq!(bucket.wait(now + Duration::from_secs(90)), Duration::from_secs(30));
    }

    #[test]
    fn a_tenth_may_come_at_once() {
        let mut bucket = bucket(100, 60);
        let now = Duration::from_secs(1_000);
        assert!((0..10).all(|_| bucket.take(now).is_zero()));
        assert!(!bucket.take(now).is_zero());
    }

    #[test]
    fn a_pause_holds_all() {
        let mut bucket = bucket(100, 60);
        let now = Duration::from_secs(1_000);
        bucket.pause(now, Duration::from_secs(20));
        assert_eq!(bucket.take(now), Duration::from_secs(20));
    }

    #[test]
    fn hostile_numbers_do_not_panic() {
        let mut bucket = bucket(0, 0);
        assert_eq!(bucket.take(Duration::MAX), Duration::ZERO);
        assert_eq!(bucket.take(Duration::ZERO), Duration::MAX);
        bucket.pause(Duration::MAX, Duration::MAX);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_declared(
            requests in 1_u32..200,
            per in 1_u64..120,
            gaps in proptest::collection::vec(0_u64..5_000, 1..400),
        ) {
            let mut bucket = bucket(requests, per);
            let mut now = Duration::from_secs(10_000);
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                sent.push(now + bucket.take(now));
            }
            let window = Duration::from_secs(per);
            for (i, start) in sent.iter().enumerate() {
                let inside = sent.iter().skip(i).take_while(|t| **t < *start + window).count();
                prop_assert!(inside <= requests as usize, "{inside} of {requests}");
            }
        }
    }
}
