//! What can be wrong with a plan, and at which of its parts.

use std::fmt;
use std::ops::Range;

use crate::code::Code;
use crate::expr::{ExprError, ExprErrorKind};
use crate::id::{Name, OperationRef};

/// A part of a plan that something is wrong with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Where.
    pub site: Site,
    /// What.
    pub kind: PlanErrorKind,
}

/// A part of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The step; none for what belongs to the whole workflow.
    pub step: Option<Name>,
    /// Which part of it.
    pub part: Part,
}

/// A part of a step or workflow that holds expressions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The step's id.
    Id,
    /// `when` of a step.
    When,
    /// The operation that a step calls.
    Operation,
    /// How a step is retried.
    Retry,
    /// A parameter, or what stands beside a prompt.
    With(Name),
    /// `sources` of an `ask`.
    Sources,
    /// A field that an AI answers.
    Answer(Name),
    /// A path that a `decide` shows, by place.
    Show(usize),
    /// A path that a `decide` lets people edit, by place.
    Edit(usize),
    /// A channel of a `decide`, by place.
    Via(usize),
    /// A value that a `set` computes.
    Set(Name),
    /// A parameter of the list that the trigger reads.
    Poll(Name),
    /// What starts a run.
    Trigger,
    /// The list that an `each` walks.
    Over,
    /// What the steps inside an `each` call the item.
    Item,
    /// `key` of an `each`.
    Key,
    /// The moment that a `wait` waits for, or what its event must match.
    Until,
    /// What the event of a `[[cancel]]` must match, by place.
    Cancel(usize),
    /// `limits.one_at_a_time`.
    OneAtATime,
    /// `when` of a KPI, by place.
    KpiWhen(usize),
    /// `sum` of a KPI.
    KpiSum(usize),
    /// A label of a KPI: the KPI's place, then the label's.
    KpiBy(usize, usize),
    /// How long one count of a KPI lasts, by place.
    KpiPer(usize),
    /// `fallback.open`.
    Open,
}

/// What can be wrong with a part of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanErrorKind {
    /// An expression or template.
    Expression(ExprError),
    /// A parameter that the operation needs.
    MissingParam(Name),
    /// A parameter that the operation does not have.
    UnknownParam(Name),
    /// An operation that the plan does not hold.
    UnknownOperation(OperationRef),
    /// A step's id that stands twice or that expressions cannot spell.
    TakenName(Name),
    /// Something other than a path where only a path may stand.
    NotAPath,
    /// A path that people may edit without being shown it.
    NotShown(String),
    /// Something that people may edit and is no text that people write.
    NotWritten(String),
    /// A key of an `each` that says the same of every item.
    SameKey(Name),
    /// A value of another shape than a fact has.
    NotBounded,
    /// A key that nothing is told apart by: no token, constant or integer.
    NotAKey(String),
    /// A value that must be a fact: of class `reference` or lower, and of bounded shape.
    NotAFact,
    /// What an `each` walks and is no list.
    NotAList(String),
    /// What a `wait` waits for and is no moment.
    NotAMoment(String),
    /// A link that does not lead to a host that the workflow names.
    NotALink,
    /// An `each` inside an `each`.
    Nested,
}

