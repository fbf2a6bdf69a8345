//! Where a use that nobody approved is asked for: the key, the entry or the step, as far as it can be told.

use std::collections::BTreeSet;

use assent_schema::client::ClientFacts;
use assent_schema::finding::Span;
use assent_schema::flow::{Flow, Flows};
use assent_schema::id::{GroupId, Name, OperationRef};
use assent_schema::plan::{Action, Channel, Plan, Step, Trigger, Until};
use assent_schema::spec::{self, Unit};
use assent_schema::uses::{Asker, DataUse, Party, PutUse, UseKind, askers, covers, fields_beyond};

use super::super::expressions;
use crate::resolve::{PRODUCTION, Site, Workflow};
use crate::sentence::is_of_catalog;

/// What a place is looked for in: a workflow, or the client's file alone.
pub(super) struct Placed<'a> {
    pub(super) facts: &'a ClientFacts,
    pub(super) owner: Option<&'a Workflow>,
    pub(super) plan: Option<&'a Plan>,
    pub(super) flows: Option<&'a Flows>,
    pub(super) file: Option<&'a Unit<spec::Client>>,
}

impl Placed<'_> {
    /// The place of what asks for a use; the name of the workflow or client where nothing closer is known.
    pub(super) fn span(&self, data_use: &DataUse, near: Option<&DataUse>) -> Option<Span> {
        let Some(owner) = self.owner else { return self.in_file(data_use, near) };
        if !data_use.deciders.is_empty()
            && let Some(place) = self.decider(data_use, near)
        {
            return Some(place);
        }
        if let Some(place) = near.and_then(|near| self.of_client(data_use, near)) {
            return Some(place);
        }
        // A client answers for using a workflow of the library, and for where its connections lead; not for the rest.
        let own = near.is_none_or(|near| {
            (&near.from, &near.to, &near.agreement, &near.guardrail)
                != (&data_use.from, &data_use.to, &data_use.agreement, &data_use.guardrail)
        });
        let site = self.site(data_use, near).filter(|_| owner.library.is_none() || !own);
        Some(site.map_or_else(|| owner.span(), |site| owner.sites.span(&site)))
    }

    /// The line of the client's file that says something new for all of its workflows.
    fn in_file(&self, data_use: &DataUse, near: Option<&DataUse>) -> Option<Span> {
        let unit = self.file?;
        let client = &unit.spec;
        let limit = client.guardrails.iter().find(|limit| Some(&limit.operation.value) == data_use.operation.as_ref());
        if let Some(limit) = limit {
            return Some(unit.span(&limit.operation.span));
        }
        if near.is_some_and(|near| near.stale_limit < data_use.stale_limit) {
            return Some(unit.span(&client.stale_limit.span));
        }
        let changed: BTreeSet<&String> =
            near.map(|near| near.terms.symmetric_difference(&data_use.terms).collect()).unwrap_or_default();
        let at = |line: &&String| {
            let (thing, _) = line.split_once(": ")?;
            let connection = thing.strip_prefix("AI model at ").or_else(|| thing.strip_prefix("sign-in at "));
            let private = line.strip_prefix("private addresses: may be reached at ");
            if let Some(connection) = connection.or(private) {
                return client.connections.get(connection).map(|connection| connection.to.span.clone());
            }
            match thing {
                "audit log" => Some(client.retention.span.clone()),
                "plan" => Some(client.plan.span.clone()),
                "time zone" => Some(client.zone.span.clone()),
                "open" | "closed" => client.calendar.as_ref().map(|calendar| calendar.span.clone()),
                "alerts" | "incidents" => Some(client.routes.span.clone()),
                "post-mortems" => match line.strip_prefix("post-mortems: for ") {
                    Some(person) => client.contacts.iter().find(|at| at.as_str() == person).map(|at| at.span.clone()),
                    None => Some(client.routes.span.clone()),
                },
                _ => None,
            }
        };
        // What is new before what is gone: the one can be pointed at.
        let new = changed.iter().copied().filter(|line| data_use.terms.contains(*line));
        let gone = changed.iter().copied().filter(|line| !data_use.terms.contains(*line));
        let place = new.chain(gone).find_map(|line| at(&line));
        Some(unit.span(&place.unwrap_or_else(|| client.name.span.clone())))
    }

    /// The line of the client's file that makes the whole difference: where a connection leads, a limit.
    fn of_client(&self, data_use: &DataUse, near: &DataUse) -> Option<Span> {
        let unit = self.file?;
        let moved = [(&near.from, &data_use.from), (&near.to, &data_use.to)].into_iter().find_map(|pair| match pair {
            (Some(Party::Connection(was)), Some(Party::Connection(is))) if was != is => Some((was, is)),
            _ => None,
        });
        let same = |near: DataUse| covers(&near, data_use);
        if let Some((was, is)) = moved
            && same(DataUse { from: data_use.from.clone(), to: data_use.to.clone(), ..near.clone() })
        {
            let connection = unit.spec.connections.get(is.connection.as_str())?;
            let production = connection.endpoint.iter().find(|(environment, _)| environment.as_str() == PRODUCTION);
            let url = production.filter(|_| was.host != is.host).map(|(_, endpoint)| endpoint.url.span.clone());
            return Some(unit.span(&url.unwrap_or_else(|| connection.to.span.clone())));
        }
        let limited = near.guardrail != data_use.guardrail
            && same(DataUse { guardrail: data_use.guardrail.clone(), ..near.clone() });
        let limits = unit.spec.guardrails.iter().filter(|_| limited);
        let limit = limits.into_iter().find(|limit| Some(&limit.operation.value) == data_use.operation.as_ref())?;
        Some(unit.span(&limit.operation.span))
    }

    /// Where the client's file names who is new to a group, or says by what somebody is known.
    fn decider(&self, data_use: &DataUse, near: Option<&DataUse>) -> Option<Span> {
        let (unit, near) = (self.file?, near?);
        let group = group(data_use)?;
        let differs = |(person, by): &(_, &BTreeSet<String>)| near.deciders.get(*person) != Some(*by);
        let (person, _) = data_use.deciders.iter().find(differs)?;
        if near.deciders.contains_key(person) {
            let people = unit.spec.people.keys();
            return people.into_iter().find(|known| known.value == *person).map(|known| unit.span(&known.span));
        }
        let named = unit.spec.groups.get(group.as_str())?.iter().find(|known| known.value == *person)?;
        Some(unit.span(&named.span))
    }

    fn site(&self, data_use: &DataUse, near: Option<&DataUse>) -> Option<Site> {
        let plan = self.plan?;
        if near.is_some_and(|near| near.purpose != data_use.purpose) {
            return Some(Site::Purpose);
        }
        match data_use.kind {
            UseKind::Release => {
                let releases = self.flows.map(|flows| flows.releases.as_slice()).unwrap_or_default();
                let is_new = |what: &String| near.is_none_or(|near| !near.releases.contains(what));
                let new = releases.iter().find(|release| is_new(&release.what)).or(releases.first())?;
                Some(expressions::site(&new.site))
            }
            UseKind::Guardrail if is_of_catalog(data_use) => of_catalog(plan, data_use, near),
            UseKind::Guardrail => {
                let by = group(data_use)?;
                let decides = |step: &&Step| matches!(&step.action, Action::Decide { by: asked, .. } if asked == by);
                plan.every_step().find(decides).map(|step| Site::Step(step.id.clone()))
            }
            UseKind::Read | UseKind::Effect | UseKind::Ask | UseKind::Show | UseKind::Cache => {
                self.of_part(plan, data_use, near)
            }
        }
    }

    /// The part of the plan that asks for it: of several the first that asks for what is new.
    fn of_part(&self, plan: &Plan, data_use: &DataUse, near: Option<&DataUse>) -> Option<Site> {
        let flows = self.flows?;
        let askers = askers(plan, self.facts, flows, data_use);
        let new: BTreeSet<&String> = match near {
            Some(near) => fields_beyond(near, data_use).map(|(path, _)| path).collect(),
            None => BTreeSet::new(),
        };
        let asks = |(_, fields): &&(Asker, _)| {
            let fields: &std::collections::BTreeMap<String, _> = fields;
            new.iter().any(|path| fields.contains_key(*path))
        };
        let (asker, _) = askers.iter().find(asks).or(askers.first())?;
        Some(match asker {
            Asker::Trigger => Site::Trigger,
            Asker::Cancel(position) => Site::Cancel(*position),
            Asker::Step(id) => {
                in_step(plan, flows, id, (data_use, near), &new).unwrap_or_else(|| Site::Step(id.clone()))
            }
        })
    }
}

