//! One function judges every decision, whatever channel it came through. Pure.
//!
//! # Source
//! engine.md section 8; formats.md section 2, "What was shown".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{ConnectionId, PersonId};
use assent_schema::passkey::Used;
use assent_schema::plan::{Action, Channel, Plan};
use assent_schema::release::{Choice, DECISION_SCHEMA, Decision};
use assent_schema::trust::Namespace;

use super::chat::Card;
use super::proof::{Keys, check};
use super::sign_in::Itself;
use super::stake::stake;
use super::wire::SignedDecision;
use crate::store::Waiting;
use crate::world::Wall;

/// Why what a person sent is not taken: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotTaken {
    /// It has not the form of what it should be.
    BadForm,
    /// The challenge was never given, was used, or is too old.
    BadChallenge,
    /// No key of this person made the signature.
    BadSignature,
    /// A passkey signed on another page, or for another site.
    OtherOrigin,
    /// Nobody touched the passkey, or it did not see who did.
    NotPresent,
    /// A passkey signed less often than it did before: somebody has a copy.
    CounterBack,
    /// It names another project, agent, client, run, step or plan, or another showing of the question.
    OtherQuestion,
    /// What the person saw is not what is asked now.
    OtherShown,
    /// The person is not in the group that decides.
    NotInGroup,
    /// The person wrote the workflow, and it moves money.
    Author,
    /// The time to answer is over.
    TooLate,
    /// This kind of proof is not enough for this question.
    TooWeak,
    /// The texts that came along are not those that were signed.
    OtherEdits,
    /// It is not asked in this chat or helpdesk, on the page, or on the command line.
    NotHere,
    /// Not all of it may be shown there, so only the page decides.
    OnlyThePage,
    /// It was sent before.
    Replayed,
    /// Nobody asks this.
    NotWaiting,
    /// It could not be made durable; it may be sent again.
    NotDurable,
    /// There is no such workflow, or it is not started by people.
    Unknown,
    /// The statement does not hold here: another project or client, too high a serial, or not signed as it must be.
    BadStatement,
    /// Too much was handed over just now.
    TooMany,
}

impl NotTaken {
    /// Its code for people, ledger and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadForm => "bad_form",
            Self::BadChallenge => "bad_challenge",
            Self::BadSignature => "bad_signature",
            Self::OtherOrigin => "other_origin",
            Self::NotPresent => "not_present",
            Self::CounterBack => "counter_back",
            Self::OtherQuestion => "other_question",
            Self::OtherShown => "other_shown",
            Self::NotInGroup => "not_in_group",
            Self::Author => "author",
            Self::TooLate => "too_late",
            Self::TooWeak => "too_weak",
            Self::OtherEdits => "other_edits",
            Self::NotHere => "not_here",
            Self::OnlyThePage => "only_the_page",
            Self::Replayed => "replayed",
            Self::NotWaiting => "not_waiting",
            Self::NotDurable => "not_durable",
            Self::Unknown => "unknown",
            Self::BadStatement => "bad_statement",
            Self::TooMany => "too_many",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::BadForm | Self::OtherEdits => 400,
            Self::BadChallenge | Self::BadSignature => 401,
            Self::NotInGroup
            | Self::Author
            | Self::TooWeak
            | Self::NotHere
            | Self::OnlyThePage
            | Self::OtherOrigin
            | Self::NotPresent
            | Self::CounterBack => 403,
            Self::NotWaiting | Self::Unknown => 404,
            Self::OtherQuestion | Self::OtherShown | Self::TooLate | Self::Replayed => 409,
            Self::BadStatement => 422,
            Self::TooMany => 429,
            Self::NotDurable => 503,
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for NotTaken {}

/// How well somebody has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// An account of a chat or helpdesk that is mapped to a person.
    Account,
    /// A signature by an SSH key or a passkey of the person over this decision.
    Signature,
}

