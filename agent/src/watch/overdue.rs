//! What time alone does: incidents that nobody answers or explains, and alerts that nothing raises any more. Pure.
//!
//! # Source
//! engine.md sections 6 and 7. Promises P20, P22.

use std::sync::{Arc, Mutex};

use assent_schema::alert::Rule;
use assent_schema::id::ClientId;
use assent_schema::time::{Moment, Period};

use super::alerts::{Condition, settle};
use super::routes::Routes;
use crate::incident::{Case, RespondBy, respond_by};
use crate::store::{AlertRow, Clocks, Severity, Write};
use crate::sync::lock;
use crate::world::Wall;

/// The rules of alerts about incidents; they stand as long as their condition does.
const RULES: [Rule; 4] = [Rule::ResponseDue, Rule::ResponseLate, Rule::PostMortemDue, Rule::PostMortemLate];
/// The rules of alerts about something that happened, where nobody can say when it no longer does.
const EVENTS: [Rule; 6] =
    [Rule::RunSuperseded, Rule::ReleaseRefused, Rule::HoldLapsed, Rule::AtLimit, Rule::EventLost, Rule::MissedSchedule];
/// How long after its last time such an alert is over, so that the next time is told again.
const QUIET: Period = Period::hours(24);
/// How long before the end on-call is told that a post-mortem is due, with the code.
const WARNINGS: [(Period, &str); 2] = [(Period::hours(6), "6h"), (Period::hours(24), "24h")];

/// What is to be written about alerts now.
pub fn overdue(cases: &[Case], open: &[AlertRow], routes: &Routes, now: Moment) -> Vec<Write> {
    let conditions: Vec<Condition> = cases.iter().flat_map(|case| of_case(case, routes, now)).collect();
    let mut writes = settle(open, &RULES, &conditions);
    let is_quiet = |row: &&AlertRow| {
        EVENTS.contains(&row.alert.rule)
            && !row.alert.incident
            && row.due.is_none()
            && now.since(row.last.moment()) >= QUIET
    };
    writes.extend(open.iter().filter(is_quiet).map(|row| Write::AlertOver { key: row.alert.key() }));
    writes
}

/// By when an incident must be answered: what was promised when it opened. One of before that was kept is judged by what is
/// promised now.
pub(crate) fn clock(row: &AlertRow, routes: &Routes) -> Option<RespondBy> {
    let since = row.since.moment();
    match row.respond_by {
        Some(until) => Some(RespondBy::of(since, until)),
        None => clock_of((row.alert.client.as_ref(), Severity::of(row.alert.rule), since), routes),
    }
}

/// By when an incident must be answered that opens now: by the clock of its client, for the agent itself by the shortest of all.
fn clock_of((client, severity, opened): (Option<&ClientId>, Severity, Moment), routes: &Routes) -> Option<RespondBy> {
    let of = |routes: &super::ClientRoutes| respond_by(routes.tier, severity, opened, &routes.hours);
    match client {
        Some(client) => routes.of(client).and_then(of),
        None => routes.clients().filter_map(|(_, routes)| of(routes)).min_by_key(|clock| clock.until),
    }
}

impl Clocks for Mutex<Arc<Routes>> {
    fn respond_by(&self, client: Option<&ClientId>, severity: Severity, since: Wall) -> Option<Moment> {
        let routes = Arc::clone(&lock(self));
        clock_of((client, severity, since.moment()), &routes).map(|clock| clock.until)
    }
}

