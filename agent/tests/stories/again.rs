//! People let runs go on, and end them, on machines that die at every durable write and every request: no effect is done
//! twice, nothing is lost, one run goes on with another once, and the ledger names who said so.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::BTreeSet;

use assent_agent::content::Content;
use assent_agent::run::{Act, NotAgain, Way, recovered, unsettled};
use assent_agent::sim::{Crash, Host, Reply, Service, Strike};
use assent_agent::store::{Ending, Entry, RunFilter, RunId, Store as _, Transaction};
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure, Wall};
use assent_schema::id::GroupId;
use assent_schema::plan::OnItemError;
use assent_schema::scenario::Scenario;
use serde_json::json;

use crate::story::{Handle, Honest, Story, Workflow, workflow};
use crate::walk::{self, holds, set, walking};

const STRIKES: [Strike; 3] = [Strike::Before, Strike::After, Strike::Lost];

/// Lets every request to one operation fail until it is mended.
struct Broken {
    honest: Honest,
    operation: String,
    how: How,
    left: u32,
}

#[derive(Clone, Copy)]
enum How {
    /// The other side says that it does not take it.
    Refuses,
    /// The effect is done, and the answer is lost.
    Loses,
}

impl Service for Broken {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        if request.operation.to_string() != self.operation || self.left == 0 {
            return self.honest.answer(now, request);
        }
        self.left -= 1;
        match self.how {
            How::Refuses => {
                let response = HttpResponse { status: 422, headers: Vec::new(), body: Content::new(b"{}".to_vec()) };
                Reply { result: Ok(response), after: std::time::Duration::from_millis(20) }
            }
            How::Loses => {
                let reply = self.honest.answer(now, request);
                Reply { result: Err(NetFailure::SentNoReply), ..reply }
            }
        }
    }
}

fn act() -> Act {
    Act { by: "omar".parse().expect("an id"), why: "INC-7".parse().expect("a token") }
}

fn scenario<'a>(workflow: &'a Workflow, name: &str) -> &'a Scenario {
    let found = workflow.tests.scenarios.iter().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("no scenario `{name}`"))
}

fn broken<'a>(workflow: &'a Workflow, scenario: &'a Scenario, operation: &str, how: How, times: u32) -> Story<'a> {
    let operation = operation.to_owned();
    let story = Story::behind(workflow, scenario, 7, |honest| Broken { honest, operation, how, left: times });
    story.live(|_, _| {});
    story
}

/// The runs, oldest first, with how each ended.
fn runs(story: &Story<'_>) -> Vec<(RunId, Option<Ending>)> {
    let store = story.store();
    let mut lines = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
    lines.reverse();
    let ending = |entry: &Entry| match entry {
        Entry::Ended { ending, .. } => Some(*ending),
        _ => None,
    };
    lines.iter().map(|line| (line.run, ending(&line.last.entry))).collect()
}

fn done(story: &Story<'_>) -> Vec<String> {
    story.seen.done().iter().map(|done| done.operation.to_string()).collect()
}

/// Each run of the story went on with at most once; every effect happened once; the ledger is whole and names the person.
fn fine(story: &Story<'_>) {
    let store = story.store();
    story.check_ledger(&store);
    story.check_canaries();
    story.check_effects();
    let mut before = BTreeSet::new();
    for (run, _) in runs(story) {
        let journal = store.journal(run).expect("read");
        let ends = journal.iter().filter(|row| matches!(row.entry, Entry::Ended { .. })).count();
        assert_eq!(ends, 1, "a run ends once");
        if let Some(Entry::Accepted(accepted)) = journal.first().map(|row| &row.entry)
            && let Some(of) = accepted.again
        {
            assert!(before.insert(of), "two runs go on with one");
        }
    }
}

/// Handles the first run so, with a crash at each point that this takes, and asks `then` of each story.
fn everywhere(make: impl Fn() -> Story<'static>, handle: &dyn Fn(RunId) -> Handle, then: impl Fn(&Story<'static>)) {
    let calm = make();
    let before = calm.host.points().len();
    calm.handle(&handle(runs(&calm)[0].0), |_, _: &Host| {});
    fine(&calm);
    then(&calm);
    let points = calm.host.points().len();
    assert!(points > before, "something was written");
    for at in before..points {
        for strike in STRIKES {
            let story = make();
            let at = u64::try_from(at).expect("few points");
            let run = runs(&story)[0].0;
            story.handle(&handle(run), |process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
            fine(&story);
            then(&story);
        }
    }
}

fn leaked(client: &str, name: &str) -> &'static Workflow {
    Box::leak(Box::new(workflow(client, name)))
}

fn refund(how: How, times: u32) -> Story<'static> {
    let workflow = leaked("acme", "refund");
    broken(workflow, scenario(workflow, "a lead agrees and money moves once"), "payments.refund", how, times)
}

fn overdue(how: How) -> Story<'static> {
    let workflow = leaked("borealis", "overdue");
    let scenario = scenario(workflow, "two small orders are held and the team is told");
    broken(workflow, scenario, "chat.post", how, 1)
}

