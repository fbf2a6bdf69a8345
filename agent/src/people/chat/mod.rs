//! Questions in chats and helpdesks: what may be shown there, what a message says, and what an answer means. Pure.
//!
//! Whatever is above what the catalog lets a channel show, or does not fit whole, is not in the message: then it leads to the
//! page, and no answer from the channel counts.
//!
//! # Source
//! engine.md section 8. Promises P10, P25.

pub mod helpdesk;
pub mod slack;

use assent_schema::canon::Digest;
use assent_schema::flow;
use assent_schema::id::{ClientId, ConnectionId, Name, PersonId, WorkflowId};
use assent_schema::plan::{Action, Channel};
use assent_schema::release::Choice;
use assent_schema::time::Moment;

use super::blocks::{SECTION_MOST, fits};
use super::judge::{Asked, Strength};
use super::told;

/// The most values of one question in a chat.
const VALUES_MOST: usize = 30;

/// One question as a channel may show it. Holds content, so it has no `Debug`.
pub struct Card {
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// What it does, for people.
    pub summary: String,
    /// The group that decides.
    pub by: String,
    /// When the answer is no.
    pub until: Moment,
    /// The nonce of the question.
    pub nonce: Digest,
    /// What is shown, whole, by name.
    pub values: Vec<(String, String)>,
    /// How many values are for the page alone.
    pub hidden: usize,
    /// Whether only a signature decides.
    pub signature: bool,
}

impl Card {
    /// A question as a channel may show it; nothing when it is not asked there.
    pub fn of(asked: &Asked<'_>, connection: &ConnectionId) -> Option<Self> {
        let waiting = asked.waiting;
        let step = asked.plan.step(waiting.step.as_str()).filter(|_| !waiting.guardrail)?;
        let Action::Decide { show, via, .. } = &step.action else { return None };
        let channel = via.iter().find(|channel| channel.connection() == Some(connection))?;
        let most = asked.facts.shown_by(channel);
        let flows = flow::analyse(asked.plan).ok()?;
        let flow = flows.step(waiting.step.as_str())?;
        let values = asked.values()?;
        let (mut shown, mut hidden) = (Vec::new(), 0_usize);
        for path in show {
            // A path of which nothing is known is not shown.
            let allowed = flow.show.get(path).is_some_and(|shown| shown.label.class <= most);
            let name = told::path(path);
            let value = values.get(path).map(told::value).filter(|_| allowed && shown.len() < VALUES_MOST);
            match value.filter(|text| fits(&format!("{name}\n{text}"), SECTION_MOST)) {
                Some(text) => shown.push((name, text)),
                None => hidden = hidden.saturating_add(1),
            }
        }
        Some(Self {
            client: waiting.client.clone(),
            workflow: waiting.workflow.clone(),
            summary: told::line(&asked.plan.summary),
            by: waiting.by.to_string(),
            until: crate::world::Wall::from_millis(waiting.until).moment(),
            nonce: waiting.nonce,
            values: shown,
            hidden,
            signature: asked.needs() == Strength::Signature,
        })
    }

    /// Whether an answer from there can count.
    pub fn can_be_answered(&self) -> bool {
        self.hidden == 0 && !self.signature
    }

    /// Why nothing but the page decides.
    fn why_not(&self) -> &'static str {
        if self.hidden > 0 {
            "Not all of it may be shown here. Look at it whole, and decide, on the page."
        } else {
            "This moves more money than may be decided here: it takes a signature, on the page."
        }
    }
}

/// What an answer from a channel says, before anything of it is believed but that the channel sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whose account, as the client's file has it.
    pub account: String,
    /// The question, by its nonce or the first digits of it.
    pub question: String,
    /// Yes or no.
    pub choice: Choice,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody decided, then.
    Decided(Choice, PersonId, Moment),
    /// Nobody did in time.
    Late,
    /// The run ended before anybody did, or asks anew.
    Gone,
}

impl Ended {
    /// The sentence that takes the question's place.
    pub fn sentence(&self) -> String {
        match self {
            Self::Decided(choice, by, at) => format!("{by} said {} at {at}.", choice.said()),
            Self::Late => "Nobody answered in time, so the answer is no.".to_owned(),
            Self::Gone => "This is not asked any more.".to_owned(),
        }
    }
}

/// Whose account this is; nothing where it is nobody's, or stands with two people.
pub fn person_of<'f>(asked: &Asked<'f>, connection: &ConnectionId, account: &str) -> Option<&'f PersonId> {
    let mut people = asked
        .facts
        .people
        .iter()
        .filter(|(_, person)| person.accounts.get(connection).is_some_and(|known| known == account));
    match (people.next(), people.next()) {
        (Some((person, _)), None) => Some(person),
        _ => None,
    }
}

/// The channels of a step that are connections of the client.
pub fn channels<'p>(asked: &Asked<'p>, step: &Name) -> Vec<&'p Channel> {
    match asked.plan.step(step.as_str()).map(|step| &step.action) {
        Some(Action::Decide { via, .. }) if !asked.waiting.guardrail => {
            via.iter().filter(|channel| !channel.is_own()).collect()
        }
        _ => Vec::new(),
    }
}
