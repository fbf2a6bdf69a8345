//! Whether what an expression makes can become part of a format's structure.

use super::ast::{Each, Node, NodeKind, Operator, Program};
use super::check::check;
use super::functions::Function;
use super::types::{Env, Known, Type};
use crate::plan::TextFormat;

/// Whether all that comes from outside stays text: an escaper of the format made it, or its characters are harmless in every
/// format. Constants are the workflow's own, like the text around a hole.
pub(super) fn is_kept(node: &Node, format: TextFormat, env: &Env) -> bool {
    let kept = |node: &Node| is_kept(node, format, env);
    match &node.kind {
        NodeKind::Text(_) => true,
        // A branch may rest on what the condition makes certain: where the whole is no text, no branch is.
        NodeKind::Choose(_, yes, no) if kept(yes) && kept(no) => true,
        NodeKind::Binary(Operator::Plus, one, other) if kept(one) && kept(other) => true,
        NodeKind::Call(function, _) if function.escapes().is_some() => function.escapes() == Some(format),
        NodeKind::Call(Function::Join, arguments) => match arguments.as_slice() {
            [list, between] => are_kept(list, format, env) && kept(between),
            _ => false,
        },
        _ => type_of(node, env).is_some_and(|found| is_harmless(&found)),
    }
}

/// As [`is_kept`], of each item of a list.
fn are_kept(list: &Node, format: TextFormat, env: &Env) -> bool {
    match &list.kind {
        NodeKind::List(nodes) => nodes.iter().all(|node| is_kept(node, format, env)),
        NodeKind::Each(Each::Map, of, variable, body) => {
            let Some(Type::List(item)) = type_of(of, env) else { return false };
            let mut env = env.clone();
            env.names.insert(variable.clone(), (*item).clone());
            is_kept(body, format, &env)
        }
        NodeKind::Each(Each::Filter, of, ..) => are_kept(of, format, env),
        _ => matches!(type_of(list, env), Some(Type::List(item)) if is_harmless(&item.kind)),
    }
}

/// The type of a part, whatever was asked before it.
fn type_of(node: &Node, env: &Env) -> Option<Type> {
    match &node.kind {
        NodeKind::Path(path) => env.find(path).map(|known: &Known| known.kind.clone()),
        _ => check(&Program { root: node.clone().into() }, env).ok(),
    }
}

/// Tokens hold `.` and `:` and `_`, which Markdown may link or make italic, but which open nothing.
fn is_harmless(found: &Type) -> bool {
    match found {
        Type::Boolean | Type::Integer | Type::Decimal | Type::Token | Type::Instant | Type::Period => true,
        Type::OneOf(values) => values.iter().all(|value| crate::shape::is_token(value)),
        _ => false,
    }
}