fn group(data_use: &DataUse) -> Option<&GroupId> {
    match &data_use.to {
        Some(Party::Group(to)) => Some(&to.group),
        _ => None,
    }
}

/// What in a step asks for a use.
fn in_step(
    plan: &Plan,
    flows: &Flows,
    id: &Name,
    (data_use, near): (&DataUse, Option<&DataUse>),
    new: &BTreeSet<&String>,
) -> Option<Site> {
    let draws = |flow: &Flow| flow.sources.iter().any(|source| new.contains(&source.path.to_string()));
    let flow = flows.step(id.as_str())?;
    let step = plan.step(id.as_str())?;
    match &step.action {
        Action::Decide { show, via, .. } => {
            let shown = show.iter().position(|path| flow.show.get(path).is_some_and(draws));
            // Of a channel that was not approved all is new.
            let known = near.is_some_and(|near| near.to == data_use.to);
            if let Some(position) = shown.filter(|_| known) {
                return Some(Site::Show(id.clone(), position));
            }
            let name = match (&data_use.from, &data_use.to, &data_use.operation) {
                (_, Some(Party::Group(to)), _) => to.channel.as_str(),
                (_, _, Some(operation)) => operation.connection.as_str(),
                (Some(Party::Connection(from)), _, _) => from.connection.as_str(),
                _ => return None,
            };
            let is_it = |channel: &Channel| match channel.connection() {
                Some(connection) => connection.as_str() == name,
                None => matches!((channel, name), (Channel::Page, "page") | (Channel::Cli, "cli")),
            };
            Some(Site::Via(id.clone(), via.iter().position(is_it)?))
        }
        Action::Wait { until: Until::Event(_) } => Some(Site::Until(id.clone())),
        Action::Call { .. } if data_use.kind == UseKind::Cache => Some(Site::Cache(id.clone())),
        Action::Call { .. } | Action::Ask { .. } => {
            if near.is_some_and(|near| near.effect != data_use.effect) {
                return Some(Site::Operation(id.clone()));
            }
            let given = flow.with.iter().find(|(_, flow)| draws(flow)).map(|(name, _)| name);
            let empty = PutUse::default();
            let put = near.and_then(|near| {
                let most = |param: &Name| near.puts.get(param).unwrap_or(&empty);
                data_use.puts.iter().find(|(param, put)| !put.is_within(most(param))).map(|(param, _)| param)
            });
            if let Some(name) = given.or(put) {
                return Some(Site::Argument(id.clone(), name.clone()));
            }
            if flow.sources.as_ref().is_some_and(draws) {
                return Some(Site::Sources(id.clone()));
            }
            Some(Site::Operation(id.clone()))
        }
        Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => None,
    }
}

