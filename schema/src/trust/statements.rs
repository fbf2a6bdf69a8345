//! The grow-only set of a client's statements, and which uses it approves at an instant.
//!
//! # Source
//! trust.md section 3. Promise P25.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::canon::Digest;
use crate::id::{ClientId, PersonId, WorkflowId};
use crate::release::STEP_MOST;
use crate::time::Moment;
use crate::uses::DataUse;

use super::approval::{Approval, Cancelled, Decision, Statement};
use super::approvers::ApproversChain;
use super::error::TrustError;
use super::key::PublicKey;
use super::people::{self, People, Rule, SignedFile};
use super::reset::Reset;
use super::sshsig::Namespace;
use super::verified::Verified;

/// One statement that somebody who was ever an approver really signed.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it says.
    pub statement: Verified<Statement>,
    /// The file with the signatures, to be kept.
    pub signed: SignedFile,
    /// Those of its signers who are approvers today.
    pub signers: BTreeSet<PersonId>,
    /// Whether one of its signers is or was an approver by the files that count.
    pub counts: bool,
    /// Every key by which somebody signed it.
    pub keys: BTreeSet<(PersonId, PublicKey)>,
}

/// What an approval is worth at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It approves what is not cancelled.
    InForce,
    /// It was given for a later time.
    NotYet,
    /// Its time has passed.
    Expired,
    /// Fewer of today's approvers signed it than are needed.
    BelowThreshold,
    /// It is a rejection or withdrawal; those hold for ever.
    Cancels,
}

/// An approved use and the statement that approves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The use as approved.
    pub used: Arc<DataUse>,
    /// The statement's digest.
    pub statement: Digest,
    /// Until when it holds.
    pub expires: Moment,
}

/// Every statement of one client that is known.
#[derive(Clone, Debug)]
pub struct KnownStatements {
    chain: ApproversChain,
    everybody: People,
    anyone: BTreeSet<PersonId>,
    /// Who is or was an approver by the files that count.
    yet: People,
    held: BTreeMap<Digest, Held>,
}

/// A statement as it was read. Nothing of it is verified.
#[derive(Clone, Debug)]
pub struct ReadStatement {
    file: String,
    signed: SignedFile,
    statement: Statement,
}

impl ReadStatement {
    /// Reads a file strictly; its signatures are not looked at.
    ///
    /// # Errors
    /// As [`Statement::parse`].
    pub fn read(file: String, signed: SignedFile) -> Result<Self, TrustError> {
        let statement = Statement::parse(&file, &signed.bytes)?;
        Ok(Self { file, signed, statement })
    }

    /// Of whom it says that it is.
    pub fn client(&self) -> &ClientId {
        &self.statement.client
    }
}

impl KnownStatements {
    /// No statement yet of the client whose approvers these are.
    pub fn new(chain: ApproversChain) -> Self {
        let everybody = chain.everybody();
        let anyone = everybody.keys().cloned().collect();
        let yet = chain.anybody_yet();
        Self { chain, everybody, anyone, yet, held: BTreeMap::new() }
    }

    /// Adds statements; the order in which they are given does not matter.
    ///
    /// # Errors
    /// At the first that is not a statement of this client, is signed by somebody who never was an approver, or whose
    /// serial is too far above the highest known one. Nothing is added then.
    pub fn add(&mut self, files: impl IntoIterator<Item = (String, SignedFile)>) -> Result<(), TrustError> {
        let read = files.into_iter().map(|(file, signed)| ReadStatement::read(file, signed));
        self.add_read(read.collect::<Result<_, _>>()?)
    }

    /// As [`KnownStatements::add`], of statements that were read already.
    ///
    /// # Errors
    /// As there, but for what cannot be read.
    pub fn add_read(&mut self, mut news: Vec<ReadStatement>) -> Result<(), TrustError> {
        let key = |one: &ReadStatement| one.statement.serial;
        news.sort_by(|a, b| (key(a), &a.signed.bytes).cmp(&(key(b), &b.signed.bytes)));
        let mut grown = self.held.clone();
        for ReadStatement { file, signed, statement } in news {
            let highest = grown.values().map(|held| held.statement.serial).max().unwrap_or(0);
            if statement.serial > highest.saturating_add(STEP_MOST) {
                let what = format!("has serial {}, more than {STEP_MOST} above the highest known", statement.serial);
                return Err(TrustError::at(file, "serial", what));
            }
            self.hold(&file, signed, statement, &mut grown)?;
        }
        self.held = grown;
        Ok(())
    }

