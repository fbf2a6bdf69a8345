//! Hostile values in every place of a request, hostile answers, and what must stay the same.

mod answers;

use std::collections::BTreeMap;

use assent_schema::client::ConnectionFacts;
use assent_schema::expr::{Currency, Money, Value};
use assent_schema::id::{ClientId, Name, OperationRef};
use assent_schema::plan::{Failure, Operation, Place};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::content::Content;
use crate::request::json::Json;
use crate::world::{HttpResponse, NetFailure};

/// Reads an answer where nothing is a secret.
pub(super) fn read(operation: &Operation, response: &HttpResponse) -> Result<Answer, Failed> {
    super::read(operation, response, |_| false)
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the many callers")]
pub(super) fn operation(changes: serde_json::Value) -> Operation {
    let mut base = json!({
        "record": "ticket", "method": "POST", "path": "/tickets/{id}/notes", "encoding": "json", "effect": "write", "scopes": [],
        "params": {
            "id": {"place": "path", "at": "id", "shape": {"type": "text", "most_bytes": 1000}, "class": "content"},
            "page": {"place": "query", "at": "page", "shape": {"type": "text", "most_bytes": 1000}, "class": "content", "optional": true},
            "trace": {"place": "header", "at": "X-Trace", "shape": {"type": "text", "most_bytes": 10000}, "class": "content", "optional": true},
            "text": {"place": "body", "at": "note.text", "shape": {"type": "text", "most_bytes": 2_000_000}, "class": "content", "optional": true},
        },
        "response": {"note": {"at": "data.id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}},
        "most_bytes": 1000, "timeout": "10s",
    });
    for (key, value) in changes.as_object().cloned().unwrap_or_default() {
        base[key] = value;
    }
    serde_json::from_value(base).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the many callers")]
fn connection(auth: serde_json::Value) -> ConnectionFacts {
    serde_json::from_value(json!({
        "to": {"integration": {"name": "helpdesk"}}, "host": "api.example.com", "region": "eu", "auth": auth,
        "slots": {"token": {"rotate": "90d"}},
    }))
    .unwrap()
}

pub(super) fn bearer() -> ConnectionFacts {
    connection(json!({"kind": "header", "name": "Authorization", "prefix": "Bearer", "slot": "token"}))
}

pub(super) type Arguments = BTreeMap<Name, Value>;

fn arguments(list: &[(&str, &str)]) -> Arguments {
    list.iter().map(|(name, text)| (Name::new(name).unwrap(), Value::text(*text))).collect()
}

fn built(operation: &Operation, arguments: &Arguments, connection: &ConnectionFacts) -> Result<Built, Wrong> {
    let client = ClientId::new("acme").unwrap();
    let reference: OperationRef = "helpdesk.add_note".parse().unwrap();
    build(&Call {
        client: &client,
        reference: &reference,
        operation,
        endpoint: "https://api.example.com/v2",
        connection,
        arguments,
        secret: Some(b"s3cret"),
        idempotency: Some("0123"),
        cursor: None,
    })
}

fn kind(operation: &Operation, list: &[(&str, &str)]) -> Option<WrongKind> {
    built(operation, &arguments(list), &bearer()).err().map(|wrong| wrong.kind)
}

fn headers(built: &Built) -> Vec<(String, String)> {
    let text = |value: &Content<Vec<u8>>| String::from_utf8(value.reveal().clone()).unwrap();
    built.request.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

const HOSTILE: &[&str] = &[
    "../../admin",
    "a/b",
    "a?x=1&y=2",
    "a#b",
    "%2e%2e%2f",
    "@evil.example",
    "a\r\nX-Evil: 1",
    "a\nb",
    "a\0b",
    "\"}{",
    "ä€😀",
    " ",
    "a;b=c",
    "//evil.example/",
    "\\..\\",
    "${secret}",
    "a&b=c",
    "<script>",
];

#[test]
fn a_hostile_value_stays_in_its_place() {
    let operation = operation(json!({}));
    for hostile in HOSTILE {
        let request =
            built(&operation, &arguments(&[("id", hostile), ("page", hostile), ("text", hostile)]), &bearer());
        let request = request.unwrap_or_else(|wrong| panic!("{wrong}")).request;
        let target = request.target.reveal().clone();
        assert_eq!((request.host.as_str(), request.port, request.tls), ("api.example.com", 443, true));
        assert!(target.starts_with("/v2/tickets/") && target.is_ascii(), "{target}");
        let (path, query) = target.split_once('?').unwrap();
        assert_eq!((path.split('/').count(), query.matches(['&', '=', '?', '#']).count()), (5, 1), "{target}");
        assert!(!target.contains(|c: char| c.is_control() || c == ' '), "{target}");
        let body = Json::parse(request.body.reveal()).ok().unwrap();
        assert_eq!(body.text_at("note.text"), Some(*hostile));
        let Json::Object(members) = &body else { panic!("an object") };
        assert_eq!(members.len(), 1);
    }
}

#[test]
fn a_header_takes_visible_text_only() {
    let operation = operation(json!({}));
    for bad in [
        "",
        "a\r\nX-Evil: 1",
        "a\rb",
        "a\nb",
        "a\0b",
        "ä",
        " a",
        "a ",
        "\u{7f}",
        &"a".repeat(limits::HEADER_MOST_BYTES + 1),
    ] {
        assert_eq!(kind(&operation, &[("id", "1"), ("trace", bad)]), Some(WrongKind::HeaderRefused), "{bad:?}");
    }
    let fine = built(&operation, &arguments(&[("id", "1"), ("trace", "a b; c=\"d\"")]), &bearer()).ok().unwrap();
    assert!(headers(&fine).contains(&("x-trace".to_owned(), "a b; c=\"d\"".to_owned())));
}

#[test]
fn no_parameter_sets_what_is_ours() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "AUTHORIZATION",
        "Cookie",
        "Connection",
        "a b",
        "a:b",
        "a\r\nb",
        "",
    ] {
        let mut operation = operation(json!({}));
        operation.params.get_mut("trace").unwrap().at = name.to_owned();
        assert_eq!(kind(&operation, &[("id", "1"), ("trace", "x")]), Some(WrongKind::HeaderRefused), "{name:?}");
    }
    let mut operation = operation(json!({}));
    operation.params.get_mut("trace").unwrap().at = "X-Api-Key".to_owned();
    let by_key = connection(json!({"kind": "header", "name": "x-api-key", "slot": "token"}));
    let wrong = built(&operation, &arguments(&[("id", "1"), ("trace", "x")]), &by_key).err();
    assert_eq!(wrong.map(|wrong| wrong.kind), Some(WrongKind::HeaderRefused));
}

#[test]
fn arguments_are_those_that_the_operation_declares() {
    let operation = operation(json!({}));
    for refused in ["", ".", ".."] {
        let wrong = built(&operation, &arguments(&[("id", refused)]), &bearer()).err().unwrap();
        assert_eq!(wrong, WrongKind::SegmentRefused.of(&Name::new("id").unwrap()), "{refused:?}");
    }
    assert_eq!(kind(&operation, &[]), Some(WrongKind::ArgumentMissing));
    assert_eq!(kind(&operation, &[("id", "1"), ("other", "x")]), Some(WrongKind::ArgumentUnknown));
    assert_eq!(kind(&operation, &[("id", "1"), ("page", &"a".repeat(1_001))]), Some(WrongKind::ArgumentMisfit));
    assert_eq!(
        kind(&operation, &[("id", "1"), ("text", &"a".repeat(limits::BODY_MOST_BYTES))]),
        Some(WrongKind::TooLarge)
    );
    let mut wrong_type = arguments(&[("id", "1")]);
    wrong_type.insert(Name::new("text").unwrap(), Value::Integer(1));
    assert!(built(&operation, &wrong_type, &bearer()).is_err());
}

#[test]
fn forms_nest_in_brackets_and_stay_in_their_pairs() {
    let operation = operation(json!({"encoding": "form", "constants": {"note.kind": "internal"}}));
    let request =
        built(&operation, &arguments(&[("id", "1"), ("text", "a&b=c d\r\n%")]), &bearer()).ok().unwrap().request;
    let body = String::from_utf8(request.body.reveal().clone()).unwrap();
    assert_eq!(body, "note%5Btext%5D=a%26b%3Dc%20d%0D%0A%25&note%5Bkind%5D=internal");
}

#[test]
fn a_constant_of_a_header_stands_there() {
    let constants = json!({"header:Notion-Version": "2022-06-28", "header:X-Count": 7});
    for method in ["GET", "POST"] {
        let operation = operation(json!({"method": method, "params": {}, "path": "/pages", "constants": constants}));
        let request = built(&operation, &Arguments::new(), &bearer()).ok().unwrap().request;
        let header = |name: &str| {
            request.headers.iter().find(|(there, _)| there == name).map(|(_, value)| value.reveal().clone())
        };
        assert_eq!(header("notion-version").as_deref(), Some(b"2022-06-28".as_slice()), "{method}");
        assert_eq!(header("x-count").as_deref(), Some(b"7".as_slice()));
        assert_eq!(
            (request.target.reveal().as_str(), request.body.reveal().len()),
            ("/v2/pages", 0),
            "and nowhere else"
        );
    }
}

#[test]
fn a_token_goes_out_behind_its_prefix() {
    for (place, path, target, body) in [
        ("path", "/orders/{id}", "/v2/orders/gid%3A%2F%2Fshopify%2FOrder%2F7", ""),
        ("query", "/orders", "/v2/orders?id=gid%3A%2F%2Fshopify%2FOrder%2F7", ""),
        ("body", "/orders", "/v2/orders", r#"{"id":"gid://shopify/Order/7"}"#),
    ] {
        let param = json!({"place": place, "at": "id", "class": "reference", "shape": {"type": "token"}, "prefix": "gid://shopify/Order/"});
        let operation = operation(json!({"params": {"id": param}, "path": path}));
        let request = built(&operation, &arguments(&[("id", "7")]), &bearer()).ok().unwrap().request;
        assert_eq!(
            (request.target.reveal().as_str(), request.body.reveal().as_slice()),
            (target, body.as_bytes()),
            "{place}"
        );
        assert_eq!(kind(&operation, &[("id", "a/b")]), Some(WrongKind::ArgumentMisfit));
    }
}

#[test]
fn two_values_never_share_a_place() {
    for encoding in ["json", "form"] {
        let operation = operation(json!({"encoding": encoding, "constants": {"note.text": "fixed"}}));
        assert_eq!(kind(&operation, &[("id", "1"), ("text", "x")]), Some(WrongKind::PlaceTaken), "{encoding}");
    }
}

#[test]
fn amounts_go_out_as_the_catalog_says() {
    let money = |at: &str, value: &str, unit: &str| {
        let currency = if value.is_empty() { json!({"fixed": "EUR"}) } else { json!({"at": "currency"}) };
        json!({"place": "body", "at": at, "class": "reference", "amount": true,
            "shape": {"type": "money", "wire": {"value": value, "currency": currency, "unit": unit}}})
    };
    for (encoding, at, value, unit, wanted) in [
        ("json", "", "amount", "minor", r#"{"amount":1990,"currency":"EUR"}"#),
        ("json", "total", "value", "major", r#"{"total":{"value":"19.90","currency":"EUR"}}"#),
        ("form", "total", "value", "major", "total%5Bvalue%5D=19.90&total%5Bcurrency%5D=EUR"),
        ("form", "", "amount", "minor", "amount=1990&currency=EUR"),
        ("json", "Amount", "", "major_number", r#"{"Amount":19.90}"#),
        ("form", "Amount", "", "major_number", "Amount=19.90"),
    ] {
        let operation =
            operation(json!({"path": "/refunds", "encoding": encoding, "params": {"sum": money(at, value, unit)}}));
        let sum = Currency::new("EUR").and_then(|euro| Money::new(1_990, euro));
        let arguments = Arguments::from([(Name::new("sum").unwrap(), Value::Money(sum.unwrap()))]);
        let request = built(&operation, &arguments, &bearer()).unwrap_or_else(|wrong| panic!("{wrong}")).request;
        assert_eq!(String::from_utf8_lossy(request.body.reveal()), wanted);
    }
}

/// Adyen counts whole rupiah and hundredths of a króna, wherever the amount stands; what it cannot be told goes nowhere.
#[test]
fn amounts_leave_as_the_api_counts_them() {
    let wire = |more: serde_json::Value| {
        let mut wire = json!({"value": "value", "currency": {"at": "currency"}, "unit": "minor"});
        wire.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "money", "wire": wire})
    };
    let of_adyen = wire(json!({"minor_units": {"IDR": 0, "ISK": 2}}));
    let in_a_list = json!({"type": "list", "most": 2, "of": {
        "at": "", "shape": of_adyen, "class": "reference", "written_by": "system"}});
    let sum = |minor, code: &str| Value::Money(Currency::new(code).and_then(|code| Money::new(minor, code)).unwrap());
    let sent = |place: &str, shape: &serde_json::Value, value: Value| {
        let param = json!({"place": place, "at": "sum", "class": "reference", "shape": shape});
        let operation = operation(json!({"path": "/refunds", "params": {"sum": param}}));
        let arguments = Arguments::from([(Name::new("sum").unwrap(), value)]);
        let request = built(&operation, &arguments, &bearer()).map_err(|wrong| wrong.to_string())?.request;
        Ok([request.target.reveal().as_bytes(), request.body.reveal()].concat()).map(|b| String::from_utf8(b).unwrap())
    };
    for (value, wanted) in [
        (sum(100_000, "IDR"), Ok(r#"/v2/refunds{"sum":{"value":1000,"currency":"IDR"}}"#.to_owned())),
        (sum(10, "ISK"), Ok(r#"/v2/refunds{"sum":{"value":1000,"currency":"ISK"}}"#.to_owned())),
        (sum(1_990, "EUR"), Ok(r#"/v2/refunds{"sum":{"value":1990,"currency":"EUR"}}"#.to_owned())),
        (sum(100_050, "IDR"), Err("argument_misfit (sum)".to_owned())),
        (sum(9_007_199_254_740_991, "ISK"), Err("argument_misfit (sum)".to_owned())),
    ] {
        assert_eq!(sent("body", &of_adyen, value.clone()), wanted);
        let many = wanted.map(|one| one.replace(":{", ":[{").replace("}}", "}]}"));
        assert_eq!(sent("body", &in_a_list, Value::List(vec![value])), many);
    }
    assert_eq!(sent("query", &of_adyen, sum(10, "ISK")), Ok("/v2/refunds?value=1000&currency=ISK".to_owned()));
    assert_eq!(sent("query", &of_adyen, sum(10_010, "IDR")), Err("argument_misfit (sum)".to_owned()));
    assert_eq!(
        sent("body", &wire(json!({})), sum(100_000, "IDR")).unwrap(),
        r#"/v2/refunds{"sum":{"value":100000,"currency":"IDR"}}"#
    );
}

#[test]
fn a_secret_goes_where_its_scheme_says_and_nowhere_else() {
    let operation = operation(json!({}));
    let fine = arguments(&[("id", "1"), ("text", "x")]);
    for (auth, wanted) in [
        (
            json!({"kind": "header", "name": "Authorization", "prefix": "Bearer", "slot": "token"}),
            Some(("authorization", "Bearer s3cret")),
        ),
        (json!({"kind": "header", "name": "X-Api-Key", "slot": "token"}), Some(("x-api-key", "s3cret"))),
        (json!({"kind": "basic", "user": "acme", "slot": "token"}), Some(("authorization", "Basic YWNtZTpzM2NyZXQ="))),
        (json!({"kind": "none"}), None),
    ] {
        let built = built(&operation, &fine, &connection(auth)).ok().unwrap();
        let holding: Vec<_> =
            headers(&built).into_iter().filter(|(_, v)| v.contains("s3cret") || v.starts_with("Basic")).collect();
        assert_eq!(holding.first().map(|(n, v)| (n.as_str(), v.as_str())), wanted);
        assert!(holding.len() <= 1 && !built.request.target.reveal().contains("s3cret"));
        assert!(!String::from_utf8_lossy(built.request.body.reveal()).contains("s3cret"));
    }
}

#[test]
fn a_secret_that_no_header_can_hold_is_refused() {
    let (operation, fine, connection) = (operation(json!({})), arguments(&[("id", "1")]), bearer());
    let client = ClientId::new("acme").unwrap();
    let reference: OperationRef = "helpdesk.add_note".parse().unwrap();
    for (secret, wanted) in [
        (None, WrongKind::SecretMissing),
        (Some(&b"a\r\nb"[..]), WrongKind::SecretRefused),
        (Some(b""), WrongKind::SecretRefused),
        (Some(b"a b"), WrongKind::SecretRefused),
    ] {
        let call = Call {
            client: &client,
            reference: &reference,
            operation: &operation,
            endpoint: "https://api.example.com",
            connection: &connection,
            arguments: &fine,
            secret,
            idempotency: None,
            cursor: None,
        };
        assert_eq!(build(&call).err().map(|wrong| wrong.kind), Some(wanted));
    }
    let call = Call {
        client: &client,
        reference: &reference,
        operation: &operation,
        endpoint: "https://u:p@evil.example",
        connection: &connection,
        arguments: &fine,
        secret: Some(b"x"),
        idempotency: None,
        cursor: None,
    };
    assert_eq!(build(&call).err().map(|wrong| wrong.kind), Some(WrongKind::EndpointRefused));
}

#[test]
fn the_keyed_hash_is_of_all_but_the_secret() {
    let operation = operation(json!({"idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "7d"}}));
    let hash = |list: &[(&str, &str)], connection: &ConnectionFacts| {
        built(&operation, &arguments(list), connection).ok().unwrap().keyed(&[7; 32])
    };
    let first = hash(&[("id", "1"), ("text", "x")], &bearer());
    assert_eq!(first, hash(&[("id", "1"), ("text", "x")], &bearer()));
    assert_eq!(first, hash(&[("id", "1"), ("text", "x")], &connection(json!({"kind": "none"}))));
    for other in [
        &[("id", "2"), ("text", "x")][..],
        &[("id", "1"), ("text", "y")],
        &[("id", "1")],
        &[("id", "1"), ("text", "x"), ("trace", "t")],
    ] {
        assert_ne!(first, hash(other, &bearer()));
    }
}

#[test]
fn keys_constants_and_party_go_where_the_catalog_says() {
    let changes = json!({
        "idempotency": {"place": "body", "at": "key", "lives": "7d"}, "constants": {"note.kind": "internal"},
        "belongs": {"param": "page", "field": "note"},
    });
    let mut operation = operation(changes);
    let given = arguments(&[("id", "1"), ("page", "party"), ("text", "x")]);
    let request = built(&operation, &given, &bearer()).ok().unwrap().request;
    let body = Json::parse(request.body.reveal()).ok().unwrap();
    assert_eq!((body.text_at("key"), body.text_at("note.kind")), (Some("0123"), Some("internal")));
    assert_eq!(request.target.reveal(), "/v2/tickets/1/notes?page=party", "a party is sent where the catalog says");
    operation.params.get_mut("page").unwrap().place = Place::None;
    let request = built(&operation, &given, &bearer()).ok().unwrap().request;
    assert_eq!(request.target.reveal(), "/v2/tickets/1/notes", "or only compared");
}

pub(super) fn response(status: u16, body: &str, headers: &[(&str, &str)]) -> HttpResponse {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), Content::new(value.as_bytes().to_vec()));
    HttpResponse { status, headers: headers.iter().map(header).collect(), body: Content::new(body.as_bytes().to_vec()) }
}

#[test]
fn what_an_api_calls_its_json_is_sent_and_taken() {
    let said =
        |built: &Built, name: &str| headers(built).into_iter().find(|(there, _)| there == name).map(|(_, text)| text);
    let mut operation = operation(json!({"media": "application/vnd.api+json"}));
    let given = arguments(&[("id", "1"), ("text", "x")]);
    let request = built(&operation, &given, &bearer()).ok().unwrap();
    assert_eq!(said(&request, "content-type").as_deref(), Some("application/vnd.api+json"));
    assert_eq!(said(&request, "accept").as_deref(), Some("application/vnd.api+json, application/json;q=0.9"));
    // Not even a plan puts anything else there.
    operation.media = Some("text/html\r\nX-Evil: 1".to_owned());
    let request = built(&operation, &given, &bearer()).ok().unwrap();
    assert_eq!(said(&request, "content-type").as_deref(), Some("application/json"));
    assert_eq!(said(&request, "accept").as_deref(), Some("application/json"));
}

#[test]
fn an_amount_that_the_other_side_knows_is_not_sent() {
    let shape = json!({"type": "money", "wire": {"value": "", "currency": {"fixed": "EUR"}, "unit": "minor"}});
    let params = json!({
        "rate": {"place": "path", "at": "rate", "shape": {"type": "token"}, "class": "reference", "target": true},
        "price": {"place": "none", "at": "price", "shape": shape, "class": "reference", "amount": true},
    });
    let operation = operation(json!({"path": "/labels/{rate}", "effect": "money", "params": params}));
    let price = |code: &str| {
        let mut given = arguments(&[("rate", "se-1")]);
        let money = Currency::new(code).and_then(|currency| Money::new(1_190, currency)).unwrap();
        given.insert(Name::new("price").unwrap(), Value::Money(money));
        built(&operation, &given, &bearer())
    };
    let request = price("EUR").ok().unwrap().request;
    assert_eq!(request.target.reveal(), "/v2/labels/se-1");
    assert!(request.body.reveal().is_empty());
    assert_eq!(price("USD").err().map(|wrong| wrong.kind), Some(WrongKind::ArgumentMisfit), "it could not be that");
    let missing = built(&operation, &arguments(&[("rate", "se-1")]), &bearer());
    assert_eq!(missing.err().map(|wrong| wrong.kind), Some(WrongKind::ArgumentMissing));
}

#[test]
fn constants_have_the_type_that_the_catalog_gives_them() {
    let changes = json!({"path": "/t", "params": {}, "constants": {"auto": true, "limit": 5, "kind": "5"}});
    let built = built(&operation(changes), &Arguments::new(), &bearer()).unwrap();
    assert_eq!(built.request.body.reveal().as_slice(), br#"{"auto":true,"kind":"5","limit":5}"#);
}

#[test]
fn the_constants_of_a_get_stand_in_its_query() {
    let changes = json!({"method": "GET", "path": "/t", "params": {}, "constants": {"version": "2"}});
    let built = built(&operation(changes), &Arguments::new(), &bearer()).unwrap();
    assert_eq!(built.request.target.reveal(), "/v2/t?version=2");
}

proptest! {
    #[test]
    fn no_value_changes_where_a_request_goes(id in ".{1,60}", page in ".{0,60}", text in ".{0,60}") {
        let operation = operation(json!({}));
        if let Ok(built) = built(&operation, &arguments(&[("id", &id), ("page", &page), ("text", &text)]), &bearer()) {
            let target = built.request.target.reveal();
            prop_assert!(target.starts_with("/v2/tickets/") && target.contains("/notes?page="));
            prop_assert_eq!(target.matches('/').count(), 4);
            prop_assert_eq!(built.request.host.as_str(), "api.example.com");
        } else {
            prop_assert!(id == "." || id == "..");
        }
    }

    #[test]
    fn no_answer_makes_it_panic(status in 0_u16..1000, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let response = HttpResponse { status, headers: Vec::new(), body: Content::new(body) };
        drop(read(&operation(json!({})), &response));
    }
}

fn graphql() -> Operation {
    operation(json!({
        "encoding": "graphql", "path": "/graphql", "document": "mutation($note: String!) { add(text: $note) { id } }",
        "params": {"text": {"place": "body", "at": "note", "shape": {"type": "text", "most_bytes": 1000}, "class": "content"}},
    }))
}

#[test]
fn a_graphql_value_is_a_variable_and_never_part_of_the_document() {
    let hostile = r#"") { id } } mutation { remove(all: true"#;
    let built = built(&graphql(), &arguments(&[("text", hostile)]), &bearer()).ok().unwrap();
    let body: serde_json::Value = serde_json::from_slice(built.request.body.reveal()).unwrap();
    let document = "mutation($note: String!) { add(text: $note) { id } }";
    assert_eq!(body, json!({ "query": document, "variables": { "note": hostile } }));
}

#[test]
fn graphql_says_no_with_a_status_that_says_yes() {
    let answer = |body: &str| {
        let body = Content::new(body.as_bytes().to_vec());
        read(&graphql(), &HttpResponse { status: 200, headers: Vec::new(), body }).map_err(|failed| failed.code)
    };
    assert!(answer(r#"{"data":{"id":"1"},"errors":[]}"#).is_ok());
    assert!(answer(r#"{"data":{"id":"1"}}"#).is_ok());
    let said_no = answer(r#"{"data":{"id":"1"},"errors":[{"message":"no"}]}"#);
    assert!(said_no.err().is_some_and(|code| code == GRAPHQL_ERROR));
}

#[test]
fn parts_hold_what_was_given_and_nothing_ends_them_early() {
    let operation = operation(json!({"encoding": "multipart"}));
    let hostile = "a\r\n--assent-\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\nyes";
    let make = |text: &str| built(&operation, &arguments(&[("id", "1"), ("text", text)]), &bearer()).ok().unwrap();
    let built = make(hostile);
    let kind = headers(&built).into_iter().find(|(name, _)| name == "content-type").unwrap().1;
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    let body = String::from_utf8(built.request.body.reveal().clone()).unwrap();
    let parts: Vec<_> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 3, "{body}");
    assert_eq!(parts[1], format!("\r\nContent-Disposition: form-data; name=\"note[text]\"\r\n\r\n{hostile}\r\n"));
    assert_eq!(parts[2], "--\r\n");
    // A repeat has the same bytes, so that it is known as one.
    assert!(built.same.reveal() == make(hostile).same.reveal());
    assert!(built.same.reveal() != make("other").same.reveal());
}
