//! Runs that somebody holds: how many there are, and how often each looks whether it still is.
//!
//! A run that is held gives its place among the running back. When the hold ends, runs go on one after the other, since each
//! looks in its own time: the more of them wait, the further apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::world::Dice;

/// The shortest time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// How far apart runs are let go on average.
const APART: Duration = Duration::from_millis(100);
/// The longest time over which the runs of one hold are let go.
const SPREAD_MOST: Duration = Duration::from_mins(10);

/// How many runs are held.
#[derive(Debug, Default)]
pub(in crate::run) struct HeldRuns(Arc<AtomicU32>);

/// One of them, as long as it is.
#[derive(Debug)]
pub(in crate::run) struct HeldRun(Arc<AtomicU32>);

impl HeldRuns {
    /// A run is held from now on, until what is returned is dropped.
    pub(in crate::run) fn enter(&self) -> HeldRun {
        self.0.fetch_add(1, Ordering::Relaxed);
        HeldRun(Arc::clone(&self.0))
    }

    /// The time until a run looks again.
    pub(in crate::run) fn look(&self, dice: &impl Dice) -> Duration {
        let spread = APART.saturating_mul(self.0.load(Ordering::Relaxed)).min(SPREAD_MOST);
        let millis = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
        LOOK.saturating_add(Duration::from_millis(dice.below(millis)))
    }
}

impl Drop for HeldRun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Last;

    impl Dice for Last {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    #[test]
    fn the_more_runs_wait_the_further_apart_they_look() {
        let held = HeldRuns::default();
        let one = held.enter();
        assert_eq!(held.look(&Last), LOOK + Duration::from_millis(99));
        let many: Vec<_> = (0..99).map(|_| held.enter()).collect();
        assert_eq!(held.look(&Last), LOOK + Duration::from_millis(9_999));
        let more: Vec<_> = (0..10_000).map(|_| held.enter()).collect();
        assert_eq!(held.look(&Last) + Duration::from_millis(1), LOOK + SPREAD_MOST);
        drop((one, many, more));
        assert_eq!(held.look(&Last), LOOK);
    }
}
