//! `clients/<client>/workflows/<name>.toml` and `library/<name>.toml`: trigger, steps, limits, KPIs, fallback.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Spanned;
use crate::id::{ConnectionId, EventName, GroupId, Name, OperationRef, WorkflowId};
use crate::plan::{AfterFile, Answer, Channel, Expression, Missed, Mode, OnItemError, Retry};
use crate::shape::{Field, Shape, is_decimal, is_token};
use crate::time::Period;

/// What a client's workflow file holds.
#[derive(Clone, Debug)]
pub enum WorkflowFile {
    /// A workflow of its own.
    Own(Box<Workflow>),
    /// A workflow of the library, with settings.
    Use(Use),
}

/// A use of a library workflow.
#[derive(Clone, Debug)]
pub struct Use {
    /// The library workflow.
    pub library: Spanned<WorkflowId>,
    /// What this client sets.
    pub settings: BTreeMap<Spanned<Name>, Spanned<Literal>>,
    /// Classes that this client raises.
    pub classes: Classes,
    /// Settings that are set to something that could not be read.
    pub unread: BTreeSet<String>,
}

/// Classes that a workflow raises above the catalog's, by `<record>.<field>`; templates with settings.
pub type Classes = BTreeMap<Spanned<String>, Spanned<String>>;

/// A workflow that many clients share.
#[derive(Clone, Debug)]
pub struct Library {
    /// What a client may set; read as `settings.<name>`. Empty where another library workflow is used: its settings are
    /// the client's to set, too.
    pub settings: BTreeMap<Spanned<Name>, Setting>,
    /// The workflow, or a use of another one of the library, whose settings it sets anew.
    pub body: WorkflowFile,
    /// Settings of which not all could be read.
    pub unread: BTreeSet<String>,
}

