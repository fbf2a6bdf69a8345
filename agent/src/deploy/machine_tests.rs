//! Tests of the deploy machine: stories, and every short history of two plans.

use assent_schema::time::Period;

use super::*;

fn epoch() -> Moment {
    Moment::from_seconds(0)
}

fn plan(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

fn around(frozen: bool) -> Surroundings {
    Surroundings { now: epoch(), frozen }
}

fn named(n: u8) -> Event {
    Event::Accepted {
        named: Some(plan(n)),
        denied: BTreeSet::new(),
        readmitted: BTreeSet::new(),
        returned: BTreeSet::new(),
    }
}

fn denied(name: u8, denied: &[u8]) -> Event {
    let denied = denied.iter().copied().map(plan).collect();
    Event::Accepted { named: Some(plan(name)), denied, readmitted: BTreeSet::new(), returned: BTreeSet::new() }
}

fn good(n: u8) -> Event {
    Event::Ended { plan: plan(n), went: Went::Well, took_ms: 5 }
}

fn bad(n: u8) -> Event {
    Event::Ended { plan: plan(n), went: Went::Badly, took_ms: 5 }
}

/// Takes events in order and returns the last changes.
fn play(workflow: &mut Workflow, events: &[Event]) -> Vec<Change> {
    let mut last = Vec::new();
    for event in events {
        let (next, changes) = std::mem::take(workflow).step(event, around(false));
        (*workflow, last) = (next, changes);
    }
    last
}

fn later(workflow: &mut Workflow, by: Period) -> Vec<Change> {
    let (next, changes) =
        std::mem::take(workflow).step(&Event::Tick, Surroundings { now: epoch().plus(by), frozen: false });
    *workflow = next;
    changes
}

/// A workflow whose plan 1 is committed and proven.
fn with_one_committed() -> Workflow {
    let mut workflow = Workflow::default();
    play(&mut workflow, &[named(1)]);
    play(&mut workflow, &vec![good(1); 20]);
    assert_eq!(workflow.healthy, [plan(1)]);
    workflow
}

#[test]
fn twenty_good_runs_commit_a_trial() {
    let mut workflow = Workflow::default();
    assert_eq!(play(&mut workflow, &[named(1)]), [Change::Trial(plan(1))]);
    assert_eq!(play(&mut workflow, &vec![good(1); 19]), []);
    assert_eq!(play(&mut workflow, &[good(1)]), [Change::Committed { plan: plan(1), proven: Proven::Yes }]);
    assert_eq!(workflow.active(), Some(plan(1)));
}

#[test]
fn a_failing_trial_goes_back_alone_and_stays_back() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2), bad(2)]);
    let returned = Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::FailureRate };
    assert_eq!(play(&mut workflow, &[bad(2)]), [returned]);
    assert_eq!(workflow.active(), Some(plan(1)));
    assert_eq!(play(&mut workflow, &[named(1), named(2)]), [Change::StaysRefused(plan(2))]);
    assert_eq!(play(&mut workflow, &[named(2)]), [], "it is told once");
    let readmitted = [plan(2)].into_iter().collect();
    let again =
        Event::Accepted { named: Some(plan(2)), denied: BTreeSet::new(), readmitted, returned: BTreeSet::new() };
    assert_eq!(play(&mut workflow, &[again]), [Change::Trial(plan(2))]);
}

#[test]
fn a_crash_in_trial_counts_as_a_failure() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2), bad(2)]);
    let changes = play(&mut workflow, &[Event::Boot { open: true }]);
    assert_eq!(changes, [Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::FailureRate }]);
}

#[test]
fn a_clean_stop_in_trial_does_not_count() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2), bad(2)]);
    for _ in 0..10 {
        assert_eq!(play(&mut workflow, &[Event::Halt, Event::Boot { open: true }]), []);
    }
}

#[test]
fn a_trial_that_lets_no_agent_live_goes_back() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2)]);
    play(&mut workflow, &vec![Event::Boot { open: false }; 5]);
    assert_eq!(workflow.active(), Some(plan(2)));
    play(&mut workflow, &[Event::Boot { open: false }]);
    assert_eq!(workflow.active(), Some(plan(1)));
}

