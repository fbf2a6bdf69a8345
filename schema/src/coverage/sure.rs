//! Conditions that are met by every run that gets to them, because an earlier `stop` ended all others.
//!
//! Such a condition is often needed all the same: it is what makes a decision dominate a payment.

use std::collections::BTreeSet;

use crate::expr::Program;
use crate::expr::ast::{Node, NodeKind, Operator};
use crate::id::Name;
use crate::plan::{Action, Plan, Step};

/// Steps whose condition cannot be unmet.
pub(super) fn sure(plan: &Plan) -> BTreeSet<Name> {
    let (mut sure, mut ran) = (BTreeSet::new(), BTreeSet::new());
    level(plan, &plan.steps, Vec::new(), &mut sure, &mut ran);
    sure
}

/// The steps of one level. What an `each` or a step inside it makes known holds for its items alone.
fn level(plan: &Plan, steps: &[Step], mut known: Vec<Node>, sure: &mut BTreeSet<Name>, ran: &mut BTreeSet<Name>) {
    for step in steps {
        let when = step.when.as_ref().map(|when| Program::parse(&when.0));
        let met = match &when {
            None => true,
            Some(Ok(when)) => {
                when.root.conjuncts().iter().all(|part| known.contains(part) || is_there(plan, part, ran))
            }
            Some(Err(_)) => false,
        };
        if met {
            sure.insert(step.id.clone());
            if step.continue_on.is_empty() {
                ran.insert(step.id.clone());
            }
        }
        if let (Action::Stop { .. }, Some(Ok(when))) = (&step.action, &when) {
            denied(&when.root, &mut known);
        }
        level(plan, step.inner(), known.clone(), sure, &mut ran.clone());
    }
}

/// What holds when a condition does not.
fn denied(node: &Node, known: &mut Vec<Node>) {
    let opposite = |operator: Operator| match operator {
        Operator::Equal => Some(Operator::NotEqual),
        Operator::NotEqual => Some(Operator::Equal),
        Operator::Less => Some(Operator::GreaterOrEqual),
        Operator::LessOrEqual => Some(Operator::Greater),
        Operator::Greater => Some(Operator::LessOrEqual),
        Operator::GreaterOrEqual => Some(Operator::Less),
        Operator::In | Operator::Plus | Operator::Minus | Operator::Times | Operator::Divide | Operator::Modulo => None,
    };
    let with = |kind: NodeKind| Node { kind, span: node.span.clone(), depth: node.depth };
    match &node.kind {
        NodeKind::Not(inner) => known.extend(inner.conjuncts().iter().cloned()),
        NodeKind::Or(parts) => parts.iter().for_each(|part| denied(part, known)),
        NodeKind::Binary(operator, left, right) if opposite(*operator).is_some() => {
            let turned = opposite(*operator).unwrap_or(*operator);
            known.push(with(NodeKind::Binary(turned, left.clone(), right.clone())));
        }
        _ => known.push(with(NodeKind::Not(Box::new(node.clone())))),
    }
}

/// Whether a part asks for what a step that surely ran always gives.
fn is_there(plan: &Plan, part: &Node, ran: &BTreeSet<Name>) -> bool {
    let NodeKind::Has(path) = &part.kind else { return false };
    let step = plan.step(path.root.as_str()).filter(|step| ran.contains(&step.id));
    match (step, path.fields.as_slice()) {
        (Some(_), []) => true,
        (Some(step), [field]) => gives(plan, step, field),
        _ => false,
    }
}

fn gives(plan: &Plan, step: &Step, field: &Name) -> bool {
    let Action::Call { operation, .. } = &step.action else { return false };
    let operation = plan.operations.get(operation);
    operation.is_some_and(|operation| {
        operation.response.get(field).is_some_and(|declared| !operation.may_lack(field, declared))
    })
}
