//! Every scenario, crashed at every durable write and every request: just before it, just after it, and after it with the
//! reply lost; and with no space left for just that write. Money moves at most once, nothing is lost, every run ends once, the ledger is whole, no content is stored.

use std::collections::BTreeSet;

use crate::story::{Story, Workflow, workflow};
use assent_agent::sim::{Crash, Done, Strike};
use assent_agent::store::Ending;
use assent_schema::scenario::Expected;

/// What may happen at each point.
pub(crate) const STRIKES: [Strike; 4] = [Strike::Before, Strike::After, Strike::Lost, Strike::Full];

/// Where nobody is left with anything, every effect was done that is done without crashes, and as often. Scenarios in which
/// something goes wrong by themselves say what a confirming read tells, true or not; where an operation answers otherwise the
/// next time, a read that is repeated is one.
fn nothing_is_missing(calm: &Story<'_>, story: &Story<'_>, done: bool) {
    let replies = &story.scenario.replies;
    let alike = replies.iter().map(|reply| &reply.to).collect::<BTreeSet<_>>().len() == replies.len();
    let calm_world = alike && replies.iter().all(|reply| reply.fault.is_none());
    if done && calm_world && story.queue().is_empty() {
        assert_eq!(effects(story), effects(calm), "{}", story.scenario.name);
    }
}

/// The effects that were done, each as often as it was, whatever their order.
fn effects(story: &Story<'_>) -> Vec<String> {
    let text = |done: &Done| format!("{} {}", done.operation, serde_json::json!(done.with));
    let mut all: Vec<String> = story.seen.done().iter().map(text).collect();
    all.sort();
    all
}

/// Runs each scenario once for each point at which the machine may die, and asks `then` of the calm story and the other.
pub(crate) fn crash_everywhere(workflow: &Workflow, then: impl Fn(&Story<'_>, &Story<'_>, bool)) {
    for scenario in &workflow.tests.scenarios {
        let calm = Story::new(workflow, scenario, 7);
        calm.live(|_, _| {});
        let expected = calm.check();
        assert_eq!(expected.map_or(Expected::Refused, Expected::Ends), scenario.expect.outcome, "{}", scenario.name);
        for at in 0..calm.host.points().len() {
            for strike in STRIKES {
                let at = u64::try_from(at).expect("few points");
                let story = Story::new(workflow, scenario, 7);
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                let end = story.check();
                // Where nothing depends on what was lost, a crash changes nothing.
                let fine = end == expected || matches!(end, Some(Ending::Failed | Ending::ContentLost));
                assert!(fine, "{}: {end:?} instead of {expected:?} after {strike:?} {at}", scenario.name);
                then(&calm, &story, end == Some(Ending::Done) && expected == end);
            }
        }
    }
}

#[test]
fn a_refund_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("acme", "refund"), |_, _, _| {});
}

#[test]
fn a_reply_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("acme", "reply"), |_, _, _| {});
}

#[test]
fn a_failed_payment_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "failed-payment"), |_, _, _| {});
}

#[test]
fn a_walk_over_a_list_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "overdue"), nothing_is_missing);
}

#[test]
fn waits_neighbours_and_cancels_survive_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "chase"), nothing_is_missing);
}

#[test]
fn a_list_that_is_polled_and_events_that_follow_one_another_survive_a_crash_at_every_point() {
    crash_everywhere(&workflow("cedar", "packing"), nothing_is_missing);
}

#[test]
fn a_time_that_comes_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "summary"), nothing_is_missing);
}

#[test]
fn what_a_model_sorts_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("acme", "triage"), nothing_is_missing);
    crash_everywhere(&workflow("cedar", "triage"), nothing_is_missing);
}

#[test]
fn a_workflow_of_the_library_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "order-status"), nothing_is_missing);
    crash_everywhere(&workflow("cedar", "order-status"), nothing_is_missing);
}

#[test]
fn a_crash_at_the_refund_neither_loses_nor_doubles_it() {
    let workflow = workflow("acme", "refund");
    let scenario = &workflow.tests.scenarios[0];
    let calm = Story::new(&workflow, scenario, 7);
    calm.live(|_, _| {});
    for at in 0..calm.host.points().len() {
        let at = u64::try_from(at).expect("few points");
        let story = Story::new(&workflow, scenario, 7);
        story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::After })));
        let end = story.check().expect("a run");
        // The key lives and the rebuilt request is the same: the refund is simply repeated under its key.
        assert_eq!((end, story.seen.done().len()), (Ending::Done, 1), "crash after point {at}");
    }
}
