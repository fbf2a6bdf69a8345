//! Idempotency keys die: an effect in doubt is repeated while the other side knows its key, whatever is waited for between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::run::{Act, Compiled, NotAgain, Way};
use assent_agent::sim::{Reply, Service};
use assent_agent::store::{Ending, Entry, RunFilter, Store as _};
use assent_agent::world::{HttpRequest, HttpResponse, Wall};
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use serde_json::{Value, json};

use crate::story::{Handle, Honest, Story, Workflow, workflow};

/// Does what it is asked for and then says that it could not, once.
struct Unsure {
    behind: Honest,
    /// What it says of the time to wait.
    after: Option<&'static str>,
    asked: Arc<Mutex<Vec<Wall>>>,
}

impl Service for Unsure {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let writes = request.operation.operation.as_str() == "post";
        let mut reply = self.behind.answer(now, request);
        if writes {
            let mut asked = self.asked.lock().expect("a lock");
            asked.push(now);
            if asked.len() == 1 {
                let after = self.after.map(|after| ("retry-after".to_owned(), Content::new(after.as_bytes().to_vec())));
                let headers = after.into_iter().collect();
                reply.result = Ok(HttpResponse { status: 503, headers, body: Content::new(Vec::new()) });
            }
        }
        reply
    }
}

