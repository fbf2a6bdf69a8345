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
use assent_schema::trust::{KnownStatements, SignedFile};
use assent_schema::uses;

use super::force::Force;
use super::places::is_gap;
use super::{Seen, Verified};

/// How a reset of the approvers stands that counts, as the ledger says it.
const COUNTS: &str = "counts";

/// What was approved by the statements that a log had taken up, from place to place, judged by the approvers of then: who was one
/// may be one no longer, and what was signed then is worth what it was.
pub(super) struct Permits<'s> {
    entries: &'s [Entry],
    /// All statements of the client that the source holds; nothing where they do not tell what was approved then.
    all: Option<&'s KnownStatements>,
    /// Those that were taken up so far, and the resets of approvers that counted by then.
    taken: BTreeSet<Digest>,
    resets: BTreeSet<Digest>,
    /// What they say together, by the number of the approvers file; nothing where that cannot be told any more.
    known: BTreeMap<u32, Option<KnownStatements>>,
    /// Until when a plan is approved by what is known, beside the facts that it was judged with and the approvers.
    approved: BTreeMap<(Digest, usize, u32), Moment>,
}

impl<'s> Permits<'s> {
    /// Of a client's log, before its first entry.
    pub(super) fn of(verified: &'s Verified, seen: &Seen<'s>) -> Self {
        let client = verified.origin.client.as_ref();
        let all = client.and_then(|client| seen.survey.trusted.statements.get(client));
        // A log that began anew does not tell what was known before.
        let all = all.filter(|_| verified.origin.is_first());
        Self {
            entries: &verified.entries,
            all,
            taken: BTreeSet::new(),
            resets: BTreeSet::new(),
            known: BTreeMap::new(),
            approved: BTreeMap::new(),
        }
    }

    /// Takes up a statement, or how a reset of the approvers stands.
    pub(super) fn take(&mut self, entry: &Entry) {
        let is_new = match &entry.kind {
            Kind::Statement(statement) => self.taken.insert(statement.digest),
            Kind::ApproversReset(reset) if reset.standing.as_str() == COUNTS => self.resets.insert(reset.approvers),
            _ => false,
        };
        if is_new {
            self.known.clear();
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
        if facts.is_empty() || force.is_open(entry.index) {
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
        let mut approvers = force.approvers(entry.index);
        if approvers.is_empty() {
            // No release says which approvers there were: any that there ever were may have.
            approvers.extend(1..=self.all.map_or(1, |all| all.approvers().newest().number));
        }
        let mut any = false;
        for number in approvers {
            any = any || facts.iter().any(|facts| self.is_approved(entry, (digest, plan, flows), (facts, number)));
        }
        (!any).then(|| ("P25", "and nobody had approved that then, by the statements that it had taken up".to_owned()))
    }

    fn is_approved(
        &mut self,
        entry: &Entry,
        (digest, plan, flows): (Digest, &Plan, &Flows),
        (facts, number): (&ClientFacts, u32),
    ) -> bool {
        let at = entry.time;
        // Of a statement whose entry is gone it is not known when it was taken up.
        if self.all.is_none() || is_gap(self.entries, 0, entry.index) {
            return true;
        }
        // Facts of one release are one object as long as they stay the same.
        let key = (digest, std::ptr::from_ref(facts).addr(), number);
        if self.approved.get(&key).is_some_and(|until| at < *until) {
            return true;
        }
        if !self.known.contains_key(&number) {
            let known = self.known_by(number);
            self.known.insert(number, known);
        }
        let Some(Some(known)) = self.known.get(&number) else { return true };
        let mut needed = uses::derive(plan, facts, flows);
        needed.extend(uses::derive_client(facts));
        let approved = known.approved_for(&plan.workflow, at);
        if !uses::uncovered(&needed, approved.iter().map(|used| &**used)).is_empty() {
            return false;
        }
        let ends = known.approved(at).into_iter().map(|approved| approved.expires).min();
        self.approved.extend(ends.map(|ends| (key, ends)));
        true
    }

    /// What was taken up so far, as it was worth when an approvers file was the newest. Nothing where the source does not have that
    /// file, or somebody who was an approver then has signed again since, with a key that was none then: which signature there was
    /// cannot be told any more.
    fn known_by(&self, number: u32) -> Option<KnownStatements> {
        let all = self.all?;
        let chain = all.approvers().until(number)?.settled(|reset| self.resets.contains(&reset.approvers));
        let mut known = KnownStatements::new(chain);
        let mut files = Vec::new();
        for (digest, held) in all.held().iter().filter(|(digest, _)| self.taken.contains(*digest)) {
            let (file, bytes) = (format!("statements/{digest}.toml"), &held.signed.bytes);
            let mut signatures = BTreeMap::new();
            for (who, armour) in &held.signed.signatures {
                let alone = [(who.clone(), armour.clone())].into();
                let one = SignedFile { bytes: bytes.clone(), signatures: alone };
                if known.vouched(&file, &one).is_ok() {
                    signatures.insert(who.clone(), armour.clone());
                } else if all.approvers().ever_listed(who, number) {
                    return None;
                }
            }
            // What nobody of then signed was none of theirs.
            if !signatures.is_empty() {
                files.push((file, SignedFile { bytes: bytes.clone(), signatures }));
            }
        }
        known.add(files).ok().map(|()| known)
    }
}
