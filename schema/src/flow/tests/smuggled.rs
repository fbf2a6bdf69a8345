//! Ways round the analysis that somebody might try: each is found, and what looks alike and is harmless is not.

use super::*;
use crate::code::Code;

/// The refund's plan with steps of its own after the ticket was read and judged, and one that moves money behind them.
fn paying(before: &[Value], when: &str, amount: &str) -> Vec<(Option<String>, Code)> {
    let whole: Value = serde_json::from_str(REFUND).expect("json");
    let steps = whole["steps"].as_array().expect("steps");
    let pay = json!({"id": "pay", "when": when, "action": {
        "kind": "call", "operation": "payments.refund", "retry": {"attempts": 1, "first": "1s", "most": "1s"},
        "with": {
            "account": "A", "amount": amount, "payment": "${trigger.ticket_id}", "reference": "${trigger.ticket_id}"
        }
    }});
    let mut all: Vec<Value> = steps[..2].to_vec();
    all.extend(before.iter().cloned());
    all.push(pay);
    let found = broken(REFUND, &[("/steps", json!(all)), ("/kpis", json!([]))]);
    found.into_iter().map(|breach| (breach.site.step.map(|step| step.to_string()), breach.code)).collect()
}

fn money_is_found(before: &[Value], when: &str, amount: &str) -> bool {
    paying(before, when, amount).iter().any(|(_, code)| *code == Code::ModelDecidesMoney)
}

fn set(id: &str, value: &str) -> Value {
    json!({"id": id, "action": {"kind": "set", "values": {"x": value}}})
}

fn each(steps: &Value) -> Value {
    json!({"id": "walk", "action": {
        "kind": "each", "over": "['a', 'b']", "item": "one", "key": "one", "max": 2, "parallel": 1,
        "on_error": "collect", "steps": steps
    }})
}

const AMOUNT: &str = "${money(100, 'EUR')}";

#[test]
fn what_is_counted_inside_an_each_decides_no_money() {
    let chosen = json!([{"id": "z", "when": "intent.intent != 'refund'", "action": {"kind": "set", "values": {"x": "${[1][size(one)]}"}}}]);
    let failing = json!([set("z", "${int(intent.intent)}")]);
    for inside in [&chosen, &failing] {
        assert!(money_is_found(&[each(inside)], "walk.failed == 0", AMOUNT), "{inside}");
        assert!(money_is_found(&[each(inside)], "true || walk.done > 0", "${money(walk.done * 4000, 'EUR')}"));
    }
    let plain = json!([set("z", "${one + trigger.ticket_id}")]);
    assert!(!money_is_found(&[each(&plain)], "walk.failed == 0", AMOUNT));
}

#[test]
fn that_a_step_failed_decides_no_money() {
    let mut gate = set("gate", "${int(intent.intent)}");
    gate["continue_on"] = json!(["expression"]);
    let read = |id: &str| {
        json!({"id": "gate", "continue_on": ["not_found"], "action": {
            "kind": "call", "operation": "shop.get_order", "retry": {"attempts": 1, "first": "1s", "most": "1s"},
            "with": {"id": id}
        }})
    };
    assert!(money_is_found(&[gate], "has(gate)", AMOUNT));
    assert!(money_is_found(&[read("${intent.intent}")], "has(gate)", AMOUNT));
    assert!(money_is_found(&[read("${intent.intent}")], "!has(gate)", AMOUNT));
    assert!(!money_is_found(&[read("${trigger.ticket_id}")], "has(gate)", AMOUNT));
    // Without a way on, the run goes on because it did not fail.
    assert!(money_is_found(&[set("gate", "${int(intent.intent)}")], "true", AMOUNT));
    assert!(!money_is_found(&[set("gate", "${intent.intent}")], "true", AMOUNT));
}

#[test]
fn a_proof_of_one_value_is_none_of_another() {
    let marked = |id: &str| {
        let found = broken(
            REFUND,
            &[
                ("/steps/3", json!({"id": "agree", "action": {"kind": "set", "values": {"approved": true}}})),
                ("/steps/4/action/with/payment", json!(id)),
                ("/operations/payments.refund/effect", json!("write")),
                ("/operations/payments.refund/params/payment/target", json!(true)),
            ],
        );
        found.iter().any(|breach| breach.code == Code::MarkedTarget)
    };
    assert!(!marked("${ticket.order_id}"));
    assert!(marked("${token(ticket.order_id + '0')}"));
    assert!(marked("${token(ticket.order_id.split('.')[0])}"));
}

