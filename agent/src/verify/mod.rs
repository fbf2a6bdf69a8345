//! The bytes of a release to a verified bundle, or a refusal. Pure: bytes, pinned trust, place and time come in.
//!
//! There is no option that turns any of this off. What concerns one workflow alone (an approval that does not cover it, an
//! agreement that lapsed, a revoked plan) turns that workflow off; everything else refuses the whole release.
//!
//! # Source
//! trust.md sections 2 to 4. Promises P05, P15, P24, P25.

mod clients;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod permit;
mod refusal;
mod rehearsals;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::client::{ActiveWorkflow, ClientFacts, Endpoint};
use assent_schema::id::{AgentId, ClientId, ConnectionId, Environment, Region, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::release::{Freshness, Manifest};
use assent_schema::scenario::Tests;
use assent_schema::time::Moment;
use assent_schema::trust::{
    CatalogLock, KnownStatements, Reset, ResetStanding, RootChain, SignedFile, Teams, Verified as VerifiedFile,
};
use assent_schema::uses::{self, DataUse};

use crate::cores;
use crate::kept::KeptPlan;

pub use permit::{forbidden, uses_of};
pub use refusal::{Off, OffCode, Refusal, RefusalCode};
pub use rehearsals::Past;

/// A value that this room alone makes, from bytes that passed every check.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Where this agent is and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it runs.
    pub environment: Environment,
    /// Where it is.
    pub region: Region,
    /// The name by which root knows it.
    pub agent: AgentId,
    /// The version of its engine, with which rehearsals are compared.
    pub engine: String,
}

/// The instants by which a release is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For expiry: the later of trusted time and the system's clock.
    pub expiry: Moment,
    /// The system's clock alone: what comes from beyond it is refused, so that nobody can push time ahead for good.
    pub clock: Moment,
    /// Trusted time alone, by which waits end: a clock that is put forward must not end one.
    pub trusted: Moment,
}

/// What this agent knows already and never forgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinnedTrust {
    /// SHA-256 of root version 1, pinned at enrolment; the project.
    pub project: Option<Digest>,
    /// The lowest root version that may come, and its digest where it was accepted.
    pub root: (u32, Option<Digest>),
    /// The generation and the lowest sequence that may come.
    pub sequence: (u32, u64),
    /// The manifest accepted last; its sequence is the one above.
    pub manifest: Option<Digest>,
    /// The lowest number that the teams may have, and that of the catalog lock.
    pub numbers: (u64, u64),
    /// The newest approvers file of each client that counts: number and digest.
    pub approvers: BTreeMap<ClientId, (u32, Digest)>,
    /// When each reset of approvers was first seen, by the digest of its file.
    pub resets: BTreeMap<Digest, Moment>,
    /// Every statement that was ever accepted, with its signatures.
    pub statements: BTreeMap<ClientId, Vec<SignedFile>>,
    /// Plans that were accepted here before; they need no rehearsal again.
    pub plans: BTreeSet<Digest>,
}

/// A release as it may be used.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The manifest.
    pub manifest: VerifiedFile<Manifest>,
    /// The freshness statement that lies beside it.
    pub freshness: Option<VerifiedFile<Freshness>>,
    /// Every root version.
    pub roots: RootChain,
    /// Who is assigned to which client.
    pub teams: VerifiedFile<Teams>,
    /// The digests of the catalog.
    pub catalog: VerifiedFile<CatalogLock>,
    /// The clients of this region.
    pub clients: BTreeMap<ClientId, ClientBundle>,
    /// Their workflows.
    pub workflows: BTreeMap<(ClientId, WorkflowId), WorkflowBundle>,
}

/// One client in a release.
#[derive(Clone, Debug)]
pub struct ClientBundle {
    /// What its file says.
    pub facts: Arc<ClientFacts>,
    /// Where its connections and alert routes lead.
    pub endpoints: BTreeMap<ConnectionId, Endpoint>,
    /// Its approvers and everything they ever said.
    pub statements: KnownStatements,
    /// What root says of resets of its approvers, and how each stands.
    pub resets: Vec<SeenReset>,
}

/// A reset of a client's approvers, as it stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenReset {
    /// What root says.
    pub reset: Reset,
    /// When it was first seen here.
    pub seen: Moment,
    /// Whether it counts.
    pub standing: ResetStanding,
}