/// Where a question is shown and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through<'a> {
    /// The agent's own pages.
    Page,
    /// `assent decide`.
    Cli,
    /// A chat or helpdesk of the client.
    Chat(&'a ConnectionId),
}

/// What is asked, with all that decides who may answer.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks.
    pub itself: &'a Itself,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// The question.
    pub waiting: &'a Waiting,
    /// The salt of what is shown.
    pub salt: &'a [u8; 32],
    /// What is shown: canonical JSON of an object from path to value.
    pub shown: &'a [u8],
    /// The client's facts as they are now: whoever left a group decides nothing any more.
    pub facts: &'a ClientFacts,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// Who wrote the workflow.
    pub authors: &'a BTreeSet<PersonId>,
}

impl Asked<'_> {
    /// Whether a yes can move money. A workflow with a money step is taken as one whole: which decision leads to it depends
    /// on expressions, and the author shall not be able to arrange them.
    pub fn is_about_money(&self) -> bool {
        self.plan.moves_money()
    }

    /// How well somebody must show who they are: an account is enough for what moves no money, and for amounts up to the
    /// client's `chat_up_to`. What is above a guardrail is signed.
    pub fn needs(&self) -> Strength {
        if self.waiting.guardrail {
            return Strength::Signature;
        }
        if !self.is_about_money() {
            return Strength::Account;
        }
        let most = |currency: &str| self.facts.chat_up_to.get(currency).copied();
        let stake = self.values().and_then(|shown| stake(self.plan, &self.waiting.step, &shown));
        let small = stake
            .is_some_and(|sums| sums.iter().all(|(currency, sum)| most(currency).is_some_and(|most| *sum <= most)));
        if small { Strength::Account } else { Strength::Signature }
    }

    /// What is shown, by path.
    pub(super) fn values(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(self.shown).ok()
    }

    /// Whether it is asked there: the client signed for each channel by name. What is above a guardrail is asked on any of the
    /// agent's own; so is what is asked in a chat, which leads there where it may not show all.
    pub fn is_asked_on(&self, through: Through<'_>) -> bool {
        if self.waiting.guardrail {
            return !matches!(through, Through::Chat(_));
        }
        let step = self.plan.step(self.waiting.step.as_str());
        let Some(Action::Decide { via, .. }) = step.map(|step| &step.action) else { return false };
        via.iter().any(|channel| match (through, channel) {
            (Through::Page, Channel::Page | Channel::Slack(_) | Channel::Helpdesk(_))
            | (Through::Cli, Channel::Cli | Channel::Slack(_) | Channel::Helpdesk(_)) => true,
            (Through::Page, Channel::Cli) | (Through::Cli, Channel::Page) => false,
            (Through::Chat(connection), channel) => channel.connection() == Some(connection),
        })
    }

    /// Whether this person may answer, by who they are.
    ///
    /// # Errors
    /// [`NotTaken::NotInGroup`] or [`NotTaken::Author`].
    pub fn may_answer(&self, person: &PersonId) -> Result<(), NotTaken> {
        let member = self.facts.deciders.get(&self.waiting.by).is_some_and(|group| group.contains(person));
        if !member || !self.facts.people.contains_key(person) {
            return Err(NotTaken::NotInGroup);
        }
        if self.is_about_money() && self.authors.contains(person) {
            return Err(NotTaken::Author);
        }
        Ok(())
    }
}

/// What was said, by whom, and how they showed who they are.
pub struct Answer<'a> {
    /// Who.
    pub person: &'a PersonId,
    /// Yes or no.
    pub choice: Choice,
    /// The hash of what the person saw.
    pub shown: Digest,
    /// The nonce of the question.
    pub nonce: Digest,
    /// How well they showed who they are.
    pub strength: Strength,
    /// Where it was said.
    pub through: Through<'a>,
    /// Whether the person put other texts in place of what was shown.
    pub edited: bool,
}

