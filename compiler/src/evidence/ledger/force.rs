//! Which release was in force when an entry was written.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::ClientId;
use assent_schema::ledger::{Entry, Kind};

use super::places::is_gap;
use super::{Notes, Seen, Verified, history};
use crate::publish::history::{History, Past};

/// The releases that an agent took up, by the entries that say so.
pub(super) struct Force<'s> {
    /// Whose log it is; absent for the agent's own.
    client: Option<&'s ClientId>,
    entries: &'s [Entry],
    history: Option<&'s History>,
    /// What the commit says of the client, where no release was looked at.
    of_commit: Option<&'s ClientFacts>,
    /// Where which release was taken up.
    taken: Vec<(u64, Digest)>,
}

impl<'s> Force<'s> {
    /// Of a log.
    pub(super) fn of(verified: &'s Verified, seen: &Seen<'s>) -> Self {
        let client = verified.origin.client.as_ref();
        let taken = verified.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Released(release) => Some((entry.index, release.manifest)),
            _ => None,
        });
        Self {
            client,
            entries: &verified.entries,
            history: history(&verified.origin, seen),
            of_commit: client.and_then(|client| Some(seen.survey.resolved.clients.get(client)?.facts.as_ref())),
            taken: taken.collect(),
        }
    }

    /// The releases that may have been in force: the one that was taken up last, and where bodies are gone since, or none is
    /// told, any that could have followed.
    pub(super) fn releases(&self, index: u64) -> &'s [Past] {
        let all = self.history.map_or(&[] as &[Past], |history| history.releases.as_slice());
        let last = self.taken.iter().rev().find(|(place, _)| *place < index);
        let place = last.and_then(|(_, manifest)| all.iter().position(|past| past.digest == *manifest));
        let (Some((taken, _)), Some(place)) = (last, place) else { return all };
        let newest = if is_gap(self.entries, *taken, index) { 0 } else { place };
        all.get(newest..=place).unwrap_or(all)
    }

    /// What is known of the client, once for each release that may have been in force.
    pub(super) fn facts(&self, index: u64) -> Vec<&'s ClientFacts> {
        let of_client = |past: &'s Past| Some(past.clients.get(self.client?)?.as_ref());
        let facts: Vec<_> = self.releases(index).iter().filter_map(of_client).collect();
        if self.history.is_some() { facts } else { self.of_commit.into_iter().collect() }
    }

    /// The number of the newest approvers file of the client in each release that may have been in force; nothing where none is
    /// known.
    pub(super) fn approvers(&self, index: u64) -> BTreeSet<u32> {
        let of_client = |past: &'s Past| past.approvers.get(self.client?).copied();
        self.releases(index).iter().filter_map(of_client).collect()
    }

    /// Whose log it is; nothing for the agent's own.
    pub(super) fn client(&self) -> Option<&'s ClientId> {
        self.client
    }

    /// Whether a release that may have been in force has nothing of the client.
    pub(super) fn has_left(&self, index: u64) -> bool {
        self.history.is_some()
            && self
                .releases(index)
                .iter()
                .any(|past| self.client.is_some_and(|client| !past.clients.contains_key(client)))
    }

    /// As [`Self::has_left`]; true, too, where no release was looked at.
    pub(super) fn may_have_left(&self, index: u64) -> bool {
        self.history.is_none() || self.has_left(index)
    }

    /// Whether a release up to then names a plan; true where no release was looked at, or not all were.
    pub(super) fn names(&self, plan: &Digest, index: u64) -> bool {
        let Some(history) = self.history.filter(|history| history.is_whole) else { return true };
        let newest = self.releases(index).first().map(|past| past.digest);
        let mut older = history.releases.iter().skip_while(|past| Some(past.digest) != newest);
        older.any(|past| past.names(plan))
    }

    /// The plans that releases name.
    pub(super) fn history(&self) -> Option<&'s History> {
        self.history
    }
}

/// Each release that was taken up stands in the history of the branch, under its number.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let Some(history) = history(origin, seen) else { return };
    let force = Force::of(verified, seen);
    for entry in &verified.entries {
        if let (Kind::Deployed(deployed), Some(plan)) = (&entry.kind, entry.plan)
            && !force.names(&plan, entry.index)
        {
            let (workflow, time) = (&deployed.workflow, entry.time);
            let said = format!(
                "{origin}: deployed the plan {plan} of {workflow} at {time}, which no release up to then names."
            );
            notes.object("P16", said);
        }
        let Kind::Released(release) = &entry.kind else { continue };
        let there = history.release(&release.manifest).is_some_and(|past| past.manifest.sequence == release.sequence);
        if !there && history.is_whole {
            let (sequence, manifest) = (release.sequence, release.manifest);
            let said = format!(
                "{origin}: took up release {sequence} ({manifest}) at {}, and the branch never held that.",
                entry.time
            );
            notes.object("P16", said);
        }
    }
}
