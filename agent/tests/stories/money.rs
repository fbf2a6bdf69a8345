//! Money and an outside world that says something else each time it is asked: what leaves is what a guardrail of now allows, or
//! what a person said yes to, whatever is read again after a restart. What may have happened is for people, never passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_agent::sim::{Crash, Strike};
use assent_agent::store::{Ending, Entry, Store as _};
use assent_schema::client::ClientFacts;
use assent_schema::ledger::{Kind, Token};
use assent_schema::release::Choice;
use assent_schema::time::Period;
use serde_json::json;

use crate::outside::{
    Course, How, Outside, PER_CALL, Paid, Seen, after_first_pay, code, confirmed, counted, everything, idempotent,
    journal, limited, order, paying, paying_each, restarted, story,
};
use crate::seeds::Choices;
use crate::story::Story;

const STRIKES: [Strike; 3] = [Strike::Before, Strike::After, Strike::Lost];

#[test]
fn what_may_have_happened_is_never_passed_over() {
    let course = Course { orders: vec![order("p-1", 4_990)], pays: vec![How::Breaks] };
    for change in [vec![], vec![idempotent()]] {
        let workflow = paying(&change, &["unavailable", "in_doubt"]);
        let (story, _) = story(&workflow, &course);
        story.live(|_, _| {});
        assert_eq!((story.check(), code(&story)), (Some(Ending::Failed), Some("unavailable".to_owned())));
        let [item] = story.queue().try_into().expect("one item");
        assert!(item.done.iter().any(|done| done.in_doubt), "people are told that it may have been done");
        // The same where a restart comes between.
        for at in 0..u64::try_from(story.host.points().len()).expect("few points") {
            let (story, _) = crate::outside::story(&workflow, &course);
            story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::After })));
            assert_eq!(story.check(), Some(Ending::Failed), "{at}");
        }
    }
}

#[test]
fn a_run_goes_on_after_a_failure_of_which_a_read_says_that_nothing_was_done() {
    let workflow = paying(&[confirmed()], &["no_reply"]);
    let course = Course { orders: vec![order("p-1", 4_990)], pays: vec![How::Drops] };
    let (story, seen) = story(&workflow, &course);
    story.live(|_, _| {});
    assert_eq!((story.check(), seen.paid().len()), (Some(Ending::Done), 0));
    // A read that cannot tell leaves it to people.
    let other = (
        "confirm",
        json!({"operation": "nobody", "with": {"of": "payment"}, "field": "state", "equals": "paid", "settles": "30s"}),
    );
    let workflow = paying(&[other], &["no_reply"]);
    let (story, _) = crate::outside::story(&workflow, &course);
    story.live(|_, _| {});
    assert_eq!((story.check(), code(&story)), (Some(Ending::Failed), Some("no_reply".to_owned())));
}

#[test]
fn a_retry_that_would_send_another_amount_is_judged_as_if_it_were_the_first() {
    for change in [vec![], vec![idempotent()]] {
        let workflow = paying(&change, &[]);
        let pays = vec![How::Busy(45), How::Does];
        let grows = Course { orders: vec![order("p-1", 4_990), order("p-1", 500_000)], pays: pays.clone() };
        let (story, seen) = restarted(&workflow, &grows, None);
        assert_eq!((story.check(), seen.paid()), (Some(Ending::Failed), vec![]));
        assert_eq!(code(&story).as_deref(), Some("above_guardrail"), "its group was asked");
        let (yes, shown) = everything(Choice::Approve);
        let (story, seen) = restarted(&workflow, &grows, Some(yes));
        assert_eq!((story.check(), seen.paid()), (Some(Ending::Done), vec![order("p-1", 500_000)]));
        assert!(shown.lock().expect("a lock").contains(&order("p-1", 500_000)));
        assert_eq!(counted(&story), 500_000, "what leaves is what counts");
        // Within the limits it goes out, and counts as what it is.
        let course = Course { orders: vec![order("p-1", 4_990), order("p-1", 6_000)], pays };
        let (story, seen) = restarted(&workflow, &course, None);
        assert_eq!((story.check(), seen.paid()), (Some(Ending::Done), vec![order("p-1", 6_000)]));
        assert_eq!(counted(&story), 6_000);
    }
}