    /// Whether a statement is one of this client's, signed by somebody who is or was an approver; nothing is added. Cheap:
    /// to be asked before anything that costs more.
    ///
    /// # Errors
    /// When it is not.
    pub fn vouched(&self, file: &str, signed: &SignedFile) -> Result<(), TrustError> {
        let statement = Statement::parse(file, &signed.bytes)?;
        self.hold(file, signed.clone(), statement, &mut BTreeMap::new())
    }

    fn hold(
        &self,
        file: &str,
        mut signed: SignedFile,
        statement: Statement,
        grown: &mut BTreeMap<Digest, Held>,
    ) -> Result<(), TrustError> {
        let chain = &self.chain;
        if statement.project != chain.newest().project || statement.client != *chain.client() {
            let key = if statement.client == *chain.client() { "project" } else { "client" };
            return Err(TrustError::at(file, key, "belongs to another project or client"));
        }
        if statement.approvers != chain.first() {
            return Err(TrustError::at(file, "approvers", "names another first approvers file than the client's"));
        }
        let anyone = Rule { people: &self.everybody, members: &self.anyone, threshold: 1 };
        let keys = people::signers(file, Namespace::Approval, &signed, &[anyone])?.pop().unwrap_or_default();
        let today = chain.rule();
        let mut signers: BTreeSet<PersonId> =
            keys.iter().filter(|(who, key)| today.lists(who, key)).map(|(who, _)| who.clone()).collect();
        let of_yet = |(who, key): &(&PersonId, &PublicKey)| self.yet.get(*who).is_some_and(|p| p.keys.contains(*key));
        let mut counts = keys.iter().any(|one| of_yet(&one));
        let mut keys: BTreeSet<(PersonId, PublicKey)> = keys.into_iter().collect();
        let statement = Verified::new(&signed.bytes, statement);
        let digest = statement.digest();
        if let Some(held) = grown.get(&digest) {
            // Of two signatures of a person the one that counts today stays.
            for (who, armour) in &held.signed.signatures {
                if held.signers.contains(who) || !signers.contains(who) {
                    signed.signatures.insert(who.clone(), armour.clone());
                }
            }
            signers.extend(held.signers.iter().cloned());
            keys.extend(held.keys.iter().cloned());
            counts |= held.counts;
        }
        grown.insert(digest, Held { statement, signed, signers, counts, keys });
        Ok(())
    }

    /// The same statements by the same approvers, with those resets that count.
    ///
    /// # Errors
    /// None that [`KnownStatements::add`] did not find: the same files were accepted.
    pub fn settled(self, counts: impl Fn(&Reset) -> bool) -> Result<Self, TrustError> {
        let mut known = Self::new(self.chain.settled(counts));
        for held in self.held.into_values() {
            let file = format!("statements/{}.toml", held.statement.digest());
            let statement = Statement::parse(&file, &held.signed.bytes)?;
            let mut grown = std::mem::take(&mut known.held);
            known.hold(&file, held.signed, statement, &mut grown)?;
            known.held = grown;
        }
        Ok(known)
    }

    /// Whether an approver of the file before a reset says that it may not be.
    pub fn vetoed(&self, reset: &Reset) -> bool {
        let names = |held: &&Held| held.statement.cancels().contains(&Cancelled::Reset(reset.approvers));
        self.held.values().filter(names).any(|held| self.may_veto(held, reset))
    }

    /// Whether somebody who signed a statement was an approver just before a reset, and may end it.
    pub fn may_veto(&self, held: &Held, reset: &Reset) -> bool {
        held.keys.iter().any(|(who, key)| self.chain.lists_before(reset, who, key))
    }

    /// The approvers behind it.
    pub fn approvers(&self) -> &ApproversChain {
        &self.chain
    }

    /// Every statement, by digest.
    pub fn held(&self) -> &BTreeMap<Digest, Held> {
        &self.held
    }

    /// The digests of all statements, as freshness names them.
    pub fn digests(&self) -> BTreeSet<Digest> {
        self.held.keys().copied().collect()
    }

    /// The highest serial; zero when there is no statement.
    pub fn serial(&self) -> u64 {
        self.held.values().map(|held| held.statement.serial).max().unwrap_or(0)
    }

