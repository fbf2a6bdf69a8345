//! What the catalog no longer protects: classes and effects that were lowered, marks and targets that are gone.
//!
//! # Source
//! language.md section 2: lowering is a new data use for every client that has the connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::id::{IntegrationId, Name};
use assent_schema::plan::Param;
use assent_schema::shape::{Field, Shape, WrittenBy};
use assent_schema::spec::{Integration, Operation, Spanned, Unit};
use serde::Serialize;

/// One thing that the catalog protects less than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lowered {
    /// The integration.
    pub integration: IntegrationId,
    /// The operation or event, and the field or parameter: `get_ticket.body`.
    pub place: String,
    /// What about it: `class`, `effect`, `written_by`, `target`, `amount`, `takes`, `belongs`.
    pub what: &'static str,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// A catalog, as far as it is compared.
pub type Catalog = Arc<BTreeMap<IntegrationId, Unit<Integration>>>;

/// Everything that is protected less, by integration.
pub(super) fn lowered(was: &Catalog, is: &Catalog) -> BTreeMap<IntegrationId, Vec<Lowered>> {
    let mut found = BTreeMap::new();
    for (id, new) in is.iter() {
        let Some(old) = was.get(id) else { continue };
        let mut here = Here { integration: id, found: Vec::new() };
        for (name, event) in &new.spec.events {
            if let Some((_, before)) = old.spec.events.iter().find(|(known, _)| known.value == name.value) {
                here.fields(name.value.as_ref(), &before.fields, &event.fields);
            }
        }
        for (name, operation) in &new.spec.operations {
            if let Some((_, before)) = old.spec.operations.iter().find(|(known, _)| known.value == name.value) {
                here.operation(name.value.as_str(), before, operation);
            }
        }
        if !here.found.is_empty() {
            found.insert(id.clone(), here.found);
        }
    }
    found
}

struct Here<'a> {
    integration: &'a IntegrationId,
    found: Vec<Lowered>,
}

impl Here<'_> {
    fn add(&mut self, place: &str, what: &'static str, from: &str, to: &str) {
        let integration = self.integration.clone();
        self.found.push(Lowered { integration, place: place.into(), what, from: from.into(), to: to.into() });
    }

    fn operation(&mut self, name: &str, was: &Operation, is: &Operation) {
        if is.effect.value < was.effect.value {
            self.add(name, "effect", was.effect.value.as_str(), is.effect.value.as_str());
        }
        if was.belongs.is_some() && is.belongs.is_none() {
            self.add(name, "belongs", "checked", "not checked");
        }
        self.fields(name, &was.response, &is.response);
        for (param, new) in &is.params {
            if let Some((_, old)) = was.params.iter().find(|(known, _)| known.value == param.value) {
                self.param(&format!("{name}.{param}", param = param.value), &old.value, &new.value);
            }
        }
    }

    fn param(&mut self, place: &str, was: &Param, is: &Param) {
        if is.class > was.class {
            self.add(place, "takes", &was.class.to_string(), &is.class.to_string());
        }
        for (what, was, is) in [("target", was.target, is.target), ("amount", was.amount, is.amount)] {
            if was && !is {
                self.add(place, what, "yes", "no");
            }
        }
    }

    fn fields(
        &mut self,
        holder: &str,
        was: &BTreeMap<Spanned<Name>, Spanned<Field>>,
        is: &BTreeMap<Spanned<Name>, Spanned<Field>>,
    ) {
        for (name, new) in is {
            if let Some((_, old)) = was.iter().find(|(known, _)| known.value == name.value) {
                self.field(&format!("{holder}.{}", name.value), &old.value, &new.value);
            }
        }
    }

    fn field(&mut self, place: &str, was: &Field, is: &Field) {
        if is.class < was.class {
            self.add(place, "class", &was.class.to_string(), &is.class.to_string());
        }
        if was.written_by == WrittenBy::Anyone && is.written_by == WrittenBy::System {
            self.add(place, "written_by", "anyone", "system");
        }
        match (&was.shape, &is.shape) {
            (Shape::List { of: old, .. }, Shape::List { of: new, .. }) => self.field(place, old, new),
            (Shape::Record { fields: old }, Shape::Record { fields: new }) => {
                for (name, new) in new {
                    if let Some(old) = old.get(name) {
                        self.field(&format!("{place}.{name}"), old, new);
                    }
                }
            }
            _ => {}
        }
    }
}
