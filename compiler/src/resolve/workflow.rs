//! One workflow, of a client or of the library, to a plan whose every name leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{
    Action, Argument, Channel, Effect, Expression, Fallback, Kpi, Limits, Operation, Plan, PlanType, Retry, SCHEMA,
    Step, Target, TextFormat,
};
use assent_schema::spec::{self, Integration, Spanned, Unit};
use assent_schema::time::Period;

use super::names::{Report, texts};
use super::settings::{self, Settings};
use super::sites::{Site, Sites};
use super::{classes, operations};
use crate::parse::Parsed;
use crate::source::Place;

/// Roots of paths that are no steps.
const RESERVED: [&str; 3] = ["trigger", "settings", "now"];

/// What bounds a workflow that says nothing; `no-limits` keeps it from being released.
const NO_LIMITS: Limits =
    Limits { timeout: Period::minutes(10), concurrency: 1, one_at_a_time: None, per_key_per_day: None, debounce: None };

/// What one workflow is resolved against.
pub(super) struct Context<'a> {
    /// The whole source.
    pub(super) parsed: &'a Parsed,
    /// The client's own file.
    pub(super) client: &'a spec::Client,
    /// What became of it.
    pub(super) facts: &'a ClientFacts,
    /// The folder that prompts are below: `clients/<client>` or `library`.
    pub(super) folder: &'a str,
    /// What `settings.<name>` stands for.
    pub(super) settings: &'a Settings,
}

/// Resolves a workflow.
pub(super) fn resolve<T>(
    context: &Context<'_>,
    unit: &Unit<T>,
    workflow: &spec::Workflow,
    findings: &mut Findings,
) -> (Plan, Sites) {
    let mut resolver = Resolver {
        context,
        report: Report::new(unit, findings),
        places: BTreeMap::new(),
        operations: BTreeMap::new(),
        connections: BTreeMap::new(),
    };
    let trigger = resolver.trigger(&workflow.trigger);
    let limits = resolver.limits(workflow.limits.as_ref());
    let steps = resolver.steps(&workflow.steps);
    let kpis = resolver.kpis(&workflow.kpis);
    let fallback = resolver.fallback(workflow.fallback.as_ref());
    let mut plan = Plan {
        kind: PlanType::Plan,
        schema: SCHEMA,
        client: context.facts.client.clone(),
        workflow: workflow.name.value.clone(),
        summary: workflow.summary.value.clone(),
        purpose: workflow.purpose.value.clone(),
        mode: workflow.mode,
        trigger,
        limits,
        connections: std::mem::take(&mut resolver.connections),
        operations: std::mem::take(&mut resolver.operations),
        steps,
        kpis,
        fallback,
    };
    let given = |text: &str| settings::template(text, context.settings).unwrap_or_else(|_| text.to_owned());
    classes::raise(&mut plan, &workflow.classes, given, &mut resolver.report);
    let sites = Sites {
        file: Arc::clone(&unit.file),
        text: Arc::clone(&unit.text),
        name: workflow.name.span.clone(),
        places: resolver.places,
    };
    (plan, sites)
}

pub(super) struct Resolver<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) report: Report<'a>,
    pub(super) places: BTreeMap<Site, Range<usize>>,
    pub(super) operations: BTreeMap<OperationRef, Operation>,
    connections: BTreeMap<ConnectionId, Target>,
}

