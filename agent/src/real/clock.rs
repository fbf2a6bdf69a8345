//! The system's clocks.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

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

fn since_boot(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_tell_a_plausible_time() {
        // 2026-01-01 to 2100: catches a wrong unit or sign.
        assert!((1_767_225_600_000..4_102_444_800_000).contains(&RealClock.now().millis()));
        let before = RealClock.boot();
        assert!(before > Duration::ZERO && RealClock.boot() >= before);
        assert!(RealClock.awake() > Duration::ZERO && RealClock.awake() <= RealClock.boot());
    }
}
