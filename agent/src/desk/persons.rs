//! People: challenges, what waits for them, what they decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::release::Choice;
use assent_schema::trust::SignedFile;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FrontDesk, Registry, Turns, no_longer};
use crate::content::Content;
use crate::listen::{Ask, Reply};
use crate::people::proof::counted;
use crate::people::wire::{Handed, Introduction, NoLonger, Poked, Shown, SignedDecision, SignedIn, WaitingForMe};
use crate::people::{Asked, Keys, NotTaken, Strength, Through, access, judge, judge_signed};
use crate::run::{DecideError, Deployed, Question, Verdict, done_before};
use crate::store::{Log, RunRef, Store, Transaction, Waiting, Write, run_name, run_of_name};
use crate::sync::lock;
use crate::world::{Clock as _, Dice as _, World};

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Answers a person.
    pub(super) async fn answer(&self, ask: Ask, body: &Content<Vec<u8>>) -> Result<Reply, NotTaken> {
        match ask {
            Ask::Challenge => self.challenge(&read(body)?),
            Ask::Decisions => self.decisions(&read(body)?).await,
            Ask::Decide => self.decide(read(body)?, None).await.map(|()| Reply::code(200, "decided")),
            Ask::Poke => self.poke(read(body)?).await,
            Ask::Statement => self.statement(read(body)?).await,
            Ask::Start { client, workflow } => self.start(client, workflow, &read(body)?).await,
        }
    }

    async fn statement(&self, handed: Handed) -> Result<Reply, NotTaken> {
        let signed = signed(handed.statement, handed.signatures);
        // First whether anybody of the client signed it: a stranger must not use up the turns of those who may.
        let client = self.registry.vouched(&signed)?;
        let now = self.world.clock().boot();
        let by = signed.signatures.keys().cloned();
        let may = lock(&self.statements).entry(client).or_insert_with(Turns::new).take(now, by, signed.bytes.len());
        if !may {
            return Err(NotTaken::TooMany);
        }
        reply(&self.registry.take_statement(signed).await?)
    }

    async fn poke(&self, poked: Poked) -> Result<Reply, NotTaken> {
        self.registry.take_poke(signed(poked.poke, poked.signatures)).await?;
        Ok(Reply::code(202, "poked"))
    }

    fn challenge(&self, who: &Introduction) -> Result<Reply, NotTaken> {
        let clock = self.world.clock();
        let (boot, now) = (clock.boot(), clock.now().moment());
        let dice = self.world.dice().bytes();
        let challenge = lock(&self.challenges).give(&self.itself, who, dice, boot, now);
        reply(&challenge)
    }

    /// The keys of a client's deciders.
    pub(super) fn decider(&self, client: &ClientId, person: &PersonId) -> Keys {
        let facts = self.deployed.client(client);
        let person = facts.as_ref().and_then(|facts| facts.people.get(person));
        person.map(|person| Keys::read(&person.keys)).unwrap_or_default()
    }

    async fn decisions(&self, signed: &SignedIn) -> Result<Reply, NotTaken> {
        let boot = self.world.clock().boot();
        let known = |client: Option<&ClientId>, person: &PersonId| {
            client.map(|client| self.decider(client, person)).unwrap_or_default()
        };
        // Passkeys sign on pages alone, and this is none.
        let (who, _) = lock(&self.challenges).sign_in(&self.itself, signed, None, boot, known)?;
        let client = who.client.ok_or(NotTaken::BadForm)?;
        let questions = self.addressed(&client, &who.person, Through::Cli);
        let over = self.over(&client, &who.person, signed.run.as_ref()).await?;
        let asked = questions.iter().map(|question| &question.waiting);
        let waiting: Vec<_> = asked.chain(over.iter().map(|(waiting, _)| waiting)).collect();
        // The entry first, then the answer.
        let entry = access::viewed(&client, &who.person, &waiting, self.world.clock().now());
        self.engine.store().commit(entry).await.or(Err(NotTaken::NotDurable))?;
        let decisions = questions.iter().map(|question| self.shown(question)).collect::<Result<_, _>>()?;
        reply(&WaitingForMe { decisions, over: over.into_iter().map(|(_, over)| over).collect() })
    }

    /// What became of a run's questions that were this person's to answer.
    async fn over(
        &self,
        client: &ClientId,
        person: &PersonId,
        run: Option<&RunRef>,
    ) -> Result<Vec<(Waiting, NoLonger)>, NotTaken> {
        let (Some(run), Some(facts)) = (run.cloned(), self.deployed.client(client)) else { return Ok(Vec::new()) };
        let (store, person) = (Arc::clone(self.engine.store()), person.clone());
        // A whole journal is read: not on the thread that runs are driven on.
        let read = tokio::task::spawn_blocking(move || {
            let run = match run {
                RunRef::Id(run) => Some(run),
                RunRef::Name(name) => run_of_name(&*store, &name)?,
            };
            run.map_or_else(|| Ok(Vec::new()), |run| no_longer::of_run(&*store, (&facts, &person), run))
        });
        read.await.or(Err(NotTaken::NotDurable))?.or(Err(NotTaken::NotDurable))
    }

    /// The questions that a person of a client may answer there, oldest first.
    pub(crate) fn addressed(&self, client: &ClientId, person: &PersonId, through: Through<'_>) -> Vec<Question> {
        let mut questions = self.engine.questions();
        questions.retain(|question| {
            let addressed = |asked: &Asked<'_>| asked.is_asked_on(through) && asked.may_answer(person).is_ok();
            question.waiting.client == *client && self.with_asked(question, addressed).unwrap_or(false)
        });
        questions.sort_by_key(|question| (question.waiting.since, question.waiting.run));
        questions
    }

    /// Hands a question to a judgement together with all that decides who may answer it.
    pub(super) fn with_asked<T>(
        &self,
        question: &Question,
        judgement: impl FnOnce(&Asked<'_>) -> T,
    ) -> Result<T, NotTaken> {
        let waiting = &question.waiting;
        let facts = self.deployed.client(&waiting.client).ok_or(NotTaken::Unknown)?;
        let compiled = self.deployed.plan(&waiting.plan).ok_or(NotTaken::Unknown)?;
        let authors = self.registry.authors(&waiting.client, &waiting.plan);
        Ok(judgement(&Asked {
            itself: &self.itself,
            approvers: self.registry.approvers(&waiting.client).ok_or(NotTaken::Unknown)?,
            waiting,
            salt: question.salt.reveal(),
            shown: question.shown.reveal(),
            facts: &facts,
            plan: &compiled.plan,
            authors: &authors,
        }))
    }

    /// A question with everything that a decision must name.
    ///
    /// # Errors
    /// [`NotTaken::Unknown`] when its workflow left meanwhile.
    pub(crate) fn shown(&self, question: &Question) -> Result<Shown, NotTaken> {
        let waiting = &question.waiting;
        let values = serde_json::from_slice(question.shown.reveal()).or(Err(NotTaken::BadForm))?;
        let store = &**self.engine.store();
        let name = run_name(store, waiting.run).or(Err(NotTaken::NotDurable))?;
        let journal = store.journal(waiting.run).or(Err(NotTaken::NotDurable))?;
        let done = done_before(&journal, waiting.item.as_ref());
        let (approvers, signature) =
            self.with_asked(question, |asked| (asked.approvers, asked.needs() == Strength::Signature))?;
        Ok(Shown {
            project: self.itself.project,
            client: waiting.client.clone(),
            approvers,
            agent: self.itself.agent.clone(),
            run: waiting.run,
            name,
            workflow: waiting.workflow.clone(),
            step: waiting.step.clone(),
            item: waiting.item.clone(),
            plan: waiting.plan,
            guardrail: waiting.guardrail,
            by: waiting.by.clone(),
            until: crate::world::Wall::from_millis(waiting.until).moment(),
            signature,
            values,
            edit: question.edit.iter().cloned().collect(),
            done,
            salt: Digest::from_bytes(*question.salt.reveal()),
            shown: waiting.shown,
            nonce: waiting.nonce,
        })
    }

    /// Takes what somebody decided who showed who they are by signing in, where that is enough.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub(crate) async fn decide_signed_in(
        &self,
        asked: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> Result<(), NotTaken> {
        let Shown { run, step, nonce, shown, .. } = asked;
        let (run, nonce, shown) = (*run, *nonce, *shown);
        let question = self.engine.question(run, step, &nonce).ok_or(NotTaken::NotWaiting)?;
        let now = self.world.clock().now();
        let (strength, edited) = (Strength::Account, !edits.is_empty());
        let answer = judge::Answer { person, choice, shown, nonce, strength, through: Through::Page, edited };
        self.with_asked(&question, |asked| judge(asked, &answer, now))??;
        let edits = edits.into_iter().map(|(path, text)| (path, Content::new(text))).collect();
        let verdict = Verdict { choice, person: person.clone(), shown, nonce, edits, signature: None, through: None };
        self.engine.decide(run, step, verdict).await.map_err(not_decided)
    }

    /// Takes a signed decision; `origin` is that of the page that it came from, if it did.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub(crate) async fn decide(&self, signed: SignedDecision, origin: Option<&str>) -> Result<(), NotTaken> {
        let claimed = judge::read(&signed)?;
        let run = claimed.run.parse().or(Err(NotTaken::BadForm))?;
        let question = self.engine.question(run, &claimed.step, &claimed.nonce).ok_or(NotTaken::NotWaiting)?;
        let now = self.world.clock().now();
        let judged = self.with_asked(&question, |asked| judge_signed(asked, &signed, origin, now))?;
        let judged =
            judged.and_then(|(decision, used)| Ok((decision, counted(&**self.engine.store(), used.as_ref())?)));
        let decision = match judged {
            // Its count first: whatever comes then, nobody can send the same again.
            Ok((decision, count)) => {
                if let Some(count) = count {
                    self.engine
                        .store()
                        .commit(Transaction::new(now).with(count))
                        .await
                        .or(Err(NotTaken::NotDurable))?;
                }
                decision
            }
            Err(why) => {
                self.note_refusal(&question.waiting.client, &claimed.person, &signed, why).await?;
                return Err(why);
            }
        };
        let verdict = Verdict {
            choice: decision.choice,
            person: decision.person,
            shown: decision.shown,
            nonce: decision.nonce,
            edits: signed.edits.into_iter().map(|(path, text)| (path, Content::new(text))).collect(),
            signature: Some((signed.decision, signed.signature)),
            through: None,
        };
        self.engine.decide(run, &decision.step, verdict).await.map_err(not_decided)
    }

    /// A decision that was signed by who it says and does not count is worth an entry; an unsigned one is not, or anybody
    /// could fill the ledger.
    async fn note_refusal(
        &self,
        client: &ClientId,
        person: &PersonId,
        signed: &SignedDecision,
        why: NotTaken,
    ) -> Result<(), NotTaken> {
        if matches!(why, NotTaken::BadForm | NotTaken::BadSignature) {
            return Ok(());
        }
        let what = signed.decision.as_bytes();
        let note = access::refused(Log::Client(client.clone()), Some(person), why.code(), what);
        let transaction = Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)));
        self.engine.store().commit(transaction).await.or(Err(NotTaken::NotDurable))
    }
}

/// A text and its signatures, as they came.
fn signed(text: String, signatures: BTreeMap<PersonId, String>) -> SignedFile {
    let signatures = signatures.into_iter().map(|(who, armour)| (who, armour.into_bytes())).collect();
    SignedFile { bytes: text.into_bytes(), signatures }
}

fn read<T: DeserializeOwned>(body: &Content<Vec<u8>>) -> Result<T, NotTaken> {
    serde_json::from_slice(body.reveal()).or(Err(NotTaken::BadForm))
}

/// Canonical JSON, so that what is to be signed is signed as it came.
fn reply<T: Serialize>(value: &T) -> Result<Reply, NotTaken> {
    let body = canon::to_bytes(value).or(Err(NotTaken::BadForm))?;
    Ok(Reply { status: 200, body: Content::new(body) })
}

pub(super) fn not_decided(why: DecideError) -> NotTaken {
    match why {
        DecideError::NotWaiting => NotTaken::NotWaiting,
        DecideError::NotWhatIsShown => NotTaken::OtherShown,
        DecideError::BadEdit => NotTaken::OtherEdits,
        DecideError::NotDurable => NotTaken::NotDurable,
    }
}
