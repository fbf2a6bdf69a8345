//! A decision that nobody was asked for is no, wherever it is read, and whenever the machine dies.

use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::store::Ending;
use assent_schema::plan::Plan;
use serde_json::json;

use crate::crash::crash_everywhere;
use crate::story::{Story, Workflow, workflow};

#[test]
fn a_decision_that_is_skipped_says_no_and_fails_nothing() {
    let known = workflow("acme", "refund");
    let mut plan = Plan::clone(&known.compiled.plan);
    for step in &mut plan.steps {
        // The amount is read behind the yes alone.
        if step.id.as_str() == "pay" {
            step.when =
                Some(serde_json::from_value(json!("agree.approved && has(order.total)")).expect("an expression"));
        }
    }
    let (_, digest) = plan.to_bytes().expect("a plan");
    let compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("a plan that runs"));
    let skips = Workflow { compiled, tests: known.tests, facts: known.facts };
    let other =
        skips.tests.scenarios.iter().find(|one| one.name == "a customer who wants something else is left to people");
    let story = Story::new(&skips, other.expect("the scenario"), 7);
    story.live(|_, _| {});
    assert_eq!(story.check(), Some(Ending::Done));
    // The example's own outcomes stay as they are, and so does what a crash leaves of them.
    crash_everywhere(&skips, |_, _, _| {});
}
