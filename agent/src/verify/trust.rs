//! Root, manifest, freshness, approvers and statements of a release, against what is pinned.
//!
//! # Source
//! trust.md sections 2 to 4.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::ClientId;
use assent_schema::release::{Freshness, Manifest, STEP_MOST};
use assent_schema::trust::{
    ApproversChain, CLOCK_MOST_APART, CatalogLock, KnownStatements, ReadStatement, Remembered, Reset, ResetStanding,
    RoleName, RootChain, SignedFile, Teams, Verified, verify_placed,
};

use super::files::Sorted;
use super::refusal::{Refusal, RefusalCode};
use super::{Now, PinnedTrust, Place, SeenReset};
use crate::cores;

/// Walks the root versions from the pinned first one to one that is current and not older than known.
pub(super) fn roots(sorted: &Sorted<'_>, pinned: &PinnedTrust, place: &Place, now: Now) -> Result<RootChain, Refusal> {
    let first = sorted.roots.get(&1).map(|signed| Digest::of_file(&signed.bytes));
    if first.is_none() || pinned.project != first {
        return Err(Refusal::new(RefusalCode::ProjectForeign, "trust/root/1.toml is not the one that was pinned"));
    }
    let roots = RootChain::walk(&sorted.roots).map_err(|e| Refusal::new(RefusalCode::RootInvalid, e))?;
    let (lowest, known) = pinned.root;
    let same = known.is_none_or(|digest| roots.version(lowest).is_some_and(|version| version.digest() == digest));
    if roots.newest().version < lowest || !same {
        let detail = format!("version {} came, version {lowest} is known", roots.newest().version);
        return Err(Refusal::new(RefusalCode::RootOlder, detail));
    }
    roots.check_current(now.expiry).map_err(|e| Refusal::new(RefusalCode::RootExpired, e))?;
    let agent = roots.newest().agents.get(&place.agent);
    if !agent.is_some_and(|agent| agent.environment == place.environment && agent.region == place.region) {
        return Err(Refusal::new(RefusalCode::AgentUnknown, &place.agent));
    }
    Ok(roots)
}

/// Whether plans are rehearsed in this environment instead of needing rehearsals: root says so, by its agents.
pub(super) fn rehearses(roots: &RootChain, place: &Place) -> bool {
    roots.newest().agents.values().any(|agent| agent.rehearses && agent.environment == place.environment)
}

/// Verifies the manifest and its number.
pub(super) fn manifest(
    sorted: &Sorted<'_>,
    roots: &RootChain,
    pinned: &PinnedTrust,
    place: &Place,
    now: Now,
    before: Option<&Verified<Manifest>>,
) -> Result<Verified<Manifest>, Refusal> {
    let manifest: Verified<Manifest> =
        verify_placed("manifest.json", &sorted.manifest, RoleName::Release, roots, &place.environment, &place.region)
            .map_err(|e| Refusal::new(RefusalCode::ManifestInvalid, e))?;
    if let Some((active, reason)) = manifest.named_though_back().next() {
        let (client, workflow, plan) = (&active.client, &active.workflow, active.plan.short());
        let detail = format!("it names {plan} for {client}/{workflow} and says that it went back: {reason}");
        return Err(Refusal::new(RefusalCode::ManifestInvalid, detail));
    }
    check_readmissions(&manifest, before)?;
    check_number(&manifest, roots, pinned)?;
    let known = pinned.manifest == Some(manifest.digest());
    let window = &manifest.accept;
    let inside = window.from <= now.expiry && now.expiry < window.until;
    if !known && !inside {
        let detail = format!("it may be accepted from {} until {}", window.from, window.until);
        return Err(Refusal::new(RefusalCode::OutsideWindow, detail));
    }
    Ok(manifest)
}

/// What a release carries on of earlier readmissions is what it can know, and what the release before it says, where that is here.
fn check_readmissions(manifest: &Manifest, before: Option<&Verified<Manifest>>) -> Result<(), Refusal> {
    let before = before.filter(|before| manifest.previous == Some(before.digest()));
    let invented = before.and_then(|before| manifest.invents(before));
    let invented = || invented.map(|one| (one, "the release before it does not say so"));
    let Some((one, why)) = manifest.wrong_readmission().or_else(invented) else { return Ok(()) };
    let since = one.since.map_or_else(String::new, |since| format!(" since release {since}"));
    let detail = format!("it readmits {}{since}, and {why}", one.plan.short());
    Err(Refusal::new(RefusalCode::ManifestInvalid, detail))
}

