//! Conditions that turn out the same in every run.

use super::ast::{Node, NodeKind, Operator, Program};
use super::eval::{Scope, eval};
use super::value::Value;
use crate::time::{Moment, Period};

/// What a condition always is; nothing when it depends on a run.
///
/// Literals are computed; beyond that, `&&` of a part and its contrary is false, and so is `&&` of two different constants
/// that one value should equal.
pub fn constant(program: &Program) -> Option<bool> {
    truth(&program.root)
}

fn truth(node: &Node) -> Option<bool> {
    match &node.kind {
        NodeKind::Boolean(truth) => Some(*truth),
        NodeKind::Not(of) => truth(of).map(|truth| !truth),
        NodeKind::And(nodes) => {
            let each: Vec<Option<bool>> = nodes.iter().map(truth).collect();
            if each.contains(&Some(false)) || contradicts(nodes) {
                return Some(false);
            }
            each.iter().all(|truth| *truth == Some(true)).then_some(true)
        }
        NodeKind::Or(nodes) => {
            let each: Vec<Option<bool>> = nodes.iter().map(truth).collect();
            if each.contains(&Some(true)) {
                return Some(true);
            }
            each.iter().all(|truth| *truth == Some(false)).then_some(false)
        }
        NodeKind::Choose(condition, yes, no) => match truth(condition) {
            Some(true) => truth(yes),
            Some(false) => truth(no),
            None => truth(yes).filter(|yes| Some(*yes) == truth(no)),
        },
        NodeKind::Binary(..) if is_literal(node) => eval(&Program { root: node.clone() }, &Nothing).ok()?.as_boolean(),
        _ => None,
    }
}

/// Whether two operands of `&&` can never both be true.
fn contradicts(nodes: &[Node]) -> bool {
    let pairs = nodes.iter().enumerate().flat_map(|(place, a)| nodes.iter().skip(place + 1).map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| is_contrary(a, b) || is_contrary(b, a) || equals_two(a, b))
}

fn is_contrary(one: &Node, other: &Node) -> bool {
    match (&one.kind, equality(other)) {
        (NodeKind::Not(of), _) => **of == *other,
        (NodeKind::Binary(Operator::NotEqual, value, constant), Some(equal)) => (&**value, &**constant) == equal,
        _ => false,
    }
}

/// `a == 'x' && a == 'y'`.
fn equals_two(one: &Node, other: &Node) -> bool {
    let (Some((value, first)), Some((same, second))) = (equality(one), equality(other)) else { return false };
    value == same && first != second && is_literal(first) && is_literal(second)
}

/// The sides of an `==`.
fn equality(node: &Node) -> Option<(&Node, &Node)> {
    match &node.kind {
        NodeKind::Binary(Operator::Equal, left, right) => Some((left, right)),
        _ => None,
    }
}

fn is_literal(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Boolean(_)
        | NodeKind::Integer(_)
        | NodeKind::Decimal(_)
        | NodeKind::Text(_)
        | NodeKind::Period(_)
        | NodeKind::Instant(_) => true,
        NodeKind::Negate(_) | NodeKind::List(_) | NodeKind::Binary(..) => node.children().into_iter().all(is_literal),
        _ => false,
    }
}

/// A run of which nothing is known.
struct Nothing;

impl Scope for Nothing {
    fn root(&self, _: &str) -> Option<&Value> {
        None
    }

    fn now(&self) -> Moment {
        Moment::from_seconds(0)
    }

    fn zone(&self) -> &jiff::tz::TimeZone {
        const UTC: &jiff::tz::TimeZone = &jiff::tz::TimeZone::UTC;
        UTC
    }

    fn pseudonym(&self, _: &str) -> Option<String> {
        None
    }

    fn business(&self, _: Moment, _: Period) -> Option<Moment> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<bool>) {
        let program = Program::parse(text).expect("an expression");
        assert_eq!(constant(&program), wanted, "{text}");
    }

    #[test]
    fn what_no_run_can_change_is_known() {
        check("false", Some(false));
        check("1 > 2", Some(false));
        check("'a' == 'a' && 2 in [1, 2]", Some(true));
        check("a.b && 1 + 1 == 3", Some(false));
        check("a.b || !false", Some(true));
        check("a.b == 'x' && a.b == 'y'", Some(false));
        check("a.b == 'x' && a.b != 'x'", Some(false));
        check("a.b && !a.b", Some(false));
        check("a.b ? false : false", Some(false));
        check("a.b == 'x' && a.c == 'y'", None);
        check("a.b == 'x' || a.b == 'y'", None);
        check("a.b || false", None);
    }
}
