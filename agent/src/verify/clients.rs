//! Clients and their workflows in a release: facts, plans, tests and endpoints that fit one another and this place.
//!
//! # Source
//! trust.md sections 3 and 4, language.md section 5 (residency). Promises P05, P15.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::client::{ActiveWorkflow, BadHolders, ClientFacts, ConnectionTo, Decider, Endpoint, Endpoints};
use assent_schema::guard::{self, Misplaced};
use assent_schema::id::{ClientId, ConnectionId, Environment, PersonId};
use assent_schema::plan::{Plan, SCHEMA, Target};
use assent_schema::release::Manifest;
use assent_schema::scenario::Tests;
use assent_schema::trust::{Deciders, PublicKey, Root, RootChain, Teams};

use super::files::Sorted;
use super::refusal::{Refusal, RefusalCode};
use super::{Bundle, ClientBundle, Place, Verified, known};
use crate::kept::KeptPlan;

/// One plan with its scenarios, as the manifest names them.
pub(super) struct Named {
    pub(super) active: ActiveWorkflow,
    pub(super) kept: Arc<KeptPlan>,
    /// As it was read; nothing when the release before had it, with the same facts.
    pub(super) plan: Option<Plan>,
    /// The scenarios; nothing when the release before had them, and they are not run here.
    pub(super) tests: Option<Arc<Tests>>,
}

/// Reads the facts of every client of the release.
pub(super) fn facts(
    sorted: &Sorted<'_>,
    place: &Place,
    root: &Root,
    teams: &Teams,
) -> Result<BTreeMap<ClientId, ClientFacts>, Refusal> {
    let owners = root.owners();
    let mut found = BTreeMap::new();
    for (client, bytes) in &sorted.clients {
        let refuse = |what: String| Refusal::new(RefusalCode::ClientInvalid, format!("clients/{client}.json {what}"));
        let facts: ClientFacts = canon::from_bytes(bytes).map_err(|e| refuse(format!("is not as it must be: {e}")))?;
        if facts.client != *client || facts.schema != SCHEMA {
            return Err(refuse("is of another client or schema".into()));
        }
        if facts.region != place.region {
            return Err(Refusal::new(
                RefusalCode::RegionWrong,
                format!("{client} belongs to the region {}", facts.region),
            ));
        }
        facts.check_holders().map_err(|what| match what {
            BadHolders::Region => {
                Refusal::new(RefusalCode::RegionWrong, format!("a holder of the ledger of {client} is elsewhere"))
            }
            what => refuse(format!("names holders of the ledger that cannot be: {what}")),
        })?;
        let keys = facts.ledger.values().filter_map(|holders| holders.branch.as_ref()?.host_key.as_ref());
        let urls = facts.ledger.values().flat_map(|holders| holders.witnesses.iter().map(|one| &one.url));
        let plain = |key: &String| key.parse::<PublicKey>().is_ok_and(|key| key.is_plain());
        if !keys.clone().all(plain) || !urls.clone().all(|url| guard::base_of(url).is_some()) {
            return Err(refuse("names a holder of the ledger that cannot be reached".into()));
        }
        // Nobody decides on the money of what they wrote: so whoever of the agency decides for a client is known by the name
        // and the keys by which the agency knows them, and is of the client's team.
        for (person, decider) in &facts.people {
            let owner = decider.keys.iter().find_map(|key| owners.of(key));
            if let Some(owner) = owner.filter(|_| !is_of_team(person, decider, root, teams.clients.get(client))) {
                return Err(refuse(format!("lets {person} decide with a key of {owner}")));
            }
        }
        if let Some((person, what, other)) = shared(&facts) {
            return Err(refuse(format!("lets {person} decide with {what} of {other}")));
        }
        found.insert(client.clone(), facts);
    }
    Ok(found)
}

/// The first of a client's people who could answer as another of them, and by what.
fn shared(facts: &ClientFacts) -> Option<(&PersonId, &'static str, PersonId)> {
    let mut deciders = Deciders::default();
    facts.people.iter().find_map(|(person, decider)| {
        if let Some(other) = decider.keys.iter().find_map(|key| deciders.take_key(person, key).cloned()) {
            return Some((person, "a key", other));
        }
        let mut accounts = decider.accounts.iter();
        let other = accounts.find_map(|(at, account)| deciders.take_account(person, at, account).cloned())?;
        Some((person, "an account", other))
    })
}

