//! Everything that the journal says of a run: its facts, folded. Pure.
//!
//! Resuming is the same as going on: what was decided once (a `when`, an answer's constants, a person's choice, the items of
//! a list, the end of a wait) is never evaluated again.
//!
//! # Source
//! engine.md section 3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::id::Name;
use assent_schema::plan::{Effect, OnItemError};
use assent_schema::release::Choice;

use crate::run::compiled::{Compiled, CompiledAction, CompiledStep};
pub(crate) use crate::store::outcome::{ACCEPTED, CACHED, CONFIRMED, NOT_DONE, OK, SHADOW, is_success};
use crate::store::{
    Aim, AskEnd, EffectDone, Entry, Fact, FactText, Intent, ItemEnd, JournalRow, Outcome, StepAt, Waiting,
};
use crate::world::Wall;

/// A request that was made, or may have been.
#[derive(Clone, Debug)]
pub(in crate::run) struct Tried {
    pub(in crate::run) intent: Intent,
    /// When its outcome was known; when it was begun, where nobody knows one.
    pub(in crate::run) last: Wall,
    /// Absent while nobody knows what came of it.
    pub(in crate::run) outcome: Option<Outcome>,
    /// Whether some attempt may have done the effect.
    pub(in crate::run) in_doubt: bool,
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub(in crate::run) enum Stand {
    Runs,
    Skipped,
    Tried(Box<Tried>),
    Done { kept: BTreeMap<Name, Fact>, shadow: bool },
    Answered { ended: AskEnd, facts: BTreeMap<Name, Fact> },
    Asked(Box<Waiting>),
    Decided { approved: bool, edited: Vec<String>, asked: Option<Box<Waiting>> },
    Passed,
    Walking(Box<Walk>),
    Resting { until: i64 },
    Woken { arrived: bool, facts: BTreeMap<Name, Fact> },
}

/// An `each` that began.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Walk {
    /// The items' keys, in the order of the list as it then was.
    pub(in crate::run) items: Vec<FactText>,
    /// The items that are over, and for those that failed, why.
    pub(in crate::run) over: BTreeMap<FactText, (ItemEnd, Option<String>)>,
}

impl Walk {
    /// How many items ended so.
    pub(in crate::run) fn count(&self, how: ItemEnd) -> usize {
        self.over.values().filter(|(end, _)| *end == how).count()
    }

    /// Whether no item is left that must be gone on with.
    pub(in crate::run) fn is_over(&self, on_error: OnItemError) -> bool {
        let failed = on_error == OnItemError::Stop && self.count(ItemEnd::Failed) > 0;
        !failed && self.items.iter().all(|item| self.over.contains_key(item))
    }
}

/// A guardrail's question about the effect of a step.
#[derive(Clone, Debug)]
pub(in crate::run) enum Guarded {
    Asked(Box<Waiting>),
    /// What they said, with what they were shown: a yes is one to that alone.
    Decided {
        approved: bool,
        asked: Option<Box<Waiting>>,
    },
}

/// Everything that the journal says of a run.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Progress {
    pub(in crate::run) steps: BTreeMap<Name, Stand>,
    pub(in crate::run) guards: BTreeMap<Name, Guarded>,
    /// What happened inside of an `each`, by the item's key.
    pub(in crate::run) items: BTreeMap<FactText, Progress>,
    pub(in crate::run) ended: bool,
    /// Whether it waited until its key was quiet.
    pub(in crate::run) quiet: bool,
    /// Time taken so far, waiting for people or time not counted.
    pub(in crate::run) active: Duration,
    last: Option<(Wall, bool)>,
    /// Steps that wait for people or time.
    waits: BTreeSet<StepAt>,
}

impl Progress {
    /// Folds a journal.
    pub(in crate::run) fn replay(rows: &[JournalRow]) -> Self {
        let mut progress = Self::default();
        for row in rows {
            progress.apply(row.at, &row.entry);
        }
        progress
    }