#[test]
fn keys_and_links_tell_of_content_too() {
    let told = |at: &str, text: &str| {
        let known = flows(REFUND, &[]).bits();
        flows(REFUND, &[(at, json!(text))]).bits().saturating_sub(known)
    };
    let fields = "/trigger/fields/subject";
    let subject =
        json!({"at": "s", "class": "content", "written_by": "anyone", "shape": {"type": "text", "most_bytes": 100}});
    let with = |at: &str, text: &str| {
        let known = flows(REFUND, &[(fields, subject.clone())]).bits();
        flows(REFUND, &[(fields, subject.clone()), (at, json!(text))]).bits().saturating_sub(known)
    };
    assert_eq!(told("/limits/one_at_a_time", "trigger.ticket_id"), 0);
    assert_eq!(with("/limits/one_at_a_time", "one_of(trigger.subject, ['a', 'b', 'c', 'd'])"), 2);
    assert_eq!(with("/fallback/open", "https://x.example/${one_of(trigger.subject, ['a', 'b'])}"), 1);
}

#[test]
fn an_expression_that_can_be_too_much_tells_that_it_was() {
    let failed = |text: &str| {
        let flows = flows(
            REFUND,
            &[
                ("/steps/2", set("order", text)),
                ("/steps/3", set("agree", "x")),
                ("/steps/4", set("pay", "x")),
                ("/kpis", json!([])),
            ],
        );
        flows.releases.iter().any(|release| release.what.contains("that it failed"))
    };
    let many = format!("[{}]", vec!["0"; 100].join(", "));
    assert!(failed(&format!("${{ticket.body.contains('a') && {many}.all(a, {many}.all(b, {many}.all(c, true)))}}")));
    // 32 KiB six times over is fine; forty of them are more than a text may hold.
    assert!(!failed("${html(ticket.body)}"));
    assert!(!failed("Dear you, ${ticket.subject}: ${ticket.body}"));
    let long = vec!["ticket.body"; 40].join(" + ");
    assert!(failed(&format!("${{{long}}}")));
    assert!(failed(&vec!["${ticket.body}"; 40].join(" ")));
    assert!(!failed("${ticket.body.contains('a') ? 'x' : 'y'}"));
}

#[test]
fn a_fact_of_an_answer_is_computed_before_the_answer_is_lost() {
    let wait = json!({"id": "agree", "action": {"kind": "wait", "until": {"business": "4h"}}});
    let lost = |first: Value, then: Value| {
        let steps = [
            ("/steps/2", first),
            ("/steps/3", then),
            ("/steps/4", json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}})),
            ("/kpis", json!([])),
        ];
        broken(REFUND, &steps).iter().any(|breach| breach.code == Code::NotResumable)
    };
    let fact = set("order", "${bucket(intent.confidence, [1])}");
    assert!(lost(wait.clone(), fact.clone()));
    assert!(!lost(fact, wait.clone()));
    // What can be read again, and what is a fact already, is there.
    assert!(!lost(wait.clone(), set("order", "${one_of(ticket.subject, ['a', 'b'])}")));
    assert!(!lost(wait.clone(), set("order", "${intent.intent}")));
    let counted = |when: &str| {
        let kpi = json!([{"name": "sure", "when": when}]);
        let order = json!({"id": "order", "action": {"kind": "set", "values": {"x": "y"}}});
        let end = json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}});
        let steps = [("/steps/2", order), ("/steps/3", wait.clone()), ("/steps/4", end), ("/kpis", kpi)];
        broken(REFUND, &steps).iter().any(|breach| breach.code == Code::NotResumable)
    };
    assert!(counted("intent.confidence > 0.5"));
    assert!(!counted("intent.intent == 'refund'"));
}