#[test]
fn what_others_did_takes_no_plan_back_unless_nothing_goes_well() {
    let aside = |n| Event::Ended { plan: plan(n), went: Went::Aside, took_ms: 5 };
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2)]);
    assert_eq!(play(&mut workflow, &vec![aside(2); 19]), []);
    assert_eq!(play(&mut workflow, &[good(2), aside(2)]), []);
    assert_eq!(later(&mut workflow, TRIAL_TIME), [Change::Committed { plan: plan(2), proven: Proven::Not }]);
    assert_eq!(play(&mut workflow, &vec![aside(2); 18]), []);
    let returned = Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::Unproven };
    assert_eq!(play(&mut workflow, &[aside(2)]), [returned], "twenty, and nothing that went well among them");
}

#[test]
fn few_runs_commit_as_unproven_and_the_first_failure_returns_it() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2), good(2)]);
    assert_eq!(later(&mut workflow, TRIAL_TIME), [Change::Committed { plan: plan(2), proven: Proven::Not }]);
    let returned = Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::Unproven };
    assert_eq!(play(&mut workflow, &[bad(2)]), [returned]);
}

#[test]
fn an_unproven_plan_is_proven_by_five_good_runs() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2), good(2)]);
    later(&mut workflow, TRIAL_TIME);
    play(&mut workflow, &vec![good(2); 4]);
    assert_eq!(workflow.healthy, [plan(1), plan(2)]);
    assert_eq!(play(&mut workflow, &[bad(2)]), []);
}

#[test]
fn a_freeze_stops_commits_and_nothing_else() {
    let mut workflow = with_one_committed();
    let (next, changes) = workflow.clone().step(&named(2), around(true));
    assert_eq!((next.active(), changes), (Some(plan(1)), vec![Change::Staged(plan(2))]));
    let (next, changes) = next.step(&Event::Tick, around(false));
    assert_eq!((next.active(), changes), (Some(plan(2)), vec![Change::Trial(plan(2))]));
    let (next, _) = next.step(&Event::RollBack, around(true));
    assert_eq!(next.active(), Some(plan(1)));
    let (next, _) = workflow.clone().step(&denied(1, &[1]), around(true));
    assert_eq!(next.active(), None);
    play(&mut workflow, &[named(2)]);
    for _ in 0..30 {
        workflow = workflow.step(&good(2), around(true)).0;
    }
    assert!(workflow.trial.is_some());
    assert_eq!(play(&mut workflow, &[Event::Tick]), [Change::Committed { plan: plan(2), proven: Proven::Yes }]);
}

#[test]
fn rollback_chooses_what_ran_healthily_and_nothing_denied() {
    let mut workflow = with_one_committed();
    assert_eq!(workflow.rollback_target(), Err(NoRollback::NoHealthyPlan));
    play(&mut workflow, &[named(2)]);
    play(&mut workflow, &vec![good(2); 20]);
    play(&mut workflow, &[named(3)]);
    play(&mut workflow, &vec![good(3); 20]);
    assert_eq!(workflow.rollback_target(), Ok(plan(2)));
    play(&mut workflow, &[denied(3, &[2])]);
    let changes = play(&mut workflow, &[Event::RollBack]);
    assert_eq!(changes, [Change::Returned { plan: plan(3), to: Some(plan(1)), why: Why::ByHand }]);
    assert!(!workflow.may_run(plan(3)));
}

#[test]
fn a_release_that_names_what_ran_healthily_switches_at_once() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2)]);
    play(&mut workflow, &vec![good(2); 20]);
    let (next, changes) = workflow.step(&named(1), around(true));
    assert_eq!(changes, [Change::Committed { plan: plan(1), proven: Proven::Yes }]);
    assert_eq!(next.active(), Some(plan(1)));
}

#[test]
fn a_withdrawal_turns_the_workflow_off_and_an_approval_on_again() {
    let mut workflow = with_one_committed();
    let changes = play(&mut workflow, &[denied(1, &[1])]);
    assert_eq!(changes, [Change::Denied(plan(1)), Change::Off(Off::NotPermitted)]);
    assert!(!workflow.may_run(plan(1)));
    play(&mut workflow, &[named(1)]);
    assert_eq!(workflow.active(), Some(plan(1)));
}

#[test]
fn a_returned_trial_above_a_denied_plan_leaves_nothing() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[denied(2, &[1])]);
    assert_eq!(workflow.active(), Some(plan(2)));
    let changes = play(&mut workflow, &[bad(2), bad(2)]);
    assert_eq!(changes.last(), Some(&Change::Off(Off::Returned)));
}

