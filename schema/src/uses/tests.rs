//! What is derived, and what covers it.

mod covering;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::client::ClientFacts;
use crate::flow::analyse;
use crate::plan::{Place, Plan};

fn acme() -> ClientFacts {
    serde_json::from_str(include_str!("../../tests/fixtures/acme.client.json")).expect("a client")
}

fn refund() -> Plan {
    serde_json::from_str(include_str!("../../tests/fixtures/refund.plan.json")).expect("a plan")
}

fn uses_of(plan: &Plan, client: &ClientFacts) -> Vec<DataUse> {
    derive(plan, client, &analyse(plan).expect("flows"))
}

fn of_kind(uses: &[DataUse], kind: UseKind) -> Vec<&DataUse> {
    uses.iter().filter(|one| one.kind == kind).collect()
}

fn fields(data_use: &DataUse) -> Vec<&str> {
    data_use.fields.keys().map(String::as_str).collect()
}

/// The refund's effect, with a part changed at a JSON pointer.
fn changed(data_use: &DataUse, pointer: &str, value: Value) -> DataUse {
    let mut json = serde_json::to_value(data_use).expect("json");
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = json.pointer_mut(parent).expect(pointer);
    match value {
        Value::Null => drop(parent.as_object_mut().expect("an object").remove(key)),
        value => parent[key] = value,
    }
    serde_json::from_value(json).expect("a data use")
}

/// What a plan or a client needs can be signed as it is derived.
#[test]
fn what_is_derived_is_whole() {
    for text in [
        include_str!("../../tests/fixtures/refund.plan.json"),
        include_str!("../../tests/fixtures/reply.plan.json"),
        include_str!("../../tests/fixtures/triage.plan.json"),
    ] {
        let uses = uses_of(&serde_json::from_str(text).expect("a plan"), &acme());
        for one in uses.iter().chain(&derive_client(&acme())) {
            assert_eq!(one.lacks(), None, "{one:?}");
        }
    }
}

#[test]
fn a_message_without_a_persons_yes_is_a_use_of_its_own() {
    let text = include_str!("../../tests/fixtures/reply.plan.json");
    let agreed = uses_of(&serde_json::from_str(text).expect("a plan"), &acme());
    let alone = text.replace("\"agree.approved\"", "\"has(keep)\"");
    let alone = uses_of(&serde_json::from_str(&alone).expect("a plan"), &acme());
    let message = |uses: &[DataUse]| {
        let found = uses.iter().find(|one| one.effect == Some(Effect::Message)).cloned();
        found.expect("a message")
    };
    assert!(!message(&agreed).unattended && message(&alone).unattended);
    assert!(!covers(&message(&agreed), &message(&alone)));
    assert!(covers(&message(&alone), &message(&alone)));
}

#[test]
fn that_a_model_may_decide_is_said_or_not_so() {
    let uses = uses_of(&refund(), &acme());
    let [effect] = of_kind(&uses, UseKind::Effect)[..] else { panic!("one effect") };
    let up_to = |most: i64| changed(effect, "/guardrail/model_up_to", json!(most));
    assert!(covers(&up_to(2000), effect) && covers(&up_to(2000), &up_to(1000)));
    assert!(!covers(effect, &up_to(1)) && !covers(&up_to(1000), &up_to(2000)));
    assert!(!covers(&changed(effect, "/guardrail", Value::Null), &up_to(1)));
}