/// The first call, event or link that is not as it was.
fn of_catalog(plan: &Plan, data_use: &DataUse, near: Option<&DataUse>) -> Option<Site> {
    let request = data_use.requests.iter().find(|(name, asked)| {
        near.and_then(|near| near.requests.get(*name)).is_none_or(|given| {
            let beyond = asked.answers.iter().any(|(field, at)| given.answers.get(field) != Some(at));
            given.digest != asked.digest || beyond
        })
    });
    if let Some(site) = request.and_then(|(name, _)| caller(plan, name)) {
        return Some(site);
    }
    let event = data_use
        .events
        .iter()
        .find(|(name, used)| near.and_then(|near| near.events.get(*name)).is_none_or(|given| !given.covers(used)));
    if let Some((name, _)) = event {
        return Some(taker(plan, name));
    }
    let opens = data_use.opens.is_some() && near.is_none_or(|near| near.opens != data_use.opens);
    opens.then_some(Site::Open)
}

/// What calls an operation, or has a chat or another call do so.
fn caller(plan: &Plan, name: &OperationRef) -> Option<Site> {
    let calls = |step: &&Step| matches!(&step.action, Action::Call { operation, .. } if operation == name);
    if let Some(step) = plan.every_step().find(calls) {
        return Some(Site::Operation(step.id.clone()));
    }
    if plan.trigger.poll().is_some_and(|poll| poll.read == *name) {
        return Some(Site::Trigger);
    }
    plan.every_step().find_map(|step| match &step.action {
        Action::Call { operation, .. } => {
            let own = operation.connection == name.connection;
            let beside = plan.operations.get(operation).is_some_and(|operation| {
                let reads = [
                    operation.confirm.as_ref().map(|confirm| &confirm.operation),
                    operation.park.as_ref().map(|park| &park.read),
                    operation.job.as_ref().map(|job| &job.read),
                ];
                reads.into_iter().flatten().any(|read| *read == name.operation)
            });
            (own && beside).then(|| Site::Operation(step.id.clone()))
        }
        Action::Decide { via, .. } => {
            let position = via.iter().position(|channel| channel.connection() == Some(&name.connection))?;
            Some(Site::Via(step.id.clone(), position))
        }
        Action::Ask { .. } | Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => None,
    })
}

/// What takes an event, by the name that uses have for it.
fn taker(plan: &Plan, name: &str) -> Site {
    let is_it = |event: &assent_schema::plan::Event| format!("{}.{}", event.connection, event.event) == name;
    let starts = match &plan.trigger {
        Trigger::Webhook { connection, event, .. } => format!("{connection}.{event}") == name,
        Trigger::Inbox { .. } | Trigger::Poll { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => true,
    };
    if starts {
        return Site::Trigger;
    }
    if let Some(position) = plan.cancels.iter().position(|cancel| is_it(&cancel.on)) {
        return Site::Cancel(position);
    }
    let waits = plan.every_step().find(|step| match &step.action {
        Action::Wait { until: Until::Event(awaited) } => is_it(&awaited.on),
        _ => false,
    });
    waits.map_or(Site::Trigger, |step| Site::Until(step.id.clone()))
}