impl PlanError {
    /// Byte offsets into the text of the part, where only a stretch of it is wrong.
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.kind {
            PlanErrorKind::Expression(error) => Some(error.span.clone()),
            _ => None,
        }
    }

    /// Whether it is there because of another error alone, where something is made that is read here.
    pub fn is_echo(&self) -> bool {
        matches!(&self.kind, PlanErrorKind::Expression(ExprError { kind: ExprErrorKind::ReadsWrong { .. }, .. }))
    }

    /// The code of the finding that this makes.
    pub fn code(&self) -> Code {
        match &self.kind {
            PlanErrorKind::Expression(error) => error.kind.code(),
            PlanErrorKind::UnknownParam(_) | PlanErrorKind::UnknownOperation(_) => Code::UnknownName,
            PlanErrorKind::TakenName(_) => Code::DuplicateName,
            PlanErrorKind::MissingParam(_)
            | PlanErrorKind::NotAPath
            | PlanErrorKind::NotShown(_)
            | PlanErrorKind::NotWritten(_)
            | PlanErrorKind::SameKey(_)
            | PlanErrorKind::NotALink
            | PlanErrorKind::Nested => Code::BadValue,
            PlanErrorKind::NotAFact
            | PlanErrorKind::NotBounded
            | PlanErrorKind::NotAKey(_)
            | PlanErrorKind::NotAList(_)
            | PlanErrorKind::NotAMoment(_) => Code::TypeMismatch,
        }
    }

    /// What to do, where it is more than the code's own advice.
    pub fn help(&self) -> Option<String> {
        match &self.kind {
            PlanErrorKind::Expression(error) => error.kind.help(),
            PlanErrorKind::MissingParam(name) => Some(format!("Add `{name}` to `with`.")),
            PlanErrorKind::NotAPath => Some("Write the path of one value, like `ticket.subject`.".into()),
            PlanErrorKind::NotShown(path) => Some(format!("Add `{path}` to `show`.")),
            PlanErrorKind::NotWritten(_) => Some(
                "Remove it from `edit`: who sees a wrong fact says no. What people may write anew are texts.".into(),
            ),
            PlanErrorKind::SameKey(item) => {
                Some(format!("Use a field of the item that no two items share, like `{item}.id`."))
            }
            PlanErrorKind::NotBounded => Some("Use a field of a type like `token`.".into()),
            PlanErrorKind::NotAKey(_) => Some("Use a field of type `token` or `integer`.".into()),
            PlanErrorKind::NotAFact => Some("Use a field of class `reference`.".into()),
            PlanErrorKind::NotAList(_) => Some("Write the path of a list, like `orders.items`.".into()),
            PlanErrorKind::NotAMoment(_) => {
                Some("Write an instant, like `now + duration('2h')` or `business(now, duration('4h'))`.".into())
            }
            PlanErrorKind::NotALink => Some("Begin with `https://`, the host and a `/`, before the first hole.".into()),
            PlanErrorKind::Nested => Some("Walk the inner list with `map`, `filter` or a workflow of its own.".into()),
            _ => None,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PlanErrorKind::Expression(error) => error.fmt(f),
            PlanErrorKind::MissingParam(name) => write!(f, "the operation needs the parameter `{name}`"),
            PlanErrorKind::UnknownParam(name) => write!(f, "the operation has no parameter `{name}`"),
            PlanErrorKind::UnknownOperation(operation) => write!(f, "the plan holds no operation `{operation}`"),
            PlanErrorKind::TakenName(name) => write!(f, "`{name}` is already the name of something else"),
            PlanErrorKind::NotAPath => f.write_str("only the path of one value may stand here"),
            PlanErrorKind::NotShown(path) => write!(f, "`{path}` is used by the decision but not shown"),
            PlanErrorKind::NotWritten(found) => {
                write!(f, "people may edit a text of class `content` or `personal`, and this is {found}")
            }
            PlanErrorKind::SameKey(item) => {
                write!(f, "the key does not read `{item}`, so it is the same for every item")
            }
            PlanErrorKind::NotBounded => {
                f.write_str("only a value of bounded shape may stand here: a token, an integer, an instant, an amount")
            }
            PlanErrorKind::NotAFact => {
                f.write_str("only a fact may stand here: a value of class `reference` or lower and of bounded shape")
            }
            PlanErrorKind::NotAKey(found) => {
                write!(f, "a key is a token, a constant or an integer, and this is {found}")
            }
            PlanErrorKind::NotAList(found) => write!(f, "an `each` walks a list, and this is {found}"),
            PlanErrorKind::NotAMoment(found) => write!(f, "a `wait` ends at an instant, and this is {found}"),
            PlanErrorKind::NotALink => f.write_str("a link leads to a host that the workflow itself names"),
            PlanErrorKind::Nested => f.write_str("an `each` stands inside an `each`"),
        }
    }
}

impl std::error::Error for PlanError {}
