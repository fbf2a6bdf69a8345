//! How soon somebody must answer an incident, by the client's plan and calendar. Pure.
//!
//! # Source
//! engine.md section 7. Promise P20.

use assent_schema::calendar::BusinessHours;
use assent_schema::client::Tier;
use assent_schema::time::{Moment, Period};

/// When an incident must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespondBy {
    /// The last moment.
    pub until: Moment,
    /// When on-call is warned: half of the time before.
    pub warn: Moment,
}

/// The clock of an incident that began at `since`: an hour on `scale`, four on `growth`, the end of the next business day on
/// `starter`. `None` when the client's calendar has no next business day.
pub fn respond_by(tier: Tier, since: Moment, hours: &BusinessHours) -> Option<RespondBy> {
    let until = match tier {
        Tier::Scale => since.plus(Period::hours(1)),
        Tier::Growth => since.plus(Period::hours(4)),
        Tier::Starter => hours.end_of_next_day(since)?,
    };
    let half = Period::seconds(until.since(since).as_seconds() / 2);
    Some(RespondBy { until, warn: since.plus(half) })
}

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
        let until = |tier| respond_by(tier, since, &hours()).map(|by| by.until.to_string());
        assert_eq!(until(Tier::Scale), Some("2026-12-24T23:00:00Z".into()));
        assert_eq!(until(Tier::Growth), Some("2026-12-25T02:00:00Z".into()));
        // Thursday night; Friday is a holiday; Monday closes at 16:00Z.
        assert_eq!(until(Tier::Starter), Some("2026-12-28T16:00:00Z".into()));
        assert_eq!(respond_by(Tier::Growth, since, &hours()).unwrap().warn.to_string(), "2026-12-25T00:00:00Z");
    }
}