fn again(way: Way) -> impl Fn(RunId) -> Handle {
    move |run| Handle::Again(run, way, act())
}

/// How the first run ended, how the last, and how many items are left for people.
fn told(story: &Story<'_>) -> (Option<Ending>, Option<Ending>, usize) {
    let runs = runs(story);
    assert_eq!(runs.len(), 2, "one run goes on with the other");
    (runs[0].1, runs[1].1, story.queue().len())
}

const FAILED: Option<Ending> = Some(Ending::Failed);
const DONE: Option<Ending> = Some(Ending::Done);

#[test]
fn a_refund_that_was_refused_is_retried_once_people_agreed_again() {
    everywhere(
        || refund(How::Refuses, 1),
        &again(Way::Retry),
        |story| {
            let (first, last, queued) = told(story);
            // A crash may lose what was shown: then it is people's.
            assert!(first == FAILED && (last == DONE && queued == 0 || last == FAILED && queued == 1), "{last:?}");
            if last == DONE {
                assert_eq!(done(story), ["payments.refund"]);
            }
        },
    );
    let story = refund(How::Refuses, 1);
    story.handle(&again(Way::Retry)(runs(&story)[0].0), |_, _| {});
    let asked = |run: RunId| {
        let journal = story.store().journal(run).expect("read");
        journal.iter().filter(|row| matches!(row.entry, Entry::Asked(_))).count()
    };
    assert_eq!(runs(&story).iter().map(|(run, _)| asked(*run)).collect::<Vec<_>>(), [1, 1], "people are asked again");
    assert_eq!(told(&story), (FAILED, DONE, 0));
}

#[test]
fn a_refund_of_which_nobody_knows_is_never_made_again() {
    let story = refund(How::Loses, 5);
    refused(&story, "payments.refund");
    let [item] = story.queue().try_into().expect("one item");
    assert!(item.done.iter().all(|done| done.in_doubt) && item.done.len() == 1, "the item tells of it");
}

/// Neither a retry nor a rerun of the first run begins: each would end where it did.
fn refused(story: &Story<'_>, operation: &str) {
    let (run, before) = (runs(story)[0].0, done(story));
    for way in [Way::Retry, Way::Rerun] {
        let why = NotAgain::Unsettled(operation.parse().expect("an operation"));
        story.handle(&Handle::Refused(run, way, act(), why), |_, _| {});
    }
    fine(story);
    assert_eq!((runs(story).len(), story.queue().len(), done(story)), (1, 1, before));
}

#[test]
fn what_is_done_of_a_walk_stays_done() {
    for way in [Way::Retry, Way::Rerun] {
        everywhere(
            || overdue(How::Refuses),
            &again(way),
            |story| {
                let (first, last, queued) = told(story);
                // After a crash nobody may know whether the team was told.
                assert!(first == FAILED && (last == DONE && queued == 0 || last == FAILED), "{way:?}: {last:?}");
                let holds = done(story).iter().filter(|done| *done == "shop.hold_order").count();
                assert_eq!(holds, 2, "{way:?}");
            },
        );
    }
}

#[test]
fn a_message_of_which_nobody_knows_is_skipped_and_never_sent_again() {
    everywhere(
        || overdue(How::Loses),
        &again(Way::Skip),
        |story| {
            assert_eq!(told(story), (FAILED, DONE, 0));
            assert_eq!(done(story).iter().filter(|done| *done == "chat.post").count(), 1);
        },
    );
    refused(&overdue(How::Loses), "chat.post");
}

#[test]
fn what_nothing_can_settle_is_left_to_people() {
    let of = |story: &Story<'_>, name: (&str, &str)| {
        let journal = story.store().journal(runs(story)[0].0).expect("read");
        unsettled(&journal, &leaked(name.0, name.1).compiled.plan).map(|operation| operation.to_string())
    };
    assert_eq!(of(&overdue(How::Loses), ("borealis", "overdue")).as_deref(), Some("chat.post"));
    assert_eq!(of(&overdue(How::Refuses), ("borealis", "overdue")), None, "it surely did not happen");
    let known = of(&refund(How::Loses, 5), ("acme", "refund"));
    assert_eq!(
        known.as_deref(),
        Some("payments.refund"),
        "the API knows the key, and nobody that the request is the same"
    );
}

#[test]
fn a_person_ends_a_run_that_waits() {
    let workflow = leaked("acme", "refund");
    let make = || Story::new(workflow, scenario(workflow, "nobody answers in four hours"), 7);
    let calm = make();
    calm.handle(&Handle::Cancel(act()), |_, _| {});
    for at in 0..calm.host.points().len() {
        for strike in STRIKES {
            let story = make();
            let at = u64::try_from(at).expect("few points");
            story.handle(&Handle::Cancel(act()), |process, host| {
                host.crash_at((process == 0).then_some(Crash { at, strike }));
            });
            fine(&story);
            let [(_, end)] = runs(&story).try_into().expect("one run");
            // Where the crash took the event's content, nobody was asked.
            assert!(matches!(end, Some(Ending::Superseded | Ending::Failed | Ending::ContentLost)), "{at}: {end:?}");
            assert!(done(&story).is_empty());
        }
    }
    assert_eq!(runs(&calm)[0].1, Some(Ending::Superseded));
}

