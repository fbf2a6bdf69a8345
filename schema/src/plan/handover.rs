//! What becomes of the events of a workflow when one of its plans follows another, in a release or in a rollback. Pure.
//!
//! The cursor of a list is the workflow's, and what was taken is known by the instant of its order and its id. So nothing is
//! passed over and nothing runs twice, unless the other plan knows the same events by other names: that is said before.
//!
//! # Source
//! language.md section 3, "Poll".

use super::{Plan, Poll, Trigger};
use crate::shape::{Field, Shape};
use crate::time::Period;

/// Why events may run a second time, or wait until a plan comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handover {
    /// It goes on where the plan before stood, in a list that may give the same items other ids or instants.
    OtherList {
        /// How far behind the last item its reads begin.
        lag: Period,
    },
    /// It knows events by something else than the plan before.
    OtherNames {
        /// How far behind the last item its reads begin.
        lag: Period,
    },
    /// It reads no list any more.
    ListLeft,
    /// It reads a list, and the plan before did not.
    ListTakenUp,
}

impl Handover {
    /// What becomes of events when `to` runs after `from`; nothing where all go on as they did.
    pub fn between(from: &Plan, to: &Plan) -> Option<Self> {
        let hooks = |plan: &Plan| matches!(plan.trigger, Trigger::Webhook { .. });
        match (from.trigger.poll(), to.trigger.poll()) {
            (None, None) => None,
            // Events that are delivered are known by the same names, whether they are looked for besides or not.
            (None, Some(_)) | (Some(_), None) if hooks(from) && hooks(to) => None,
            (None, Some(_)) => Some(Self::ListTakenUp),
            (Some(_), None) => Some(Self::ListLeft),
            (Some(_), Some(Poll { lag, .. })) => match (&from.trigger, &to.trigger) {
                // What it knows events by comes with them, whichever list tells of them.
                (Trigger::Webhook { once: was, .. }, Trigger::Webhook { once: is, .. }) => {
                    (was != is).then_some(Self::OtherNames { lag: *lag })
                }
                (Trigger::Poll { .. }, Trigger::Poll { .. }) => {
                    let same = list(from).is_some_and(|was| list(to) == Some(was));
                    (!same).then_some(Self::OtherList { lag: *lag })
                }
                _ => Some(Self::OtherNames { lag: *lag }),
            },
        }
    }

    /// It as a sentence, after the name of the workflow.
    pub fn says(self) -> String {
        match self {
            Self::OtherList { lag } => format!(
                "it goes on where its list stood, in another list: an item of the last {lag} that has another id or instant there runs a second time"
            ),
            Self::OtherNames { lag } => format!(
                "it knows its events by other names than before: one of the last {lag}, one since its list was last read, and one that is delivered again runs a second time"
            ),
            Self::ListLeft => "its list is not read any more: a plan that reads it again goes on where it stands, and takes all that changed in between".to_owned(),
            Self::ListTakenUp => "it goes on where its list was last read, and takes all that changed since, also what ran otherwise in between; where it never was, it begins now".to_owned(),
        }
    }
}

/// By what two plans read the same list: the same operation of the same API, whatever the connection is called, with the same
/// fields for order and id.
fn list(plan: &Plan) -> Option<impl PartialEq + '_> {
    let poll = plan.trigger.poll()?;
    let operation = plan.operations.get(&poll.read)?;
    let items = match operation.response.get(&poll.items).map(|items| &items.shape) {
        Some(Shape::List { of, .. }) => match &of.shape {
            Shape::Record { fields } => Some(fields),
            _ => None,
        },
        _ => None,
    };
    let field = |name| items.and_then(|fields| fields.get(name)).map(|Field { at, shape, .. }| (at, shape));
    let api = plan.connections.get(&poll.read.connection);
    let read = (&poll.read.operation, operation.method, &operation.path, &operation.document);
    Some((api, read, field(&poll.order)?, field(&poll.id)?))
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
