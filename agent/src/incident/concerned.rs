//! Which entries of a client's ledger an incident is about: those of its workflow or connection, of every workflow that it
//! counts, and what befell all. Pure.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::id::WorkflowId;
use assent_schema::ledger::{Entry, HeldWhat, Kind};

use super::postmortem::Facts;
use crate::store::{Alert, QueueItem};

/// What belongs to one incident.
pub(super) struct Concerned<'a> {
    facts: &'a Facts<'a>,
    /// Runs that called the connection, by number.
    called: BTreeSet<u64>,
    /// Runs that were not over when it began, by number.
    late: BTreeSet<u64>,
    /// Runs that ended as the alert says, at its connection, by number: they are what it counts, of whatever workflow.
    ended: BTreeSet<u64>,
    /// The numbers of runs, by id.
    numbers: BTreeMap<&'a str, u64>,
    /// Holds of something else, by id.
    held: BTreeSet<&'a str>,
}

impl<'a> Concerned<'a> {
    pub(super) fn of(facts: &'a Facts<'a>) -> Self {
        let alert = &facts.case.row.alert;
        let calls = |entry: &Entry| match &entry.kind {
            Kind::Intent(intent) => alert.connection.as_ref() == Some(&intent.operation.connection),
            _ => false,
        };
        let called = facts.entries.iter().filter(|entry| calls(entry)).filter_map(|entry| entry.run).collect();
        let began = facts.case.opened();
        let late = facts.entries.iter().filter(|entry| entry.time >= began).filter_map(|entry| entry.run).collect();
        let held = facts.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Held(held) if !holds(&held.what, alert) => Some(held.id.as_str()),
            _ => None,
        });
        let ended = facts.entries.iter().filter(|entry| ends_so(entry, alert)).filter_map(|entry| entry.run).collect();
        let numbers = facts.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Accepted(accepted) => Some((accepted.id.as_str(), entry.run?)),
            _ => None,
        });
        Self { facts, called, late, ended, numbers: numbers.collect(), held: held.collect() }
    }

    /// Whether an entry is about the same thing as the incident, as far as anybody can tell.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let alert = &self.facts.case.row.alert;
        let same = |workflow| alert.workflow.as_ref().is_none_or(|one| one == workflow);
        match &entry.kind {
            Kind::Deployed(deployed) => same(&deployed.workflow),
            Kind::RolledBack(back) => same(&back.workflow),
            Kind::Rotated(rotated) => alert.connection.as_ref().is_none_or(|one| *one == rotated.connection),
            Kind::Incident(incident) => incident.id.as_str() == self.facts.case.id(),
            Kind::Alerted(alerted) => self.facts.case.is_told_by(alerted),
            Kind::Held(held) => holds(&held.what, alert),
            Kind::Resumed(resumed) => !self.held.contains(resumed.id.as_str()),
            // What was done about a run of before a recovery names its plan alone.
            _ => match entry.run {
                Some(run) => self.has_run(run, entry),
                None => alert.workflow.is_none() || entry.plan.is_none() || self.has_plan(entry),
            },
        }
    }

    fn has_run(&self, run: u64, entry: &Entry) -> bool {
        let alert = &self.facts.case.row.alert;
        match (&alert.workflow, &alert.connection) {
            (None, None) => true,
            (None, Some(_)) => self.befell(run),
            (Some(_), _) => entry.plan.is_none() || self.has_plan(entry) || self.befell(run),
        }
    }

    /// Whether a run, of whatever workflow, called the connection or could not read what it says.
    fn befell(&self, run: u64) -> bool {
        self.called.contains(&run) || self.ended.contains(&run)
    }

    /// The other workflows of which a run ended as the alert says.
    pub(super) fn others(&self) -> BTreeSet<&'a WorkflowId> {
        let own = self.facts.case.row.alert.workflow.as_ref();
        let ended = self.facts.entries.iter().filter(|entry| entry.run.is_some_and(|run| self.ended.contains(&run)));
        let of = |entry: &'a Entry| entry.plan.as_ref().and_then(|plan| self.facts.plans.get(plan));
        ended.filter_map(of).filter(|workflow| Some(*workflow) != own).collect()
    }

    /// Whether an entry is of a plan of the incident's workflow. Of one that nobody knows it is not: a client is told of nothing else.
    fn has_plan(&self, entry: &Entry) -> bool {
        let of = entry.plan.as_ref().and_then(|plan| self.facts.plans.get(plan));
        of.is_some() && of == self.facts.case.row.alert.workflow.as_ref()
    }

    /// Whether an entry is of a run that was not over when it began: how it came to that is part of it.
    pub(super) fn goes_on(&self, entry: &Entry) -> bool {
        entry.run.is_some_and(|run| self.late.contains(&run))
    }

    /// Whether work that waits is left by what the connection did to another workflow.
    pub(super) fn runs_with(&self, item: &QueueItem) -> bool {
        let alert = &self.facts.case.row.alert;
        let id = item.run.to_string();
        // Of what is older than its log nobody can tell at which connection it was.
        let befell = self.numbers.get(id.as_str()).is_none_or(|run| self.befell(*run));
        alert.connection.is_some() && item.why == alert.code && befell
    }
}

/// Whether an entry is the end of a run that the alert counts, of whatever workflow.
fn ends_so(entry: &Entry, alert: &Alert) -> bool {
    let Kind::Ended(ended) = &entry.kind else { return false };
    alert.connection.is_some()
        && ended.connection == alert.connection
        && alert.rule.as_str().strip_prefix("run-") == Some(ended.outcome.as_str())
        && ended.name.as_ref().is_some_and(|name| name.as_str() == alert.code)
}

/// Of which workflow plans are, as entries tell it: they outlive the plans.
pub fn plans_of(entries: &[Entry]) -> BTreeMap<Digest, WorkflowId> {
    let mut found = BTreeMap::new();
    for entry in entries {
        let (workflow, plans) = match &entry.kind {
            Kind::Deployed(deployed) => (&deployed.workflow, [entry.plan, None]),
            Kind::RolledBack(back) => (&back.workflow, [Some(back.from), back.to]),
            _ => continue,
        };
        found.extend(plans.into_iter().flatten().map(|plan| (plan, workflow.clone())));
    }
    found
}

/// What may have brought it about.
pub(super) fn changes(entry: &Entry) -> bool {
    matches!(
        entry.kind,
        Kind::Released(_)
            | Kind::Deployed(_)
            | Kind::RolledBack(_)
            | Kind::Statement(_)
            | Kind::Root(_)
            | Kind::Rotated(_)
            | Kind::Started(_)
            | Kind::Clock(_)
            | Kind::Resumed(_)
    )
}

/// Whether a hold is of what the incident is about, or of all.
fn holds(what: &HeldWhat, alert: &Alert) -> bool {
    match what {
        HeldWhat::Client => true,
        HeldWhat::Workflow(workflow) => alert.workflow.as_ref().is_none_or(|one| one == workflow),
        HeldWhat::Connection(connection) => alert.connection.as_ref().is_none_or(|one| one == connection),
    }
}
