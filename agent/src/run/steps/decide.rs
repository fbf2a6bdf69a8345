//! The step that asks a person, and questions of guardrails.
//!
//! # Source
//! engine.md section 8, formats.md section 2 ("What was shown").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::choice::{Choice, QuestionEnd};
use assent_schema::expr::Value;
use assent_schema::id::{ConnectionId, GroupId, Name, PersonId};
use assent_schema::plan::{Channel, Param};
use assent_schema::release::Proof;
use tokio::sync::oneshot;

use crate::content::Content;
use crate::request::keyed::{Purpose, keyed};
use crate::run::compiled::{CompiledCall, CompiledDecide, CompiledStep};
use crate::run::content::codec;
use crate::run::driver::{End, Run, Stop};
use crate::run::life::answered::asks;
use crate::run::life::progress::{Guarded, Stand};
use crate::run::steps::call::{Arguments, Calling, fail_at};
use crate::run::{Deployed, lock};
use crate::store::{Ending, Entry, StepAt, Store, Waiting, Write};
use crate::world::{Clock as _, Dice as _, World};

/// The longest text that a person may put in place of another, in bytes.
const EDIT_MOST_BYTES: usize = 65_536;
/// How long a guardrail's question waits for people.
const GUARDRAIL_WITHIN: Duration = Duration::from_hours(4);
/// How often a waiting run looks at the wall clock, which may jump.
const LOOK: Duration = Duration::from_mins(1);

/// What a person is asked. What is shown is content: it may be sent to who decides and to nobody else.
#[derive(Clone)]
pub struct Question {
    /// The facts of the question.
    pub waiting: Waiting,
    /// Canonical JSON of an object from path to shown value.
    pub shown: Arc<Content<Vec<u8>>>,
    /// The salt of the hash of what is shown; belongs on the decider's receipt.
    pub salt: Arc<Content<[u8; 32]>>,
    /// Paths whose text the person may change.
    pub edit: Vec<String>,
    /// The chats and helpdesks that it is asked in too.
    pub elsewhere: Vec<Channel>,
}

/// What a person says.
pub struct Verdict {
    /// Yes or no.
    pub choice: Choice,
    /// Who.
    pub person: PersonId,
    /// The hash of what the person saw.
    pub shown: Digest,
    /// The question's nonce.
    pub nonce: Digest,
    /// Texts that the person changed, by path.
    pub edits: BTreeMap<String, Content<String>>,
    /// The decision as it was signed and what shows by whom, for the ledger.
    pub signature: Option<(String, Proof)>,
    /// The chat or helpdesk that it came through; nothing for the agent's own page and command line.
    pub through: Option<ConnectionId>,
}

/// Why a decision does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecideError {
    /// Nobody waits for it (any more).
    NotWaiting,
    /// What was shown has changed since.
    NotWhatIsShown,
    /// A path may not be edited, or its text is too long.
    BadEdit,
    /// It could not be made durable.
    NotDurable,
}

impl DecideError {
    /// Its code for people and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotWaiting => "not_waiting",
            Self::NotWhatIsShown => "not_what_is_shown",
            Self::BadEdit => "bad_edit",
            Self::NotDurable => "not_durable",
        }
    }
}

impl std::fmt::Display for DecideError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for DecideError {}

type Answered = (Verdict, oneshot::Sender<Result<(), DecideError>>);

/// A question whose run waits in memory.
pub(in crate::run) struct Open {
    pub(in crate::run) question: Question,
    pub(in crate::run) verdict: Option<oneshot::Sender<Answered>>,
}

impl Question {
    pub(in crate::run) fn judge(&self, verdict: &Verdict) -> Result<(), DecideError> {
        if verdict.shown != self.waiting.shown || verdict.nonce != self.waiting.nonce {
            return Err(DecideError::NotWhatIsShown);
        }
        let may = |path: &String| self.edit.contains(path);
        let fits = |text: &Content<String>| text.reveal().len() <= EDIT_MOST_BYTES;
        let fine = verdict.edits.keys().all(may) && verdict.edits.values().all(fits);
        if fine { Ok(()) } else { Err(DecideError::BadEdit) }
    }
}

