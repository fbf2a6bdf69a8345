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
