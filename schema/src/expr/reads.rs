//! What an expression reads, and whether it asks first.

use std::collections::BTreeSet;

use super::ast::{Node, NodeKind, Path, Program};
use crate::id::Name;

/// One path that an expression names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Which.
    pub path: Path,
    /// Whether it stands under `has`: only whether it is there is asked.
    pub has: bool,
}

/// Every path that an expression names, each once, in order.
pub fn reads(program: &Program) -> BTreeSet<Read> {
    let mut found = BTreeSet::new();
    collect(&program.root, &mut Vec::new(), &mut found);
    found
}

fn collect(node: &Node, locals: &mut Vec<Name>, found: &mut BTreeSet<Read>) {
    match &node.kind {
        NodeKind::Path(path) | NodeKind::Has(path) if !locals.contains(&path.root) => {
            found.insert(Read { path: path.clone(), has: matches!(node.kind, NodeKind::Has(_)) });
        }
        NodeKind::Each(_, of, variable, body) => {
            collect(of, locals, found);
            locals.push(variable.clone());
            collect(body, locals, found);
            locals.pop();
        }
        _ => node.children().for_each(|child| collect(child, locals, found)),
    }
}