fn of_case(case: &Case, routes: &Routes, now: Moment) -> Vec<Condition> {
    let (client, incident) = (case.row.alert.client.clone(), case.no());
    let mut found = Vec::new();
    if case.done.acknowledged.is_none()
        && let Some(clock) = clock(&case.row, routes)
    {
        if now >= clock.until {
            found.push(Condition::ResponseLate { client: client.clone(), incident });
        } else if now >= clock.warn {
            found.push(Condition::ResponseDue { client: client.clone(), incident });
        }
    }
    if case.done.shared.is_none() && case.done.written.is_none() {
        let due = case.share_by();
        if now >= due {
            found.push(Condition::PostMortemLate { client, incident });
        } else if let Some((_, left)) = WARNINGS.iter().find(|(before, _)| now >= due.minus(*before)) {
            found.push(Condition::PostMortemDue { client, incident, left });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Act, Done};
    use crate::store::Alert;
    use assent_schema::client::{ClientFacts, Endpoints};
    use serde_json::json;

    fn routes() -> Routes {
        let facts = |name: &str, plan: &str| -> ClientFacts {
            let facts = json!({
                "type": "client", "schema": 1, "client": name, "plan": plan, "region": "eu", "zone": "Europe/Berlin",
                "calendar": {"hours": {"1": "09:00-17:00"}}, "retention": "90d", "stale_limit": "72h", "deciders": {},
                "people": {}, "connections": {}, "limits": {"running": 1, "waiting": 1}, "routes": [],
            });
            serde_json::from_value(facts).unwrap()
        };
        let endpoints =
            json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": {}});
        let endpoints: Endpoints = serde_json::from_value(endpoints).unwrap();
        Routes::new([&facts("acme", "growth"), &facts("cedar", "scale")], &endpoints).unwrap()
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    fn row(rule: &str, client: Option<&str>, incident: bool) -> AlertRow {
        let alert = Alert {
            rule: rule.parse().unwrap(),
            client: client.map(|c| c.parse().unwrap()),
            workflow: None,
            connection: None,
            code: "http_503".into(),
            run: None,
            incident,
            by: None,
            about: None,
        };
        let at = Wall::from_millis(at("2026-06-01T10:00:00Z").seconds() * 1_000);
        AlertRow {
            no: 7,
            alert,
            since: at,
            last: at,
            count: 1,
            sent: 1,
            due: None,
            tries: 0,
            over: false,
            respond_by: None,
        }
    }

    fn raised(case: &Case, open: &[AlertRow], now: &str) -> Vec<String> {
        let text = |write: &Write| match write {
            Write::Alert(alert) => format!("+{}", alert.key()),
            Write::AlertOver { key } => format!("-{key}"),
            other => panic!("{other:?} is not an alert"),
        };
        overdue(std::slice::from_ref(case), open, &routes(), at(now)).iter().map(text).collect()
    }

    #[test]
    fn on_call_is_warned_before_and_told_after_each_deadline_of_an_incident() {
        let mut case = Case { row: row("run-failed", Some("acme"), true), done: Done::default() };
        let none: [String; 0] = [];
        assert_eq!(raised(&case, &[], "2026-06-01T11:59:59Z"), none);
        assert_eq!(raised(&case, &[], "2026-06-01T12:00:00Z"), ["+response-due/acme/-/i-7"]);
        assert_eq!(raised(&case, &[], "2026-06-01T14:00:00Z"), ["+response-late/acme/-/i-7"]);
        let by = Act { by: "omar".parse().unwrap(), at: at("2026-06-01T13:00:00Z") };
        case.done.acknowledged = Some(by.clone());
        assert_eq!(raised(&case, &[], "2026-06-02T09:59:59Z"), none);
        assert_eq!(raised(&case, &[], "2026-06-02T10:00:00Z"), ["+post-mortem-due/acme/-/i-7-24h"]);
        assert_eq!(raised(&case, &[], "2026-06-03T04:00:00Z"), ["+post-mortem-due/acme/-/i-7-6h"]);
        assert_eq!(raised(&case, &[], "2026-06-03T10:00:00Z"), ["+post-mortem-late/acme/-/i-7"]);
        case.done.shared = Some(by);
        assert_eq!(raised(&case, &[], "2026-06-09T10:00:00Z"), none);
    }

    #[test]
    fn an_alert_about_an_incident_is_raised_once_and_over_when_it_is_answered() {
        let mut case = Case { row: row("run-failed", Some("acme"), true), done: Done::default() };
        let mut told = row("response-due", Some("acme"), false);
        told.alert.code = "i-7".into();
        let open = [told];
        assert_eq!(raised(&case, &open, "2026-06-01T12:01:00Z"), Vec::<String>::new());
        case.done.acknowledged = Some(Act { by: "omar".parse().unwrap(), at: at("2026-06-01T12:02:00Z") });
        assert_eq!(raised(&case, &open, "2026-06-01T12:03:00Z"), ["-response-due/acme/-/i-7"]);
    }

    #[test]
    fn an_incident_of_the_agent_itself_has_the_shortest_clock() {
        let case = Case { row: row("halted", None, true), done: Done::default() };
        assert_eq!(clock(&case.row, &routes()).unwrap().until, at("2026-06-01T11:00:00Z"));
    }

    #[test]
    fn what_was_promised_when_an_incident_opened_stays_promised() {
        let mut case = Case { row: row("run-failed", Some("acme"), true), done: Done::default() };
        // Acme had another plan then; cedar's is as short today.
        case.row.respond_by = Some(at("2026-06-01T11:00:00Z"));
        assert_eq!(raised(&case, &[], "2026-06-01T10:30:00Z"), ["+response-due/acme/-/i-7"]);
        assert_eq!(raised(&case, &[], "2026-06-01T11:00:00Z"), ["+response-late/acme/-/i-7"]);
        case.row.respond_by = Some(at("2026-06-03T16:00:00Z"));
        assert_eq!(raised(&case, &[], "2026-06-01T14:00:00Z"), Vec::<String>::new());
        let now = Mutex::new(Arc::new(routes()));
        let by = |client: Option<&str>| {
            let client = client.map(|client| client.parse().unwrap());
            now.respond_by(client.as_ref(), Severity::Critical, case.row.since)
        };
        let hours = |hours| Some(case.opened().plus(Period::hours(hours)));
        assert_eq!(
            [by(Some("acme")), by(Some("cedar")), by(None), by(Some("nobody"))],
            [hours(4), hours(1), hours(1), None]
        );
    }

    #[test]
    fn what_happened_is_over_after_a_quiet_day_and_an_incident_never_is() {
        let case =
            Case { row: row("run-failed", Some("acme"), true), done: Done { acknowledged: None, ..Done::default() } };
        let mut waits = row("at-limit", Some("acme"), false);
        waits.due = Some(waits.since);
        let open = [row("at-limit", Some("acme"), false), row("run-failed", Some("acme"), true), waits];
        let over = |now| raised(&case, &open, now).into_iter().filter(|w| w.starts_with('-')).collect::<Vec<_>>();
        assert_eq!(over("2026-06-02T09:59:59Z"), Vec::<String>::new());
        assert_eq!(over("2026-06-02T10:00:00Z"), ["-at-limit/acme/-/http_503"]);
    }
}