fn is_of_team(person: &PersonId, decider: &Decider, root: &Root, team: Option<&BTreeSet<PersonId>>) -> bool {
    let known = root.people.get(person).is_some_and(|known| known.decides_by() == decider.keys);
    known && decider.accounts.is_empty() && team.is_some_and(|team| team.contains(person))
}

/// Reads where connections lead and compares that with what the clients approve: production hosts in production, and the
/// sandboxes beside them everywhere else.
pub(super) fn endpoints(
    sorted: &Sorted<'_>,
    clients: &BTreeMap<ClientId, ClientFacts>,
    place: &Place,
) -> Result<BTreeMap<ClientId, BTreeMap<ConnectionId, Endpoint>>, Refusal> {
    let refuse = |what: String| Refusal::new(RefusalCode::EndpointInvalid, what);
    let read: Endpoints = canon::from_bytes(sorted.endpoints).map_err(|e| refuse(format!("endpoints.json: {e}")))?;
    if read.schema != SCHEMA || read.environment != place.environment || read.region != place.region {
        return Err(refuse("endpoints.json is of another schema, environment or region".into()));
    }
    if let Some(stranger) = read.clients.keys().find(|client| !clients.contains_key(*client)) {
        return Err(refuse(format!("endpoints.json names {stranger}, of whom there are no facts")));
    }
    for (client, facts) in clients {
        let none = BTreeMap::new();
        let led = read.clients.get(client).unwrap_or(&none);
        for (name, endpoint) in led {
            check_endpoint(client, name, endpoint, facts, &place.environment)?;
        }
        // Elsewhere an alert may take fewer ways than in production.
        let routes = facts.routes.iter().filter(|_| place.environment.is_production());
        let needed = facts.connections.keys().chain(routes.map(|route| &route.endpoint));
        if let Some(missing) = needed.into_iter().find(|name| !led.contains_key(*name)) {
            return Err(refuse(format!("{client} has no endpoint for {missing}")));
        }
    }
    Ok(read.clients)
}

fn check_endpoint(
    client: &ClientId,
    name: &ConnectionId,
    endpoint: &Endpoint,
    facts: &ClientFacts,
    environment: &Environment,
) -> Result<(), Refusal> {
    let refuse = |code, what: &str| Err(Refusal::new(code, format!("the endpoint {name} of {client} {what}")));
    let Some(connection) = facts.connections.get(name) else {
        // An alert route; what goes to one in another region is less, which `watch` sees to.
        if !facts.routes.iter().any(|route| route.endpoint == *name) {
            return refuse(RefusalCode::EndpointInvalid, "belongs to nothing");
        }
        // The secret of the route goes there, and what alerts say of the client.
        if !facts.routes.iter().any(|route| route.endpoint == *name && route.urls.contains(&endpoint.url)) {
            return refuse(
                RefusalCode::EndpointInvalid,
                "is not an address of the alert route that the client approves",
            );
        }
        return Ok(());
    };
    // Another region than the agent's is a data use of its own, which only the client's approval covers; but what is
    // approved is what must be there.
    match guard::placed(connection, endpoint, environment) {
        Ok(()) => Ok(()),
        Err(Misplaced::Region) => refuse(RefusalCode::RegionWrong, "is in another region than the connection"),
        Err(Misplaced::Host | Misplaced::Sandbox | Misplaced::Url) => {
            refuse(RefusalCode::EndpointInvalid, "is not a host that the client approves for this environment")
        }
    }
}

/// Checks what the manifest says of all active workflows: each once, each with its authors, and every plan and tests file is of one.
pub(super) fn active(manifest: &Manifest, sorted: &Sorted<'_>, roots: &RootChain) -> Result<(), Refusal> {
    if !manifest.active.is_sorted_by(|a, b| (&a.client, &a.workflow) < (&b.client, &b.workflow)) {
        return Err(Refusal::new(
            RefusalCode::ManifestInvalid,
            "the active set is not sorted or names a workflow twice",
        ));
    }
    let named = |of: fn(&ActiveWorkflow) -> Digest| manifest.active.iter().map(of).collect::<BTreeSet<Digest>>();
    let (plans, tests) = (named(|active| active.plan), named(|active| active.tests));
    let unused = sorted.plans.keys().find(|digest| !plans.contains(digest)).map(|d| format!("plans/{d}.json"));
    let unused = unused
        .or_else(|| sorted.tests.keys().find(|digest| !tests.contains(digest)).map(|d| format!("tests/{d}.json")));
    if let Some(path) = unused {
        return Err(Refusal::new(RefusalCode::FileUnexpected, format!("{path} belongs to no active workflow")));
    }
    // Nobody decides on the money of what they wrote; whom it is not known of, everybody is named.
    for active in &manifest.active {
        let refuse = |what: &str| {
            Refusal::new(RefusalCode::PlanInvalid, format!("{}/{} {what}", active.client, active.workflow))
        };
        if active.authors.is_empty() {
            return Err(refuse("has no author"));
        }
        if !active.authors.iter().all(|author| roots.knows(author)) {
            return Err(refuse("has an author who was never in a root"));
        }
    }
    Ok(())
}

