//! What a run went through that no scenario plays: that it was stopped, that it read again after a restart, and that what it
//! stands for could not be read.

use std::collections::BTreeSet;

use assent_agent::control::RunStory;
use assent_agent::store::{Aim, Ending, Entry, Intent, Outcome};
use assent_schema::expr::FactText;
use assent_schema::id::Name;
use assent_schema::plan::{Effect, Plan};

use super::OK;

/// The code of a run that stands for an item that could not be read.
const BAD_ITEM: &str = "bad_item";

/// A step, and inside an `each` the item.
type Place<'a> = (&'a Name, Option<&'a FactText>);

/// The reads of a run, to tell which were done again. While an agent runs it keeps what was read, however long a run waits:
/// what is read again was lost with the agent's memory.
#[derive(Default)]
pub(super) struct Reads<'a> {
    good: BTreeSet<Place<'a>>,
    again: BTreeSet<Place<'a>>,
}

impl<'a> Reads<'a> {
    /// Takes the next entry; the step of it that is read again, or what came of that.
    pub(super) fn are_again(&mut self, entry: &'a Entry, plan: &Plan) -> Option<&'a Name> {
        match entry {
            Entry::Intent(intent) if is_read(intent, plan) => {
                let place = (&intent.step, intent.item.as_ref());
                if !self.good.contains(&place) {
                    return None;
                }
                self.again.insert(place);
                Some(&intent.step)
            }
            Entry::Outcome(Outcome { step, item, code, .. }) => {
                let place = (step, item.as_ref());
                if self.again.contains(&place) {
                    return Some(step);
                }
                if code == OK {
                    self.good.insert(place);
                }
                None
            }
            _ => None,
        }
    }
}

/// Whether a request reads an API: one to an AI provider may follow a good answer that does not fit.
fn is_read(intent: &Intent, plan: &Plan) -> bool {
    intent.effect == Effect::None
        && intent.aim == Aim::Step
        && !intent.shadow
        && plan.operations.contains_key(&intent.operation)
}

/// What the run went through, as the beginnings of sentences.
pub(super) fn unplayed(story: &RunStory, plan: &Plan) -> impl Iterator<Item = String> {
    let (mut reads, mut again) = (Reads::default(), BTreeSet::new());
    let mut ended = None;
    for entry in story.journal.iter().map(|written| &written.entry) {
        again.extend(reads.are_again(entry, plan));
        let Entry::Ended { ending, code, .. } = entry else { continue };
        let by = code.as_ref().map(|code| format!(" (`{code}`)")).unwrap_or_default();
        if *ending == Ending::Stopped {
            ended = Some(format!("The run was stopped, as it was not allowed to go on{by}"));
        } else if code.as_deref() == Some(BAD_ITEM) {
            ended = Some(format!("The run stands for an item of a list that could not be read{by}"));
        }
    }
    let steps = again.into_iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let again = (!steps.is_empty()).then(|| format!("After a restart of the agent the run read {steps} again"));
    again.into_iter().chain(ended)
}
