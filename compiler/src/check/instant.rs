//! The instant for which a source is checked, and how far it can move without changing anything.

use std::sync::atomic::{AtomicI64, Ordering};

use assent_schema::time::Moment;

/// An instant that can only be compared. Each comparison narrows the time in which all of them come out the same.
#[derive(Debug)]
pub(super) struct At {
    now: Moment,
    since: AtomicI64,
    until: AtomicI64,
}

/// The instants from `since` on and before `until`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Window {
    since: i64,
    until: i64,
}

impl Window {
    /// Whether an instant lies in it.
    pub(super) fn holds(self, at: Moment) -> bool {
        self.since <= at.seconds() && at.seconds() < self.until
    }
}

impl At {
    /// An instant that was compared with nothing yet.
    pub(super) fn new(now: Moment) -> Self {
        Self { now, since: AtomicI64::new(i64::MIN), until: AtomicI64::new(i64::MAX) }
    }

    /// Whether a moment has come.
    pub(super) fn reached(&self, moment: Moment) -> bool {
        let reached = self.now >= moment;
        if reached {
            self.since.fetch_max(moment.seconds(), Ordering::Relaxed);
        } else {
            self.until.fetch_min(moment.seconds(), Ordering::Relaxed);
        }
        reached
    }

    /// The instant itself, for somebody who compares it with nothing but these moments.
    pub(super) fn among(&self, moments: impl IntoIterator<Item = Moment>) -> Moment {
        for moment in moments {
            self.reached(moment);
        }
        self.now
    }

    /// The instants at which nothing that was compared so far comes out otherwise.
    pub(super) fn window(&self) -> Window {
        Window { since: self.since.load(Ordering::Relaxed), until: self.until.load(Ordering::Relaxed) }
    }

    /// Takes what was found out in another window that holds this instant.
    pub(super) fn narrow(&self, window: Window) {
        self.since.fetch_max(window.since, Ordering::Relaxed);
        self.until.fetch_min(window.until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparing_narrows_the_window() {
        let second = Moment::from_seconds;
        let at = At::new(second(100));
        assert!(at.window().holds(second(0)));
        assert!(
            at.reached(second(90)) && at.reached(second(100)) && !at.reached(second(101)) && !at.reached(second(300))
        );
        let window = at.window();
        assert!(window.holds(second(100)));
        assert!(!window.holds(second(99)) && !window.holds(second(101)));
    }
}
