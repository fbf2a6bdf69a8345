//! What a workflow rests on that could not be read. Whoever broke that file is told; the workflow is not blamed too.

use assent_schema::client::ClientFacts;
use assent_schema::plan::Target;
use assent_schema::spec::{Action, Client, Trigger, Until, Workflow};

use crate::parse::Parsed;

/// Whether something that the workflow rests on was reported itself: a catalog file or a prompt that could not be read, a
/// connection that leads nowhere, or an operation that names a read that is not there.
pub(super) fn rests_on_broken(
    parsed: &Parsed,
    client: &Client,
    facts: &ClientFacts,
    folder: &str,
    workflow: &Workflow,
) -> bool {
    let event = match &workflow.trigger.value {
        Trigger::Webhook { connection, .. } => Some(&connection.value),
        Trigger::Poll { poll, .. } => Some(&poll.value.read.value.connection),
        Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
    };
    let listed = match &workflow.trigger.value {
        Trigger::Webhook { reconcile: Some(poll), .. } => Some(&poll.value.read.value.connection),
        _ => None,
    };
    let used = workflow.every_step().filter_map(|step| match &step.action {
        Action::Call { operation, .. } => Some(&operation.connection),
        Action::Ask { connection, .. } => Some(&connection.value),
        Action::Wait { until: Until::Event { on, .. } } => Some(&on.connection.value),
        Action::Decide { .. } | Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {
            None
        }
    });
    let cancels = workflow.cancels.iter().map(|cancel| &cancel.on.connection.value);
    let events = event.into_iter().chain(listed).chain(cancels);
    let mut catalog = events.chain(used).filter_map(|id| Some((id, client.connections.get(id.as_str())?)));
    let broken_catalog = catalog.any(|(id, connection)| {
        let leads_nowhere = !facts.connections.contains_key(id);
        leads_nowhere
            || parsed.is_broken(&match &connection.to.value {
                Target::Integration(name) => format!("catalog/integrations/{name}.toml"),
                Target::Provider(name) => format!("catalog/providers/{name}.toml"),
            })
    });
    let broken_prompt = workflow.every_step().any(|step| match &step.action {
        Action::Ask { prompt, .. } => parsed.is_broken(&format!("{folder}/{}", prompt.value)),
        Action::Call { .. }
        | Action::Decide { .. }
        | Action::Set { .. }
        | Action::Each(_)
        | Action::Wait { .. }
        | Action::Stop { .. } => false,
    });
    broken_catalog || broken_prompt || calls_with_a_gap(parsed, client, workflow)
}

/// Whether an operation that is called names a read that its integration does not have: what the call needs is not known.
fn calls_with_a_gap(parsed: &Parsed, client: &Client, workflow: &Workflow) -> bool {
    workflow.every_step().any(|step| {
        let Action::Call { operation, .. } = &step.action else { return false };
        let Some(connection) = client.connections.get(operation.value.connection.as_str()) else { return false };
        let Target::Integration(name) = &connection.to.value else { return false };
        let Some(unit) = parsed.integrations.get(name) else { return false };
        let Some(called) = unit.spec.operations.get(operation.value.operation.as_str()) else { return false };
        let reads = [
            called.confirm.as_ref().map(|confirm| &confirm.operation),
            called.park.as_ref().map(|park| &park.read),
            called.job.as_ref().map(|job| &job.read),
        ];
        reads.into_iter().flatten().any(|read| !unit.spec.operations.contains_key(read.as_str()))
    })
}
