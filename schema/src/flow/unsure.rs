//! What nothing can be said of in a plan, because something else in it is wrong: all else is judged all the same.

use std::collections::BTreeSet;

use super::error::{Part, PlanError, Site};
use super::reads::roots_of;
use crate::id::Name;
use crate::plan::{Action, Plan, Step};

/// The steps of a plan of which nothing is concluded: those with something wrong in them, and those that read a result which
/// may be another once that is mended.
#[derive(Clone, Debug, Default)]
pub struct Unsure {
    steps: BTreeSet<Name>,
    /// Those that read such a result.
    resting: BTreeSet<Name>,
    /// Steps whose result may be another, items of lists, and `trigger`.
    results: BTreeSet<String>,
    /// Parts that belong to no step.
    parts: BTreeSet<Part>,
    /// Whether there are steps that the plan does not hold.
    lacks_steps: bool,
}

impl Unsure {
    /// What is unsure of a plan with these errors; `lost` names the steps that it does not hold, and `trigger` where it is not
    /// known what that gives.
    pub fn of(plan: &Plan, errors: &[PlanError], lost: &BTreeSet<String>) -> Self {
        let mut unsure = Self {
            results: lost.clone(),
            lacks_steps: lost.iter().any(|name| name != "trigger" && name != "settings"),
            ..Self::default()
        };
        if errors.iter().any(|error| error.site.step.is_none() && error.site.part == Part::Trigger) {
            unsure.results.insert("trigger".to_owned());
        }
        unsure.parts.extend(errors.iter().filter(|e| e.site.step.is_none()).map(|error| error.site.part.clone()));
        plan.steps.iter().for_each(|step| unsure.step(plan, step, errors));
        unsure
    }

    fn step(&mut self, plan: &Plan, step: &Step, errors: &[PlanError]) {
        let own = |part: Option<&Part>| {
            let mut own = errors.iter().filter(|error| error.site.step.as_ref() == Some(&step.id));
            own.any(|error| part.is_none_or(|part| error.site.part == *part))
        };
        let (when, given) = roots_of(step);
        let (when, given) = (self.reads(&when), self.reads(&given));
        let is_wrong = own(None);
        let runs = when || own(Some(&Part::When));
        let result = match &step.action {
            // What was not proved to be somebody's is marked.
            Action::Call { operation, .. } => {
                let proves = plan.operations.get(operation).is_none_or(|operation| operation.belongs.is_some());
                given || (proves && is_wrong)
            }
            // A value that is wrong is not there; of the others all is known.
            Action::Set { .. } | Action::Ask { .. } => given,
            Action::Decide { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => given || is_wrong,
        };
        if when || given || is_wrong {
            self.steps.insert(step.id.clone());
        }
        if when || given {
            self.resting.insert(step.id.clone());
        }
        if runs || result {
            self.results.insert(step.id.to_string());
        }
        if let Action::Each(each) = &step.action {
            if runs || result {
                self.results.insert(each.item.to_string());
                self.steps.extend(each.steps.iter().map(|inner| inner.id.clone()));
            }
            each.steps.iter().for_each(|inner| self.step(plan, inner, errors));
        }
    }

    fn reads(&self, roots: &BTreeSet<Name>) -> bool {
        roots.iter().any(|root| self.results.contains(root.as_str()))
    }

    /// Whether something at a place may be so only because something else is wrong.
    pub fn is_at(&self, site: &Site) -> bool {
        match &site.step {
            Some(step) => self.steps.contains(step),
            None => self.parts.contains(&site.part),
        }
    }

    /// Whether a part of a plan belongs to a step that reads a result which may be another.
    pub fn rests(&self, site: &Site) -> bool {
        site.step.as_ref().is_some_and(|step| self.resting.contains(step))
    }

    /// Whether a step that would have proved something may be among those of which nothing is known.
    pub(crate) fn any(&self, plan: &Plan, proves: impl Fn(&Step) -> bool) -> bool {
        self.lacks_steps || plan.every_step().any(|step| self.steps.contains(&step.id) && proves(step))
    }
}
