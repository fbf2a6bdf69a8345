//! Resolved workflows to plans as agents read them: only the fields that are read, as canonical bytes under a digest.
//!
//! Pure. What differs between environments is left to [`Endpoints`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::{self, CanonError, Digest};
use assent_schema::client::{Endpoints, EndpointsType};
use assent_schema::id::{ClientId, Environment, Name, OperationRef, Region};
use assent_schema::plan::{Action, Argument, Awaited, Chat, Plan, SCHEMA, SLACK_POSTED, Step, Trigger, Until};
use assent_schema::scenario::Tests;
use assent_schema::shape::Shape;

use crate::resolve::paths::{Path, holes, paths};
use crate::resolve::{Client, Workflow, prune};

/// One workflow as agents read it.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The plan.
    pub plan: Arc<Plan>,
}

/// The bytes of a plan and of its scenarios, with the digests that name them. Made where they are wanted: a check of
/// thousands of workflows wants none.
#[derive(Clone, Debug)]
pub struct Form {
    /// The plan's canonical bytes.
    pub bytes: Vec<u8>,
    /// The digest that names it.
    pub digest: Digest,
    /// Its scenarios; absent where there is no test file.
    pub tests: Option<LoweredTests>,
}

/// The scenarios of one workflow as agents read them.
#[derive(Clone, Debug)]
pub struct LoweredTests {
    /// Their canonical bytes.
    pub bytes: Vec<u8>,
    /// The digest that names them.
    pub digest: Digest,
}

/// Lowers one workflow.
pub fn lower(workflow: &Workflow) -> Lowered {
    Lowered { plan: Arc::new(pruned(&workflow.plan)) }
}

impl Lowered {
    /// The bytes and digests of the plan and of its workflow's scenarios.
    ///
    /// # Errors
    /// When they hold an integer beyond 2^53 − 1, which the parser lets through nowhere.
    pub fn form(&self, workflow: &Workflow) -> Result<Form, CanonError> {
        let (bytes, digest) = self.plan.to_bytes()?;
        let tests = workflow.tests.as_ref().map(lower_tests).transpose()?;
        Ok(Form { bytes, digest, tests })
    }
}

fn lower_tests(tests: &Tests) -> Result<LoweredTests, CanonError> {
    let bytes = canon::to_bytes(tests)?;
    Ok(LoweredTests { digest: Digest::of_file(&bytes), bytes })
}

/// Where the connections of one region and environment lead.
pub fn endpoints(clients: &BTreeMap<ClientId, Client>, environment: &Environment, region: &Region) -> Endpoints {
    let here = clients.iter().filter(|(_, client)| client.facts.region == *region);
    let of = |client: &Client| client.endpoints.get(environment).cloned().unwrap_or_default();
    Endpoints {
        kind: EndpointsType::Endpoints,
        schema: SCHEMA,
        environment: environment.clone(),
        region: region.clone(),
        clients: here.map(|(id, client)| (id.clone(), of(client))).collect(),
    }
}

/// The plan with only those fields of answers and events that something reads.
fn pruned(plan: &Plan) -> Plan {
    let reads = Reads::of(plan);
    let mut plan = plan.clone();
    prune(&mut plan.operations, &reads.operations);
    let needed: BTreeSet<Name> = plan.trigger.fields().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let needed: BTreeSet<Name> = needed.into_iter().filter(|name| plan.trigger.needs(name)).collect();
    // What a person gives or another system writes was declared for this workflow alone.
    let declared_here = matches!(plan.trigger, Trigger::Manual { .. } | Trigger::Inbox { .. });
    if let (Some(read), Some(fields)) = (reads.trigger.as_ref().filter(|_| !declared_here), plan.trigger.fields_mut()) {
        fields.retain(|name, _| read.contains(name) || needed.contains(name));
    }
    prune_items(&mut plan);
    for step in &mut plan.steps {
        prune_awaited(step, &reads.events);
        if let Action::Each(each) = &mut step.action {
            each.steps.iter_mut().for_each(|step| prune_awaited(step, &reads.events));
        }
    }
    plan
}

/// Of the items of a list that only the trigger reads, no field is taken that is none of the trigger's.
fn prune_items(plan: &mut Plan) {
    let called = |read: &OperationRef| {
        plan.every_step().any(|step| matches!(&step.action, Action::Call { operation, .. } if operation == read))
    };
    let Some(poll) = plan.trigger.poll().filter(|poll| !called(&poll.read)).cloned() else { return };
    let own = poll.own.iter().filter_map(|own| Name::new(&own.at).ok());
    let mut kept: BTreeSet<Name> = plan.trigger.fields().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    kept.extend([poll.order.clone(), poll.id.clone()].into_iter().chain(own));
    let field = plan.operations.get_mut(&poll.read).and_then(|operation| operation.response.get_mut(&poll.items));
    if let Some(Shape::List { of, .. }) = field.map(|field| &mut field.shape)
        && let Shape::Record { fields } = &mut of.shape
    {
        fields.retain(|name, _| kept.contains(name));
    }
}