#[test]
fn whoever_knows_a_token_confirms_nothing_and_decides_no_money() {
    let token = ("/trigger/dialect", json!("token"));
    let alone = |id: &str| {
        let found = broken(REFUND, &[token.clone(), ("/steps/0/action/with/id", json!(id))]);
        found.iter().any(|breach| breach.code == Code::UnconfirmedTrigger)
    };
    assert!(!alone("${trigger.ticket_id}"));
    assert!(alone("${token(trigger.ticket_id == 'x' ? '1' : '1')}"));
    let whole: Value = serde_json::from_str(REFUND).expect("json");
    let mut on = whole["trigger"].clone();
    let parts = on.as_object_mut().expect("a trigger");
    parts.retain(|name, _| ["connection", "event", "matches", "record", "fields"].contains(&name.as_str()));
    let waited = |dialect: &str| {
        let mut on = on.clone();
        on["dialect"] = json!(dialect);
        let until = json!({"event": {"on": on, "key": "ticket_id", "match": "trigger.ticket_id", "within": "4h"}});
        let wait = json!({"id": "heard", "action": {"kind": "wait", "until": until}});
        money_is_found(&[wait], "heard.arrived", AMOUNT)
    };
    assert!(waited("token"));
    assert!(!waited("stripe"));
}

#[test]
fn a_person_agrees_to_what_is_sent() {
    let told = |at: &str, text: &str| {
        let found = broken(REFUND, &[(&format!("/steps/4/action/with/{at}"), json!(text))]);
        found.into_iter().find(|breach| breach.code == Code::DecisionNotShown).map(|breach| breach.said)
    };
    assert_eq!(told("payment", "${order.payment}"), None);
    assert_eq!(told("payment", "p-1"), None, "a constant is part of the data use that the client approves");
    assert!(told("amount", "${money(100, 'EUR')}").is_some(), "how much is seen, whoever wrote it");
    let made =
        |name: &str| Some(format!("`pay` relies on `agree`, and `{name}` is made of what it shows, not that itself."));
    assert_eq!(told("payment", "${token(order.payment + '9')}"), made("payment"));
    assert_eq!(told("amount", "${order.total * 30}"), made("amount"));
    assert!(told("amount", "${intent.intent == 'refund' ? order.total * 100 : order.total}").is_some());
    assert_eq!(told("amount", "${agree.approved ? order.total : money(1, 'EUR')}"), made("amount"));
    let hidden = told("payment", "${ticket.order_id}");
    assert!(hidden.is_some_and(|said| said.contains("does not show `ticket.order_id`")));
}

#[test]
fn who_chooses_each_letter_writes_the_word() {
    let marks = |text: &str| {
        let set = set("agree", text);
        let all = [
            ("/steps/3", set),
            ("/steps/4", json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}})),
            ("/kpis", json!([])),
        ];
        flows(REFUND, &all).step("agree").expect("a step").with[&name("x")].label.marks.model
    };
    let one = "intent.intent == 'refund' ? 'a' : 'b'";
    assert!(!marks(&format!("${{{one}}}")));
    assert!(!marks(&format!("${{'team-' + ({one})}}")));
    assert!(!marks(&format!("team-${{{one}}}")));
    assert!(!marks("${intent.intent == 'refund' ? 'a' : intent.intent == 'other' ? 'b' : 'c'}"));
    assert!(marks(&format!("${{({one}) + ({one})}}")));
    assert!(marks(&format!("${{{one}}}${{{one}}}")));
    assert!(marks(&format!("${{token({one})}}")));
    // Through a step of its own, too.
    let twice = "${order.x + order.x}";
    let all = [
        ("/steps/2", set("order", &format!("${{{one}}}"))),
        ("/steps/3", set("agree", twice)),
        ("/steps/4", json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}})),
        ("/kpis", json!([])),
    ];
    assert!(flows(REFUND, &all).step("agree").expect("a step").with[&name("x")].label.marks.model);
}

#[test]
fn an_event_has_the_value_that_it_was_waited_for_with() {
    let whole: Value = serde_json::from_str(REFUND).expect("json");
    let mut on = whole["trigger"].clone();
    let parts = on.as_object_mut().expect("a trigger");
    parts.retain(|name, _| ["connection", "event", "matches", "record", "fields", "dialect"].contains(&name.as_str()));
    let wait = |equals: &str| {
        let until = json!({"event": {"on": on, "key": "ticket_id", "match": equals, "within": "4h"}});
        json!({"id": "heard", "action": {"kind": "wait", "until": until}})
    };
    // Whoever writes the field that is compared sends the event when they like.
    let mut typed = wait("trigger.ticket_id");
    typed["action"]["until"]["event"]["on"]["fields"]["ticket_id"]["written_by"] = json!("anyone");
    assert!(money_is_found(&[typed], "heard.arrived", AMOUNT));
    let amount = "${money(has(heard.ticket_id) ? 1 : 2, 'EUR')}";
    assert!(money_is_found(&[wait("intent.intent")], "heard.arrived", AMOUNT));
    assert!(!money_is_found(&[wait("trigger.ticket_id")], "heard.arrived", AMOUNT));
    assert!(money_is_found(&[wait("intent.intent")], "true", amount));
}

