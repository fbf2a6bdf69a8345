//! A plan with its expressions parsed, once for all its runs, and what each step reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::class::Class;
use assent_schema::expr::{Path, Program, Template, reads};
use assent_schema::flow::{self, Flows, StepFlow};
use assent_schema::id::{ConnectionId, GroupId, Name, OperationRef};
use assent_schema::plan::{
    Action, Answer, Argument, AskLimit, Awaited, Channel, Effect, Expression, OUTCOMES, OnItemError, Operation, Plan,
    Retry, Text, Until,
};
use assent_schema::shape::Shape;
use assent_schema::time::Period;

/// A plan that is ready to run.
#[expect(clippy::partial_pub_fields, reason = "what is parsed is the engine's own; plan and name are everybody's")]
pub struct Compiled {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its name.
    pub digest: Digest,
    pub(super) steps: Vec<CompiledStep>,
    pub(super) kpis: Vec<CompiledKpi>,
    pub(super) key: Option<Program>,
    pub(super) open: Option<Template>,
    /// The constants with which the trigger's list is read.
    pub(super) poll: Vec<(Name, Part)>,
    /// What each `[[cancel]]` compares its event's key with.
    pub(super) cancels: Vec<Program>,
}

/// A plan that does not say what it must: it was verified by other rules than these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRunnable;

impl std::fmt::Display for NotRunnable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the plan holds an expression or operation that cannot be run")
    }
}

impl std::error::Error for NotRunnable {}

pub(super) struct CompiledStep {
    pub(super) id: Name,
    pub(super) when: Option<Program>,
    pub(super) when_reads: BTreeSet<Path>,
    pub(super) reads: BTreeSet<Path>,
    pub(super) parallel: Option<Name>,
    pub(super) continue_on: BTreeSet<Name>,
    pub(super) action: CompiledAction,
    /// The decisions that said yes whenever the step runs.
    pub(super) decided_by: BTreeSet<Name>,
    /// Whether an AI or anyone outside chose the amount, or that the step runs.
    pub(super) chosen: bool,
    /// Whether whom it asks is given content, and could write some of it into whatever is kept of the answer.
    pub(super) given_content: bool,
    /// Whether what anyone outside wrote is put into it, or makes its expressions fail.
    pub(super) unsure: bool,
}

pub(super) enum CompiledAction {
    Call(Box<CompiledCall>),
    Ask(CompiledAsk),
    Decide(CompiledDecide),
    Set(Vec<(Name, Part)>),
    Each(Box<CompiledEach>),
    Wait(Box<CompiledUntil>),
    Stop(Name),
}

pub(super) struct CompiledEach {
    pub(super) over: Program,
    pub(super) item: Name,
    pub(super) key: Program,
    pub(super) max: u32,
    pub(super) parallel: u32,
    pub(super) on_error: OnItemError,
    pub(super) steps: Vec<CompiledStep>,
}

pub(super) enum CompiledUntil {
    For(Period),
    Business(Period),
    At(Program),
    Event { awaited: Box<Awaited>, equals: Program },
}

pub(super) struct CompiledCall {
    pub(super) name: OperationRef,
    pub(super) operation: Operation,
    pub(super) with: Vec<(Name, Part)>,
    pub(super) retry: Retry,
    pub(super) cache: Option<Period>,
}

pub(super) struct CompiledAsk {
    pub(super) connection: ConnectionId,
    pub(super) name: OperationRef,
    pub(super) prompt: String,
    pub(super) with: Vec<(Name, Part)>,
    pub(super) sources: Option<Program>,
    pub(super) answer: BTreeMap<Name, Answer>,
    pub(super) limit: AskLimit,
}

pub(super) struct CompiledDecide {
    pub(super) by: GroupId,
    pub(super) show: Vec<(String, Program)>,
    pub(super) edit: Vec<String>,
    pub(super) within: Period,
    /// The channels that are connections.
    pub(super) elsewhere: Vec<Channel>,
}

/// An argument.
pub(super) enum Part {
    Boolean(bool),
    Integer(i64),
    Template(Template),
    List(Vec<Part>),
    Text(CompiledText),
    Record(Vec<(Name, Part)>),
}

