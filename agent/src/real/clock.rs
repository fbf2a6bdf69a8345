//! The system's clocks.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use assent_schema::release::FRESHNESS_LIVES;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{CLOCK_MOST_APART, TrustedTime};
use rustix::time::{ClockId, clock_gettime};

use crate::sync::lock;
use crate::world::{Clock, Wall};

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others ask")]
    fn now(&self) -> Wall {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Wall::from_millis(millis(after)),
            Err(before) => Wall::from_millis(-millis(before.duration())),
        }
    }

    fn boot(&self) -> Duration {
        since_boot(ClockId::Boottime)
    }

    fn awake(&self) -> Duration {
        since_boot(ClockId::Monotonic)
    }

    /// Tokio's timers stand still while the host sleeps, so the boot clock may have moved further; never less.
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// How far the system's clock may be ahead of the newest signed time and still be believed: a current freshness statement may
/// be that old.
const AHEAD_MOST: Period = FRESHNESS_LIVES;

/// The system's clock as far as it can be right. Whatever is dated by it is dated for good: a ledger's entries never go back,
/// so one entry from a far future would date all that follow until then.
///
/// # Source
/// trust.md section 2: a wrong clock does no lasting harm.
#[derive(Clone, Debug)]
pub struct BoundedClock {
    bounds: Arc<Mutex<Bounds>>,
}

impl BoundedClock {
    /// Goes on from the trusted time that was stored, and from what was dated last: that was believed. Without either the
    /// system's clock is believed at first.
    pub fn new(stored: Option<Moment>, dated: Option<Wall>) -> Self {
        let boot = RealClock.boot();
        let signed = stored.map(|stored| TrustedTime::start(stored, boot));
        Self { bounds: Arc::new(Mutex::new(Bounds { signed, believed: dated.map(|dated| (dated, boot)) })) }
    }

    /// Learns a time that somebody signed.
    pub fn learn(&self, signed: Moment) {
        let boot = RealClock.boot();
        let mut bounds = lock(&self.bounds);
        bounds.signed = Some(match bounds.signed {
            Some(before) => before.learn(signed, boot),
            None => TrustedTime::start(signed, boot),
        });
    }
}

#[cfg(test)]
impl BoundedClock {
    /// Stands as after a restart, when the newest that was signed and dated was of this time.
    pub(crate) fn as_after_a_stop(&self, stopped: Moment) {
        let boot = RealClock.boot();
        let (signed, believed) = (Some(TrustedTime::start(stopped, boot)), Some((Wall::from(stopped), boot)));
        *lock(&self.bounds) = Bounds { signed, believed };
    }
}

impl Clock for BoundedClock {
    fn now(&self) -> Wall {
        let (host, boot) = (RealClock.now(), RealClock.boot());
        lock(&self.bounds).bound(host, boot)
    }

    fn boot(&self) -> Duration {
        RealClock.boot()
    }

    fn awake(&self) -> Duration {
        RealClock.awake()
    }

    async fn sleep(&self, duration: Duration) {
        RealClock.sleep(duration).await;
    }
}

/// What a clock is held against. Pure.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    signed: Option<TrustedTime>,
    /// When the system's clock was believed last for what somebody signed, on both clocks.
    believed: Option<(Wall, Duration)>,
}

impl Bounds {
    /// The system's clock, where signed times or the time since boot confirm that it is not far ahead; else the latest time
    /// that surely has passed.
    fn bound(&mut self, host: Wall, boot: Duration) -> Wall {
        let signed = self.signed.map(|signed| Wall::from(signed.now(boot)));
        let steady = self.believed.map(|(then, at)| then.plus(boot.saturating_sub(at)));
        if signed.map_or(steady.is_none(), |signed| host <= signed.plus(AHEAD_MOST.duration())) {
            self.believed = Some((host, boot));
            return host;
        }
        match steady {
            Some(steady) if host <= steady.plus(CLOCK_MOST_APART.duration()) => host,
            _ => steady.max(signed).map_or(host, |passed| passed.min(host)),
        }
    }
}

