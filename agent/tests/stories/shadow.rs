//! Workflows in shadow mode: they read and ask, and change nothing.

use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_schema::plan::Mode;

use crate::story::{Story, workflows};

#[test]
fn nothing_is_changed_and_nothing_fails_for_want_of_an_effect() {
    let mut recorded = 0;
    for mut workflow in workflows() {
        let mut plan = (*workflow.compiled.plan).clone();
        plan.mode = Mode::Shadow;
        let digest = plan.to_bytes().expect("bytes").1;
        workflow.compiled = Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs"));
        for scenario in &workflow.tests.scenarios {
            let story = Story::new(&workflow, scenario, 7);
            story.live(|_, _| {});
            let _ending = story.check();
            let done = story.seen.done();
            assert!(done.is_empty(), "{}: {:?}", scenario.name, done.first().map(|done| done.operation.clone()));
            let (kpis, shadows, codes) = story.told();
            assert_eq!(kpis, 0, "{}", scenario.name);
            assert!(!codes.iter().any(|code| code == "expression_absent"), "{}: {codes:?}", scenario.name);
            recorded += shadows;
        }
    }
    assert!(recorded > 10, "only {recorded} effects were recorded");
}
