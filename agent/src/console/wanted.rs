//! Which runs somebody looks for, as the query of a page says it. Pure.

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::time::Moment;

use super::serve::Asked;
use crate::control::RunState;
use crate::store::{RunId, RunLine, RunRef};
use crate::world::Wall;

/// Which runs somebody looks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) client: Option<ClientId>,
    pub(super) workflow: Option<WorkflowId>,
    pub(super) state: Option<RunState>,
    /// Accepted up to the end of this minute.
    pub(super) at: Option<Moment>,
    /// The text that gave `at`, to be shown again.
    pub(super) at_text: String,
    pub(super) before: Option<RunId>,
    /// This one.
    pub(super) run: Option<RunRef>,
    /// Begun by this event.
    pub(super) event: Option<String>,
}

impl Wanted {
    /// The run before which the list begins.
    pub(super) fn before(&self) -> Option<RunId> {
        self.before.or_else(|| self.at.map(before))
    }

    /// What the query of a page says.
    pub(super) fn of(asked: &Asked) -> Self {
        let query = &asked.query;
        let at_text = query.get("at").unwrap_or_default().trim().to_owned();
        // As browsers write it: `2026-03-02T09:14`.
        let q = query.get("q").map(str::trim).filter(|q| !q.is_empty());
        let run: Option<RunRef> = q.and_then(|q| q.parse().ok());
        let at = format!("{}:59Z", at_text.get(..16).unwrap_or_default()).parse().ok();
        Self {
            client: query.read("client"),
            workflow: query.read("workflow"),
            state: query.get("state").and_then(|state| RunState::ALL.into_iter().find(|known| known.as_str() == state)),
            at,
            at_text: if at.is_some() { at_text } else { String::new() },
            before: query.read("before"),
            // What looks like a name may be the id of an event all the same.
            event: q.filter(|_| !matches!(run, Some(RunRef::Id(_)))).map(str::to_owned),
            run,
        }
    }

    /// Whether a run is among them, whatever its state.
    pub(super) fn fits(&self, line: &RunLine) -> bool {
        self.client.as_ref().is_none_or(|client| *client == line.accepted.client)
            && self.workflow.as_ref().is_none_or(|workflow| *workflow == line.accepted.workflow)
            && self.event.as_ref().is_none_or(|event| *event == line.accepted.event)
    }
}

/// The first run after a moment: run ids stand in the order of time.
fn before(at: Moment) -> RunId {
    RunId::new(Wall::from(at.plus(assent_schema::time::Period::seconds(1))), [0; 10])
}
