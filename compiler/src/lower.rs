//! Resolved workflows to plans as agents read them: only the fields that are read, as canonical bytes under a digest.
//!
//! Pure. What differs between environments is left to [`Endpoints`].

mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::{self, CanonError, Digest};
use assent_schema::client::{Endpoints, EndpointsType};
use assent_schema::expr::Taken;
use assent_schema::id::{ClientId, Environment, Name, Region};
use assent_schema::plan::{Action, Awaited, Plan, SCHEMA, Step, Trigger, Until};
use assent_schema::scenario::Tests;

use self::reads::Reads;
use crate::resolve::{Client, Pruned, Workflow, keep, prune};

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

/// Lowers one of several workflows of a client.
pub(crate) fn lower(workflow: &Workflow, before: &mut Pruned) -> Lowered {
    Lowered { plan: Arc::new(pruned(&workflow.plan, before)) }
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
fn pruned(plan: &Plan, before: &mut Pruned) -> Plan {
    let reads = Reads::of(plan);
    let mut plan = plan.clone();
    // What a person gives or another system writes was declared for this workflow alone.
    let declared_here = matches!(plan.trigger, Trigger::Manual { .. } | Trigger::Inbox { .. });
    if !declared_here {
        let needed: BTreeSet<Name> =
            plan.trigger.fields().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let needed = needed.into_iter().filter(|name| plan.trigger.needs(name));
        let mut read = reads.trigger();
        read.add(Taken::Members(needed.map(|name| (name, Taken::Whole)).collect()));
        plan.trigger.fields_mut().into_iter().for_each(|fields| keep(fields, &read, &|_| false));
    }
    let read = reads.operations(&plan);
    prune(&mut plan.operations, &read, before);
    for step in &mut plan.steps {
        prune_awaited(step, &reads);
        if let Action::Each(each) = &mut step.action {
            each.steps.iter_mut().for_each(|step| prune_awaited(step, &reads));
        }
    }
    plan
}

/// Of an event that a `wait` waits for stays what tells whose it is, and what is read.
fn prune_awaited(step: &mut Step, reads: &Reads) {
    let mut read = reads.event(step);
    if let Action::Wait { until: Until::Event(awaited) } = &mut step.action {
        let Awaited { on, key, .. } = &mut **awaited;
        read.add(Taken::Whole.below([&*key].into_iter()));
        keep(&mut on.fields, &read, &|_| false);
    }
}