/// Of an event that a `wait` waits for stays what tells whose it is, and what is read.
fn prune_awaited(step: &mut Step, read: &BTreeMap<Name, BTreeSet<Name>>) {
    if let Action::Wait { until: Until::Event(awaited) } = &mut step.action {
        let Awaited { on, key, .. } = &mut **awaited;
        on.fields.retain(|name, _| name == key || read.get(&step.id).is_some_and(|read| read.contains(name)));
    }
}

/// Which fields a workflow reads.
struct Reads {
    /// By operation, of its answer.
    operations: BTreeMap<OperationRef, BTreeSet<Name>>,
    /// By `wait` step, of the event that it waits for.
    events: BTreeMap<Name, BTreeSet<Name>>,
    /// Of the trigger; nothing when it is read whole.
    trigger: Option<BTreeSet<Name>>,
}

impl Reads {
    fn of(plan: &Plan) -> Self {
        let mut reads = Self { operations: BTreeMap::new(), events: BTreeMap::new(), trigger: Some(BTreeSet::new()) };
        for (connection, chat) in &plan.chats {
            let posted = OperationRef { connection: connection.clone(), operation: chat.post().clone() };
            let kept = SLACK_POSTED.iter().filter_map(|field| Name::new(field).ok());
            let kept = kept.filter(|_| matches!(chat, Chat::Slack { .. }));
            reads.operations.entry(posted).or_default().extend(kept);
        }
        if let Some(poll) = plan.trigger.poll() {
            reads.operations.entry(poll.read.clone()).or_default().insert(poll.items.clone());
        }
        each_expression(plan, &mut |text| {
            for path in paths(text) {
                reads.add(plan, text, &path);
            }
        });
        reads
    }

    fn add(&mut self, plan: &Plan, text: &str, path: &Path<'_>) {
        let field = path.field.and_then(|field| Name::new(field).ok());
        let asks_only = text.get(..path.range.start).is_some_and(|before| before.trim_end().ends_with("has("));
        if path.root == "trigger" {
            match (&mut self.trigger, field) {
                (Some(read), Some(field)) => drop(read.insert(field)),
                (Some(_), None) if asks_only => {}
                (read, _) => *read = None,
            }
            return;
        }
        let Some(step) = plan.step(path.root) else { return };
        if let (Action::Wait { until: Until::Event(_) }, Some(field)) = (&step.action, &field) {
            self.events.entry(step.id.clone()).or_default().insert(field.clone());
        }
        let Action::Call { operation, .. } = &step.action else { return };
        let read = self.operations.entry(operation.clone()).or_default();
        match field {
            Some(field) => drop(read.insert(field)),
            None if asks_only => {}
            None => {
                let all = plan.operations.get(operation).map(|operation| operation.response.keys().cloned());
                read.extend(all.into_iter().flatten());
            }
        }
    }
}

/// Every expression and path of a plan, as text.
fn each_expression(plan: &Plan, see: &mut impl FnMut(&str)) {
    plan.limits.one_at_a_time.iter().for_each(|expression| see(&expression.0));
    plan.cancels.iter().for_each(|cancel| see(&cancel.equals.0));
    for step in plan.every_step() {
        step.when.iter().for_each(|expression| see(&expression.0));
        match &step.action {
            Action::Call { with, .. } | Action::Set { values: with } => {
                for argument in with.values() {
                    each_hole(argument, see);
                }
            }
            Action::Ask { with, sources, .. } => {
                for argument in with.values() {
                    each_hole(argument, see);
                }
                if let Some(sources) = sources {
                    see(&sources.0);
                }
            }
            Action::Decide { show, .. } => show.iter().for_each(|path| see(path)),
            Action::Each(each) => {
                see(&each.over.0);
                see(&each.key.0);
            }
            Action::Wait { until: Until::At(at) } => see(&at.0),
            Action::Wait { until: Until::Event(awaited) } => see(&awaited.equals.0),
            Action::Wait { until: Until::For(_) | Until::Business(_) } | Action::Stop { .. } => {}
        }
    }
    for kpi in &plan.kpis {
        kpi.when.iter().for_each(|expression| see(&expression.0));
        kpi.sum.iter().chain(&kpi.by).for_each(|path| see(path));
    }
    plan.fallback.open.iter().for_each(|template| each_hole_of(template, see));
}

fn each_hole(argument: &Argument, see: &mut impl FnMut(&str)) {
    match argument {
        Argument::Boolean(_) | Argument::Integer(_) => {}
        Argument::Template(text) => each_hole_of(text, see),
        Argument::List(items) => items.iter().for_each(|item| each_hole(item, see)),
        Argument::Text(in_locale) => {
            in_locale.text.holes.values().for_each(|hole| each_hole_of(&hole.value, see));
            in_locale.text.locale.iter().for_each(|locale| see(&locale.0));
        }
        Argument::Record(members) => members.values().for_each(|item| each_hole(item, see)),
    }
}

fn each_hole_of(template: &str, see: &mut impl FnMut(&str)) {
    for hole in holes(template) {
        see(template.get(hole.start + 2..hole.end - 1).unwrap_or_default());
    }
}
