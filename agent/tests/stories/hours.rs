//! A run goes by the calendar and the time zone with which it began, whatever release comes while it waits and however often the
//! agent dies; one that begins later goes by those of then.

use std::sync::{Arc, Mutex};

use assent_agent::run::Compiled;
use assent_agent::sim::{Crash, Reply, Service, Strike};
use assent_agent::store::Ending;
use assent_agent::world::{HttpRequest, Wall};
use assent_schema::client::ClientFacts;
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use assent_schema::time::Period;
use serde_json::json;

use crate::story::{Story, Workflow, workflow};

/// What the API was asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

struct Listening<S> {
    behind: S,
    asked: Asked,
}

impl<S: Service> Service for Listening<S> {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        self.asked.lock().expect("a lock").push(request.target.reveal().clone());
        self.behind.answer(now, request)
    }
}

/// A workflow that waits two hours, half an hour before midnight in UTC, and then tells the day and when an hour of business is
/// over.
#[expect(clippy::indexing_slicing, reason = "bends JSON that it wrote itself")]
fn telling() -> Workflow {
    let base = workflow("borealis", "overdue");
    let param = |shape: serde_json::Value| json!({"place": "query", "at": "it", "shape": shape, "class": "reference"});
    let named = |at: &str, shape: serde_json::Value| {
        let mut param = param(shape);
        param["at"] = json!(at);
        param
    };
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "telling", "summary": "s", "purpose": "essential.service",
        "mode": "live", "trigger": {"kind": "manual", "fields": {}},
        "limits": {"timeout": "30m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.tell": {
            "record": "thing", "method": "GET", "path": "/tell", "encoding": "json", "effect": "none", "scopes": [],
            "params": {
                "day": named("day", json!({"type": "token"})),
                "due": named("due", json!({"type": "instant", "wire": "seconds"})),
            },
            "response": {}, "most_bytes": 8192, "timeout": "10s",
        }},
        "steps": [
            {"id": "rest", "action": {"kind": "wait", "until": {"for": "2h"}}},
            {"id": "tell", "action": {"kind": "call", "operation": "shop.tell",
                "with": {"day": "${date(now)}", "due": "${business(now, duration('1h'))}"},
                "retry": {"attempts": 1, "first": "1s", "most": "1s"}}},
        ],
        "fallback": {"queue": "ops"},
    });
    let tests = json!({
        "type": "tests", "schema": 1, "client": "borealis", "workflow": "telling",
        "scenarios": [{"name": "late", "at": "2026-03-02T23:30:00Z", "event": "{}",
            "replies": [{"to": "shop.tell", "status": 200, "body": "{}"}], "expect": {"outcome": "done"}}],
    });
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let tests: Tests = serde_json::from_value(tests).expect("tests");
    let facts = with(&base.facts, "Etc/UTC", "22:00-23:00");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")), tests, facts }
}

/// A client in a zone, open at the same hours each day.
fn with(facts: &ClientFacts, zone: &str, hours: &str) -> Arc<ClientFacts> {
    let mut facts = facts.clone();
    zone.clone_into(&mut facts.zone);
    facts.calendar.hours = (1..=7).map(|day| (day.to_string(), hours.to_owned())).collect();
    facts.calendar.holidays.clear();
    Arc::new(facts)
}

/// What is told when another release comes after so long, and the process dies there.
fn told(after: Option<Period>, crash: Option<Crash>) -> Vec<String> {
    let workflow = telling();
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    let mut story = Story::behind(&workflow, scenario, 5, |behind| Listening { behind, asked: heard });
    let newer = with(&workflow.facts, "Asia/Tokyo", "08:00-20:00");
    story.releases = after.map(|after| (scenario.at.plus(after), Some(newer))).into_iter().collect();
    story.live(|process, host| host.crash_at(crash.filter(|_| process == 0)));
    assert_eq!(story.check(), Some(Ending::Done));
    asked.lock().expect("a lock").clone()
}

#[test]
fn a_run_goes_by_the_hours_with_which_it_began() {
    let then = told(None, None);
    assert_eq!(then.len(), 1, "{then:?}");
    // An hour of business from 23:30 on ends at 23:00 of the next day.
    assert!(then[0].contains("day=2026-03-02") && then[0].contains("due=1772578800"), "{then:?}");
    // A release while it waits changes nothing of it, nor does a death before, during and after that.
    assert_eq!(told(Some(Period::hours(1)), None), then);
    for at in 1..8 {
        for strike in [Strike::Before, Strike::After] {
            let told = told(Some(Period::hours(1)), Some(Crash { at, strike }));
            assert!(!told.is_empty() && told.iter().all(|one| *one == then[0]), "{at} {strike:?}: {told:?}");
        }
    }
}

#[test]
fn a_run_that_begins_later_goes_by_the_hours_of_then() {
    // The release is there when the event comes: it is 8:30 in Tokyo.
    let now = told(Some(Period::seconds(0)), None);
    assert!(now[0].contains("day=2026-03-03") && now[0].contains("due=1772497800"), "{now:?}");
}
