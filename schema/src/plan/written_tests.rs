//! Plans that are bent by one value, or by one that comes or goes: each is well formed, and each is refused for what it says.

use serde_json::{Value, json};

use super::*;

const REFUND: &str = include_str!("../../tests/fixtures/refund.plan.json");
const REPLY: &str = include_str!("../../tests/fixtures/reply.plan.json");
const TRIAGE: &str = include_str!("../../tests/fixtures/triage.plan.json");
const ORDER: &str = "/operations/shop.get_order";
const PAY: &str = "/operations/payments.refund";

/// A plan in which one place says something else; `null` takes it away.
fn bent(plan: &str, place: &str, value: Value) -> Vec<u8> {
    let mut plan: Value = serde_json::from_str(plan).expect("JSON");
    let (above, last) = place.rsplit_once('/').expect("a place");
    match plan.pointer_mut(above).unwrap_or_else(|| panic!("no {above}")) {
        Value::Object(members) if value.is_null() => drop(members.remove(last).expect(place)),
        Value::Object(members) => drop(members.insert(last.to_owned(), value)),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => *items.get_mut(last.parse::<usize>().expect("a place")).expect(place) = value,
        _ => panic!("no {place}"),
    }
    canon::to_bytes(&plan).expect("canonical")
}

fn refusal(bytes: &[u8]) -> Option<String> {
    // What the types alone refuse needs no rule.
    canon::from_bytes::<Plan>(bytes).expect("a plan by its form");
    Plan::from_bytes(bytes).err().map(|bad| bad.to_string())
}

fn as_instant(wire: &Value) -> Value {
    json!({ "at": "due", "class": "reference", "shape": { "type": "instant", "wire": wire }, "written_by": "system" })
}

fn as_money(code: &str) -> Value {
    let wire = json!({ "value": "", "currency": { "fixed": code }, "unit": "minor" });
    json!({ "at": "due", "class": "reference", "shape": { "type": "money", "wire": wire }, "written_by": "system" })
}

fn read(at: &str, path: &str) -> Value {
    json!({ "effect": "none", "encoding": "json", "method": "GET", "most_bytes": 1_024, "path": path, "record": "due",
        "params": { "id": { "at": at, "class": "reference", "place": "path", "shape": { "type": "token" } } },
        "response": {}, "scopes": [], "timeout": "10s" })
}

/// How a sender signs, with a time that may be so old.
fn signing(signed: &str, tolerance: Option<&str>) -> Value {
    let time = tolerance.map(|most| json!({ "header": "x-time", "wire": "seconds", "tolerance": most }));
    let mut hmac = json!({ "header": "x-signature", "encoding": "hex", "signed": signed });
    if let Some(time) = time {
        hmac["time"] = time;
    }
    hmac
}

fn by_hmac(hmac: &Value) -> Value {
    let mut trigger = serde_json::from_str::<Value>(REFUND).expect("JSON")["trigger"].clone();
    (trigger["dialect"], trigger["hmac"]) = (json!("hmac"), hmac.clone());
    trigger
}

#[test]
fn plans_that_the_compiler_wrote_are_read() {
    for plan in [REFUND, REPLY, TRIAGE] {
        assert_eq!(refusal(&bent(plan, "/summary", json!("As before"))), None);
    }
    // What is another workflow's to say, and what there was when the plan was made.
    for (place, value) in [
        (&*format!("{ORDER}/response/due"), as_instant(&json!({ "local": "Europe/Berlin" }))),
        (&*format!("{ORDER}/response/due"), as_instant(&json!("dotnet"))),
        (&*format!("{ORDER}/response/due"), as_money("BGN")),
        ("/limits/timeout", json!("30d")),
        ("/operations/shop.get_due", read("id", "/due/a{id}.json")),
        ("/trigger", json!({ "kind": "schedule", "cron": "0 6 * * *", "zone": "Europe/Berlin", "missed": "skip" })),
        ("/trigger", by_hmac(&signing("{time}.{body}", Some("1h")))),
        (&*format!("{ORDER}/constants"), json!({ "header:Notion-Version": "2022-06-28" })),
    ] {
        assert_eq!(refusal(&bent(REFUND, place, value.clone())), None, "{place} {value}");
    }
}

