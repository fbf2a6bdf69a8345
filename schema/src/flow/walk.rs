//! One walk over the steps of a plan: each is checked and followed with what the steps before it made known.

use std::collections::{BTreeMap, BTreeSet};

use super::argument::{Checked, argument, flow_of_link, for_param, inner};
use super::error::{Part, PlanError, PlanErrorKind, Site};
use super::label::{Followed, follow, follow_node};
use super::reads::{draws_on_trigger, of_argument};
use super::results::{self, ENDINGS};
use super::{Flow, Flows, Release, StepFlow, bits_of, endings};
use crate::class::{Label, Marks};
use crate::expr::ast::NodeKind;
use crate::expr::check::conclude;
use crate::expr::print::to_text;
use crate::expr::{Env, ExprError, ExprErrorKind, Facts, Known, PARTS_MOST, Path, Program, Template, Type, check};
use crate::id::{Name, OperationRef};
use crate::plan::{Action, Argument, Channel, Dialect, Expression, Kpi, Plan, Step, Trigger};

/// What a walk finds besides errors.
pub(super) struct Walked {
    pub(super) flows: Flows,
    pub(super) env: Env,
}

/// Walks all steps, then KPIs, limits and the fallback. The `env` is what stands open to the expressions of `at`; behind
/// the last step without it.
pub(super) fn walk(plan: &Plan, at: Option<&Name>) -> (Walked, Vec<PlanError>) {
    let mut walk = Walk {
        plan,
        env: Env::default(),
        edits: BTreeMap::new(),
        flows: Flows { steps: BTreeMap::new(), releases: Vec::new(), key: None, open: None, known: BTreeMap::new() },
        errors: Vec::new(),
        step: None,
        passed: Marks::NONE,
        failing: Marks::NONE,
        times: 1,
        inside: None,
        at: at.cloned(),
        met: None,
    };
    walk.env.names.extend(Name::new("trigger").ok().map(|name| (name, results::trigger(&plan.trigger))));
    walk.workflow();
    walk.steps(&plan.steps, &Facts::default());
    walk.step = None;
    walk.env.facts = Facts::default();
    let met = walk.met.take().unwrap_or_else(|| walk.env.clone());
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
    step: Option<Name>,
    /// Marks of the conditions under which an earlier `stop` let the run go on, and of expressions that did not fail.
    pub(super) passed: Marks,
    /// Who may have chosen whether an expression of the step fails.
    pub(super) failing: Marks,
    /// How often what is walked now may be done in one run.
    pub(super) times: u32,
    /// The steps of the `each` that is walked now.
    pub(super) inside: Option<&'p [Step]>,
    /// The step whose environment is wanted, and that environment.
    at: Option<Name>,
    met: Option<Env>,
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
        let site = Site { step: self.step.clone(), part: part.clone() };
        let what = if self.times == 1 { what } else { format!("{what}, {} times", self.times) };
        self.flows.releases.push(Release { what, bits: bits.saturating_mul(self.times), site });
    }

    pub(super) fn released(&mut self, part: &Part, place: &str, followed: &Followed) {
        for (what, bits) in &followed.releases {
            self.release(part, format!("{place}: {what}"), *bits);
        }
        if followed.fails {
            self.release(part, format!("{place}: that it failed"), 1);
        }
        self.failing = self.failing.join(followed.failing);
    }

    /// Checks a condition, costs what it tells of content, and makes its facts certain.
    fn condition(&mut self, expression: &Expression, part: &Part, place: &str) -> Flow {
        let Some(program) = self.take(part.clone(), Program::parse(&expression.0)) else { return Flow::CONSTANT };
        let checked = check(&program, &self.env);
        let Some(found) = self.take(part.clone(), checked) else {
            // What it guards is not wrong too.
            self.env.facts = conclude(&program.root, true, &self.env);
            return Flow::CONSTANT;
        };
        if found != Type::Boolean {
            let kind = ExprErrorKind::Mismatch { wanted: Type::Boolean.to_string(), found: found.to_string() };
            let error = ExprError { span: program.root.span, kind };
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
        flow.failing = certain.join(self.may_end_otherwise(step, &flow));
        // Whether a step that may fail has a result is chosen by whoever can make it fail.
        let failing = if step.continue_on.is_empty() { Marks::NONE } else { flow.failing };
        let mut result = results::marked(&result, Marks::NONE, control.join(failing));
        let decides = matches!(step.action, Action::Decide { .. });
        result.optional = flow.optional && !decides;
        // That it ran tells of what its condition reads.
        result.sources = flow.when.sources.clone().into();
        if let Type::Record(fields) = &result.kind {
            for (name, field) in fields.iter() {
                let (label, ..) = field.whole();
                flow.result.insert(name.clone(), label);
                let shape = self.shape(step, name).or_else(|| field.kind.reference_shape());
                flow.facts.extend(shape.filter(|_| label.class.is_fact()).map(|shape| (name.clone(), shape)));
            }
        }
        if matches!(step.action, Action::Stop { .. }) {
            self.passed = control;
        }
        self.passed = self.passed.join(certain);
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

    /// A name that expressions read must be one that they can spell, and nothing else's.
    pub(super) fn spelled(&mut self, name: &Name, part: Part) {
        let text = name.as_str();
        let known = self.env.names.contains_key(text) || self.flows.steps.contains_key(text);
        if known || ["settings", "now"].contains(&text) || Program::parse(text).is_err() {
            self.error(part, PlanErrorKind::TakenName(name.clone()));
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
                let endings = (retry.attempts, cache.is_some());
                self.call(step, operation, with, endings, flow)
            }
            Action::Ask { with, sources, answer, .. } => {
                for (name, given) in with {
                    let part = Part::With(name.clone());
                    if let Some(checked) = self.argument(given, &part, &format!("{}.{name}", step.id)) {
                        flow.with.insert(name.clone(), checked.followed.flow);
                    }
                }
                flow.sources = sources.as_ref().and_then(|sources| self.sources(step, sources));
                let given = flow.with.values().chain(&flow.sources).cloned().fold(Flow::CONSTANT, Flow::join);
                self.asked(step, answer, &given);
                results::ask(&step.id, answer, &given)
            }
            Action::Decide { show, edit, via, .. } => {
                for (place, path) in show.iter().enumerate() {
                    if let Some(shown) = self.path(path, Part::Show(place), false) {
                        flow.show.insert(path.clone(), Flow::of(&shown));
                    }
                }
                for (place, path) in edit.iter().enumerate() {
                    if !show.contains(path) {
                        self.error(Part::Edit(place), PlanErrorKind::NotShown(path.clone()));
                    }
                }
                for (place, channel) in via.iter().enumerate() {
                    if let Channel::Helpdesk(note) = channel
                        && !show.contains(&note.on)
                    {
                        self.error(Part::Via(place), PlanErrorKind::NotShown(note.on.clone()));
                    }
                }
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

    fn call(
        &mut self,
        step: &Step,
        reference: &OperationRef,
        with: &BTreeMap<Name, Argument>,
        (attempts, cached): (u32, bool),
        flow: &mut StepFlow,
    ) -> Known {
        let Some(operation) = self.plan.operations.get(reference) else {
            self.error(Part::Operation, PlanErrorKind::UnknownOperation(reference.clone()));
            return Known::new(Type::Record(BTreeMap::new().into()), Label::CONSTANT);
        };
        for (name, param) in &operation.params {
            let part = Part::With(name.clone());
            let Some(given) = with.get(name.as_str()) else {
                if !param.optional {
                    self.error(part, PlanErrorKind::MissingParam(name.clone()));
                }
                continue;
            };
            let checked = for_param(given, param, &self.env, &self.edited());
            if let Some(checked) = self.take(part.clone(), checked) {
                self.released(&part, &format!("{}.{name}", step.id), &checked.followed);
                flow.inner.extend(
                    inner(given, param, &self.env, &self.edited()).into_iter().map(|inner| (name.clone(), inner)),
                );
                flow.with.insert(name.clone(), checked.followed.flow);
            }
        }
        for name in with.keys().filter(|name| !operation.params.contains_key(name.as_str())) {
            self.error(Part::With(name.clone()), PlanErrorKind::UnknownParam(name.clone()));
        }
        if flow.with.values().any(|flow| !flow.label.class.is_fact()) {
            let ways = endings::endings(operation, attempts, cached);
            self.release(&Part::Operation, format!("{}: how {reference} ended {ways}", step.id), bits_of(ways));
        }
        let chosen = with
            .iter()
            .filter_map(|(name, given)| Some((name.clone(), self.who_chose(given, flow.with.get(name.as_str())?))));
        let party = operation.belongs.as_ref().and_then(|belongs| with.get(belongs.param.as_str()));
        let own_party = party.is_some_and(|party| draws_on_trigger(self.plan, party));
        results::call(operation, &reference.connection, &chosen.collect(), own_party)
    }

    /// Who may have chosen what an operation is asked with. A read confirms what an event of a `token` trigger names, so
    /// only what the catalog says of the event's field counts then.
    fn who_chose(&self, given: &Argument, flow: &Flow) -> Marks {
        let Trigger::Webhook { dialect: Dialect::Token, fields, .. } = &self.plan.trigger else {
            return flow.label.marks;
        };
        let marks = |path: Path| match path.fields.first().filter(|_| path.root.as_str() == "trigger") {
            Some(field) => fields.get(field.as_str()).map_or(Marks::OUTSIDE, |field| field.label().marks),
            None => self.env.find(&path).map_or(Marks::NONE, |known| known.whole().0.marks),
        };
        of_argument(given).into_iter().map(marks).fold(Marks::NONE, Marks::join)
    }

    fn asked(&mut self, step: &Step, answer: &BTreeMap<Name, crate::plan::Answer>, given: &Flow) {
        if given.label.class.is_fact() {
            return;
        }
        self.release(&Part::Operation, format!("{}: how it ended", step.id), bits_of(ENDINGS.len()));
        for (name, answer) in answer {
            if let crate::plan::Answer::OneOf(values) = answer {
                let what = format!("{}.{name}: one_of {}", step.id, values.len());
                self.release(&Part::Operation, what, bits_of(values.len()));
            }
        }
    }

    /// Sources are a list of records with `id` and `text`.
    fn sources(&mut self, step: &Step, sources: &Expression) -> Option<Flow> {
        let program = self.take(Part::Sources, Program::parse(&sources.0))?;
        let found = self.take(Part::Sources, check(&program, &self.env))?;
        let item = match &found {
            Type::List(of) => Some(of),
            _ => None,
        };
        let field = |name: &str, wanted: &Type| {
            item.and_then(|of| of.get(name)).is_some_and(|known| !known.optional && known.kind.fits(wanted))
        };
        if !(field("id", &Type::Token) && field("text", &Type::Text)) {
            let wanted = "a list of records with `id`, a token, and `text`".to_owned();
            let kind = ExprErrorKind::Mismatch { wanted, found: found.to_string() };
            self.error(Part::Sources, PlanErrorKind::Expression(ExprError { span: program.root.span, kind }));
            return None;
        }
        let followed = follow(&program, &self.env, &self.edited());
        self.released(&Part::Sources, &format!("{}.sources", step.id), &followed);
        Some(followed.flow)
    }

    /// What is known of a path that stands by itself.
    fn path(&mut self, text: &str, part: Part, absent: bool) -> Option<Known> {
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

    /// What belongs to no step and is read before the first one.
    fn workflow(&mut self) {
        self.poll();
        if let Some(key) = &self.plan.limits.one_at_a_time {
            self.key(key);
        }
        self.cancels();
        let Some(open) = &self.plan.fallback.open else { return };
        if !is_link(open) {
            self.error(Part::Open, PlanErrorKind::NotALink);
        }
        let checked = flow_of_link(open, &self.env);
        let Some(followed) = self.take(Part::Open, checked) else { return };
        self.released(&Part::Open, "open", &followed);
        self.flows.open = Some(followed.flow);
    }

    /// What is asked for again and again is asked for with constants: nothing has come in yet.
    fn poll(&mut self) {
        let Some(poll) = self.plan.trigger.poll() else { return };
        let Some(operation) = self.plan.operations.get(&poll.read) else {
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

    fn kpi(&mut self, place: usize, kpi: &Kpi) {
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