#[test]
fn a_link_leads_where_the_workflow_says() {
    let kinds = |open: &str| {
        errors(REFUND, &[("/fallback/open", json!(open))]).into_iter().map(|(.., said)| said).collect::<Vec<_>>()
    };
    let none: [String; 0] = [];
    assert_eq!(kinds("https://acme.example/tickets/${trigger.ticket_id}"), none);
    assert_eq!(kinds("https://acme.example/all"), none);
    for bad in [
        "https://${trigger.ticket_id}.evil.example/",
        "javascript:alert(${trigger.ticket_id})",
        "http://a.example/",
        "https://a.example",
        "https://a b/x",
        "${trigger.ticket_id}",
    ] {
        assert_eq!(kinds(bad), ["a link leads to a host that the workflow itself names"], "{bad}");
    }
}

#[test]
fn counts_and_conditions_draw_on_what_they_tell() {
    let ran = [
        ("/steps/2/when", json!("ticket.subject == 'x'")),
        ("/steps/3", set("agree", "${has(order) ? 'a' : 'b'}")),
        ("/steps/4", json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}})),
        ("/kpis", json!([])),
    ];
    let ran = flows(
        REFUND,
        &[
            ran[0].clone(),
            ("/steps/2/action/with", json!({"id": "${trigger.ticket_id}"})),
            ran[1].clone(),
            ran[2].clone(),
            ran[3].clone(),
        ],
    );
    assert_eq!(sources(&ran.step("agree").expect("a step").with[&name("x")]), ["ticket.subject"]);
    let over = json!({"id": "order", "action": {
        "kind": "each", "over": "ticket.subject.split(' ')", "item": "one", "key": "one_of(one, ['k', 'l'])", "max": 2, "parallel": 1,
        "on_error": "collect", "steps": [set("z", "x")]
    }});
    let counted = flows(
        REFUND,
        &[("/steps/2", over), ("/steps/3", set("agree", "${order.done}")), ran_end(), ("/kpis", json!([]))],
    );
    assert_eq!(sources(&counted.step("agree").expect("a step").with[&name("x")]), ["ticket.subject"]);
}

fn ran_end() -> (&'static str, Value) {
    ("/steps/4", json!({"id": "end", "action": {"kind": "stop", "outcome": "done"}}))
}

#[test]
fn members_of_a_record_take_no_more_than_they_say() {
    let body = json!({
        "at": "b", "class": "content", "place": "body", "shape": {"type": "record", "fields": {
            "a": {"at": "a", "class": "content", "shape": {"type": "text", "most_bytes": 99}, "written_by": "system"},
            "b": {"at": "b", "class": "reference", "shape": {"type": "token"}, "written_by": "system"}
        }}
    });
    let param = "/operations/payments.refund/params/reference";
    let given = |members: Value| [(param, body.clone()), ("/steps/4/action/with/reference", members)];
    let denied = |members: Value| {
        let found = broken(REFUND, &given(members));
        found.into_iter().filter(|breach| breach.code == Code::FlowDenied).map(|breach| breach.said).collect::<Vec<_>>()
    };
    let fine: [String; 0] = [];
    assert_eq!(denied(json!({"a": "${ticket.subject}", "b": "${order.id}"})), fine);
    let found = denied(json!({"a": "x", "b": "${token(ticket.body)}"}));
    assert!(found.iter().any(|said| said.contains("`reference.b` of `payments.refund`")), "{found:?}");
    let stranger = errors(REFUND, &given(json!({"a": "x", "b": "y", "d": "z"})));
    assert!(stranger.iter().any(|(.., said)| said.contains("`d`")), "{stranger:?}");
}

