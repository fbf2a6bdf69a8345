//! Questions that may cost only so much: no try begins that could cost more than what is left.

use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::store::Ending;
use assent_schema::ledger::Kind;
use assent_schema::plan::{Action, Spend};

use crate::story::{Story, workflow};

/// How many questions a run asks whose every answer is nonsense, with so much to spend; and how it ends.
fn asked(most: Option<u64>) -> (usize, Option<Ending>) {
    let mut refund = workflow("acme", "refund");
    let mut plan = (*refund.compiled.plan).clone();
    for step in &mut plan.steps {
        if let Action::Ask { limit, .. } = &mut step.action {
            assert_eq!((limit.tokens, limit.tries), (2_000, 2));
            limit.spend = most.map(|most| Spend::at(most, "EUR", "2.5", "10").expect("prices"));
        }
    }
    let digest = plan.to_bytes().expect("bytes").1;
    refund.compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs"));
    let mut scenario = refund.tests.scenarios.first().expect("a scenario").clone();
    for reply in scenario.replies.iter_mut().filter(|reply| reply.to.operation.as_str() == "ask") {
        reply.body = Some("{\"intent\":\"nonsense\"}".to_owned());
    }
    let story = Story::new(&refund, &scenario, 7);
    story.live(|_, _| {});
    let ending = story.check();
    let is_question =
        |kind: &Kind| matches!(kind, Kind::Intent(intent) if intent.operation.operation.as_str() == "ask");
    (story.entries().iter().filter(|entry| is_question(&entry.kind)).count(), ending)
}

#[test]
fn no_try_begins_that_could_cost_more_than_what_is_left() {
    // One answer of 2,000 tokens costs up to 2 cents, the question less than one.
    for (most, tries) in [(None, 2), (Some(100), 2), (Some(6), 2), (Some(3), 1), (Some(2), 0)] {
        let (asked, ending) = asked(most);
        assert_eq!((asked, ending), (tries, Some(Ending::Done)), "{most:?}");
    }
}
