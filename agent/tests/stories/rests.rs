//! Runs that rest: for long they leave memory and come back as after a restart; between two attempts they wait as long as they
//! were asked to, through a restart too, and not at all when the agent goes down.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::run::Engine;
use assent_agent::sim::{Crash, Point, Reply, Service, Spawner, Stage, Stop, Strike, run};
use assent_agent::store::{Ending, Entry, JournalRow, Outcome, RunFilter, Store as _};
use assent_agent::world::{Clock as _, HttpRequest, HttpResponse, Wall};
use serde_json::{Value, json};

use crate::story::{Honest, Story, Workflow, made_up, workflow};

/// Reads a note, rests, and posts what the note and the event said.
fn resting(until: &Value) -> Workflow {
    let base = workflow("borealis", "overdue");
    let text = json!({"type": "text", "most_bytes": 1000});
    let content = |at: &str| json!({"at": at, "class": "content", "written_by": "system", "shape": text});
    let param = |name: &str| json!({"place": "body", "at": name, "shape": text, "class": "content"});
    let retry = json!({"attempts": 3, "first": "1s", "most": "1s"});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "rest", "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "manual", "fields": {"text": content("text")}},
        "limits": {"timeout": "10m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {
            "shop.get_note": {
                "record": "note", "method": "GET", "path": "/note", "encoding": "json", "effect": "none", "scopes": [],
                "params": {}, "response": {"note": content("note")}, "most_bytes": 4096, "timeout": "10s"},
            "shop.post": {
                "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "draft", "scopes": [],
                "params": {"note": param("note"), "text": param("text")},
                "response": {}, "most_bytes": 4096, "timeout": "10s", "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "1d"}},
        },
        "steps": [
            {"id": "read", "action": {"kind": "call", "operation": "shop.get_note", "with": {}, "retry": retry}},
            {"id": "rest", "action": {"kind": "wait", "until": until}},
            {"id": "post", "action": {"kind": "call", "operation": "shop.post",
                "with": {"note": "${read.note}", "text": "${trigger.text}"}, "retry": retry}},
        ],
        "fallback": {"queue": "ops"},
    });
    let reply = |to: &str, body: &Value| json!({"to": to, "status": 200, "body": body.to_string()});
    let replies = [reply("shop.get_note", &json!({"note": "as it was"})), reply("shop.post", &json!({}))];
    made_up(base, plan, r#"{"text":"hello"}"#, &json!(replies))
}

/// What was asked for, and when.
type Asked = Arc<Mutex<Vec<(Wall, String)>>>;

/// The services, and how long the first post is asked to wait.
struct Busy {
    honest: Honest,
    asked: Asked,
    wait: Option<u32>,
    /// Whom the wait is asked by.
    by: &'static str,
}

impl Service for Busy {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let operation = request.operation.to_string();
        self.asked.lock().expect("a lock").push((now, operation.clone()));
        if let Some(seconds) = self.wait.filter(|_| operation == self.by) {
            self.wait = None;
            let header = |name: &str, value: &str| (name.to_owned(), Content::new(value.as_bytes().to_vec()));
            let headers = vec![header("retry-after", &seconds.to_string()), header("x-request-id", "req-7")];
            let result = Ok(HttpResponse { status: 429, headers, body: Content::new(Vec::new()) });
            return Reply { result, after: Duration::from_millis(20) };
        }
        self.honest.answer(now, request)
    }
}

fn story(workflow: &Workflow, wait: Option<u32>) -> (Story<'_>, Asked) {
    story_by(workflow, wait, "shop.post")
}

fn story_by<'a>(workflow: &'a Workflow, wait: Option<u32>, by: &'static str) -> (Story<'a>, Asked) {
    let asked = Asked::default();
    let known = Arc::clone(&asked);
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    (Story::behind(workflow, scenario, 7, |honest| Busy { honest, asked: known, wait, by }), asked)
}

fn journal(story: &Story<'_>) -> Vec<JournalRow> {
    let store = story.store();
    let runs = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
    store.journal(runs.first().expect("a run").run).expect("read")
}

fn count(asked: &Asked, operation: &str) -> usize {
    asked.lock().expect("a lock").iter().filter(|(_, name)| name == operation).count()
}

