//! What a run does next, from its plan and the facts of its journal. Pure.
//!
//! What a step still needs and memory does not hold is read again, unless that could give something else than an effect
//! already used. The steps of an item, and neighbours that run together, are gone through by tasks of their own, each with a
//! [`View`] of what stands around it.
//!
//! # Source
//! engine.md section 3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::expr::Path;
use assent_schema::id::Name;
use assent_schema::plan::Effect;

use crate::run::compiled::{Compiled, CompiledAction, CompiledStep};
use crate::run::content::values::Values;
use crate::run::life::progress::{Progress, Stand};
use crate::store::{AskEnd, Fact};

/// What memory holds of a run's values.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Live {
    /// All trigger fields, or only its facts.
    pub(in crate::run) trigger: bool,
    /// Steps whose result is there as it came.
    pub(in crate::run) whole: BTreeSet<Name>,
}

/// The steps that one task of a run goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) enum Scope {
    /// Those of the workflow.
    Run,
    /// Those of one item of this `each`.
    Item(Name),
    /// This one alone, while its neighbours run.
    One(Name),
}

impl Scope {
    /// The steps, in order.
    pub(in crate::run) fn steps<'p>(&self, compiled: &'p Compiled) -> &'p [CompiledStep] {
        match self {
            Self::Run => &compiled.steps,
            Self::Item(each) => compiled.step(each.as_str()).map_or(&[], CompiledStep::inner),
            Self::One(step) => compiled.step(step.as_str()).map_or(&[], std::slice::from_ref),
        }
    }
}

/// What is known where a task of a run stands: of its own steps, and of those around them.
#[derive(Clone, Copy)]
pub(in crate::run) struct View<'p, 'a> {
    /// Its own steps.
    pub(in crate::run) steps: &'p [CompiledStep],
    /// What the journal says of them.
    pub(in crate::run) progress: &'a Progress,
    /// What memory holds of them.
    pub(in crate::run) live: &'a Live,
    /// What stood around them when the task began.
    pub(in crate::run) outer: Option<&'a Outer>,
}

/// What stands around the steps of an item or group while they run. Nothing changes it meanwhile.
pub(in crate::run) struct Outer {
    pub(in crate::run) scope: Scope,
    pub(in crate::run) progress: Progress,
    pub(in crate::run) live: Live,
    pub(in crate::run) values: Values,
    pub(in crate::run) around: Option<Arc<Outer>>,
}

impl Outer {
    fn view<'p>(&self, compiled: &'p Compiled) -> View<'p, '_> {
        let outer = self.around.as_deref();
        View { steps: self.scope.steps(compiled), progress: &self.progress, live: &self.live, outer }
    }
}

impl<'a> View<'_, 'a> {
    /// Where a step stands, here or around.
    pub(in crate::run) fn stand(self, step: &Name) -> Option<&'a Stand> {
        let around = || {
            let mut outer = self.outer;
            while let Some(level) = outer {
                if let Some(stand) = level.progress.stand(step) {
                    return Some(stand);
                }
                outer = level.around.as_deref();
            }
            None
        };
        self.progress.stand(step).or_else(around)
    }
}

