//! What a pull request changes for a client as a whole: hosts, scopes, guardrails, how long things are kept.

use std::collections::BTreeSet;

use assent_schema::client::{ClientFacts, ConnectionFacts, Guardrail};
use assent_schema::id::{ConnectionId, OperationRef, Scope};
use serde::Serialize;

/// One change that holds for all of a client's workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum FactChange {
    /// A connection, and with it a host, is new.
    HostAdded {
        /// Which connection.
        connection: ConnectionId,
        /// Its host.
        host: String,
        /// The host's region.
        region: String,
    },
    /// A connection is gone.
    HostDropped {
        /// Which connection.
        connection: ConnectionId,
        /// Its host.
        host: String,
        /// The host's region.
        region: String,
    },
    /// A connection leads elsewhere.
    HostMoved {
        /// Which connection.
        connection: ConnectionId,
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// A connection is granted a scope.
    ScopeAdded {
        /// Which connection.
        connection: ConnectionId,
        /// Which scope.
        scope: Scope,
    },
    /// A connection loses a scope.
    ScopeDropped {
        /// Which connection.
        connection: ConnectionId,
        /// Which scope.
        scope: Scope,
    },
    /// An operation is bounded that was not.
    GuardrailAdded {
        /// Which operation.
        operation: OperationRef,
    },
    /// An operation is bounded no more.
    GuardrailDropped {
        /// Which operation.
        operation: OperationRef,
    },
    /// A bound allows more than before.
    GuardrailWidened {
        /// Which operation.
        operation: OperationRef,
        /// Which bound.
        limit: &'static str,
        /// What it was.
        from: Option<i64>,
        /// What it is.
        to: Option<i64>,
    },
    /// A bound allows less than before.
    GuardrailNarrowed {
        /// Which operation.
        operation: OperationRef,
        /// Which bound.
        limit: &'static str,
        /// What it was.
        from: Option<i64>,
        /// What it is.
        to: Option<i64>,
    },
    /// Another group is asked above a bound.
    GuardrailAsks {
        /// Which operation.
        operation: OperationRef,
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// Something else that holds for the client: its region, plan, retention.
    Setting {
        /// What it is called.
        name: &'static str,
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
}

impl FactChange {
    /// Whether it takes away a protection that the client had.
    pub fn weakens(&self) -> bool {
        match self {
            Self::GuardrailDropped { .. } | Self::GuardrailWidened { .. } => true,
            Self::HostAdded { .. }
            | Self::HostDropped { .. }
            | Self::HostMoved { .. }
            | Self::ScopeAdded { .. }
            | Self::ScopeDropped { .. }
            | Self::GuardrailAdded { .. }
            | Self::GuardrailNarrowed { .. }
            | Self::GuardrailAsks { .. }
            | Self::Setting { .. } => false,
        }
    }
}

/// Everything that changes for a client as a whole. Nothing for one that is new or gone: its uses say it all.
pub(super) fn changes(was: &ClientFacts, is: &ClientFacts) -> Vec<FactChange> {
    let mut found = settings(was, is);
    connections(was, is, &mut found);
    let operations: BTreeSet<&OperationRef> =
        was.guardrails.iter().chain(&is.guardrails).map(|guardrail| &guardrail.operation).collect();
    for operation in operations {
        let of = |facts: &'_ ClientFacts| facts.guardrails.iter().find(|g| g.operation == *operation).cloned();
        match (of(was), of(is)) {
            (Some(old), Some(new)) => guardrail(&old, &new, &mut found),
            (None, Some(_)) => found.push(FactChange::GuardrailAdded { operation: operation.clone() }),
            (Some(_), None) => found.push(FactChange::GuardrailDropped { operation: operation.clone() }),
            (None, None) => {}
        }
    }
    found
}

fn settings(was: &ClientFacts, is: &ClientFacts) -> Vec<FactChange> {
    let tier = |facts: &ClientFacts| serde_json::to_value(facts.plan).unwrap_or_default();
    let word = |facts: &ClientFacts| tier(facts).as_str().unwrap_or_default().to_owned();
    let listed = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let frozen = |facts: &ClientFacts| {
        let times = facts.freeze.iter().map(|time| format!("{} to {} ({})", time.from, time.until, time.reason));
        listed(times.collect())
    };
    let contacts = |facts: &ClientFacts| listed(facts.contacts.iter().map(ToString::to_string).collect());
    let all = [
        ("region", was.region.to_string(), is.region.to_string()),
        ("plan", word(was), word(is)),
        ("time zone", was.zone.clone(), is.zone.clone()),
        ("retention of the audit log", was.retention.to_string(), is.retention.to_string()),
        ("time without hearing from the agency", was.stale_limit.to_string(), is.stale_limit.to_string()),
        ("runs at once", was.limits.running.to_string(), is.limits.running.to_string()),
        ("runs waiting", was.limits.waiting.to_string(), is.limits.waiting.to_string()),
        ("times in which nothing is released", frozen(was), frozen(is)),
        ("who is told of incidents", contacts(was), contacts(is)),
    ];
    let changed = all.into_iter().filter(|(_, from, to)| from != to);
    changed.map(|(name, from, to)| FactChange::Setting { name, from, to }).collect()
}

fn connections(was: &ClientFacts, is: &ClientFacts, found: &mut Vec<FactChange>) {
    let ids: BTreeSet<&ConnectionId> = was.connections.keys().chain(is.connections.keys()).collect();
    let place = |facts: &ConnectionFacts| (facts.host.clone(), facts.region.to_string());
    for id in ids {
        let connection = id.clone();
        match (was.connections.get(id), is.connections.get(id)) {
            (None, Some(new)) => {
                let (host, region) = place(new);
                found.push(FactChange::HostAdded { connection, host, region });
            }
            (Some(old), None) => {
                let (host, region) = place(old);
                found.push(FactChange::HostDropped { connection, host, region });
            }
            (Some(old), Some(new)) => {
                if place(old) != place(new) {
                    let said = |(host, region): (String, String)| format!("{host} ({region})");
                    let (from, to) = (said(place(old)), said(place(new)));
                    found.push(FactChange::HostMoved { connection: connection.clone(), from, to });
                }
                let added = new.scopes.difference(&old.scopes).cloned();
                found.extend(added.map(|scope| FactChange::ScopeAdded { connection: connection.clone(), scope }));
                let dropped = old.scopes.difference(&new.scopes).cloned();
                found.extend(dropped.map(|scope| FactChange::ScopeDropped { connection: connection.clone(), scope }));
            }
            (None, None) => {}
        }
    }
}

fn guardrail(was: &Guardrail, is: &Guardrail, found: &mut Vec<FactChange>) {
    let operation = &is.operation;
    let count = |n: Option<u32>| n.map(i64::from);
    let customer = |g: &Guardrail| g.per_customer.as_ref().and_then(|per| per.per_day_count.map(i64::from));
    let customer_sum = |g: &Guardrail| g.per_customer.as_ref().and_then(|per| per.per_day);
    let workflow = |g: &Guardrail| g.per_workflow.as_ref().and_then(|per| per.per_day_count.map(i64::from));
    let workflow_sum = |g: &Guardrail| g.per_workflow.as_ref().and_then(|per| per.per_day);
    let limits = [
        ("amount of one call", was.per_call, is.per_call),
        ("sum of a day", was.per_day, is.per_day),
        ("calls of a day", count(was.per_day_count), count(is.per_day_count)),
        ("calls of a day for one customer", customer(was), customer(is)),
        ("sum of a day for one customer", customer_sum(was), customer_sum(is)),
        ("calls of a day of one workflow", workflow(was), workflow(is)),
        ("sum of a day of one workflow", workflow_sum(was), workflow_sum(is)),
    ];
    for (limit, from, to) in limits.into_iter().filter(|(_, from, to)| from != to) {
        // No limit is the widest of all.
        let wider = to.unwrap_or(i64::MAX) > from.unwrap_or(i64::MAX);
        let operation = operation.clone();
        found.push(if wider {
            FactChange::GuardrailWidened { operation, limit, from, to }
        } else {
            FactChange::GuardrailNarrowed { operation, limit, from, to }
        });
    }
    if was.by != is.by {
        let (from, to) = (was.by.to_string(), is.by.to_string());
        found.push(FactChange::GuardrailAsks { operation: operation.clone(), from, to });
    }
}