#[test]
fn what_a_run_read_before_a_long_rest_is_read_again_after_it() {
    for (rest, reads) in [("9m", 1), ("3h", 2), ("20h", 2)] {
        let workflow = resting(&json!({"for": rest}));
        let (story, asked) = story(&workflow, None);
        story.live(|_, _| {});
        assert_eq!(story.check(), Some(Ending::Done), "{rest}");
        assert_eq!((count(&asked, "shop.get_note"), count(&asked, "shop.post")), (reads, 1), "{rest}");
        let posted = story.seen.done().first().map(|done| done.with.clone()).unwrap_or_default();
        assert_eq!(posted.get("text"), Some(&json!("hello")), "{rest}: the event's content was sealed");
    }
}

#[test]
fn nothing_is_waited_for_longer_than_thirty_days() {
    for (until, ending) in [
        // What the event held is gone by then.
        (json!({"at": "now + duration('29d')"}), Ending::ContentLost),
        (json!({"at": "now + duration('31d')"}), Ending::Failed),
        (json!({"business": "30d"}), Ending::Failed),
    ] {
        let workflow = resting(&until);
        let (story, _) = story(&workflow, None);
        story.live(|_, _| {});
        assert_eq!(story.check(), Some(ending), "{until}");
    }
}

#[test]
fn a_run_that_left_memory_comes_back_wherever_the_machine_dies() {
    let workflow = resting(&json!({"for": "3h"}));
    let (calm, _) = story(&workflow, None);
    calm.live(|_, _| {});
    for at in 0..u64::try_from(calm.host.points().len()).expect("few points") {
        for strike in [Strike::Before, Strike::After, Strike::Lost] {
            let (story, _) = story(&workflow, None);
            story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
            assert_eq!(story.check(), Some(Ending::Done), "{strike:?} {at}");
            assert_eq!(story.seen.done().len(), 1, "{strike:?} {at}");
        }
    }
}

/// Two events of one key, of which the second waits for its turn as long as the first rests, then rests as long itself: its own
/// work takes no time at all.
fn in_turn() -> Workflow {
    let token = json!({"at": "order", "class": "reference", "written_by": "system", "shape": {"type": "token"}});
    let param = json!({"place": "body", "at": "order", "shape": {"type": "token"}, "class": "reference"});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "turns", "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "manual", "fields": {"order": token}},
        "limits": {"timeout": "5m", "concurrency": 4, "one_at_a_time": "trigger.order"},
        "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.post": {
            "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "draft", "scopes": [],
            "params": {"order": param}, "response": {}, "most_bytes": 4096, "timeout": "10s",
            "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "1d"}}},
        "steps": [
            {"id": "rest", "action": {"kind": "wait", "until": {"for": "2h"}}},
            {"id": "post", "action": {"kind": "call", "operation": "shop.post", "with": {"order": "${trigger.order}"},
                "retry": {"attempts": 3, "first": "1s", "most": "1s"}}},
        ],
        "fallback": {"queue": "ops"},
    });
    let replies = json!([{"to": "shop.post", "status": 200, "body": "{}"}]);
    let event = json!({"order": "4711"}).to_string();
    let mut workflow = made_up(workflow("borealis", "overdue"), plan, &event, &replies);
    let further = json!({"after": "1m", "event": event});
    let scenario = workflow.tests.scenarios.first_mut().expect("a scenario");
    scenario.further.push(serde_json::from_value(further).expect("an event"));
    workflow
}

#[test]
fn the_wait_for_a_keys_turn_is_no_work_wherever_the_machine_dies() {
    let workflow = in_turn();
    let ends = |story: &Story<'_>| -> Vec<Entry> {
        let runs = story.store().runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
        runs.into_iter().map(|line| line.last.entry).collect()
    };
    let done = |entry: &Entry| matches!(entry, Entry::Ended { ending: Ending::Done, .. });
    let in_turn = |story: &Story<'_>| {
        let store = story.store();
        let runs = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
        let mut spans: Vec<_> = runs
            .iter()
            .map(|line| store.journal(line.run).expect("read"))
            .map(|rows| (rows.get(1).expect("a first step").at, rows.last().expect("an end").at))
            .collect();
        spans.sort();
        spans.len() == 2 && spans.is_sorted_by(|one, next| one.1 <= next.0)
    };
    let (calm, _) = story(&workflow, None);
    calm.live(|_, _| {});
    assert!(ends(&calm).iter().all(done) && in_turn(&calm), "{:?}", ends(&calm));
    for at in 0..u64::try_from(calm.host.points().len()).expect("few points") {
        let (story, _) = story(&workflow, None);
        let crash = Crash { at, strike: Strike::After };
        story.live(|process, host| host.crash_at((process == 0).then_some(crash)));
        assert!(ends(&story).iter().all(done) && in_turn(&story), "{at}: {:?}", ends(&story));
    }
}

