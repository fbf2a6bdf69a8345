//! One walk over the steps of a plan: each is checked and followed with what the steps before it made known.

use std::collections::{BTreeMap, BTreeSet};

use super::argument::{Checked, argument};
use super::error::{Part, PlanError, PlanErrorKind, Site};
use super::label::{Followed, follow, follow_node};
use super::results;
use super::{Flow, Flows, Release, StepFlow, bits_of};
use crate::class::{Label, Marks};
use crate::expr::ast::NodeKind;
use crate::expr::check::conclude;
use crate::expr::print::to_text;
use crate::expr::{Env, ExprError, ExprErrorKind, Facts, Known, PARTS_MOST, Program, Type, check};
use crate::id::Name;
use crate::plan::{Action, Argument, Effect, Expression, Plan, Step};

/// What a walk finds besides errors.
pub(super) struct Walked {
    pub(super) flows: Flows,
    /// What stands open where that is asked.
    pub(super) env: Option<Env>,
}

/// Where what stands open to expressions is asked.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Open<'a> {
    /// Nowhere.
    Nowhere,
    /// At a step; behind the last one where there is none of that name.
    Step(&'a Name),
    /// Behind the last step.
    Behind,
}

/// Walks all steps, then KPIs, limits and the fallback.
pub(super) fn walk(plan: &Plan, at: Open<'_>) -> (Walked, Vec<PlanError>) {
    let mut walk = Walk {
        plan,
        env: Env::default(),
        edits: BTreeMap::new(),
        flows: Flows { steps: BTreeMap::new(), releases: Vec::new(), key: None, open: None, known: BTreeMap::new() },
        errors: Vec::new(),
        step: None,
        passed: Marks::NONE,
        failing: Marks::NONE,
        ended: Marks::NONE,
        times: 1,
        fails: 1,
        inside: None,
        at: if let Open::Step(step) = at { Some(step.clone()) } else { None },
        met: None,
        answers: BTreeMap::new(),
    };
    walk.env.names.extend(Name::new("trigger").ok().map(|name| (name, results::trigger(&plan.trigger))));
    walk.workflow();
    walk.passed = walk.wanted();
    walk.steps(&plan.steps, &Facts::default());
    walk.step = None;
    walk.env.facts = Facts::default();
    let met = (at != Open::Nowhere).then(|| walk.met.take().unwrap_or_else(|| walk.env.clone()));
    plan.kpis.iter().enumerate().for_each(|(place, kpi)| walk.kpi(place, kpi));
    walk.flows.releases.sort();
    // What stands inside an `each` is known to whoever asks, too.
    walk.flows.known.extend(walk.env.names);
    (Walked { flows: walk.flows, env: met }, walk.errors)
}

pub(super) struct Walk<'p> {
    plan: &'p Plan,
    pub(super) env: Env,
    /// What each `decide` lets people edit.
    edits: BTreeMap<Name, Vec<String>>,
    pub(super) flows: Flows,
    errors: Vec<PlanError>,
    pub(super) step: Option<Name>,
    /// Marks of the conditions under which the run came here: what its event had to say, an earlier `stop` that let it go on,
    /// the `each` around, and expressions that did not fail.
    pub(super) passed: Marks,
    /// Who may have chosen whether an expression of the step fails.
    pub(super) failing: Marks,
    /// Who may have chosen whether one of the steps so far ended the run by an expression that failed.
    pub(super) ended: Marks,
    /// How often what is walked now may be done in one run.
    pub(super) times: u32,
    /// How often it may fail in one run: once, where that ends the run; as often as items are under way, or all of them.
    pub(super) fails: u32,
    /// The steps of the `each` that is walked now.
    pub(super) inside: Option<&'p [Step]>,
    /// The step whose environment is wanted, and that environment.
    at: Option<Name>,
    met: Option<Env>,
    /// What the catalog says of answers of operations that were asked with content.
    pub(super) answers: BTreeMap<Name, Known>,
}

/// What a step leaves for those that come after it.
struct Left {
    id: Name,
    certain: Facts,
    result: Known,
    decides: bool,
}