/// A text of a file, in its locales.
pub(super) struct CompiledText {
    pub(super) locale: Option<Program>,
    pub(super) holes: Vec<(Name, Template, Shape)>,
    pub(super) locales: BTreeMap<String, Template>,
    pub(super) default: String,
}

pub(super) struct CompiledKpi {
    pub(super) name: Name,
    pub(super) when: Option<Program>,
    pub(super) sum: Option<Program>,
    pub(super) by: Vec<(String, Program)>,
    pub(super) per: Option<Period>,
    pub(super) reads: BTreeSet<Path>,
}

impl Compiled {
    /// Parses every expression of a plan.
    ///
    /// # Errors
    /// [`NotRunnable`] when an expression does not parse or an operation is missing: the compiler wrote no such plan.
    pub fn new(plan: Arc<Plan>, digest: Digest) -> Result<Self, NotRunnable> {
        let flows = flow::analyse(&plan).or(Err(NotRunnable))?;
        let compile = |step| compile_step(&plan, &flows, step);
        let steps = plan.steps.iter().map(compile).collect::<Result<_, _>>()?;
        let kpis = plan.kpis.iter().map(compile_kpi).collect::<Result<_, _>>()?;
        let key = plan.limits.one_at_a_time.as_ref().map(parse).transpose()?;
        let open = plan.fallback.open.as_deref().map(template).transpose()?;
        let poll = plan.trigger.poll().map(|poll| compile_parts(&poll.with)).transpose()?.unwrap_or_default();
        let cancels = plan.cancels.iter().map(|cancel| parse(&cancel.equals)).collect::<Result<_, _>>()?;
        Ok(Self { plan, digest, steps, kpis, key, open, poll, cancels })
    }

    pub(super) fn step(&self, id: &str) -> Option<&CompiledStep> {
        let every = self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.inner()));
        every.into_iter().find(|step| step.id.as_str() == id)
    }

    /// Whether a trigger's field may be durable.
    pub(super) fn trigger_field_is_fact(&self, field: &str) -> bool {
        let declared = self.plan.trigger.fields().and_then(|fields| fields.get(field));
        declared.is_none_or(|field| field.class.is_fact())
    }
}

impl CompiledStep {
    /// The steps inside it; none but for an `each`.
    pub(super) fn inner(&self) -> &[Self] {
        match &self.action {
            CompiledAction::Each(each) => &each.steps,
            CompiledAction::Call(_)
            | CompiledAction::Ask(_)
            | CompiledAction::Decide(_)
            | CompiledAction::Set(_)
            | CompiledAction::Wait(_)
            | CompiledAction::Stop(_) => &[],
        }
    }

    /// Whether the step changes something outside.
    pub(super) fn is_effect(&self) -> bool {
        matches!(&self.action, CompiledAction::Call(call) if call.operation.effect != Effect::None)
    }
}

fn parse(text: &Expression) -> Result<Program, NotRunnable> {
    Program::parse(&text.0).or(Err(NotRunnable))
}

fn path(text: &str) -> Result<Program, NotRunnable> {
    Program::parse(text).or(Err(NotRunnable))
}

fn template(text: &str) -> Result<Template, NotRunnable> {
    Template::parse(text).or(Err(NotRunnable))
}

fn paths(program: &Program) -> impl Iterator<Item = Path> {
    reads(program).into_iter().map(|read| read.path)
}

