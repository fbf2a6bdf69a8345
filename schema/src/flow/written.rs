//! What a workflow itself writes into an argument: its constants, how it computes what it does not pass on as it is, those of
//! the values that it passes on, and those by which the records were found that it draws on.

use std::collections::BTreeSet;

use super::reads::of_argument;
use crate::expr::ast::{Node, NodeKind};
use crate::expr::print::{to_form, to_text};
use crate::expr::{Path, Template, is_closed};
use crate::id::Name;
use crate::plan::{Action, Answer, Argument, Effect, Plan, Step};

/// The constants that may end in an argument, or choose what does; and how it is computed, where it is no field as it came: a
/// sum moves more, and what is made of the time names nobody.
///
/// # Shape
/// Texts as they are; everything else as expressions write it, with `field` for each field. Yes and no are left out, as they say
/// nothing by themselves.
pub(crate) fn written(plan: &Plan, given: &Argument) -> BTreeSet<String> {
    let mut found = Written { plan, constants: BTreeSet::new(), seen: BTreeSet::new() };
    found.argument(given);
    found.constants
}

/// Whether a value is neither a constant nor a field as it came, nor a choice among such.
fn is_computed(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Path(_) => false,
        NodeKind::Choose(_, yes, no) => is_computed(yes) || is_computed(no),
        _ => !is_closed(node),
    }
}

struct Written<'p> {
    plan: &'p Plan,
    constants: BTreeSet<String>,
    /// The values that were looked at: a step, and the one of its values that was read. Each is looked at once, so this takes
    /// no longer than the plan is.
    seen: BTreeSet<(Name, Option<Name>)>,
}

impl Written<'_> {
    fn argument(&mut self, given: &Argument) {
        match given {
            Argument::Boolean(_) => {}
            Argument::Integer(number) => {
                self.constants.insert(number.to_string());
            }
            Argument::Template(text) => self.template(text),
            Argument::List(items) => items.iter().for_each(|item| self.argument(item)),
            Argument::Record(members) => members.values().for_each(|member| self.argument(member)),
            Argument::Text(in_locale) => {
                let text = &in_locale.text;
                self.constants.extend(text.locales.values().cloned());
                text.holes.values().for_each(|hole| self.template(&hole.value));
            }
        }
        for path in &of_argument(given) {
            self.path(path);
        }
    }

    fn template(&mut self, text: &str) {
        let Ok(template) = Template::parse(text) else { return };
        self.constants.extend(template.texts().filter(|text| !text.is_empty()).map(str::to_owned));
        for program in template.programs() {
            self.node(&program.root);
            if is_computed(&program.root) {
                self.constants.insert(to_form(&program.root));
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Boolean(_) => {}
            NodeKind::Text(text) => {
                self.constants.insert(text.clone());
            }
            NodeKind::List(_) => node.children().for_each(|child| self.node(child)),
            _ if is_closed(node) => {
                self.constants.insert(to_text(node));
            }
            _ => node.children().for_each(|child| self.node(child)),
        }
    }

    /// What the value of a path was made or found by.
    fn path(&mut self, path: &Path) {
        let field = path.fields.first().cloned();
        if !self.seen.insert((path.root.clone(), field.clone())) {
            return;
        }
        if let Some(each) = self.plan.steps.iter().find_map(|step| step.walks(&path.root)) {
            self.argument(&Argument::Template(format!("${{{}}}", each.over.0)));
            return;
        }
        let plan = self.plan;
        if let Some(step) = plan.step(path.root.as_str()) {
            self.result(step, field.as_ref());
        }
    }

    fn result(&mut self, step: &Step, field: Option<&Name>) {
        match &step.action {
            Action::Set { values } => {
                let read = values.iter().filter(|(name, _)| field.is_none_or(|field| field == *name));
                read.for_each(|(_, given)| self.argument(given));
            }
            Action::Call { operation, with, .. } => {
                let finds = |of: &crate::plan::Operation| of.effect == Effect::None || of.finds;
                if self.plan.operations.get(operation).is_some_and(|operation| finds(operation)) {
                    for given in with.values() {
                        self.argument(given);
                    }
                }
            }
            Action::Ask { answer, .. } => {
                let read = answer.iter().filter(|(name, _)| field.is_none_or(|field| field == *name));
                for (_, answer) in read {
                    if let Answer::OneOf(values) = answer {
                        self.constants.extend(values.iter().cloned());
                    }
                }
            }
            Action::Decide { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {}
        }
    }
}
