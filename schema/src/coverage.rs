//! What scenarios reached of a plan, and what they did not.
//!
//! # Source
//! language.md section 7. Promise P15.

mod sure;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Name, OperationRef};
use crate::plan::{Action, Effect, Mode, Plan, Step, Until};

/// What scenarios that passed reached, all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Steps that ran.
    pub ran: BTreeSet<Name>,
    /// Conditions that were met, and those that were not.
    pub conditions: BTreeSet<(Name, bool)>,
    /// Steps that failed for good, surely without doing anything.
    pub failed: BTreeSet<Name>,
    /// Effects of which, after some attempt, nobody knew whether they happened.
    pub in_doubt: BTreeSet<Name>,
    /// Decisions that were refused.
    pub refused: BTreeSet<Name>,
    /// Decisions that nobody took in time, and waits whose time was over.
    pub late: BTreeSet<Name>,
    /// Waits whose event came.
    pub arrived: BTreeSet<Name>,
}

impl Reached {
    /// Adds what another scenario reached.
    pub fn merge(&mut self, other: Self) {
        self.ran.extend(other.ran);
        self.conditions.extend(other.conditions);
        self.failed.extend(other.failed);
        self.in_doubt.extend(other.in_doubt);
        self.refused.extend(other.refused);
        self.late.extend(other.late);
        self.arrived.extend(other.arrived);
    }
}

/// What came of running all scenarios of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What those that passed reached.
    pub reached: Reached,
    /// Those that did not pass, by name.
    pub failing: BTreeMap<String, Failing>,
}

/// How a scenario did not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// The first thing that should have happened and did not.
    pub what: String,
    /// What its steps met, by code, and no scenario that passed did.
    pub met: BTreeSet<(Name, String)>,
    /// The operations for which it has no reply.
    pub unanswered: BTreeSet<OperationRef>,
}

/// What no scenario shows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// It never runs.
    Runs,
    /// It is never skipped: its condition is always met.
    Skipped,
    /// Its effect never fails.
    Fails,
    /// Its effect never ends in doubt.
    InDoubt,
    /// Its decision is never refused.
    Refused,
    /// Its decision is never late.
    Late,
    /// The event that it waits for never comes.
    Arrives,
    /// The event that it waits for always comes.
    Passes,
}

impl Gap {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Skipped => "skipped",
            Self::Fails => "fails",
            Self::InDoubt => "in-doubt",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Arrives => "arrives",
            Self::Passes => "passes",
        }
    }
}

/// Everything that no scenario reached, in the order of the plan. Of a step that never runs nothing else is said.
pub fn gaps(plan: &Plan, reached: &Reached) -> Vec<(Name, Gap)> {
    let sure = sure::sure(plan);
    let of = |step: &Step| -> Vec<(Name, Gap)> {
        let id = &step.id;
        if !reached.ran.contains(id) {
            return vec![(id.clone(), Gap::Runs)];
        }
        let effect = has_effect(plan, step) && plan.mode == Mode::Live;
        let decides = matches!(step.action, Action::Decide { .. });
        let awaits = matches!(step.action, Action::Wait { until: Until::Event(_) });
        let wanted = [
            (!sure.contains(id) && !reached.conditions.contains(&(id.clone(), false)), Gap::Skipped),
            (effect && !reached.failed.contains(id), Gap::Fails),
            (effect && !reached.in_doubt.contains(id), Gap::InDoubt),
            (decides && !reached.refused.contains(id), Gap::Refused),
            (decides && !reached.late.contains(id), Gap::Late),
            (awaits && !reached.arrived.contains(id), Gap::Arrives),
            (awaits && !reached.late.contains(id), Gap::Passes),
        ];
        wanted.into_iter().filter(|(missing, _)| *missing).map(|(_, gap)| (id.clone(), gap)).collect()
    };
    plan.every_step().flat_map(of).collect()
}

fn has_effect(plan: &Plan, step: &Step) -> bool {
    let Action::Call { operation, .. } = &step.action else { return false };
    plan.operations.get(operation).is_some_and(|operation| operation.effect != Effect::None)
}