/// One workflow in a release.
#[derive(Clone, Debug)]
pub struct WorkflowBundle {
    /// What the manifest says of it.
    pub active: ActiveWorkflow,
    /// Its plan.
    pub plan: Arc<KeptPlan>,
    /// Its scenarios, where plans are rehearsed.
    pub tests: Option<Arc<Tests>>,
    /// Its data uses, derived here; empty when that failed.
    pub uses: Arc<[DataUse]>,
    /// Why it may not run; empty when it may.
    pub off: BTreeSet<Off>,
}

impl Bundle {
    /// What is to be pinned once this release is accepted. Nothing may be remembered before.
    #[must_use]
    pub fn pin(&self, before: &PinnedTrust) -> PinnedTrust {
        let newest = self.roots.newest();
        let mut pinned = before.clone();
        pinned.project = Some(self.roots.project());
        pinned.root = (newest.version, Some(newest.digest()));
        pinned.sequence = (self.manifest.generation, self.manifest.sequence);
        pinned.manifest = Some(self.manifest.digest());
        pinned.numbers = (self.teams.number, self.catalog.number);
        pinned.plans.extend(self.manifest.active.iter().map(|active| active.plan));
        for (client, bundle) in &self.clients {
            let approvers = bundle.statements.approvers().newest();
            pinned.approvers.insert(client.clone(), (approvers.number, approvers.digest()));
            for SeenReset { reset, seen, .. } in &bundle.resets {
                pinned.resets.entry(reset.approvers).or_insert(*seen);
            }
            // What those say whom a waiting reset would bring comes again with the release in which it counts.
            let counting = bundle.statements.held().values().filter(|held| held.counts);
            let held = counting.map(|held| held.signed.clone()).collect();
            pinned.statements.insert(client.clone(), held);
        }
        pinned
    }
}

/// Verifies every file of a release.
///
/// # Errors
/// The first rule that does not hold. Nothing of a refused release may be kept.
pub fn verify(
    files: &BTreeMap<String, Vec<u8>>,
    pinned: &PinnedTrust,
    place: &Place,
    now: Now,
) -> Result<Verified<Bundle>, Refusal> {
    verify_after(files, pinned, place, now, None)
}

/// As [`verify`], with a release that was verified here before. What its plans and scenarios say is taken from there where their
/// digests are the same, and so are the data uses of plans whose client's facts are the same. Whatever may come out otherwise by
/// then, approvals and time above all, is judged anew.
///
/// # Errors
/// As [`verify`].
pub fn verify_after(
    files: &BTreeMap<String, Vec<u8>>,
    pinned: &PinnedTrust,
    place: &Place,
    now: Now,
    before: Option<&Verified<Bundle>>,
) -> Result<Verified<Bundle>, Refusal> {
    verify_with_past(files, pinned, place, now, before, &mut |_| None)
}

