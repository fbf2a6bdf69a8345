//! What a run does next, from its plan and the facts of its journal. Pure.
//!
//! Resuming is the same as going on: the journal is folded into a [`Progress`], and what was decided once (a `when`, an
//! answer's constants, a person's choice) is never evaluated again. What a step still needs and memory does not hold is
//! read again, unless that could give something else than an effect already used.
//!
//! # Source
//! engine.md section 3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::expr::Path;
use assent_schema::id::Name;
use assent_schema::plan::Effect;
use assent_schema::release::Choice;

use super::compiled::{Compiled, CompiledAction, CompiledStep};
use crate::store::{Aim, AskEnd, EffectDone, Entry, Fact, Intent, JournalRow, Outcome, Waiting};
use crate::world::Wall;

/// The code of an outcome that is none of failure.
pub(super) const OK: &str = "ok";
/// The outcome of a read whose answer was kept from an earlier one; nothing was sent.
pub(super) const CACHED: &str = "cached";
/// The code of an outcome that a `confirm` told.
pub(super) const CONFIRMED: &str = "confirmed";
/// The code of an effect that was only recorded.
pub(super) const SHADOW: &str = "shadow";

/// Whether an outcome's code is none of failure.
pub(crate) fn is_success(code: &str) -> bool {
    [OK, CACHED, CONFIRMED, SHADOW].contains(&code)
}

/// A request that was made, or may have been.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) intent: Intent,
    /// When the first attempt left: the idempotency key lives from here.
    pub(super) first: Wall,
    pub(super) last: Wall,
    /// Absent while nobody knows what came of it.
    pub(super) outcome: Option<Outcome>,
    /// Whether some attempt may have done the effect.
    pub(super) in_doubt: bool,
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub(super) enum Stand {
    Runs,
    Skipped,
    Tried(Box<Tried>),
    Done { kept: BTreeMap<Name, Fact>, shadow: bool },
    Answered { ended: AskEnd, facts: BTreeMap<Name, Fact> },
    Asked(Box<Waiting>),
    Decided { approved: bool, edited: Vec<String>, asked: Option<Box<Waiting>> },
    Passed,
}

/// A guardrail's question about the effect of a step.
#[derive(Clone, Debug)]
pub(super) enum Guarded {
    Asked(Box<Waiting>),
    Decided(bool),
}

/// Everything that the journal says of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) steps: BTreeMap<Name, Stand>,
    pub(super) guards: BTreeMap<Name, Guarded>,
    pub(super) ended: bool,
    /// Whether it waited until its key was quiet.
    pub(super) quiet: bool,
    /// Time taken so far, waiting for people not counted.
    pub(super) active: Duration,
    last: Option<(Wall, bool)>,
}

/// What memory holds of a run's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// All trigger fields, or only its facts.
    pub(super) trigger: bool,
    /// Steps whose result is there as it came.
    pub(super) whole: BTreeSet<Name>,
}

