//! What a statement says beside what holds without it: old data uses beside new ones.
//!
//! # Source
//! trust.md section 3 (the page for approvers). Promise P25.

use std::sync::Arc;

use assent_schema::trust::{Approved, Cancelled, Decision, Statement};
use assent_schema::uses::{DataUse, covers};

use crate::near::nearest;

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

fn is_named(ends: &Cancelled, used: &DataUse) -> bool {
    match ends {
        Cancelled::All => true,
        Cancelled::Reset(_) => false,
        Cancelled::Workflow(workflow) => used.workflow.as_ref() == Some(workflow),
        Cancelled::Digest(digest) => used.digest().is_ok_and(|of| of == *digest),
    }
}
