//! What turns out the same in every run: conditions that are always true or false, and parts that always fail.

use super::ast::{Node, NodeKind, Operator, Path, Program};
use super::eval::{EvalCode, EvalError, Scope, eval};
use super::functions::Function;
use super::value::Value;
use crate::time::{Moment, Period};

/// What a condition always is; nothing when it depends on a run.
///
/// Literals are computed; beyond that, `&&` of a part and its contrary is false, and so is `&&` of two different constants
/// that one value should equal.
///
/// `surely` says of which paths that `has` asks for every run has them.
pub fn constant(program: &Program, surely: impl Fn(&Path) -> bool) -> Option<bool> {
    truth(&program.root, &surely)
}

fn truth(node: &Node, surely: &dyn Fn(&Path) -> bool) -> Option<bool> {
    let truth = |node: &Node| truth(node, surely);
    match &node.kind {
        NodeKind::Has(path) if surely(path) => Some(true),
        NodeKind::Boolean(truth) => Some(*truth),
        NodeKind::Not(of) => truth(of).map(|is| !is),
        NodeKind::And(nodes) => {
            let each: Vec<Option<bool>> = nodes.iter().map(truth).collect();
            if each.contains(&Some(false)) || contradicts(nodes) {
                return Some(false);
            }
            each.iter().all(|is| *is == Some(true)).then_some(true)
        }
        NodeKind::Or(nodes) => {
            let each: Vec<Option<bool>> = nodes.iter().map(truth).collect();
            if each.contains(&Some(true)) {
                return Some(true);
            }
            each.iter().all(|is| *is == Some(false)).then_some(false)
        }
        NodeKind::Choose(condition, yes, no) => match truth(condition) {
            Some(true) => truth(yes),
            Some(false) => truth(no),
            None => truth(yes).filter(|yes| Some(*yes) == truth(no)),
        },
        // Nothing is among no values.
        NodeKind::Binary(Operator::In, _, list) if matches!(&list.kind, NodeKind::List(none) if none.is_empty()) => {
            Some(false)
        }
        NodeKind::Binary(..) | NodeKind::Call(..) | NodeKind::Each(..) | NodeKind::Index(..) if is_closed(node) => {
            value(node).ok()?.as_boolean()
        }
        _ => None,
    }
}

/// The part of an expression that fails in every run that comes to it, and how; nothing where none does.
pub(super) fn failing(node: &Node) -> Option<EvalError> {
    // Lists may be walked in lists: that would take longer than a check may.
    if is_closed(node) && !walks(node) {
        return value(node).err();
    }
    by_argument(node).or_else(|| node.children().find_map(failing))
}

fn walks(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Each(..)) || node.children().any(walks)
}

/// What fails whatever the other value is.
fn by_argument(node: &Node) -> Option<EvalError> {
    let (part, code) = match &node.kind {
        NodeKind::Binary(Operator::Divide | Operator::Modulo, _, by) => (&**by, EvalCode::DivisionByZero),
        NodeKind::Call(Function::Split | Function::Truncate, arguments) => (arguments.get(1)?, EvalCode::OutOfRange),
        _ => return None,
    };
    let fails = match (&part.kind, code) {
        (NodeKind::Integer(number), EvalCode::DivisionByZero) => *number == 0,
        (NodeKind::Text(separator), _) => separator.is_empty(),
        (NodeKind::Negate(number), _) => matches!(number.kind, NodeKind::Integer(number) if number > 0),
        _ => false,
    };
    fails.then(|| EvalError { span: node.span.clone(), code })
}

fn value(node: &Node) -> Result<Value, EvalError> {
    eval(&Program { root: node.clone().into() }, &Nothing)
}

/// Whether a part reads nothing of a run, of the client or of the clock.
pub(crate) fn is_closed(node: &Node) -> bool {
    fn closed<'n>(node: &'n Node, locals: &mut Vec<&'n str>) -> bool {
        match &node.kind {
            NodeKind::Path(path) => locals.contains(&path.root.as_str()),
            NodeKind::Has(_) | NodeKind::Now => false,
            NodeKind::Call(function, arguments) => {
                !function.asks_the_client() && arguments.iter().all(|argument| closed(argument, locals))
            }
            NodeKind::Each(_, of, variable, body) => {
                let list = closed(of, locals);
                locals.push(variable.as_str());
                let body = closed(body, locals);
                locals.pop();
                list && body
            }
            _ => node.children().all(|child| closed(child, locals)),
        }
    }
    closed(node, &mut Vec::new())
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
        NodeKind::Negate(_) | NodeKind::List(_) | NodeKind::Binary(..) => node.children().all(is_literal),
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
        assert_eq!(constant(&program, |path| path.to_string() == "a.always"), wanted, "{text}");
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
        check("size('abc') == 4", Some(false));
        check("[1, 2].exists(x, x > 5)", Some(false));
        check("[1, 2].all(x, x < 5)", Some(true));
        check("a.b in []", Some(false));
        check("'abc'.startsWith('a')", Some(true));
        check("hour(timestamp('2026-01-01T00:00:00Z')) == 0", None);
        check("1 / 0 == 1", None);
        check("!has(a.always)", Some(false));
        check("has(a.always) || a.b", Some(true));
        check("!has(a.always) && a.b", Some(false));
        check("!has(a.b)", None);
    }

    #[test]
    fn what_fails_in_every_run_is_known() {
        let code = |text: &str| {
            let program = Program::parse(text).expect("an expression");
            failing(&program.root).map(|error| (error.code, text.get(error.span).unwrap_or_default().to_owned()))
        };
        let fails = |text: &str, code_of: EvalCode, at: &str| {
            assert_eq!(code(text), Some((code_of, at.to_owned())), "{text}");
        };
        fails("a.b > 1 / 0", EvalCode::DivisionByZero, "1 / 0");
        fails("a.b % 0 == 1", EvalCode::DivisionByZero, "a.b % 0");
        fails("int('x')", EvalCode::NotConvertible, "int('x')");
        fails("money(1, 'EUR') + money(1, 'USD')", EvalCode::OtherCurrency, "money(1, 'EUR') + money(1, 'USD')");
        fails("[1, 2][5]", EvalCode::OutOfRange, "[1, 2][5]");
        fails("'abc'.truncate(-1)", EvalCode::OutOfRange, "'abc'.truncate(-1)");
        fails("a.b.split('')", EvalCode::OutOfRange, "a.b.split('')");
        for fine in ["1 / 2 == 0", "false && 1 / 0 == 1", "a.b / a.c", "a.b.split(',')", "[1, 2][1]", "-1"] {
            assert_eq!(code(fine), None, "{fine}");
        }
    }
}
