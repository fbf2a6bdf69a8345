//! The approved use that another is best read beside.

use std::cmp::Reverse;

use assent_schema::trust::Approved;
use assent_schema::uses::{DataUse, Party, UseKind, covers};

/// The approved use that a new one is best read beside: of the same workflow, kind, operation and parties by name; one that
/// covers it, else the one that differs in the fewest members, of those the one that holds longest.
pub fn nearest<'a>(used: &DataUse, standing: &'a [Approved]) -> Option<&'a Approved> {
    let alike = standing.iter().filter(|one| about(&one.used) == about(used));
    alike.min_by_key(|one| (!covers(&one.used, used), differences(&one.used, used), Reverse(one.expires)))
}

/// What must be the same for two uses to be read beside each other: hosts and regions may have moved.
fn about(used: &DataUse) -> impl PartialEq + use<'_> {
    let named = |party: &Option<Party>| match party {
        None => (0, String::new()),
        Some(Party::Connection(to)) => (1, to.connection.to_string()),
        Some(Party::Agent(_)) => (2, String::new()),
        Some(Party::Group(group)) => (3, group.group.to_string()),
        Some(Party::Folder(folder)) => (4, folder.folder.to_string()),
    };
    // A guardrail says who decides, or how much; the first is no other version of the second.
    let limits = used.workflow.is_some() && used.kind == UseKind::Guardrail && used.guardrail.is_some();
    (&used.workflow, used.kind, &used.operation, named(&used.from), named(&used.to), limits)
}

/// In how many members two uses differ.
fn differences(a: &DataUse, b: &DataUse) -> usize {
    let members = |used: &DataUse| match serde_json::to_value(used) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (a, b) = (members(a), members(b));
    a.iter().filter(|(name, value)| b.get(*name) != Some(value)).count()
        + b.keys().filter(|k| !a.contains_key(*k)).count()
}
