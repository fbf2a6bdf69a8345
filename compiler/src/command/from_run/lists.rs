//! How long the lists are that a run was answered: as long as the walk over them, and empty behind the last page where pages are
//! counted.

use std::collections::BTreeMap;

use assent_agent::control::RunStory;
use assent_agent::store::Entry;
use assent_schema::expr::{Program, Taken, TakenBy};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Each, Operation, Plan};
use assent_schema::shape::{Field, Shape};
use serde_json::{Value, json};

/// Lists that the run walked, by the operation that answered them.
pub(super) struct Lists<'a>(BTreeMap<&'a OperationRef, Listed>);

/// A list that was walked.
struct Listed {
    /// The field of the answer that holds it.
    field: Name,
    /// How many items there were.
    items: usize,
    /// The fields of an item by which items are told apart.
    keys: Vec<Name>,
}

impl<'a> Lists<'a> {
    pub(super) fn of(story: &RunStory, plan: &'a Plan) -> Self {
        let mut lists = BTreeMap::new();
        for written in &story.journal {
            let Entry::Walked { step, items } = &written.entry else { continue };
            let Some(Action::Each(each)) = plan.step(step.as_str()).map(|step| &step.action) else { continue };
            let over = taken(&each.over.0, &Taken::default());
            for step in plan.every_step() {
                let Action::Call { operation, .. } = &step.action else { continue };
                if let Some(Taken::Members(fields)) = over.of(step.id.as_str())
                    && let Some(field) = fields.keys().next()
                {
                    lists.insert(operation, Listed { field: field.clone(), items: items.len(), keys: keys(each) });
                }
            }
        }
        Self(lists)
    }

    /// An answer whose list is as long as it was, of items that are told apart.
    pub(super) fn filled(&self, to: &OperationRef, operation: &Operation, mut body: Value) -> Value {
        self.fill(to, operation, &mut body);
        body
    }

    fn fill(&self, to: &OperationRef, operation: &Operation, body: &mut Value) {
        let Some(listed) = self.0.get(to) else { return };
        let Some(field) = operation.response.get(&listed.field) else { return };
        let (Some(Value::Array(items)), Shape::List { of, .. }) = (place(body, &field.at), &field.shape) else {
            return;
        };
        let Some(first) = items.first().cloned() else { return };
        *items = (0..listed.items).map(|number| numbered(&first, of, &listed.keys, number)).collect();
    }
}

/// The empty page with which a list ends whose pages the agent counts.
pub(super) fn last_page(operation: &Operation, body: &Value) -> Option<Value> {
    let pages = operation.pages.as_ref().filter(|pages| pages.by.is_counted() && pages.more_at.is_none())?;
    let at = &operation.response.get(&pages.collect)?.at;
    let mut body = body.clone();
    let list = place(&mut body, at).filter(|list| list.as_array().is_some_and(|items| !items.is_empty()))?;
    *list = json!([]);
    Some(body)
}

/// The fields of an item that its key names.
fn keys(each: &Each) -> Vec<Name> {
    match taken(&each.key.0, &Taken::Whole).of(each.item.as_str()) {
        Some(Taken::Members(fields)) => fields.keys().cloned().collect(),
        Some(Taken::Whole) | None => Vec::new(),
    }
}

fn taken(text: &str, wanted: &Taken) -> TakenBy {
    let mut taken = TakenBy::default();
    if let Ok(program) = Program::parse(text) {
        taken.program(&program, wanted);
    }
    taken
}

/// The same item with other keys; the first one as it is.
fn numbered(item: &Value, of: &Field, keys: &[Name], number: usize) -> Value {
    let mut item = item.clone();
    if number == 0 {
        return item;
    }
    let Some(value) = place(&mut item, &of.at) else { return item };
    if keys.is_empty() {
        *value = other(value, &of.shape, number);
    }
    let Shape::Record { fields } = &of.shape else { return item };
    for field in keys.iter().filter_map(|key| fields.get(key.as_str())) {
        if let Some(value) = place(value, &field.at) {
            *value = other(value, &field.shape, number);
        }
    }
    item
}

/// Another value of a shape that tells items apart; the same of one that has no other.
fn other(value: &Value, shape: &Shape, number: usize) -> Value {
    match (shape, value) {
        (Shape::Token {} | Shape::Text { .. }, Value::String(text)) => json!(format!("{text}-{number}")),
        (Shape::Uuid {}, _) => json!(format!("00000000-0000-4000-8000-{:012}", number.saturating_add(1))),
        (Shape::Integer {}, _) => json!(number.saturating_add(1)),
        _ => value.clone(),
    }
}

/// What stands at a path of a message.
fn place<'v>(message: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    path.split('.').filter(|member| !member.is_empty()).try_fold(message, |here, member| here.get_mut(member))
}
