//! From the files of a commit to what the agent takes up, or a refusal: what `verify` found, and what must be remembered.
//!
//! Nothing is remembered before the whole release passed; then all of it, in the transaction of the switch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use assent_schema::canon::{self, Digest};
use assent_schema::client::{ClientFacts, ConnectionTo, Endpoints, EndpointsType};
use assent_schema::id::{ClientId, PersonId, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::time::Moment;
use assent_schema::trust::{Decision, RoleName};
use assent_schema::uses::DataUse;

use super::remembered;
use crate::config::Config;
use crate::control::stored;
use crate::cores;
use crate::deploy::live::{LivePlan, PlanStanding, Snapshot};
use crate::deploy::{Accepted, Place};
use crate::kept::KeptPlan;
use crate::pull::read::Files;
use crate::run::Runnable;
use crate::store::{Entry, Log, Note, Store, StoreError, Write};
use crate::sync::lock;
use crate::verify::{self, Bundle, Now, OffCode, PinnedTrust, Verified, WorkflowBundle};

/// An instant after everything.
const NEVER: i64 = i64::MAX;

/// Why a release is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The code, for ledger, status and alerts.
    pub(super) code: &'static str,
    /// SHA-256 of the manifest; of the commit's id where there is none.
    pub(super) digest: Digest,
    /// What exactly, for the log.
    pub(super) what: String,
    /// Whether the same files may pass later.
    pub(super) may_pass_later: bool,
}

impl Refusal {
    pub(super) fn of_commit(code: &'static str, commit: &str, what: String) -> Self {
        Self { code, digest: Digest::of_file(commit.as_bytes()), what, may_pass_later: false }
    }
}

/// A plan of the release, or an older one that may run again or still does.
struct Kept {
    plan: Arc<Runnable>,
    uses: Arc<[DataUse]>,
}

impl Kept {
    fn new(plan: Arc<KeptPlan>, uses: Arc<[DataUse]>) -> Option<Self> {
        Some(Self { plan: Arc::new(Runnable::new(plan).ok()?), uses })
    }
}

/// A release that passed.
pub(super) struct Taken {
    pub(super) manifest: Digest,
    pub(super) fresh: Option<Moment>,
    pub(super) clients: BTreeMap<ClientId, Arc<ClientFacts>>,
    pub(super) endpoints: Endpoints,
    pub(super) bundle: Verified<Bundle>,
    pinned: PinnedTrust,
    before: PinnedTrust,
    plans: BTreeMap<Digest, Kept>,
    /// Plans that can never run, whatever is approved.
    unsound: BTreeSet<Digest>,
    /// What was found out about plans, good until time passes a limit.
    standings: Mutex<BTreeMap<Digest, PlanStanding>>,
}

/// What the verifier is told about this agent.
pub(super) struct Standpoint {
    pub(super) place: verify::Place,
    pub(super) pinned: PinnedTrust,
    pub(super) now: Now,
    /// The newest freshness that was accepted.
    pub(super) fresh: Option<Moment>,
}

/// Verifies the files of a commit. `older` has the bytes of plans that are not in this release but may run again; `before` is
/// the release that was accepted last, of which what did not change is not made anew; `past` the manifests before this one.
pub(super) fn judge(
    files: &Files,
    commit: &str,
    at: &Standpoint,
    older: &[Vec<u8>],
    before: Option<&Taken>,
    past: &mut verify::Past<'_>,
) -> Result<Taken, Refusal> {
    let manifest = files.get("manifest.json").map(|bytes| Digest::of_file(bytes));
    let digest = manifest.unwrap_or_else(|| Digest::of_file(commit.as_bytes()));
    let known = before.map(|before| &before.bundle);
    let bundle = verify::verify_with_past(files, &at.pinned, &at.place, at.now, known, past);
    let bundle = bundle.map_err(|refusal| Refusal {
        code: refusal.code.code(),
        digest,
        what: refusal.detail,
        may_pass_later: refusal.code.may_pass_later(),
    })?;
    let mut taken = Taken {
        manifest: digest,
        fresh: at.fresh.max(bundle.freshness.as_ref().map(|freshness| freshness.time)),
        clients: bundle.clients.iter().map(|(id, client)| (id.clone(), Arc::clone(&client.facts))).collect(),
        endpoints: Endpoints {
            kind: EndpointsType::Endpoints,
            schema: 1,
            environment: at.place.environment.clone(),
            region: at.place.region.clone(),
            clients: bundle.clients.iter().map(|(id, client)| (id.clone(), client.endpoints.clone())).collect(),
        },
        pinned: bundle.pin(&at.pinned),
        before: at.pinned.clone(),
        bundle,
        plans: BTreeMap::new(),
        unsound: BTreeSet::new(),
        standings: Mutex::default(),
    };
    let older = cores::each(older, |bytes| taken.older(bytes));
    let named: Vec<&WorkflowBundle> = taken.bundle.workflows.values().collect();
    let named = cores::each(&named, |workflow| (workflow.active.plan, taken.named(workflow, before)));
    for (digest, kept) in older.into_iter().chain(named) {
        match kept {
            Some(kept) => drop(taken.plans.insert(digest, kept)),
            None => drop(taken.unsound.insert(digest)),
        }
    }
    // Judged here, where time may be taken; later only those whose limit passed are judged again.
    let plans: Vec<Digest> = taken.plans.keys().copied().collect();
    let standings = cores::each(&plans, |plan| taken.judge_plan(plan, at.now.expiry));
    taken.standings = Mutex::new(plans.into_iter().zip(standings).collect());
    Ok(taken)
}

