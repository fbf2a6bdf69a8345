//! What a `decide` shows, and what of it people may write anew.

use std::collections::BTreeMap;

use super::error::{Part, PlanErrorKind};
use super::walk::Walk;
use super::{Flow, StepFlow};
use crate::expr::{Known, Type};
use crate::plan::Channel;

impl Walk<'_> {
    /// What is known once a person decided. What a person may write anew is a text that people write: it stays what it was, of
    /// class `content` or `personal`, and is no fact that anything counts, pays or is told apart by.
    pub(super) fn shown(&mut self, show: &[String], edit: &[String], via: &[Channel], flow: &mut StepFlow) {
        let mut shown = BTreeMap::new();
        for (place, path) in show.iter().enumerate() {
            if let Some(known) = self.path(path, Part::Show(place), false) {
                flow.show.insert(path.clone(), Flow::of(&known));
                shown.insert(path, known);
            }
        }
        for (place, path) in edit.iter().enumerate() {
            if !show.contains(path) {
                self.error(Part::Edit(place), PlanErrorKind::NotShown(path.clone()));
            } else if let Some(known) = shown.get(path).filter(|known| !is_written(known)) {
                self.error(Part::Edit(place), PlanErrorKind::NotWritten(named(known)));
            }
        }
        for (place, channel) in via.iter().enumerate() {
            if let Channel::Helpdesk(note) = channel
                && !show.contains(&note.on)
            {
                self.error(Part::Via(place), PlanErrorKind::NotShown(note.on.clone()));
            }
        }
    }
}

/// Whether people write such values.
fn is_written(known: &Known) -> bool {
    known.kind == Type::Text && !known.label.class.is_fact()
}

fn named(known: &Known) -> String {
    match known.kind {
        Type::Text => format!("a text of class `{}`", known.label.class),
        ref kind => kind.to_string(),
    }
}
