//! One workflow, of a client or of the library, to a plan whose every name leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::finding::Findings;
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{
    Argument, Chat, Expression, Fallback, Kpi, Limits, Operation, Plan, PlanType, SCHEMA, Target, TextFormat,
};
use assent_schema::shape::Clock;
use assent_schema::spec::{self, Spanned, Unit, within};
use assent_schema::time::Period;

use super::classes;
use super::clocks;
use super::forgotten;
use super::names::{Report, texts};
use super::operations::{self, Made};
use super::settings::{self, Move, Put, Settings, Unknown};
use super::sites::{Site, Sites};
use crate::parse::Parsed;

/// What bounds a workflow that says nothing; `no-limits` keeps it from being released.
const NO_LIMITS: Limits = Limits {
    timeout: Period::minutes(10),
    concurrency: 1,
    one_at_a_time: None,
    per_key_per_day: None,
    debounce: None,
    debounce_most: None,
};

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
    /// The operations that were made for other workflows of the client.
    pub(super) made: &'a Made,
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
        text: &unit.text,
        report: Report::new(unit, findings),
        places: BTreeMap::new(),
        moves: BTreeMap::new(),
        operations: BTreeMap::new(),
        chats: BTreeMap::new(),
        connections: BTreeMap::new(),
        one_at_a_time: None,
        clock: Clock::of(&context.facts.zone),
    };
    resolver.places.insert(Site::Purpose, workflow.purpose.span.clone());
    let trigger = resolver.trigger(&workflow.trigger);
    let limits = resolver.limits(workflow.limits.as_ref());
    resolver.one_at_a_time.clone_from(&limits.one_at_a_time);
    let steps = resolver.workflow_steps(workflow);
    let cancels = resolver.cancels(workflow);
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
        chats: std::mem::take(&mut resolver.chats),
        steps,
        cancels,
        kpis,
        fallback,
    };
    if let Some(clock) = &resolver.clock {
        clocks::settle(&mut plan, clock);
    }
    let given =
        |text: &str| settings::template(text, context.settings).map_or_else(|_| text.to_owned(), |put| put.text);
    if workflow.unread.is_empty() {
        classes::raise(&mut plan, &workflow.classes, given, &mut resolver.report);
    }
    let sites = Sites {
        file: Arc::clone(&unit.file),
        text: Arc::clone(&unit.text),
        name: workflow.name.span.clone(),
        places: resolver.places,
        moves: resolver.moves,
    };
    forgotten::check(&plan, &sites, &mut resolver.report);
    (plan, sites)
}

pub(super) struct Resolver<'a> {
    pub(super) context: &'a Context<'a>,
    /// The text of the file.
    text: &'a str,
    pub(super) report: Report<'a>,
    pub(super) places: BTreeMap<Site, Range<usize>>,
    /// What settings moved, by the first byte of the text in which they stand.
    moves: BTreeMap<usize, Vec<Move>>,
    pub(super) operations: BTreeMap<OperationRef, Arc<Operation>>,
    pub(super) chats: BTreeMap<ConnectionId, Chat>,
    connections: BTreeMap<ConnectionId, Target>,
    /// What tells runs apart, once it was resolved.
    pub(super) one_at_a_time: Option<Expression>,
    /// The client's clock.
    clock: Option<Clock>,
}

impl Resolver<'_> {
    /// Adds an operation and what it needs to those of the plan.
    pub(super) fn needs_operation(&mut self, connection: &ConnectionId, integration: &spec::Integration, name: &Name) {
        let made = (self.context.made, self.clock.as_ref());
        operations::add(&mut self.operations, made, connection, integration, name);
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
            debounce_most: limits.debounce_most.as_ref().map(|most| most.value),
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
        self.group(&fallback.queue);
        let open = fallback.open.as_ref().map(|open| {
            self.places.insert(Site::Open, open.span.clone());
            self.template(&open.value, &open.span)
        });
        Fallback { queue: fallback.queue.value.clone(), open, manual_on_restart: fallback.manual_on_restart }
    }

    pub(super) fn expression(&mut self, site: Site, expression: Option<&Spanned<Expression>>) -> Option<Expression> {
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

    /// An expression that must be there.
    pub(super) fn needed(&mut self, site: Site, expression: &Spanned<Expression>) -> Expression {
        self.expression(site, Some(expression)).unwrap_or_else(|| expression.value.clone())
    }

    pub(super) fn template(&mut self, text: &str, place: &Range<usize>) -> String {
        let put = settings::template(text, self.context.settings);
        self.known_setting(put, text, place)
    }

    fn known_setting(&mut self, put: Result<Put, Unknown>, text: &str, place: &Range<usize>) -> String {
        match put {
            Ok(Put { text, moves }) => {
                if !moves.is_empty() {
                    self.moves.insert(place.start, moves);
                }
                text
            }
            Err(Unknown { name, range }) => {
                let known = texts(self.context.settings.keys());
                let place = within(self.text, place, &range);
                self.report.unknown_at("setting", &name, &place, &known);
                text.to_owned()
            }
        }
    }

    pub(super) fn arguments(
        &mut self,
        step: &Name,
        with: &BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
    ) -> BTreeMap<Name, Argument> {
        self.arguments_of(step, with, |_| None)
    }

    /// Arguments, each with the format that its parameter has.
    pub(super) fn arguments_of(
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

/// The queue of a workflow without a fallback; `no-fallback` keeps it from being released.
fn no_queue() -> assent_schema::id::GroupId {
    assent_schema::id::GroupId::new("none").unwrap_or_else(|_| unreachable!("`none` is an id"))
}