#[test]
fn the_refund_uses_what_the_formats_page_says() {
    let uses = uses_of(&refund(), &acme());
    let [ask] = of_kind(&uses, UseKind::Ask)[..] else { panic!("one ask") };
    assert_eq!(fields(ask), ["ticket.body"]);
    assert_eq!(ask.operation.as_ref().map(ToString::to_string).as_deref(), Some("assistant.ask"));
    assert_eq!((ask.effect, ask.retention.as_deref()), (Some(Effect::None), Some("none")));
    assert!(ask.agreement.as_ref().is_some_and(|agreement| agreement.forbids_training));
    let [effect] = of_kind(&uses, UseKind::Effect)[..] else { panic!("one effect") };
    assert_eq!(fields(effect), ["order.id", "order.payment", "order.total"]);
    assert_eq!(effect.guardrail.as_ref().and_then(|limit| limit.per_call), Some(10_000));
    let mut shown: Vec<_> = of_kind(&uses, UseKind::Show).into_iter().map(fields).collect();
    shown.sort();
    assert_eq!(shown, [vec!["order.id", "order.payment", "order.total"], vec!["ticket.subject"]]);
    let [release] = of_kind(&uses, UseKind::Release)[..] else { panic!("one release") };
    assert_eq!((release.bits, release.releases.len()), (Some(10), 4));
    let sent: Vec<_> = of_kind(&uses, UseKind::Read).into_iter().filter(|one| one.gives()).map(fields).collect();
    assert_eq!(sent, [vec!["ticket.order_id"]], "what is only compared is never sent");
}

#[test]
fn a_party_that_is_sent_is_a_use() {
    let mut plan = refund();
    let order = plan.operations.get_mut(&"shop.get_order".parse().unwrap()).unwrap();
    Arc::make_mut(order).params.get_mut("of").unwrap().place = Place::Query;
    let uses = uses_of(&plan, &acme());
    let reads = of_kind(&uses, UseKind::Read).into_iter().filter(|one| one.gives());
    assert_eq!(reads.map(fields).collect::<Vec<_>>(), [vec!["ticket.order_id", "ticket.requester"]]);
}

#[test]
fn uses_are_sorted_and_each_stands_once() {
    for uses in [uses_of(&refund(), &acme()), derive_client(&acme())] {
        let mut sorted = uses.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(uses, sorted);
    }
}

#[test]
fn guardrails_and_what_the_client_bears_are_uses_of_the_client() {
    let uses = derive_client(&acme());
    let [kept, limit] = &uses[..] else { panic!("two uses") };
    assert_eq!(limit.guardrail.as_ref().and_then(|limit| limit.per_day_count), Some(50));
    assert_eq!((kept.retention.as_deref(), kept.stale_limit), (Some("180d"), Some(Period::days(3))));
    let longer = DataUse { stale_limit: Some(Period::days(4)), ..kept.clone() };
    assert!(covers(&longer, kept) && !covers(kept, &longer));
}

#[test]
fn who_decides_and_what_is_asked_for_are_uses() {
    let uses = uses_of(&refund(), &acme());
    let own = |has: fn(&DataUse) -> bool| {
        let found: Vec<_> = of_kind(&uses, UseKind::Guardrail).into_iter().filter(|one| has(one)).cloned().collect();
        let [one] = &found[..] else { panic!("one use") };
        one.clone()
    };
    let (decide, ask) = (own(|one| !one.deciders.is_empty()), own(|one| !one.requests.is_empty()));
    assert_eq!(decide.deciders.keys().map(ToString::to_string).collect::<Vec<_>>(), ["lena", "tom"]);
    let fewer = changed(&decide, "/deciders/tom", Value::Null);
    assert!(covers(&decide, &fewer) && !covers(&fewer, &decide));
    let known_otherwise = changed(&decide, "/deciders/tom", json!(["chat:U1"]));
    assert!(!covers(&decide, &known_otherwise) && !covers(&known_otherwise, &decide));

    let operations: Vec<_> = refund().operations.keys().cloned().collect();
    assert_eq!(ask.requests.keys().cloned().collect::<Vec<_>>(), operations);
    let fewer = changed(&ask, "/requests/payments.refund", Value::Null);
    assert!(covers(&ask, &fewer) && !covers(&fewer, &ask));
    let elsewhere = changed(&ask, "/requests/payments.refund/path", json!("/payments/0/refunds"));
    assert!(!covers(&ask, &elsewhere) && !covers(&elsewhere, &ask));

    // Of an answer less may be read, and nothing from elsewhere.
    let fewer = changed(&ask, "/requests/shop.get_order/answers/total", Value::Null);
    assert!(covers(&ask, &fewer) && !covers(&fewer, &ask));
    let from_elsewhere = changed(&ask, "/requests/shop.get_order/answers/total", json!("grand_total"));
    assert!(!covers(&ask, &from_elsewhere) && !covers(&from_elsewhere, &ask));

    // So it is with events, of which nothing else may be taken and which nobody else may send.
    let fewer = changed(&ask, "/events", Value::Null);
    assert!(covers(&ask, &fewer) && !covers(&fewer, &ask));
    let from_elsewhere = changed(&ask, "/events/helpdesk.ticket.created/fields/ticket_id", json!("data.phone"));
    assert!(!covers(&ask, &from_elsewhere) && !covers(&from_elsewhere, &ask));

    // A group in which nobody is lets nobody decide, and says so.
    let mut client = acme();
    client.deciders.clear();
    let nobody = uses_of(&refund(), &client);
    assert!(nobody.iter().any(|one| one.kind == UseKind::Guardrail && one.deciders.is_empty() && one.to.is_some()));
}