impl Resolver<'_> {
    /// The catalog entry behind a connection; a finding when the name leads nowhere or to an AI provider.
    pub(super) fn integration(&mut self, id: &ConnectionId, place: &Range<usize>) -> Option<&'_ Integration> {
        let parsed = self.context.parsed;
        match self.target(id, place)? {
            Target::Integration(name) => parsed.integrations.get(&name).map(|unit| &unit.spec),
            Target::Provider(_) => {
                let message = format!("`{id}` is a connection to an AI provider; it is asked, not called.");
                self.report.add(Code::BadValue, place, message);
                None
            }
        }
    }

    /// What a connection leads to. Nothing, silently, for a connection that was itself reported.
    pub(super) fn target(&mut self, id: &ConnectionId, place: &Range<usize>) -> Option<Target> {
        let Some(facts) = self.context.facts.connections.get(id) else {
            if !self.context.client.connections.contains_key(id.as_str()) {
                let known: Vec<_> = self.context.client.connections.keys().map(|id| id.value.as_str()).collect();
                self.report.unknown_at("connection", id.as_str(), place, &known);
            }
            return None;
        };
        let target = match &facts.to {
            ConnectionTo::Integration { name, .. } => Target::Integration(name.clone()),
            ConnectionTo::Provider { name, .. } => Target::Provider(name.clone()),
        };
        self.connections.insert(id.clone(), target.clone());
        Some(target)
    }

    fn limits(&mut self, limits: Option<&spec::Limits>) -> Limits {
        let Some(limits) = limits else { return NO_LIMITS };
        self.places.insert(Site::Limits, limits.span.clone());
        Limits {
            timeout: limits.timeout.as_ref().map_or(NO_LIMITS.timeout, |timeout| timeout.value),
            concurrency: limits.concurrency.as_ref().map_or(NO_LIMITS.concurrency, |most| most.value),
            one_at_a_time: self.expression(Site::OneAtATime, limits.one_at_a_time.as_ref()),
            per_key_per_day: limits.per_key_per_day.as_ref().map(|most| most.value),
            debounce: limits.debounce.as_ref().map(|quiet| quiet.value),
        }
    }

    fn steps(&mut self, steps: &[spec::Step]) -> Vec<Step> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut resolved: Vec<Step> = Vec::with_capacity(steps.len());
        for step in steps {
            let id = step.id.as_str();
            if !seen.insert(id) {
                self.report.duplicate("step", id, &step.id.span);
            }
            if RESERVED.contains(&id) {
                let message = format!("`{id}` already means something else in expressions.");
                self.report.add(Code::DuplicateName, &step.id.span, message);
            }
            self.places.insert(Site::Step(step.id.value.clone()), step.id.span.clone());
            let when = self.expression(Site::When(step.id.value.clone()), step.when.as_ref());
            let action = self.action(&step.id.value, step, &resolved);
            if let Some(action) = action {
                let continue_on = step.continue_on.iter().map(|code| code.value.clone()).collect();
                resolved.push(Step { id: step.id.value.clone(), when, continue_on, action });
            }
        }
        resolved
    }

    fn action(&mut self, id: &Name, step: &spec::Step, before: &[Step]) -> Option<Action> {
        Some(match &step.action {
            spec::Action::Call { operation, with, retry, parked, cache } => {
                let (retry, parked, cache) = (retry.as_ref(), parked.as_ref(), cache.as_ref());
                self.call(id, step, &Call { operation, with, retry, parked, cache }, before)?
            }
            spec::Action::Ask { connection, prompt, with, sources, answer, limit } => {
                self.provider(connection)?;
                self.places.insert(Site::Operation(id.clone()), connection.span.clone());
                for name in answer.keys() {
                    self.places.insert(Site::Answer(id.clone(), name.value.clone()), name.span.clone());
                }
                Action::Ask {
                    connection: connection.value.clone(),
                    prompt: self.prompt(prompt),
                    with: self.arguments(id, with),
                    sources: self.expression(Site::Sources(id.clone()), sources.as_ref()),
                    answer: operations::unspanned(answer),
                    limit: *limit,
                }
            }
            spec::Action::Decide { by, show, edit, within, via } => {
                self.decide(id, by, show, edit, via);
                Action::Decide {
                    by: by.value.clone(),
                    show: show.iter().map(|path| path.value.clone()).collect(),
                    edit: edit.iter().map(|path| path.value.clone()).collect(),
                    within: within.value,
                    via: via.iter().map(|channel| channel.value.clone()).collect(),
                }
            }
            spec::Action::Set { values } => Action::Set { values: self.arguments(id, values) },
            spec::Action::Stop { outcome } => Action::Stop { outcome: outcome.value.clone() },
        })
    }

    fn call(&mut self, id: &Name, step: &spec::Step, call: &Call<'_>, before: &[Step]) -> Option<Action> {
        let reference = &call.operation.value;
        let place = &call.operation.span;
        self.places.insert(Site::Operation(id.clone()), place.clone());
        if let Some(retry) = call.retry {
            self.places.insert(Site::Retry(id.clone()), retry.span.clone());
        }
        let parsed = self.context.parsed;
        let Target::Integration(name) = self.target(&reference.connection, place)? else {
            let message =
                format!("`{}` is a connection to an AI provider; it is asked, not called.", reference.connection);
            self.report.add(Code::BadValue, place, message);
            return None;
        };
        let integration = &parsed.integrations.get(&name)?.spec;
        let Some(operation) = integration.operations.get(reference.operation.as_str()) else {
            let known = texts(integration.operations.keys().map(|name| &name.value));
            self.report.unknown_at("operation", reference.operation.as_str(), place, &known);
            return None;
        };
        self.parameters(reference, operation, call.with, place);
        self.error_codes(step, operation);
        operations::add(&mut self.operations, &reference.connection, integration, &reference.operation);
        if let Some(parked) = call.parked {
            self.parked(parked, &reference.connection, before);
        }
        if let Some(cache) = call.cache.filter(|_| operation.effect.value != Effect::None) {
            let message = format!(
                "`{reference}` changes something outside, so its answer cannot be served again: `cache` is for reads."
            );
            self.report.add(Code::BadValue, &cache.span, message);
        }
        Some(Action::Call {
            operation: reference.clone(),
            with: self.arguments_of(id, call.with, |name| operation.params.get(name.as_str())?.format),
            retry: call.retry.map_or_else(|| default_retry(operation), |retry| retry.value),
            parked: call.parked.map(|parked| parked.value.clone()),
            cache: call.cache.map(|cache| cache.value),
        })
    }

    /// Every parameter given exists, and every one that must be given is.
    pub(super) fn parameters(
        &mut self,
        reference: &OperationRef,
        operation: &spec::Operation,
        with: &BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
        place: &Range<usize>,
    ) {
        let known = texts(operation.params.keys().map(|name| &name.value));
        for name in with.keys().filter(|name| !operation.params.contains_key(*name)) {
            self.report.unknown(&format!("parameter of `{reference}` called"), name, &known);
        }
        let missing = operation.params.iter().filter(|(name, param)| !param.optional && !with.contains_key(*name));
        let missing: Vec<_> = missing.map(|(name, _)| format!("`{}`", name.value)).collect();
        if !missing.is_empty() {
            let message = format!("`{reference}` also needs {}.", missing.join(", "));
            self.report.add(Code::BadValue, place, message);
        }
    }

    fn error_codes(&mut self, step: &spec::Step, operation: &spec::Operation) {
        let known: Vec<_> = operation.errors.iter().map(|rule| rule.code.as_str()).collect();
        for code in step.continue_on.iter().filter(|code| !known.contains(&code.as_str())) {
            self.report.unknown("error code", code, &known);
        }
    }

    fn parked(&mut self, parked: &Spanned<Name>, connection: &ConnectionId, before: &[Step]) {
        let keeps = |step: &&Step| match &step.action {
            Action::Call { operation, .. } => {
                operation.connection == *connection
                    && self.operations.get(operation).is_some_and(|operation| operation.park.is_some())
            }
            _ => false,
        };
        let known: Vec<_> = before.iter().filter(keeps).map(|step| step.id.as_str()).collect();
        if !known.contains(&parked.as_str()) {
            self.report.unknown("earlier step of this connection that keeps a text, called", parked, &known);
        }
    }

    fn provider(&mut self, connection: &Spanned<ConnectionId>) -> Option<()> {
        match self.target(connection, &connection.span)? {
            Target::Provider(_) => Some(()),
            Target::Integration(_) => {
                let message = format!("`{}` is a connection to an API; it is called, not asked.", connection.value);
                self.report.add(Code::BadValue, &connection.span, message);
                None
            }
        }
    }

    fn prompt(&mut self, prompt: &Spanned<String>) -> String {
        let path = format!("{}/{}", self.context.folder, prompt.value);
        if let Some(text) = self.context.parsed.text(&path) {
            return text.to_owned();
        }
        let folder = format!("{}/", self.context.folder);
        let files = self.context.parsed.source.files.iter().filter(|(_, file)| file.place == Place::Text);
        let known: Vec<_> = files.filter_map(|(path, _)| path.strip_prefix(&folder)).collect();
        if !self.context.parsed.is_broken(&path) {
            self.report.unknown("file", prompt, &known);
        }
        String::new()
    }

    fn decide(
        &mut self,
        id: &Name,
        by: &Spanned<assent_schema::id::GroupId>,
        show: &[Spanned<String>],
        edit: &[Spanned<String>],
        via: &[Spanned<Channel>],
    ) {
        for (position, path) in show.iter().enumerate() {
            self.places.insert(Site::Show(id.clone(), position), path.span.clone());
        }
        for (position, path) in edit.iter().enumerate() {
            self.places.insert(Site::Edit(id.clone(), position), path.span.clone());
            if !show.contains(path) {
                let known: Vec<_> = show.iter().map(|path| path.value.as_str()).collect();
                self.report.unknown("shown path", path, &known);
            }
        }
        if !self.context.client.groups.contains_key(by) {
            let known: Vec<_> = self.context.client.groups.keys().map(|group| group.value.as_str()).collect();
            self.report.unknown("group", by, &known);
        }
        for (position, channel) in via.iter().enumerate() {
            self.places.insert(Site::Via(id.clone(), position), channel.span.clone());
            match &channel.value {
                Channel::Slack(connection) | Channel::Helpdesk(connection) => {
                    self.integration(connection, &channel.span);
                }
                Channel::Page | Channel::Cli => {}
            }
        }
    }

    fn kpis(&mut self, kpis: &[spec::Kpi]) -> Vec<Kpi> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut resolved = Vec::with_capacity(kpis.len());
        for (position, kpi) in kpis.iter().enumerate() {
            if !seen.insert(kpi.name.as_str()) {
                self.report.duplicate("KPI", kpi.name.as_str(), &kpi.name.span);
            }
            self.places.insert(Site::Kpi(position), kpi.name.span.clone());
            if let Some(per) = &kpi.per {
                self.places.insert(Site::KpiPer(position), per.span.clone());
            }
            if let Some(sum) = &kpi.sum {
                self.places.insert(Site::KpiSum(position), sum.span.clone());
            }
            for (label, path) in kpi.by.iter().enumerate() {
                self.places.insert(Site::KpiBy(position, label), path.span.clone());
            }
            resolved.push(Kpi {
                name: kpi.name.value.clone(),
                when: self.expression(Site::KpiWhen(position), kpi.when.as_ref()),
                sum: kpi.sum.as_ref().map(|path| path.value.clone()),
                by: kpi.by.iter().map(|path| path.value.clone()).collect(),
                per: kpi.per.as_ref().map(|per| per.value),
            });
        }
        resolved
    }

    fn fallback(&mut self, fallback: Option<&spec::Fallback>) -> Fallback {
        let Some(fallback) = fallback else {
            return Fallback { queue: no_queue(), open: None, manual_on_restart: false };
        };
        let open = fallback.open.as_ref().map(|open| {
            self.places.insert(Site::Open, open.span.clone());
            self.template(&open.value, &open.span)
        });
        Fallback { queue: fallback.queue.value.clone(), open, manual_on_restart: fallback.manual_on_restart }
    }

    fn expression(&mut self, site: Site, expression: Option<&Spanned<Expression>>) -> Option<Expression> {
        let expression = expression?;
        self.places.insert(site, expression.span.clone());
        let text = settings::expression(&expression.0, self.context.settings);
        Some(Expression(self.known_setting(text, &expression.0, &expression.span)))
    }

    /// An expression whose place is that of the argument in which it stands.
    pub(super) fn plain_expression(&mut self, expression: &Spanned<Expression>) -> Expression {
        let text = settings::expression(&expression.0, self.context.settings);
        Expression(self.known_setting(text, &expression.0, &expression.span))
    }

    pub(super) fn template(&mut self, text: &str, place: &Range<usize>) -> String {
        let put = settings::template(text, self.context.settings);
        self.known_setting(put, text, place)
    }

    fn known_setting(&mut self, put: Result<String, String>, text: &str, place: &Range<usize>) -> String {
        put.unwrap_or_else(|name| {
            let known = texts(self.context.settings.keys());
            self.report.unknown_at("setting", &name, place, &known);
            text.to_owned()
        })
    }

    fn arguments(
        &mut self,
        step: &Name,
        with: &BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
    ) -> BTreeMap<Name, Argument> {
        self.arguments_of(step, with, |_| None)
    }

    /// Arguments, each with the format that its parameter has.
    fn arguments_of(
        &mut self,
        step: &Name,
        with: &BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
        format: impl Fn(&Name) -> Option<TextFormat>,
    ) -> BTreeMap<Name, Argument> {
        let mut resolved = BTreeMap::new();
        for (name, argument) in with {
            self.places.insert(Site::Argument(step.clone(), name.value.clone()), argument.span.clone());
            resolved.insert(name.value.clone(), self.argument(argument, format(&name.value)));
        }
        resolved
    }

    pub(super) fn argument(&mut self, argument: &Spanned<spec::Argument>, format: Option<TextFormat>) -> Argument {
        match &argument.value {
            spec::Argument::Boolean(flag) => Argument::Boolean(*flag),
            spec::Argument::Integer(number) => Argument::Integer(*number),
            spec::Argument::Template(text) => Argument::Template(self.template(text, &argument.span)),
            spec::Argument::List(items) => {
                Argument::List(items.iter().map(|item| self.argument(item, format)).collect())
            }
            spec::Argument::Text(used) => self.text(used, format),
            spec::Argument::Record(members) => {
                let member = |(name, item): (&Spanned<String>, &Spanned<spec::Argument>)| {
                    (name.value.clone(), self.argument(item, format))
                };
                Argument::Record(members.iter().map(member).collect())
            }
        }
    }
}

/// The parts of a `call` in the source.
struct Call<'a> {
    operation: &'a Spanned<OperationRef>,
    with: &'a BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
    retry: Option<&'a Spanned<Retry>>,
    parked: Option<&'a Spanned<Name>>,
    cache: Option<&'a Spanned<Period>>,
}

/// How a step without `retry` is retried.
///
/// # Source
/// language.md section 3: the operation's; else three attempts for reads and idempotent effects, one otherwise.
fn default_retry(operation: &spec::Operation) -> Retry {
    let repeatable = operation.effect.value == Effect::None || operation.idempotency.is_some();
    match &operation.retry {
        Some(retry) => retry.value,
        None if repeatable => Retry::DEFAULT,
        None => Retry::ONCE,
    }
}

/// The queue of a workflow without a fallback; `no-fallback` keeps it from being released.
fn no_queue() -> assent_schema::id::GroupId {
    assent_schema::id::GroupId::new("none").unwrap_or_else(|_| unreachable!("`none` is an id"))
}
