//! Hostile values in every place of a request, hostile answers, and what must stay the same.

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
        json!({"place": "body", "at": at, "class": "reference", "amount": true,
            "shape": {"type": "money", "wire": {"value": value, "currency": {"at": "currency"}, "unit": unit}}})
    };
    for (encoding, at, value, unit, wanted) in [
        ("json", "", "amount", "minor", r#"{"amount":1990,"currency":"EUR"}"#),
        ("json", "total", "value", "major", r#"{"total":{"value":"19.90","currency":"EUR"}}"#),
        ("form", "total", "value", "major", "total%5Bvalue%5D=19.90&total%5Bcurrency%5D=EUR"),
        ("form", "", "amount", "minor", "amount=1990&currency=EUR"),
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

fn failed(operation: &Operation, status: u16, body: &str) -> (Failure, String) {
    read(operation, &response(status, body, &[])).err().map(|failed| (failed.kind, failed.code)).unwrap()
}

#[test]
fn only_declared_fields_of_an_answer_are_kept() {
    let answer = read(&operation(json!({})), &response(200, r#"{"data":{"id":"n-1","text":"hello"},"more":[1]}"#, &[]))
        .ok()
        .unwrap();
    assert_eq!(answer.fields.len(), 1);
    assert!(answer.fields.get("note") == Some(&Value::text("n-1")) && answer.next.is_none());
}

#[test]
fn a_fact_that_holds_a_secret_does_not_fit_and_what_is_read_no_further_may() {
    let token = |class: &str| json!({"at": "id", "class": class, "written_by": "system", "shape": {"type": "token"}});
    let list = |class: &str| {
        json!({"at": "items", "class": "content", "written_by": "system", "optional": true, "shape": {"type": "list", "most": 3,
            "of": {"at": "", "class": "content", "written_by": "system", "shape": {"type": "record", "fields": {"id": token(class)}}}}})
    };
    let body = r#"{"id":"a","other":"k-1","items":[{"id":"b"},{"id":"k-1"}]}"#;
    let end = |class: &str, body: &str| {
        let operation = operation(json!({"response": {"id": token("reference"), "items": list(class)}}));
        let read = super::read(&operation, &response(201, body, &[]), |text| text == b"k-1");
        read.map(|_| ()).map_err(|failed| (failed.code, failed.field.map(|field| field.to_string())))
    };
    assert_eq!(end("content", body), Ok(()), "it is not kept");
    assert_eq!(end("reference", body), Err((BAD_ANSWER.to_owned(), Some("items".to_owned()))));
    assert_eq!(end("content", r#"{"id":"k-1"}"#), Err((BAD_ANSWER.to_owned(), Some("id".to_owned()))));
}

#[test]
fn hostile_answers_are_one_code() {
    let operation = operation(json!({}));
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":{"id":"two words"}}"#,
        r#"{"data":{"id":"a"},"data":{"id":"b"}}"#,
        "[",
        "\"",
        &"[".repeat(10_000),
    ] {
        assert_eq!(failed(&operation, 200, body), (Failure::Permanent, BAD_ANSWER.to_owned()), "{body}");
    }
    let failed = read(&operation, &response(201, r#"{"data":{"id":"x y"}}"#, &[])).err().unwrap();
    assert_eq!(failed.field.as_ref().map(ToString::to_string).as_deref(), Some("note"));
}

#[test]
fn what_stands_in_a_header_is_read_there() {
    let field = |at: &str, shape: serde_json::Value, optional: bool| json!({"at": at, "class": "reference", "written_by": "system", "shape": shape, "optional": optional});
    let operation = operation(json!({
        "errors": [{"status": [403], "body": {"at": "header:X-RateLimit-Remaining", "equals": "0"}, "kind": "throttled", "code": "rate_limited"}],
        "response": {
            "job": field("header:Location", json!({"type": "token"}), false),
            "address": field("header:Location", json!({"type": "text", "most_bytes": 99}), false),
            "left": field("header:X-Left", json!({"type": "integer"}), true),
        },
    }));
    let location = |address| [("location", address), ("x-left", " 7 ")];
    for address in ["https://api.example.com/v1/jobs/4711?fresh=1", "/v1/jobs/4711/", "4711"] {
        let answer = read(&operation, &response(202, "", &location(address))).ok().unwrap();
        assert!(answer.fields.get("job") == Some(&Value::text("4711")), "{address}");
        assert!(answer.fields.get("address") == Some(&Value::text(address)));
        assert!(answer.fields.get("left") == Some(&Value::Integer(7)));
    }
    let there = read(&operation, &response(202, "{}", &[("location", "/jobs/1")])).ok().unwrap();
    assert!(!there.fields.contains_key("left"));
    for wrong in [vec![], vec![("location", "/jobs/two words")], vec![("location", "/jobs/1"), ("x-left", "many")]] {
        assert_eq!(read(&operation, &response(202, "", &wrong)).err().unwrap().code, BAD_ANSWER);
    }
    let limited = |left| read(&operation, &response(403, "{}", &[("x-ratelimit-remaining", left)])).err().unwrap();
    assert_eq!((limited("0").kind, limited("0").code.as_str()), (Failure::Throttled, "rate_limited"));
    assert_eq!(limited("12").code, "forbidden");
}

#[test]
fn what_an_answer_must_hold_may_stand_in_a_header_or_behind_a_prefix() {
    let token = json!({"type": "token"});
    let operation = operation(json!({"response": {}, "must": {
        "job": {"at": "header:Location", "shape": token}, "said": {"at": "header:X-Said"},
        "id": {"at": "id", "shape": token, "prefix": "gid://"},
    }}));
    let field = |id: &str, location: &str, said: &str| {
        let headers = [("location", location), ("x-said", said)];
        let read = read(&operation, &response(201, &format!(r#"{{"id":"{id}"}}"#), &headers));
        read.err().map(|failed| failed.field.unwrap().to_string())
    };
    assert_eq!(field("gid://1", "/jobs/1", "two words"), None);
    assert_eq!(field("1", "/jobs/1", "x").as_deref(), Some("id"));
    assert_eq!(field("gid://two words", "/jobs/1", "x").as_deref(), Some("id"));
    assert_eq!(field("gid://1", "/jobs/two words", "x").as_deref(), Some("job"));
    assert_eq!(field("gid://1", "/jobs/1", "").as_deref(), Some("said"));
}

#[test]
fn nothing_declared_may_be_answered_with_nothing() {
    assert!(read(&operation(json!({"response": {}})), &response(204, "", &[])).is_ok());
}

#[test]
fn an_answer_holds_what_is_declared_though_nothing_reads_it() {
    let must = json!({"id": {"at": "refund.id", "shape": {"type": "token"}}, "note": {"at": "refund.note"}});
    let operation = operation(json!({"response": {}, "must": must}));
    let answer = read(&operation, &response(200, r#"{"refund":{"id":"r-1","note":["anything"]}}"#, &[])).ok().unwrap();
    assert!(answer.fields.is_empty(), "nothing of it is taken");
    for body in [
        "",
        "ok",
        r#"{"error":"card_declined"}"#,
        r#"{"refund":{"id":"r-1"}}"#,
        r#"{"refund":{"id":"r-1","note":null}}"#,
        r#"{"refund":{"id":"","note":"none"}}"#,
    ] {
        let failed = read(&operation, &response(200, body, &[])).err().unwrap();
        assert_eq!(failed.code, BAD_ANSWER, "{body}");
        assert!(failed.is_doubtful(), "{body}");
    }
}

#[test]
fn rules_come_first_and_the_status_after_them() {
    let operation = operation(json!({"not_executed": [429, 503], "errors": [
        {"status": [409], "body": {"at": "error.code", "equals": "already_refunded"}, "kind": "conflict", "code": "already_refunded"},
        {"body": {"at": "ok", "equals": "false"}, "kind": "permanent", "code": "not_ok"},
        {"status": [404], "kind": "transient", "code": "not_yet"},
    ]}));
    assert_eq!(
        failed(&operation, 409, r#"{"error":{"code":"already_refunded"}}"#),
        (Failure::Conflict, "already_refunded".into())
    );
    assert_eq!(failed(&operation, 409, "{}"), (Failure::Conflict, "conflict".into()));
    assert_eq!(failed(&operation, 200, r#"{"ok":false,"data":{"id":"a"}}"#), (Failure::Permanent, "not_ok".into()));
    assert_eq!(failed(&operation, 404, ""), (Failure::Transient, "not_yet".into()));
    for (status, kind, code) in [
        (400, Failure::Permanent, "refused"),
        (401, Failure::Permanent, "unauthorised"),
        (418, Failure::Permanent, "refused"),
        (429, Failure::Throttled, "throttled"),
        (500, Failure::Transient, "server_error"),
        (503, Failure::Transient, "server_error"),
        (304, Failure::Permanent, "refused"),
        (0, Failure::Transient, "server_error"),
    ] {
        assert_eq!(failed(&operation, status, "secret text"), (kind, code.to_owned()), "{status}");
    }
    let throttled = read(&operation, &response(429, "", &[("retry-after", "7")])).err().unwrap();
    assert_eq!(
        (throttled.retry_after.map(|d| d.as_secs()), throttled.not_executed, throttled.is_theirs()),
        (Some(7), true, false)
    );
    assert!(!read(&operation, &response(500, "", &[])).err().unwrap().not_executed);
}

#[test]
fn only_an_answer_that_says_no_for_good_leaves_no_doubt() {
    let operation = operation(json!({"not_executed": [429], "errors": [
        {"status": [409], "body": {"at": "error.code", "equals": "already_refunded"}, "kind": "conflict", "code": "already_refunded"},
        {"status": [451], "kind": "transient", "code": "later"},
    ]}));
    let doubtful = |status, body: &str| read(&operation, &response(status, body, &[])).err().unwrap().is_doubtful();
    for status in [400, 401, 403, 404, 405, 410, 412, 413, 415, 422, 429] {
        assert!(!doubtful(status, ""), "{status}");
    }
    // What is in progress, what somebody else began, what a proxy lost sight of, and what nobody ever heard of.
    for status in [100, 304, 406, 408, 409, 418, 423, 425, 451, 499, 500, 501, 503, 505, 600, 999] {
        assert!(doubtful(status, ""), "{status}");
    }
    assert!(!doubtful(409, r#"{"error":{"code":"already_refunded"}}"#), "the catalog knows what it means");
}

#[test]
fn failures_of_the_network_keep_the_doubt() {
    assert!(Failed::of_net(NetFailure::NeverConnected).not_executed);
    for failure in [NetFailure::SentNoReply, NetFailure::TimedOut, NetFailure::TooLarge, NetFailure::Malformed] {
        assert!(!Failed::of_net(failure).not_executed);
    }
    assert_eq!(Failed::of_net(NetFailure::TimedOut).kind, Failure::Transient);
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

#[test]
fn a_word_is_a_yes_where_nothing_of_the_answer_is_read() {
    let silent = operation(json!({"response": {}}));
    assert!(read(&silent, &response(200, "ok", &[])).is_ok());
    assert!(read(&silent, &response(200, &"<p>".repeat(50), &[])).is_err());
    assert!(read(&operation(json!({})), &response(200, "ok", &[])).is_err());
}

#[test]
fn a_record_belongs_only_to_the_party_that_it_names() {
    let operation = operation(json!({"belongs": {"param": "page", "field": "note"}}));
    let answer =
        |id: &str| read(&operation, &response(200, &format!(r#"{{"data":{{"id":{id}}}}}"#), &[])).ok().unwrap();
    let party = arguments(&[("page", "7")]);
    assert!(belongs(&operation, &party, &answer("7")) && belongs(&operation, &party, &answer("\"7\"")));
    assert!(!belongs(&operation, &party, &answer("8")) && !belongs(&operation, &Arguments::new(), &answer("7")));
    let integer = Arguments::from([(Name::new("page").unwrap(), Value::Integer(7))]);
    assert!(belongs(&operation, &integer, &answer("\"7\"")));
    let absent = Arguments::from([(Name::new("page").unwrap(), Value::Absent)]);
    assert!(!belongs(&operation, &absent, &answer("7")));
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