#[test]
fn a_key_is_of_a_type_that_tells_apart() {
    let said = |key: &str| {
        let found = errors(REFUND, &[("/limits/one_at_a_time", json!(key))]);
        found.into_iter().map(|(.., said)| said).collect::<Vec<_>>()
    };
    let fine: [String; 0] = [];
    assert_eq!(said("trigger.ticket_id"), fine);
    assert_eq!(said("size('abc')"), fine);
    assert_eq!(said("now"), ["a key is a token, a constant or an integer, and this is an instant"]);
    assert_eq!(said("money(1, 'EUR')"), ["a key is a token, a constant or an integer, and this is money"]);
    assert_eq!(said("true"), ["a key is a token, a constant or an integer, and this is true or false"]);
}

#[test]
fn a_party_that_the_workflow_names_proves_nothing() {
    let marked = |of: &str| {
        let found = broken(
            REFUND,
            &[
                ("/steps/2/action/with/of", json!(of)),
                ("/steps/3", json!({"id": "agree", "action": {"kind": "set", "values": {"approved": true}}})),
                ("/operations/payments.refund/effect", json!("write")),
            ],
        );
        found.iter().any(|breach| breach.code == Code::MarkedTarget)
    };
    assert!(!marked("${ticket.requester}"));
    assert!(marked("c-88"));
}

#[test]
fn what_is_told_of_each_item_is_told_as_often_as_there_are_items() {
    let told = |text: &str| {
        let whole: Value = serde_json::from_str(REFUND).expect("json");
        let mut steps = whole["steps"].as_array().expect("steps")[..2].to_vec();
        steps.push(set("spelt", text));
        let found = flows(REFUND, &[("/steps", json!(steps)), ("/kpis", json!([]))]);
        let told = found.releases.iter().filter(|release| release.what.starts_with("spelt.x: one_of"));
        told.map(|release| (release.what.clone(), release.bits)).collect::<Vec<_>>()
    };
    let letter = "one_of(['a', 'b'].filter(c, ticket.subject.contains(c)).join(''), ['a', 'b', 'x'])";
    let of = "of join(['a', 'b'].filter(c, contains(ticket.subject, c)), '')";
    assert_eq!(told(&format!("${{{letter}}}")), [(format!("spelt.x: one_of 3 (a, b, x) {of}"), 2)]);
    assert_eq!(
        told(&format!("${{[1, 2, 3].map(i, {letter}).join('')}}")),
        [(format!("spelt.x: one_of 3 (a, b, x) {of}, 3 times"), 6)]
    );
    assert_eq!(
        told(&format!("${{[1, 2, 3].map(i, ['p', 'q'].map(j, {letter}).join('')).join('')}}")),
        [(format!("spelt.x: one_of 3 (a, b, x) {of}, 2 times, 3 times"), 12)]
    );
    // A list whose items are lists of their own, and one that is made of a text of the ticket.
    assert_eq!(
        told(&format!("${{[['p', 'q', 'r'], ['s']].map(i, i.map(j, {letter}).join('')).join('')}}")),
        [(format!("spelt.x: one_of 3 (a, b, x) {of}, 3 times, 2 times"), 12)]
    );
    let [(_, most)] = &told(&format!("${{ticket.subject.split(' ').map(i, {letter}).join('')}}"))[..] else {
        panic!("one")
    };
    assert!(*most > BITS_MOST, "{most}");
}

#[test]
fn what_stands_around_money_decides_whether_it_moves() {
    let pay = json!({"id": "pay", "action": {
        "kind": "call", "operation": "payments.refund", "retry": {"attempts": 1, "first": "1s", "most": "1s"},
        "with": {"account": "A", "amount": AMOUNT, "payment": "${one}", "reference": "${trigger.ticket_id}"}
    }});
    let walk = |when: &str, over: &str, key: &str| {
        let mut walk = each(&json!([pay.clone()]));
        walk["when"] = json!(when);
        walk["action"]["over"] = json!(over);
        walk["action"]["key"] = json!(key);
        let whole: Value = serde_json::from_str(REFUND).expect("json");
        let mut steps = whole["steps"].as_array().expect("steps")[..2].to_vec();
        steps.push(walk);
        let found = broken(REFUND, &[("/steps", json!(steps)), ("/kpis", json!([]))]);
        let mut found = found.into_iter().filter(|breach| breach.code == Code::ModelDecidesMoney);
        found.next().map(|breach| (breach.site.step.map(|step| step.to_string()).unwrap_or_default(), breach.site.part))
    };
    let at = |part| Some(("walk".to_owned(), part));
    let refund = "intent.intent == 'refund'";
    assert_eq!(walk("true", "['a', 'b']", "one"), None);
    assert_eq!(walk(refund, "['a', 'b']", "one"), at(Part::When));
    assert_eq!(walk("true", &format!("{refund} ? ['a', 'b'] : ['a']"), "one"), at(Part::Over));
    assert_eq!(walk("true", "['a', 'b']", &format!("{refund} ? one : 'a'")), at(Part::Key));
}

