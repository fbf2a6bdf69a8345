//! What the console asks of the running agent, and what it may ask it to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, Environment, Name, PersonId, Region, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::plan::Plan;
use assent_schema::release::Choice;
use assent_schema::status::Status;
use assent_schema::time::Period;
use assent_schema::trust::PublicKey;

use super::viewer::{Viewer, Who};
use crate::control::Verb;
use crate::control::incidents::IncidentRow;
use crate::incident::Step;
use crate::people::wire::{Shown, SignedDecision};
use crate::people::{Itself, NotTaken};
use crate::store::{RunId, Store, StoreError};
use crate::world::Wall;

/// A person as the newest accepted release knows them.
#[derive(Clone, Debug)]
pub struct Known {
    /// The keys by which they sign in.
    pub keys: BTreeSet<PublicKey>,
    /// What they may see.
    pub viewer: Viewer,
}

/// Where a workflow was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The source file.
    pub file: String,
    /// The line of each step in it.
    pub lines: BTreeMap<Name, u32>,
    /// The source commit of the release.
    pub commit: String,
}

/// Why something was not done, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was wrong: a sentence without its first capital and its stop.
    pub what: String,
    /// What to do: a sentence.
    pub help: String,
}

/// What acts of people give.
pub type Done<T> = Result<T, Refused>;

/// The running agent as the console sees it.
pub trait Office: Send + Sync + 'static {
    /// Its database.
    type Store: Store;

    /// Its database.
    fn store(&self) -> &Self::Store;

    /// Who the agent is, for what people sign.
    fn itself(&self) -> &Itself;

    /// Whether it starts nothing, because its store may not be the newest: then nothing is said in its ledger either.
    fn is_halted(&self) -> bool;

    /// Where it works.
    fn place(&self) -> (Environment, Region);

    /// The time, and the time since boot.
    fn clock(&self) -> (Wall, Duration);

    /// 32 random bytes.
    fn dice(&self) -> [u8; 32];

    /// A person, or nobody.
    fn known(&self, who: &Who) -> Option<Known>;

    /// How the agent and its workflows stand.
    fn status(&self) -> impl Future<Output = Result<Status, StoreError>> + Send;

    /// A plan, while the agent keeps it.
    fn plan(&self, digest: &Digest) -> Option<Arc<Plan>>;

    /// Where the workflow of a plan was written, while the newest release names the plan.
    fn written(&self, client: &ClientId, plan: &Digest) -> Option<Written>;

    /// What the newest release says of a client.
    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>>;

    /// The questions that a person of a client may answer, oldest first.
    fn questions(&self, client: &ClientId, person: &PersonId) -> Vec<Shown>;

    /// Takes a decision by somebody who signed in, where that is enough.
    fn decide(
        &self,
        question: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), NotTaken>> + Send;

    /// Takes a signed decision.
    fn decide_signed(&self, signed: SignedDecision) -> impl Future<Output = Result<(), NotTaken>> + Send;

    /// The incidents that are not closed, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn incidents(&self) -> Result<Vec<IncidentRow>, StoreError>;

    /// Takes a step in an incident.
    fn step(&self, incident: i64, step: Step, by: PersonId) -> impl Future<Output = Done<()>> + Send;

    /// Stops something for a while.
    fn hold(
        &self,
        at: (ClientId, HeldWhat),
        by: PersonId,
        why: Token,
        lasts: Period,
    ) -> impl Future<Output = Done<()>> + Send;

    /// Lets something go on.
    fn resume(&self, at: (ClientId, HeldWhat), by: PersonId) -> impl Future<Output = Done<()>> + Send;

    /// Brings a workflow back to the plan before; says what runs now.
    fn roll_back(&self, at: (ClientId, WorkflowId), by: PersonId) -> impl Future<Output = Done<Digest>> + Send;

    /// Retries, skips, cancels or reruns a run, or takes its work out of the manual queue; says which run goes on with it.
    fn handle(
        &self,
        run: RunId,
        verb: Verb,
        by: PersonId,
        why: Token,
    ) -> impl Future<Output = Done<Option<RunId>>> + Send;
}
