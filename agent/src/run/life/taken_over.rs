//! What a run that goes on with another takes over of it: every effect that was done or may have been, with its key. Pure.
//!
//! # Source
//! engine.md section 3, "Failing".

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::Name;
use assent_schema::plan::Effect;
use assent_schema::release::Choice;

use super::again::{NotAgain, Way};
use super::progress::{ACCEPTED, NOT_DONE, Progress, Stand, is_success};
use crate::run::compiled::{Compiled, CompiledAction, CompiledStep};
use crate::run::request::doubt::used_paths;
use crate::store::{Aim, Ending, Entry, FactText, Intent, ItemEnd, JournalRow, RunId, StepAt};

/// The code of what a person let be passed over.
const SKIPPED: &str = "skipped";

/// What a journal says of one effect.
pub(super) struct Done {
    pub(super) intent: Intent,
    /// Whether it happened; else nobody knows, or surely not.
    pub(super) sure: bool,
    perhaps: bool,
    last: Attempt,
}

/// What is known of the last attempt at an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Nothing yet.
    Open,
    /// The other side took it up as a job.
    Accepted,
    /// What came of it.
    Over,
}

impl Done {
    /// Whether the other side took it up as a job, which it can be asked about.
    pub(super) fn is_accepted(&self) -> bool {
        self.last == Attempt::Accepted
    }
}

/// An earlier run, of which another one takes over what must last.
pub(super) struct Taken<'a> {
    pub(super) of: RunId,
    pub(super) way: Way,
    pub(super) rows: &'a [JournalRow],
    pub(super) ended: (Ending, Option<&'a Name>),
    pub(super) compiled: &'a Compiled,
}

impl Taken<'_> {
    /// The facts that the new run begins with.
    pub(super) fn over(&self) -> Result<Vec<Entry>, NotAgain> {
        let progress = Progress::replay(self.rows);
        let lasting = lasting(self.rows);
        if let Some((at, _)) = lasting.iter().find(|(at, done)| !self.has_step(at, &done.intent)) {
            return Err(NotAgain::WouldRepeat(at.step.clone()));
        }
        let skipped = if self.way == Way::Skip { self.skipped(&progress)? } else { Vec::new() };
        let of_items = skipped.iter().any(|entry| matches!(entry, Entry::Item { .. }));
        let asks = if of_items { self.rows.len() } else { self.asks_again(&lasting) };
        let keeps = |place: usize, entry: &Entry| {
            let lasts = |step: &Name| lasting.get(&StepAt::new(step, entry.item()));
            let goes_on = self.way != Way::Rerun && place < asks;
            match entry {
                // A guardrail asks anew: nobody can compare what its group saw with what would be sent now.
                Entry::Accepted(_)
                | Entry::Ended { .. }
                | Entry::Quiet {}
                | Entry::Decided { guardrail: true, .. }
                | Entry::Item { how: ItemEnd::Failed, .. } => false,
                Entry::Intent(Intent { step, aim, .. }) => {
                    *aim == Aim::Step && (lasts(step).is_some() || (goes_on && is_over(&progress, step, entry)))
                }
                Entry::Outcome(outcome) => {
                    lasts(&outcome.step).is_some() || (goes_on && is_over(&progress, &outcome.step, entry))
                }
                Entry::Passed { step, .. } => goes_on || lasts(step).is_some_and(|done| !done.sure),
                Entry::Asked(waiting) => goes_on && !waiting.guardrail && self.decided(&waiting.at()).is_some(),
                Entry::When { .. }
                | Entry::Answered { .. }
                | Entry::Decided { .. }
                | Entry::Walked { .. }
                | Entry::Item { .. }
                | Entry::Rests { .. }
                | Entry::Woke { .. } => goes_on,
            }
        };
        let kept = self.rows.iter().enumerate().filter(|(place, row)| keeps(*place, &row.entry));
        let mut entries = vec![Entry::Quiet {}];
        entries.extend(kept.map(|(_, row)| self.with_key(row.entry.clone())));
        entries.extend(skipped);
        Ok(entries)
    }

    /// An effect keeps the key under which it went out.
    fn with_key(&self, mut entry: Entry) -> Entry {
        if let Entry::Intent(intent) = &mut entry {
            intent.key_of.get_or_insert(self.of);
        }
        entry
    }

    /// Whether the plan has the step of an effect where it was, with its operation.
    fn has_step(&self, at: &StepAt, intent: &Intent) -> bool {
        let is_it = |step: &CompiledStep| {
            let same = matches!(&step.action, CompiledAction::Call(call) if call.name == intent.operation);
            step.id == at.step && same
        };
        match at.item {
            None => self.compiled.steps.iter().any(is_it),
            Some(_) => self.compiled.steps.iter().flat_map(CompiledStep::inner).any(is_it),
        }
    }

    /// What people said to the question of a `decide`.
    fn decided(&self, at: &StepAt) -> Option<(Choice, &[String])> {
        self.rows.iter().find_map(|row| match &row.entry {
            Entry::Decided { step, item, guardrail: false, choice, edited, .. } => {
                (*at == StepAt::new(step, item.as_ref())).then_some((*choice, edited.as_slice()))
            }
            _ => None,
        })
    }

    /// From where on people are asked again: nobody can compare what they saw with what an effect would use now. All that
    /// came after they agreed is found out anew, but for what lasts. Where something is in doubt nothing is asked: an effect
    /// that rests on a yes of before is then left to people.
    fn asks_again(&self, lasting: &BTreeMap<StepAt, Done>) -> usize {
        let none = self.rows.len();
        if lasting.values().any(|done| !done.sure) {
            return none;
        }
        let is_left = |step: &&CompiledStep| !lasting.contains_key(&StepAt::new(&step.id, None));
        let effects = self.compiled.steps.iter().filter(|step| step.is_effect()).filter(is_left);
        let inner = self.compiled.steps.iter().flat_map(CompiledStep::inner).filter(|step| step.is_effect());
        let used: BTreeSet<String> = effects.chain(inner).flat_map(|step| used_paths(self.compiled, step)).collect();
        let asks = |row: &JournalRow| match &row.entry {
            Entry::Asked(waiting) if !waiting.guardrail => {
                let Some((Choice::Approve, edited)) = self.decided(&waiting.at()) else { return false };
                waiting.keyed.keys().any(|path| used.contains(path) || edited.contains(path))
            }
            _ => false,
        };
        self.rows.iter().position(asks).unwrap_or(none)
    }

    /// What says that the step at which the run ended is passed over; inside an `each`, the items that failed.
    fn skipped(&self, progress: &Progress) -> Result<Vec<Entry>, NotAgain> {
        let failed = progress.failed_items().map(|(step, _)| step);
        let at = self.ended.1.or(failed.filter(|_| self.ended.0 == Ending::Done)).ok_or(NotAgain::NothingToSkip)?;
        let is_each = |step: &&CompiledStep| matches!(step.action, CompiledAction::Each(_));
        let holds = |step: &&CompiledStep| step.id == *at || step.inner().iter().any(|inner| inner.id == *at);
        let Some(each) = self.compiled.steps.iter().filter(is_each).find(holds) else {
            return Ok(vec![Entry::Passed { step: at.clone(), item: None, code: SKIPPED.to_owned() }]);
        };
        let Some(Stand::Walking(walk)) = progress.stand(&each.id) else { return Err(NotAgain::NothingToSkip) };
        let items = walk.over.iter().filter(|(_, (how, _))| *how == ItemEnd::Failed).map(|(item, _)| item.clone());
        let code = Some(SKIPPED.to_owned());
        let skip = |item| Entry::Item { step: each.id.clone(), item, how: ItemEnd::Gone, code: code.clone() };
        let skipped: Vec<Entry> = items.map(skip).collect();
        if skipped.is_empty() { Err(NotAgain::NothingToSkip) } else { Ok(skipped) }
    }
}