/// The use in which everything stands that the catalog says for a workflow.
fn of_catalog(plan: &Plan) -> DataUse {
    let found = uses_of(plan, &acme());
    found.into_iter().find(|one| !one.requests.is_empty() || !one.events.is_empty()).expect("such a use")
}

#[test]
fn how_an_event_is_known_and_who_writes_its_fields_is_signed() {
    let before = of_catalog(&refund());
    let with = |at: &str, value: Value| {
        let mut plan = serde_json::to_value(refund()).expect("json");
        *plan.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = value;
        of_catalog(&serde_json::from_value(plan).expect("a plan"))
    };
    for (at, value) in [
        ("/trigger/fields/ticket_id/at", json!("data.phone")),
        ("/trigger/fields/ticket_id/written_by", json!("anyone")),
        ("/trigger/dialect", json!("shopify")),
        ("/trigger/matches", json!({ "type": "contact.created" })),
        ("/operations/shop.get_order/response/id/written_by", json!("anyone")),
    ] {
        let after = with(at, value);
        assert!(!covers(&before, &after) && !covers(&after, &before), "{at}");
    }
}

/// A wider `match` begins more runs: data of more people goes where fewer people's did.
#[test]
fn which_events_begin_a_run_is_signed_and_fewer_need_no_new_signature() {
    let only = |only: Value| {
        let mut plan = serde_json::to_value(refund()).expect("json");
        plan["trigger"]["only"] = only;
        of_catalog(&serde_json::from_value(plan).expect("a plan"))
    };
    let (every, one) = (of_catalog(&refund()), only(json!({ "ticket_id": "7" })));
    let (other, both) = (only(json!({ "ticket_id": "8" })), only(json!({ "kind": "refund", "ticket_id": "7" })));
    assert!(covers(&every, &one) && covers(&one, &both) && covers(&every, &both));
    assert!(!covers(&one, &every) && !covers(&both, &one) && !covers(&one, &other) && !covers(&other, &one));
    // What was only waited for begins no run.
    let waited = changed(&every, "/events/helpdesk.ticket.created/starts", Value::Null);
    assert!(covers(&every, &waited) && covers(&one, &waited) && !covers(&waited, &one) && !covers(&waited, &every));
    // A place where it is waited for takes nothing away from what was signed of where it begins runs.
    let name = "helpdesk.ticket.created";
    let (mut joined, there) = (waited.events[name].clone(), one.events[name].clone());
    joined.join(there.clone());
    let mut turned = there;
    turned.join(waited.events[name].clone());
    assert_eq!((&joined, joined.starts.as_ref()), (&turned, one.events[name].starts.as_ref()));
}