fn compile_step(plan: &Plan, flows: &Flows, step: &assent_schema::plan::Step) -> Result<CompiledStep, NotRunnable> {
    let when = step.when.as_ref().map(parse).transpose()?;
    let action = compile_action(plan, flows, step)?;
    let flow = flows.step(step.id.as_str()).ok_or(NotRunnable)?;
    let mut read = BTreeSet::new();
    match &action {
        CompiledAction::Call(call) => part_reads(&call.with, &mut read),
        CompiledAction::Ask(ask) => {
            part_reads(&ask.with, &mut read);
            read.extend(ask.sources.iter().flat_map(paths));
        }
        CompiledAction::Decide(decide) => read.extend(decide.show.iter().flat_map(|(_, program)| paths(program))),
        CompiledAction::Set(values) => part_reads(values, &mut read),
        CompiledAction::Each(each) => {
            read.extend(paths(&each.over).chain(paths(&each.key)).filter(|path| path.root != each.item));
        }
        CompiledAction::Wait(until) => match &**until {
            CompiledUntil::At(program) | CompiledUntil::Event { equals: program, .. } => read.extend(paths(program)),
            CompiledUntil::For(_) | CompiledUntil::Business(_) => {}
        },
        CompiledAction::Stop(_) => {}
    }
    Ok(CompiledStep {
        id: step.id.clone(),
        when_reads: when.iter().flat_map(paths).collect(),
        when,
        reads: read,
        parallel: step.parallel.clone(),
        continue_on: step.continue_on.clone(),
        decided_by: flow.certain.approved.clone(),
        given_content: flow.is_given_content(),
        // What a model chose of the plan's own words is the plan's, and so is a choice by a condition.
        unsure: flow.ends.outside || flow.with.values().any(|given| given.label.marks.outside),
        chosen: flow.control.any() || amounts_of(&action).any(|name| marked(flow, name)),
        action,
    })
}

/// The parameters of a step that are amounts of money.
fn amounts_of(action: &CompiledAction) -> impl Iterator<Item = &Name> {
    let params = match action {
        CompiledAction::Call(call) => Some(call.operation.params.iter()),
        _ => None,
    };
    params.into_iter().flatten().filter(|(_, param)| param.amount).map(|(name, _)| name)
}

fn marked(flow: &StepFlow, name: &Name) -> bool {
    flow.with.get(name.as_str()).is_some_and(|given| given.any_marks().any())
}

/// An operation as a step calls it: what its answer tells of content is no fact there.
fn compile_operation(plan: &Plan, flow: &StepFlow, name: &OperationRef) -> Result<Operation, NotRunnable> {
    let mut operation = Operation::clone(plan.operations.get(name).ok_or(NotRunnable)?);
    // A failure that is called like a success would be taken for one.
    if operation.errors.iter().any(|rule| OUTCOMES.contains(&rule.code.as_str())) {
        return Err(NotRunnable);
    }
    let job = operation.job.as_ref().map(|job| job.id.clone());
    let told = operation.response.iter_mut().filter(|(name, field)| {
        // The agent itself looks at a job by its name.
        field.class.is_fact() && !flow.facts.contains_key(*name) && job.as_ref() != Some(*name)
    });
    told.for_each(|(_, field)| field.class = Class::Content);
    Ok(operation)
}

fn compile_action(plan: &Plan, flows: &Flows, step: &assent_schema::plan::Step) -> Result<CompiledAction, NotRunnable> {
    Ok(match &step.action {
        // Where the parked text is read back is the earlier step's business: see `machine`.
        Action::Call { operation, with, retry, parked: _, cache } => CompiledAction::Call(Box::new(CompiledCall {
            operation: compile_operation(plan, flows.step(step.id.as_str()).ok_or(NotRunnable)?, operation)?,
            name: operation.clone(),
            with: compile_parts(with)?,
            retry: *retry,
            cache: *cache,
        })),
        Action::Ask { connection, prompt, with, sources, answer, limit } => CompiledAction::Ask(CompiledAsk {
            name: OperationRef { connection: connection.clone(), operation: Name::new("ask").or(Err(NotRunnable))? },
            connection: connection.clone(),
            prompt: prompt.clone(),
            with: compile_parts(with)?,
            sources: sources.as_ref().map(parse).transpose()?,
            answer: answer.clone(),
            limit: limit.clone(),
        }),
        Action::Decide { by, show, edit, within, via } => CompiledAction::Decide(CompiledDecide {
            by: by.clone(),
            show: show.iter().map(|text| Ok((text.clone(), path(text)?))).collect::<Result<_, _>>()?,
            edit: edit.clone(),
            within: *within,
            elsewhere: via.iter().filter(|channel| !channel.is_own()).cloned().collect(),
        }),
        Action::Set { values } => CompiledAction::Set(compile_parts(values)?),
        Action::Each(each) => CompiledAction::Each(Box::new(CompiledEach {
            over: parse(&each.over)?,
            item: each.item.clone(),
            key: parse(&each.key)?,
            max: each.max,
            parallel: each.parallel.max(1),
            on_error: each.on_error,
            // The verifier refuses an `each` inside an `each`.
            steps: each.steps.iter().map(|step| compile_step(plan, flows, step)).collect::<Result<_, _>>()?,
        })),
        Action::Wait { until } => CompiledAction::Wait(Box::new(match until {
            Until::For(period) => CompiledUntil::For(*period),
            Until::Business(period) => CompiledUntil::Business(*period),
            Until::At(at) => CompiledUntil::At(parse(at)?),
            Until::Event(awaited) => CompiledUntil::Event { equals: parse(&awaited.equals)?, awaited: awaited.clone() },
        })),
        Action::Stop { outcome } => CompiledAction::Stop(outcome.clone()),
    })
}