/// What a run does next.
pub(in crate::run) enum Next<'p> {
    /// Evaluate a step's `when`.
    When(&'p CompiledStep),
    /// Get a result again that a step needs.
    Restore(&'p CompiledStep),
    /// Do a step, or go on with it.
    Act(&'p CompiledStep),
    /// Do neighbours together, or go on with them.
    Together(&'p [CompiledStep]),
    /// All steps are behind.
    Finish,
    /// What a step needs is gone and cannot be had again.
    Lost(&'p CompiledStep),
    /// What a step needs is to be had again by the task around this one.
    Needs(&'p BTreeSet<Path>),
}

pub(in crate::run) enum Missing<'p> {
    Nothing,
    Restore(&'p CompiledStep),
    Lost,
    /// A result of a step around these, which only the task around this one may get again.
    Outside,
}

/// Decides what comes next.
pub(in crate::run) fn next<'p>(compiled: &'p Compiled, view: View<'p, '_>) -> Next<'p> {
    let steps = view.steps;
    let last_touched = steps.iter().rposition(|step| view.progress.stand(&step.id).is_some());
    let mut place = 0_usize;
    for group in steps.chunk_by(|a, b| a.parallel.is_some() && a.parallel == b.parallel) {
        let first = place;
        place = place.saturating_add(group.len());
        let is_left = |(at, step): &(usize, &CompiledStep)| {
            let passed = last_touched.is_some_and(|last| first.saturating_add(*at) < last);
            !is_over(view, step, passed)
        };
        let left: Vec<&CompiledStep> = group.iter().enumerate().filter(is_left).map(|(_, step)| step).collect();
        // Conditions first, so that it is known who runs together.
        let asked = left.iter().find(|step| step.when.is_some() && view.progress.stand(&step.id).is_none());
        if let Some(step) = asked {
            return ready(compiled, view, step, &step.when_reads, Next::When);
        }
        match left.as_slice() {
            [] => {}
            [step] => return ready(compiled, view, step, &step.reads, Next::Act),
            _ => return Next::Together(group),
        }
    }
    let reads = if view.outer.is_some() { BTreeSet::new() } else { kpi_reads(compiled) };
    match missing(compiled, view, &reads) {
        Missing::Restore(earlier) => Next::Restore(earlier),
        // A number that cannot be taken is no reason to call done work lost.
        Missing::Nothing | Missing::Lost | Missing::Outside => Next::Finish,
    }
}

fn kpi_reads(compiled: &Compiled) -> BTreeSet<Path> {
    compiled.kpis.iter().flat_map(|kpi| kpi.reads.iter().cloned()).collect()
}

/// Whether the run is past a step. `passed` tells that something behind it happened already.
pub(in crate::run) fn is_over(view: View<'_, '_>, step: &CompiledStep, passed: bool) -> bool {
    match (view.progress.stand(&step.id), &step.action) {
        (
            Some(
                Stand::Skipped
                | Stand::Passed
                | Stand::Done { .. }
                | Stand::Answered { .. }
                | Stand::Decided { .. }
                | Stand::Woken { .. },
            ),
            _,
        ) => true,
        (Some(Stand::Walking(walk)), CompiledAction::Each(each)) => walk.is_over(each.on_error),
        // A `set` leaves no fact behind: it is done when it was computed, or when the run went past it before.
        (_, CompiledAction::Set(_)) => view.live.whole.contains(&step.id) || passed,
        _ => false,
    }
}

/// What comes next once everything is there that a step reads.
fn ready<'p>(
    compiled: &'p Compiled,
    view: View<'p, '_>,
    step: &'p CompiledStep,
    reads: &'p BTreeSet<Path>,
    then: fn(&'p CompiledStep) -> Next<'p>,
) -> Next<'p> {
    match missing(compiled, view, reads) {
        Missing::Restore(earlier) => Next::Restore(earlier),
        Missing::Lost => Next::Lost(step),
        Missing::Outside => Next::Needs(reads),
        Missing::Nothing => then(step),
    }
}

/// The first thing that is read and not in memory, or what that itself needs.
pub(in crate::run) fn missing<'p>(compiled: &'p Compiled, view: View<'p, '_>, reads: &BTreeSet<Path>) -> Missing<'p> {
    for path in reads {
        match missing_one(compiled, view, path) {
            Missing::Nothing => {}
            other => return other,
        }
    }
    Missing::Nothing
}

fn missing_one<'p>(compiled: &'p Compiled, view: View<'p, '_>, path: &Path) -> Missing<'p> {
    let field = path.fields.first().map(Name::as_str);
    let own = path.root.as_str() != "trigger" && view.steps.iter().any(|step| step.id == path.root);
    if let (Some(outer), false) = (view.outer, own) {
        return match missing_one(compiled, outer.view(compiled), path) {
            Missing::Nothing => Missing::Nothing,
            Missing::Lost => Missing::Lost,
            Missing::Restore(_) | Missing::Outside => Missing::Outside,
        };
    }
    if path.root.as_str() == "trigger" {
        let there = view.live.trigger || field.is_some_and(|field| compiled.trigger_field_is_fact(field));
        return if there { Missing::Nothing } else { Missing::Lost };
    }
    // What is not of these steps is an item, or a step of which nothing can be read here.
    let Some(step) = compiled.step(path.root.as_str()).filter(|_| own) else { return Missing::Nothing };
    let View { progress, live, .. } = view;
    if live.whole.contains(&step.id) {
        return Missing::Nothing;
    }
    match (progress.stand(&step.id), &step.action) {
        (Some(Stand::Done { shadow: true, .. }), _) => Missing::Nothing,
        (Some(Stand::Done { .. }), CompiledAction::Call(_)) if was_edited(progress, &step.id) => Missing::Lost,
        (Some(Stand::Done { .. }), CompiledAction::Call(call)) if call.operation.effect == Effect::None => {
            again(compiled, view, step)
        }
        // An effect is not done again to see its answer; what of it are facts was kept.
        (Some(Stand::Done { .. }), CompiledAction::Call(call)) => {
            let declared = field.and_then(|field| call.operation.response.get(field));
            if declared.is_none_or(|field| field.class.is_fact()) { Missing::Nothing } else { Missing::Lost }
        }
        (Some(Stand::Answered { ended, facts }), _) => {
            let is_fact = field.is_some_and(|field| field == "ended" || facts.contains_key(field));
            if is_fact || *ended != AskEnd::Answered { Missing::Nothing } else { answer(compiled, view, step) }
        }
        (Some(Stand::Runs) | None, CompiledAction::Set(_)) if was_passed(view, step) => again(compiled, view, step),
        _ => Missing::Nothing,
    }
}

