//! What a use does in a few words: what is looked at first where only one part of it is new.

use assent_schema::uses::{DataUse, Party, UseKind};

use super::{channel, effect, is_of_catalog};

/// What a use does, without its fields, hosts and terms; without the workflow's name.
pub fn briefly(data_use: &DataUse) -> String {
    let to = data_use.to.as_ref().map(named).unwrap_or_default();
    let from = data_use.from.as_ref().map(named).unwrap_or_default();
    let of = if from.is_empty() { String::new() } else { format!(" of {from}") };
    let by = data_use.operation.as_ref().map(|operation| format!(" by `{operation}`")).unwrap_or_default();
    match data_use.kind {
        UseKind::Read if data_use.gives() => format!("gives data{of} to {to}{by}"),
        UseKind::Read if matches!(data_use.from, Some(Party::Folder(_))) => format!("reads files in {from}"),
        UseKind::Read if data_use.operation.is_none() => format!("learns from events of {from}"),
        UseKind::Read => format!("reads from {from}{by}"),
        UseKind::Effect if matches!(data_use.from, Some(Party::Connection(_))) => {
            format!("{} at {to}{by} with data{of}", effect(data_use.effect.unwrap_or_default()))
        }
        UseKind::Effect => format!("{} at {to}{by}", effect(data_use.effect.unwrap_or_default())),
        UseKind::Ask => format!("gives data{of} to the AI at {to}"),
        UseKind::Show => format!("shows data{of} to {to}"),
        UseKind::Cache => format!("keeps data{of}{by} for a while"),
        UseKind::Release => "keeps facts about what people wrote".to_owned(),
        UseKind::Guardrail if !data_use.deciders.is_empty() => format!("lets people decide as {to}"),
        UseKind::Guardrail if is_of_catalog(data_use) => "asks for and takes what the catalog says".to_owned(),
        UseKind::Guardrail if data_use.workflow.is_some() => format!("takes the word of {to}"),
        UseKind::Guardrail if data_use.guardrail.is_none() => "keeps to the terms of the client's file".to_owned(),
        UseKind::Guardrail => format!("limits{}", by.replacen(" by", "", 1)),
    }
}

/// A party by its name alone.
fn named(party: &Party) -> String {
    match party {
        Party::Connection(to) => to.connection.to_string(),
        Party::Agent(_) => "the agent".to_owned(),
        Party::Folder(from) => format!("the folder `{}`", from.folder),
        Party::Group(group) if group.channel == "any" => format!("the group `{}`", group.group),
        Party::Group(group) => format!("the group `{}` through {}", group.group, channel(&group.channel)),
    }
}
