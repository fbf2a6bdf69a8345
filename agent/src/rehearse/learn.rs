//! What a run reached, out of its journal.

use std::collections::BTreeSet;

use assent_schema::choice::{Choice, QuestionEnd};
use assent_schema::id::Name;
use assent_schema::plan::{Action, Plan, Step};

use super::Rehearsed;
use crate::store::outcome::is_success;
use crate::store::{Ending, Entry, ItemEnd, JournalRow};

/// What the run touched, for coverage.
pub(super) fn learn(rehearsed: &mut Rehearsed, plan: &Plan, journal: &[JournalRow]) {
    let codes = &mut rehearsed.codes;
    let reached = &mut rehearsed.reached;
    for row in journal {
        match &row.entry {
            Entry::When { step, runs, .. } => {
                reached.conditions.insert((step.clone(), *runs));
            }
            Entry::Outcome(outcome) => {
                let step = &outcome.step;
                reached.ran.insert(step.clone());
                if outcome.in_doubt {
                    reached.in_doubt.insert(step.clone());
                }
                let failed = !outcome.in_doubt && !is_success(&outcome.code);
                // A later attempt that succeeds takes the failure back.
                if failed {
                    reached.failed.insert(step.clone())
                } else {
                    reached.failed.remove(step)
                };
                let code = if outcome.in_doubt { "in_doubt" } else { &outcome.code };
                codes.insert((step.clone(), code.to_owned()));
            }
            Entry::Answered { step, ended, .. } => {
                reached.ran.insert(step.clone());
                codes.insert((step.clone(), ended.as_str().to_owned()));
            }
            Entry::Decided { step, choice, by, guardrail, .. } => {
                let (set, how) = match (by, choice) {
                    (None, _) => (&mut reached.late, QuestionEnd::Late.as_str()),
                    (Some(_), Choice::Approve) => (&mut reached.ran, choice.as_str()),
                    (Some(_), Choice::Refuse) => (&mut reached.refused, choice.as_str()),
                };
                if !guardrail {
                    set.insert(step.clone());
                    reached.ran.insert(step.clone());
                }
                codes.insert((step.clone(), how.to_owned()));
            }
            Entry::Walked { step, .. } => drop(reached.ran.insert(step.clone())),
            Entry::Item { step, how, .. } => drop(codes.insert((step.clone(), format!("item_{}", how.as_str())))),
            Entry::Woke { step, arrived, .. } => {
                let (set, how) = if *arrived { (&mut reached.arrived, "arrived") } else { (&mut reached.late, "over") };
                set.insert(step.clone());
                reached.ran.insert(step.clone());
                codes.insert((step.clone(), how.to_owned()));
            }
            Entry::Accepted(_)
            | Entry::Quiet {}
            | Entry::Intent(_)
            | Entry::Asked(_)
            | Entry::Passed { .. }
            | Entry::Rests { .. }
            | Entry::Ended { .. } => {}
        }
    }
    reached.ran.extend(silent(plan, journal, &reached.conditions));
}

/// Steps that ran and leave no entry of their own: `set` and `stop`.
fn silent(plan: &Plan, journal: &[JournalRow], conditions: &BTreeSet<(Name, bool)>) -> Vec<Name> {
    let done = matches!(journal.last().map(|row| &row.entry), Some(Entry::Ended { ending: Ending::Done, .. }));
    let touched = |step: &Step| journal.iter().any(|row| row.entry.step() == Some(&step.id));
    let last = plan.steps.iter().rposition(touched);
    let stopped = plan.steps.iter().position(|step| {
        let stops = matches!(step.action, Action::Stop { .. });
        stops && step.when.as_ref().is_none_or(|_| conditions.contains(&(step.id.clone(), true)))
    });
    // A run that is done went past every step up to the one that stopped it.
    let past = if done { Some(stopped.unwrap_or(plan.steps.len())) } else { last };
    let ran = |(place, step): (usize, &Step)| {
        let runs = step.when.is_none() || conditions.contains(&(step.id.clone(), true));
        (is_quiet(step) && runs && past.is_some_and(|past| place <= past)).then(|| step.id.clone())
    };
    let inside = plan.steps.iter().filter(|each| has_whole_item(each, journal)).flat_map(|each| {
        let runs = |step: &&Step| step.when.is_none() || conditions.contains(&(step.id.clone(), true));
        each.inner().iter().filter(|step| is_quiet(step)).filter(runs).map(|step| step.id.clone())
    });
    plan.steps.iter().enumerate().filter_map(ran).chain(inside).collect()
}

fn is_quiet(step: &Step) -> bool {
    matches!(step.action, Action::Set { .. } | Action::Stop { .. })
}

/// Whether an item of an `each` got to its end.
fn has_whole_item(each: &Step, journal: &[JournalRow]) -> bool {
    let whole =
        |row: &JournalRow| matches!(&row.entry, Entry::Item { step, how: ItemEnd::Done, .. } if *step == each.id);
    journal.iter().any(whole)
}
