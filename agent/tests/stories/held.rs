//! A run that somebody holds waits before its next step, through crashes too, and goes on to the end that it would have had.

use assent_agent::sim::{Crash, Strike};
use assent_agent::store::{Ending, Entry, RunFilter, Store as _};
use assent_schema::time::Period;

use crate::story::{Story, workflow};

/// How a scenario of `acme/refund` ends when it is held for its first hour, and how otherwise.
fn held(name: &str, mut before: impl FnMut(usize, &assent_agent::sim::Host)) -> [Option<Ending>; 2] {
    let workflow = workflow("acme", "refund");
    let scenario = workflow.tests.scenarios.iter().find(|scenario| scenario.name == name).expect("the scenario");
    let free = Story::new(&workflow, scenario, 1);
    free.live(|_, _| ());
    let until = scenario.at.plus(Period::hours(1));
    let story = Story { held: Some(until), ..Story::new(&workflow, scenario, 1) };
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
