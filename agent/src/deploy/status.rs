//! What is pushed back: how each workflow stands, in the words of `schema::status`. Pure.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::status::{Stage, TrialStatus, WorkflowStatus};

use super::board::Board;
use super::fresh::Freshness;
use super::machine::{Off, Proven, Workflow};

/// How all workflows stand. `fresh` has how current the knowledge of each client is, `barred` why a plan is not permitted.
pub fn workflows(
    board: &Board,
    fresh: impl Fn(&ClientId) -> Freshness,
    barred: impl Fn(&Digest) -> Option<&'static str>,
) -> BTreeMap<ClientId, BTreeMap<WorkflowId, WorkflowStatus>> {
    let mut all: BTreeMap<ClientId, BTreeMap<WorkflowId, WorkflowStatus>> = BTreeMap::new();
    for ((client, workflow), state) in board.workflows() {
        // A workflow that was taken out of the release has a past, but no standing.
        if state.named.is_some() {
            let stale = fresh(client) == Freshness::Stale;
            all.entry(client.clone()).or_default().insert(workflow.clone(), one(state, stale, &barred));
        }
    }
    all
}

/// What went back of workflows that no release names: they have a past that counts when they are named again.
pub fn returned(board: &Board) -> BTreeMap<ClientId, BTreeMap<WorkflowId, BTreeMap<Digest, String>>> {
    let mut all: BTreeMap<ClientId, BTreeMap<WorkflowId, BTreeMap<Digest, String>>> = BTreeMap::new();
    let unnamed = |state: &&Workflow| state.named.is_none() && !state.refused.is_empty();
    for ((client, workflow), state) in board.workflows().iter().filter(|(_, state)| unnamed(state)) {
        all.entry(client.clone()).or_default().insert(workflow.clone(), codes(state));
    }
    all
}

fn codes(state: &Workflow) -> BTreeMap<Digest, String> {
    state.refused.iter().map(|(plan, why)| (*plan, why.code().to_owned())).collect()
}

fn one(state: &Workflow, stale: bool, barred: impl Fn(&Digest) -> Option<&'static str>) -> WorkflowStatus {
    let trial = state.trial.as_ref().map(|trial| TrialStatus {
        plan: trial.plan,
        since: trial.since,
        runs: trial.health.runs,
        failed: trial.health.failed,
    });
    WorkflowStatus {
        stage: stage(state),
        plan: state.active(),
        named: state.named,
        why: why(state, barred).map(str::to_owned),
        trial,
        stale,
        refused: codes(state),
    }
}

/// Why the named plan does not run: the rule that bars it, where one does, says more than that it is off.
fn why(state: &Workflow, barred: impl Fn(&Digest) -> Option<&'static str>) -> Option<&'static str> {
    let named = state.named.filter(|named| state.active() != Some(*named))?;
    if let Some(back) = state.refused.get(&named) {
        return Some(back.code());
    }
    match state.off() {
        Some(Off::Frozen) => Some(Off::Frozen.code()),
        off => barred(&named).or(off.map(Off::code)),
    }
}

fn stage(state: &Workflow) -> Stage {
    let Some(active) = state.active() else {
        return if state.off() == Some(Off::Frozen) { Stage::Staged } else { Stage::Off };
    };
    let committed = state.committed.as_ref().filter(|committed| committed.plan == active);
    match state.named {
        Some(named) if named == active => match committed {
            Some(committed) if committed.proven == Proven::Not => Stage::Unproven,
            Some(_) => Stage::Committed,
            None => Stage::Trial,
        },
        _ if state.staged.is_some() => Stage::Staged,
        Some(named) if state.refused.contains_key(&named) => Stage::Returned,
        _ => Stage::NotPermitted,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assent_schema::time::Moment;

    use super::*;
    use crate::deploy::machine::{Event, Surroundings};
    use crate::run::Went;

    fn plan(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    fn play(state: Workflow, events: &[Event], frozen: bool) -> Workflow {
        let around = Surroundings { now: Moment::from_seconds(0), frozen };
        events.iter().fold(state, |state, event| state.step(event, around).0)
    }

    fn named(n: u8, denied: &[u8]) -> Event {
        let denied = denied.iter().copied().map(plan).collect();
        Event::Accepted { named: Some(plan(n)), denied, readmitted: BTreeSet::new(), returned: BTreeSet::new() }
    }

    fn ended(n: u8, good: bool) -> Event {
        Event::Ended { plan: plan(n), went: if good { Went::Well } else { Went::Badly }, took_ms: 5 }
    }

    #[test]
    fn each_stage_is_told_apart() {
        let first = play(Workflow::default(), &[named(1, &[])], false);
        assert_eq!(stage(&first), Stage::Trial);
        let committed = play(first, &vec![ended(1, true); 20], false);
        assert_eq!(stage(&committed), Stage::Committed);
        assert_eq!(stage(&play(committed.clone(), &[named(2, &[])], true)), Stage::Staged);
        assert_eq!(stage(&play(committed.clone(), &[named(2, &[2])], false)), Stage::NotPermitted);
        assert_eq!(stage(&play(committed.clone(), &[named(1, &[1])], false)), Stage::Off);
        let returned = play(committed, &[named(2, &[]), ended(2, false), ended(2, false)], false);
        assert_eq!(stage(&returned), Stage::Returned);
        assert_eq!(stage(&play(Workflow::default(), &[named(1, &[])], true)), Stage::Staged);
    }

    #[test]
    fn what_does_not_run_says_why() {
        let barred = |digest: &Digest| (*digest == plan(1)).then_some("approval-expired");
        let committed = play(Workflow::default(), &[vec![named(1, &[])], vec![ended(1, true); 20]].concat(), false);
        assert_eq!(why(&committed, barred), None, "it runs");
        assert_eq!(why(&play(committed.clone(), &[named(1, &[1])], false), barred), Some("approval-expired"));
        assert_eq!(why(&play(committed.clone(), &[named(2, &[1, 2])], false), barred), Some("not-permitted"));
        let returned = play(committed, &[named(2, &[]), ended(2, false), ended(2, false)], false);
        assert!(why(&returned, barred).is_some_and(|why| returned.refused[&plan(2)].code() == why));
        assert_eq!(why(&play(Workflow::default(), &[named(1, &[])], true), barred), Some("frozen"));
    }
}
