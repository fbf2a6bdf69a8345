//! The tree of an expression. Only the parser builds it, so its depth and size are bounded.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::decimal::Decimal;
use super::functions::Function;
use crate::id::Name;
use crate::time::{Moment, Period};

/// A parsed expression.
///
/// # Shape
/// At most [`super::DEPTH_MOST`] deep and [`super::TEXT_MOST_BYTES`] long, so walking it needs no limit of its own.
#[derive(Clone, PartialEq)]
pub struct Program {
    /// Shared: whoever parses a text that was parsed before gets the same tree.
    pub(crate) root: Arc<Node>,
}

impl Program {
    /// The conditions that must all hold for this one to hold, with their places in its text: the parts of an `&&` in
    /// order, or itself alone.
    pub fn operands(&self) -> Vec<(Range<usize>, Self)> {
        let parts = match &self.root.kind {
            NodeKind::And(parts) => parts.as_slice(),
            _ => std::slice::from_ref(&*self.root),
        };
        parts.iter().map(|part| (part.span.clone(), Self { root: part.clone().into() })).collect()
    }

    /// The names of which something must be there for this condition to hold: those asked for with `has`, or said yes to.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &Name> {
        self.root.conjuncts().iter().filter_map(|part| match &part.kind {
            NodeKind::Has(path) | NodeKind::Path(path) => Some(&path.root),
            _ => None,
        })
    }

    /// The path that the expression is, when it is nothing else.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.root.kind {
            NodeKind::Path(path) => Some(path),
            _ => None,
        }
    }
}

/// A name and the fields that are read from it: `ticket.parts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// `trigger`, `settings`, a step's id, or the variable of a list function.
    pub root: Name,
    /// Fields, outermost first.
    pub fields: Vec<Name>,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str())?;
        self.fields.iter().try_for_each(|field| write!(f, ".{field}"))
    }
}

/// One part of an expression.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Range<usize>,
    pub(crate) depth: u16,
}

/// Two parts are equal when they say the same, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Clone, PartialEq)]
pub(crate) enum NodeKind {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(String),
    Period(Period),
    Instant(Moment),
    Now,
    Path(Path),
    Has(Path),
    Field(Box<Node>, Name),
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// Two or more, joined by `&&`.
    And(Vec<Node>),
    /// Two or more, joined by `||`.
    Or(Vec<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Choose(Box<Node>, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    Each(Each, Box<Node>, Name, Box<Node>),
}

/// A function over each item of a list: `items.exists(i, i.done)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Each {
    Exists,
    All,
    Filter,
    Map,
}

impl Each {
    pub(crate) const ALL: [Self; 4] = [Self::Exists, Self::All, Self::Filter, Self::Map];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::All => "all",
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

impl Operator {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// How strongly it binds; a larger number binds first. All of one strength associate to the left.
    pub(crate) fn strength(self) -> u8 {
        match self {
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In => 1,
            Self::Plus | Self::Minus => 2,
            Self::Times | Self::Divide | Self::Modulo => 3,
        }
    }
}

impl Node {
    /// The parts directly below this one, in the order of the text.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Node> {
        let (few, many): ([Option<&Node>; 3], &[Node]) = match &self.kind {
            NodeKind::Boolean(_)
            | NodeKind::Integer(_)
            | NodeKind::Decimal(_)
            | NodeKind::Text(_)
            | NodeKind::Period(_)
            | NodeKind::Instant(_)
            | NodeKind::Now
            | NodeKind::Path(_)
            | NodeKind::Has(_) => ([None; 3], &[]),
            NodeKind::Field(of, _) | NodeKind::Not(of) | NodeKind::Negate(of) => ([Some(of), None, None], &[]),
            NodeKind::Index(a, b) | NodeKind::Binary(_, a, b) | NodeKind::Each(_, a, _, b) => {
                ([Some(a), Some(b), None], &[])
            }
            NodeKind::List(nodes) | NodeKind::And(nodes) | NodeKind::Or(nodes) | NodeKind::Call(_, nodes) => {
                ([None; 3], nodes)
            }
            NodeKind::Choose(a, b, c) => ([Some(a), Some(b), Some(c)], &[]),
        };
        few.into_iter().flatten().chain(many)
    }

    /// What must all be true for this to be true: the operands of `&&`, or the part itself.
    pub(crate) fn conjuncts(&self) -> &[Node] {
        match &self.kind {
            NodeKind::And(nodes) => nodes,
            _ => std::slice::from_ref(self),
        }
    }
}