/// The moves of the exploration: enough to reach every arm in a few steps.
fn moves() -> Vec<(Vec<Event>, bool, Period)> {
    let accepted = |name: Option<u8>, denied: &[u8], readmitted: &[u8], returned: &[u8]| Event::Accepted {
        named: name.map(plan),
        denied: denied.iter().copied().map(plan).collect(),
        readmitted: readmitted.iter().copied().map(plan).collect(),
        returned: returned.iter().copied().map(plan).collect(),
    };
    let mut moves = Vec::new();
    for frozen in [false, true] {
        for name in [None, Some(1), Some(2)] {
            for out in [&[][..], &[1], &[2]] {
                moves.push((vec![accepted(name, out, &[], &[])], frozen, Period::seconds(0)));
            }
        }
        moves.push((vec![accepted(Some(2), &[], &[2], &[])], frozen, Period::seconds(0)));
        for (name, back) in [(1, 2), (2, 1), (1, 1)] {
            moves.push((vec![accepted(Some(name), &[], &[], &[back])], frozen, Period::seconds(0)));
        }
        for n in [1, 2] {
            moves.push((vec![good(n); 5], frozen, Period::seconds(0)));
            moves.push((vec![good(n); 20], frozen, Period::seconds(0)));
            moves.push((vec![bad(n)], frozen, Period::seconds(0)));
        }
        moves.push((vec![Event::RollBack], frozen, Period::seconds(0)));
        moves.push((vec![Event::Tick], frozen, TRIAL_TIME));
    }
    moves.push((vec![Event::Boot { open: true }], false, Period::seconds(0)));
    moves.push((vec![Event::Boot { open: false }], false, Period::seconds(0)));
    moves.push((vec![Event::Halt], false, Period::seconds(0)));
    moves
}

/// What must hold after every single step, whatever came before.
fn holds(before: &Workflow, event: &Event, frozen: bool, after: &Workflow, changes: &[Change]) {
    if let Some(active) = after.active() {
        assert!(!after.refused.contains_key(&active) && !after.denied.contains(&active), "a barred plan runs");
    }
    assert_eq!(after.off().is_none(), after.active().is_some());
    assert!(after.staged.is_none_or(|staged| after.may_run(staged)), "a barred plan is staged");
    assert!(after.staged.is_none() || frozen, "nothing keeps the staged plan");
    let readmitted = match event {
        Event::Accepted { readmitted, .. } => readmitted.clone(),
        _ => BTreeSet::new(),
    };
    if let Event::Accepted { returned, .. } = event {
        assert!(returned.iter().all(|plan| after.refused.contains_key(plan)), "what a release took back may run");
    }
    for refused in before.refused.keys() {
        assert!(readmitted.contains(refused) || after.refused.contains_key(refused), "a refusal was forgotten");
    }
    for change in changes {
        match change {
            Change::Committed { plan, .. } if !before.healthy.contains(plan) => {
                assert!(!frozen, "committed in a freeze");
                assert!(before.trial.as_ref().is_some_and(|t| t.plan == *plan), "committed without a trial");
            }
            Change::Trial(_) => assert!(!frozen, "a trial began in a freeze"),
            Change::Returned { plan, to, .. } => {
                assert!(after.refused.contains_key(plan));
                let moved_on = changes.iter().any(|c| matches!(c, Change::Trial(_) | Change::Committed { .. }));
                assert!(moved_on || after.active() == *to);
            }
            _ => {}
        }
    }
    if let Some(trial) = &after.trial {
        assert!(trial.live || before.trial.as_ref().is_some_and(|t| t.plan == trial.plan), "not durable as live");
        let below = after.committed.as_ref().map(|c| &c.health);
        assert_eq!(gates::judge(&trial.health, below), None, "a bad trial goes on");
    }
    for healthy in &after.healthy {
        assert!(!after.refused.contains_key(healthy), "a returned plan counts as healthy");
    }
    if let (Event::Ended { plan, went: Went::Badly, .. }, Some(committed)) = (event, &before.committed)
        && committed.proven == Proven::Not
        && committed.plan == *plan
    {
        assert!(after.refused.contains_key(plan), "an unproven plan survived its first failure");
    }
}

