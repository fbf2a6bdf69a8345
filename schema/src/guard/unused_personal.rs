//! `unused-personal`: personal data is taken and nothing is done with it.

use std::collections::BTreeSet;

use super::{Breach, Judged, at};
use crate::class::Class;
use crate::code::Code;
use crate::expr::{Path, Program, Template, reads};
use crate::flow::{Part, Site};
use crate::id::Name;
use crate::plan::{Action, Argument, Plan, Until};

/// Reports each value of a `set` and each answer of an AI that is personal and that nothing uses. Fields that a call
/// answers and nothing reads are in no plan; the compiler looks at those.
///
/// A value is used when a call, an `ask`, a `decide`, a `stop`, a condition, a KPI, a limit or the fallback names it, with
/// `has` too, or a `set` whose own value is used.
///
/// # Source
/// promises.md, P03.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let personal = |flow: &crate::flow::StepFlow| flow.result.values().any(|label| label.class == Class::Personal);
    if !judged.flows.steps.values().any(personal) {
        return Vec::new();
    }
    let used = Used::of(judged.plan);
    let mut found = Vec::new();
    for step in &judged.steps {
        let Some(flow) = judged.flows.step(step.id.as_str()) else { continue };
        let is_idle = |name: &Name| {
            flow.result.get(name.as_str()).is_some_and(|label| label.class == Class::Personal)
                && !used.has(&step.id, Some(name))
        };
        let mut idle = |name: &Name, part: Part| {
            let said = format!("`{}.{name}` is personal, and nothing uses it.", step.id);
            let site: Site = at(step, part);
            found.push(Breach::new(Code::UnusedPersonal, site, said));
        };
        match &step.action {
            Action::Set { values } => {
                values.keys().filter(|name| is_idle(name)).for_each(|name| idle(name, Part::Set(name.clone())));
            }
            Action::Ask { answer, .. } => {
                answer.keys().filter(|name| is_idle(name)).for_each(|name| idle(name, Part::Answer(name.clone())));
            }
            Action::Call { .. }
            | Action::Decide { .. }
            | Action::Each(_)
            | Action::Wait { .. }
            | Action::Stop { .. } => {}
        }
    }
    found
}

/// What of the results of steps is used.
#[derive(Default)]
pub struct Used(BTreeSet<(Name, Option<Name>)>);

impl Used {
    /// What a plan uses of its steps' results. A step names those before it alone, so one walk from the end is enough.
    pub fn of(plan: &Plan) -> Self {
        let mut used = Self::default();
        let expressions = plan.kpis.iter().filter_map(|kpi| kpi.when.as_ref()).chain(&plan.limits.one_at_a_time);
        used.texts(expressions.map(|text| &text.0));
        used.texts(plan.kpis.iter().flat_map(|kpi| kpi.sum.iter().chain(&kpi.by)));
        plan.fallback.open.iter().for_each(|open| used.template(open));
        let every: Vec<_> = plan.every_step().collect();
        for step in every.into_iter().rev() {
            used.texts(step.when.iter().map(|when| &when.0));
            match &step.action {
                Action::Call { with, .. } => used.arguments(with.values()),
                Action::Ask { with, sources, .. } => {
                    used.arguments(with.values());
                    used.texts(sources.iter().map(|text| &text.0));
                }
                Action::Decide { show, .. } => used.texts(show),
                Action::Set { values } => {
                    let live: Vec<_> = values.iter().filter(|(name, _)| used.has(&step.id, Some(name))).collect();
                    used.arguments(live.into_iter().map(|(_, value)| value));
                }
                Action::Each(each) => used.texts([&each.over.0, &each.key.0]),
                Action::Wait { until: Until::At(at) } => used.texts([&at.0]),
                Action::Wait { until: Until::Event(awaited) } => used.texts([&awaited.equals.0]),
                Action::Wait { until: Until::For(_) | Until::Business(_) } | Action::Stop { .. } => {}
            }
        }
        used.texts(plan.cancels.iter().map(|cancel| &cancel.equals.0));
        used
    }

    /// Whether a field of a step's result is used, or any of it.
    pub fn has(&self, step: &Name, field: Option<&Name>) -> bool {
        let mut of_step = self.0.iter().filter(|(name, _)| name == step);
        match field {
            Some(field) => of_step.any(|(_, read)| read.as_ref().is_none_or(|read| read == field)),
            None => of_step.next().is_some(),
        }
    }

    fn add(&mut self, path: &Path) {
        self.0.insert((path.root.clone(), path.fields.first().cloned()));
    }

    fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t String>) {
        let programs: Vec<Program> = texts.into_iter().filter_map(|text| Program::parse(text).ok()).collect();
        programs.iter().flat_map(reads).for_each(|read| self.add(&read.path));
    }

    fn arguments<'a>(&mut self, arguments: impl Iterator<Item = &'a Argument>) {
        for argument in arguments {
            self.argument(argument);
        }
    }

    fn template(&mut self, text: &str) {
        let template = Template::parse(text);
        template.iter().flat_map(Template::reads).for_each(|read| self.add(&read.path));
    }

    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Boolean(_) | Argument::Integer(_) => {}
            Argument::Template(text) => self.template(text),
            Argument::List(items) => self.arguments(items.iter()),
            Argument::Text(in_locale) => {
                in_locale.text.holes.values().for_each(|hole| self.template(&hole.value));
                self.texts(in_locale.text.locale.iter().map(|locale| &locale.0));
            }
            Argument::Record(members) => self.arguments(members.values()),
        }
    }
}