/// What came of the request that was told to wait.
fn throttled(story: &Story<'_>) -> Outcome {
    let found = journal(story).into_iter().find_map(|row| match row.entry {
        Entry::Outcome(outcome) if outcome.status == Some(429) => Some(outcome),
        _ => None,
    });
    found.expect("what came of it")
}

#[test]
fn how_an_api_knows_a_request_is_kept_where_it_was_given_no_content() {
    let workflow = resting(&json!({"for": "1m"}));
    for (by, kept) in [("shop.get_note", Some("req-7")), ("shop.post", None)] {
        let (story, _) = story_by(&workflow, Some(3), by);
        story.live(|_, _| {});
        assert_eq!(story.check(), Some(Ending::Done), "{by}");
        let outcome = throttled(&story);
        assert_eq!(outcome.request.as_ref().map(assent_schema::ledger::Token::as_str), kept, "{by}");
    }
}

/// How long after its answer the next post left, and whether the machine died in between.
fn gap(dies: bool) -> Duration {
    let workflow = resting(&json!({"for": "1m"}));
    let (calm, _) = story(&workflow, Some(70));
    calm.live(|_, _| {});
    // The second request is the first post; what came of it is the next commit.
    let points = calm.host.points();
    let requests = points.iter().enumerate().filter(|(_, point)| **point == Point::Request).map(|(at, _)| at);
    let at = u64::try_from(requests.skip(1).map(|at| at + 1).next().expect("a post")).expect("few points");
    let (story, asked) = story(&workflow, Some(70));
    let crash = Crash { at, strike: Strike::After };
    let mut processes = 0;
    story.live(|process, host| {
        processes = process + 1;
        host.crash_at((dies && process == 0).then_some(crash));
    });
    assert_eq!((story.check(), processes), (Some(Ending::Done), if dies { 2 } else { 1 }));
    assert!(throttled(&story).again.is_some());
    let asked = asked.lock().expect("a lock");
    let posts: Vec<Wall> = asked.iter().filter(|(_, name)| name == "shop.post").map(|(at, _)| *at).collect();
    let [first, second] = posts.as_slice() else { panic!("{posts:?}") };
    second.since(*first)
}

#[test]
fn what_a_server_asked_for_is_kept_through_a_restart() {
    for dies in [false, true] {
        assert!(gap(dies) >= Duration::from_secs(70), "{dies}: {:?}", gap(dies));
    }
}

#[test]
fn a_run_between_two_attempts_does_not_keep_the_agent_from_going_down() {
    let workflow = resting(&json!({"for": "1m"}));
    let (story, asked) = story(&workflow, Some(300));
    let world = story.host.boot();
    let (spawner, shared) = (Spawner::default(), Arc::new(world.clone()));
    let starter = spawner.clone();
    let store = Arc::new(Story::books(&world));
    let stage = Stage::new(Arc::clone(&workflow.compiled), Arc::clone(&workflow.facts));
    let event = story.event().expect("an event");
    let posts = Arc::clone(&asked);
    let ended = run(&world, &spawner, async move {
        let engine = Engine::open(Arc::clone(&shared), store, Arc::new(stage)).await.expect("an engine");
        starter.spawn(engine.begin(event).unwrap_or_else(|why| panic!("{why:?}")).task);
        while count(&posts, "shop.post") == 0 {
            shared.sleep(Duration::from_secs(1)).await;
        }
        shared.sleep(Duration::from_secs(1)).await;
        engine.stop();
    });
    assert_eq!((ended, world.boot() < Duration::from_secs(90)), (Stop::Ended, true), "{:?}", world.boot());
    let last = journal(&story).pop().expect("a journal").entry;
    assert!(
        matches!(last, Entry::Outcome(outcome) if outcome.status == Some(429)),
        "what is known is kept, and no end"
    );
}
