//! What people wrote and what names them in a scenario: what no durable byte may hold, and nothing that leaves.
//!
//! The plan says it field by field: whatever is `content` or `personal` is sought, a sentence, an address or one word. What
//! no field declares is dropped on receipt, and sought where it looks like a sentence or an address.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::Name;
use assent_schema::plan::{Action, Answer, Plan};
use assent_schema::scenario::Scenario;
use assent_schema::shape::{Field, Shape};
use serde_json::Value;

/// Shorter ones stand in sealed bytes by chance.
const LEAST_BYTES: usize = 6;
/// From this size on a text with a space is a sentence.
const SENTENCE_BYTES: usize = 8;

/// The texts that are sought.
pub(crate) struct Canaries(BTreeSet<String>);

impl Canaries {
    /// Those of a scenario: of its events, of what is answered, of what people edit.
    pub(crate) fn of(plan: &Plan, scenario: &Scenario) -> Self {
        let mut found = BTreeSet::new();
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let events = scenario.event.iter().chain(scenario.further.iter().map(|further| &further.event));
        for event in events.map(|text| json(text)) {
            undeclared(&event, &mut found);
            of_fields(&event, plan.trigger.fields().unwrap_or(&BTreeMap::new()), &mut found);
        }
        // What is taken of an event that is no trigger are facts, all of it.
        scenario.later.iter().for_each(|later| undeclared(&json(&later.event), &mut found));
        for reply in &scenario.replies {
            let Some(body) = reply.body.as_deref().map(json) else { continue };
            undeclared(&body, &mut found);
            if let Some(operation) = plan.operations.get(&reply.to) {
                of_fields(&body, &operation.response, &mut found);
            }
            for step in plan.every_step() {
                let Action::Ask { connection, answer, .. } = &step.action else { continue };
                if *connection == reply.to.connection && reply.to.operation.as_str() == "ask" {
                    of_answer(&body, answer, &mut found);
                }
            }
        }
        found.extend(scenario.decisions.iter().flat_map(|decided| decided.edits.values().cloned()));
        found.retain(|text| text.len() >= LEAST_BYTES);
        // As JSON writes them, where that is another text.
        let written: Vec<String> = found.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
        let within = |text: &String| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
        found.extend(written.iter().filter_map(within));
        Self(found)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// One of them.
    pub(crate) fn any(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Whether a text is sought.
    pub(crate) fn seek(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// Whether bytes hold any. What is no text there hides none that is.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        self.0.iter().any(|canary| text.contains(canary.as_str()))
    }
}

fn of_fields(json: &Value, fields: &BTreeMap<Name, Field>, found: &mut BTreeSet<String>) {
    for field in fields.values() {
        if let Some(value) = at_path(json, &field.at) {
            of_field(value, field, found);
        }
    }
}

fn of_field(value: &Value, field: &Field, found: &mut BTreeSet<String>) {
    match &field.shape {
        Shape::Record { fields } => of_fields(value, fields, found),
        Shape::List { of, .. } => {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| at_path(item, &of.at)).for_each(|item| of_field(item, of, found));
        }
        _ if field.class.is_fact() => {}
        _ => texts(value, &mut |text| found.extend([text])),
    }
}

/// What a model says in its own words; one of some constants is a fact, and so are ids of sources.
fn of_answer(json: &Value, answer: &BTreeMap<Name, Answer>, found: &mut BTreeSet<String>) {
    for (name, answer) in answer {
        match answer {
            Answer::OneOf(_) | Answer::Citations { .. } => {}
            Answer::Number { .. } | Answer::Boolean {} | Answer::Text { .. } => {
                json.get(name.as_str()).into_iter().for_each(|value| texts(value, &mut |text| found.extend([text])));
            }
        }
    }
}

/// Sentences and addresses, wherever they stand.
fn undeclared(json: &Value, found: &mut BTreeSet<String>) {
    texts(json, &mut |text| {
        if text.contains('@') || (text.contains(' ') && text.len() >= SENTENCE_BYTES) {
            found.insert(text);
        }
    });
}

fn texts(json: &Value, take: &mut dyn FnMut(String)) {
    match json {
        Value::String(text) => take(text.clone()),
        Value::Number(number) => take(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, take)),
        Value::Object(members) => members.values().for_each(|member| texts(member, take)),
        Value::Bool(_) | Value::Null => {}
    }
}

/// The value at dots-joined members.
fn at_path<'j>(json: &'j Value, at: &str) -> Option<&'j Value> {
    at.split('.').filter(|member| !member.is_empty()).try_fold(json, |value, member| value.get(member))
}
