//! What a statement says beside what holds without it: old data uses beside new ones.
//!
//! # Source
//! trust.md section 3 (the page for approvers). Promise P25.

use std::sync::Arc;

use assent_schema::trust::{Approved, Cancelled, Decision, Statement};
use assent_schema::uses::{DataUse, Party, covers};

/// One data use as it is approved now, as the statement has it, or both.
#[derive(Clone, Debug)]
pub struct Beside {
    /// What is approved now.
    pub was: Option<Approved>,
    /// What the statement approves.
    pub is: Option<Arc<DataUse>>,
}

impl Beside {
    /// Whether the statement allows nothing here that was not allowed before.
    pub fn is_known(&self) -> bool {
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => covers(&was.used, is),
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }
}

/// A statement beside what holds without it, and what it does not speak of.
///
/// # Shape
/// Both sorted by workflow and kind; those for all workflows come first.
pub fn beside(statement: &Statement, standing: &[Approved]) -> (Vec<Beside>, Vec<Approved>) {
    let mut pairs: Vec<Beside> = match &statement.says {
        Decision::Approve(approval) => {
            let pair =
                |used: &Arc<DataUse>| Beside { was: nearest(used, standing).cloned(), is: Some(Arc::clone(used)) };
            approval.uses.iter().map(pair).collect()
        }
        Decision::Reject(_) | Decision::Withdraw(_) => {
            let ended = standing.iter().filter(|one| statement.cancels().iter().any(|ends| is_named(ends, &one.used)));
            ended.map(|one| Beside { was: Some(one.clone()), is: None }).collect()
        }
    };
    let told = |one: &&Approved| !pairs.iter().any(|pair| pair.was.as_ref().is_some_and(|was| was.used == one.used));
    let mut rest: Vec<Approved> = standing.iter().filter(told).cloned().collect();
    let place = |used: &DataUse| (used.workflow.clone(), used.kind, used.operation.clone(), used.digest().ok());
    pairs.sort_by_cached_key(|pair| pair.is.as_deref().or(pair.was.as_ref().map(|was| &*was.used)).map(place));
    rest.sort_by_cached_key(|one| place(&one.used));
    (pairs, rest)
}

/// The approved use that a new one is best read beside: of the same workflow, kind, operation and parties by name; one that
/// covers it, else the one that differs in the fewest members, of those the one that holds longest.
fn nearest<'a>(used: &DataUse, standing: &'a [Approved]) -> Option<&'a Approved> {
    let alike = standing.iter().filter(|one| about(&one.used) == about(used));
    alike.min_by_key(|one| (!covers(&one.used, used), differences(&one.used, used), std::cmp::Reverse(one.expires)))
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
    (&used.workflow, used.kind, &used.operation, named(&used.from), named(&used.to))
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

fn is_named(ends: &Cancelled, used: &DataUse) -> bool {
    match ends {
        Cancelled::All => true,
        Cancelled::Reset(_) => false,
        Cancelled::Workflow(workflow) => used.workflow.as_ref() == Some(workflow),
        Cancelled::Digest(digest) => used.digest().is_ok_and(|of| of == *digest),
    }
}