impl<'p> Walk<'p> {
    pub(super) fn plan(&self) -> &'p Plan {
        self.plan
    }

    pub(super) fn error(&mut self, part: Part, kind: PlanErrorKind) {
        self.errors.push(PlanError { site: Site { step: self.step.clone(), part }, kind });
    }

    pub(super) fn take<T>(&mut self, part: Part, result: Result<T, ExprError>) -> Option<T> {
        result.map_err(|error| self.error(part, PlanErrorKind::Expression(error))).ok()
    }

    /// The paths that a person may have written, where it is certain that the person said yes.
    pub(super) fn edited(&self) -> BTreeSet<String> {
        let approved = self.env.facts.approved.iter().filter_map(|decide| self.edits.get(decide.as_str()));
        approved.flatten().cloned().collect()
    }

    /// One way in which something is told, as often as it may be done.
    pub(super) fn release(&mut self, part: &Part, what: String, bits: u32) {
        self.release_times(part, what, bits, self.times);
    }

    /// A release of something that is told so often in one run.
    pub(super) fn release_times(&mut self, part: &Part, what: String, bits: u32, times: u32) {
        let site = Site { step: self.step.clone(), part: part.clone() };
        let what = if times == 1 { what } else { format!("{what}, {times} times") };
        self.flows.releases.push(Release { what, bits: bits.saturating_mul(times), site });
    }

    pub(super) fn released(&mut self, part: &Part, place: &str, followed: &Followed) {
        for (what, bits) in &followed.releases {
            self.release(part, format!("{place}: {what}"), *bits);
        }
        // The code by which it failed is told, too.
        let codes = followed.fails.len();
        if codes > 0 {
            let by = if codes == 1 { String::new() } else { format!(", by one of {codes} codes") };
            let content = followed.flow.sources.iter().filter(|source| !source.class.is_fact());
            let content: BTreeSet<&str> = content.map(|source| &*source.path).collect();
            let of = content.into_iter().collect::<Vec<_>>().join(", ");
            self.release(part, format!("{place}: that it failed{by}, of {of}"), bits_of(codes.saturating_add(1)));
        }
        self.failing = self.failing.join(followed.failing);
    }

    /// Checks a condition, costs what it tells of content, and makes its facts certain.
    pub(super) fn condition(&mut self, expression: &Expression, part: &Part, place: &str) -> Flow {
        let Some(program) = self.take(part.clone(), Program::parse(&expression.0)) else { return Flow::CONSTANT };
        let checked = check(&program, &self.env);
        let Some(found) = self.take(part.clone(), checked) else {
            // What it guards is not wrong too.
            self.env.facts = conclude(&program.root, true, &self.env);
            return Flow::CONSTANT;
        };
        if found != Type::Boolean {
            let kind = ExprErrorKind::Mismatch { wanted: Type::Boolean.to_string(), found: found.to_string() };
            let error = ExprError { span: program.root.span.clone(), kind };
            self.error(part.clone(), PlanErrorKind::Expression(error));
            return Flow::CONSTANT;
        }
        let edited = self.edited();
        let followed = follow(&program, &self.env, &edited);
        self.released(part, place, &followed);
        if !followed.flow.label.class.is_fact() {
            // Facts in the condition tell nothing of content; only the other conjuncts are named.
            let conjuncts = program.root.conjuncts().iter();
            let telling: Vec<String> = conjuncts
                .filter(|part| !follow_node(part, &self.env, &edited).flow.label.class.is_fact())
                .map(to_text)
                .collect();
            self.release(part, format!("{place}: {}", telling.join(" && ")), 1);
        }
        self.env.facts = conclude(&program.root, true, &self.env);
        followed.flow
    }

    /// Walks steps in order. Those of one group see what came before the group, and none of each other.
    pub(super) fn steps(&mut self, steps: &'p [Step], certain: &Facts) {
        for group in steps.chunk_by(|a, b| a.parallel.is_some() && a.parallel == b.parallel) {
            let left: Vec<Left> = group.iter().map(|step| self.step(step, certain)).collect();
            for Left { id, certain, result, decides } in left {
                if decides {
                    self.env.decides.insert(id.clone());
                }
                self.env.implied.insert(id.clone(), certain);
                self.env.names.insert(id, result);
            }
        }
    }

    fn step(&mut self, step: &'p Step, outer: &Facts) -> Left {
        self.step = Some(step.id.clone());
        if self.at.as_ref() == Some(&step.id) {
            self.met = Some(Env { facts: outer.clone(), ..self.env.clone() });
        }
        self.spelled(&step.id, Part::Id);
        self.env.facts = outer.clone();
        self.failing = Marks::NONE;
        let when = match &step.when {
            Some(when) => self.condition(when, &Part::When, step.id.as_str()),
            None => Flow::CONSTANT,
        };
        self.env.facts.add(outer);
        let control = when.any_marks().join(self.passed);
        let (certain, outside) = self.per_item();
        let mut flow = StepFlow {
            when,
            control,
            certain,
            outside,
            failing: Marks::NONE,
            ends: Marks::NONE,
            optional: step.when.is_some() || !step.continue_on.is_empty(),
            with: BTreeMap::new(),
            inner: Vec::new(),
            sources: None,
            show: BTreeMap::new(),
            result: BTreeMap::new(),
            facts: BTreeMap::new(),
        };
        let result = self.action(step, &mut flow);
        // An expression that fails ends the run, so what follows goes on under its condition.
        let certain = self.failing;
        flow.ends = certain;
        flow.failing = certain.join(self.may_end_otherwise(step, &flow));
        // Whether a step that may fail has a result is chosen by whoever can make it fail.
        let failing = if step.continue_on.is_empty() { Marks::NONE } else { flow.failing };
        let mut result = results::marked(result, Marks::NONE, control.join(failing));
        match self.asked_with_content(step, &flow) {
            None => {}
            Some(Effect::None) => {
                let known = results::asked_with_content(&result);
                self.answers.insert(step.id.clone(), std::mem::replace(&mut result, known));
            }
            // What an effect answers names what it made. Where it says one thing or another it tells of what it was given, and so
            // does all else.
            Some(Effect::Draft | Effect::Write | Effect::Message | Effect::Money) => {
                result = results::said_of_content(&result);
                for (path, ways) in results::choices(&result, step.id.as_str()) {
                    self.release(&Part::Operation, format!("{path}: one of {ways}"), bits_of(ways));
                }
            }
        }
        let decides = matches!(step.action, Action::Decide { .. });
        result.optional = flow.optional && !decides;
        // That it ran tells of what its condition reads, and that it did not fail of what it was given.
        let mut told = flow.when.sources.clone();
        if !step.continue_on.is_empty() {
            let given = flow.with.values().chain(&flow.sources).filter(|given| !given.label.class.is_fact());
            given.for_each(|given| told.join(&given.sources));
        }
        result.sources = told;
        if let Type::Record(fields) = &result.kind {
            for (name, field) in fields.iter() {
                let label = field.whole_label();
                flow.result.insert(name.clone(), label);
                let shape = self.shape(step, name).or_else(|| field.kind.reference_shape());
                flow.facts.extend(shape.filter(|_| label.class.is_fact()).map(|shape| (name.clone(), shape)));
            }
        }
        if matches!(step.action, Action::Stop { .. }) {
            self.passed = control;
        }
        self.passed = self.passed.join(certain);
        self.ended = self.ended.join(certain);
        let left = Left { id: step.id.clone(), certain: self.env.facts.clone(), result, decides };
        self.flows.steps.insert(step.id.clone(), flow);
        left
    }

    /// Who may have chosen how a step ends: whoever chose what it is given, and an AI whose answer may be none.
    fn may_end_otherwise(&self, step: &Step, flow: &StepFlow) -> Marks {
        let given = flow.with.values().chain(&flow.sources).map(Flow::any_marks).fold(Marks::NONE, Marks::join);
        match &step.action {
            Action::Ask { .. } => given.join(Marks::MODEL),
            Action::Call { .. } | Action::Set { .. } => given,
            Action::Each(each) => {
                let inside = each.steps.iter().filter_map(|step| self.flows.steps.get(step.id.as_str()));
                inside.map(|flow| flow.control.join(flow.failing)).fold(given, Marks::join)
            }
            Action::Decide { .. } | Action::Wait { .. } | Action::Stop { .. } => Marks::NONE,
        }
    }

    /// What is certain of one item: a decision counts where it stands in the same item.
    fn per_item(&self) -> (Facts, BTreeSet<Name>) {
        let mut certain = self.env.facts.clone();
        let Some(inside) = self.inside else { return (certain, BTreeSet::new()) };
        let (here, outside) =
            certain.approved.iter().cloned().partition(|decide| inside.iter().any(|step| step.id == *decide));
        certain.approved = here;
        (certain, outside)
    }

    /// A name that expressions read must be one that they can spell, and nothing else's: else nobody knows what a reader means.
    pub(super) fn spelled(&mut self, name: &Name, part: Part) {
        let text = name.as_str();
        let known = self.env.names.contains_key(text) || self.flows.steps.contains_key(text);
        if known || ["settings", "now"].contains(&text) || Program::parse(text).is_err() {
            self.error(part, PlanErrorKind::TakenName(name.clone()));
            self.env.lost.insert((name.clone(), None));
        }
    }

    /// Does something where findings belong to another step than before.
    pub(super) fn within(&mut self, step: &Name, walk: impl FnOnce(&mut Self)) {
        let before = self.step.replace(step.clone());
        walk(self);
        self.step = before;
    }

    /// The catalog's own shape of a field, where it is one of class `reference`.
    fn shape(&self, step: &Step, field: &Name) -> Option<crate::shape::Shape> {
        let Action::Call { operation, .. } = &step.action else { return None };
        let shape = &self.plan.operations.get(operation)?.response.get(field.as_str())?.shape;
        shape.fits_reference().then(|| shape.clone())
    }

    fn action(&mut self, step: &'p Step, flow: &mut StepFlow) -> Known {
        match &step.action {
            Action::Call { operation, with, retry, cache, .. } => {
                let outcomes = (retry.attempts, cache.is_some());
                self.call(step, operation, with, outcomes, flow)
            }
            Action::Ask { with, sources, answer, limit, .. } => {
                for (name, given) in with {
                    let part = Part::With(name.clone());
                    if let Some(checked) = self.argument(given, &part, &format!("{}.{name}", step.id)) {
                        flow.with.insert(name.clone(), checked.followed.flow);
                    }
                }
                flow.sources = sources.as_ref().and_then(|sources| self.sources(step, sources));
                let given = flow.with.values().chain(&flow.sources).cloned().fold(Flow::CONSTANT, Flow::join);
                self.asked(step, answer, limit.tries, &given);
                results::ask(&step.id, answer, &given)
            }
            Action::Decide { show, edit, via, .. } => {
                self.shown(show, edit, via, flow);
                self.edits.insert(step.id.clone(), edit.clone());
                results::decide()
            }
            Action::Set { values } => {
                let mut fields = BTreeMap::new();
                for (name, value) in values {
                    let part = Part::Set(name.clone());
                    if let Some(checked) = self.argument(value, &part, &format!("{}.{name}", step.id)) {
                        fields.insert(name.clone(), checked.known);
                        flow.with.insert(name.clone(), checked.followed.flow);
                    } else {
                        self.env.lost.insert((step.id.clone(), Some(name.clone())));
                    }
                }
                Known::new(Type::Record(fields.into()), Label::CONSTANT)
            }
            Action::Each(each) => self.each(step, each, flow),
            Action::Wait { until } => self.wait(step, until),
            Action::Stop { .. } => Known::new(Type::Record(BTreeMap::new().into()), Label::CONSTANT),
        }
    }

    fn argument(&mut self, given: &Argument, part: &Part, place: &str) -> Option<Checked> {
        let checked = argument(given, &self.env, &self.edited(), None);
        let small = |checked: Checked| {
            if checked.known.is_within(PARTS_MOST) {
                Ok(checked)
            } else {
                Err(ExprError { span: 0..0, kind: ExprErrorKind::TooLarge })
            }
        };
        let checked = checked.and_then(small);
        let checked = self.take(part.clone(), checked)?;
        self.released(part, place, &checked.followed);
        Some(checked)
    }

    /// What is known of a path that stands by itself.
    pub(super) fn path(&mut self, text: &str, part: Part, absent: bool) -> Option<Known> {
        let program = self.take(part.clone(), Program::parse(text))?;
        let NodeKind::Path(path) = &program.root.kind else {
            self.error(part, PlanErrorKind::NotAPath);
            return None;
        };
        match check(&program, &self.env) {
            Err(error) if !(absent && matches!(error.kind, ExprErrorKind::MayBeAbsent { .. })) => {
                self.error(part, PlanErrorKind::Expression(error));
                None
            }
            _ => self.env.find(path).cloned(),
        }
    }
}
