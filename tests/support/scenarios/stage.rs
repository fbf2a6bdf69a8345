//! A draft as a scenario: its event, what everybody answers, what people decide.

use std::collections::BTreeMap;

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Answer, Step, Trigger, Until};
use assent_schema::release::Choice;
use assent_schema::scenario::{Decided, Expect, Fault, Later, Reply, Scenario};
use assent_schema::shape::{Field, Shape};
use assent_schema::time::{Moment, Period};
use serde_json::{Value, json};

use super::values::{answers, put, sample};
use crate::systems::answered_fields;

use super::{AT, Draft, Failing, LOST, No, REFUSED, Search, TIMEOUT, TOKEN, UNREACHABLE};

impl Search<'_> {
    pub(super) fn scenario(&self, draft: &Draft, name: &str, outcome: &str) -> Scenario {
        let at: Moment = AT.parse().expect("a moment");
        let message = |fields: &BTreeMap<Name, Field>, whose: &str| self.message(fields, whose, draft);
        let mut event = self.plan.trigger.fields().map(|fields| message(fields, "trigger"));
        if let (Trigger::Webhook { matches, .. }, Some(event)) = (&self.plan.trigger, &mut event) {
            for (path, text) in matches {
                put(event, path, json!(text));
            }
        }
        for (name, text) in self.plan.trigger.only().into_iter().flatten() {
            let at = self.plan.trigger.fields().and_then(|fields| fields.get(name)).map(|field| field.at.as_str());
            if let (Some(at), Some(event)) = (at, &mut event) {
                put(event, at, json!(text));
            }
        }
        let mut replies = Vec::new();
        for (reference, operation) in &self.plan.operations {
            let body = message(&answered_fields(operation), &reference.to_string()).to_string();
            replies.extend(failing(draft, &reference.to_string(), well(reference.clone(), body)));
        }
        for step in self.plan.every_step() {
            let Action::Ask { connection, answer, .. } = &step.action else { continue };
            let whose = step.id.to_string();
            let given = |(name, form): (&Name, &Answer)| {
                let value = draft.values.get(&(whose.clone(), name.to_string())).cloned();
                (
                    name.to_string(),
                    serde_json::from_str(&value.unwrap_or_else(|| answers(form).swap_remove(0))).expect("JSON"),
                )
            };
            let body = Value::Object(answer.iter().map(given).collect()).to_string();
            let to = format!("{connection}.ask").parse().expect("an operation");
            replies.extend(failing(draft, &whose, well(to, body)));
        }
        let decides = self.plan.every_step().filter(|step| matches!(step.action, Action::Decide { .. }));
        let decides = decides.filter(|step| draft.asked.as_ref().is_none_or(|asked| asked.contains(&step.id)));
        let often = |step: &Step| {
            if self.plan.step(step.id.as_str()).is_some() && self.is_inner(step) { draft.items.unwrap_or(1) } else { 1 }
        };
        let decisions = decides.flat_map(|step| {
            let choice = draft.decides.get(&step.id).map_or(Some(Choice::Approve), |no| no.map(|No| Choice::Refuse));
            let one = Decided {
                step: step.id.clone(),
                person: None,
                choice,
                after: Period::minutes(2),
                edits: BTreeMap::new(),
            };
            std::iter::repeat_n(one, often(step))
        });
        let awaited = self.plan.every_step().filter_map(|step| match &step.action {
            Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
            _ => None,
        });
        let later = awaited.filter_map(|on| {
            let mut body = message(&on.fields, "awaited");
            on.matches.iter().for_each(|(path, text)| put(&mut body, path, json!(text)));
            Some(Later {
                after: draft.comes?.parse().ok()?,
                connection: on.connection.clone(),
                event: body.to_string(),
            })
        });
        Scenario {
            name: name.to_owned(),
            at,
            event: event.map(|event| event.to_string()),
            further: Vec::new(),
            replies,
            decisions: decisions.collect(),
            later: later.collect(),
            expect: Expect {
                outcome: outcome.parse().expect("how a run ends"),
                stop: None,
                calls: Vec::new(),
                only: false,
                kpis: BTreeMap::new(),
                queued: None,
            },
        }
    }

    fn is_inner(&self, step: &Step) -> bool {
        self.plan.steps.iter().any(|each| each.inner().iter().any(|inner| inner.id == step.id))
    }

    fn message(&self, fields: &BTreeMap<Name, Field>, whose: &str, draft: &Draft) -> Value {
        let mut body = json!({});
        for (name, field) in fields {
            let value = match draft.values.get(&(whose.to_owned(), name.to_string())) {
                Some(text) => serde_json::from_str(text).expect("JSON"),
                None => self.sample(&field.shape, whose, draft),
            };
            // What stands before every token of a field on the wire.
            let value = match (&field.prefix, value.as_str()) {
                (Some(prefix), Some(text)) => json!(format!("{prefix}{text}")),
                _ => value,
            };
            if !value.is_null() {
                put(&mut body, &field.at, value);
            }
        }
        body
    }

    fn sample(&self, shape: &Shape, whose: &str, draft: &Draft) -> Value {
        match shape {
            Shape::List { of, .. } => {
                let item = |number: usize| {
                    let mut item = json!({});
                    put(&mut item, &of.at, self.item(of, whose, draft, number));
                    item
                };
                Value::Array((0..draft.items.unwrap_or(1)).map(item).collect())
            }
            Shape::Record { fields } => self.message(fields, "", draft),
            plain => sample(plain),
        }
    }

    /// An item of a list; each has its own id.
    fn item(&self, of: &Field, whose: &str, draft: &Draft, number: usize) -> Value {
        let Shape::Record { fields } = &of.shape else { return sample(&of.shape) };
        let mut body = json!({});
        for (name, field) in fields {
            let value = match draft.values.get(&(whose.to_owned(), format!("item.{name}"))) {
                Some(text) => serde_json::from_str(text).expect("JSON"),
                None if number > 0 && matches!(field.shape, Shape::Token {}) => json!(format!("{TOKEN}{number}")),
                None => self.sample(&field.shape, "", draft),
            };
            if !value.is_null() {
                put(&mut body, &field.at, value);
            }
        }
        body
    }
}

/// What is answered where nothing fails.
fn well(to: OperationRef, body: String) -> Reply {
    let headers = BTreeMap::new();
    Reply { to, status: 200, body: Some(body), fault: None, after: None, retry_after: None, headers }
}

fn failing(draft: &Draft, whose: &str, well: Reply) -> Vec<Reply> {
    let Some((before, how)) = draft.fails.get(whose) else { return vec![well] };
    let fault = |how: Failing| match how {
        UNREACHABLE => Some(Fault::Unreachable),
        LOST => Some(Fault::Lost),
        TIMEOUT => Some(Fault::Timeout),
        REFUSED => Some(Fault::Refused),
        _ => None,
    };
    let status = if let Failing::Status(status) = how { *status } else { 200 };
    // What is lost was done and answered well.
    let body = if *how == LOST { well.body.clone() } else { None };
    let bad = Reply { status, body, fault: fault(*how), ..well.clone() };
    std::iter::repeat_n(well, *before).chain([bad]).collect()
}
