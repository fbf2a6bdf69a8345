//! What an API answers: fields, failures, and what leaves a doubt.

use super::*;

pub(super) fn failed(operation: &Operation, status: u16, body: &str) -> (Failure, String) {
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
        let read = crate::request::read(&operation, &response(201, body, &[]), |text| text == b"k-1");
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
    let operation = operation(json!({"not_executed": [429, 503, 504], "errors": [
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
    // A gateway that lost its server writes 503, too, and then says no time; who gave up waiting knows nothing.
    let not_executed =
        |status, headers: &[(&str, &str)]| read(&operation, &response(status, "", headers)).err().unwrap().not_executed;
    assert!(not_executed(503, &[("retry-after", "30")]));
    assert!(!not_executed(503, &[]) && !not_executed(503, &[("retry-after", "soon")]));
    assert!(!not_executed(504, &[("retry-after", "30")]), "whatever the catalog says");
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
