//! Which release was in force when an entry was written.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::counted::counted;
use assent_schema::id::ClientId;
use assent_schema::ledger::{Entry, Kind};

use super::places::is_gap;
use super::{Notes, Seen, Verified, history};
use crate::publish::history::{BEYOND, History, Holds, Past};

/// The releases that an agent took up, by the entries that say so.
pub(super) struct Force<'s> {
    /// Whose log it is; absent for the agent's own.
    client: Option<&'s ClientId>,
    entries: &'s [Entry],
    history: Option<&'s History>,
    /// What the commit says of the client, where no release was looked at.
    of_commit: Option<&'s ClientFacts>,
    /// Where which release was taken up, and its number.
    taken: Vec<(u64, Digest, u64)>,
}

/// What is known of a client by one release that may have been in force.
pub(super) struct Known<'s> {
    /// Its facts.
    pub facts: &'s ClientFacts,
    /// The release; nothing where they are those of the commit.
    pub release: Option<&'s Past>,
}

impl<'s> Force<'s> {
    /// Of a log.
    pub(super) fn of(verified: &'s Verified, seen: &Seen<'s>) -> Self {
        let client = verified.origin.client.as_ref();
        let taken = verified.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Released(release) => Some((entry.index, release.manifest, release.sequence)),
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
    /// told, any that could have followed. None where it may have been one that the branch does not hold any more.
    pub(super) fn releases(&self, index: u64) -> &'s [Past] {
        let Some(history) = self.history else { return &[] };
        let all = history.releases.as_slice();
        let last = self.taken.iter().rev().find(|(place, ..)| *place < index);
        let place = last.and_then(|(_, manifest, _)| all.iter().position(|past| past.digest == *manifest));
        match (last, place) {
            (Some((taken, ..)), Some(place)) => {
                let newest = if is_gap(self.entries, *taken, index) { 0 } else { place };
                all.get(newest..=place).unwrap_or(all)
            }
            (Some((.., sequence)), None) if history.may_have_held(*sequence) => &[],
            (None, _) if !history.is_whole => &[],
            _ => all,
        }
    }

    /// Whether the client may have been under a release that is not here, or of which its file is not: then nothing that people
    /// and runs did can be held against what was allowed.
    pub(super) fn is_open(&self, index: u64) -> bool {
        let releases = self.releases(index);
        let lacks = |past: &Past| {
            let is_theirs = |client: &&ClientId| past.manifest.active.iter().any(|active| active.client == **client);
            self.client.filter(is_theirs).is_some_and(|client| !past.clients.contains_key(client))
        };
        self.history.is_some() && (releases.is_empty() || releases.iter().any(lacks))
    }

    /// What is known of the client, once for each release that may have been in force.
    pub(super) fn known(&self, index: u64) -> Vec<Known<'s>> {
        let of_client =
            |past: &'s Past| Some(Known { facts: past.clients.get(self.client?)?.as_ref(), release: Some(past) });
        let of_commit = self.of_commit.filter(|_| self.history.is_none());
        let of_commit = of_commit.map(|facts| Known { facts, release: None });
        self.releases(index).iter().filter_map(of_client).chain(of_commit).collect()
    }

    /// The same without the releases.
    pub(super) fn facts(&self, index: u64) -> Vec<&'s ClientFacts> {
        self.known(index).into_iter().map(|known| known.facts).collect()
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
        let lacks = |past: &Past| self.client.is_some_and(|client| !past.clients.contains_key(client));
        self.is_open(index) || self.releases(index).iter().any(lacks)
    }

    /// As [`Self::has_left`]; true, too, where no release was looked at.
    pub(super) fn may_have_left(&self, index: u64) -> bool {
        self.history.is_none() || self.has_left(index)
    }

    /// Whether a release up to then names a plan; true where no release was looked at, or not all were.
    pub(super) fn names(&self, plan: &Digest, index: u64) -> bool {
        let Some(history) = self.history.filter(|history| history.is_whole) else { return true };
        let Some(newest) = self.releases(index).first().map(|past| past.digest) else { return true };
        let mut older = history.releases.iter().skip_while(|past| past.digest != newest);
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
    let (force, mut unknown) = (Force::of(verified, seen), 0_u64);
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
        let (sequence, manifest) = (release.sequence, release.manifest);
        let took = format!("{origin}: took up release {sequence} ({manifest}) at {}", entry.time);
        match history.holds(&manifest, sequence) {
            Holds::There => {}
            Holds::Never => notes.object("P16", format!("{took}, and the branch never held that.")),
            Holds::Beyond => notes.object("P16", format!("{took}, and {BEYOND}.")),
            Holds::Unknown => unknown = unknown.saturating_add(1),
        }
    }
    if unknown > 0 {
        let said = format!(
            "{origin}: of {} taken up it cannot be told whether the branch held them, for it lacks some.",
            counted(unknown, "release")
        );
        notes.see("P16", said);
    }
}
