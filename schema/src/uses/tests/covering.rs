//! What covers what: approved uses, and those that are needed.

use super::*;

#[test]
fn each_use_covers_itself_and_no_other() {
    let uses = uses_of(&refund(), &acme());
    for (i, given) in uses.iter().enumerate() {
        for (j, needed) in uses.iter().enumerate() {
            assert_eq!(covers(given, needed), i == j, "{i} {j}");
        }
    }
    assert!(uncovered(&uses, &uses).is_empty());
    assert_eq!(uncovered(&uses, &[]).len(), uses.len());
}

#[test]
fn what_is_approved_may_be_wider_in_these_ways_alone() {
    let uses = uses_of(&refund(), &acme());
    let [effect] = of_kind(&uses, UseKind::Effect)[..] else { panic!("one effect") };
    let [ask] = of_kind(&uses, UseKind::Ask)[..] else { panic!("one ask") };
    let [release] = of_kind(&uses, UseKind::Release)[..] else { panic!("one release") };
    let mut limited = effect.clone();
    for (limit, most) in
        [("per_customer_per_day", 500), ("per_workflow_per_day", 900), ("per_workflow_per_day_count", 7)]
    {
        limited = changed(&limited, &format!("/guardrail/{limit}"), json!(most));
    }
    for (of, pointer, value) in [
        (effect, "/fields/order.total", json!("content")),
        (effect, "/fields/order.note", json!("personal")),
        (effect, "/scopes", json!(["orders:write", "payments:write", "refunds:write", "x"])),
        (effect, "/guardrail/per_call", json!(10_001)),
        (effect, "/guardrail/per_call", json!(null)),
        (&limited, "/guardrail/per_customer_per_day", json!(501)),
        (&limited, "/guardrail/per_workflow_per_day", json!(null)),
        (&limited, "/guardrail/per_workflow_per_day_count", json!(8)),
        (effect, "/guardrail", json!(null)),
        (effect, "/retention", json!("1d")),
        (ask, "/agreement/until", json!("2028-01-01T00:00:00Z")),
        (release, "/bits", json!(11)),
        (
            release,
            "/releases",
            json!([
                "a",
                "intent.intent: one_of 3 (refund, shipping, other)",
                "intent: by which failure it was not answered",
                "intent: how it ended in 2 tries",
                "order: intent.confidence >= 0.8"
            ]),
        ),
    ] {
        let mut wider = changed(of, pointer, value);
        wider.scopes =
            wider.scopes.map(|scopes| scopes.into_iter().chain(of.scopes.clone().unwrap_or_default()).collect());
        assert!(covers(&wider, of), "{pointer}");
        assert!(!covers(of, &wider), "{pointer}");
    }
    for (of, pointer, value) in [
        (effect, "/workflow", json!("other")),
        (effect, "/purpose", json!("essential.service")),
        (effect, "/to/host", json!("evil.example")),
        (effect, "/to/region", json!("us")),
        (effect, "/to/sandbox_hosts", json!(["evil.example"])),
        (effect, "/operation", json!("payments.refund_all")),
        (effect, "/effect", json!("write")),
        (effect, "/guardrail/currency", json!("USD")),
        (effect, "/from/region", json!("us")),
        (ask, "/provider", json!("other-ai")),
        (ask, "/agreement/name", json!("other")),
        (ask, "/agreement/forbids_training", json!(false)),
        (ask, "/agreement", json!(null)),
        (ask, "/retention", json!("a while")),
    ] {
        let other = changed(of, pointer, value);
        assert!(!covers(&other, of) && !covers(of, &other), "{pointer}");
    }
}

#[test]
fn a_class_that_the_catalog_lowers_is_a_new_use() {
    let uses = uses_of(&refund(), &acme());
    let reads = of_kind(&uses, UseKind::Read);
    let read = reads.iter().find(|read| read.fields.values().any(|class| *class == Class::Content)).expect("a read");
    let path = read.fields.iter().find(|(_, class)| **class == Class::Content).map(|(path, _)| path.clone());
    let lowered = changed(read, &format!("/fields/{}", path.expect("a path")), json!("reference"));
    assert!(!covers(read, &lowered) && !covers(&lowered, read));
    // A field that nobody reads any more is none.
    let mut fewer = (*read).clone();
    fewer.fields.pop_first();
    assert!(covers(read, &fewer));
}

#[test]
fn parts_of_two_never_add_up() {
    let uses = uses_of(&refund(), &acme());
    let [effect] = of_kind(&uses, UseKind::Effect)[..] else { panic!("one effect") };
    let halves = ["order.id", "order.total"].map(|path| changed(effect, &format!("/fields/{path}"), Value::Null));
    assert_eq!(uncovered(std::slice::from_ref(effect), &halves).len(), 1);
}

