use super::*;
use crate::store::{Accepted, Ending, Outcome, TriggerKind};

fn run() -> RunId {
    RunId::from_bytes([7; 16])
}

fn at(millis: i64) -> Wall {
    Wall::from_millis(1_000_000 + millis)
}

fn accepted() -> Entry {
    let json = json!({"client": "acme", "workflow": "refund", "plan": Digest::of_file(b"plan"), "number": 3,
        "trigger": TriggerKind::Webhook, "event": "canary-event"});
    Entry::Accepted(Box::new(serde_json::from_value::<Accepted>(json).unwrap()))
}

fn intent() -> Entry {
    let json = json!({"intent": {"step": "pay", "item": "canary-item", "attempt": 1, "operation": "shop.refund",
        "effect": "money"}});
    serde_json::from_value(json).unwrap()
}

fn outcome() -> Entry {
    Entry::Outcome(Outcome {
        step: "pay".parse().unwrap(),
        item: FactText::new("canary-item"),
        attempt: 1,
        code: "http_503".into(),
        status: Some(503),
        in_doubt: false,
        request: Some("req_1".parse().unwrap()),
        again: None,
        kept: BTreeMap::new(),
    })
}

fn ended() -> Entry {
    Entry::Ended {
        ending: Ending::Failed,
        stop: None,
        step: Some("pay".parse().unwrap()),
        code: Some("http_503".into()),
    }
}

#[test]
fn a_run_and_each_attempt_of_a_step_are_spans_of_one_trace() {
    let mut spans = Spans::new(true);
    for (when, entry) in [(0, accepted()), (5, intent()), (45, outcome()), (60, ended())] {
        spans.take(run(), at(when), &entry);
    }
    let batch = spans.batch();
    assert_eq!(batch.len(), 2);
    assert_eq!((&batch[0]["name"], &batch[1]["name"]), (&json!("pay"), &json!("acme/refund")));
    assert_eq!(batch[0]["parentSpanId"], batch[1]["spanId"]);
    assert!(batch.iter().all(|span| span["traceId"] == run().to_string()));
    assert_eq!(
        (&batch[0]["startTimeUnixNano"], &batch[0]["endTimeUnixNano"]),
        (&json!("1000005000000"), &json!("1000045000000"))
    );
    assert_eq!(batch[1]["status"]["code"], 2);
    let said = json!(batch).to_string();
    assert!(said.contains("shop.refund") && said.contains("503"));
    assert!(!said.contains("canary"), "neither events nor items are told: {said}");
    assert!(spans.batch().is_empty());
}

#[test]
fn what_nobody_takes_is_dropped_and_counted() {
    let mut spans = Spans::new(true);
    for n in 0..QUEUE_MOST + 10 {
        let run = RunId::from_bytes(u128::try_from(n).unwrap().to_be_bytes());
        spans.take(run, at(0), &accepted());
        spans.take(run, at(1), &ended());
    }
    assert_eq!((spans.queue.len(), spans.dropped, spans.going.len()), (QUEUE_MOST, 10, 0));
    assert_eq!(spans.batch().len(), BATCH_MOST);
    let mut off = Spans::new(false);
    off.take(run(), at(0), &accepted());
    off.take(run(), at(0), &ended());
    assert!(off.batch().is_empty());
}