#[test]
fn an_item_that_somebody_did_is_gone_and_no_run_goes_on_with_it() {
    everywhere(
        || refund(How::Refuses, 1),
        &|run| Handle::Done(run, act()),
        |story| {
            assert_eq!((story.queue().len(), runs(story).len()), (0, 1));
            assert!(done(story).is_empty());
        },
    );
}

#[test]
fn the_ledger_names_who_lets_a_run_go_on_before_the_run_is_accepted() {
    let story = overdue(How::Refuses);
    let before = runs(&story)[0].0;
    story.handle(&again(Way::Retry)(before), |_, _| {});
    let entries = story.entries();
    let handled = entries.iter().position(|entry| entry.kind.name() == "handled").expect("an entry");
    assert_eq!(entries[handled].actor.as_ref().map(ToString::to_string).as_deref(), Some("omar"));
    assert_eq!(entries[handled].run, Some(1));
    let accepted: Vec<_> =
        entries.iter().enumerate().filter(|(_, entry)| entry.kind.name() == "accepted").map(|(at, _)| at).collect();
    assert_eq!(accepted.len(), 2);
    assert!(accepted[0] < handled && handled < accepted[1], "{accepted:?}, {handled}");
}

#[test]
fn no_run_goes_on_with_one_of_before_a_recovery() {
    let story = overdue(How::Refuses);
    let before = runs(&story)[0].0;
    let now = Wall::from_millis(before.millis());
    story.store().commit_now(Transaction::new(now).with(recovered(now))).expect("durable");
    for way in [Way::Retry, Way::Skip, Way::Rerun] {
        story.handle(&Handle::Refused(before, way, act(), NotAgain::Recovered), |_, _| {});
    }
    assert_eq!(runs(&story).len(), 1);
    story.handle(&Handle::Done(before, act()), |_, _| {});
    let entries = story.entries();
    let handled = entries.iter().find(|entry| entry.kind.name() == "handled").expect("an entry");
    assert_eq!(handled.run, None, "a log that began again does not know its number");
}

fn leads() -> GroupId {
    "billing".parse().expect("an id")
}

#[test]
fn an_item_that_is_handed_on_is_with_one_group_and_may_still_be_retried() {
    everywhere(
        || refund(How::Refuses, 1),
        &|run| Handle::Reassign(run, leads(), act()),
        |story| {
            let [item] = story.queue().try_into().expect("one item");
            assert_eq!((item.queue, runs(story).len()), (leads(), 1));
            let told = story.entries().iter().filter(|entry| entry.kind.name() == "handled").count();
            // After a crash people say it again.
            assert!((1..=2).contains(&told), "{told}");
        },
    );
    let story = refund(How::Refuses, 1);
    let before = runs(&story)[0].0;
    story.handle(&Handle::Reassign(before, leads(), act()), |_, _| {});
    story.handle(&again(Way::Retry)(before), |_, _| {});
    assert_eq!(told(&story), (FAILED, DONE, 0));
}

#[test]
fn an_item_that_somebody_did_does_not_come_back_when_another_hands_it_on_at_once() {
    let story = refund(How::Refuses, 1);
    let before = runs(&story)[0].0;
    story.handle(&Handle::Both(before, leads(), act()), |_, _| {});
    fine(&story);
    assert_eq!(story.queue(), []);
}

#[test]
fn an_item_of_a_walk_that_failed_is_passed_over_and_the_others_are_done_once() {
    let refused = json!({"to": "shop.hold_order", "status": 400, "body": "{\"error\":{\"code\":\"other\"}}"});
    let replies = [walk::orders(&["3001", "3002", "3003"]), walk::held(), refused, walk::held(), walk::told()];
    let scenarios = json!([walk::scenario("the second fails", &replies, &json!([]), "failed")]);
    let stops = walking(scenarios, |each| {
        each.on_error = OnItemError::Stop;
        each.parallel = 1;
    });
    let workflow: &'static Workflow = Box::leak(Box::new(stops));
    let make = || {
        let story = Story::new(workflow, &workflow.tests.scenarios[0], 7);
        story.live(|_, _| {});
        assert_eq!(holds(&story), set(&["3001"]));
        story
    };
    everywhere(make, &again(Way::Skip), |story| {
        let (first, last, queued) = told(story);
        // A crash may leave a hold or a message of which nobody knows.
        assert!(first == FAILED && (last == DONE && queued == 0 || last == FAILED && queued == 1), "{last:?}");
        let held = holds(story);
        assert!(held.contains("3001") && !held.contains("3002"), "{held:?}");
        assert!(last != DONE || held == set(&["3001", "3003"]), "{held:?}");
    });
    let calm = make();
    calm.handle(&again(Way::Skip)(runs(&calm)[0].0), |_, _| {});
    assert_eq!(told(&calm), (FAILED, DONE, 0));
    let twice = runs(&calm)[0].0;
    let next = runs(&calm)[1].0;
    calm.handle(&Handle::Refused(twice, Way::Skip, act(), NotAgain::Already(next)), |_, _| {});
}
