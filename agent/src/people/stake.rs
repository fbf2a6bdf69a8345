//! How much money a yes can move, as far as the person was shown it. Pure.
//!
//! # Source
//! engine.md section 8: above the client's `chat_up_to` amount, or on money without one, only a signature decides.

use std::collections::BTreeMap;

use assent_schema::id::Name;
use assent_schema::plan::{Action, Argument, Effect, Plan, Step};
use serde_json::{Map, Value};

use super::told::amount;

/// All that the workflow can pay after a yes, by currency; nothing where what was shown does not bound it.
///
/// Every payment of the workflow counts, whichever decision leads to it: that depends on expressions, and the author shall
/// not be able to arrange them. Its amount must be one of the values that this decision shows, as it is, and it must be paid
/// once: not for each item of a list, unless each item is decided.
pub fn stake(plan: &Plan, decide: &Name, shown: &Map<String, Value>) -> Option<BTreeMap<String, i64>> {
    let Action::Decide { show, .. } = &plan.step(decide.as_str())?.action else { return None };
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for step in plan.every_step() {
        let Action::Call { operation: reference, with, .. } = &step.action else { continue };
        let operation = plan.operations.get(reference).filter(|operation| operation.effect == Effect::Money);
        let Some(operation) = operation else { continue };
        if each_of(plan, &step.id) != each_of(plan, decide) {
            return None;
        }
        let mut amounts = operation.params.iter().filter(|(_, param)| param.amount).peekable();
        amounts.peek()?;
        for (name, _) in amounts {
            let path = path_of(with.get(name)?)?;
            let (minor, currency) = amount(shown.get(path).filter(|_| show.iter().any(|shown| shown == path))?)?;
            let sum = sums.entry(currency.to_owned()).or_default();
            *sum = sum.checked_add(minor).filter(|_| minor >= 0)?;
        }
    }
    Some(sums)
}

/// The list whose items a step is done for.
fn each_of<'p>(plan: &'p Plan, id: &Name) -> Option<&'p Name> {
    let inside = |step: &Step| step.inner().iter().any(|inner| inner.id == *id);
    plan.steps.iter().find(|step| inside(step)).map(|step| &step.id)
}

/// The path that an argument is, where it is that and nothing else.
fn path_of(argument: &Argument) -> Option<&str> {
    let Argument::Template(text) = argument else { return None };
    text.strip_prefix("${")?.strip_suffix('}').filter(|path| !path.contains(['$', '{', '}', ' ', '(']))
}