/// What a run does next.
pub(super) enum Next<'p> {
    /// Evaluate a step's `when`.
    When(&'p CompiledStep),
    /// Get a result again that a step needs.
    Restore(&'p CompiledStep),
    /// Do a step, or go on with it.
    Act(&'p CompiledStep),
    /// All steps are behind.
    Finish,
    /// What a step needs is gone and cannot be had again.
    Lost(&'p CompiledStep),
}

enum Missing<'p> {
    Nothing,
    Restore(&'p CompiledStep),
    Lost,
}

impl Progress {
    /// Folds a journal.
    pub(super) fn replay(rows: &[JournalRow]) -> Self {
        let mut progress = Self::default();
        for row in rows {
            progress.apply(row.at, &row.entry);
        }
        progress
    }

    /// Takes one more fact.
    pub(super) fn apply(&mut self, at: Wall, entry: &Entry) {
        if let Some((last, false)) = self.last
            && !matches!(entry, Entry::Quiet {})
        {
            self.active = self.active.saturating_add(at.since(last));
        }
        self.last = Some((at, matches!(entry, Entry::Asked(_))));
        match entry {
            Entry::Accepted(_) => {}
            Entry::Quiet {} => self.quiet = true,
            Entry::When { step, runs } => {
                self.set(step, if *runs { Stand::Runs } else { Stand::Skipped });
            }
            Entry::Intent(intent) => self.intent(at, intent),
            Entry::Outcome(outcome) => self.outcome(outcome),
            Entry::Answered { step, ended, facts } => {
                self.set(step, Stand::Answered { ended: *ended, facts: facts.clone() });
            }
            Entry::Asked(waiting) if waiting.guardrail => {
                self.guards.insert(waiting.step.clone(), Guarded::Asked(waiting.clone()));
            }
            Entry::Asked(waiting) => self.set(&waiting.step, Stand::Asked(waiting.clone())),
            Entry::Decided { step, guardrail: true, choice, by: _, edited: _ } => {
                self.guards.insert(step.clone(), Guarded::Decided(*choice == Choice::Approve));
            }
            Entry::Decided { step, guardrail: false, choice, by: _, edited } => {
                let asked = match self.steps.remove(step) {
                    Some(Stand::Asked(waiting)) => Some(waiting),
                    _ => None,
                };
                let approved = *choice == Choice::Approve;
                self.set(step, Stand::Decided { approved, edited: edited.clone(), asked });
            }
            Entry::Passed { step, code: _ } => self.set(step, Stand::Passed),
            Entry::Ended { .. } => self.ended = true,
        }
    }

    fn set(&mut self, step: &Name, stand: Stand) {
        self.steps.insert(step.clone(), stand);
    }

    fn intent(&mut self, at: Wall, intent: &Intent) {
        if intent.aim == Aim::Confirm {
            return;
        }
        let before = match self.steps.remove(&intent.step) {
            Some(Stand::Tried(tried)) => Some(tried),
            _ => None,
        };
        let first = before.as_ref().map_or(at, |tried| tried.first);
        let in_doubt = before.is_some_and(|tried| tried.in_doubt || tried.outcome.is_none());
        let tried = Tried { intent: intent.clone(), first, last: at, outcome: None, in_doubt };
        self.set(&intent.step, Stand::Tried(Box::new(tried)));
    }

    fn outcome(&mut self, outcome: &Outcome) {
        if is_success(&outcome.code) {
            let done = Stand::Done { kept: outcome.kept.clone(), shadow: outcome.code == SHADOW };
            return self.set(&outcome.step, done);
        }
        if let Some(Stand::Tried(tried)) = self.steps.get_mut(&outcome.step) {
            // An attempt that surely did nothing says nothing about those before it; a `confirm` does.
            tried.in_doubt = outcome.code != super::doubt::NOT_DONE && (tried.in_doubt || outcome.in_doubt);
            tried.outcome = Some(outcome.clone());
        }
    }

    pub(super) fn stand(&self, step: &Name) -> Option<&Stand> {
        self.steps.get(step)
    }

    /// Effects that were done or may have been, in the order of the plan.
    pub(super) fn effects(&self, compiled: &Compiled) -> Vec<EffectDone> {
        let effect = |step: &CompiledStep| {
            let CompiledAction::Call(call) = &step.action else { return None };
            let in_doubt = match self.stand(&step.id)? {
                _ if call.operation.effect == Effect::None => return None,
                Stand::Done { shadow: false, .. } => false,
                Stand::Tried(tried) if tried.in_doubt || tried.outcome.is_none() => true,
                _ => return None,
            };
            Some(EffectDone { step: step.id.clone(), operation: call.name.clone(), in_doubt })
        };
        compiled.steps.iter().filter_map(effect).collect()
    }
}

/// Decides what comes next.
pub(super) fn next<'p>(compiled: &'p Compiled, progress: &Progress, live: &Live) -> Next<'p> {
    let last_touched = compiled.steps.iter().rposition(|step| progress.stand(&step.id).is_some());
    for (place, step) in compiled.steps.iter().enumerate() {
        let stand = progress.stand(&step.id);
        let passed = last_touched.is_some_and(|last| place < last);
        match (stand, &step.action) {
            (
                Some(
                    Stand::Skipped
                    | Stand::Passed
                    | Stand::Done { .. }
                    | Stand::Answered { .. }
                    | Stand::Decided { .. },
                ),
                _,
            ) => continue,
            // A `set` leaves no fact behind: it is done when it was computed, or when the run went past it before.
            (_, CompiledAction::Set(_)) if live.whole.contains(&step.id) || passed => continue,
            _ => {}
        }
        let reads = if step.when.is_some() && stand.is_none() { &step.when_reads } else { &step.reads };
        return match missing(compiled, progress, live, reads) {
            Missing::Restore(earlier) => Next::Restore(earlier),
            Missing::Lost => Next::Lost(step),
            Missing::Nothing if step.when.is_some() && stand.is_none() => Next::When(step),
            Missing::Nothing => Next::Act(step),
        };
    }
    let reads: BTreeSet<Path> = compiled.kpis.iter().flat_map(|kpi| kpi.reads.iter().cloned()).collect();
    match missing(compiled, progress, live, &reads) {
        Missing::Restore(earlier) => Next::Restore(earlier),
        // A number that cannot be taken is no reason to call done work lost.
        Missing::Nothing | Missing::Lost => Next::Finish,
    }
}

/// The first thing that is read and not in memory, or what that itself needs.
fn missing<'p>(compiled: &'p Compiled, progress: &Progress, live: &Live, reads: &BTreeSet<Path>) -> Missing<'p> {
    for path in reads {
        match missing_one(compiled, progress, live, path) {
            Missing::Nothing => {}
            other => return other,
        }
    }
    Missing::Nothing
}