/// What one question is about.
struct Asking<'a> {
    step: &'a Name,
    by: &'a GroupId,
    within: Duration,
    edit: &'a [String],
    elsewhere: &'a [Channel],
    guardrail: bool,
    show: BTreeMap<String, Value>,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) async fn decide(&mut self, step: &CompiledStep, decide: &CompiledDecide) -> Result<(), Stop> {
        let show = decide.show.iter().map(|(path, program)| {
            // What is not there is shown as nothing: a person sees that, too.
            (path.clone(), self.values.eval(program).unwrap_or_default())
        });
        let asking = Asking {
            step: &step.id,
            by: &decide.by,
            within: decide.within.duration(),
            edit: &decide.edit,
            elsewhere: &decide.elsewhere,
            guardrail: false,
            show: show.collect(),
        };
        let before = match self.progress.stand(&step.id) {
            Some(Stand::Asked(waiting)) => Some((**waiting).clone()),
            _ => None,
        };
        let approved = self.ask_person(asking, before).await?;
        self.take_decision(&step.id, approved);
        Ok(())
    }

    /// An effect is above a guardrail: the group of the guardrail is asked.
    pub(in crate::run) async fn ask_guardrail(&mut self, calling: Calling<'_>, group: &GroupId) -> Result<(), Stop> {
        let Calling { step, call, arguments } = calling;
        let before = match self.progress.guards.get(&step.id) {
            Some(Guarded::Asked(waiting)) => Some((**waiting).clone()),
            // They agreed to something else.
            Some(Guarded::Decided { .. }) | None => None,
        };
        let asking = Asking {
            step: &step.id,
            by: group,
            within: GUARDRAIL_WITHIN,
            edit: &[],
            elsewhere: &[],
            guardrail: true,
            show: of_guardrail(call, arguments),
        };
        if self.ask_person(asking, before).await? { Ok(()) } else { Err(fail_at(step, call, "above_guardrail")) }
    }

    async fn ask_person(&mut self, asking: Asking<'_>, before: Option<Waiting>) -> Result<bool, Stop> {
        let question = self.pose(&asking, before.as_ref())?;
        self.flush_all().await?;
        self.step_aside().await;
        let verdict = self.await_person(&question).await?;
        // A place among the running again; the key was kept meanwhile.
        self.come_back().await?;
        match verdict {
            Some((verdict, answered)) => self.decided(&asking, &question, verdict, answered).await,
            None => self.late(&asking, &question).await,
        }
    }

    /// Puts the question, or finds it as it was put before a restart.
    fn pose(&mut self, asking: &Asking<'_>, before: Option<&Waiting>) -> Result<Question, Stop> {
        let json: serde_json::Map<_, _> =
            asking.show.iter().map(|(path, value)| (path.clone(), codec::to_json(value))).collect();
        let shown = canon::to_bytes(&json).or(Err(End::early(Ending::Failed, asking.step, "cannot_be_shown")))?;
        let shown = Content::new(shown);
        let at = StepAt::new(asking.step, self.item.as_ref());
        if let Some(waiting) = before
            && waiting.shown == shown_hash(&self.shared.salt(&at), &shown)
        {
            return Ok(self.as_question(waiting.clone(), shown, asking));
        }
        let salt = Content::new(self.engine.world.dice().bytes());
        let now = self.now();
        let waiting = Waiting {
            run: self.id,
            client: self.accepted.client.clone(),
            workflow: self.accepted.workflow.clone(),
            plan: self.accepted.plan,
            step: asking.step.clone(),
            item: self.item.clone(),
            guardrail: asking.guardrail,
            by: asking.by.clone(),
            since: before.map_or(now.millis(), |before| before.since),
            until: before.map_or_else(|| now.plus(asking.within).millis(), |before| before.until),
            nonce: Digest::from_bytes(self.engine.world.dice().bytes()),
            shown: shown_hash(&salt, &shown),
            keyed: self.hashes(&asking.show),
        };
        self.shared.set_salt(at, salt);
        // The hashes are made with the key that is sealed now.
        self.has_key = true;
        self.record(Entry::Asked(Box::new(waiting.clone())));
        self.pending.push(asks(&waiting));
        self.pending.push(Write::Ask(Box::new(waiting.clone())));
        self.pending.push(Write::Reseal { run: self.id, sealed: self.sealed() });
        Ok(self.as_question(waiting, shown, asking))
    }

    /// The keyed hash of each value, by its path.
    pub(in crate::run) fn hashes(&self, show: &BTreeMap<String, Value>) -> BTreeMap<String, Digest> {
        let hash = |path: &str, value| keyed(self.key.reveal(), Purpose::Shown(path), codec::hashed(value).reveal());
        show.iter().map(|(path, value)| (path.clone(), hash(path, value))).collect()
    }

    fn as_question(&self, waiting: Waiting, shown: Content<Vec<u8>>, asking: &Asking<'_>) -> Question {
        let salt = self.shared.salt(&waiting.at());
        // What is no text stays as it is, whatever the plan says.
        let is_text = |path: &&String| asking.show.get(*path).is_some_and(|value| value.as_text().is_some());
        let edit = asking.edit.iter().filter(is_text).cloned().collect();
        Question { waiting, shown: Arc::new(shown), salt: Arc::new(salt), edit, elsewhere: asking.elsewhere.to_vec() }
    }

    /// Waits for a person; nothing when the time is over.
    async fn await_person(&mut self, question: &Question) -> Result<Option<Answered>, Stop> {
        let (sender, mut receiver) = oneshot::channel();
        let open = Open { question: question.clone(), verdict: Some(sender) };
        let at = (self.id, question.waiting.at());
        lock(&self.engine.questions).insert(at.clone(), open);
        self.engine.asked.send_modify(|count| *count = count.wrapping_add(1));
        let engine = Arc::clone(&self.engine);
        let mut stopping = engine.stopping.subscribe();
        let signals = Arc::clone(&self.shared.signals);
        let clock = engine.world.clock();
        let before = clock.boot();
        let heard = loop {
            let left = crate::world::Wall::from_millis(question.waiting.until).since(self.now());
            if left.is_zero() {
                break Ok(None);
            }
            tokio::select! {
                biased;
                heard = &mut receiver => break heard.map(Some).or(Err(Stop::Leave)),
                _ = stopping.wait_for(|stop| *stop) => break Err(Stop::Leave),
                () = signals.cancelled() => break Err(End::cancelled().into()),
                () = clock.sleep(left.min(LOOK)) => {}
            }
        };
        self.waited = self.waited.saturating_add(clock.boot().saturating_sub(before));
        lock(&self.engine.questions).remove(&at);
        heard
    }

    async fn decided(
        &mut self,
        asking: &Asking<'_>,
        question: &Question,
        verdict: Verdict,
        answered: oneshot::Sender<Result<(), DecideError>>,
    ) -> Result<bool, Stop> {
        let approved = verdict.choice == Choice::Approve;
        for (path, text) in &verdict.edits {
            // `judge` took those edits alone whose place holds a text.
            let _there = self.values.put(path, Value::text(text.reveal().as_str()));
            self.seal_edited(path);
        }
        let mut note = self.decided_note(asking, question, QuestionEnd::Decided(verdict.choice));
        note.actor = Some(verdict.person.clone());
        if let Some(through) = &verdict.through {
            note = note.fact("through", through.to_string());
        }
        if let Some((decision, proof)) = verdict.signature {
            note = note.fact("nonce", question.waiting.nonce.to_string()).fact("decision", decision);
            note = match proof {
                Proof::Ssh(armour) => note.fact("signature", armour),
                Proof::Passkey(assertion) => note.fact("passkey", serde_json::to_value(assertion).unwrap_or_default()),
            };
        }
        let entry = Entry::Decided {
            step: asking.step.clone(),
            item: self.item.clone(),
            guardrail: asking.guardrail,
            choice: verdict.choice,
            by: Some(verdict.person),
            edited: verdict.edits.keys().cloned().collect(),
        };
        self.answer_with(asking, entry, note);
        let done = self.flush_all().await;
        // The person may have gone away; the decision counts all the same.
        let _heard = answered.send(if done.is_ok() { Ok(()) } else { Err(DecideError::NotDurable) });
        done.map(|()| approved)
    }

    /// Nobody else has the text that a person wrote: it is kept with what is sealed.
    fn seal_edited(&self, path: &str) {
        let root = path.split('.').next().and_then(|root| Name::new(root).ok());
        if let Some((root, value)) = root.and_then(|root| Some((root.clone(), self.values.steps.get(&root)?))) {
            self.shared.remember(self.item.as_ref(), &root, value);
        }
    }

    async fn late(&mut self, asking: &Asking<'_>, question: &Question) -> Result<bool, Stop> {
        let note = self.decided_note(asking, question, QuestionEnd::Late);
        let entry = Entry::Decided {
            step: asking.step.clone(),
            item: self.item.clone(),
            guardrail: asking.guardrail,
            choice: Choice::Refuse,
            by: None,
            edited: Vec::new(),
        };
        self.answer_with(asking, entry, note);
        self.flush_all().await.map(|()| false)
    }

    fn decided_note(&self, asking: &Asking<'_>, question: &Question, end: QuestionEnd) -> crate::store::Note {
        let mut note = self
            .note("decided")
            .fact("choice", end.as_str())
            .fact("shown", question.waiting.shown.to_string())
            .fact("by", asking.by.to_string());
        note.step = Some(asking.step.clone());
        note
    }

    fn answer_with(&mut self, asking: &Asking<'_>, entry: Entry, note: crate::store::Note) {
        self.pending.push(Write::Answer { run: self.id, at: StepAt::new(asking.step, self.item.as_ref()) });
        self.record(entry);
        self.pending.push(Write::Note(Box::new(note)));
        self.pending.push(Write::Reseal { run: self.id, sealed: self.sealed() });
    }
}

