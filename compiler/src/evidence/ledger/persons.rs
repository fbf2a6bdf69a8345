//! Whether each person whom entries name is one whom the release of their time knows, and might do what the entry says.
//!
//! # Source
//! engine.md section 8; trust.md section 2. Promises P09, P10, P11.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::ClientFacts;
use assent_schema::id::PersonId;
use assent_schema::ledger::{Entry, Kind, Origin};
use assent_schema::time::Moment;
use assent_schema::trust::{RoleName, Root};

use super::force::Force;
use super::{Notes, Seen, Verified};

/// What of a client nobody sees who is not assigned to it: what runs did and wait for.
const OF_THE_TEAM: [&str; 4] = ["run", "queue", "content", "numbers"];

/// Who may do what an entry says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Whom root lists as on-call.
    OnCall,
    /// Who is assigned to the client, is on-call, or decides for the client.
    Looks,
    /// Who is assigned to the client or decides for it.
    OfTheClient,
}

/// What an entry asks of its actor; nothing where it asks nothing. `true` where somebody must be named.
fn asked(kind: &Kind) -> Option<(Right, bool)> {
    Some(match kind {
        Kind::Viewed(viewed) if OF_THE_TEAM.contains(&viewed.what.as_str()) => (Right::OfTheClient, true),
        Kind::Viewed(_) => (Right::Looks, true),
        // A run that no person began names nobody.
        Kind::Accepted(_) => (Right::OfTheClient, false),
        Kind::Held(_)
        | Kind::Handled(_)
        | Kind::Acknowledged(_)
        | Kind::Erased(_)
        | Kind::LegalHeld(_)
        | Kind::LegalReleased(_) => (Right::OnCall, true),
        Kind::Incident(told) => (Right::OnCall, told.state.as_str() != "opened"),
        // A rule, a schedule or the time did it, where they name nobody.
        Kind::RolledBack(_) | Kind::Deployed(_) | Kind::Resumed(_) | Kind::Rotated(_) | Kind::Recovered(_) => {
            (Right::OnCall, false)
        }
        // Decisions are held against groups and keys. Of who was turned away, the name is what they said. The others are acts of
        // the agent, in which nobody stands.
        _ => return None,
    })
}

/// Why an entry does not hold for whom it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Nobody,
    Unknown,
    NotOnCall,
    NotAssigned,
}

/// How often, and first when.
struct Found {
    count: u64,
    first: Moment,
}

/// Looks at each person whom an entry names. Gives the places of those that do not hold: they are no evidence of anything.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) -> BTreeSet<u64> {
    let mut strangers = BTreeSet::new();
    let Some(known) = Known::of(verified, seen) else { return strangers };
    let mut found: BTreeMap<(&str, Option<&PersonId>, Why), Found> = BTreeMap::new();
    for entry in &verified.entries {
        let Some(why) = known.why_not(entry) else { continue };
        strangers.insert(entry.index);
        let new = Found { count: 0, first: entry.time };
        found.entry((entry.kind.name(), entry.actor.as_ref(), why)).or_insert(new).count += 1;
    }
    for ((kind, who, why), Found { count, first }) in found {
        let said = sentence(&verified.origin, (kind, who, why), count, first);
        // Who started or handled a run is a part of what is known of the run.
        if ["accepted", "handled"].contains(&kind) {
            notes.object("P11", said.clone());
        }
        if why == Why::NotAssigned {
            notes.object("P09", said.clone());
        }
        notes.object("P10", said);
    }
    strangers
}

fn sentence(origin: &Origin, (kind, who, why): (&str, Option<&PersonId>, Why), count: u64, first: Moment) -> String {
    let who = who.map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let entries = if count == 1 { "the entry".to_owned() } else { format!("{count} entries") };
    let names = if count == 1 { "names" } else { "name" };
    let when = if count == 1 { format!("of {first}") } else { format!("from {first} on") };
    let why = match why {
        Why::Nobody => "",
        Why::Unknown => ", whom neither the root nor the client's file of then knows",
        Why::NotOnCall => ", who was not on call then",
        Why::NotAssigned => ", who was not assigned to the client then",
    };
    format!("{origin}: {entries} `{kind}` {when} {names} {who}{why}.")
}

