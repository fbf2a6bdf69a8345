//! Traces, read by the code that OpenTelemetry generates from its own published description.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use assent_agent::store::{Entry, RunId};
use assent_agent::watch::spans::{Spans, request};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_tests::skipped;
use serde_json::{Value, json};

/// Reads a request strictly: a member that is not in the description is refused. Prints what a collector would see.
const READ: &str = "
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
given = json.load(sys.stdin)
# Ids are hex in OTLP's JSON, where protobuf's own has base64.
for scope in given['resourceSpans'][0]['scopeSpans']:
    for span in scope['spans']:
        for name in ('traceId', 'spanId', 'parentSpanId'):
            if name in span:
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
read = json_format.ParseDict(given, ExportTraceServiceRequest())
spans = [span for scope in read.resource_spans[0].scope_spans for span in scope.spans]
resource = {one.key: one.value.string_value for one in read.resource_spans[0].resource.attributes}
print(json.dumps({'resource': resource, 'spans': [{
    'trace': span.trace_id.hex(), 'span': span.span_id.hex(), 'parent': span.parent_span_id.hex(), 'name': span.name,
    'took': span.end_time_unix_nano - span.start_time_unix_nano, 'status': span.status.code,
    'attributes': {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
} for span in spans]}))
";

fn read(request: &Value) -> Option<Value> {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // A program that cannot begin closes its end; what it said tells why.
    drop(child.stdin.take().expect("a pipe").write_all(request.to_string().as_bytes()));
    let ended = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&ended.stderr);
    if said.contains("ModuleNotFoundError") {
        skipped("the Python package opentelemetry-proto is not installed (tests/setup installs it)");
        return None;
    }
    assert!(ended.status.success(), "{said}");
    Some(serde_json::from_slice(&ended.stdout).expect("JSON"))
}

#[test]
fn traces_are_what_opentelemetry_describes() {
    let mut spans = Spans::new(true);
    let run = RunId::from_bytes([7; 16]);
    let facts = [
        (
            0,
            json!({"accepted": {"client": "acme", "workflow": "refund", "plan": Digest::of_file(b"plan"), "number": 0,
            "trigger": "webhook", "event": "canary-event"}}),
        ),
        (10, json!({"intent": {"step": "pay", "attempt": 1, "operation": "shop.refund", "effect": "money"}})),
        (60, json!({"outcome": {"step": "pay", "attempt": 1, "code": "http_503", "status": 503}})),
        (90, json!({"ended": {"ending": "failed", "step": "pay", "code": "http_503"}})),
    ];
    for (at, fact) in facts {
        let fact: Entry = serde_json::from_value(fact).expect("a fact");
        spans.take(run, Wall::from_millis(1_772_445_600_000 + at), &fact);
    }
    let Some(read) = read(&request(&"eu-1".parse().expect("an id"), "1.0.0", &spans.batch())) else { return };
    let resource: BTreeMap<String, String> = serde_json::from_value(read["resource"].clone()).expect("texts");
    assert_eq!(resource["service.name"], "assent-agent");
    let all = read["spans"].as_array().expect("spans");
    let (step, whole) = (&all[0], &all[1]);
    assert_eq!((&step["name"], &whole["name"]), (&json!("pay"), &json!("acme/refund")));
    assert_eq!((&step["parent"], &whole["parent"]), (&whole["span"], &json!("")));
    assert_eq!((&step["took"], &whole["took"]), (&json!(50_000_000), &json!(90_000_000)));
    assert_eq!((&step["trace"], &step["status"]), (&json!(run.to_string()), &json!(2)));
    let attributes = &step["attributes"];
    assert_eq!(
        (&attributes["assent.operation"], &attributes["http.response.status_code"]),
        (&json!("shop.refund"), &json!(503))
    );
    assert!(!read.to_string().contains("canary"));
}