fn since_boot(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn bounds(signed: Option<i64>) -> impl FnMut(i64, u64) -> i64 {
        after(signed, None)
    }

    /// The same, after something was dated before the start.
    fn after(signed: Option<i64>, dated: Option<i64>) -> impl FnMut(i64, u64) -> i64 {
        let signed = signed.map(|at| TrustedTime::start(Moment::from_seconds(at), Duration::ZERO));
        let believed = dated.map(|at| (Wall::from_millis(at * 1_000), Duration::ZERO));
        let mut bounds = Bounds { signed, believed };
        move |host, boot| bounds.bound(Wall::from_millis(host * 1_000), Duration::from_secs(boot)).millis() / 1_000
    }

    #[test]
    fn a_clock_that_is_far_ahead_dates_nothing() {
        let start = 1_000 * DAY;
        let mut now = bounds(Some(start));
        assert_eq!(now(start + 60, 10), start + 60);
        assert_eq!(now(start + 400 * DAY, 50), start + 100, "time goes on as the host's boot clock says");
        assert_eq!(now(start + 104, 54), start + 104, "and is right again when the clock is");
        assert_eq!(now(start - 400 * DAY, 58), start - 400 * DAY, "what is behind harms nothing that lasts");
        assert_eq!(now(start + 112, 62), start + 112);
        let mut after_restart = bounds(Some(start));
        assert_eq!(after_restart(start + 400 * DAY, 10), start + 10, "what was signed surely has passed");
        assert_eq!(after_restart(start + 130, 15), start + 130);
    }

    #[test]
    fn a_clock_is_believed_for_what_was_signed_and_for_the_time_since_boot() {
        let start = 1_000 * DAY;
        let mut now = bounds(Some(start));
        assert_eq!(now(start + DAY, 0), start + DAY, "a current statement may be a day old");
        assert_eq!(now(start + DAY + 1 + 600, 1), start + DAY + 601, "ten minutes of the boot clock's time");
        assert_eq!(now(start + DAY + 2 + 601, 2), start + DAY + 2);
        // With the repository away for a month the boot clock goes on.
        let month = 30 * 86_400_u64;
        let mut now = bounds(Some(start));
        assert_eq!(now(start + 5, 5), start + 5);
        assert_eq!(now(start + 30 * DAY, month), start + 30 * DAY);
    }

    #[test]
    fn before_anything_was_signed_the_clock_is_believed_and_then_held() {
        let mut now = bounds(None);
        assert_eq!(now(1_000 * DAY, 7), 1_000 * DAY);
        assert_eq!(now(1_000 * DAY + 30, 37), 1_000 * DAY + 30);
        assert_eq!(now(1_400 * DAY, 47), 1_000 * DAY + 40);
    }

    #[test]
    fn a_restart_goes_on_from_what_was_dated_last() {
        let (start, hour) = (1_000 * DAY, 3_600);
        // Believed for nineteen hours, then ahead by thirty: what was dated stays the past.
        let mut now = after(Some(start), Some(start + 19 * hour));
        assert_eq!(now(start + 30 * hour, 10), start + 19 * hour + 10);
        assert_eq!(now(start + 30 * hour + 20, 30), start + 19 * hour + 30, "and goes on as the boot clock says");
        assert_eq!(now(start + 20 * hour, 40), start + 20 * hour, "what a signed time allows is believed");
        // What was dated wrongly holds no clock that is right.
        let mut now = after(Some(start), Some(start + 400 * DAY));
        assert_eq!(now(start + hour, 10), start + hour);
        let mut now = after(None, Some(start + 400 * DAY));
        assert_eq!(now(start, 10), start);
        let mut now = after(None, Some(start));
        assert_eq!(now(start + 400 * DAY, 10), start + 10, "also before anything was signed");
    }

    #[test]
    fn what_is_signed_later_confirms_a_clock() {
        let clock = BoundedClock::new(Some(Moment::from_seconds(0)), None);
        assert!(clock.now().moment() < Moment::from_seconds(DAY), "1970 is what surely has passed");
        clock.learn(RealClock.now().moment());
        assert!(RealClock.now().since(clock.now()) < Duration::from_mins(1));
    }

    #[test]
    fn clocks_tell_a_plausible_time() {
        // 2026-01-01 to 2100: catches a wrong unit or sign.
        assert!((1_767_225_600_000..4_102_444_800_000).contains(&RealClock.now().millis()));
        let before = RealClock.boot();
        assert!(before > Duration::ZERO && RealClock.boot() >= before);
        assert!(RealClock.awake() > Duration::ZERO && RealClock.awake() <= RealClock.boot());
    }
}
