//! Every scenario, crashed at every durable write and every request: just before it, just after it, and after it with the
//! reply lost. Money moves at most once, nothing is lost, every run ends once, the ledger is whole, no content is stored.

use std::collections::BTreeSet;

use crate::story::{Story, Workflow, workflow};
use assent_agent::sim::{Crash, Done, Strike};
use assent_agent::store::Ending;
use assent_schema::scenario::Expected;

/// Where nobody is left with anything, every effect was done that is done without crashes. Scenarios in which something
/// goes wrong by themselves say what a confirming read tells, true or not.
fn nothing_is_missing(calm: &Story<'_>, story: &Story<'_>, done: bool) {
    let calm_world = story.scenario.replies.iter().all(|reply| reply.fault.is_none());
    if done && calm_world && story.queue().is_empty() {
        assert_eq!(effects(story), effects(calm), "{}", story.scenario.name);
    }
}

/// The effects that were done, each once, whatever their order.
fn effects(story: &Story<'_>) -> BTreeSet<String> {
    let text = |done: &Done| format!("{} {}", done.operation, serde_json::json!(done.with));
    story.seen.done().iter().map(text).collect()
}

/// Runs each scenario once for each point at which the machine may die, and asks `then` of the calm story and the other.
pub(crate) fn crash_everywhere(workflow: &Workflow, then: impl Fn(&Story<'_>, &Story<'_>, bool)) {
    for scenario in &workflow.tests.scenarios {
        let calm = Story::new(workflow, scenario, 7);
        calm.live(|_, _| {});
        let expected = calm.check();
        assert_eq!(expected.map_or(Expected::Refused, Expected::Ends), scenario.expect.outcome, "{}", scenario.name);
        for at in 0..calm.host.points().len() {
            for strike in [Strike::Before, Strike::After, Strike::Lost] {
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
