//! Operations of the catalog as plans hold them: all those that a workflow's steps need, and the reads that those need.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::expr::Taken;
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{Effect, Must, Operation};
use assent_schema::shape::{Clock, Field, Shape};
use assent_schema::spec::{self, Integration, Spanned};

use super::clocks;

/// Operations as the plans of one client hold them: what the catalog says, by the client's clock. Each is made once and shared
/// by the workflows that call it.
#[derive(Default)]
pub(super) struct Made(RefCell<BTreeMap<OperationRef, Arc<Operation>>>);

impl Made {
    fn of(&self, reference: &OperationRef, found: &spec::Operation, clock: Option<&Clock>) -> Arc<Operation> {
        if let Some(made) = self.0.borrow().get(reference) {
            return Arc::clone(made);
        }
        let mut made = resolve(found);
        if let Some(clock) = clock {
            clocks::settle_operation(&mut made, clock);
        }
        let made = Arc::new(made);
        self.0.borrow_mut().insert(reference.clone(), Arc::clone(&made));
        made
    }
}

/// Adds an operation and what it needs: the read that confirms it, the one that reads back what it parked,
/// and the one that tells how its job stands.
pub(super) fn add(
    operations: &mut BTreeMap<OperationRef, Arc<Operation>>,
    (made, clock): (&Made, Option<&Clock>),
    connection: &ConnectionId,
    integration: &Integration,
    name: &Name,
) {
    let reference = OperationRef { connection: connection.clone(), operation: name.clone() };
    if operations.contains_key(&reference) {
        return;
    }
    let Some(found) = integration.operations.get(name.as_str()) else { return };
    let operation = made.of(&reference, found, clock);
    operations.insert(reference, operation);
    let reads = [
        found.confirm.as_ref().map(|confirm| &confirm.operation),
        found.park.as_ref().map(|park| &park.read),
        found.job.as_ref().map(|job| &job.read),
    ];
    for read in reads.into_iter().flatten() {
        add(operations, (made, clock), connection, integration, read);
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

/// Operations without what is not read of their answers, by what they were and what is read: workflows of one client often read
/// the same.
#[derive(Default)]
pub(crate) struct Pruned(BTreeMap<OperationRef, Vec<PrunedOne>>);

/// An operation as it was, what is read of it, and what stays.
type PrunedOne = (Arc<Operation>, Taken, Arc<Operation>);

/// In how many ways one operation is remembered at most: each is compared with what is wanted.
const WAYS_MOST: usize = 8;

impl Pruned {
    fn one(&mut self, reference: &OperationRef, operation: &Arc<Operation>, taken: Taken) -> Arc<Operation> {
        let known = self.0.get(reference).map(Vec::as_slice).unwrap_or_default();
        let is_it = |(was, of, _): &&PrunedOne| Arc::ptr_eq(was, operation) && *of == taken;
        if let Some((.., stays)) = known.iter().find(is_it) {
            return Arc::clone(stays);
        }
        let mut stays = Operation::clone(operation);
        prune_one(&mut stays, &taken);
        let stays = Arc::new(stays);
        let known = self.0.entry(reference.clone()).or_default();
        if known.len() < WAYS_MOST {
            known.push((Arc::clone(operation), taken, Arc::clone(&stays)));
        }
        stays
    }
}

/// Drops the fields of an answer that neither the workflow nor the operation's own checks read.
///
/// What is not in the plan is dropped on receipt, so a workflow never holds what it does not use. Of an effect stays what tells
/// that it happened: that the fields which are always there are there.
pub(crate) fn prune(
    operations: &mut BTreeMap<OperationRef, Arc<Operation>>,
    read: &BTreeMap<OperationRef, Taken>,
    pruned: &mut Pruned,
) {
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
        let mut taken = read.get(reference).cloned().unwrap_or_default();
        for (_, field) in needed.iter().filter(|(of, _)| of == reference) {
            taken.add(Taken::default().below([field].into_iter()));
        }
        *operation = pruned.one(reference, operation, taken);
    }
}

fn prune_one(operation: &mut Operation, taken: &Taken) {
    let is_effect = operation.effect != Effect::None;
    if is_effect {
        let dropped = operation.response.iter().filter(|(name, _)| taken.of(name.as_str()).is_none());
        operation.must = dropped.filter_map(|(name, field)| Some((name.clone(), Must::of(field)?))).collect();
    }
    // Below what is read of an effect stays as much as is asked of the rest: the facts that are always there.
    keep(&mut operation.response, taken, &|field| is_effect && !field.optional && field.class.is_fact());
}

/// Keeps of some fields those that are taken, and of each what is taken of it; below them also those that are wanted anyway.
pub(crate) fn keep(fields: &mut BTreeMap<Name, Field>, taken: &Taken, anyway: &dyn Fn(&Field) -> bool) {
    fields.retain(|name, field| {
        let taken = taken.of(name.as_str());
        taken.is_some_and(|taken| {
            keep_below(&mut field.shape, taken, anyway);
            true
        })
    });
}

fn keep_below(shape: &mut Shape, taken: &Taken, anyway: &dyn Fn(&Field) -> bool) {
    match shape {
        Shape::List { of, .. } => keep_below(&mut of.shape, taken, anyway),
        Shape::Record { fields } => {
            fields.retain(|name, field| match taken.of(name.as_str()) {
                Some(taken) => {
                    keep_below(&mut field.shape, taken, anyway);
                    true
                }
                None => anyway(field),
            });
        }
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::Money { .. }
        | Shape::OneOf { .. } => {}
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
        let read = Taken::Whole.below([&Name::new("read").unwrap()].into_iter());
        let pruned = |operation: &serde_json::Value| {
            let name: OperationRef = "helpdesk.add_note".parse().unwrap();
            let whole: Operation = serde_json::from_value(operation.clone()).unwrap();
            let mut all = BTreeMap::from([(name.clone(), Arc::new(whole))]);
            let read = BTreeMap::from([(name.clone(), read.clone())]);
            let (mut again, mut pruned) = (all.clone(), Pruned::default());
            prune(&mut all, &read, &mut pruned);
            prune(&mut again, &read, &mut pruned);
            let (pruned, again) = (all.remove(&name).unwrap(), again.remove(&name).unwrap());
            assert!(Arc::ptr_eq(&pruned, &again), "the same is made once");
            serde_json::to_value(&*pruned).unwrap()
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

    #[test]
    fn of_the_items_of_a_list_stays_what_is_read() {
        let field = |class: &str, shape: serde_json::Value| json!({"at": "it", "shape": shape, "class": class, "written_by": "system"});
        let text = json!({"type": "text", "most_bytes": 9});
        let party = json!({"type": "record", "fields": {"email": field("personal", text.clone()), "kind": field("content", text.clone())}});
        let item = json!({"type": "record", "fields": {
            "id": field("reference", json!({"type": "token"})), "state": field("reference", json!({"type": "token"})),
            "email": field("personal", text), "party": field("personal", party),
        }});
        let list = field("personal", json!({"type": "list", "most": 9, "of": field("personal", item)}));
        let name = |text: &str| Name::new(text).unwrap();
        let mut taken = Taken::Whole.below([&name("list"), &name("id")].into_iter());
        taken.add(Taken::Whole.below([&name("list"), &name("party"), &name("kind")].into_iter()));
        let pruned = |anyway: &dyn Fn(&Field) -> bool| {
            let mut fields = BTreeMap::from([(name("list"), serde_json::from_value(list.clone()).unwrap())]);
            keep(&mut fields, &taken, anyway);
            let fields = serde_json::to_value(fields).unwrap();
            let names =
                |of: &serde_json::Value| of["shape"]["fields"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            let item = &fields["list"]["shape"]["of"];
            (names(item), names(&item["shape"]["fields"]["party"]))
        };
        assert_eq!(pruned(&|_| false), (vec!["id".into(), "party".into()], vec!["kind".into()]));
        // Of what an effect answers the facts are asked for, too.
        let facts = |field: &Field| field.class.is_fact();
        assert_eq!(pruned(&facts).0, ["id", "party", "state"]);
    }
}