#[test]
fn what_a_read_says_did_not_happen_is_judged_anew_before_it_is_done() {
    let workflow = paying(&[confirmed()], &[]);
    let course = Course { orders: vec![order("p-1", 4_990), order("p-1", 500_000)], pays: vec![How::Drops, How::Does] };
    let (story, seen) = restarted(&workflow, &course, None);
    assert_eq!((story.check(), seen.paid()), (Some(Ending::Failed), vec![]));
    assert_eq!(code(&story).as_deref(), Some("above_guardrail"));
}

#[test]
fn a_read_confirms_what_was_sent_and_not_what_would_be_sent_now() {
    let workflow = paying(&[confirmed()], &[]);
    let course = Course { orders: vec![order("p-1", 4_990), order("p-2", 4_990)], pays: vec![How::Loses, How::Does] };
    let (story, seen) = restarted(&workflow, &course, None);
    assert_eq!((story.check(), seen.paid()), (Some(Ending::Done), vec![order("p-1", 4_990)]));
    assert_eq!(seen.asked(), ["p-1".to_owned()].into());
    // A parameter that is content is known again by the run's key alone: it is other now, and nobody can be asked about it.
    let params = json!({
        "payment": {"place": "body", "at": "payment", "shape": {"type": "token"}, "class": "content", "target": true},
        "amount": {"place": "body", "at": "amount", "shape": {"type": "money", "wire": {"currency": {"at": "currency"}, "unit": "minor", "value": "value"}},
            "class": "reference", "amount": true}});
    let workflow = paying(&[confirmed(), ("params", params)], &[]);
    let (story, seen) = restarted(&workflow, &course, None);
    assert_eq!((story.check(), seen.paid()), (Some(Ending::Failed), vec![order("p-1", 4_990)]));
    assert_eq!((code(&story).as_deref(), seen.asked()), (Some("in_doubt"), BTreeSet::new()));
}

#[test]
fn a_yes_to_a_guardrail_is_for_what_was_shown() {
    let workflow = paying(&[], &[]);
    let shows = |then: Paid| Course { orders: vec![order("p-1", 20_000), then], pays: vec![How::Does] };
    for then in [order("p-1", 9_000_000), order("p-2", 20_000)] {
        let course = shows(then.clone());
        let (yes, shown) = everything(Choice::Approve);
        let (calm, _) = story(&workflow, &course);
        let calm = Story { answers: Some(Arc::clone(&yes)), ..calm };
        calm.live(|_, _| {});
        assert_eq!(calm.check(), Some(Ending::Done));
        let mut twice = 0;
        for at in 0..u64::try_from(calm.host.points().len()).expect("few points") {
            for strike in STRIKES {
                shown.lock().expect("a lock").clear();
                let (story, seen) = story(&workflow, &course);
                let story = Story { answers: Some(Arc::clone(&yes)), ..story };
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                story.check();
                let shown = shown.lock().expect("a lock");
                assert!(seen.paid().iter().all(|paid| shown.contains(paid)), "{strike:?} {at}: {:?}", seen.paid());
                twice += usize::from(shown.len() == 2 && seen.paid() == [then.clone()]);
            }
        }
        assert!(twice > 0, "somebody said yes to both, one after the other");
    }
}

#[test]
fn a_no_to_a_guardrail_stands_whatever_is_read_later() {
    let workflow = paying(&[], &[]);
    let course = Course { orders: vec![order("p-1", 20_000), order("p-1", 4_990)], pays: vec![How::Does] };
    let (no, _) = everything(Choice::Refuse);
    let (calm, _) = story(&workflow, &course);
    let calm = Story { answers: Some(Arc::clone(&no)), ..calm };
    calm.live(|_, _| {});
    let mut stood = 0;
    for at in 0..u64::try_from(calm.host.points().len()).expect("few points") {
        let (story, seen) = story(&workflow, &course);
        let story = Story { answers: Some(Arc::clone(&no)), ..story };
        story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::After })));
        story.check();
        let no = journal(&story).iter().position(|row| matches!(row.entry, Entry::Decided { guardrail: true, .. }));
        assert!(no.is_none() || seen.paid().is_empty(), "{at}: {:?}", seen.paid());
        stood += usize::from(no.is_some());
    }
    assert!(stood > 0, "somebody said no");
}

