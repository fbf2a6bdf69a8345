//! Whether what a run did was permitted when it did it: approved in writing by statements that had been taken up by then, and by
//! a provider whose agreement held.
//!
//! # Source
//! trust.md section 3: a run keeps the plan it began with, never the permission. Promises P24 and P25.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::flow::Flows;
use assent_schema::ledger::kind::Intent;
use assent_schema::ledger::{Entry, Kind};
use assent_schema::plan::{Action, Plan};
use assent_schema::time::Moment;
use assent_schema::trust::KnownStatements;
use assent_schema::uses;

use super::force::Force;
use super::places::is_gap;
use super::{Seen, Verified};

/// What was approved by the statements that a log had taken up, from place to place.
pub(super) struct Permits<'s> {
    entries: &'s [Entry],
    /// All statements of the client that the source holds; nothing where they do not tell what was approved then.
    all: Option<&'s KnownStatements>,
    /// Those that were taken up so far, and what they say together.
    taken: BTreeSet<Digest>,
    known: Option<KnownStatements>,
    /// Until when a plan is approved by what is known, beside the facts that it was judged with.
    approved: BTreeMap<(Digest, usize), Moment>,
}

impl<'s> Permits<'s> {
    /// Of a client's log, before its first entry.
    pub(super) fn of(verified: &'s Verified, seen: &Seen<'s>) -> Self {
        let client = verified.origin.client.as_ref();
        let all = client.and_then(|client| seen.survey.trusted.statements.get(client));
        // Who approved then may be an approver no longer, and what was signed then is worth what it was. A log that began anew does
        // not tell what was known before.
        let all = all.filter(|all| all.approvers().newest().number == 1 && verified.origin.is_first());
        Self { entries: &verified.entries, all, taken: BTreeSet::new(), known: None, approved: BTreeMap::new() }
    }

    /// Takes up a statement.
    pub(super) fn take(&mut self, entry: &Entry) {
        if let Kind::Statement(statement) = &entry.kind {
            self.taken.insert(statement.digest);
            self.known = None;
            self.approved.clear();
        }
    }

    /// Why a step was not permitted at an entry, as a part of a sentence, with the promise that it breaks.
    pub(super) fn why_not(
        &mut self,
        (entry, intent): (&Entry, &Intent),
        (digest, plan, flows): (Digest, &Plan, Option<&Flows>),
        force: &Force<'_>,
    ) -> Option<(&'static str, String)> {
        let action = &plan.step(entry.step.as_ref()?.as_str())?.action;
        let facts = force.facts(entry.index);
        if facts.is_empty() {
            return None;
        }
        match action {
            Action::Ask { connection, .. } if *connection == intent.operation.connection => {
                let holds = |facts: &&ClientFacts| match facts.connections.get(connection).map(|facts| &facts.to) {
                    Some(ConnectionTo::Provider { agreement, .. }) => agreement.holds(entry.time),
                    _ => false,
                };
                if !facts.iter().any(holds) {
                    return Some(("P24", "and no agreement with that provider held then".to_owned()));
                }
            }
            Action::Call { operation, .. } if *operation == intent.operation => {}
            // What is asked besides, such as whether an effect in doubt happened, is done after a withdrawal too.
            _ => return None,
        }
        let flows = flows?;
        let any = facts.into_iter().any(|facts| self.is_approved(entry, (digest, plan, flows), facts));
        (!any).then(|| ("P25", "and nobody had approved that then, by the statements that it had taken up".to_owned()))
    }

    fn is_approved(
        &mut self,
        entry: &Entry,
        (digest, plan, flows): (Digest, &Plan, &Flows),
        facts: &ClientFacts,
    ) -> bool {
        let (Some(all), at) = (self.all, entry.time) else { return true };
        // Of a statement whose entry is gone it is not known when it was taken up.
        if is_gap(self.entries, 0, entry.index) {
            return true;
        }
        // Facts of one release are one object as long as they stay the same.
        let key = (digest, std::ptr::from_ref(facts).addr());
        if self.approved.get(&key).is_some_and(|until| at < *until) {
            return true;
        }
        let known = self.known.get_or_insert_with(|| {
            let mut known = KnownStatements::new(all.approvers().clone());
            let files = all.held().iter().filter(|(digest, _)| self.taken.contains(*digest));
            let files = files.map(|(digest, held)| (format!("statements/{digest}.toml"), held.signed.clone()));
            // The same files were accepted before, all of them.
            known.add(files).map_or_else(|_| all.clone(), |()| known)
        });
        let mut needed = uses::derive(plan, facts, flows);
        needed.extend(uses::derive_client(facts));
        let approved = known.approved_for(&plan.workflow, at);
        if !uses::uncovered(&needed, &approved).is_empty() {
            return false;
        }
        let ends = known.approved(at).into_iter().map(|approved| approved.expires).min();
        self.approved.extend(ends.map(|ends| (key, ends)));
        true
    }
}