/// What the group of a guardrail is shown: the operation, its amounts and its targets.
pub(in crate::run) fn of_guardrail(call: &CompiledCall, arguments: &Arguments) -> BTreeMap<String, Value> {
    // Who decides on a limit was approved to see facts; whom a message reaches is shown by a decision of the workflow.
    let counts = |param: &Param| param.amount || (param.target && param.shape.fits_reference());
    let shown = call.operation.params.iter().filter(|(_, param)| counts(param));
    let value = |name: &Name| (name.to_string(), arguments.get(name).cloned().unwrap_or_default());
    let mut show: BTreeMap<String, Value> = shown.map(|(name, _)| value(name)).collect();
    show.insert("operation".to_owned(), Value::text(call.name.to_string()));
    show
}

/// `SHA256("assent-shown/v1\0" || salt32 || canonical JSON)`.
fn shown_hash(salt: &Content<[u8; 32]>, shown: &Content<Vec<u8>>) -> Digest {
    let mut bytes = Content::new(Vec::with_capacity(32_usize.saturating_add(shown.reveal().len())));
    bytes.reveal_mut().extend_from_slice(salt.reveal());
    bytes.reveal_mut().extend_from_slice(shown.reveal());
    Digest::tagged("assent-shown/v1", bytes.reveal())
}