#[test]
fn what_a_workflow_writes_itself_where_it_sends_or_pays_is_signed() {
    let effect = |change: &dyn Fn(&mut Value)| {
        let mut plan = serde_json::to_value(refund()).expect("json");
        change(plan.as_object_mut().map(|plan| &mut plan["steps"]).expect("steps"));
        let uses = uses_of(&serde_json::from_value(plan).expect("a plan"), &acme());
        uses.into_iter().find(|one| one.effect == Some(Effect::Money)).expect("a payment")
    };
    let pay = |steps: &mut Value, name: &str, value: Value| {
        let step = steps.as_array_mut().and_then(|steps| steps.iter_mut().find(|step| step["id"] == "pay"));
        step.expect("the step")["action"]["with"][name] = value;
    };
    let before = effect(&|_| {});
    let written = |one: &DataUse, param: &str| -> Vec<String> {
        one.puts.get(param).map(|put| put.constants.iter().cloned().collect()).unwrap_or_default()
    };
    assert_eq!(
        (written(&before, "account"), written(&before, "payment")),
        (vec!["AcmeOutdoorEU".to_owned()], Vec::new())
    );
    let fixed = effect(&|steps| pay(steps, "payment", json!("p-666")));
    assert_eq!(written(&fixed, "payment"), ["p-666"]);
    assert!(!covers(&before, &fixed) && !covers(&fixed, &before));
    let other = effect(&|steps| pay(steps, "payment", json!("p-667")));
    assert!(!covers(&other, &fixed));
    let dear = effect(&|steps| pay(steps, "amount", json!("${money(90000, 'EUR')}")));
    assert_eq!(written(&dear, "amount"), ["money(90000, 'EUR')"]);

    // Which field goes where.
    let crossed = effect(&|steps| {
        pay(steps, "payment", json!("${order.id}"));
        pay(steps, "reference", json!("${order.payment}"));
    });
    assert!(crossed.fields == before.fields && !covers(&before, &crossed) && !covers(&crossed, &before));

    // By a way round: a value that was set, a choice, and a record that was found by a constant.
    let set = |template: &str| json!({ "id": "aside", "action": { "kind": "set", "values": { "to": template } } });
    let aside = effect(&|steps| {
        steps.as_array_mut().expect("steps").insert(0, set("p-668"));
        pay(steps, "payment", json!("${aside.to}"));
    });
    assert_eq!(written(&aside, "payment"), ["p-668"]);
    let chosen = effect(&|steps| pay(steps, "payment", json!("${order.id == 'paid' ? order.payment : 'p-669'}")));
    assert_eq!(written(&chosen, "payment"), ["p-669", "paid"]);
    let found = effect(&|steps| {
        let order = steps.as_array_mut().and_then(|steps| steps.iter_mut().find(|step| step["id"] == "order"));
        order.expect("the step")["action"]["with"]["id"] = json!("42");
    });
    assert_eq!(written(&found, "payment"), ["42"]);
}

#[test]
fn every_fact_of_an_operation_but_its_pace_is_signed() {
    let (name, operation) = refund().operations.into_iter().next().expect("an operation");
    let before = std::cell::RefCell::new(AskedBefore::default());
    let digest = |value: Value| {
        let operation: Operation = serde_json::from_value(value).expect("an operation");
        let digest = RequestUse::of(&operation).expect("a digest").digest;
        assert_eq!(
            before.borrow_mut().digest(&name, &operation.into()),
            Ok(digest),
            "what was asked before changes nothing"
        );
        digest
    };
    let facts = serde_json::to_value(&*operation).expect("json");
    let with = |member: &str, value: Value| {
        let mut facts = facts.clone();
        facts[member] = value;
        digest(facts)
    };
    let same = digest(facts.clone());
    for (member, value) in [
        ("response", json!({})),
        ("most_bytes", json!(7)),
        ("timeout", json!("7s")),
        ("retry", json!({"attempts": 7, "first": "1s", "most": "1s"})),
        ("rate", json!({"requests": 7, "per": "1s"})),
    ] {
        assert_eq!(with(member, value), same, "{member}");
    }
    for (member, value) in [
        ("method", json!("DELETE")),
        ("path", json!("/elsewhere")),
        ("encoding", json!("form")),
        ("document", json!("{ all }")),
        ("media", json!("application/vnd.api+json")),
        ("params", json!({})),
        ("constants", json!({"to": "me"})),
        ("not_executed", json!([418])),
        ("idempotency", json!({"place": "header", "at": "X", "lives": "1d"})),
        ("record", json!("other")),
        ("reread", json!(facts["reread"] != json!(true))),
    ] {
        assert_ne!(with(member, value), same, "{member}");
    }
}

