//! Tree to text: one spelling for each tree, so that data uses and plans do not depend on white space.

use std::fmt::{self, Write as _};

use super::ast::{Node, NodeKind, Operator, Program};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(&self.root))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({self})")
    }
}

/// The canonical text of a part.
pub(crate) fn to_text(node: &Node) -> String {
    printed(node, Names::Said)
}

/// The canonical text of a part in which no name stands: `field` is what is read, `item` what a list function walks. It stays the
/// same whatever steps are called.
pub(crate) fn to_form(node: &Node) -> String {
    printed(node, Names::LeftOut)
}

fn printed(node: &Node, names: Names) -> String {
    let mut out = String::with_capacity(64);
    write(node, 0, names, &mut out);
    out
}

/// Whether the names of steps, fields and variables are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Said,
    LeftOut,
}

/// How strongly the outermost sign of a part binds: 0 for `? :`, 1 `||`, 2 `&&`, 3 to 5 the operators, 6 signs before a
/// value, 7 everything that needs no brackets.
fn strength(node: &Node) -> u8 {
    match &node.kind {
        NodeKind::Choose(..) => 0,
        NodeKind::Or(_) => 1,
        NodeKind::And(_) => 2,
        NodeKind::Binary(operator, ..) => operator.strength() + 2,
        NodeKind::Not(_) | NodeKind::Negate(_) => 6,
        NodeKind::Integer(n) if *n < 0 => 6,
        NodeKind::Decimal(d) if *d < super::Decimal::default() => 6,
        _ => 7,
    }
}

fn write(node: &Node, least: u8, names: Names, out: &mut String) {
    let brackets = strength(node) < least;
    if brackets {
        out.push('(');
    }
    match &node.kind {
        NodeKind::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        NodeKind::Integer(n) => out.push_str(&n.to_string()),
        NodeKind::Decimal(d) => {
            let text = d.to_text();
            out.push_str(&text);
            // `1.0` keeps its type on the way back.
            if !text.contains('.') {
                out.push_str(".0");
            }
        }
        NodeKind::Text(text) => write_text(text, out),
        NodeKind::Period(period) => add(out, format_args!("duration('{period}')")),
        NodeKind::Instant(moment) => add(out, format_args!("timestamp('{moment}')")),
        NodeKind::Now => out.push_str("now"),
        NodeKind::Path(_) if names == Names::LeftOut => out.push_str("field"),
        NodeKind::Has(_) if names == Names::LeftOut => out.push_str("has(field)"),
        NodeKind::Path(path) => add(out, format_args!("{path}")),
        NodeKind::Has(path) => add(out, format_args!("has({path})")),
        NodeKind::Field(of, field) => {
            write(of, 7, names, out);
            add(out, format_args!(".{}", if names == Names::Said { field.as_str() } else { "field" }));
        }
        NodeKind::Index(of, index) => {
            write(of, 7, names, out);
            out.push('[');
            write(index, 0, names, out);
            out.push(']');
        }
        NodeKind::List(nodes) => {
            out.push('[');
            write_all(nodes, ", ", 0, names, out);
            out.push(']');
        }
        NodeKind::Not(of) => {
            out.push('!');
            write(of, if matches!(of.kind, NodeKind::Not(_)) { 6 } else { 7 }, names, out);
        }
        NodeKind::Negate(of) => {
            out.push('-');
            write(of, if matches!(of.kind, NodeKind::Negate(_)) { 6 } else { 7 }, names, out);
        }
        NodeKind::And(nodes) => write_all(nodes, " && ", 3, names, out),
        NodeKind::Or(nodes) => write_all(nodes, " || ", 2, names, out),
        NodeKind::Binary(operator, left, right) => write_binary(*operator, (left, right), names, out),
        NodeKind::Choose(condition, yes, no) => {
            write(condition, 1, names, out);
            out.push_str(" ? ");
            write(yes, 1, names, out);
            out.push_str(" : ");
            write(no, 0, names, out);
        }
        NodeKind::Call(function, arguments) => {
            out.push_str(function.as_str());
            out.push('(');
            write_all(arguments, ", ", 0, names, out);
            out.push(')');
        }
        NodeKind::Each(each, of, variable, body) => {
            write(of, 7, names, out);
            let variable = if names == Names::Said { variable.as_str() } else { "item" };
            add(out, format_args!(".{}({variable}, ", each.as_str()));
            write(body, 0, names, out);
            out.push(')');
        }
    }
    if brackets {
        out.push(')');
    }
}

fn write_binary(operator: Operator, (left, right): (&Node, &Node), names: Names, out: &mut String) {
    let strength = operator.strength() + 2;
    write(left, strength, names, out);
    add(out, format_args!(" {} ", operator.as_str()));
    write(right, strength + 1, names, out);
}

fn write_all(nodes: &[Node], between: &str, least: u8, names: Names, out: &mut String) {
    for (i, node) in nodes.iter().enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        write(node, least, names, out);
    }
}

pub(super) fn write_text(text: &str, out: &mut String) {
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => add(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('\'');
}

/// Writing into a `String` cannot fail.
fn add(out: &mut String, what: fmt::Arguments<'_>) {
    if out.write_fmt(what).is_err() {
        debug_assert!(false, "writing into a String cannot fail");
    }
}
