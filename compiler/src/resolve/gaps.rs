//! What a workflow rests on that could not be read. Whoever broke that file is told; the workflow is not blamed too.

use assent_schema::plan::Target;
use assent_schema::spec::{Action, Client, Trigger, Workflow};

use crate::parse::Parsed;

/// Whether a file that the workflow rests on is there but could not be read: a catalog file or a prompt.
pub(super) fn rests_on_broken(parsed: &Parsed, client: &Client, folder: &str, workflow: &Workflow) -> bool {
    let event = match &workflow.trigger.value {
        Trigger::Webhook { connection, .. } => Some(&connection.value),
        Trigger::Poll { poll, .. } => Some(&poll.value.read.value.connection),
        Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
    };
    let listed = match &workflow.trigger.value {
        Trigger::Webhook { reconcile: Some(poll), .. } => Some(&poll.value.read.value.connection),
        _ => None,
    };
    let used = workflow.steps.iter().filter_map(|step| match &step.action {
        Action::Call { operation, .. } => Some(&operation.connection),
        Action::Ask { connection, .. } => Some(&connection.value),
        Action::Decide { .. } | Action::Set { .. } | Action::Stop { .. } => None,
    });
    let mut catalog = event.into_iter().chain(listed).chain(used).filter_map(|id| client.connections.get(id.as_str()));
    let broken_catalog = catalog.any(|connection| {
        parsed.is_broken(&match &connection.to.value {
            Target::Integration(name) => format!("catalog/integrations/{name}.toml"),
            Target::Provider(name) => format!("catalog/providers/{name}.toml"),
        })
    });
    let broken_prompt = workflow.steps.iter().any(|step| match &step.action {
        Action::Ask { prompt, .. } => parsed.is_broken(&format!("{folder}/{}", prompt.value)),
        Action::Call { .. } | Action::Decide { .. } | Action::Set { .. } | Action::Stop { .. } => false,
    });
    broken_catalog || broken_prompt
}