/// Whether a step that is no lasting effect came to a result.
fn is_over(progress: &Progress, step: &Name, entry: &Entry) -> bool {
    let level = match entry.item() {
        Some(item) => progress.items.get(item),
        None => Some(progress),
    };
    let stand = level.and_then(|level| level.stand(step));
    matches!(stand, Some(Stand::Done { .. } | Stand::Answered { .. }))
}

/// The steps whose effects a run did, or took over as done: its own, and those of one item. They are not done again.
pub fn done_before(rows: &[JournalRow], item: Option<&FactText>) -> BTreeSet<Name> {
    let of = |at: &StepAt| at.item.is_none() || at.item.as_ref() == item;
    lasting(rows).into_iter().filter(|(at, done)| done.sure && of(at)).map(|(at, _)| at.step).collect()
}

/// The effects that were done or may have been.
pub(super) fn lasting(rows: &[JournalRow]) -> BTreeMap<StepAt, Done> {
    let mut effects: BTreeMap<StepAt, Done> = BTreeMap::new();
    for row in rows {
        match &row.entry {
            Entry::Intent(intent) if intent.aim == Aim::Step && intent.effect != Effect::None && !intent.shadow => {
                let at = StepAt::new(&intent.step, intent.item.as_ref());
                let before = effects.remove(&at);
                let perhaps = before.is_some_and(|before| before.perhaps || before.last == Attempt::Open);
                effects.insert(at, Done { intent: intent.clone(), sure: false, perhaps, last: Attempt::Open });
            }
            Entry::Outcome(outcome) => {
                let at = StepAt::new(&outcome.step, outcome.item.as_ref());
                let Some(done) = effects.get_mut(&at) else { continue };
                done.last = if outcome.code == ACCEPTED { Attempt::Accepted } else { Attempt::Over };
                done.sure = done.sure || is_success(&outcome.code);
                let unsure = done.perhaps || outcome.in_doubt || outcome.code == ACCEPTED;
                done.perhaps = unsure && outcome.code != NOT_DONE;
            }
            _ => {}
        }
    }
    effects.retain(|_, done| done.sure || done.perhaps || done.last == Attempt::Open);
    effects
}