#[test]
fn a_connection_that_the_client_does_not_have_is_covered_by_nothing() {
    let mut client = acme();
    client.connections.clear();
    let uses = uses_of(&refund(), &client);
    assert!(uncovered(&uses, &uses).iter().any(|one| one.kind == UseKind::Effect));
}

proptest! {
    #[test]
    fn covering_is_an_order(
        picks in prop::collection::vec((0_usize..10, 0_u32..4, prop::bool::ANY), 3)
    ) {
        let uses = uses_of(&refund(), &acme());
        let bent: Vec<DataUse> = picks
            .iter()
            .map(|(which, bits, field)| {
                let mut one = uses[*which % 3].clone();
                one.bits = Some(*bits);
                if *field {
                    one.fields.insert("extra".into(), Class::ALL[usize::try_from(*bits).unwrap_or(0)]);
                }
                one
            })
            .collect();
        let [a, b, c] = &bent[..] else { return Ok(()) };
        prop_assert!(covers(a, a));
        prop_assert!(!(covers(a, b) && covers(b, c)) || covers(a, c));
        prop_assert!(!(covers(a, b) && covers(b, a)) || a == b);
    }
}

/// The refund with a parameter of its payment written otherwise.
fn paid(param: &str, text: &str) -> Vec<DataUse> {
    let mut json: Value = serde_json::from_str(include_str!("../../../tests/fixtures/refund.plan.json")).expect("json");
    json["steps"][4]["action"]["with"][param] = json!(text);
    uses_of(&serde_json::from_value(json).expect("a plan"), &acme())
}

#[test]
fn what_an_effect_is_given_is_approved_of_each_system_by_itself() {
    let uses = paid("reference", "${ticket.order_id}");
    let effects = of_kind(&uses, UseKind::Effect);
    let given: Vec<_> = effects
        .iter()
        .map(|one| {
            let Some(Party::Connection(from)) = &one.from else { panic!("{one:?}") };
            (from.connection.as_str(), fields(one), one.puts.keys().map(Name::as_str).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        given,
        [
            ("helpdesk", vec!["ticket.order_id"], vec!["account", "reference"]),
            ("shop", vec!["order.payment", "order.total"], vec!["account", "amount", "payment"]),
        ]
    );
    // Another system calls its record alike: what was approved of the one says nothing of the other.
    let mut elsewhere = effects[0].clone();
    elsewhere.from.clone_from(&effects[1].from);
    assert!(!covers(effects[0], &elsewhere) && !covers(&elsewhere, effects[0]));
}

#[test]
fn how_a_parameter_that_counts_is_computed_is_approved() {
    let approved = uses_of(&refund(), &acme());
    for (param, computed, form) in [
        ("amount", "${order.total + order.total}", "field + field"),
        ("reference", "${token(string(minute(now)))}", "token(string(minute(now)))"),
        ("payment", "${token(order.payment + string(minute(now)))}", "token(field + string(minute(now)))"),
    ] {
        let uses = paid(param, computed);
        let effects = of_kind(&uses, UseKind::Effect);
        let [effect] = effects[..] else { panic!("one effect") };
        assert!(effect.puts[param].constants.contains(form), "{:?}", effect.puts);
        assert!(!Coverage::new(&approved).covers(effect), "{computed}");
    }
    // A field as it came is no computation, and a step by another name computes the same.
    let [effect] = of_kind(&approved, UseKind::Effect)[..] else { panic!("one effect") };
    assert!(effect.puts["payment"].constants.is_empty());
}

#[test]
fn money_without_a_persons_yes_is_a_use_of_its_own() {
    let text = include_str!("../../../tests/fixtures/refund.plan.json");
    let alone = text.replace("has(order.total) && agree.approved", "has(order.total)");
    let alone = uses_of(&serde_json::from_str(&alone).expect("a plan"), &acme());
    let agreed = uses_of(&refund(), &acme());
    let [agreed] = of_kind(&agreed, UseKind::Effect)[..] else { panic!("one effect") };
    let [alone] = of_kind(&alone, UseKind::Effect)[..] else { panic!("one effect") };
    assert!(!agreed.unattended && alone.unattended);
    assert!(!covers(agreed, alone) && covers(alone, agreed));
}

#[test]
fn what_an_ai_writes_may_hold_all_that_it_was_given() {
    let text = include_str!("../../../tests/fixtures/reply.plan.json");
    let uses = uses_of(&serde_json::from_str(text).expect("a plan"), &acme());
    let sent = uses.iter().filter(|one| one.effect == Some(Effect::Message));
    let given: BTreeMap<_, _> = sent
        .map(|one| match &one.from {
            Some(Party::Connection(from)) => (from.connection.as_str(), fields(one)),
            _ => ("agent", fields(one)),
        })
        .collect();
    assert_eq!(given["agent"], ["reply.text"]);
    assert!(given["helpdesk"].contains(&"ticket.body"), "{given:?}");
}
