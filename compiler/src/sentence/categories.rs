//! Of what kind the data of a field is, as the catalog and the workflows say by Fideslang's categories.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::class::Class;
use assent_schema::id::Name;
use assent_schema::plan::{Action, Event, Plan, Trigger, Until};
use assent_schema::shape::{Field, Shape};

/// The categories of fields, by the path by which data uses name them. For people: no statement holds them.
///
/// # Source
/// language.md section 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories(BTreeMap<String, BTreeSet<String>>);

impl Categories {
    /// What plans say of the fields that they take.
    pub fn of<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Self {
        let mut found = Self::default();
        for plan in plans {
            match &plan.trigger {
                Trigger::Webhook { record, fields, .. } | Trigger::Poll { record, fields, .. } => {
                    found.record(record.as_str(), fields);
                }
                Trigger::Inbox { folder, fields, .. } => found.record(folder.as_str(), fields),
                Trigger::Manual { fields } => found.record("trigger", fields),
                Trigger::Schedule { .. } => {}
            }
            for operation in plan.operations.values() {
                found.record(operation.record.as_str(), &operation.response);
            }
            let awaited = plan.every_step().filter_map(|step| match &step.action {
                Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
                _ => None,
            });
            for Event { record, fields, .. } in awaited.chain(plan.cancels.iter().map(|cancel| &cancel.on)) {
                found.record(record.as_str(), fields);
            }
        }
        found
    }

    /// A field with its class, and its categories where it has any: `contact.email (personal, user.contact.email)`.
    pub fn told(&self, path: &str, class: Class) -> String {
        format!("{path} ({})", self.kind(path, class))
    }

    /// A path as a name in a text, with its categories where it has any: `contact.email` (user.contact.email).
    pub fn named(&self, path: &str) -> String {
        match self.0.get(path) {
            Some(categories) => format!("`{path}` ({})", joined(categories)),
            None => format!("`{path}`"),
        }
    }

    /// The class of a field and what its category says more.
    pub(super) fn kind(&self, path: &str, class: Class) -> String {
        self.0.get(path).map_or_else(|| class.to_string(), |more| format!("{class}, {}", joined(more)))
    }

    fn record(&mut self, path: &str, fields: &BTreeMap<Name, Field>) {
        for (name, field) in fields {
            self.field(&format!("{path}.{name}"), field);
        }
    }

    /// The paths are those that flows have: an item is called as its list is.
    fn field(&mut self, path: &str, field: &Field) {
        if let Some(category) = &field.category {
            self.0.entry(path.to_owned()).or_default().insert(category.clone());
        }
        match &field.shape {
            Shape::List { of, .. } => self.field(path, of),
            Shape::Record { fields } => self.record(path, fields),
            _ => {}
        }
    }
}

fn joined(categories: &BTreeSet<String>) -> String {
    categories.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
