//! What the checks make of a client's workflows: their uses, and whether approvals cover them.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::canon;
use assent_schema::client::ClientFacts;
use assent_schema::finding::Findings;
use assent_schema::guard::{self, Breach};
use assent_schema::id::{Name, WorkflowId};
use assent_schema::uses::{AskedBefore, DataUse, derive_after};

use super::{Approvals, expressions, hidden, unused_personal, unused_value};
use crate::lower::{self, Lowered};
use crate::resolve::{self, Client, Pruned};

/// What was found out about one client's workflows.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Its workflows; without those whose expressions do not hold.
    pub workflows: BTreeMap<WorkflowId, JudgedWorkflow>,
    /// The uses that hold for the client as a whole: guardrails, how long its ledger is kept.
    pub own: Vec<DataUse>,
    /// Those of its data uses that no approval covers.
    pub missing: Vec<DataUse>,
}

/// What was found out about one workflow.
#[derive(Clone, Debug)]
pub struct JudgedWorkflow {
    /// As agents read it.
    pub lowered: Lowered,
    /// Its data uses, sorted.
    pub uses: Vec<DataUse>,
    /// What it does and may not do.
    pub breaches: Vec<Breach>,
    /// Reads of records with personal fields whose answer nothing uses.
    pub idle: Vec<Name>,
    /// Values of a `set` that nothing uses: the step, and the value's name.
    pub unused: Vec<(Name, Name)>,
}

impl Judged {
    /// All data uses; one that several workflows need comes several times.
    pub fn uses(&self) -> impl Iterator<Item = &DataUse> {
        self.own.iter().chain(self.workflows.values().flat_map(|workflow| &workflow.uses))
    }

    /// All data uses, sorted by canonical JSON, each once.
    pub fn all_uses(&self) -> Vec<DataUse> {
        sorted(self.uses().cloned().collect())
    }

    /// The uses that are approved and will not be when what ends soon has ended.
    pub fn ends_with<'j>(&'j self, approvals: &'j Approvals) -> impl Iterator<Item = &'j DataUse> {
        let ends = move |one: &&DataUse| approvals.approved.covers(one) && !approvals.lasting.covers(one);
        self.uses().filter(move |one| !approvals.ending.is_empty() && ends(one))
    }

    /// Finds the uses that no approval covers.
    pub(super) fn look_up(&mut self, approvals: Option<&Approvals>) {
        let uncovered = |one: &&DataUse| approvals.is_none_or(|approvals| !approvals.approved.covers(one));
        self.missing = self.uses().filter(uncovered).cloned().collect();
    }

    /// Says nothing of what holds for the client as a whole where not all that its file names is known.
    pub(super) fn forget_terms(&mut self, client: &Client, findings: &mut Findings) {
        let is_term = |one: &DataUse| one.workflow.is_none() && one.stale_limit.is_some();
        if !client.is_whole && self.missing.iter().any(is_term) {
            self.missing.retain(|one| !is_term(one));
            hidden::terms(&client.facts.client, findings);
        }
    }

    /// Takes over what was found out about other workflows of the client.
    pub(super) fn absorb(&mut self, other: Self) {
        self.workflows.extend(other.workflows);
        self.own.extend(other.own);
        self.missing.extend(other.missing);
    }

    pub(super) fn sort(&mut self) {
        self.missing = sorted(std::mem::take(&mut self.missing));
    }

    pub(super) fn lowered(&self, workflow: &WorkflowId) -> Option<&Lowered> {
        self.workflows.get(workflow).map(|workflow| &workflow.lowered)
    }
}

/// Sorted by canonical JSON, each once.
pub fn sorted(mut uses: Vec<DataUse>) -> Vec<DataUse> {
    uses.sort_by_cached_key(|data_use| canon::to_bytes(data_use).unwrap_or_default());
    uses.dedup();
    uses
}

/// Types, flows and data uses of each workflow. One whose expressions do not hold has neither.
pub(super) fn judge(client: &mut Client, findings: &mut Findings) -> Judged {
    let mut judged = Judged::default();
    let facts = Arc::clone(&client.facts);
    for part in std::mem::take(&mut client.partly) {
        hidden::workflow(&facts.client, &part.plan.workflow, findings);
        expressions::check_part(&facts, &part, findings);
    }
    let mut before = Before::default();
    for (name, workflow) in &mut client.workflows {
        let found = judge_workflow(&facts, workflow, &mut before, findings);
        if found.is_none() {
            hidden::workflow(&facts.client, name, findings);
        }
        judged.workflows.extend(found.map(|found| (name.clone(), found)));
    }
    judged
}

/// What was made for other workflows of a client and need not be made again.
#[derive(Default)]
struct Before {
    pruned: Pruned,
    asked: AskedBefore,
}

/// The candidate plan gives way to the lowered one, so that a source of thousands of workflows is held once.
fn judge_workflow(
    facts: &ClientFacts,
    workflow: &mut resolve::Workflow,
    before: &mut Before,
    findings: &mut Findings,
) -> Option<JudgedWorkflow> {
    if !workflow.is_whole {
        expressions::check_lost(facts, workflow, findings);
        return None;
    }
    let lowered = lower::lower(workflow, &mut before.pruned);
    let flows = expressions::check(facts, workflow, &lowered.plan, findings)?;
    let uses = derive_after(&lowered.plan, facts, &flows, &mut before.asked);
    let breaches = guard::breaches(&lowered.plan, &flows, facts);
    let idle = unused_personal::idle(&workflow.plan);
    let unused = unused_value::unused(&workflow.plan, &flows);
    workflow.plan = Arc::clone(&lowered.plan);
    Some(JudgedWorkflow { lowered, uses, breaches, idle, unused })
}
