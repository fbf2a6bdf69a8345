//! Which paths stand in a part of a plan.

use std::collections::BTreeSet;

use super::error::{Part, Site};
use crate::expr::{Path, Program, Template, reads};
use crate::id::Name;
use crate::plan::{Action, Argument, Plan, Step, Until};

/// The paths that an argument reads, without those that it only asks for with `has`.
pub fn of_argument(argument: &Argument) -> BTreeSet<Path> {
    match argument {
        Argument::Boolean(_) | Argument::Integer(_) => BTreeSet::new(),
        Argument::Template(text) => of_template(text),
        Argument::List(items) => items.iter().flat_map(of_argument).collect(),
        Argument::Text(in_locale) => {
            let text = &in_locale.text;
            let locale = text.locale.iter().filter_map(|locale| Program::parse(&locale.0).ok());
            let chosen = locale.flat_map(|program| values(reads(&program)));
            text.holes.values().flat_map(|hole| of_template(&hole.value)).chain(chosen).collect()
        }
        Argument::Record(members) => members.values().flat_map(of_argument).collect(),
    }
}

/// Whether an argument draws on the event that starts the run, or on the item that is walked: the answer of a read does
/// where a target that it was asked with does. What does not is some record that the workflow names itself.
pub(crate) fn draws_on_trigger(plan: &Plan, argument: &Argument) -> bool {
    draws(plan, of_argument(argument), &mut BTreeSet::new())
}

fn draws(plan: &Plan, paths: BTreeSet<Path>, seen: &mut BTreeSet<Name>) -> bool {
    paths.into_iter().any(|path| {
        if path.root.as_str() == "trigger" || plan.steps.iter().any(|step| step.walks(&path.root).is_some()) {
            return true;
        }
        // Each step is looked at once, so this takes no longer than the plan is.
        if !seen.insert(path.root.clone()) {
            return false;
        }
        match plan.step(path.root.as_str()).map(|step| &step.action) {
            Some(Action::Call { operation, with, .. }) => {
                let Some(operation) = plan.operations.get(operation) else { return false };
                let is_target = |name: &&Name| operation.params.get(name.as_str()).is_some_and(|param| param.target);
                let targets: Vec<&Argument> =
                    with.iter().filter(|(name, _)| is_target(name)).map(|(_, given)| given).collect();
                targets.into_iter().any(|given| draws(plan, of_argument(given), seen))
            }
            Some(Action::Set { values }) => values.values().any(|given| draws(plan, of_argument(given), seen)),
            Some(Action::Wait { until: Until::Event(_) }) => true,
            _ => false,
        }
    })
}

/// The paths that a part of a plan reads, without those that it only asks for with `has`.
pub fn reads_at(plan: &Plan, site: &Site) -> BTreeSet<Path> {
    let step = site.step.as_ref().and_then(|id| plan.step(id.as_str()));
    match (step, &site.part) {
        (Some(step), part) => in_step(step, part),
        (None, Part::OneAtATime) => plan.limits.one_at_a_time.iter().flat_map(|key| of_text(&key.0)).collect(),
        (None, Part::Open) => plan.fallback.open.iter().flat_map(|open| of_template(open)).collect(),
        (None, Part::KpiWhen(place)) => {
            plan.kpis.get(*place).and_then(|kpi| kpi.when.as_ref()).map(|when| of_text(&when.0)).unwrap_or_default()
        }
        (None, Part::KpiSum(place)) => {
            plan.kpis.get(*place).and_then(|kpi| kpi.sum.as_ref()).map(|sum| of_text(sum)).unwrap_or_default()
        }
        (None, Part::KpiBy(place, label)) => {
            plan.kpis.get(*place).and_then(|kpi| kpi.by.get(*label)).map(|by| of_text(by)).unwrap_or_default()
        }
        (None, _) => BTreeSet::new(),
    }
}

fn in_step(step: &Step, part: &Part) -> BTreeSet<Path> {
    match (part, &step.action) {
        (Part::When, _) => step.when.iter().flat_map(|when| of_text(&when.0)).collect(),
        (Part::With(name), Action::Call { with, .. } | Action::Ask { with, .. })
        | (Part::Set(name), Action::Set { values: with }) => {
            with.get(name.as_str()).map(of_argument).unwrap_or_default()
        }
        (Part::Sources, Action::Ask { sources, .. }) => sources.iter().flat_map(|text| of_text(&text.0)).collect(),
        (Part::Show(place), Action::Decide { show, .. }) => {
            show.get(*place).map(|path| of_text(path)).unwrap_or_default()
        }
        (Part::Over, Action::Each(each)) => of_text(&each.over.0),
        (Part::Key, Action::Each(each)) => of_text(&each.key.0),
        (Part::Until, Action::Wait { until: Until::At(at) }) => of_text(&at.0),
        (Part::Until, Action::Wait { until: Until::Event(awaited) }) => of_text(&awaited.equals.0),
        _ => BTreeSet::new(),
    }
}

/// The names at which the paths of a step begin, asked for with `has` or read: those of its condition, and all others. Those
/// of the steps inside an `each` are not among them.
pub(super) fn roots_of(step: &Step) -> (BTreeSet<Name>, BTreeSet<Name>) {
    let mut given = Roots::default();
    match &step.action {
        Action::Call { with, .. } | Action::Set { values: with } => with.values().for_each(|one| given.argument(one)),
        Action::Ask { with, sources, .. } => {
            for one in with.values() {
                given.argument(one);
            }
            if let Some(text) = sources {
                given.text(&text.0);
            }
        }
        Action::Decide { show, edit, .. } => show.iter().chain(edit).for_each(|path| given.text(path)),
        Action::Each(each) => [&each.over, &each.key].iter().for_each(|text| given.text(&text.0)),
        Action::Wait { until: Until::At(at) } => given.text(&at.0),
        Action::Wait { until: Until::Event(awaited) } => given.text(&awaited.equals.0),
        Action::Wait { .. } | Action::Stop { .. } => {}
    }
    let mut when = Roots::default();
    step.when.iter().for_each(|text| when.text(&text.0));
    (when.0, given.0)
}

#[derive(Default)]
struct Roots(BTreeSet<Name>);

impl Roots {
    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Boolean(_) | Argument::Integer(_) => {}
            Argument::Template(text) => self.template(text),
            Argument::List(items) => items.iter().for_each(|item| self.argument(item)),
            Argument::Record(members) => members.values().for_each(|member| self.argument(member)),
            Argument::Text(in_locale) => {
                let text = &in_locale.text;
                text.locale.iter().for_each(|locale| self.text(&locale.0));
                text.holes.values().for_each(|hole| self.template(&hole.value));
            }
        }
    }

    fn text(&mut self, text: &str) {
        let read = Program::parse(text).map(|program| reads(&program)).unwrap_or_default();
        self.0.extend(read.into_iter().map(|read| read.path.root));
    }

    fn template(&mut self, text: &str) {
        let read = Template::parse(text).map(|template| template.reads()).unwrap_or_default();
        self.0.extend(read.into_iter().map(|read| read.path.root));
    }
}

fn of_text(text: &str) -> BTreeSet<Path> {
    Program::parse(text).map(|program| values(reads(&program))).unwrap_or_default()
}

fn of_template(text: &str) -> BTreeSet<Path> {
    Template::parse(text).map(|template| values(template.reads())).unwrap_or_default()
}

fn values(reads: BTreeSet<crate::expr::Read>) -> BTreeSet<Path> {
    reads.into_iter().filter(|read| !read.has).map(|read| read.path).collect()
}
