//! Walks over lists that do not go as planned: an item fails and stops the others, items are gone when the list is read
//! again, a person decides about each.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::sim::{Crash, Strike};
use assent_agent::store::{Ending, Entry, ItemEnd, RunFilter, Store as _};
use assent_schema::plan::{Action, Each, OnItemError, Plan};
use assent_schema::scenario::Scenario;
use serde_json::{Value, json};

use crate::crash::crash_everywhere;
use crate::story::{Story, Workflow, workflow};

/// The workflow that holds unpaid orders, with its walk changed, and scenarios of its own.
pub(crate) fn walking(scenarios: Value, change: impl Fn(&mut Each)) -> Workflow {
    let known = workflow("borealis", "overdue");
    let mut plan = Plan::clone(&known.compiled.plan);
    for step in &mut plan.steps {
        if let Action::Each(each) = &mut step.action {
            change(each);
        }
    }
    let (_, digest) = plan.to_bytes().expect("a plan");
    let mut tests = known.tests;
    tests.scenarios = serde_json::from_value::<Vec<Scenario>>(scenarios).expect("scenarios");
    let compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("a plan that runs"));
    Workflow { compiled, tests, facts: known.facts }
}

/// The reply to `list_orders` with these orders.
pub(crate) fn orders(ids: &[&str]) -> Value {
    let order =
        |id: &&str| json!({"id": id, "customer": {"helpdesk_id": "c-1"}, "total": {"cents": 4900, "currency": "USD"}});
    let orders: Vec<Value> = ids.iter().map(order).collect();
    json!({"to": "shop.list_orders", "status": 200, "body": json!({"orders": orders}).to_string()})
}

pub(crate) fn held() -> Value {
    json!({"to": "shop.hold_order", "status": 200, "body": "{\"state\":\"on_hold\"}"})
}

pub(crate) fn told() -> Value {
    json!({"to": "chat.post", "status": 200, "body": "{\"ok\":true,\"ts\":\"1772.1\"}"})
}

pub(crate) fn scenario(name: &str, replies: &[Value], decisions: &Value, outcome: &str) -> Value {
    json!({"name": name, "at": "2026-03-02T14:00:00Z", "replies": replies, "decisions": decisions,
        "expect": {"outcome": outcome}})
}

/// The orders that were held.
pub(crate) fn holds(story: &Story<'_>) -> BTreeSet<String> {
    let done = story.seen.done();
    let holds = done.iter().filter(|one| one.operation.to_string() == "shop.hold_order");
    holds.map(|one| json!(one.with)["id"].to_string().replace(['"', '\\'], "")).collect()
}

pub(crate) fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn where_a_failure_stops_the_walk_later_items_are_left_alone() {
    let refused = json!({"to": "shop.hold_order", "status": 400, "body": "{\"error\":{\"code\":\"other\"}}"});
    let replies = [orders(&["3001", "3002", "3003"]), held(), refused, told()];
    let stops = walking(json!([scenario("the second fails", &replies, &json!([]), "failed")]), |each| {
        each.on_error = OnItemError::Stop;
        each.parallel = 1;
    });
    let calm = Story::new(&stops, &stops.tests.scenarios[0], 7);
    calm.live(|_, _| {});
    assert_eq!(calm.check(), Some(Ending::Failed));
    assert_eq!(holds(&calm), set(&["3001"]));
    assert!(calm.seen.done().iter().all(|one| one.operation.to_string() != "chat.post"), "nobody is told");
    crash_everywhere(&stops, |_, story, _| {
        assert!(!holds(story).contains("3003"), "what comes after the failure is left alone");
    });
}

#[test]
fn items_that_are_gone_when_the_list_is_read_again_are_skipped_and_counted() {
    let replies = [orders(&["3001", "3002", "3003"]), orders(&["3001", "3003", "3009"]), held(), told()];
    let vanishes = walking(json!([scenario("one is gone", &replies, &json!([]), "done")]), |each| each.parallel = 1);
    let scenario = &vanishes.tests.scenarios[0];
    let calm = Story::new(&vanishes, scenario, 7);
    calm.live(|_, _| {});
    assert_eq!(calm.check(), Some(Ending::Done));
    assert_eq!(holds(&calm), set(&["3001", "3002", "3003"]));
    let mut gone_in = 0;
    for at in 0..calm.host.points().len() {
        let at = u64::try_from(at).expect("few points");
        let story = Story::new(&vanishes, scenario, 7);
        story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::Before })));
        // It fails where nobody knows whether the team was told.
        let end = story.check();
        assert!(matches!(end, Some(Ending::Done | Ending::Failed)), "{end:?}, crash before point {at}");
        let (gone, failed, began) = items(&story);
        gone_in += usize::from(!gone.is_empty());
        assert!(gone.is_subset(&set(&["3002"])), "{gone:?}");
        assert!(began == set(&["3001", "3002", "3003"]) || began == set(&["3001", "3003", "3009"]), "{began:?}");
        // An item of whose hold nobody knows is for people.
        let left = began.iter().filter(|item| !gone.contains(*item) && !failed.contains(*item));
        assert!(holds(&story).is_superset(&left.cloned().collect()), "what is still there: {:?}", holds(&story));
        assert!(holds(&story).is_subset(&began), "what was not there at first is for the next run");
    }
    assert!(gone_in > 0, "some crash comes between the items");
}