/// One post under a key that lives a minute, changed as wanted.
fn posting(change: &[(&str, Value)]) -> Workflow {
    let base = workflow("borealis", "overdue");
    let token = json!({"type": "token"});
    let mut post = json!({
        "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "draft", "scopes": [],
        "params": {"day": {"place": "body", "at": "day", "shape": token, "class": "reference"}},
        "response": {}, "most_bytes": 4096, "timeout": "5s",
        "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "1m"}});
    for (member, value) in change {
        post.as_object_mut().expect("a record").insert((*member).to_owned(), value.clone());
    }
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "post", "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "manual", "fields": {"day": {"at": "day", "shape": token, "class": "reference", "written_by": "system"}}},
        "limits": {"timeout": "2h", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.post": post},
        "steps": [{"id": "post", "action": {"kind": "call", "operation": "shop.post", "with": {"day": "${trigger.day}"},
            "retry": {"attempts": 2, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "ops"},
    });
    let tests = json!({
        "type": "tests", "schema": 1, "client": "borealis", "workflow": "post",
        "scenarios": [{"name": "a post", "at": "2026-03-02T09:00:00Z", "event": r#"{"day":"monday"}"#,
            "replies": [{"to": "shop.post", "status": 201, "body": "{}"}], "expect": {"outcome": "done"}}],
    });
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let tests: Tests = serde_json::from_value(tests).expect("tests");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")), tests, facts: base.facts }
}

/// The same workflow, which tries once.
#[expect(clippy::indexing_slicing, reason = "a plan that does not have these fails the test")]
fn once(workflow: &Workflow) -> Workflow {
    let mut plan = serde_json::to_value(&*workflow.compiled.plan).expect("json");
    plan["steps"][0]["action"]["retry"]["attempts"] = json!(1);
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs"));
    Workflow { compiled, tests: workflow.tests.clone(), facts: Arc::clone(&workflow.facts) }
}

/// How it ends, and how long after the first request each one came.
fn posted(workflow: &Workflow, after: Option<&'static str>) -> (Option<Ending>, Vec<Duration>) {
    let asked = Arc::<Mutex<Vec<Wall>>>::default();
    let hears = Arc::clone(&asked);
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    let story = Story::behind(workflow, scenario, 7, |behind| Unsure { behind, after, asked: hears });
    story.live(|_, _| {});
    let ended = story.check();
    if ended == Some(Ending::Failed) {
        let store = story.store();
        let [line] =
            store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read").try_into().expect("one run");
        let journal = store.journal(line.run).expect("its journal");
        let doubts = |entry: &Entry| matches!(entry, Entry::Outcome(outcome) if outcome.in_doubt);
        assert!(journal.iter().any(|row| doubts(&row.entry)));
        let item = story.queue().into_iter().next().expect("an item");
        assert!(item.done.iter().any(|done| done.in_doubt), "people are told that it may have been done");
    }
    let asked = asked.lock().expect("a lock");
    let first = *asked.first().expect("a request");
    (ended, asked.iter().map(|at| at.since(first)).collect())
}

#[test]
fn an_effect_in_doubt_is_repeated_while_its_key_is_known() {
    let (ended, asked) = posted(&posting(&[]), Some("20"));
    assert_eq!((ended, asked.len()), (Some(Ending::Done), 2), "{asked:?}");
}

#[test]
fn an_effect_in_doubt_is_not_repeated_when_the_other_side_asks_to_wait_until_its_key_is_forgotten() {
    for after in ["75", "56"] {
        let (ended, asked) = posted(&posting(&[]), Some(after));
        assert_eq!((ended, asked.len()), (Some(Ending::Failed), 1), "{asked:?}");
    }
}

#[test]
fn an_effect_in_doubt_is_not_repeated_after_it_waited_for_its_turn_until_its_key_was_forgotten() {
    let rate = ("rate", json!({"requests": 1, "per": "2m"}));
    let (ended, asked) = posted(&posting(std::slice::from_ref(&rate)), None);
    assert_eq!((ended, asked.len()), (Some(Ending::Failed), 1), "{asked:?}");
    // The same wait harms nothing where the key lives.
    let lives = ("idempotency", json!({"place": "header", "at": "Idempotency-Key", "lives": "1d"}));
    let (ended, asked) = posted(&posting(&[rate, lives]), None);
    assert_eq!((ended, asked.len()), (Some(Ending::Done), 2), "{asked:?}");
}

/// The other side may know a key for weeks; the key by which requests are compared goes with the run. Whoever lets a run go on
/// later, when nobody can tell any more whether it would be the same request, sends nothing again.
#[test]
fn what_a_key_of_weeks_would_allow_no_later_run_repeats() {
    let lives = ("idempotency", json!({"place": "header", "at": "Idempotency-Key", "lives": "30d"}));
    let workflow = once(&posting(&[lives]));
    let (scenario, asked) = (workflow.tests.scenarios.first().expect("a scenario"), Arc::<Mutex<Vec<Wall>>>::default());
    let hears = Arc::clone(&asked);
    let story = Story::behind(&workflow, scenario, 7, |behind| Unsure { behind, after: None, asked: hears });
    story.live(|_, _| {});
    assert_eq!(story.check(), Some(Ending::Failed));
    let filter = RunFilter { most: 10, ..RunFilter::default() };
    let [line] = story.store().runs(&filter).expect("read").try_into().expect("one run");
    let in_doubt = story.store().journal(line.run).expect("its journal").into_iter().find_map(|row| match row.entry {
        Entry::Intent(intent) => intent.key_until,
        _ => None,
    });
    story.host.jump(25 * 60 * 60 * 1_000);
    story.host.forget_keys();
    let now = line.run.millis() + 25 * 60 * 60 * 1_000;
    assert!(in_doubt.is_some_and(|until| until > now), "the other side still knows the key");
    let act = || Act { by: "omar".parse().expect("an id"), why: "INC-7".parse().expect("a token") };
    for way in [Way::Retry, Way::Rerun] {
        let why = NotAgain::Unsettled("shop.post".parse().expect("an operation"));
        story.handle(&Handle::Refused(line.run, way, act(), why), |_, _| {});
    }
    // Who says that it was looked after lets the run go on behind it.
    story.handle(&Handle::Again(line.run, Way::Skip, act()), |_, _| {});
    assert_eq!(asked.lock().expect("a lock").len(), 1, "it was sent once");
    story.check_effects();
}
