//! Whether time went on as it should since the agent last looked, and since its last sign of life. Pure.
//!
//! A clock that was set, or a host that slept, makes the next tick late for whoever reads the log. The entry that says so
//! must stand before that tick: formats.md section 4, `clock`.

use std::time::Duration;

use assent_schema::ledger::audit::TICK_MOST;
use assent_schema::time::Moment;

use super::note;
use crate::store::{Log, Note};
use crate::world::Wall;

/// How far the clock may be from where it should be: more is said.
const APART_MOST: Duration = Duration::from_mins(1);
/// How often a sign of life is written to each log. formats.md asks for at most 3,660 s, and a round may be long.
const TICK_EVERY: Duration = Duration::from_mins(55);

/// What must be said before the next sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The clock was set, or the host slept: what the time would have been.
    Clock(Moment),
    /// The agent itself stood still for longer than signs of life may be apart, as if it had crashed.
    Silence,
}

impl Missed {
    /// The words of one log.
    pub fn note(self, log: Log) -> Note {
        match self {
            Self::Clock(was) => Note::new(log, "clock").fact("was", was.to_string()),
            Self::Silence => note::started(log, false),
        }
    }
}

/// When the agent last looked at its clocks, and when it last gave a sign of life.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    wall: Wall,
    awake: Duration,
    beat: Wall,
}

impl Pulse {
    /// A sign of life now. `awake` is the time for which the host was awake since it booted.
    pub fn new(now: Wall, awake: Duration) -> Self {
        Self { wall: now, awake, beat: now }
    }

    /// What must be said before anything else that is about time.
    pub fn missed(&self, now: Wall, awake: Duration) -> Option<Missed> {
        let should = self.wall.plus(awake.saturating_sub(self.awake));
        if now.since(should).max(should.since(now)) > APART_MOST {
            Some(Missed::Clock(should.moment()))
        } else if now.since(self.beat) > TICK_MOST.duration() {
            Some(Missed::Silence)
        } else {
            None
        }
    }

    /// Whether it is time for a sign of life.
    pub fn is_due(&self, now: Wall) -> bool {
        now.since(self.beat) >= TICK_EVERY
    }

    /// The agent looked, and what it missed is durable.
    #[must_use]
    pub fn looked(self, now: Wall, awake: Duration) -> Self {
        Self { wall: now, awake, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Wall {
        Wall::from_millis(seconds * 1_000)
    }

    const fn up(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_clock_that_was_set_and_a_host_that_slept_are_missed_time() {
        let pulse = Pulse::new(at(100_000), up(50));
        assert_eq!(pulse.missed(at(100_030), up(80)), None);
        assert_eq!(pulse.missed(at(100_090), up(80)), None, "a minute is let go");
        let was = Some(Missed::Clock(at(100_030).moment()));
        assert_eq!(pulse.missed(at(107_230), up(80)), was, "forward, or asleep");
        assert_eq!(pulse.missed(at(90_000), up(80)), was, "back");
        assert_eq!(pulse.looked(at(107_230), up(80)).missed(at(107_260), up(110)), Some(Missed::Silence));
        assert_eq!(Pulse::new(at(107_230), up(80)).missed(at(107_260), up(110)), None);
    }

    #[test]
    fn an_agent_that_stood_still_says_so_as_if_it_had_crashed() {
        let pulse = Pulse::new(at(100_000), up(50));
        assert_eq!(pulse.missed(at(103_660), up(3_710)), None);
        assert_eq!(pulse.missed(at(103_661), up(3_711)), Some(Missed::Silence));
        assert!(!pulse.is_due(at(103_299)) && pulse.is_due(at(103_300)));
    }
}