/// Who signs reads what is sent each time; where it is another, the use is another, whatever the digest says.
#[test]
fn what_is_sent_each_time_is_signed_in_words() {
    let mut facts = serde_json::to_value(&**refund().operations.values().next().expect("an operation")).expect("json");
    facts["constants"] = json!({"to": "me", "silent": true});
    facts["document"] = json!("{ all }");
    facts["media"] = json!("application/vnd.api+json");
    let operation: Operation = serde_json::from_value(facts).expect("an operation");
    let asked = RequestUse::of(&operation).expect("a request");
    let written = serde_json::to_value(&asked).expect("json");
    assert_eq!(written["constants"], json!({"to": "me", "silent": true}));
    assert_eq!(written["document"], json!("{ all }"));
    let used = |request: &Value| -> DataUse {
        let used = json!({"kind": "guardrail", "workflow": "refund", "requests": {"shop.get_order": request}});
        serde_json::from_value(used).expect("a use")
    };
    assert!(covers(&used(&written), &used(&written)));
    assert_eq!(written["media"], json!("application/vnd.api+json"));
    for (member, value) in [
        ("constants", json!({"to": "you", "silent": true})),
        ("document", json!("{ some }")),
        ("media", json!("application/json")),
        ("unsent", json!("amount")),
    ] {
        let mut told = written.clone();
        told[member] = value;
        assert!(!covers(&used(&told), &used(&written)), "{member}");
    }
}

/// What is cut off before a token, and what counts as nothing, decides which record it is and whether a condition holds.
#[test]
fn how_a_token_is_read_is_signed() {
    let mut facts = serde_json::to_value(&**refund().operations.values().next().expect("an operation")).expect("json");
    let mut answers = |more: Value| {
        let mut field = json!({"at": "gid", "class": "reference", "written_by": "system", "shape": {"type": "token"}});
        field.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        facts["response"] = json!({"id": field});
        let operation: Operation = serde_json::from_value(facts.clone()).expect("an operation");
        let asked = RequestUse::of(&operation).expect("a request");
        asked.answers.values().next().expect("a field").clone()
    };
    assert_eq!(answers(json!({})), "gid by system");
    assert_eq!(answers(json!({"prefix": "gid://shop/Order/"})), "gid behind gid://shop/Order/ by system");
    assert_eq!(answers(json!({"empty": "absent", "optional": true})), "gid empty absent by system");
}