#[test]
fn every_short_history_keeps_the_rules() {
    let moves = moves();
    let mut known: BTreeSet<(Moment, Workflow)> = [(epoch(), Workflow::default())].into();
    let mut edge = known.clone();
    for _ in 0..5 {
        let mut next_edge = BTreeSet::new();
        for (now, workflow) in &edge {
            for (events, frozen, by) in &moves {
                let around = Surroundings { now: now.plus(*by), frozen: *frozen };
                let mut state = workflow.clone();
                for event in events {
                    let before = state.clone();
                    let (after, changes) = state.step(event, around);
                    holds(&before, event, *frozen, &after, &changes);
                    state = after;
                }
                if known.insert((around.now, state.clone())) {
                    next_edge.insert((around.now, state));
                }
            }
        }
        edge = next_edge;
    }
    assert!(known.len() > 5_000, "only {} states were seen", known.len());
}

#[test]
fn a_newer_plan_leaves_a_trial_that_ran_well_to_go_back_to() {
    let mut workflow = Workflow::default();
    play(&mut workflow, &[named(1), good(1)]);
    let changes = play(&mut workflow, &[named(2)]);
    assert_eq!(changes, [Change::Committed { plan: plan(1), proven: Proven::Not }, Change::Trial(plan(2))]);
    assert_eq!(workflow.rollback_target(), Ok(plan(1)));
    assert_eq!(workflow.goes_back(), workflow.trial.as_ref().map(|trial| trial.since));
    let mut untried = Workflow::default();
    play(&mut untried, &[named(1), named(2)]);
    assert_eq!((untried.rollback_target(), untried.goes_back()), (Err(NoRollback::NoHealthyPlan), None));
    let mut failing = Workflow::default();
    play(&mut failing, &[named(1), bad(1), named(2)]);
    assert_eq!(failing.rollback_target(), Err(NoRollback::NoHealthyPlan));
}

fn taking_back(name: u8, back: &[u8]) -> Event {
    let returned = back.iter().copied().map(plan).collect();
    Event::Accepted { named: Some(plan(name)), denied: BTreeSet::new(), readmitted: BTreeSet::new(), returned }
}

/// A rollback by release is one by hand: the plan before runs at once, in a freeze too, and what was taken back stays back.
#[test]
fn what_a_release_took_back_stays_back_until_one_readmits_it() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2)]);
    for proven in [false, true] {
        let mut workflow = workflow.clone();
        if proven {
            play(&mut workflow, &vec![good(2); 20]);
        }
        let (mut next, changes) = workflow.step(&taking_back(1, &[2]), around(true));
        assert_eq!(changes, [Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::ByHand }], "{proven}");
        assert_eq!(next.active(), Some(plan(1)));
        assert_eq!(play(&mut next, &[taking_back(1, &[2])]), [], "it is told once");
        // Whatever a later release says or leaves out.
        assert_eq!(play(&mut next, &[named(2)]), [Change::StaysRefused(plan(2))]);
        assert_eq!(play(&mut next, &[taking_back(2, &[2])]), []);
        assert_eq!(next.active(), Some(plan(1)));
        let readmitted = [plan(2)].into();
        let again =
            Event::Accepted { named: Some(plan(2)), denied: BTreeSet::new(), readmitted, returned: BTreeSet::new() };
        assert_eq!(play(&mut next, &[again]), [Change::Trial(plan(2))]);
    }
}

#[test]
fn what_a_release_took_back_gives_way_to_one_that_is_new_here() {
    let mut workflow = with_one_committed();
    play(&mut workflow, &[named(2)]);
    play(&mut workflow, &vec![good(2); 20]);
    // This agent never had the plan that the release goes back to: it is tried as any other, above the one before.
    let changes = play(&mut workflow, &[taking_back(3, &[2])]);
    let back = Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::ByHand };
    assert_eq!(changes, [back, Change::Trial(plan(3))]);
    // A plan below the trial, and one that only ran here once, may not come again either.
    let changes = play(&mut workflow, &[taking_back(3, &[1, 2])]);
    assert_eq!(changes, [Change::Returned { plan: plan(1), to: Some(plan(3)), why: Why::ByHand }]);
    assert_eq!((workflow.active(), workflow.healthy.len()), (Some(plan(3)), 0));
}

#[test]
fn what_is_stored_says_whether_a_plan_is_unproven() {
    for (proven, unproven) in [(Proven::Yes, false), (Proven::Not, true)] {
        let committed = Committed { plan: plan(1), since: epoch(), proven, health: Health::default() };
        let stored = serde_json::to_value(&committed).unwrap();
        assert_eq!(stored["unproven"], unproven);
        assert_eq!(serde_json::from_value::<Committed>(stored).unwrap(), committed);
    }
}