/// As [`verify_after`], with the past of the branch: an agent that has accepted no plan yet asks it which of them came to its
/// region before, when their rehearsals were recent. One that has accepted some asks its own memory alone.
///
/// # Errors
/// As [`verify`].
pub fn verify_with_past(
    files: &BTreeMap<String, Vec<u8>>,
    pinned: &PinnedTrust,
    place: &Place,
    now: Now,
    before: Option<&Verified<Bundle>>,
    past: &mut Past<'_>,
) -> Result<Verified<Bundle>, Refusal> {
    let seen = files::seen(files)?;
    let sorted = files::sort(&seen)?;
    let roots = trust::roots(&sorted, pinned, place, now)?;
    let manifest = trust::manifest(&sorted, &roots, pinned, place, now, before.map(|before| &before.manifest))?;
    files::compare(&manifest, &seen)?;
    let (teams, catalog) = trust::numbered(&sorted, &roots, pinned)?;
    let facts = clients::facts(&sorted, place, roots.newest(), &teams)?;
    let statements = trust::statements(&sorted, &facts, &roots, pinned, now)?;
    let freshness = trust::freshness(&sorted, &roots, &manifest, &facts, place, now)?;
    let rehearses = trust::rehearses(&roots, place);
    let mut endpoints = clients::endpoints(&sorted, &facts, place)?;
    let clients: BTreeMap<ClientId, ClientBundle> = statements
        .into_iter()
        .filter_map(|(client, (statements, resets))| {
            let facts = facts.get(&client)?;
            let known = before.and_then(|before| before.clients.get(&client)).map(|known| &known.facts);
            let same = known.filter(|known| ***known == *facts);
            let facts = same.map_or_else(|| Arc::new(facts.clone()), Arc::clone);
            let endpoints = endpoints.remove(&client).unwrap_or_default();
            Some((client, ClientBundle { facts, endpoints, statements, resets }))
        })
        .collect();
    clients::active(&manifest, &sorted, &roots)?;
    let is_new = |plan: &Digest| !rehearses && !pinned.plans.contains(plan);
    let new = manifest.active.iter().map(|active| active.plan).filter(is_new).collect();
    let rehearsed = rehearsals::verified(&sorted, &roots, &new);
    let needed = roots.newest().rehearsals;
    // What was recent when it came to the region counts on; of that an agent knows itself, but for one that has taken nothing yet.
    let asks_past = pinned.plans.is_empty() && rehearsals::any_old(&rehearsed, now.expiry);
    let earlier = if asks_past { rehearsals::named_before(&manifest, &new, past) } else { rehearsals::NamedAt::new() };
    let of_client: BTreeMap<&ClientId, Vec<DataUse>> =
        clients.iter().map(|(client, bundle)| (client, uses::derive_client(&bundle.facts))).collect();
    // Each plan is read, judged and let go by one thread, one after the other: read, it takes twenty times its bytes.
    let judged = cores::try_each(&manifest.active, |active| {
        let is_new = is_new(&active.plan);
        let named = clients::plan(active, &sorted, &clients, before, rehearses || is_new)?;
        let late = is_new.then(|| rehearsals::check(&named, &rehearsed, needed, &place.engine, now.expiry, &earlier));
        let of_client = of_client.get(&active.client).map(Vec::as_slice).unwrap_or_default();
        let judged = workflow(&named, (&clients, of_client), before, &roots, now);
        let clients::Named { active, kept: plan, tests, .. } = named;
        let tests = tests.filter(|_| rehearses);
        let judged = judged.map(|(uses, off)| WorkflowBundle { active, plan, tests, uses, off });
        Ok::<_, Refusal>((judged, late.unwrap_or(Ok(()))))
    })?;
    // What is wrong with a plan itself is told first.
    let named = |(judged, rehearsed): (Option<WorkflowBundle>, Result<(), Refusal>)| {
        let place = |one: &WorkflowBundle| (one.active.client.clone(), one.active.workflow.clone());
        rehearsed.map(|()| judged.map(|judged| (place(&judged), judged)))
    };
    let workflows = judged.into_iter().filter_map(|one| named(one).transpose()).collect::<Result<_, _>>()?;
    Ok(Verified(Bundle { manifest, freshness, roots, teams, catalog, clients, workflows }))
}

/// The data uses of a workflow and why it may not run. `of_client` are the uses of its client as a whole.
fn workflow(
    clients::Named { active, kept, plan, .. }: &clients::Named,
    (clients, of_client): (&BTreeMap<ClientId, ClientBundle>, &[DataUse]),
    before: Option<&Verified<Bundle>>,
    roots: &RootChain,
    now: Now,
) -> Option<(Arc<[DataUse]>, BTreeSet<Off>)> {
    let client = clients.get(&active.client)?;
    // Both are those of before, not others that are equal: then so are the uses, unless they could not be derived.
    let known = known(before, active).filter(|known| Arc::ptr_eq(&known.plan, kept) && !known.uses.is_empty());
    let facts = before.and_then(|before| before.clients.get(&active.client)).map(|known| &known.facts);
    let known = known.filter(|_| facts.is_some_and(|facts| Arc::ptr_eq(facts, &client.facts)));
    let derive = |plan: &Plan| permit::uses_beside(plan, &client.facts, of_client).map(Arc::from);
    let uses = match (known, plan) {
        (Some(known), _) => Ok(Arc::clone(&known.uses)),
        (None, Some(plan)) => derive(plan),
        // They could not be derived before: why is said again.
        (None, None) => derive(&kept.read()?),
    };
    Some(match uses {
        Ok(uses) => {
            let root = roots.newest();
            let off = forbidden(kept, &uses, &client.facts, &client.statements, root, now.expiry);
            (uses, off)
        }
        Err(off) => (Arc::default(), [off].into()),
    })
}

/// The workflow as it was before, if its plan and its scenarios are the same.
fn known<'b>(before: Option<&'b Verified<Bundle>>, active: &ActiveWorkflow) -> Option<&'b WorkflowBundle> {
    let known = before?.workflows.get(&(active.client.clone(), active.workflow.clone()))?;
    (known.active.plan == active.plan && known.active.tests == active.tests).then_some(known)
}

#[cfg(test)]
mod tests;