/// Who is known at each place of a log.
struct Known<'s> {
    force: Force<'s>,
    versions: Vec<&'s Root>,
    /// Where a root version was taken up.
    taken: Vec<(u64, u32)>,
    /// Who is assigned as the commit says, where no release was looked at.
    of_commit: BTreeSet<&'s PersonId>,
}

impl<'s> Known<'s> {
    fn of(verified: &'s Verified, seen: &Seen<'s>) -> Option<Self> {
        let roots = seen.survey.trusted.roots.as_deref()?;
        let versions = (1..=roots.newest().version).filter_map(|version| roots.version(version));
        let taken = verified.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Root(root) => Some((entry.index, root.version)),
            _ => None,
        });
        let client = verified.origin.client.as_ref();
        let of_commit = client.and_then(|client| seen.survey.trusted.teams.get(client));
        Some(Self {
            force: Force::of(verified, seen),
            versions: versions.map(|root| &**root).collect(),
            taken: taken.collect(),
            of_commit: of_commit.into_iter().flat_map(BTreeMap::keys).collect(),
        })
    }

    fn why_not(&self, entry: &Entry) -> Option<Why> {
        let (right, named) = asked(&entry.kind)?;
        let Some(person) = &entry.actor else { return named.then_some(Why::Nobody) };
        let roots = self.roots(entry.index);
        let of_agency = roots.iter().any(|root| root.people.contains_key(person));
        let on_call =
            roots.iter().any(|root| root.roles.get(&RoleName::Oncall).is_some_and(|role| role.people.contains(person)));
        let of_client = self.force.client().is_some();
        let is_theirs = |facts: &&ClientFacts| facts.people.contains_key(person);
        // Whom a release named that is not here, nobody knows.
        let decides =
            (of_client && self.force.is_open(entry.index)) || self.force.facts(entry.index).iter().any(is_theirs);
        let assigned = of_agency && self.is_assigned(person, entry.index);
        let may = match right {
            Right::OnCall => on_call,
            // What is about no client, all of the agency may see.
            Right::Looks | Right::OfTheClient if !of_client => of_agency,
            Right::Looks => decides || assigned || on_call,
            // Of a client that left, nobody is assigned any more.
            Right::OfTheClient => decides || assigned || (on_call && self.force.has_left(entry.index)),
        };
        match (may, of_agency || decides, right) {
            (true, ..) => None,
            (false, false, _) => Some(Why::Unknown),
            (false, true, Right::OnCall) => Some(Why::NotOnCall),
            (false, true, Right::Looks | Right::OfTheClient) => Some(Why::NotAssigned),
        }
    }

    /// The root versions that may have counted at a place: that of the release in force, or a later one that was taken up by then.
    /// Where no release tells, any.
    fn roots(&self, index: u64) -> Vec<&'s Root> {
        let told = self.taken.iter().filter(|(place, _)| *place < index).map(|(_, version)| *version).max();
        let of_releases = self.force.releases(index).iter().map(|past| past.root.max(told));
        let numbers: Option<BTreeSet<u32>> = of_releases.collect();
        let all = numbers.filter(|numbers| !numbers.is_empty()).map_or_else(
            || self.versions.clone(),
            |numbers| self.versions.iter().filter(|root| numbers.contains(&root.version)).copied().collect(),
        );
        // A version that the source has not is none that anybody could be held against.
        if all.is_empty() { self.versions.clone() } else { all }
    }

    fn is_assigned(&self, person: &PersonId, index: u64) -> bool {
        let Some(client) = self.force.client() else { return false };
        if self.force.history().is_none() {
            return self.of_commit.contains(person);
        }
        self.force.is_open(index)
            || self.force.releases(index).iter().any(|past| {
                past.teams
                    .as_ref()
                    .is_none_or(|teams| teams.clients.get(client).is_some_and(|team| team.contains(person)))
            })
    }
}
