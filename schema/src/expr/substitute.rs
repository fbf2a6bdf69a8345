//! Settings of a library workflow become constants when it is lowered to a plan.

use std::collections::BTreeMap;

use super::ast::{Node, NodeKind, Path, Program};
use super::decimal::Decimal;
use super::error::{ExprError, ExprErrorKind};
use super::parse::node;
use crate::id::Name;
use crate::time::Period;

/// A constant that stands for a setting.
#[derive(Clone, PartialEq)]
pub enum Constant {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A decimal.
    Decimal(Decimal),
    /// A text.
    Text(String),
    /// A length of time.
    Period(Period),
}

impl Constant {
    fn kind(&self) -> NodeKind {
        match self {
            Self::Boolean(truth) => NodeKind::Boolean(*truth),
            Self::Integer(n) => NodeKind::Integer(*n),
            Self::Decimal(d) => NodeKind::Decimal(*d),
            Self::Text(text) => NodeKind::Text(text.clone()),
            Self::Period(period) => NodeKind::Period(*period),
        }
    }
}

impl Program {
    /// The same with `<root>.<name>` replaced by constants: `settings.lookback`.
    ///
    /// # Errors
    /// When a setting is named that does not exist.
    pub fn with_constants(&self, root: &str, constants: &BTreeMap<Name, Constant>) -> Result<Self, ExprError> {
        replace(&self.root, root, constants).map(|root| Self { root: root.into() })
    }
}

fn replace(of: &Node, root: &str, constants: &BTreeMap<Name, Constant>) -> Result<Node, ExprError> {
    let again = |node: &Node| replace(node, root, constants);
    let boxed = |node: &Node| again(node).map(Box::new);
    let all = |nodes: &[Node]| nodes.iter().map(again).collect::<Result<Vec<_>, _>>();
    let kind = match &of.kind {
        NodeKind::Path(path) | NodeKind::Has(path) if path.root.as_str() == root => {
            let constant = constant(path, of, constants)?;
            if matches!(of.kind, NodeKind::Has(_)) { NodeKind::Boolean(true) } else { constant.kind() }
        }
        NodeKind::Boolean(_)
        | NodeKind::Integer(_)
        | NodeKind::Decimal(_)
        | NodeKind::Text(_)
        | NodeKind::Period(_)
        | NodeKind::Instant(_)
        | NodeKind::Now
        | NodeKind::Path(_)
        | NodeKind::Has(_) => of.kind.clone(),
        NodeKind::Field(inner, field) => NodeKind::Field(boxed(inner)?, field.clone()),
        NodeKind::Index(a, b) => NodeKind::Index(boxed(a)?, boxed(b)?),
        NodeKind::List(nodes) => NodeKind::List(all(nodes)?),
        NodeKind::Not(inner) => NodeKind::Not(boxed(inner)?),
        NodeKind::Negate(inner) => NodeKind::Negate(boxed(inner)?),
        NodeKind::And(nodes) => NodeKind::And(all(nodes)?),
        NodeKind::Or(nodes) => NodeKind::Or(all(nodes)?),
        NodeKind::Binary(operator, a, b) => NodeKind::Binary(*operator, boxed(a)?, boxed(b)?),
        NodeKind::Choose(a, b, c) => NodeKind::Choose(boxed(a)?, boxed(b)?, boxed(c)?),
        NodeKind::Call(function, nodes) => NodeKind::Call(*function, all(nodes)?),
        NodeKind::Each(each, a, variable, b) => NodeKind::Each(*each, boxed(a)?, variable.clone(), boxed(b)?),
    };
    node(kind, of.span.clone())
}

fn constant<'c>(path: &Path, of: &Node, constants: &'c BTreeMap<Name, Constant>) -> Result<&'c Constant, ExprError> {
    match path.fields.as_slice() {
        [name] => constants.get(name.as_str()),
        _ => None,
    }
    .ok_or_else(|| {
        let written = path.fields.iter().map(Name::as_str).collect::<Vec<_>>().join(".");
        let kind = match ExprErrorKind::unknown(&written, constants.keys().map(Name::as_str)) {
            ExprErrorKind::UnknownName { nearest, known, .. } => {
                ExprErrorKind::UnknownName { name: path.to_string(), nearest, known }
            }
            other => other,
        };
        ExprError { span: of.span.clone(), kind }
    })
}
