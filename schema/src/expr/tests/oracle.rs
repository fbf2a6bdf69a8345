//! The `cel` crate as oracle: what we accept, it reads as the same tree.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use proptest::prelude::*;

use super::super::ast::{Node, NodeKind};
use super::laws::expression;
use super::*;

/// A tree as text with every bracket written: ours.
fn ours(node: &Node) -> String {
    let call = |function: &str, arguments: &[&Node]| {
        format!("{function}({})", arguments.iter().map(|a| ours(a)).collect::<Vec<_>>().join(","))
    };
    let chain =
        |sign: &str, nodes: &[Node]| format!("{sign}({})", nodes.iter().map(ours).collect::<Vec<_>>().join(","));
    match &node.kind {
        NodeKind::Boolean(truth) => truth.to_string(),
        NodeKind::Integer(n) => n.to_string(),
        NodeKind::Decimal(d) => format!("{:?}", d.to_text().parse::<f64>().expect("a number")),
        NodeKind::Text(text) => format!("{text:?}"),
        NodeKind::Period(_) | NodeKind::Instant(_) | NodeKind::Has(_) | NodeKind::Each(..) => {
            unreachable!("not in these expressions")
        }
        NodeKind::Now => "now".into(),
        NodeKind::Path(path) => path.to_string(),
        NodeKind::Field(of, field) => format!("{}.{field}", ours(of)),
        NodeKind::Index(a, b) => call("_[_]", &[a, b]),
        NodeKind::List(nodes) => format!("[{}]", nodes.iter().map(ours).collect::<Vec<_>>().join(",")),
        NodeKind::Not(of) => call("!_", &[of]),
        NodeKind::Negate(of) => call("-_", &[of]),
        NodeKind::And(nodes) => chain("_&&_", nodes),
        NodeKind::Or(nodes) => chain("_||_", nodes),
        NodeKind::Binary(operator, a, b) => match operator.as_str() {
            "in" => call("@in", &[a, b]),
            sign => call(&format!("_{sign}_"), &[a, b]),
        },
        NodeKind::Choose(a, b, c) => call("_?_:_", &[a, b, c]),
        NodeKind::Call(function, nodes) => call(function.as_str(), &nodes.iter().collect::<Vec<_>>()),
    }
}

/// A tree as text with every bracket written: that of `cel`.
fn theirs(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Literal(value) => literal(value),
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", theirs(&select.operand), select.field),
        Expr::List(list) => format!("[{}]", list.elements.iter().map(theirs).collect::<Vec<_>>().join(",")),
        Expr::Call(call) => {
            let mut arguments: Vec<String> = call.target.iter().map(|target| theirs(target)).collect();
            arguments.extend(call.args.iter().map(theirs));
            let first = arguments.first().cloned().unwrap_or_default();
            // Ours folds the sign of a number that is written out.
            if call.func_name == "-_" && first.parse::<f64>().is_ok() {
                return negated(&first);
            }
            // `cel` balances chains; ours are flat.
            if matches!(call.func_name.as_str(), "_&&_" | "_||_") {
                let mut parts = Vec::new();
                operands(expr, &call.func_name, &mut parts);
                return format!("{}({})", call.func_name, parts.join(","));
            }
            format!("{}({})", call.func_name, arguments.join(","))
        }
        _ => "?".into(),
    }
}

fn operands(expr: &IdedExpr, sign: &str, parts: &mut Vec<String>) {
    match &expr.expr {
        Expr::Call(call) if call.func_name == sign => call.args.iter().for_each(|part| operands(part, sign, parts)),
        _ => parts.push(theirs(expr)),
    }
}

fn literal(value: &LiteralValue) -> String {
    match value {
        LiteralValue::Boolean(truth) => truth.inner().to_string(),
        LiteralValue::Int(n) => n.inner().to_string(),
        LiteralValue::Double(d) if *d.inner() == 0.0 => "0.0".into(),
        LiteralValue::Double(d) => format!("{:?}", d.inner()),
        LiteralValue::String(text) => format!("{:?}", text.inner()),
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => "?".into(),
    }
}

fn negated(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if number.bytes().all(|b| matches!(b, b'0' | b'.')) => number.to_owned(),
        None => format!("-{number}"),
    }
}

fn agree(text: &str) -> Result<(), TestCaseError> {
    let our_tree = Program::parse(text).expect("an expression");
    let their_tree = cel::parser::PrattParser::default().parse(text);
    prop_assert!(their_tree.is_ok(), "cel refuses {}", text);
    let theirs = their_tree.map(|tree| theirs(&tree)).unwrap_or_default();
    prop_assert_eq!(ours(&our_tree.root), theirs, "{}", text);
    Ok(())
}

proptest! {
    #[test]
    fn cel_reads_the_same_tree(text in expression()) {
        // Macros of `cel` become loops; their own tests are in `laws`.
        prop_assume!(!text.contains("(p, "));
        agree(&text)?;
    }

    #[test]
    fn cel_binds_operators_the_same_way(
        parts in prop::collection::vec(
            ("(!|-)?(a|b\\.c|1|2\\.5|'x'|\\[a\\]|f)", prop::sample::select(vec![
                "==", "<", ">=", "in", "+", "-", "*", "/", "%", "&&", "||", "? a :",
            ])), 1..8)
    ) {
        let parts: Vec<String> = parts.iter().map(|(value, sign)| format!("{value} {sign}")).collect();
        let text = format!("{} a", parts.join(" "));
        agree(&text)?;
    }
}
