//! What is sent in each encoding comes back as it was meant.

use assent_schema::client::ConnectionFacts;
use assent_schema::expr::{Currency, Money};
use assent_schema::id::ClientId;
use serde_json::json;

use super::*;
use crate::request::{Call, build};

fn operation(encoding: &str) -> Operation {
    let param =
        |place: &str, at: &str, shape: Value| json!({"place": place, "at": at, "shape": shape, "class": "reference"});
    let token = json!({"type": "token"});
    let money = json!({"type": "money", "wire": {"value": "cents", "unit": "minor", "currency": {"at": "currency"}}});
    let mut operation = json!({
        "record": "order", "method": "POST", "path": "/orders/{id}.json", "encoding": encoding, "effect": "write", "scopes": [],
        "params": {
            "id": param("path", "order", token.clone()),
            "tags": param("query", "tag", json!({"type": "list", "most": 5, "of": {"at": "", "shape": token, "class": "reference", "written_by": "system"}})),
            "trace": param("header", "X-Trace", token.clone()),
            "note": param("body", "input.note", token.clone()),
            "amount": param("body", "input.amount", money),
            "lines": param("body", "lines", json!({"type": "list", "most": 5, "of": {
                "at": "", "class": "reference", "written_by": "system",
                "shape": {"type": "record", "fields": {"sku": {"at": "item.sku", "shape": token, "class": "reference", "written_by": "system"}}},
            }})),
        },
        "idempotency": {"place": "body", "at": "meta.key", "lives": "7d"},
        "response": {}, "most_bytes": 1000, "timeout": "10s",
    });
    if encoding == "graphql" {
        operation["document"] = json!("mutation M($input: I!) { m(input: $input) { id } }");
    }
    serde_json::from_value(operation).unwrap()
}

fn sent(operation: &Operation) -> HttpRequest {
    use assent_schema::expr::Value as Given;
    let name = |name: &str| Name::new(name).unwrap();
    let line = |sku: &str| Given::Record([(name("sku"), Given::text(sku))].into());
    let euros = Money { minor: 1_999, currency: Currency::new("EUR").unwrap() };
    let arguments = [
        (name("id"), Given::text("10:07")),
        (name("tags"), Given::List(vec![Given::text("a"), Given::text("b")])),
        (name("trace"), Given::text("t-1")),
        (name("note"), Given::text("late")),
        (name("amount"), Given::Money(euros)),
        (name("lines"), Given::List(vec![line("x"), line("y")])),
    ];
    let connection: ConnectionFacts = serde_json::from_value(json!({
        "to": {"integration": {"name": "shop"}}, "host": "api.example.com", "region": "eu", "auth": {"kind": "none"}, "slots": {},
    }))
    .unwrap();
    let call = Call {
        client: &ClientId::new("acme").unwrap(),
        reference: &"shop.note".parse().unwrap(),
        operation,
        endpoint: "https://api.example.com/v2",
        connection: &connection,
        arguments: &arguments.into(),
        secret: None,
        idempotency: Some("0123"),
        cursor: None,
    };
    build(&call).ok().unwrap().request
}

#[test]
fn every_encoding_is_read_back() {
    for encoding in ["json", "graphql", "form", "multipart"] {
        let operation = operation(encoding);
        let done = read_wire(&operation, &sent(&operation));
        let is_json = matches!(encoding, "json" | "graphql");
        let cents = if is_json { json!(1999) } else { json!("1999") };
        let line = |sku: &str| json!({"item": {"sku": sku}});
        let wanted = json!({
            "id": "10:07", "tags": ["a", "b"], "trace": "t-1", "note": "late",
            "amount": {"cents": cents, "currency": "EUR"}, "lines": [line("x"), line("y")],
        });
        assert_eq!(serde_json::to_value(&done.with).unwrap(), wanted, "{encoding}");
        assert_eq!(done.key.as_deref(), Some("0123"), "{encoding}");
    }
}

#[test]
fn what_is_spread_over_the_top_comes_back_as_one() {
    for encoding in ["json", "form"] {
        let mut operation = operation(encoding);
        operation.params.get_mut("amount").unwrap().at = String::new();
        let done = read_wire(&operation, &sent(&operation));
        let amount = &done.with["amount"];
        assert_eq!((amount["currency"].as_str(), amount["cents"].to_string().trim_matches('"')), (Some("EUR"), "1999"));
    }
}