/// Judges an answer that came through any channel.
///
/// # Errors
/// [`NotTaken`], the first that applies.
pub fn judge(asked: &Asked<'_>, answer: &Answer<'_>, now: Wall) -> Result<(), NotTaken> {
    asked.may_answer(answer.person)?;
    if !asked.is_asked_on(answer.through) {
        return Err(NotTaken::NotHere);
    }
    if let Through::Chat(connection) = answer.through {
        let card = Card::of(asked, connection).ok_or(NotTaken::NotHere)?;
        if card.hidden > 0 {
            return Err(NotTaken::OnlyThePage);
        }
    }
    // An edit may be of what the amount was judged by.
    let edits_money = answer.edited && asked.is_about_money();
    if answer.strength < asked.needs() || (edits_money && answer.strength < Strength::Signature) {
        return Err(NotTaken::TooWeak);
    }
    if now.millis() >= asked.waiting.until {
        return Err(NotTaken::TooLate);
    }
    if answer.nonce != asked.waiting.nonce {
        return Err(NotTaken::OtherQuestion);
    }
    if answer.shown != asked.waiting.shown {
        return Err(NotTaken::OtherShown);
    }
    Ok(())
}

/// Reads a signed decision far enough to know which question it answers. Nothing of it is believed yet.
///
/// # Errors
/// [`NotTaken::BadForm`].
pub fn read(signed: &SignedDecision) -> Result<Decision, NotTaken> {
    let decision: Decision = canon::from_bytes(signed.decision.as_bytes()).or(Err(NotTaken::BadForm))?;
    if decision.schema == DECISION_SCHEMA { Ok(decision) } else { Err(NotTaken::BadForm) }
}

/// Judges a signed decision: its signature first, then that it is about exactly this question, then [`judge`]. `origin` is
/// that of the page that it came from, if it did. A passkey's count is still to be judged.
///
/// # Errors
/// [`NotTaken`], the first that applies.
pub fn judge_signed(
    asked: &Asked<'_>,
    signed: &SignedDecision,
    origin: Option<&str>,
    now: Wall,
) -> Result<(Decision, Option<Used>), NotTaken> {
    let decision = read(signed)?;
    let known = asked.facts.people.get(&decision.person).map(|person| Keys::read(&person.keys)).unwrap_or_default();
    let used = check(&signed.decision, &signed.signature, Namespace::Decision, origin, &known)?;
    let waiting = asked.waiting;
    let same = decision.project == asked.itself.project
        && decision.agent == asked.itself.agent
        && decision.client == waiting.client
        && decision.approvers == asked.approvers
        && decision.run == waiting.run.to_string()
        && decision.step == waiting.step
        && decision.plan == waiting.plan;
    if !same {
        return Err(NotTaken::OtherQuestion);
    }
    if decision.edits != edits_digest(asked.salt, &signed.edits)? {
        return Err(NotTaken::OtherEdits);
    }
    let answer = Answer {
        person: &decision.person,
        choice: decision.choice,
        shown: decision.shown,
        nonce: decision.nonce,
        strength: Strength::Signature,
        through: if origin.is_some() { Through::Page } else { Through::Cli },
        edited: !signed.edits.is_empty(),
    };
    judge(asked, &answer, now)?;
    Ok((decision, used))
}

/// What a decision says of the texts that the person changed; nothing when there are none.
///
/// # Errors
/// [`NotTaken::BadForm`] never happens for texts.
///
/// # Source
/// `schema::release::Decision::edits`.
pub fn edits_digest(salt: &[u8; 32], edits: &BTreeMap<String, String>) -> Result<Option<Digest>, NotTaken> {
    if edits.is_empty() {
        return Ok(None);
    }
    let json = canon::to_bytes(edits).or(Err(NotTaken::BadForm))?;
    Ok(Some(Digest::tagged("assent-edits/v1", &[salt.as_slice(), &json].concat())))
}