/// Whether the run went past a `set`. One that was skipped has a fact that says so.
fn was_passed(view: View<'_, '_>, step: &CompiledStep) -> bool {
    let later = view.steps.iter().skip_while(|other| other.id != step.id).skip(1);
    let ran = step.when.is_none() || matches!(view.progress.stand(&step.id), Some(Stand::Runs));
    ran && later.into_iter().any(|other| view.progress.stand(&other.id).is_some())
}

/// A step is done again for its result, after what it reads itself.
fn again<'p>(compiled: &'p Compiled, view: View<'p, '_>, step: &'p CompiledStep) -> Missing<'p> {
    match missing(compiled, view, &step.reads) {
        Missing::Nothing => Missing::Restore(step),
        other => other,
    }
}

/// A model does not say the same twice: its answer is asked for again only while no effect used the first one, and a text
/// that a person edited never.
fn answer<'p>(compiled: &'p Compiled, view: View<'p, '_>, step: &'p CompiledStep) -> Missing<'p> {
    if parked_by(view, &step.id).is_some() {
        return Missing::Restore(step);
    }
    let used = |other: &CompiledStep, progress: &Progress| match progress.stand(&other.id) {
        Some(Stand::Done { .. } | Stand::Tried(_)) => other.is_effect(),
        Some(Stand::Decided { .. }) => true,
        _ => false,
    };
    // A step inside an `each` used it if it did for one of the items.
    let anywhere = |other: &CompiledStep| {
        used(other, view.progress) || view.progress.items.values().any(|progress| used(other, progress))
    };
    let every = view.steps.iter().flat_map(|other| std::iter::once(other).chain(other.inner()));
    if every.filter(|other| other.reads.iter().any(|path| path.root == step.id)).any(anywhere) {
        return Missing::Lost;
    }
    again(compiled, view, step)
}

/// Whether a person put another text in place of one of this step's: nobody else has that text.
fn was_edited(progress: &Progress, step: &Name) -> bool {
    let edited = |stand: &Stand| match stand {
        Stand::Decided { edited, .. } => edited.iter().any(|path| path.split('.').next() == Some(step.as_str())),
        _ => false,
    };
    progress.steps.values().any(edited)
}

/// The step that parked a text of an answer in the client's own system, and the field that it parked.
pub(in crate::run) fn parked_by<'p>(
    view: View<'p, '_>,
    answer: &Name,
) -> Option<(&'p CompiledStep, Name, BTreeMap<Name, Fact>)> {
    let progress = view.progress;
    if was_edited(progress, answer) {
        return None;
    }
    view.steps.iter().find_map(|step| {
        let CompiledAction::Call(call) = &step.action else { return None };
        let park = call.operation.park.as_ref()?;
        let Some(Stand::Done { kept, shadow: false }) = progress.stand(&step.id) else { return None };
        let (_, part) = call.with.iter().find(|(name, _)| *name == park.text)?;
        let crate::run::compiled::Part::Template(template) = part else { return None };
        let assent_schema::expr::WholeOrText::Whole(_) = template.kind() else { return None };
        let reads = template.reads();
        let path = &reads.first()?.path;
        let field = path.fields.first()?;
        (path.root == *answer && reads.len() == 1).then(|| (step, field.clone(), kept.clone()))
    })
}
