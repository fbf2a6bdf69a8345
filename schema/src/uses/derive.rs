//! From a plan to the data uses that it needs. Names only records, fields, connections and groups, so that renaming a
//! step changes no use but those that name what an AI answered.

mod asker;
mod calls;
mod client;
mod events;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use super::{AgentParty, AskedBefore, ConnectionParty, DataUse, Party, UseKind};
use crate::class::Class;
use crate::client::ClientFacts;
use crate::expr::{Origin, Source};
use crate::flow::{Flow, Flows, StepFlow};
use crate::id::{ConnectionId, OperationRef};
use crate::plan::{Action, Effect, Operation, Plan, Step, Until};

pub use asker::{Asker, askers};
pub use client::derive_client;

/// The data uses of a plan.
///
/// # Shape
/// Sorted, each once. Uses that differ in nothing but fields are one.
pub fn derive(plan: &Plan, client: &ClientFacts, flows: &Flows) -> Vec<DataUse> {
    derive_after(plan, client, flows, &mut AskedBefore::default())
}

/// As [`derive`], of one of many plans of a client.
pub fn derive_after(plan: &Plan, client: &ClientFacts, flows: &Flows, before: &mut AskedBefore) -> Vec<DataUse> {
    let mut found = Derived { plan, client, uses: Vec::new() };
    found.trigger();
    plan.cancels.iter().for_each(|cancel| found.event(&cancel.on));
    for step in plan.every_step() {
        if let Some(flow) = flows.step(step.id.as_str()) {
            found.step(step, flow);
        }
    }
    found.deciders();
    found.requests(before);
    let bits = flows.bits();
    if bits > 0 {
        let mut releases: Vec<String> = flows.releases.iter().map(|release| release.what.clone()).collect();
        releases.dedup();
        let release = found.of(UseKind::Release);
        found.uses.push(DataUse { bits: Some(bits), releases, ..release });
    }
    sorted(found.uses)
}

/// What no statement has said anything of yet.
fn empty(kind: UseKind) -> DataUse {
    DataUse {
        kind,
        workflow: None,
        purpose: None,
        from: None,
        to: None,
        operation: None,
        effect: None,
        unattended: false,
        fields: BTreeMap::new(),
        puts: BTreeMap::new(),
        scopes: None,
        guardrail: None,
        deciders: BTreeMap::new(),
        requests: BTreeMap::new(),
        events: BTreeMap::new(),
        opens: None,
        provider: None,
        agreement: None,
        retention: None,
        stale_limit: None,
        terms: BTreeSet::new(),
        bits: None,
        releases: Vec::new(),
    }
}

/// Joins uses that differ in nothing but fields, and sorts them.
fn sorted(uses: Vec<DataUse>) -> Vec<DataUse> {
    let apart = |mut one: DataUse| (std::mem::take(&mut one.fields), one);
    let mut all: Vec<(BTreeMap<String, Class>, DataUse)> = uses.into_iter().map(apart).collect();
    all.sort_by(|(_, a), (_, b)| a.cmp(b));
    all.dedup_by(|(more, one), (fields, kept)| {
        if one != kept {
            return false;
        }
        for (path, class) in std::mem::take(more) {
            let known = fields.entry(path).or_insert(class);
            *known = known.join(class);
        }
        true
    });
    all.into_iter().map(|(fields, rest)| DataUse { fields, ..rest }).collect()
}

struct Derived<'a> {
    plan: &'a Plan,
    client: &'a ClientFacts,
    uses: Vec<DataUse>,
}

impl Derived<'_> {
    fn of(&self, kind: UseKind) -> DataUse {
        let purpose = Some(self.plan.purpose.clone());
        DataUse { workflow: Some(self.plan.workflow.clone()), purpose, ..empty(kind) }
    }

    fn agent(&self) -> Party {
        Party::Agent(AgentParty { agent: true, region: self.client.region.clone() })
    }

    /// A connection that the client does not have gets an empty host, which no approval covers.
    fn connection(&self, id: &ConnectionId) -> Party {
        let facts = self.client.connections.get(id);
        Party::Connection(ConnectionParty {
            connection: id.clone(),
            host: facts.map(|facts| facts.host.clone()).unwrap_or_default(),
            region: facts.map_or_else(|| self.client.region.clone(), |facts| facts.region.clone()),
            sandbox_hosts: facts.map(|facts| facts.sandbox_hosts.clone()).unwrap_or_default(),
            token_host: facts.and_then(|facts| facts.token_host.clone()),
            sandbox_token_hosts: facts.map(|facts| facts.sandbox_token_hosts.clone()).unwrap_or_default(),
        })
    }

    fn party(&self, origin: &Origin) -> Party {
        match origin {
            Origin::Connection(id) => self.connection(id),
            Origin::Agent => self.agent(),
        }
    }

    fn step(&mut self, step: &Step, flow: &StepFlow) {
        match &step.action {
            Action::Call { operation: reference, cache, with, .. } => {
                let Some(operation) = self.plan.operations.get(reference) else { return };
                self.answer(reference, operation, operation.response.keys());
                if let Some(period) = cache {
                    self.kept(reference, operation, *period);
                }
                if operation.effect == Effect::None {
                    self.sent(reference, operation, flow);
                } else {
                    self.effect(reference, operation, with, flow);
                }
                self.beside(reference, operation);
            }
            Action::Ask { connection, .. } => self.ask(connection, flow),
            Action::Decide { by, via, .. } => {
                for channel in via {
                    self.show(by, channel, flow);
                }
            }
            Action::Wait { until: Until::Event(awaited) } => self.event(&awaited.on),
            // What stands inside an `each` is derived as the steps that they are.
            Action::Each(_) | Action::Wait { .. } | Action::Set { .. } | Action::Stop { .. } => {}
        }
    }

    /// A use by an operation, with the permissions that it needs.
    fn by(&self, kind: UseKind, reference: &OperationRef, operation: &Operation) -> DataUse {
        DataUse {
            operation: Some(reference.clone()),
            effect: Some(operation.effect),
            scopes: Some(operation.scopes.clone()),
            retention: Some("run".into()),
            ..self.of(kind)
        }
    }

    /// The same use once for each party that the data comes from; from the agent when it draws on nothing.
    fn by_source<'f>(&mut self, data_use: &DataUse, given: impl Iterator<Item = &'f Flow>) {
        for (origin, sources) in by_origin(given.flat_map(|flow| &flow.sources)) {
            let from = Some(self.party(origin));
            self.uses.push(DataUse { from, fields: fields(sources), ..data_use.clone() });
        }
    }
}

/// Sources by the party that they come from: two systems may call a record alike. Nothing comes from the agent.
fn by_origin<'s>(sources: impl IntoIterator<Item = &'s Source>) -> BTreeMap<&'s Origin, BTreeSet<&'s Source>> {
    let mut found: BTreeMap<&Origin, BTreeSet<&Source>> = BTreeMap::new();
    for source in sources {
        found.entry(&source.origin).or_default().insert(source);
    }
    if found.is_empty() {
        found.insert(&Origin::Agent, BTreeSet::new());
    }
    found
}

/// Fields with their class; where one path has several, the most private.
fn fields<'s>(sources: impl IntoIterator<Item = &'s Source>) -> BTreeMap<String, Class> {
    let mut fields: BTreeMap<String, Class> = BTreeMap::new();
    for source in sources {
        let class = fields.entry(source.path.to_string()).or_insert(source.class);
        *class = class.join(source.class);
    }
    fields
}