impl Taken {
    /// A plan of an older release, judged by what the client's facts say now; nothing when it can never run.
    fn older(&self, bytes: &[u8]) -> (Digest, Option<Kept>) {
        let digest = Digest::of_file(bytes);
        let kept = canon::from_bytes::<Plan>(bytes).ok().and_then(|plan| {
            let uses = verify::uses_of(&plan, self.clients.get(&plan.client)?).ok()?;
            Kept::new(Arc::new(KeptPlan::new(&plan, digest, bytes)), uses.into())
        });
        (digest, kept)
    }

    /// A plan of this release, whose uses the verifier derived; nothing when it can never run.
    fn named(&self, workflow: &WorkflowBundle, before: Option<&Self>) -> Option<Kept> {
        let known = before.and_then(|before| before.plans.get(&workflow.active.plan));
        if let Some(Kept { plan, uses }) = known.filter(|known| Arc::ptr_eq(&known.uses, &workflow.uses)) {
            return Some(Kept { plan: Arc::clone(plan), uses: Arc::clone(uses) });
        }
        let unsound = workflow.off.iter().any(|off| off.code == OffCode::PlanUnsound);
        let uses = Some(&workflow.uses).filter(|_| !unsound && self.clients.contains_key(&workflow.active.client))?;
        Kept::new(Arc::clone(&workflow.plan), Arc::clone(uses))
    }

    pub(super) fn root(&self) -> u32 {
        self.bundle.roots.newest().version
    }

    /// Who holds a role now.
    pub(super) fn people(&self, role: RoleName) -> BTreeSet<PersonId> {
        self.bundle.roots.newest().roles.get(&role).map(|role| role.people.clone()).unwrap_or_default()
    }

    /// The workflows that the release names.
    pub(super) fn workflows(&self) -> &BTreeMap<(ClientId, WorkflowId), WorkflowBundle> {
        &self.bundle.workflows
    }

    /// What the release means for the plans at an instant.
    pub(super) fn accepted(&self, now: Moment, new: bool) -> Accepted {
        let named: BTreeMap<Place, Digest> =
            self.workflows().iter().map(|(place, workflow)| (place.clone(), workflow.active.plan)).collect();
        let barred = |digest: &&Digest| matches!(self.standing(digest, now), PlanStanding::Barred(_));
        let denied = self.plans.keys().filter(barred).chain(&self.unsound).copied().collect();
        // What it lets in, and what those did that this agent missed. One that it had it heard of, whatever went back since.
        let lets_in = self.bundle.manifest.lets_in(self.before.sequence);
        let readmitted = lets_in.map(|(plan, _)| plan).filter(|_| new).collect();
        // Not only of a new one: what it says of them holds as long as it is the newest.
        let returned = self.bundle.manifest.stays_back().into_keys().collect();
        let freezes = self.clients.iter().map(|(id, facts)| (id.clone(), facts.freeze.clone())).collect();
        Accepted { named, denied, readmitted, returned, freezes }
    }

    /// Puts plans, clients and endpoints where runs see them.
    pub(super) fn show(&self, now: Moment, snapshot: &mut Snapshot) {
        snapshot.clients.clone_from(&self.clients);
        snapshot.endpoints.clone_from(&self.endpoints.clients);
        snapshot.fresh = self.fresh;
        snapshot.plans = self
            .plans
            .iter()
            .map(|(digest, kept)| {
                let (plan, standing) = (Arc::clone(&kept.plan), self.standing(digest, now));
                (*digest, LivePlan { plan, standing })
            })
            .collect();
    }