fn check_number(manifest: &Verified<Manifest>, roots: &RootChain, pinned: &PinnedTrust) -> Result<(), Refusal> {
    let refuse =
        |code| Err(Refusal::new(code, format!("generation {}, sequence {}", manifest.generation, manifest.sequence)));
    let (generation, lowest) = pinned.sequence;
    if manifest.generation != roots.newest().generation || manifest.generation < generation {
        return refuse(RefusalCode::GenerationWrong);
    }
    // A new generation counts anew.
    let (lowest, known) = if manifest.generation == generation { (lowest, pinned.manifest) } else { (0, None) };
    if manifest.sequence == 0 || manifest.sequence < lowest {
        return refuse(RefusalCode::SequenceOlder);
    }
    if manifest.sequence > lowest.saturating_add(STEP_MOST) {
        return refuse(RefusalCode::SequenceTooFar);
    }
    if (manifest.sequence == 1) != manifest.previous.is_none() {
        return refuse(RefusalCode::PreviousWrong);
    }
    let Some(known) = known else { return Ok(()) };
    if manifest.sequence == lowest && manifest.digest() != known {
        return refuse(RefusalCode::SequenceReused);
    }
    if Some(manifest.sequence) == lowest.checked_add(1) && manifest.previous != Some(known) {
        return refuse(RefusalCode::PreviousWrong);
    }
    Ok(())
}

/// Verifies the teams and the catalog lock: neither may be older than the one known here, else somebody who left a team, or
/// a fact of the catalog that was put right, would come back with a newer release around it.
pub(super) fn numbered(
    sorted: &Sorted<'_>,
    roots: &RootChain,
    pinned: &PinnedTrust,
) -> Result<(Verified<Teams>, Verified<CatalogLock>), Refusal> {
    let teams = Teams::verify("trust/teams.toml", &sorted.teams, roots);
    let teams = teams.map_err(|e| Refusal::new(RefusalCode::TeamsInvalid, e))?;
    let catalog = CatalogLock::verify("trust/catalog.lock", &sorted.catalog, roots);
    let catalog = catalog.map_err(|e| Refusal::new(RefusalCode::CatalogInvalid, e))?;
    let (lowest_teams, lowest_catalog) = pinned.numbers;
    let older = |code, came, known| Err(Refusal::new(code, format!("number {came} came, number {known} is known")));
    if teams.number < lowest_teams {
        return older(RefusalCode::TeamsOlder, teams.number, lowest_teams);
    }
    if catalog.number < lowest_catalog {
        return older(RefusalCode::CatalogOlder, catalog.number, lowest_catalog);
    }
    Ok((teams, catalog))
}

/// Verifies the freshness statement, if there is one: it must speak of exactly this release.
pub(super) fn freshness(
    sorted: &Sorted<'_>,
    roots: &RootChain,
    manifest: &Verified<Manifest>,
    clients: &BTreeMap<ClientId, ClientFacts>,
    place: &Place,
    now: Now,
) -> Result<Option<Verified<Freshness>>, Refusal> {
    let Some(signed) = &sorted.freshness else { return Ok(None) };
    let file = "freshness.json";
    let read: Verified<Freshness> =
        verify_placed(file, signed, RoleName::Freshness, roots, &place.environment, &place.region)
            .map_err(|e| Refusal::new(RefusalCode::FreshnessInvalid, e))?;
    let same =
        (read.manifest, read.sequence, read.root) == (manifest.digest(), manifest.sequence, roots.newest().version);
    if !same || !names_all_statements(&read, sorted, clients) {
        return Err(Refusal::new(RefusalCode::FreshnessForeign, format!("it is of {}", read.time)));
    }
    if read.time > now.clock.plus(CLOCK_MOST_APART) {
        return Err(Refusal::new(RefusalCode::FreshnessAhead, format!("it is of {}", read.time)));
    }
    Ok(Some(read))
}

fn names_all_statements(read: &Freshness, sorted: &Sorted<'_>, clients: &BTreeMap<ClientId, ClientFacts>) -> bool {
    let named: BTreeSet<Digest> = read.statements.values().flatten().copied().collect();
    read.statements.keys().all(|client| clients.contains_key(client)) && named.iter().eq(sorted.statements.keys())
}

