//! How soon somebody must answer an incident, by the client's plan and calendar, and how soon it must be explained. Pure.
//!
//! # Source
//! engine.md section 7. Promises P20, P22.

use assent_schema::calendar::BusinessHours;
use assent_schema::client::Tier;
use assent_schema::time::{Moment, Period};

use crate::store::Severity;

/// Within which time from its beginning on the post-mortem of an incident is shared.
pub const SHARE_WITHIN: Period = Period::hours(48);

/// When an incident must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespondBy {
    /// The last moment.
    pub until: Moment,
    /// When on-call is warned: half of the time before.
    pub warn: Moment,
}

impl RespondBy {
    /// The clock of an incident that began at `since`, when its end is known.
    pub fn of(since: Moment, until: Moment) -> Self {
        let half = Period::seconds(until.since(since).as_seconds() / 2);
        Self { until, warn: since.plus(half) }
    }
}

/// The clock of an incident that began at `since`: an hour on `scale`, four on `growth` for a critical one, else the end of
/// the next business day. `None` when the client's calendar has no next business day.
pub fn respond_by(tier: Tier, severity: Severity, since: Moment, hours: &BusinessHours) -> Option<RespondBy> {
    let until = match (tier, severity) {
        (Tier::Scale, _) => since.plus(Period::hours(1)),
        (Tier::Growth, Severity::Critical) => since.plus(Period::hours(4)),
        (Tier::Growth, Severity::Normal) | (Tier::Starter, _) => hours.end_of_next_day(since)?,
    };
    Some(RespondBy::of(since, until))
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod year;

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::calendar::zone;
    use assent_schema::client::Calendar;

    fn hours() -> BusinessHours {
        let week = ["1", "2", "3", "4", "5"].map(|day| (day.to_owned(), "09:00-17:00".to_owned()));
        let calendar = Calendar { hours: week.into(), holidays: ["2026-12-25".to_owned()].into() };
        BusinessHours::new(&calendar, zone("Europe/Berlin").unwrap()).unwrap()
    }

    #[test]
    fn the_clock_follows_the_plan_and_the_clients_calendar() {
        let since: Moment = "2026-12-24T22:00:00Z".parse().unwrap();
        let until = |tier| respond_by(tier, Severity::Critical, since, &hours()).map(|by| by.until.to_string());
        assert_eq!(until(Tier::Scale), Some("2026-12-24T23:00:00Z".into()));
        assert_eq!(until(Tier::Growth), Some("2026-12-25T02:00:00Z".into()));
        // Thursday night; Friday is a holiday; Monday closes at 16:00Z.
        assert_eq!(until(Tier::Starter), Some("2026-12-28T16:00:00Z".into()));
        let growth = |severity| respond_by(Tier::Growth, severity, since, &hours()).unwrap();
        assert_eq!(growth(Severity::Critical).warn.to_string(), "2026-12-25T00:00:00Z");
        assert_eq!(growth(Severity::Normal).until.to_string(), "2026-12-28T16:00:00Z");
    }
}