/// One setting of a library workflow.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What it takes.
    pub kind: Spanned<SettingType>,
    /// What holds when a client sets nothing; absent when it must. Fits `kind`.
    pub default: Option<Spanned<Literal>>,
}

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingType {
    /// Any text of at most 4,096 bytes.
    Text,
    /// 1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`.
    Token,
    /// An integer within ±(2^53 − 1).
    Integer,
    /// A decimal, written as text.
    Decimal,
    /// True or false.
    Boolean,
    /// A period, written as text.
    Period,
    /// One of these texts.
    OneOf(Vec<String>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
}

/// The largest text setting, in bytes: a paragraph.
const SETTING_MOST_BYTES: usize = 4_096;

impl SettingType {
    /// A constant that fits: stands for a setting that nobody set, so that the rest can be looked at.
    pub fn sample(&self) -> Literal {
        match self {
            Self::Boolean => Literal::Boolean(false),
            Self::Integer => Literal::Integer(1),
            Self::Text | Self::Token => Literal::Text("x".into()),
            Self::Decimal => Literal::Text("1".into()),
            Self::Period => Literal::Text("1d".into()),
            Self::OneOf(values) => Literal::Text(values.first().map(ToString::to_string).unwrap_or_default()),
        }
    }

    /// Whether a constant fits.
    pub fn takes(&self, literal: &Literal) -> bool {
        match (self, literal) {
            (Self::Boolean, Literal::Boolean(_)) => true,
            (Self::Integer, Literal::Integer(n)) => n.unsigned_abs() <= crate::canon::INTEGER_MOST.unsigned_abs(),
            (Self::Text, Literal::Text(text)) => text.len() <= SETTING_MOST_BYTES,
            (Self::Token, Literal::Text(text)) => is_token(text),
            (Self::Decimal, Literal::Text(text)) => is_decimal(text),
            (Self::Period, Literal::Text(text)) => text.parse::<Period>().is_ok(),
            (Self::OneOf(values), Literal::Text(text)) => values.contains(text),
            (
                Self::Text
                | Self::Token
                | Self::Integer
                | Self::Decimal
                | Self::Boolean
                | Self::Period
                | Self::OneOf(_),
                Literal::Boolean(_) | Literal::Integer(_) | Literal::Text(_),
            ) => false,
        }
    }

    /// What a constant must be, as a sentence fragment.
    pub fn wanted(&self) -> String {
        match self {
            Self::Text => "a text of at most 4096 bytes".into(),
            Self::Token => "1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`".into(),
            Self::Integer => "an integer".into(),
            Self::Decimal => "a decimal as text, like `\"0.5\"`".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Period => "a period like `30s`, `10m`, `4h` or `7d`".into(),
            Self::OneOf(values) => {
                format!("one of {}", values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its id; the name of its file.
    pub name: Spanned<WorkflowId>,
    /// What it does, for people.
    pub summary: Spanned<String>,
    /// A Fideslang data use.
    pub purpose: Spanned<String>,
    /// Whether effects are done or only recorded.
    pub mode: Mode,
    /// Classes that it raises.
    pub classes: Classes,
    /// What starts a run.
    pub trigger: Spanned<Trigger>,
    /// What bounds a run; `no-limits` where it is absent.
    pub limits: Option<Limits>,
    /// The steps in order; at least one.
    pub steps: Vec<Step>,
    /// Events that end runs `superseded`.
    pub cancels: Vec<Cancel>,
    /// What is counted when a run ends `done`.
    pub kpis: Vec<Kpi>,
    /// Where work goes that automation could not finish; `no-fallback` where it is absent.
    pub fallback: Option<Fallback>,
    /// The steps of which something could not be read, and `trigger` where that is so of the trigger; none in a file that
    /// can be used.
    pub unread: BTreeSet<Name>,
    /// Whether a step has no id that could be read, so that a name that leads nowhere may be that of this step.
    pub nameless: bool,
}

/// What starts a run.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A signed event of a connection.
    Webhook {
        /// Whose event.
        connection: Spanned<ConnectionId>,
        /// Which event.
        event: Spanned<EventName>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
        /// The list in which events that were never delivered are found.
        reconcile: Option<Spanned<Poll>>,
    },
    /// A list that is read again and again.
    Poll {
        /// Which list, and how.
        poll: Spanned<Poll>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
    },
    /// Files of JSON that another system puts into a folder of the agent's host.
    Inbox {
        /// The folder's name below the client's own.
        folder: Spanned<Name>,
        /// Which names are taken.
        pattern: String,
        /// What becomes of a file that was taken.
        after: AfterFile,
        /// The fields that are taken; all of class `reference`.
        fields: BTreeMap<Spanned<Name>, Spanned<Field>>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
    },
    /// A crontab line.
    Schedule {
        /// Five fields.
        cron: Spanned<String>,
        /// An IANA time zone; the client's unless said.
        zone: Option<Spanned<String>>,
        /// What happens to times that passed while nothing ran.
        missed: Missed,
    },
    /// A person starts it.
    Manual {
        /// What the person gives; all of class `reference`.
        fields: BTreeMap<Spanned<Name>, Spanned<Field>>,
    },
}

/// A list that is read again and again.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The operation that reads; the catalog says how its list is walked.
    pub read: Spanned<OperationRef>,
    /// Its parameters besides the one that takes the cursor; constants.
    pub with: BTreeMap<Spanned<Name>, Spanned<Argument>>,
    /// How often.
    pub every: Period,
    /// How late an item may appear in the list.
    pub lag: Period,
}

/// What bounds a run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The table.
    pub span: Range<usize>,
    /// The time a run may take; `no-limits` where it is absent.
    pub timeout: Option<Spanned<Period>>,
    /// Runs at once; `no-limits` where it is absent.
    pub concurrency: Option<Spanned<u32>>,
    /// A fact: runs of one value go one after the other.
    pub one_at_a_time: Option<Spanned<Expression>>,
    /// Runs accepted per `one_at_a_time` value and day.
    pub per_key_per_day: Option<Spanned<u32>>,
    /// How long no event of a key may come before its run begins.
    pub debounce: Option<Spanned<Period>>,
    /// The longest that it waits for quiet, from the first event on.
    pub debounce_most: Option<Spanned<Period>>,
}

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

impl Workflow {
    /// Every step in order, those inside an `each` behind it.
    pub fn every_step(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.inner()))
    }
}

/// What is counted when a run ends `done`.
#[derive(Clone, Debug)]
pub struct Kpi {
    /// Its name.
    pub name: Spanned<Name>,
    /// Only runs for which this is true.
    pub when: Option<Spanned<Expression>>,
    /// A path whose value is summed instead of counting one.
    pub sum: Option<Spanned<String>>,
    /// Labels: paths of declared enumerations.
    pub by: Vec<Spanned<String>>,
    /// How long one count lasts.
    pub per: Option<Spanned<Period>>,
}

/// Where work goes that automation could not finish.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// The manual queue.
    pub queue: Spanned<GroupId>,
    /// A template for the link that people open.
    pub open: Option<Spanned<String>>,
    /// Whether a run whose content was lost by a restart goes to people instead of being read again.
    pub manual_on_restart: bool,
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
