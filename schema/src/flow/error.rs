//! What can be wrong with a plan, and at which of its parts.

use std::fmt;
use std::ops::Range;

use crate::code::Code;
use crate::expr::ExprError;
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
    /// The step's place in the plan; none for what belongs to the whole workflow.
    pub step: Option<usize>,
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
    /// A parameter, or what stands beside a prompt.
    With(Name),
    /// `sources` of an `ask`.
    Sources,
    /// A path that a `decide` shows, by place.
    Show(usize),
    /// A path that a `decide` lets people edit, by place.
    Edit(usize),
    /// A value that a `set` computes.
    Set(Name),
    /// A parameter of the list that the trigger reads.
    Poll(Name),
    /// `limits.one_at_a_time`.
    OneAtATime,
    /// `when` of a KPI, by place.
    KpiWhen(usize),
    /// `sum` of a KPI.
    KpiSum(usize),
    /// A label of a KPI: the KPI's place, then the label's.
    KpiBy(usize, usize),
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
    /// A value that must be a fact: of class `reference` or lower, and of bounded shape.
    NotAFact,
    /// A KPI's label that is no declared enumeration, or a sum of what is no number.
    NotCountable,
}

impl PlanError {
    /// Byte offsets into the text of the part, where only a stretch of it is wrong.
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.kind {
            PlanErrorKind::Expression(error) => Some(error.span.clone()),
            _ => None,
        }
    }

    /// The code of the finding that this makes.
    pub fn code(&self) -> Code {
        match &self.kind {
            PlanErrorKind::Expression(error) => error.kind.code(),
            PlanErrorKind::UnknownParam(_) | PlanErrorKind::UnknownOperation(_) => Code::UnknownName,
            PlanErrorKind::TakenName(_) => Code::DuplicateName,
            PlanErrorKind::MissingParam(_) | PlanErrorKind::NotAPath | PlanErrorKind::NotShown(_) => Code::BadValue,
            PlanErrorKind::NotAFact | PlanErrorKind::NotCountable => Code::TypeMismatch,
        }
    }

    /// What to do, where it is more than the code's own advice.
    pub fn help(&self) -> Option<String> {
        match &self.kind {
            PlanErrorKind::Expression(error) => error.kind.help(),
            PlanErrorKind::MissingParam(name) => Some(format!("Add `{name}` to `with`.")),
            PlanErrorKind::NotAPath => Some("Write the path of one value, like `ticket.subject`.".into()),
            PlanErrorKind::NotShown(path) => Some(format!("Add `{path}` to `show`.")),
            PlanErrorKind::NotAFact => Some("Use a field of class `reference`.".into()),
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
            PlanErrorKind::NotShown(path) => write!(f, "`{path}` can be edited but is not shown"),
            PlanErrorKind::NotAFact => {
                f.write_str("only a fact may stand here: a value of class `reference` or lower and of bounded shape")
            }
            PlanErrorKind::NotCountable => {
                f.write_str("a KPI sums numbers and amounts that are facts, and is divided by declared enumerations")
            }
        }
    }
}

impl std::error::Error for PlanError {}
