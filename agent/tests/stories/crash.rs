//! Every scenario, crashed at every durable write and every request: just before it, just after it, and after it with the
//! reply lost. Money moves at most once, nothing is lost, every run ends once, the ledger is whole, no content is stored.

use crate::story::{Story, Workflow, workflow};
use assent_agent::sim::{Crash, Strike};
use assent_agent::store::Ending;

fn crash_everywhere(workflow: &Workflow) {
    for scenario in &workflow.tests.scenarios {
        let calm = Story::new(workflow, scenario, 7);
        calm.live(|_, _| {});
        let expected = calm.check();
        assert_eq!(expected.map_or("refused", Ending::as_str), scenario.expect.outcome, "{}", scenario.name);
        for at in 0..calm.host.points().len() {
            for strike in [Strike::Before, Strike::After, Strike::Lost] {
                let at = u64::try_from(at).expect("few points");
                let story = Story::new(workflow, scenario, 7);
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                let end = story.check();
                // Where nothing depends on what was lost, a crash changes nothing.
                let fine = end == expected || matches!(end, Some(Ending::Failed | Ending::ContentLost));
                assert!(fine, "{}: {end:?} instead of {expected:?} after {strike:?} {at}", scenario.name);
            }
        }
    }
}

#[test]
fn a_refund_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("acme", "refund"));
}

#[test]
fn a_reply_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("acme", "reply"));
}

#[test]
fn a_failed_payment_survives_a_crash_at_every_point() {
    crash_everywhere(&workflow("borealis", "failed-payment"));
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