/// Reads the plan of an active workflow, with its tests, and compares it with its client's facts. `tested` is one whose scenarios
/// are asked for, though the release before had them.
pub(super) fn plan(
    active: &ActiveWorkflow,
    sorted: &Sorted<'_>,
    clients: &BTreeMap<ClientId, ClientBundle>,
    before: Option<&Verified<Bundle>>,
    tested: bool,
) -> Result<Named, Refusal> {
    let name = format!("{}/{}", active.client, active.workflow);
    let refuse = |what: &str| Refusal::new(RefusalCode::PlanInvalid, format!("{name} {what}"));
    let plan_bytes = sorted.plans.get(&active.plan).ok_or_else(|| refuse("has no plan file"))?;
    let tests_bytes = sorted.tests.get(&active.tests).ok_or_else(|| refuse("has no tests file"))?;
    let read_plan = || {
        let plan = Plan::from_bytes(plan_bytes);
        plan.map_err(|e| refuse(&format!("has a plan that is not as it must be: {e}")))
    };
    let read_tests = || {
        let tests = canon::from_bytes(tests_bytes);
        tests.map(Arc::new).map_err(|e| refuse(&format!("has tests that are not as they must be: {e}")))
    };
    let facts = clients.get(&active.client).map(|client| &client.facts);
    let facts = facts.ok_or_else(|| Refusal::new(RefusalCode::ClientInvalid, format!("{name} has no client facts")))?;
    // The same digests: the same bytes, which say the same, and to the same facts.
    let known = known(before, active);
    let known_facts = before.and_then(|before| before.clients.get(&active.client)).map(|known| &known.facts);
    let (kept, plan) = match known {
        Some(known) if known_facts.is_some_and(|known| Arc::ptr_eq(known, facts)) => (Arc::clone(&known.plan), None),
        known => {
            let plan = read_plan()?;
            let new = || Arc::new(KeptPlan::new(&plan, active.plan, plan_bytes));
            (known.map_or_else(new, |known| Arc::clone(&known.plan)), Some(plan))
        }
    };
    let tests: Option<Arc<Tests>> = match known {
        Some(known) if known.tests.is_some() || !tested => known.tests.clone(),
        Some(_) | None => Some(read_tests()?),
    };
    let own = (&active.client, &active.workflow, SCHEMA);
    let other_plan = plan.as_ref().is_some_and(|plan| (&plan.client, &plan.workflow, plan.schema) != own);
    let other_tests = tests.as_ref().is_some_and(|tests| (&tests.client, &tests.workflow, tests.schema) != own);
    if other_plan || other_tests {
        return Err(refuse("is named by a plan or tests of another workflow or schema"));
    }
    if tests.as_ref().is_some_and(|tests| tests.scenarios.is_empty()) {
        return Err(refuse("has no scenarios"));
    }
    for (connection, target) in plan.iter().flat_map(|plan| &plan.connections) {
        let to = facts.connections.get(connection).map(|facts| &facts.to);
        if !to.is_some_and(|to| leads_to(to, target)) {
            return Err(refuse(&format!("uses the connection {connection} otherwise than the client's facts say")));
        }
    }
    Ok(Named { active: active.clone(), kept, plan, tests })
}

fn leads_to(to: &ConnectionTo, target: &Target) -> bool {
    match (to, target) {
        (ConnectionTo::Integration { name, .. }, Target::Integration(wanted)) => name == wanted,
        (ConnectionTo::Provider { name, .. }, Target::Provider(wanted)) => name == wanted,
        (ConnectionTo::Integration { .. } | ConnectionTo::Provider { .. }, _) => false,
    }
}
