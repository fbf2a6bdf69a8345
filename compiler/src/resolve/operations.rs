//! Operations of the catalog as plans hold them: all those that a workflow's steps need, and the reads that those need.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{Effect, Must, Operation};
use assent_schema::shape::Field;
use assent_schema::spec::{self, Integration, Spanned};

/// Adds an operation and what it needs: the read that confirms it, the one that reads back what it parked,
/// and the one that tells how its job stands.
pub(super) fn add(
    operations: &mut BTreeMap<OperationRef, Operation>,
    connection: &ConnectionId,
    integration: &Integration,
    name: &Name,
) {
    let reference = OperationRef { connection: connection.clone(), operation: name.clone() };
    if operations.contains_key(&reference) {
        return;
    }
    let Some(found) = integration.operations.get(name.as_str()) else { return };
    operations.insert(reference, resolve(found));
    let reads = [
        found.confirm.as_ref().map(|confirm| &confirm.operation),
        found.park.as_ref().map(|park| &park.read),
        found.job.as_ref().map(|job| &job.read),
    ];
    for read in reads.into_iter().flatten() {
        add(operations, connection, integration, read);
    }
}

fn resolve(operation: &spec::Operation) -> Operation {
    Operation {
        record: operation.record.value.clone(),
        method: operation.method,
        path: operation.path.value.clone(),
        encoding: operation.encoding,
        document: value(operation.document.as_ref()),
        effect: operation.effect.value,
        scopes: operation.scopes.iter().map(|scope| scope.value.clone()).collect(),
        params: unspanned(&operation.params),
        constants: operation.constants.clone(),
        response: unspanned(&operation.response),
        must: BTreeMap::new(),
        most_bytes: operation.most_bytes,
        timeout: operation.timeout,
        errors: operation.errors.iter().map(|rule| rule.value.clone()).collect(),
        not_executed: operation.not_executed.clone(),
        idempotency: value(operation.idempotency.as_ref()),
        retry: value(operation.retry.as_ref()),
        confirm: value(operation.confirm.as_ref()),
        reread: operation.reread,
        finds: operation.finds,
        park: value(operation.park.as_ref()),
        belongs: value(operation.belongs.as_ref()),
        job: value(operation.job.as_ref()),
        rate: operation.rate,
        pages: value(operation.pages.as_ref()),
    }
}

/// A map without the places of its names and values.
pub(super) fn unspanned<T: Clone>(map: &BTreeMap<Spanned<Name>, Spanned<T>>) -> BTreeMap<Name, T> {
    map.iter().map(|(name, item)| (name.value.clone(), item.value.clone())).collect()
}

fn value<T: Clone>(spanned: Option<&Spanned<T>>) -> Option<T> {
    spanned.map(|spanned| spanned.value.clone())
}

/// Drops the fields of an answer that neither the workflow nor the operation's own checks read.
///
/// What is not in the plan is dropped on receipt, so a workflow never holds what it does not use. Of an effect stays what tells
/// that it happened: that the fields which are always there are there.
pub(crate) fn prune(operations: &mut BTreeMap<OperationRef, Operation>, read: &BTreeMap<OperationRef, BTreeSet<Name>>) {
    let needed: Vec<(OperationRef, Name)> = operations
        .iter()
        .flat_map(|(reference, operation)| {
            let sibling =
                |name: &Name| OperationRef { connection: reference.connection.clone(), operation: name.clone() };
            let confirm =
                operation.confirm.as_ref().map(|confirm| (sibling(&confirm.operation), confirm.field.clone()));
            let parked = operation.park.as_ref().map(|park| (reference.clone(), park.id.clone()));
            let back = operation.park.as_ref().map(|park| (sibling(&park.read), park.field.clone()));
            let belongs = operation.belongs.as_ref().map(|belongs| (reference.clone(), belongs.field.clone()));
            let pages = operation.pages.as_ref().map(|pages| (reference.clone(), pages.collect.clone()));
            let job = operation.job.as_ref().map(|job| (reference.clone(), job.id.clone()));
            let stands = operation.job.as_ref().map(|job| (sibling(&job.read), job.field.clone()));
            [confirm, parked, back, belongs, pages, job, stands].into_iter().flatten()
        })
        .collect();
    for (reference, operation) in operations.iter_mut() {
        let keep = |name: &Name| {
            read.get(reference).is_some_and(|names| names.contains(name))
                || needed.iter().any(|(of, field)| of == reference && field == name)
        };
        let (kept, dropped) = std::mem::take(&mut operation.response).into_iter().partition(|(name, _)| keep(name));
        operation.response = kept;
        if operation.effect != Effect::None {
            let dropped: BTreeMap<Name, Field> = dropped;
            operation.must =
                dropped.iter().filter_map(|(name, field)| Some((name.clone(), Must::of(field)?))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_an_effect_stays_what_tells_that_it_happened() {
        let field = |class: &str, shape: &str, optional: bool| {
            let shape = if shape == "text" { json!({"type": shape, "most_bytes": 9}) } else { json!({"type": shape}) };
            let mut field = json!({"at": "data.it", "shape": shape, "class": class, "written_by": "system"});
            if optional {
                field["optional"] = json!(true);
            }
            field
        };
        let response = json!({
            "read": field("reference", "token", false),
            "id": field("reference", "token", false),
            "note": field("content", "text", false),
            "state": field("reference", "token", true),
        });
        let mut operation = json!({
            "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "write", "scopes": [],
            "params": {}, "response": response, "most_bytes": 9, "timeout": "10s",
        });
        let pruned = |operation: &serde_json::Value| {
            let name: OperationRef = "helpdesk.add_note".parse().unwrap();
            let mut all = BTreeMap::from([(name.clone(), serde_json::from_value(operation.clone()).unwrap())]);
            prune(&mut all, &BTreeMap::from([(name.clone(), BTreeSet::from([Name::new("read").unwrap()]))]));
            serde_json::to_value(all.remove(&name)).unwrap()
        };
        let effect = pruned(&operation);
        assert_eq!(effect["response"].as_object().unwrap().keys().collect::<Vec<_>>(), ["read"]);
        assert_eq!(
            effect["must"],
            json!({"id": {"at": "data.it", "shape": {"type": "token"}}, "note": {"at": "data.it"}})
        );
        operation["effect"] = json!("none");
        assert_eq!(pruned(&operation).get("must"), None, "a read takes what is read");
    }
}
