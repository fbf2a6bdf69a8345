//! Statements that are handed to the agent directly: a client that withdraws need not wait for the next release.
//!
//! # Source
//! trust.md section 3. Promise P25.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::release::FileName;
use assent_schema::status::{SaidNo, StatementStatus};
use assent_schema::trust::{Cancelled, Decision, Held, SignedFile, Statement};

use super::agent::Agent;
use super::remembered;
use crate::control::HandedRow;
use crate::people::NotTaken;
use crate::people::wire::Received;
use crate::store::{Log, Note, Store as _, StoreError, Transaction, Write};
use crate::world::Clock as _;

/// The name of a statement that came without one.
const FILE: &str = "the statement";

impl Agent {
    /// Whose statement this is, if somebody who is or was an approver signed it.
    ///
    /// # Errors
    /// When nobody did, or the release knows no such client.
    pub(super) fn vouched(&self, signed: &SignedFile) -> Result<ClientId, NotTaken> {
        let statement = Statement::parse(FILE, &signed.bytes).or(Err(NotTaken::BadForm))?;
        let taken = self.taken().ok_or(NotTaken::Unknown)?;
        let client = taken.bundle.clients.get(&statement.client).ok_or(NotTaken::Unknown)?;
        match client.statements.vouched(FILE, signed) {
            Ok(()) => Ok(statement.client),
            Err(error) => {
                tracing::warn!(client = %statement.client, what = %error.what, "a statement was refused");
                Err(NotTaken::BadStatement)
            }
        }
    }

    /// Judges a statement as if it had come with the release, keeps it for ever, and judges the plans again.
    ///
    /// # Errors
    /// When it does not hold, is about no client of the release, or cannot be made durable.
    pub(super) async fn take_statement(self: &Arc<Self>, signed: SignedFile) -> Result<Received, NotTaken> {
        let statement = Statement::parse(FILE, &signed.bytes).or(Err(NotTaken::BadForm))?;
        // No release is judged or taken meanwhile: what is judged next knows this statement.
        let taking = self.taking.lock().await;
        let taken = self.taken().ok_or(NotTaken::Unknown)?;
        let client = taken.bundle.clients.get(&statement.client).ok_or(NotTaken::Unknown)?;
        let digest = Digest::of_file(&signed.bytes);
        let before = client.statements.held().get(&digest);
        let mut grown = client.statements.clone();
        if let Err(error) = grown.add([(FILE.to_owned(), signed)]) {
            tracing::warn!(client = %statement.client, %digest, what = %error.what, "a statement was refused");
            return Err(NotTaken::BadStatement);
        }
        let held = grown.held().get(&digest).filter(|held| held.counts).ok_or(NotTaken::BadStatement)?;
        let known = before.is_some_and(|before| before.signed == held.signed);
        if !known {
            let log = Log::Client(statement.client.clone());
            let note = Note::new(log, "statement").fact("digest", digest.to_string());
            let note = note.fact("decision", statement.says.as_str());
            let kept = remembered::keep_statement(&statement.client, &held.signed).or(Err(NotTaken::NotDurable))?;
            let transaction = Transaction::new(self.world.clock.now()).with(kept).with(Write::Note(Box::new(note)));
            self.store.commit(transaction).await.or(Err(NotTaken::NotDurable))?;
            self.judge_again().await.or(Err(NotTaken::NotDurable))?;
            tracing::info!(client = %statement.client, %digest, "a statement was taken");
        }
        drop(taking);
        Ok(Received { statement: digest, known })
    }

    /// The statements that count here and that the release does not hold, by client: clients handed them over directly.
    fn unreleased<T>(&self, told: impl Fn(&ClientId, &Digest, &Held) -> Option<T>) -> Vec<T> {
        let Some(taken) = self.taken() else { return Vec::new() };
        let files = &taken.bundle.manifest.files;
        let all = taken
            .bundle
            .clients
            .iter()
            .flat_map(|(id, client)| client.statements.held().iter().map(move |one| (id, one)));
        let unreleased = all.filter(|(_, (digest, _))| !files.contains_key(&FileName::Statement(**digest).to_string()));
        unreleased.filter_map(|(client, (digest, held))| told(client, digest, held)).collect()
    }

    /// Those of them by which a client said no, for the status: nobody else at the agency knows.
    pub(super) fn said_no(&self) -> Vec<StatementStatus> {
        self.unreleased(|client, digest, held| {
            let (decision, cancelled) = match &held.statement.says {
                Decision::Approve(_) => return None,
                Decision::Reject(cancelled) => (SaidNo::Reject, cancelled),
                Decision::Withdraw(cancelled) => (SaidNo::Withdraw, cancelled),
            };
            let mut said = StatementStatus {
                client: client.clone(),
                digest: *digest,
                decision,
                serial: held.statement.serial,
                all: false,
                workflows: BTreeSet::new(),
                uses: BTreeSet::new(),
            };
            for one in cancelled {
                match one {
                    Cancelled::All => said.all = true,
                    Cancelled::Workflow(workflow) => drop(said.workflows.insert(workflow.clone())),
                    Cancelled::Digest(digest) => drop(said.uses.insert(*digest)),
                    Cancelled::Reset(_) => {}
                }
            }
            Some(said)
        })
    }

    /// All of them as files, to be committed.
    pub(super) fn handed(&self) -> Vec<HandedRow> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        self.unreleased(|client, digest, held| {
            let signatures =
                held.signed.signatures.iter().filter_map(|(who, armour)| Some((who.clone(), text(armour)?)));
            Some(HandedRow {
                client: client.clone(),
                digest: *digest,
                decision: held.statement.says.as_str().to_owned(),
                serial: held.statement.serial,
                text: text(&held.signed.bytes)?,
                signatures: signatures.collect(),
            })
        })
    }

    /// Judges the release that was accepted last with all that is remembered now, and lets the plans follow.
    pub(super) async fn judge_again(self: &Arc<Self>) -> Result<(), StoreError> {
        let (agent, needed) = (Arc::clone(self), self.needed_plans().await?);
        // A whole release is verified: not on the thread that runs are driven on.
        let work = tokio::task::spawn_blocking(move || agent.judge_kept(&needed));
        self.take_judged(work.await.or(Err(StoreError::Broken))??).await;
        self.look_at_time().await?;
        self.news().notify_one();
        Ok(())
    }
}