    /// Whether anything is known of a step: until then it waited for its turn.
    pub(in crate::run) fn has_begun(&self) -> bool {
        !(self.steps.is_empty() && self.guards.is_empty() && self.items.is_empty())
    }

    /// Takes one more fact of the run.
    pub(in crate::run) fn apply(&mut self, at: Wall, entry: &Entry) {
        if let Some((last, false)) = self.last {
            self.active = self.active.saturating_add(at.since(last));
        }
        self.note_wait(entry);
        // Until its first step a run waits for its key's turn, and for a place.
        let is_queued = matches!(entry, Entry::Accepted(_) | Entry::Quiet {});
        self.last = Some((at, is_queued || !self.waits.is_empty()));
        match entry.item() {
            Some(item) => self.items.entry(item.clone()).or_default().take(at, entry),
            None => self.take(at, entry),
        }
    }

    fn note_wait(&mut self, entry: &Entry) {
        match entry {
            Entry::Asked(waiting) => drop(self.waits.insert(waiting.at())),
            Entry::Rests { step, item, .. } => drop(self.waits.insert(StepAt::new(step, item.as_ref()))),
            Entry::Decided { step, item, .. } | Entry::Woke { step, item, .. } => {
                self.waits.remove(&StepAt::new(step, item.as_ref()));
            }
            _ => {}
        }
    }

    /// Takes one more fact of the level that this is about: the run's own, or one item's.
    pub(in crate::run) fn take(&mut self, at: Wall, entry: &Entry) {
        match entry {
            Entry::Accepted(_) => {}
            Entry::Quiet {} => self.quiet = true,
            Entry::When { step, runs, .. } => {
                self.set(step, if *runs { Stand::Runs } else { Stand::Skipped });
            }
            Entry::Intent(intent) => self.intent(at, intent),
            Entry::Outcome(outcome) => self.outcome(at, outcome),
            Entry::Answered { step, ended, facts, .. } => {
                self.set(step, Stand::Answered { ended: *ended, facts: facts.clone() });
            }
            Entry::Asked(waiting) if waiting.guardrail => {
                self.guards.insert(waiting.step.clone(), Guarded::Asked(waiting.clone()));
            }
            Entry::Asked(waiting) => self.set(&waiting.step, Stand::Asked(waiting.clone())),
            Entry::Decided { step, guardrail: true, choice, .. } => {
                let asked = match self.guards.remove(step) {
                    Some(Guarded::Asked(waiting)) => Some(waiting),
                    _ => None,
                };
                let approved = *choice == Choice::Approve;
                self.guards.insert(step.clone(), Guarded::Decided { approved, asked });
            }
            Entry::Decided { step, guardrail: false, choice, edited, .. } => {
                let asked = match self.steps.remove(step) {
                    Some(Stand::Asked(waiting)) => Some(waiting),
                    _ => None,
                };
                let approved = *choice == Choice::Approve;
                self.set(step, Stand::Decided { approved, edited: edited.clone(), asked });
            }
            Entry::Passed { step, .. } => self.set(step, Stand::Passed),
            Entry::Walked { step, items } => {
                self.set(step, Stand::Walking(Box::new(Walk { items: items.clone(), over: BTreeMap::new() })));
            }
            Entry::Item { step, item, how, code } => {
                if let Some(Stand::Walking(walk)) = self.steps.get_mut(step) {
                    walk.over.insert(item.clone(), (*how, code.clone()));
                }
            }
            Entry::Rests { step, until, .. } => self.set(step, Stand::Resting { until: *until }),
            Entry::Woke { step, arrived, facts, .. } => {
                self.set(step, Stand::Woken { arrived: *arrived, facts: facts.clone() });
            }
            Entry::Ended { .. } => self.ended = true,
        }
    }

    fn set(&mut self, step: &Name, stand: Stand) {
        self.steps.insert(step.clone(), stand);
    }