#[test]
fn what_no_source_can_say_is_no_plan() {
    let at = |below: &str| format!("{ORDER}/{below}");
    let pay = |below: &str| format!("{PAY}/{below}");
    let once = |name: &str| json!({ "name": name });
    let shown = json!({ "kind": "decide", "by": "support", "show": ["ticket.subject"], "within": "4h", "via": [] });
    let each = |max: u32, parallel: u32, steps: Value| {
        json!({ "kind": "each", "over": "ticket.body", "item": "one", "key": "one", "max": max, "parallel": parallel,
            "on_error": "stop", "steps": steps })
    };
    let stop = json!([{ "id": "inner", "action": { "kind": "stop", "outcome": "done" } }]);
    let nested = json!([{ "id": "inner", "action": each(1, 1, stop.clone()) }]);
    let text = json!({ "$text": { "default": "en", "locales": { "de": "Hallo" } } });
    let table: Vec<(&str, &str, Value, &str)> = vec![
        // Clocks, currencies, shapes.
        (REFUND, "response/due", as_instant(&json!({ "date": "client" })), "a clock that nobody has"),
        (REFUND, "response/due", as_instant(&json!({ "local": "client" })), "a clock that nobody has"),
        (REFUND, "response/due", as_money("ZZZ"), "a currency that is none"),
        (REFUND, "response/due", as_money("eur"), "a currency that is none"),
        (REFUND, "response/total/shape/wire/value", json!(""), "below its number"),
        (REFUND, "response/id/shape", json!({ "type": "text", "most_bytes": 9 }), "a fact of unbounded shape"),
        (REFUND, "response/id/shape", json!({ "type": "one_of", "values": [] }), "how many constants"),
        (REFUND, "response/id/shape", json!({ "type": "one_of", "values": ["a", "a"] }), "a constant twice"),
        (REFUND, "response/id/shape", json!({ "type": "one_of", "values": [""] }), "out of bounds"),
        (REFUND, "response/id/shape", json!({ "type": "one_of", "values": ["a"], "numbers": [1, 2] }), "other numbers"),
        (REFUND, "response/id/measure", json!(true), "a measure of nothing"),
        (REFUND, "response/id/empty", json!("absent"), "may be empty and not absent"),
        (REFUND, "response/total/prefix", json!("x-"), "a prefix and is no token"),
        (REFUND, "params/id/prefix", json!("x-"), ""),
        (
            REFUND,
            "params/id/shape",
            json!({ "type": "instant", "wire": { "date": "client" } }),
            "a clock that nobody has",
        ),
        // Operations.
        (REFUND, "path", json!("/orders"), "not that of its parameters"),
        (REFUND, "path", json!("/orders/../{id}"), "not that of its parameters"),
        (REFUND, "path", json!("//evil.example/{id}"), "not that of its parameters"),
        (REFUND, "path", json!("/orders/{id}/{id}"), "not that of its parameters"),
        (REFUND, "path", json!("/orders/{id}?all=1"), "not that of its parameters"),
        (REFUND, "most_bytes", json!(1_u64 << 40), "the answer of"),
        (REFUND, "most_bytes", json!(0), "the answer of"),
        (REFUND, "timeout", json!("2d"), "the time of"),
        (REFUND, "document", json!("{ me }"), "not that of its encoding"),
        (REFUND, "media", json!("text/html"), "called no JSON"),
        (REFUND, "constants", json!({ "header:Host": "evil.example" }), "not its to set"),
        (REFUND, "encoding", json!("graphql"), "not that of its encoding"),
        (REFUND, "params/of/place", json!("body"), "a `GET` with a body"),
        (REFUND, "params/id/optional", json!(true), "left out of the path"),
        (REFUND, "belongs", Value::Null, "it goes nowhere"),
        (REFUND, "belongs/param", json!("nobody"), "it goes nowhere"),
        (REFUND, "errors/0/status", json!([99]), "fails with no status"),
        (REFUND, "errors/0/status", json!([]), "always fails"),
        (REFUND, "not_executed", json!([200]), "says yes where nothing ran"),
        (REFUND, "retry", json!({ "attempts": 0, "first": "1s", "most": "1s" }), "makes no attempt"),
        (REFUND, "rate", json!({ "requests": 0, "per": "1s" }), "the `rate`"),
        (REFUND, "finds", json!(true), "confirms, parks or repeats no effect"),
    ];
    let mut all: Vec<(&str, String, Value, &str)> =
        table.into_iter().map(|(plan, below, value, why)| (plan, at(below), value, why)).collect();
    let own: Vec<(&str, String, Value, &str)> = vec![
        (REFUND, pay("params/amount/shape"), json!({ "type": "token" }), "an amount of nothing"),
        (REFUND, pay("params/account/place"), json!("none"), "it goes nowhere"),
        (
            REFUND,
            pay("params/account"),
            json!({ "at": "Authorization", "class": "reference", "place": "header",
            "shape": { "type": "token" } }),
            "not its to set",
        ),
        (REFUND, pay("idempotency/at"), json!("Authorization"), "goes where none can be"),
        (REFUND, pay("idempotency/place"), json!("path"), "goes where none can be"),
        (REFUND, pay("idempotency/lives"), json!("1000d"), "how long the key"),
        (REFUND, pay("reread"), json!(true), "reads and has an effect"),
        (
            REFUND,
            pay("confirm"),
            json!({ "operation": "refund", "with": {}, "field": "id", "settles": "1s" }),
            "no read",
        ),
        (REFUND, pay("confirm"), json!({ "operation": "gone", "with": {}, "field": "id", "settles": "1s" }), "no read"),
        (REFUND, "/operations/ghost.get".into(), read("id", "/{id}"), "which it does not name"),
        (REFUND, "/operations/assistant.get".into(), read("id", "/{id}"), "which it does not name"),
        // Steps.
        (REFUND, "/steps/0/action/retry/attempts".into(), json!(0), "makes no attempt"),
        (REFUND, "/steps/0/action/retry/most".into(), json!("2d"), "the delay of"),
        (REFUND, "/steps/0/action/cache".into(), json!("24h"), "its `cache`"),
        (REFUND, "/steps/4/action/cache".into(), json!("1h"), "of an effect"),
        (REFUND, "/steps/0/action/operation".into(), json!("shop.get_secret"), "an operation that is not there"),
        (REFUND, "/steps/1/action/connection".into(), json!("helpdesk"), "a provider that the plan does not name"),
        (REFUND, "/steps/1/action/answer".into(), json!({}), "its answer is none"),
        (REFUND, "/steps/1/action/answer/ended".into(), json!({ "boolean": {} }), "its answer is none"),
        (REFUND, "/steps/1/action/answer/intent/one_of".into(), json!(["refund"]), "how many constants"),
        (REFUND, "/steps/1/action/answer/confidence/number/least".into(), json!("1"), "between nothing"),
        (REFUND, "/steps/1/action/answer/confidence/number/most".into(), json!("1e9"), "between nothing"),
        (REFUND, "/steps/1/action/limit/tokens".into(), json!(4_000_000), "`tokens`"),
        (REFUND, "/steps/1/action/limit/tries".into(), json!(0), "`tries`"),
        (
            REFUND,
            "/steps/1/action/limit/spend".into(),
            json!({ "most": 9, "currency": "ZZZ", "input": 1, "output": 1 }),
            "a currency that is none",
        ),
        (REPLY, "/steps/3/action/sources".into(), Value::Null, "cites and is given nothing"),
        (REPLY, "/steps/3/action/answer/text/text/most_bytes".into(), json!(1 << 30), "the size of"),
        (REFUND, "/steps/3/action/within".into(), json!("400d"), "its `within`"),
        (REFUND, "/steps/3/action/within".into(), json!("1s"), "its `within`"),
        (REFUND, "/steps/3/action".into(), shown, "it asks nobody"),
        (REFUND, "/steps/3/action/via".into(), json!([{ "slack": "chat" }]), "a chat that is not there"),
        (
            REFUND,
            "/steps/3/action/via".into(),
            json!([{ "helpdesk": { "connection": "helpdesk", "on": "ticket.id" } }]),
            "a chat that is not there",
        ),
        (REFUND, "/steps/0/action".into(), each(0, 1, stop.clone()), "its `max`"),
        (REFUND, "/steps/0/action".into(), each(1_000_000, 1, stop.clone()), "its `max`"),
        (REFUND, "/steps/0/action".into(), each(9, 0, stop), "its `parallel`"),
        (REFUND, "/steps/0/action".into(), each(9, 1, json!([])), "does nothing"),
        (REFUND, "/steps/0/action".into(), each(9, 1, nested), "an `each` inside an `each`"),
        (REFUND, "/steps/0/action".into(), json!({ "kind": "wait", "until": { "for": "400d" } }), "its time"),
        (REFUND, "/steps/0/action/with/id".into(), text, "no default locale"),
        (REFUND, "/steps".into(), json!([]), "0 steps"),
        // What bounds it, what starts it, what is counted, where it goes.
        (REFUND, "/limits/timeout".into(), json!("31d"), "`limits.timeout`"),
        (REFUND, "/limits/concurrency".into(), json!(0), "`limits.concurrency`"),
        (REFUND, "/limits/one_at_a_time".into(), Value::Null, "by a key that it does not name"),
        (REFUND, "/limits/per_key_per_day".into(), json!(0), "`limits.per_key_per_day`"),
        (REFUND, "/limits/debounce".into(), json!("2d"), "`limits.debounce`"),
        (REFUND, "/limits/debounce_most".into(), json!("1h"), "bounds nothing"),
        (REFUND, "/trigger/connection".into(), json!("ghost"), "which it does not name"),
        (REFUND, "/trigger/dialect".into(), json!("token"), "not that of its dialect"),
        (REFUND, "/trigger/header".into(), json!("X-Secret"), "not that of its dialect"),
        (REFUND, "/trigger/dialect".into(), json!("hmac"), "not for its dialect to say"),
        (REFUND, "/trigger/hmac".into(), signing("{body}", None), "not for its dialect to say"),
        (REFUND, "/trigger".into(), by_hmac(&signing("{time}{body}", None)), "signed and nowhere"),
        (REFUND, "/trigger".into(), by_hmac(&signing("{body}", Some("5m"))), "signed and nowhere"),
        (REFUND, "/trigger".into(), by_hmac(&signing("{time}{body}", Some("3650d"))), "how old the trigger may be"),
        (REFUND, "/trigger/once".into(), json!("other"), "a field that it does not take"),
        (REFUND, "/trigger/once".into(), json!([]), "a field that it does not take"),
        (REFUND, "/trigger/only".into(), json!({ "other": "x" }), "a field that it does not take"),
        (
            REFUND,
            "/trigger/fields/ticket_id/shape".into(),
            json!({ "type": "text", "most_bytes": 9 }),
            "unbounded shape",
        ),
        (
            REFUND,
            "/trigger".into(),
            json!({ "kind": "schedule", "cron": "@daily", "zone": "UTC", "missed": "skip" }),
            "no crontab line",
        ),
        (
            REFUND,
            "/trigger".into(),
            json!({ "kind": "schedule", "cron": "0 6 * * *", "zone": "client", "missed": "skip" }),
            "zone is none",
        ),
        (
            REFUND,
            "/trigger".into(),
            json!({ "kind": "manual", "fields": { "who": { "at": "who", "class": "personal",
            "shape": { "type": "token" }, "written_by": "system" } } }),
            "something else than facts",
        ),
        (REFUND, "/kpis/-".into(), once("refunds"), "is there twice"),
        (REFUND, "/fallback/open".into(), json!("https://acme.example/\u{202e}moc.live"), "hides something"),
        (REFUND, "/summary".into(), json!("Refunds\u{202e}sdnufer"), "hides something"),
        (REFUND, "/purpose".into(), json!("train_ai_system"), "no purpose"),
        (REFUND, "/purpose".into(), json!("essential.service.made.up"), "no purpose"),
    ];
    all.extend(own);
    let mut wrong = Vec::new();
    for (plan, place, value, why) in all {
        let said = refusal(&bent(plan, &place, value.clone()));
        let fits = if why.is_empty() { said.is_none() } else { said.as_ref().is_some_and(|said| said.contains(why)) };
        if !fits {
            wrong.push(format!("{place} {value}: {said:?}, not {why:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_that_the_trigger_reads_is_an_operation_of_the_plan() {
    let poll = |read: &str, every: &str, since: &str| {
        json!({ "kind": "poll", "record": "order", "fields": {}, "poll": { "read": read, "every": every, "lag": "5m",
            "items": "total", "order": "at", "id": "id", "since": since } })
    };
    for (trigger, why) in [
        (poll("shop.get_order", "1m", "id"), None),
        (poll("shop.get_order", "1m", "from"), Some("no list that the trigger can read")),
        (poll("payments.refund", "1m", "payment"), Some("no list that the trigger can read")),
        (poll("shop.get_order", "1s", "id"), Some("how often")),
    ] {
        let said = refusal(&bent(REFUND, "/trigger", trigger.clone()));
        assert_eq!(said.is_some(), why.is_some(), "{trigger}: {said:?}");
        assert!(why.is_none_or(|why| said.is_some_and(|said| said.contains(why))), "{trigger}");
    }
}
