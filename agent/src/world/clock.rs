//! Time: what the wall says, and what passes while the host is up.

use std::time::Duration;

use assent_schema::time::Moment;

/// Wall time in milliseconds since 1970-01-01T00:00:00Z. May jump; durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(i64);

impl Wall {
    /// So many milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The second that it lies in.
    pub fn moment(self) -> Moment {
        Moment::from_seconds(self.0.div_euclid(1_000))
    }

    /// This time and a while later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this; nothing when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<Moment> for Wall {
    fn from(moment: Moment) -> Self {
        Self(moment.seconds().saturating_mul(1_000))
    }
}

/// Tells time and lets it pass.
pub trait Clock: Send + Sync {
    /// Wall time. Wrong clocks exist: expiry asks `schema::trust` for trusted time, not this.
    fn now(&self) -> Wall;

    /// The time since the host booted, sleep included. Never goes back while the host is up; means nothing after a boot.
    fn boot(&self) -> Duration;

    /// The time for which the host was awake since it booted: stands still while it sleeps.
    fn awake(&self) -> Duration {
        self.boot()
    }

    /// Returns after at least this long on the boot clock.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_time_before_1970_lies_in_the_second_before() {
        assert_eq!(Wall::from_millis(-1).moment().seconds(), -1);
        assert_eq!(Wall::from_millis(1_999).moment().seconds(), 1);
    }
}
