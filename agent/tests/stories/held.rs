//! A run that somebody holds waits before its next step, through crashes too, and goes on to the end that it would have had.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::sim::{Crash, Strike};
use assent_agent::store::{Ending, Entry, RunFilter, Store as _};
use assent_schema::id::OperationRef;
use assent_schema::plan::{Plan, Rate};
use assent_schema::scenario::{Decided, Reply, Scenario};
use assent_schema::time::{Moment, Period};

use crate::story::{Story, Workflow, workflow};

/// How a scenario of `acme/refund` ends when it is held for its first hour, and how otherwise.
fn held(name: &str, mut before: impl FnMut(usize, &assent_agent::sim::Host)) -> [Option<Ending>; 2] {
    let workflow = workflow("acme", "refund");
    let scenario = workflow.tests.scenarios.iter().find(|scenario| scenario.name == name).expect("the scenario");
    let free = Story::new(&workflow, scenario, 1);
    free.live(|_, _| ());
    let until = scenario.at.plus(Period::hours(1));
    let story = Story { held: Some((scenario.at, until)), ..Story::new(&workflow, scenario, 1) };
    story.live(|process, host| before(process, host));
    let store = story.store();
    let [line] =
        store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read").try_into().expect("one run");
    assert!(line.at.moment() < until, "the event is taken at once");
    for row in store.journal(line.run).expect("read") {
        let waits = matches!(row.entry, Entry::Accepted(_) | Entry::Quiet {} | Entry::When { .. });
        assert!(waits || row.at.moment() >= until, "{:?} was not held", row.entry);
    }
    [story.check(), free.check()]
}

const DONE: &str = "a customer who wants something else is left to people";

#[test]
fn a_run_that_is_held_waits_and_ends_as_it_would_have() {
    assert_eq!(held(DONE, |_, _| ()), [Some(Ending::Done); 2]);
}

#[test]
fn a_hold_outlives_the_process() {
    for at in 1..6 {
        let [ended, _] = held(DONE, |process, host| {
            host.crash_at((process == 0).then_some(Crash { at, strike: Strike::After }));
        });
        assert!(ended.is_some(), "crash at {at}");
    }
}

/// A story of `acme/refund` with a hold in the middle of it: what was sent when, by step, and how it ended.
fn held_between(
    workflow: &Workflow,
    scenario: &Scenario,
    hold: (Moment, Moment),
) -> (Vec<(String, Moment)>, Option<Ending>) {
    let story = Story { held: Some(hold), ..Story::new(workflow, scenario, 1) };
    story.live(|_, _| ());
    let store = story.store();
    let [line] =
        store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read").try_into().expect("one run");
    let sent = store.journal(line.run).expect("read").into_iter().filter_map(|row| match row.entry {
        Entry::Intent(intent) => Some((intent.step.to_string(), row.at.moment())),
        _ => None,
    });
    (sent.collect(), story.check())
}

const AGREED: &str = "a lead agrees and money moves once";

#[test]
fn a_hold_that_comes_while_a_request_waits_for_its_turn_is_heard_before_it_leaves() {
    let mut workflow = workflow("acme", "refund");
    // The first refund fails in passing; the next one waits four minutes for its turn.
    let mut plan: Plan = (*workflow.compiled.plan).clone();
    let refund: OperationRef = "payments.refund".parse().expect("a name");
    let slow = Rate { requests: 1, per: Period::minutes(4) };
    Arc::make_mut(plan.operations.get_mut(&refund).expect("an operation")).rate = Some(slow);
    plan.limits.timeout = Period::hours(1);
    let digest = plan.to_bytes().expect("bytes").1;
    workflow.compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs"));
    let scenario = workflow.tests.scenarios.iter().find(|scenario| scenario.name == AGREED).expect("the scenario");
    let mut scenario = scenario.clone();
    let fails = Reply {
        to: refund,
        status: 503,
        body: None,
        fault: None,
        after: None,
        retry_after: None,
        headers: BTreeMap::new(),
    };
    scenario.replies.insert(0, fails);
    // She agrees after five minutes.
    let hold = (scenario.at.plus(Period::minutes(7)), scenario.at.plus(Period::hours(2)));
    let (sent, ended) = held_between(&workflow, &scenario, hold);
    let paid: Vec<Moment> = sent.iter().filter(|(step, _)| step == "pay").map(|(_, at)| *at).collect();
    assert!(matches!(paid[..], [first, then] if first < hold.0 && then >= hold.1), "{sent:?}");
    assert_eq!(ended, Some(Ending::Done));
}

#[test]
fn a_hold_that_comes_while_a_guardrail_asks_is_heard_before_money_moves() {
    let mut workflow = workflow("acme", "refund");
    // Every refund is above the sum of a day, so that the guardrail asks for each.
    let facts = Arc::make_mut(&mut workflow.facts);
    facts.guardrails.iter_mut().for_each(|guardrail| guardrail.per_day = Some(1));
    let scenario = workflow.tests.scenarios.iter().find(|scenario| scenario.name == AGREED).expect("the scenario");
    let mut scenario = scenario.clone();
    let yes = scenario.decisions.first().expect("a decision").choice;
    let step = "pay".parse().expect("a name");
    let late = Decided { step, person: None, choice: yes, after: Period::minutes(30), edits: BTreeMap::new() };
    scenario.decisions.push(late);
    let hold = (scenario.at.plus(Period::minutes(10)), scenario.at.plus(Period::hours(2)));
    let (sent, ended) = held_between(&workflow, &scenario, hold);
    let paid: Vec<Moment> = sent.iter().filter(|(step, _)| step == "pay").map(|(_, at)| *at).collect();
    assert!(!paid.is_empty() && paid.iter().all(|at| *at >= hold.1), "{sent:?}");
    assert_eq!(ended, Some(Ending::Done));
}