fn compile_parts(with: &BTreeMap<Name, Argument>) -> Result<Vec<(Name, Part)>, NotRunnable> {
    with.iter().map(|(name, argument)| Ok((name.clone(), compile_part(argument)?))).collect()
}

fn compile_part(argument: &Argument) -> Result<Part, NotRunnable> {
    Ok(match argument {
        Argument::Boolean(truth) => Part::Boolean(*truth),
        Argument::Integer(integer) => Part::Integer(*integer),
        Argument::Template(text) => Part::Template(template(text)?),
        Argument::List(items) => Part::List(items.iter().map(compile_part).collect::<Result<_, _>>()?),
        Argument::Text(in_locale) => Part::Text(compile_text(&in_locale.text)?),
        Argument::Record(members) => {
            let member =
                |(name, part): (&String, &Argument)| Ok((Name::new(name).or(Err(NotRunnable))?, compile_part(part)?));
            Part::Record(members.iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}

fn compile_text(text: &Text) -> Result<CompiledText, NotRunnable> {
    if !text.locales.contains_key(&text.default) {
        return Err(NotRunnable);
    }
    Ok(CompiledText {
        locale: text.locale.as_ref().map(parse).transpose()?,
        holes: text
            .holes
            .iter()
            .map(|(name, hole)| Ok((name.clone(), template(&hole.value)?, hole.shape.clone())))
            .collect::<Result<_, _>>()?,
        locales: text
            .locales
            .iter()
            .map(|(locale, body)| Ok((locale.clone(), template(body)?)))
            .collect::<Result<_, _>>()?,
        default: text.default.clone(),
    })
}

fn part_reads(parts: &[(Name, Part)], read: &mut BTreeSet<Path>) {
    for (_, part) in parts {
        one_part_reads(part, read);
    }
}

fn one_part_reads(part: &Part, read: &mut BTreeSet<Path>) {
    match part {
        Part::Boolean(_) | Part::Integer(_) => {}
        Part::Template(template) => read.extend(template.reads().into_iter().map(|r| r.path)),
        Part::List(items) => {
            for item in items {
                one_part_reads(item, read);
            }
        }
        Part::Text(text) => {
            let holes = text.holes.iter().flat_map(|(_, template, _)| template.reads());
            read.extend(holes.map(|read| read.path));
            read.extend(text.locale.iter().flat_map(paths));
        }
        Part::Record(members) => part_reads(members, read),
    }
}

fn compile_kpi(kpi: &assent_schema::plan::Kpi) -> Result<CompiledKpi, NotRunnable> {
    let when = kpi.when.as_ref().map(parse).transpose()?;
    let sum = kpi.sum.as_deref().map(path).transpose()?;
    let by: Vec<_> = kpi.by.iter().map(|text| Ok((text.clone(), path(text)?))).collect::<Result<_, _>>()?;
    let programs = when.iter().chain(&sum).chain(by.iter().map(|(_, program)| program));
    Ok(CompiledKpi { name: kpi.name.clone(), reads: programs.flat_map(paths).collect(), when, sum, by, per: kpi.per })
}