#[test]
fn a_release_that_lowers_a_limit_binds_runs_that_are_under_way() {
    let workflow = paying(&[], &[]);
    let mut apart = ClientFacts::clone(&workflow.facts);
    apart.connections.retain(|name, _| name.as_str() != "payments");
    let course = Course { orders: vec![order("p-1", 4_990)], pays: vec![How::Busy(60), How::Does] };
    let at = workflow.tests.scenarios.first().expect("a scenario").at;
    for (after, releases) in [
        (Some("above_guardrail"), Some(limited(&workflow, 4_000, 20_000))),
        (Some("above_guardrail"), Some(limited(&workflow, PER_CALL, 4_000))),
        (Some("no_connection"), Some(Arc::new(apart))),
        (Some("client_not_here"), None),
        (None, Some(limited(&workflow, 5_000, 5_000))),
    ] {
        let (story, seen) = story(&workflow, &course);
        let story = Story { releases: vec![(at.plus(Period::seconds(30)), releases)], ..story };
        story.live(|_, _| {});
        let ending = match after {
            Some("client_not_here") => Ending::Stopped,
            Some(_) => Ending::Failed,
            None => Ending::Done,
        };
        assert_eq!((story.check(), code(&story).as_deref()), (Some(ending), after));
        assert_eq!(seen.paid().len(), usize::from(after.is_none()));
    }
}

#[test]
fn what_may_have_happened_is_not_repeated_above_a_limit_that_came_since() {
    let course = Course { orders: vec![order("p-1", 4_990)], pays: vec![How::Drops, How::Does] };
    let at = Period::seconds(1);
    for (change, code_of) in [(vec![idempotent()], "in_doubt"), (vec![idempotent(), confirmed()], "above_guardrail")] {
        let workflow = paying(&change, &[]);
        let begun = workflow.tests.scenarios.first().expect("a scenario").at;
        // The second attempt comes within a second of the first, whose answer never came: so hold it.
        let (story, seen) = story(&workflow, &course);
        let story = Story {
            releases: vec![(begun.plus(at), Some(limited(&workflow, 4_000, 20_000)))],
            held: Some((begun.plus(at), begun.plus(Period::minutes(5)))),
            ..story
        };
        let crash = Crash { at: after_first_pay(&workflow, &course), strike: Strike::After };
        story.live(|process, host| {
            host.crash_at((process == 0).then_some(crash));
            if process == 1 {
                host.jump(2_000);
            }
        });
        assert_eq!((story.check(), seen.paid()), (Some(Ending::Failed), vec![]));
        assert_eq!(code(&story).as_deref(), Some(code_of));
    }
}

#[test]
fn money_that_leaves_another_day_counts_there() {
    let workflow = paying(&[], &[]);
    // Ten hours later it is another day in Berlin.
    let course = Course { orders: vec![order("p-1", 4_990)], pays: vec![How::Busy(45), How::Does] };
    let begun = workflow.tests.scenarios.first().expect("a scenario").at;
    let (story, _) = story(&workflow, &course);
    let story = Story { held: Some((begun.plus(Period::seconds(30)), begun.plus(Period::hours(20)))), ..story };
    story.live(|_, _| {});
    assert_eq!(story.check(), Some(Ending::Done));
    let sums = story.store().sums("guard/acme/payments.pay/").expect("read");
    let days: BTreeMap<&str, i64> = sums.iter().map(|(name, sum)| (name.as_str(), *sum)).collect();
    assert_eq!(
        days,
        [
            ("guard/acme/payments.pay/count/2026-03-02", 0),
            ("guard/acme/payments.pay/count/2026-03-03", 1),
            ("guard/acme/payments.pay/sum/EUR/2026-03-02", 0),
            ("guard/acme/payments.pay/sum/EUR/2026-03-03", 4_990),
        ]
        .into()
    );
}

#[test]
fn an_item_that_is_gone_while_nobody_knows_what_became_of_it_has_failed() {
    let workflow = paying_each(&[]);
    let first = ["p-1", "p-2", "p-3"].map(|payment| order(payment, 1_000));
    let then = ["p-7", "p-8", "p-9"].map(|payment| order(payment, 1_000));
    let course = Course { orders: [first, then].concat(), pays: vec![How::Loses] };
    let at = after_first_pay(&workflow, &course);
    let (story, seen) = story(&workflow, &course);
    story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::Before })));
    assert_eq!(story.check(), Some(Ending::Done));
    let [item] = story.queue().try_into().expect("one item");
    assert_eq!((item.why.as_str(), seen.paid().is_empty()), ("items_failed", false));
    assert!(item.done.iter().any(|done| done.in_doubt), "{:?}", item.done);
    let [row] = story.store().alerts().expect("read").try_into().expect("one alert");
    let key = format!("run-done/{}/-/in_doubt/{}", item.client, item.workflow);
    assert_eq!((row.alert.key(), row.alert.incident), (key, true), "on-call is told of this very workflow");
    let told = |kind: &str| story.entries().into_iter().filter(|entry| entry.kind.name() == kind).collect::<Vec<_>>();
    let [opened] = told("incident").try_into().expect("one incident");
    let [ended] = told("ended").try_into().expect("one end");
    assert_eq!(opened.time, ended.time, "in the same transaction");
    let Kind::Ended(data) = ended.kind else { panic!("an end") };
    assert_eq!(data.left.as_ref().map(Token::as_str), Some("in_doubt"));
}