#[test]
fn what_ends_the_run_before_money_decides_whether_it_moves() {
    let inside = json!([set("z", "${[1][intent.intent == 'refund' ? 0 : 5]}")]);
    let mut stops = each(&inside);
    stops["action"]["on_error"] = json!("stop");
    assert!(money_is_found(&[stops], "true", AMOUNT));
    assert!(!money_is_found(&[each(&inside)], "true", AMOUNT), "a failure is counted, and the run goes on");
    let plain = json!([set("z", "${one}")]);
    let mut long = each(&plain);
    long["action"]["over"] = json!("intent.intent == 'refund' ? ['a'] : ['a', 'b', 'c']");
    assert!(money_is_found(&[long], "true", AMOUNT));
    let wait = |at: &str| json!({"id": "later", "action": {"kind": "wait", "until": {"at": at}}});
    assert!(money_is_found(
        &[wait("now + (intent.intent == 'refund' ? duration('1h') : duration('2000h'))")],
        "true",
        AMOUNT
    ));
    assert!(!money_is_found(&[wait("now + duration('1h')")], "true", AMOUNT));
}

#[test]
fn what_an_event_must_say_and_where_money_goes_are_chosen_too() {
    let pay = |changes: &[(&str, Value)], account: &str| {
        let whole: Value = serde_json::from_str(REFUND).expect("json");
        let mut steps = whole["steps"].as_array().expect("steps")[..2].to_vec();
        steps.push(json!({"id": "pay", "action": {
            "kind": "call", "operation": "payments.refund", "retry": {"attempts": 1, "first": "1s", "most": "1s"},
            "with": {"account": account, "amount": AMOUNT, "payment": "P", "reference": "${trigger.ticket_id}"}
        }}));
        let all = [&[("/steps", json!(steps)), ("/kpis", json!([]))], changes].concat();
        let found = broken(REFUND, &all).into_iter().filter(|breach| breach.code == Code::ModelDecidesMoney);
        found.map(|breach| (breach.site.step.map(|step| step.to_string()), breach.site.part)).collect::<Vec<_>>()
    };
    let target = ("/operations/payments.refund/params/account/target", json!(true));
    let chosen = "${intent.intent == 'refund' ? 'A' : 'B'}";
    assert_eq!(pay(std::slice::from_ref(&target), "A"), []);
    let there = (Some("pay".to_owned()), Part::With(name("account")));
    assert_eq!(pay(std::slice::from_ref(&target), chosen), [there]);
    assert_eq!(pay(&[], chosen), [], "what is not a target leads nowhere");
    let only = ("/trigger/only", json!({"ticket_id": "7"}));
    let written = ("/trigger/fields/ticket_id/written_by", json!("anyone"));
    assert_eq!(pay(std::slice::from_ref(&only), "A"), []);
    assert_eq!(pay(&[only, written], "A"), [(None, Part::Trigger)]);
}

#[test]
fn what_a_wait_or_a_failure_tells_draws_on_what_they_were_given() {
    let whole: Value = serde_json::from_str(REFUND).expect("json");
    let steps = whole["steps"].as_array().expect("steps");
    let mut trigger = whole["trigger"].clone();
    trigger.as_object_mut().expect("a trigger").retain(|key, _| key != "kind" && key != "self");
    let wait = json!({"id": "later", "action": {"kind": "wait", "until": {"event": {
        "on": trigger, "key": "ticket_id", "match": "one_of(ticket.subject, ['a', 'b'])", "within": "1d"
    }}}});
    let mut all = steps[..2].to_vec();
    all[1]["continue_on"] = json!(["timed_out"]);
    all.push(wait);
    let flows = flows(REFUND, &[("/steps", json!(all)), ("/kpis", json!([]))]);
    let drawn = |path: &str| {
        let known = find(&flows, path).expect(path);
        known.sources.iter().map(|source| source.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(drawn("later.arrived"), ["ticket.subject"]);
    assert_eq!(drawn("intent"), ["ticket.body"]);
}