/// How an API counts decides how much money a number is: as it goes out, as it comes in, and in events.
#[test]
fn the_decimals_of_amounts_are_signed() {
    let mut facts = serde_json::to_value(&**refund().operations.values().next().expect("an operation")).expect("json");
    let wire = |units: &Value| {
        let mut wire = json!({"value": "value", "currency": {"at": "currency"}, "unit": "minor"});
        wire.as_object_mut().expect("an object").extend(units.as_object().expect("an object").clone());
        json!({"type": "money", "wire": wire})
    };
    let mut of = |sent: Value, read: Value| {
        facts["params"] = json!({"sum": {"place": "body", "at": "sum", "class": "reference", "shape": wire(&sent)}});
        let field = json!({"at": "sum", "class": "reference", "written_by": "system", "shape": wire(&read)});
        facts["response"] = json!({"sum": field});
        let operation: Operation = serde_json::from_value(facts.clone()).expect("an operation");
        let asked = RequestUse::of(&operation).expect("a request");
        let event = json!({"connection": "pay", "event": "paid", "dialect": "stripe", "matches": {"a": "b"},
            "record": "payment", "fields": {"sum": field}});
        let heard = EventUse::of_event(&serde_json::from_value(event).expect("an event")).expect("an event").1;
        (asked.digest, asked.answers, heard)
    };
    let (isk, plain) = (json!({"minor_units": {"ISK": 2}}), json!({}));
    let (before, sent, read) = (of(plain.clone(), plain.clone()), of(isk.clone(), plain.clone()), of(plain, isk));
    assert_ne!(before.0, sent.0);
    assert_eq!((&before.1, before.0), (&sent.1, read.0));
    assert_ne!(before.1, read.1);
    assert!(read.1.values().any(|at| at.contains(r#""minor_units":{"ISK":2}"#)), "in words that can be read");
    assert!(!before.2.covers(&read.2) && !read.2.covers(&before.2) && before.2.covers(&sent.2));
}

/// What is signed is the operation's own JSON, less the members that say how fast and what comes back.
#[test]
fn the_digest_of_a_request_is_that_of_the_operation_without_its_pace() {
    let mut operations: Vec<Value> =
        refund().operations.values().map(|operation| serde_json::to_value(&**operation).expect("json")).collect();
    let mut full = operations.first().expect("an operation").clone();
    for (member, value) in [
        ("document", json!("{ all }")),
        ("media", json!("application/vnd.api+json")),
        ("constants", json!({"to": "me"})),
        ("not_executed", json!([418])),
        ("idempotency", json!({"place": "header", "at": "X", "lives": "1d"})),
        ("retry", json!({"attempts": 7, "first": "1s", "most": "1s"})),
        ("rate", json!({"requests": 7, "per": "1s"})),
        ("reread", json!(true)),
    ] {
        full[member] = value;
    }
    operations.push(full);
    for mut facts in operations {
        let operation: Operation = serde_json::from_value(facts.clone()).expect("an operation");
        let members = facts.as_object_mut().expect("an object");
        members.retain(|member, _| !["most_bytes", "timeout", "retry", "rate", "response"].contains(&member.as_str()));
        let bytes = canon::to_bytes(&facts).expect("canonical JSON");
        assert_eq!(RequestUse::of(&operation).expect("a use").digest, Digest::tagged("assent-operation/v1", &bytes));
    }
}

/// Each fact that a client signs for besides its uses changes what it signed.
#[test]
fn what_else_holds_for_a_client_is_part_of_what_it_signs() {
    let terms = |facts: &ClientFacts| {
        let own: Vec<DataUse> = derive_client(facts).into_iter().filter(|used| used.stale_limit.is_some()).collect();
        assert_eq!(own.len(), 1);
        own.into_iter().flat_map(|used| used.terms).collect::<Vec<_>>()
    };
    let mut facts = acme();
    facts.routes = serde_json::from_value(json!([{"carries": "alerts", "via": "smtp", "endpoint": "ops",
        "urls": ["smtps://mail.example"], "mail": {"from": "a@harbor.example", "to": ["b@acme.example"]}}]))
    .unwrap();
    facts.guardrails = serde_json::from_value(json!([
        {"operation": "shop.refund", "currency": "EUR", "per_call": 1, "by": "leads",
            "per_customer": {"param": "customer", "per_day_count": 1}},
        {"operation": "shop.refund", "per_day_count": 1, "by": "leads"},
        {"operation": "shop.refund", "per_day_count": 2, "by": "leads"},
    ]))
    .unwrap();
    facts.ledger = serde_json::from_value(json!({"production": {
        "branch": {"repository": "https://git.acme.example/x.git", "name": "acme", "ca": "PEM", "region": "eu"},
        "witnesses": [{"url": "https://w.example", "key": "w+1+AA", "region": "eu"}]}}))
    .unwrap();
    let said = terms(&facts);
    for line in [
        "alerts: ops, by smtp, to smtps://mail.example, from a@harbor.example to b@acme.example",
        "limit on shop.refund: of EUR, by customer as in `customer`",
        "limit on shop.refund: of calls, 2 of them",
        "audit log in production: cosigned at https://w.example, region eu, by w+1+AA",
        "time zone: Europe/Berlin",
    ] {
        assert!(said.iter().any(|one| one == line), "{line} is not among {said:#?}");
    }
    let held = said.iter().find(|line| line.contains("held at https://git.acme.example/x.git, branch acme")).unwrap();
    assert!(held.contains("certified by"), "{held}");
    // Higher or lower, the limit is told by a use of its own.
    facts.guardrails[0].per_call = Some(2);
    assert_eq!(terms(&facts), said);
}
