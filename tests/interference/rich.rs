//! A plan with more to tell: it also reads a record in which every shape is content, asks an AI about it, walks a list in it,
//! and calls an operation that takes facts and content. What is generated reads mostly facts; what is changed of it should
//! find content everywhere.

use std::sync::LazyLock;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{Operation, Plan, Step, Target};
use serde_json::{Value, json};

use crate::outside::marker;

static LORE: LazyLock<Value> = LazyLock::new(|| {
    let content =
        |at: &str, shape: Value| json!({"at": at, "shape": shape, "class": "content", "written_by": "anyone"});
    let fact = |at: &str, shape: Value| json!({"at": at, "shape": shape, "class": "reference", "written_by": "system"});
    let perhaps = |mut field: Value| {
        field["optional"] = json!(true);
        field
    };
    let text = json!({"type": "text", "most_bytes": 2000});
    let money = json!({"type": "money", "wire": {"value": "cents", "currency": {"at": "currency"}, "unit": "minor"}});
    let mut name = perhaps(content("name", text.clone()));
    name["class"] = json!("personal");
    let line = json!({"type": "record", "fields": {
        "id": fact("id", json!({"type": "token"})), "count": fact("count", json!({"type": "integer"})),
        "word": content("word", text.clone()), "many": content("many", json!({"type": "integer"})),
        "mood": perhaps(content("mood", json!({"type": "one_of", "values": ["calm", "angry"]}))),
    }});
    let lines = |class: &str| {
        json!({"at": format!("{class}_lines"), "class": class, "written_by": "anyone", "shape":
        {"type": "list", "most": 6, "of": {"at": "", "shape": line, "class": class, "written_by": "anyone"}}})
    };
    json!({
        "record": "lore", "method": "GET", "path": "/lore/{id}", "encoding": "json", "effect": "none", "scopes": [],
        "params": {"id": {"place": "path", "at": "id", "shape": {"type": "token"}, "class": "reference"},
            "about": {"place": "query", "at": "about", "shape": text, "class": "personal", "optional": true}},
        "response": {
            "subject": content("subject", text), "name": name, "number": content("number", json!({"type": "integer"})),
            "ratio": content("ratio", json!({"type": "decimal"})), "urgent": content("urgent", json!({"type": "boolean"})),
            "since": content("since", json!({"type": "instant", "wire": "iso"})), "total": content("total", money.clone()),
            "code": perhaps(content("code", json!({"type": "token"}))),
            "mood": content("mood", json!({"type": "one_of", "values": ["calm", "angry", "sad"]})),
            "lines": lines("content"), "rows": lines("reference"), "id": fact("id", json!({"type": "token"})),
            "state": fact("state", json!({"type": "one_of", "values": ["open", "closed"]})),
            "count": fact("count", json!({"type": "integer"})), "price": fact("price", money),
        },
        "most_bytes": 100_000, "timeout": "10s", "reread": true,
        "errors": [{"status": [404], "kind": "permanent", "code": "not_found"}, {"status": [409], "kind": "conflict", "code": "taken"}],
    })
});

static FILE: LazyLock<Value> = LazyLock::new(|| {
    let param = |at: &str, shape: &str, class: &str| json!({"place": "body", "at": at, "shape": {"type": shape}, "class": class, "optional": true});
    let text = |class: &str, place: &str, at: &str| json!({"place": place, "at": at, "shape": {"type": "text", "most_bytes": 9000}, "class": class, "optional": true});
    json!({
        "record": "file", "method": "POST", "path": "/files", "encoding": "json", "effect": "draft", "scopes": [],
        "params": {
            "body": text("content", "body", "in.body"), "who": text("personal", "body", "who"), "sort": text("content", "query", "sort"),
            "label": param("label", "token", "reference"), "many": param("in.many", "integer", "reference"),
            "urgent": param("urgent", "boolean", "reference"), "mark": param("mark", "token", "content"),
        },
        "response": {"id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}},
        "most_bytes": 100_000, "timeout": "10s", "not_executed": [503],
        "errors": [{"status": [422], "kind": "permanent", "code": "too_long"}, {"status": [503], "kind": "transient", "code": "busy"}],
    })
});

/// The plan with more to tell, as far as its client has whom to ask.
pub(crate) fn rich(plan: &Plan, client: &ClientFacts) -> Option<Plan> {
    let mut plan = plan.clone();
    let to = client.connections.iter().find_map(|(id, facts)| match &facts.to {
        ConnectionTo::Integration { name, .. } => Some((id.clone(), Target::Integration(name.clone()))),
        ConnectionTo::Provider { .. } => None,
    });
    let (connection, target) = to?;
    plan.connections.insert(connection.clone(), target);
    let lore = operation(&mut plan, &connection, "lore", &LORE);
    let file = operation(&mut plan, &connection, "file", &FILE);
    let retry = json!({"attempts": 2, "first": "1s", "most": "2s"});
    let call = |operation: &OperationRef, with: Value| json!({"kind": "call", "operation": operation, "with": with, "retry": retry});
    let mut steps = vec![json!({"id": "lore", "action": call(&lore, json!({"id": "4100"}))})];
    let provider = client.connections.iter().find_map(|(id, facts)| match &facts.to {
        ConnectionTo::Provider { name, .. } => Some((id.clone(), Target::Provider(name.clone()))),
        ConnectionTo::Integration { .. } => None,
    });
    if let Some((mind, target)) = provider {
        plan.connections.insert(mind.clone(), target);
        steps.push(json!({"id": "mind", "continue_on": ["server_error"], "action": {"kind": "ask", "connection": mind,
            "prompt": marker(&name("mind")), "with": {"text": "${lore.subject}"}, "limit": {"tokens": 500, "tries": 2},
            "answer": {"sort": {"one_of": ["one", "two", "three"]}, "sure": {"boolean": {}}, "reply": {"text": {"most_bytes": 900}},
                "odds": {"number": {"least": "0", "most": "1"}}}}}));
    }
    let inner = json!([{"id": "filed", "action": call(&file, json!({"label": "${line.id}", "body": "${line.word}"}))}]);
    let walk = |id: &str, list: &str| {
        json!({"id": id, "action": {"kind": "each", "over": list, "item": "line", "key": "line.id",
        "max": 6, "parallel": 2, "on_error": "collect", "steps": inner}})
    };
    steps.push(json!({"id": "file", "action": call(&file, json!({"body": "${lore.subject}", "label": "${lore.id}"}))}));
    steps.push(walk("rows", "lore.rows"));
    steps.push(
        json!({"id": "again", "action": call(&file, json!({"label": "${lore.state}", "many": "${lore.count}"}))}),
    );
    let steps = steps.into_iter().map(|step| serde_json::from_value::<Step>(step).unwrap());
    plan.steps.splice(0..0, steps);
    Some(plan)
}

fn operation(plan: &mut Plan, connection: &ConnectionId, of: &str, says: &Value) -> OperationRef {
    let reference = OperationRef { connection: connection.clone(), operation: name(of) };
    let operation: Operation = serde_json::from_value(says.clone()).unwrap();
    plan.operations.insert(reference.clone(), operation.into());
    reference
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