    fn intent(&mut self, at: Wall, intent: &Intent) {
        match intent.aim {
            Aim::Step => {}
            Aim::Confirm | Aim::Job => return,
        }
        let before = match self.steps.remove(&intent.step) {
            Some(Stand::Tried(tried)) => Some(tried),
            _ => None,
        };
        let in_doubt = before.is_some_and(|tried| tried.in_doubt || tried.outcome.is_none());
        let tried = Tried { intent: intent.clone(), last: at, outcome: None, in_doubt };
        self.set(&intent.step, Stand::Tried(Box::new(tried)));
    }

    fn outcome(&mut self, at: Wall, outcome: &Outcome) {
        if is_success(&outcome.code) {
            let done = Stand::Done { kept: outcome.kept.clone(), shadow: outcome.code == SHADOW };
            return self.set(&outcome.step, done);
        }
        if let Some(Stand::Tried(tried)) = self.steps.get_mut(&outcome.step) {
            // An attempt that surely did nothing says nothing about those before it; a `confirm` does.
            tried.in_doubt = outcome.code != NOT_DONE && (tried.in_doubt || outcome.in_doubt);
            tried.outcome = Some(outcome.clone());
            tried.last = at;
        }
    }

    pub(in crate::run) fn stand(&self, step: &Name) -> Option<&Stand> {
        self.steps.get(step)
    }

    /// Effects that were done or may have been: in the order of the plan, inside an `each` in that of the items.
    pub(in crate::run) fn effects(&self, compiled: &Compiled) -> Vec<EffectDone> {
        let mut done = Vec::new();
        for step in &compiled.steps {
            done.extend(self.effect(step, None));
            let walked = match self.stand(&step.id) {
                Some(Stand::Walking(walk)) => walk.items.as_slice(),
                _ => &[],
            };
            // What an earlier run did may be of items that this one has not come to.
            let others = self.items.keys().filter(|item| !walked.contains(item));
            for item in walked.iter().chain(others) {
                let progress = self.items.get(item);
                let inner = step.inner().iter();
                done.extend(inner.filter_map(|step| progress.and_then(|progress| progress.effect(step, Some(item)))));
            }
        }
        done
    }

    /// Whether some of these steps may have done an effect, and nobody knows.
    pub(in crate::run) fn is_in_doubt(&self, steps: &[CompiledStep]) -> bool {
        steps.iter().any(|step| self.effect(step, None).is_some_and(|effect| effect.in_doubt))
    }

    /// Every effect of the plan that the run did, may have done, or would do next: what is not known to be done is in doubt,
    /// because this journal may not be the whole story.
    pub(in crate::run) fn doubtful(&self, compiled: &Compiled) -> Vec<EffectDone> {
        let mut all = self.effects(compiled);
        for step in compiled.steps.iter().flat_map(|step| std::iter::once(step).chain(step.inner())) {
            let CompiledAction::Call(call) = &step.action else { continue };
            let told = all.iter().any(|one| one.step == step.id);
            let skipped = matches!(self.stand(&step.id), Some(Stand::Skipped));
            if call.operation.effect != Effect::None && !told && !skipped {
                let operation = call.name.clone();
                all.push(EffectDone { step: step.id.clone(), item: None, operation, in_doubt: true });
            }
        }
        all
    }

    fn effect(&self, step: &CompiledStep, item: Option<&FactText>) -> Option<EffectDone> {
        let CompiledAction::Call(call) = &step.action else { return None };
        let in_doubt = match self.stand(&step.id)? {
            _ if call.operation.effect == Effect::None => return None,
            Stand::Done { shadow: false, .. } => false,
            Stand::Tried(tried) if tried.may_have_run() => true,
            _ => return None,
        };
        Some(EffectDone { step: step.id.clone(), item: item.cloned(), operation: call.name.clone(), in_doubt })
    }

    /// Items that failed while the others went on, with the `each` that they are of.
    pub(in crate::run) fn failed_items(&self) -> Option<(&Name, usize)> {
        self.steps.iter().find_map(|(step, stand)| match stand {
            Stand::Walking(walk) => Some((step, walk.count(ItemEnd::Failed))).filter(|(_, count)| *count > 0),
            _ => None,
        })
    }
}
