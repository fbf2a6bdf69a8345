//! When to look again: the poll interval with jitter, longer and longer while the repository is away. Pure.

use std::time::Duration;

/// The longest time between two looks while the repository is away.
const AWAY_MOST: Duration = Duration::from_mins(10);
/// Jitter in percent of the interval, both ways, so that agents do not ask together.
const JITTER_PERCENT: u32 = 20;

/// How long to wait before the next look.
///
/// `failures` counts looks in a row that failed; `dice` is a number from 0 to 999.
pub fn next(interval: Duration, failures: u32, dice: u32) -> Duration {
    let longest = AWAY_MOST.max(interval);
    let base = interval.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(longest);
    let spread = base * JITTER_PERCENT / 100;
    base.saturating_sub(spread).saturating_add(spread * 2 * dice.min(999) / 999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_in_bounds_and_grow_while_it_fails() {
        let interval = Duration::from_secs(30);
        assert_eq!(next(interval, 0, 0), Duration::from_secs(24));
        assert_eq!(next(interval, 0, 999), Duration::from_secs(36));
        for failures in 0..100 {
            for dice in [0, 1, 500, 999, u32::MAX] {
                let wait = next(interval, failures, dice);
                assert!(wait >= Duration::from_secs(24) && wait <= AWAY_MOST * 6 / 5, "{failures} {dice}");
            }
        }
        assert!(next(interval, 3, 0) > next(interval, 1, 999));
    }
}