    /// Until when a plan is permitted.
    fn standing(&self, digest: &Digest, now: Moment) -> PlanStanding {
        let mut standings = lock(&self.standings);
        match standings.get(digest) {
            Some(PlanStanding::Until(until)) if now < *until => PlanStanding::Until(*until),
            // What is barred may be permitted later by time alone: an approval given for then.
            Some(PlanStanding::Until(_) | PlanStanding::Barred(_)) | None => {
                let found = self.judge_plan(digest, now);
                standings.insert(*digest, found);
                found
            }
        }
    }

    /// Until the first instant at which an approval or agreement that it needs has run out.
    fn judge_plan(&self, digest: &Digest, now: Moment) -> PlanStanding {
        let Some(kept) = self.plans.get(digest) else { return PlanStanding::Barred("plan-unsound") };
        let Some(client) = self.bundle.clients.get(&kept.plan.kept().client) else {
            return PlanStanding::Barred("client-gone");
        };
        let root = self.bundle.roots.newest();
        let forbidden = |at| {
            let (plan, facts) = (kept.plan.kept(), &client.facts);
            let found = verify::forbidden(plan, &kept.uses, facts, &client.statements, root, at);
            found.into_iter().next().map(|off| off.code.code())
        };
        if let Some(code) = forbidden(now) {
            return PlanStanding::Barred(code);
        }
        let approvals = client.statements.held().values().filter_map(|held| match &held.statement.says {
            Decision::Approve(approval) => Some(approval.expires),
            Decision::Reject(_) | Decision::Withdraw(_) => None,
        });
        let agreements = client.facts.connections.values().filter_map(|connection| match &connection.to {
            ConnectionTo::Provider { agreement, .. } => Some(agreement.until),
            ConnectionTo::Integration { .. } => None,
        });
        let ends: BTreeSet<Moment> = approvals.chain(agreements).filter(|end| *end > now).collect();
        let first = ends.into_iter().find(|end| forbidden(*end).is_some());
        PlanStanding::Until(first.unwrap_or_else(|| Moment::from_seconds(NEVER)))
    }

    /// Ledger entries for what is new since the release before.
    pub(super) fn notes(&self, before: Option<&Self>) -> Vec<Write> {
        let mut notes = Vec::new();
        for (client, bundle) in &self.bundle.clients {
            let known = before.and_then(|before| before.bundle.clients.get(client));
            for (digest, held) in bundle.statements.held() {
                if known.is_none_or(|known| !known.statements.held().contains_key(digest)) {
                    let decision = held.statement.says.as_str();
                    let note = Note::new(Log::Client(client.clone()), "statement");
                    notes.push(note.fact("digest", digest.to_string()).fact("decision", decision));
                }
            }
        }
        if before.is_none_or(|before| before.manifest != self.manifest) {
            let sequence = self.bundle.manifest.sequence;
            let released =
                |log| Note::new(log, "released").fact("sequence", sequence).fact("manifest", self.manifest.to_string());
            notes.extend(self.in_all_logs(released));
        }
        notes.into_iter().map(|note| Write::Note(Box::new(note))).collect()
    }

    fn in_all_logs(&self, note: impl Fn(Log) -> Note) -> Vec<Note> {
        let clients = self.clients.keys().cloned().map(Log::Client);
        std::iter::once(Log::Agent).chain(clients).map(note).collect()
    }

    /// What may never be forgotten.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it has no canonical form, which it has.
    pub(super) fn memory(&self) -> Result<Vec<Write>, StoreError> {
        remembered::writes(&self.pinned, &self.before, self.fresh)
    }
}

/// The place of an agent, for the verifier.
pub(super) fn place(config: &Config) -> verify::Place {
    verify::Place {
        environment: config.environment.clone(),
        region: config.region.clone(),
        agent: config.agent.clone(),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The plans of runs that have not ended, and those of them that were doing something when the agent stopped.
///
/// # Errors
/// [`StoreError`].
pub(super) fn plans_of_open_runs(store: &impl Store) -> Result<(BTreeSet<Digest>, BTreeSet<Digest>), StoreError> {
    let (mut all, mut busy) = (BTreeSet::new(), BTreeSet::new());
    for open in store.open_runs()? {
        let journal = store.journal(open.run)?;
        if let Some(Entry::Accepted(accepted)) = journal.first().map(|row| &row.entry) {
            all.insert(accepted.plan);
            // What was read again after a restart changes nothing: it waits.
            if stored::waits(&journal).is_none() {
                busy.insert(accepted.plan);
            }
        }
    }
    Ok((all, busy))
}
