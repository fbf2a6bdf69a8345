//! One step of a workflow: what it does, with what, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Spanned;
use crate::id::{ConnectionId, EventName, GroupId, Name, OperationRef};
use crate::plan::{Answer, Channel, Expression, OnItemError, Retry};
use crate::shape::Shape;
use crate::time::Period;

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id, unique in the workflow.
    pub id: Spanned<Name>,
    /// It runs only when this is true.
    pub when: Option<Spanned<Expression>>,
    /// Neighbours of one group run together.
    pub parallel: Option<Spanned<Name>>,
    /// Failures after which the run goes on without it.
    pub continue_on: BTreeSet<Spanned<Name>>,
    /// What it does.
    pub action: Action,
}

/// A value in `with` or `set`: texts are templates with `${…}` holes.
#[derive(Clone, Debug)]
pub enum Argument {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A template. One hole that is the whole text keeps its type.
    Template(String),
    /// A list.
    List(Vec<Spanned<Argument>>),
    /// A text of a file.
    Text(TextUse),
    /// Named members.
    Record(BTreeMap<Spanned<String>, Spanned<Argument>>),
}

/// A use of a text of a file.
#[derive(Clone, Debug)]
pub struct TextUse {
    /// Its path below the client's folder, or below `library/`.
    pub file: Spanned<String>,
    /// Which locale: an enumeration. Absent for the file's default.
    pub locale: Option<Spanned<Expression>>,
    /// What is put into it, by hole: templates.
    pub holes: BTreeMap<Spanned<Name>, Spanned<String>>,
}

/// A text with typed holes, in one or more locales: `texts/<name>.md`.
#[derive(Clone, Debug)]
pub struct Text {
    /// The locale for every value that has none of its own.
    pub default: Spanned<String>,
    /// What its holes take.
    pub holes: BTreeMap<Spanned<Name>, Shape>,
    /// The text by locale, and where it stands.
    pub locales: BTreeMap<String, Spanned<String>>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Calls an operation.
    Call {
        /// Which.
        operation: Spanned<OperationRef>,
        /// Its parameters.
        with: BTreeMap<Spanned<Name>, Spanned<Argument>>,
        /// How it is retried.
        retry: Option<Spanned<Retry>>,
        /// The earlier step where its text waits.
        parked: Option<Spanned<Name>>,
        /// How long the answer of a read may be served again; `cache-too-long` from 24 hours on.
        cache: Option<Spanned<Period>>,
    },
    /// Asks an AI provider.
    Ask {
        /// The connection to the provider.
        connection: Spanned<ConnectionId>,
        /// The prompt's path below the client's folder, or below `library/`.
        prompt: Spanned<String>,
        /// What is put beside the prompt.
        with: BTreeMap<Spanned<Name>, Spanned<Argument>>,
        /// A list of sources to cite.
        sources: Option<Spanned<Expression>>,
        /// The fields of the answer; at least one.
        answer: BTreeMap<Spanned<Name>, Spanned<Answer>>,
        /// What it may use.
        limit: AskLimit,
    },
    /// Asks a person.
    Decide {
        /// The group that decides.
        by: Spanned<GroupId>,
        /// What is shown: paths like `ticket.subject`; at least one.
        show: Vec<Spanned<String>>,
        /// What the person may edit: paths that are shown.
        edit: Vec<Spanned<String>>,
        /// How long.
        within: Spanned<Period>,
        /// Through which channels; at least one.
        via: Vec<Spanned<Channel>>,
    },
    /// Computes values.
    Set {
        /// By name.
        values: BTreeMap<Spanned<Name>, Spanned<Argument>>,
    },
    /// Does some steps for each item of a list.
    Each(Box<Each>),
    /// Lets time pass, or waits for an event.
    Wait {
        /// How long.
        until: Until,
    },
    /// Ends the run early; inside an `each`, the item.
    Stop {
        /// How the run is called that ended here.
        outcome: Spanned<Name>,
    },
}

/// A walk over a list.
#[derive(Clone, Debug)]
pub struct Each {
    /// The list.
    pub over: Spanned<Expression>,
    /// What the steps inside call the item.
    pub item: Spanned<Name>,
    /// What tells items apart: a fact.
    pub key: Spanned<Expression>,
    /// The most items.
    pub max: Spanned<u32>,
    /// Items at once; 1 unless said.
    pub parallel: u32,
    /// What becomes of the others when an item fails.
    pub on_error: OnItemError,
    /// The steps in order; at least one, none of them an `each`.
    pub steps: Vec<Step>,
}

/// How long a `wait` waits.
#[derive(Clone, Debug)]
pub enum Until {
    /// So long.
    For(Spanned<Period>),
    /// So much of the client's business time.
    Business(Spanned<Period>),
    /// Until a moment.
    At(Spanned<Expression>),
    /// Until an event comes, or the time is over.
    Event {
        /// Which event, and whose.
        on: On,
        /// What its key must equal; `limits.one_at_a_time` unless said.
        equals: Option<Spanned<Expression>>,
        /// How long.
        within: Spanned<Period>,
    },
}

/// An event, and the field of it that tells whose it is.
#[derive(Clone, Debug)]
pub struct On {
    /// Whose event.
    pub connection: Spanned<ConnectionId>,
    /// Which event.
    pub event: Spanned<EventName>,
    /// The field of the event: a fact.
    pub key: Spanned<Name>,
}

/// An event that ends runs `superseded`.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The table.
    pub span: Range<usize>,
    /// Which event, and whose.
    pub on: On,
    /// What its key must equal; `limits.one_at_a_time` unless said.
    pub equals: Option<Spanned<Expression>>,
}

impl Step {
    /// The steps inside it; none but for an `each`.
    pub fn inner(&self) -> &[Self] {
        match &self.action {
            Action::Each(each) => &each.steps,
            Action::Call { .. }
            | Action::Ask { .. }
            | Action::Decide { .. }
            | Action::Set { .. }
            | Action::Wait { .. }
            | Action::Stop { .. } => &[],
        }
    }
}

/// What an `ask` may use.
#[derive(Clone, Debug)]
pub struct AskLimit {
    /// Tokens of one answer.
    pub tokens: u32,
    /// Tries in all, invalid answers included.
    pub tries: u32,
    /// What all tries together may cost.
    pub spend: Option<Spanned<Spend>>,
}

/// An amount of money.
#[derive(Clone, Debug)]
pub struct Spend {
    /// Minor units.
    pub most: u64,
    /// ISO 4217.
    pub currency: String,
}