    /// What one of the statements is worth at an instant, cancellations left aside.
    pub fn standing(&self, held: &Held, at: Moment) -> Standing {
        match &held.statement.says {
            Decision::Reject(_) | Decision::Withdraw(_) => Standing::Cancels,
            Decision::Approve(_) if !self.chain.rule().reached(held.signers.len()) => Standing::BelowThreshold,
            Decision::Approve(_) if at < held.statement.given => Standing::NotYet,
            Decision::Approve(approval) if at >= approval.expires => Standing::Expired,
            Decision::Approve(_) => Standing::InForce,
        }
    }

    /// The uses that are approved at an instant.
    pub fn approved(&self, at: Moment) -> Vec<Approved> {
        self.approved_where(|held| self.standing(held, at) == Standing::InForce, |_| true)
    }

    /// The uses that are approved at an instant for one workflow, or for all of them.
    pub fn approved_for(&self, workflow: &WorkflowId, at: Moment) -> Vec<Arc<DataUse>> {
        let counts = |held: &Held| self.standing(held, at) == Standing::InForce;
        let concerns = |used: &DataUse| used.workflow.as_ref().is_none_or(|named| named == workflow);
        self.approved_where(counts, concerns).into_iter().map(|approved| approved.used).collect()
    }

    /// The uses that are approved at an instant for a workflow alone, or without one for the client itself.
    pub fn approved_of(&self, workflow: Option<&WorkflowId>, at: Moment) -> Vec<Approved> {
        let counts = |held: &Held| self.standing(held, at) == Standing::InForce;
        self.approved_where(counts, |used| used.workflow.as_ref() == workflow)
    }

    /// The approved uses alone, for `uses::uncovered`.
    pub fn approved_uses(&self, at: Moment) -> Vec<Arc<DataUse>> {
        self.approved(at).into_iter().map(|approved| approved.used).collect()
    }

    /// The uses of approvals that hold no longer, or not yet, at an instant, for want of time alone.
    pub fn lapsed(&self, at: Moment) -> Vec<Approved> {
        self.approved_where(|held| matches!(self.standing(held, at), Standing::Expired | Standing::NotYet), |_| true)
    }

    fn approved_where(&self, counts: impl Fn(&Held) -> bool, concerns: impl Fn(&DataUse) -> bool) -> Vec<Approved> {
        let mut found = Vec::new();
        for held in self.held.values().filter(|held| counts(held)) {
            if let Decision::Approve(Approval { expires, uses }) = &held.statement.says {
                let cancels = self.cancels_of(held);
                let left = uses.iter().filter(|used| concerns(used) && !cancels.name(used));
                let statement = held.statement.digest();
                found.extend(left.map(|used| Approved { used: Arc::clone(used), statement, expires: *expires }));
            }
        }
        found
    }

    /// What rejections and withdrawals of the same or a higher serial name.
    ///
    /// One signature is enough, also of somebody who is an approver no longer: a withdrawal must not lapse because its
    /// signer left.
    fn cancels_of(&self, held: &Held) -> Cancels<'_> {
        let later = self.held.values().filter(|other| other.statement.serial >= held.statement.serial && other.counts);
        let mut cancels = Cancels::default();
        for cancelled in later.flat_map(|other| other.statement.cancels()) {
            match cancelled {
                Cancelled::Digest(digest) => drop(cancels.digests.insert(*digest)),
                Cancelled::Workflow(workflow) => drop(cancels.workflows.insert(workflow)),
                Cancelled::All => cancels.all = true,
                // Names no use.
                Cancelled::Reset(_) => {}
            }
        }
        cancels
    }
}

/// Which uses are approved no longer.
#[derive(Default)]
struct Cancels<'a> {
    digests: BTreeSet<Digest>,
    workflows: BTreeSet<&'a WorkflowId>,
    all: bool,
}

impl Cancels<'_> {
    /// Whether they name a use. One that has no digest cannot be told from those that are named, and counts as one.
    fn name(&self, used: &DataUse) -> bool {
        self.all
            || used.workflow.as_ref().is_some_and(|workflow| self.workflows.contains(workflow))
            || (!self.digests.is_empty() && !used.digest().is_ok_and(|digest| !self.digests.contains(&digest)))
    }
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
