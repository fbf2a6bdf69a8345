//! Whether plans that are new here were rehearsed: by enough staging agents, recently, on the same engine, all passed.
//!
//! A rehearsal is recent when its plan first comes to a region, and is not asked for again. What came to the region before, an
//! agent knows of itself; one that has taken nothing yet reads it in the past of the release branch, which counts as far as
//! each release names the one before by its digest, from the one whose signatures hold.
//!
//! # Source
//! trust.md section 4. Promise P15.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::id::AgentId;
use assent_schema::release::{Manifest, REHEARSAL_MOST, Rehearsal};
use assent_schema::scenario::Tests;
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Verified, verify_rehearsal};

use super::clients::Named;
use super::files::Sorted;
use super::refusal::{Refusal, RefusalCode};
use crate::cores;

/// The most releases of the past that are looked at.
const RELEASES_MOST: usize = 1_000;

/// Gives the manifest with a digest out of the past of a branch, if it has it. Whoever may push wrote that past.
pub type Past<'p> = dyn FnMut(Digest) -> Option<Vec<u8>> + 'p;

/// When releases before named a plan with its scenarios.
pub(super) type NamedAt = BTreeMap<(Digest, Digest), BTreeSet<Moment>>;

/// When the releases before one named some plans. The digest in each vouches for the one before it; the first that is not what
/// it names or is of another place ends what is known.
pub(super) fn named_before(manifest: &Manifest, wanted: &BTreeSet<Digest>, past: &mut Past<'_>) -> NamedAt {
    let place = |one: &Manifest| (one.project, one.environment.clone(), one.region.clone(), one.generation);
    let mut found = NamedAt::new();
    let (mut previous, mut sequence) = (manifest.previous, manifest.sequence);
    for _ in 0..RELEASES_MOST {
        let Some(digest) = previous else { break };
        let Some(bytes) = past(digest).filter(|bytes| Digest::of_file(bytes) == digest) else { break };
        let Ok(earlier) = canon::from_bytes::<Manifest>(&bytes) else { break };
        if place(&earlier) != place(manifest) || earlier.sequence >= sequence {
            break;
        }
        for active in earlier.active.iter().filter(|active| wanted.contains(&active.plan)) {
            found.entry((active.plan, active.tests)).or_default().insert(earlier.at);
        }
        (previous, sequence) = (earlier.previous, earlier.sequence);
    }
    found
}

/// The rehearsals of some plans whose signature counts, by plan. One that does not is worth nothing, and no more.
///
/// A signature costs more than all else of a plan: those of plans that need none are not looked at.
pub(super) fn verified(
    sorted: &Sorted<'_>,
    roots: &RootChain,
    wanted: &BTreeSet<Digest>,
) -> BTreeMap<Digest, Vec<Verified<Rehearsal>>> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let of_wanted = |bytes| spelled_plan(bytes).is_some_and(|plan| wanted.contains(&plan));
    let all: Vec<_> = sorted.rehearsals.iter().filter(|(_, (bytes, _))| of_wanted(bytes)).collect();
    let counted = cores::each(&all, |(digest, (bytes, signatures))| {
        let file = format!("rehearsals/{digest}.json");
        let verified = |(agent, armour): (&AgentId, &&[u8])| verify_rehearsal(&file, bytes, agent, armour, roots).ok();
        signatures.iter().filter_map(verified).collect::<Vec<_>>()
    });
    let mut found: BTreeMap<Digest, Vec<Verified<Rehearsal>>> = BTreeMap::new();
    for one in counted.into_iter().flatten() {
        found.entry(one.plan).or_default().push(one);
    }
    found
}

/// Whether one of them is too old by now, so that the past of the branch could say that it once was not.
pub(super) fn any_old(rehearsals: &BTreeMap<Digest, Vec<Verified<Rehearsal>>>, at: Moment) -> bool {
    rehearsals.values().flatten().any(|one| at.since(one.time) > REHEARSAL_MOST)
}

/// The plan that a rehearsal in canonical form is of, before it is read: a quote inside of a text has a backslash before it,
/// so nothing but the member is spelled so.
fn spelled_plan(bytes: &[u8]) -> Option<Digest> {
    const MEMBER: &[u8] = b"\"plan\":\"";
    let at = bytes.windows(MEMBER.len()).position(|here| here == MEMBER)?;
    std::str::from_utf8(bytes.get(at + MEMBER.len()..)?.get(..64)?).ok()?.parse().ok()
}

/// Checks one plan that is accepted here for the first time.
pub(super) fn check(
    named: &Named,
    rehearsals: &BTreeMap<Digest, Vec<Verified<Rehearsal>>>,
    needed: u32,
    engine: &str,
    at: Moment,
    before: &NamedAt,
) -> Result<(), Refusal> {
    let of_plan = rehearsals.get(&named.active.plan).map(Vec::as_slice).unwrap_or_default();
    let agents: BTreeSet<&AgentId> =
        of_plan.iter().filter(|one| counts(one, named, engine, at, before)).map(|one| &one.agent).collect();
    if u32::try_from(agents.len()).unwrap_or(u32::MAX) >= needed {
        return Ok(());
    }
    let workflow = format!("{}/{}", named.active.client, named.active.workflow);
    let detail = format!("{workflow} has {} of {needed} rehearsals that count", agents.len());
    Err(Refusal::new(RefusalCode::NotRehearsed, detail))
}

fn counts(rehearsal: &Rehearsal, named: &Named, engine: &str, at: Moment, before: &NamedAt) -> bool {
    let was_recent = |then: &Moment| rehearsal.time <= *then && then.since(rehearsal.time) <= REHEARSAL_MOST;
    let mut earlier = before.get(&(named.active.plan, named.active.tests)).into_iter().flatten();
    rehearsal.tests == named.active.tests
        && major(&rehearsal.engine.version) == major(engine)
        && rehearsal.time <= at
        && (was_recent(&at) || earlier.any(was_recent))
        && named.tests.as_ref().is_some_and(|tests| is_whole(rehearsal, tests))
}

/// Whether each scenario, in order, ran and passed.
fn is_whole(rehearsal: &Rehearsal, tests: &Tests) -> bool {
    let names = tests.scenarios.iter().map(|scenario| scenario.name.as_str());
    rehearsal.results.iter().map(|result| result.scenario.as_str()).eq(names)
        && rehearsal.results.iter().all(|result| result.passed)
}

/// The first number of a version; versions without one are all the same unknown one and match nothing but themselves.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}