/// Verifies the approvers and the statements of every client, and adds the statements known here.
pub(super) fn statements(
    sorted: &Sorted<'_>,
    clients: &BTreeMap<ClientId, ClientFacts>,
    roots: &RootChain,
    pinned: &PinnedTrust,
    now: Now,
) -> Result<BTreeMap<ClientId, (KnownStatements, Vec<SeenReset>)>, Refusal> {
    if let Some(stranger) = sorted.approvers.keys().find(|client| !clients.contains_key(*client)) {
        return Err(Refusal::new(RefusalCode::FileUnexpected, format!("trust/approvers/{stranger} has no client")));
    }
    let by_client = statements_by_client(sorted, clients)?;
    let all: Vec<&ClientId> = clients.keys().collect();
    let found = cores::try_each(&all, |client| {
        let chain = approvers(client, sorted, roots, pinned)?;
        let mut statements = KnownStatements::new(chain);
        // What comes again just as it is known is verified once, with all else that comes.
        let known = pinned.statements.get(*client).into_iter().flatten();
        let known = known.map(|signed| (Digest::of_file(&signed.bytes), signed));
        let known = known.filter(|(digest, signed)| sorted.statements.get(digest) != Some(*signed));
        let known = known.map(|(digest, signed)| (known_name(&digest), signed.clone()));
        statements.add(known).map_err(|e| Refusal::new(RefusalCode::StatementInvalid, e))?;
        let new = by_client.get(*client).cloned().unwrap_or_default();
        statements.add_read(new).map_err(|e| Refusal::new(RefusalCode::StatementInvalid, e))?;
        settle(client, statements, pinned, now)
    })?;
    Ok(clients.keys().cloned().zip(found).collect())
}

/// Lets those resets of a client's approvers count whose time has come, by what is remembered of them here.
fn settle(
    client: &ClientId,
    statements: KnownStatements,
    pinned: &PinnedTrust,
    now: Now,
) -> Result<(KnownStatements, Vec<SeenReset>), Refusal> {
    let known = pinned.approvers.get(client).map(|(number, _)| *number);
    let seen = |reset: &Reset| {
        let first = pinned.resets.get(&reset.approvers).copied();
        let remembered = match known {
            Some(number) if number >= reset.number => Remembered::InForce,
            Some(_) => Remembered::Since(first),
            None => Remembered::Nothing,
        };
        let standing = reset.standing(remembered, statements.vetoed(reset), now.trusted);
        SeenReset { reset: reset.clone(), seen: first.unwrap_or(now.trusted), standing }
    };
    let resets: Vec<SeenReset> = statements.approvers().resets().iter().map(seen).collect();
    if resets.is_empty() {
        return Ok((statements, resets));
    }
    let counts =
        |reset: &Reset| resets.iter().any(|seen| seen.reset == *reset && seen.standing == ResetStanding::Counts);
    let statements = statements.settled(counts).map_err(|e| Refusal::new(RefusalCode::StatementInvalid, e))?;
    Ok((statements, resets))
}

fn known_name(digest: &Digest) -> String {
    format!("statements/{digest}.toml")
}

fn statements_by_client(
    sorted: &Sorted<'_>,
    clients: &BTreeMap<ClientId, ClientFacts>,
) -> Result<BTreeMap<ClientId, Vec<ReadStatement>>, Refusal> {
    let all: Vec<(&Digest, &SignedFile)> = sorted.statements.iter().collect();
    let read = cores::try_each(&all, |(digest, signed)| {
        let file = known_name(digest);
        let refuse = |what: &dyn std::fmt::Display| Refusal::new(RefusalCode::StatementInvalid, what);
        let read = ReadStatement::read(file.clone(), (*signed).clone()).map_err(|e| refuse(&e))?;
        let client = read.client();
        if !clients.contains_key(client) {
            return Err(refuse(&format!("{file} is of {client}, of whom there are no facts")));
        }
        Ok(read)
    })?;
    let mut found: BTreeMap<ClientId, Vec<ReadStatement>> = BTreeMap::new();
    for one in read {
        found.entry(one.client().clone()).or_default().push(one);
    }
    Ok(found)
}

fn approvers(
    client: &ClientId,
    sorted: &Sorted<'_>,
    roots: &RootChain,
    pinned: &PinnedTrust,
) -> Result<ApproversChain, Refusal> {
    let none = BTreeMap::new();
    let files = sorted.approvers.get(client).unwrap_or(&none);
    let chain = ApproversChain::walk(roots.newest(), roots.project(), client, files)
        .map_err(|e| Refusal::new(RefusalCode::ApproversInvalid, e))?;
    if let Some((number, digest)) = pinned.approvers.get(client)
        && chain.version(*number).map(Verified::digest) != Some(*digest)
    {
        return Err(Refusal::new(RefusalCode::ApproversOlder, format!("{client}, number {number}")));
    }
    Ok(chain)
}