#[test]
fn items_that_share_a_key_are_done_by_nobody_and_people_hear_of_it() {
    let replies = [orders(&["3001", "3002", "3001"]), held(), told()];
    let shares = |on_error: OnItemError, outcome: &str| {
        walking(json!([scenario("one comes twice", &replies, &json!([]), outcome)]), |each| each.on_error = on_error)
    };
    let stops = shares(OnItemError::Stop, "failed");
    let collects = shares(OnItemError::Collect, "done");
    for (shares, ending, held) in [(&stops, Ending::Failed, set(&[])), (&collects, Ending::Done, set(&["3002"]))] {
        let calm = Story::new(shares, &shares.tests.scenarios[0], 7);
        calm.live(|_, _| {});
        assert_eq!((calm.check(), holds(&calm)), (Some(ending), held));
        assert_eq!(calm.queue().len(), 1, "people hear of it");
        crash_everywhere(shares, |_, story, _| assert!(!holds(story).contains("3001"), "nobody knows which"));
    }
    let calm = Story::new(&collects, &collects.tests.scenarios[0], 7);
    calm.live(|_, _| {});
    assert_eq!(items(&calm).1, set(&["3001"]));
}

/// The items that were gone, those that failed, and all that the run had taken up.
fn items(story: &Story<'_>) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let store = story.store();
    let runs = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
    let (mut gone, mut failed, mut began) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in store.journal(runs[0].run).expect("read") {
        match row.entry {
            Entry::Item { item, how: ItemEnd::Gone, .. } => drop(gone.insert(item.as_str().to_owned())),
            Entry::Item { item, how: ItemEnd::Failed, .. } => drop(failed.insert(item.as_str().to_owned())),
            Entry::Walked { items, .. } => began.extend(items.iter().map(|item| item.as_str().to_owned())),
            _ => {}
        }
    }
    (gone, failed, began)
}

#[test]
fn a_person_decides_about_each_item_by_itself() {
    let agree = json!({"id": "agree", "action": {"kind": "decide", "by": "billing", "show": ["order.id", "order.total"],
        "within": "4h", "via": ["cli"]}});
    let decides = |each: &mut Each| {
        each.steps.retain(|step| step.id.as_str() == "hold");
        each.steps[0].when = Some(serde_json::from_value(json!("agree.approved")).expect("an expression"));
        each.steps.insert(0, serde_json::from_value(agree.clone()).expect("a step"));
    };
    let decision = |choice: &str, after: &str| json!({"step": "agree", "choice": choice, "after": after});
    let replies = [orders(&["3001", "3002"]), held(), told()];
    let once = json!([decision("approve", "1m"), decision("refuse", "5m")]);
    let both = json!([decision("approve", "1m"), decision("approve", "5m")]);
    let none = json!([]);
    let decided = walking(
        json!([
            scenario("one is agreed to and one is refused", &replies, &once, "done"),
            scenario("both are agreed to", &replies, &both, "done"),
            scenario("nobody answers", &replies, &none, "done"),
        ]),
        decides,
    );
    let held: Vec<usize> = decided
        .tests
        .scenarios
        .iter()
        .map(|scenario| {
            let story = Story::new(&decided, scenario, 7);
            story.live(|_, _| {});
            assert_eq!(story.check(), Some(Ending::Done), "{}", scenario.name);
            holds(&story).len()
        })
        .collect();
    assert_eq!(held, [1, 2, 0], "only what a person agreed to is held");
    // People answer anew after a restart, so here only silence tells whether a yes was needed.
    crash_everywhere(&decided, |_, story, _| {
        assert!(!story.scenario.decisions.is_empty() || holds(story).is_empty(), "held without a yes");
    });
}