fn missing_one<'p>(compiled: &'p Compiled, progress: &Progress, live: &Live, path: &Path) -> Missing<'p> {
    let field = path.fields.first().map(Name::as_str);
    if path.root.as_str() == "trigger" {
        let there = live.trigger || field.is_some_and(|field| compiled.trigger_field_is_fact(field));
        return if there { Missing::Nothing } else { Missing::Lost };
    }
    let Some(step) = compiled.step(path.root.as_str()) else { return Missing::Nothing };
    if live.whole.contains(&step.id) {
        return Missing::Nothing;
    }
    match (progress.stand(&step.id), &step.action) {
        (Some(Stand::Done { shadow: true, .. }), _) => Missing::Nothing,
        (Some(Stand::Done { .. }), CompiledAction::Call(call)) if call.operation.effect == Effect::None => {
            again(compiled, progress, live, step)
        }
        // An effect is not done again to see its answer; what of it are facts was kept.
        (Some(Stand::Done { .. }), CompiledAction::Call(call)) => {
            let declared = field.and_then(|field| call.operation.response.get(field));
            if declared.is_none_or(|field| field.class.is_fact()) { Missing::Nothing } else { Missing::Lost }
        }
        (Some(Stand::Answered { ended, facts }), _) => {
            let is_fact = field.is_some_and(|field| field == "ended" || facts.contains_key(field));
            if is_fact || *ended != AskEnd::Answered {
                Missing::Nothing
            } else {
                answer(compiled, progress, live, step)
            }
        }
        (Some(Stand::Runs) | None, CompiledAction::Set(_)) if was_passed(compiled, progress, step) => {
            again(compiled, progress, live, step)
        }
        _ => Missing::Nothing,
    }
}

/// Whether the run went past a `set`. One that was skipped has a fact that says so.
fn was_passed(compiled: &Compiled, progress: &Progress, step: &CompiledStep) -> bool {
    let later = compiled.steps.iter().skip_while(|other| other.id != step.id).skip(1);
    let ran = step.when.is_none() || matches!(progress.stand(&step.id), Some(Stand::Runs));
    ran && later.into_iter().any(|other| progress.stand(&other.id).is_some())
}

/// A step is done again for its result, after what it reads itself.
fn again<'p>(compiled: &'p Compiled, progress: &Progress, live: &Live, step: &'p CompiledStep) -> Missing<'p> {
    match missing(compiled, progress, live, &step.reads) {
        Missing::Nothing => Missing::Restore(step),
        other => other,
    }
}

/// A model does not say the same twice: its answer is asked for again only while no effect used the first one, and a text
/// that a person edited never.
fn answer<'p>(compiled: &'p Compiled, progress: &Progress, live: &Live, step: &'p CompiledStep) -> Missing<'p> {
    if parked_by(compiled, progress, &step.id).is_some() {
        return Missing::Restore(step);
    }
    let reads_it = |other: &&CompiledStep| other.reads.iter().any(|path| path.root == step.id);
    let used = |other: &CompiledStep| match progress.stand(&other.id) {
        Some(Stand::Done { .. } | Stand::Tried(_)) => other.is_effect(),
        Some(Stand::Decided { .. }) => true,
        _ => false,
    };
    if compiled.steps.iter().filter(reads_it).any(used) {
        return Missing::Lost;
    }
    again(compiled, progress, live, step)
}

/// The step that parked a text of an answer in the client's own system, and the field that it parked.
pub(super) fn parked_by<'p>(
    compiled: &'p Compiled,
    progress: &Progress,
    answer: &Name,
) -> Option<(&'p CompiledStep, Name, BTreeMap<Name, Fact>)> {
    let edited = |stand: &Stand| match stand {
        Stand::Decided { edited, .. } => edited.iter().any(|path| path.split('.').next() == Some(answer.as_str())),
        _ => false,
    };
    if progress.steps.values().any(edited) {
        return None;
    }
    compiled.steps.iter().find_map(|step| {
        let CompiledAction::Call(call) = &step.action else { return None };
        let park = call.operation.park.as_ref()?;
        let Some(Stand::Done { kept, shadow: false }) = progress.stand(&step.id) else { return None };
        let (_, part) = call.with.iter().find(|(name, _)| *name == park.text)?;
        let super::compiled::Part::Template(template) = part else { return None };
        let assent_schema::expr::WholeOrText::Whole(_) = template.kind() else { return None };
        let reads = template.reads();
        let path = &reads.first()?.path;
        let field = path.fields.first()?;
        (path.root == *answer && reads.len() == 1).then(|| (step, field.clone(), kept.clone()))
    })
}