/// One of some.
fn one<T: Clone>(choices: &mut Choices, of: &[T]) -> T {
    of.get(usize::try_from(choices.below(of.len() as u64)).expect("small")).expect("one").clone()
}

/// An outside that says another amount, and now and then another payment, each time it is asked.
fn moody(choices: &mut Choices) -> Course {
    let amounts = [900, 4_000, 9_999, 10_000, 10_001, 15_000, 500_000];
    let payments = ["p-1", "p-1", "p-2", "p-3"];
    let orders = (0..40).map(|_| order(one(choices, &payments), one(choices, &amounts))).collect();
    let ways = [How::Does, How::Loses, How::Breaks, How::Drops, How::Busy(45), How::Busy(1)];
    let pays = (0..20).map(|_| one(choices, &ways)).chain([How::Does]).collect();
    Course { orders, pays }
}

/// What the guardrails of this client allow, and nothing beyond it but what a person saw and said yes to.
fn within_what_was_allowed(story: &Story<'_>, seen: &Seen, shown: &BTreeSet<Paid>, seed: u64) {
    let paid = seen.paid();
    let alone = |paid: &&Paid| !shown.contains(*paid);
    for (payment, amount) in paid.iter().filter(alone) {
        assert!(*amount <= PER_CALL, "seed {seed}: {amount} left for {payment}, and nobody was asked");
    }
    let by_itself: i64 = paid.iter().filter(alone).map(|(_, amount)| amount).sum();
    assert!(by_itself <= 20_000, "seed {seed}: {by_itself} left by itself: {paid:?}");
    let all: i64 = paid.iter().map(|(_, amount)| amount).sum();
    assert!(all <= counted(story), "seed {seed}: {all} left, and {} counted", counted(story));
}

/// Each seed has an outside of its own, restarts at steps of its own, keys that are lost, releases, and people who say yes, no
/// or nothing.
#[test]
fn what_leaves_never_exceeds_what_a_guardrail_or_a_person_allowed() {
    let (mut left, mut asked, mut restarts) = (0, 0, 0);
    for seed in 0..240_u64 {
        let mut choices = Choices(seed);
        let mut change = Vec::new();
        if choices.below(2) == 0 {
            change.push(idempotent());
        }
        if choices.below(2) == 0 {
            change.push(confirmed());
        }
        let single = choices.below(2) == 0;
        let workflow = if single { paying(&change, &["unavailable"]) } else { paying_each(&change) };
        let course = moody(&mut choices);
        let (outside, seen) = Outside::new(course);
        let scenario = workflow.tests.scenarios.first().expect("a scenario");
        let story = Story::behind(&workflow, scenario, seed, |_| outside);
        let (answers, shown) = everything(one(&mut choices, &[Choice::Approve, Choice::Approve, Choice::Refuse]));
        let story = Story { answers: (choices.below(4) > 0).then_some(answers), ..story };
        let crashes = choices.below(8);
        story.live(|process, host| {
            if u64::try_from(process).expect("few") >= crashes {
                return host.crash_at(None);
            }
            restarts += 1;
            let so_far = u64::try_from(host.points().len()).expect("few");
            host.crash_at(Some(Crash { at: so_far + choices.below(9), strike: one(&mut choices, &STRIKES) }));
            if choices.below(5) == 0 {
                host.forget_keys();
            }
        });
        story.check();
        let shown = shown.lock().expect("a lock");
        let shown = if story.answers.is_some() { shown.clone() } else { BTreeSet::new() };
        within_what_was_allowed(&story, &seen, &shown, seed);
        if single {
            assert!(seen.paid().len() <= 1, "seed {seed}: money moved twice: {:?}", seen.paid());
        }
        left += seen.paid().len();
        asked += shown.len();
    }
    assert!(left > 100 && asked > 50 && restarts > 300, "{left} left, {asked} were asked, {restarts} restarts");
}
