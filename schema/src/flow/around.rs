//! What belongs to no step: the list that is asked for again and again, keys, KPIs, the link of the fallback.

use std::collections::BTreeSet;

use super::Flow;
use super::argument::{flow_of_link, for_param};
use super::error::{Part, PlanErrorKind};
use super::label::follow;
use super::walk::Walk;
use crate::class::Marks;
use crate::expr::{Env, Facts, Program, Template, Type, check};
use crate::plan::{Expression, Kpi};

impl Walk<'_> {
    /// What belongs to no step and is read before the first one.
    pub(super) fn workflow(&mut self) {
        self.poll();
        self.narrowed();
        if let Some(key) = &self.plan().limits.one_at_a_time {
            self.key(key);
        }
        self.cancels();
        let Some(open) = &self.plan().fallback.open else { return };
        if !is_link(open) {
            self.error(Part::Open, PlanErrorKind::NotALink);
        }
        let checked = flow_of_link(open, &self.env);
        let Some(followed) = self.take(Part::Open, checked) else { return };
        self.released(&Part::Open, "open", &followed);
        self.flows.open = Some(followed.flow);
    }

    /// Who may have chosen what an event must say before it starts a run.
    pub(super) fn wanted(&self) -> Marks {
        let Some(trigger) = self.env.names.get("trigger") else { return Marks::NONE };
        let wanted = self.plan().trigger.only().into_iter().flatten();
        let marks = wanted.filter_map(|(field, _)| trigger.get(field.as_str())).map(|known| known.whole().0.marks);
        marks.fold(Marks::NONE, Marks::join)
    }

    /// Whether a run begins is seen by everybody: what its event must say are facts.
    fn narrowed(&mut self) {
        let trigger = self.env.names.get("trigger");
        let content = |field: &str| {
            let known = trigger.and_then(|trigger| trigger.get(field));
            known.is_some_and(|known| !known.whole_label().class.is_fact())
        };
        if self.plan().trigger.only().into_iter().flatten().any(|(field, _)| content(field.as_str())) {
            self.error(Part::Trigger, PlanErrorKind::NotAFact);
        }
    }

    /// What is asked for again and again is asked for with constants: nothing has come in yet.
    fn poll(&mut self) {
        let Some(poll) = self.plan().trigger.poll() else { return };
        let Some(operation) = self.plan().operations.get(&poll.read) else {
            self.error(Part::Poll(poll.since.clone()), PlanErrorKind::UnknownOperation(poll.read.clone()));
            return;
        };
        let nothing = Env::default();
        for (name, given) in &poll.with {
            let part = Part::Poll(name.clone());
            match operation.params.get(name.as_str()) {
                Some(param) => drop(self.take(part, for_param(given, param, &nothing, &BTreeSet::new()))),
                None => self.error(part, PlanErrorKind::UnknownParam(name.clone())),
            }
        }
    }

    /// The key by which runs wait for one another must be a fact.
    fn key(&mut self, key: &Expression) {
        let Some(program) = self.take(Part::OneAtATime, Program::parse(&key.0)) else { return };
        let checked = check(&program, &self.env);
        let Some(found) = self.take(Part::OneAtATime, checked) else { return };
        let followed = follow(&program, &self.env, &BTreeSet::new());
        self.released(&Part::OneAtATime, "one_at_a_time", &followed);
        let flow = followed.flow;
        if flow.label.class.is_fact() && found.reference_shape().is_none() {
            self.error(Part::OneAtATime, PlanErrorKind::NotBounded);
        } else if flow.label.class.is_fact() && !is_key(&found) {
            self.error(Part::OneAtATime, PlanErrorKind::NotAKey(found.to_string()));
        }
        self.flows.key = Some(flow);
    }

    /// A key by which items or events are told apart must be a fact.
    pub(super) fn fact_key(&mut self, key: &Expression, part: &Part) -> Flow {
        let Some(program) = self.take(part.clone(), Program::parse(&key.0)) else { return Flow::CONSTANT };
        let checked = check(&program, &self.env);
        let Some(found) = self.take(part.clone(), checked) else { return Flow::CONSTANT };
        let followed = follow(&program, &self.env, &BTreeSet::new());
        let place = match (&self.step, part) {
            (Some(step), Part::Key) => format!("{step}.key"),
            (Some(step), _) => step.to_string(),
            (None, _) => "cancel".to_owned(),
        };
        self.released(part, &place, &followed);
        if found.reference_shape().is_none() || !followed.flow.label.class.is_fact() {
            self.error(part.clone(), PlanErrorKind::NotAFact);
        } else if !is_key(&found) {
            self.error(part.clone(), PlanErrorKind::NotAKey(found.to_string()));
        }
        followed.flow
    }

    pub(super) fn kpi(&mut self, place: usize, kpi: &Kpi) {
        self.env.facts = Facts::default();
        if let Some(when) = &kpi.when {
            self.condition(when, &Part::KpiWhen(place), &format!("kpi {}", kpi.name));
        }
        if let Some(sum) = &kpi.sum {
            self.path(sum, Part::KpiSum(place), false);
        }
        for (label, by) in kpi.by.iter().enumerate() {
            self.path(by, Part::KpiBy(place, label), true);
        }
    }
}

/// Whether agents tell runs, items or events apart by values of a type.
fn is_key(found: &Type) -> bool {
    matches!(found, Type::Token | Type::OneOf(_) | Type::Integer)
}

/// Whether a template is a link to a host that the workflow names, so that nobody else chooses where people are led.
fn is_link(open: &str) -> bool {
    let Ok(template) = Template::parse(open) else { return true };
    let (host, path) =
        template.beginning().strip_prefix("https://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    !host.is_empty() && host.bytes().all(named) && path.bytes().all(plain)
}
