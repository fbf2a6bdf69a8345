//! What the console asks of the running agent, and what it may ask it to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, Environment, Name, PersonId, Region, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::plan::{Handover, Kpi, Plan};
use assent_schema::release::Choice;
use assent_schema::status::Status;
use assent_schema::time::Period;

use super::troubles::Standing;
use super::viewer::{Viewer, Who};
use crate::control::incidents::IncidentRow;
use crate::control::{ReadAgain, Verb};
use crate::incident::Step;
use crate::ledger::{Page, Sought};
use crate::people::wire::{NoLonger, Shown, SignedDecision};
use crate::people::{Itself, Keys, NotTaken};
use crate::store::{Log, RunId, Store, StoreError, Waiting};
use crate::world::Wall;

/// A person as the newest accepted release knows them.
#[derive(Clone, Debug)]
pub struct Known {
    /// The keys by which they sign in.
    pub keys: Keys,
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

/// What was signed last over a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The log's name everywhere.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// The signed note.
    pub note: String,
    /// The key that verifies it, as C2SP writes it.
    pub key: String,
}

/// Some entries of a log, and what was signed last over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The entries.
    pub page: Page,
    /// Absent before the first.
    pub checkpoint: Option<Signed>,
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

    /// What stands wrong now. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    fn standing(&self) -> Result<Standing, StoreError>;

    /// A plan, while the agent keeps it.
    fn plan(&self, digest: &Digest) -> Option<Arc<Plan>>;

    /// The KPIs of a client's plans that run, may run again or still have runs: those of each plan.
    fn kpis(&self, client: &ClientId) -> Vec<(WorkflowId, Kpi)>;

    /// Where the workflow of a plan was written, while the newest release names the plan.
    fn written(&self, client: &ClientId, plan: &Digest) -> Option<Written>;

    /// What the newest release says of a client.
    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>>;

    /// The questions that a person of a client may answer, oldest first.
    fn questions(&self, client: &ClientId, person: &PersonId) -> Vec<Shown>;

    /// What became of a question that was a person's to answer and that nobody asks any more. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    fn no_longer(
        &self,
        client: &ClientId,
        person: &PersonId,
        nonce: &Digest,
    ) -> Result<Option<(Waiting, NoLonger)>, StoreError>;

    /// Takes a decision by somebody who signed in, where that is enough.
    fn decide(
        &self,
        question: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), NotTaken>> + Send;

    /// Takes a signed decision that came from a page of this origin.
    fn decide_signed(
        &self,
        signed: SignedDecision,
        origin: Option<&str>,
    ) -> impl Future<Output = Result<(), NotTaken>> + Send;

    /// All incidents, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn incidents(&self) -> Result<Vec<IncidentRow>, StoreError>;

    /// What the ledger knows of an incident, in Markdown, with two sections for a person to write.
    fn draft(&self, incident: i64) -> impl Future<Output = Done<String>> + Send;

    /// Sends a post-mortem to the client's contacts.
    fn share(&self, incident: i64, text: String, by: PersonId) -> impl Future<Output = Done<()>> + Send;

    /// Entries of a log, newest first. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    fn logged(&self, log: &Log, sought: &Sought) -> Done<Logged>;

    /// A proof that an entry is in a log, as a file; nothing when it is not there or not signed yet. Blocks.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn proof(&self, log: &Log, index: u64) -> Done<Option<String>>;

    /// The run that a delivery to a client began, while its id is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delivered(&self, client: &ClientId, event: &str) -> Result<Option<RunId>, StoreError>;

    /// Takes a step in an incident.
    fn step(&self, incident: i64, step: Step, by: PersonId) -> impl Future<Output = Done<()>> + Send;

    /// Takes care of an alert that is no incident.
    fn acknowledge(&self, alert: i64, by: PersonId) -> impl Future<Output = Done<()>> + Send;

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

    /// Brings a workflow back to the plan before; says what becomes of its events, where that is not as before.
    fn roll_back(
        &self,
        at: (ClientId, WorkflowId),
        by: PersonId,
    ) -> impl Future<Output = Done<Option<Handover>>> + Send;

    /// Reads again what a run of a client read: that this person looks, and why, is durable before anything is asked.
    fn reread(
        &self,
        at: (RunId, ClientId, Digest),
        by: &PersonId,
        why: &Token,
    ) -> impl Future<Output = Done<Vec<ReadAgain>>> + Send;

    /// Retries, skips, cancels or reruns a run, or takes its work out of the manual queue; says which run goes on with it.
    fn handle(
        &self,
        run: RunId,
        verb: Verb,
        by: PersonId,
        why: Token,
    ) -> impl Future<Output = Done<Option<RunId>>> + Send;
}
