//! Small workflows that try to tell of content by a way of their own: each is listed at its price.

use super::*;

/// The refund's plan with its first two steps and one more.
fn told(steps: &[Value]) -> Vec<(String, u32)> {
    told_with(steps, &[])
}

fn told_with(steps: &[Value], changes: &[(&str, Value)]) -> Vec<(String, u32)> {
    let flows = flows(REFUND, &[changes, &ended_by(steps)].concat());
    let known = ["intent", "intent.intent"];
    let place = |what: &str| what.split(':').next().unwrap_or_default().to_owned();
    let new = flows.releases.iter().filter(|release| !known.contains(&place(&release.what).as_str()));
    new.map(|release| (release.what.clone(), release.bits)).collect()
}

fn ended_by(steps: &[Value]) -> [(&'static str, Value); 2] {
    let whole: Value = serde_json::from_str(REFUND).expect("json");
    let mut all = whole["steps"].as_array().expect("steps")[..2].to_vec();
    all.extend(steps.iter().cloned());
    [("/steps", json!(all)), ("/kpis", json!([]))]
}

fn set(value: &str) -> Value {
    json!({"id": "x", "action": {"kind": "set", "values": {"v": value}}})
}

fn one(what: &str, bits: u32) -> Vec<(String, u32)> {
    vec![(what.to_owned(), bits)]
}

/// Content decides whether an expression on facts alone is evaluated, and so whether it fails.
#[test]
fn what_is_evaluated_by_what_content_says_fails_by_it() {
    let number = "int(trigger.ticket_id)";
    for text in [
        format!("ticket.body.contains('a') ? {number} : 0"),
        format!("ticket.body.contains('a') && {number} > 0"),
        format!("ticket.body.contains('a') || {number} > 0"),
        format!("ticket.body.split(' ').exists(word, {number} > 0)"),
    ] {
        let found = told(&[set(&format!("${{{text}}}"))]);
        let failed = found.iter().any(|(what, bits)| what.starts_with("x.v: that it failed") && *bits == 2);
        assert!(failed, "{text}: {found:?}");
    }
    // What comes first is evaluated whatever the body says.
    assert_eq!(told(&[set(&format!("${{{number} > 0 && ticket.body.contains('a')}}"))]), []);
    assert_eq!(told(&[set(&format!("${{{number}}}"))]), []);
}

/// Who decides whether it is evaluated decides whether money moves behind it.
#[test]
fn what_a_model_has_evaluated_decides_money_where_it_fails() {
    let decides = |text: &str| {
        let pay = json!({"id": "pay", "action": {
            "kind": "call", "operation": "payments.refund", "retry": {"attempts": 1, "first": "1s", "most": "1s"},
            "with": {"account": "A", "amount": "${money(100, 'EUR')}", "payment": "${trigger.ticket_id}",
                "reference": "${trigger.ticket_id}"}
        }});
        let found = broken(REFUND, &ended_by(&[set(text), pay]));
        found.iter().any(|breach| breach.code == crate::code::Code::ModelDecidesMoney)
    };
    assert!(decides("${intent.intent == 'refund' ? int(trigger.ticket_id) : 0}"));
    assert!(decides("${intent.intent == 'refund' && int(trigger.ticket_id) > 0}"));
    assert!(!decides("${int(trigger.ticket_id) > 0 && intent.intent == 'refund'}"));
}

/// An expression that fails says by which code.
#[test]
fn the_code_by_which_an_expression_failed_is_told() {
    let failed = |text: &str| {
        let found = told(&[set(text)]);
        let [(what, bits)] = &found[..] else { panic!("{text}: {found:?}") };
        assert!(what.starts_with("x.v: that it failed") && what.contains(", of ticket.body"), "{what}");
        *bits
    };
    assert_eq!(failed("${token(ticket.body)}"), 1);
    assert_eq!(failed("${int(ticket.body)}"), 2);
    assert_eq!(failed("${size(ticket.body) / size(ticket.subject)}"), 1);
    assert_eq!(failed("${[1, 2][size(ticket.body)]}"), 1);
    assert_eq!(failed("${10 / size(ticket.body) + [1, 2][size(ticket.body)]}"), 2);
    let five = "money(int(ticket.body) / size(ticket.body.split(',')), 'EUR') + money(1, 'EUR')";
    assert_eq!(failed(&format!("${{{five}}}")), 3);
}

/// One item of a thousand is ten bits, not one.
#[test]
fn which_of_many_items_content_chose_costs_as_much_as_there_are() {
    let item = json!({"at": "", "class": "reference", "shape": {"type": "token"}, "written_by": "system"});
    let list = |most: u32| json!({"at": "x", "class": "public", "shape": {"type": "list", "most": most, "of": item}, "written_by": "system"});
    let walked = |most: u32, max: u32| {
        let walk = json!({"id": "walk", "action": {
            "kind": "each", "over": "ticket.words.filter(w, ticket.body.contains(w))", "item": "one", "key": "one", "max": max,
            "parallel": 1, "on_error": "collect", "steps": [{"id": "told", "action": {"kind": "set", "values": {"word": "${one}"}}}]
        }});
        let found = told_with(&[walk], &[("/operations/helpdesk.get_ticket/response/words", list(most))]);
        let which = found.iter().find(|(what, _)| what.starts_with("walk: which items"));
        which.unwrap_or_else(|| panic!("{found:?}")).clone()
    };
    // By what content chose them stands there, too.
    let of = "walk: which items of ticket.words.filter(w, contains(ticket.body, w)), at most";
    assert_eq!(walked(1000, 2), (format!("{of} 2 of 1000"), 20));
    assert_eq!(walked(8, 8), (format!("{of} 8"), 8));
    assert_eq!(walked(5, 8), (format!("{of} 8"), 5));
    assert_eq!(walked(9, 8), (format!("{of} 8 of 9"), 9));
}

/// A condition on facts of the items says nothing of what people wrote; one on content beside it does.
#[test]
fn items_that_facts_chose_tell_nothing() {
    let field = |class: &str| json!({"at": "x", "class": class, "shape": {"type": "integer"}, "written_by": "system"});
    let item = json!({"at": "", "class": "content", "written_by": "anyone",
        "shape": {"type": "record", "fields": {"id": field("reference"), "size": field("reference"), "said": field("content")}}});
    let list = json!({"at": "x", "class": "content", "shape": {"type": "list", "most": 40, "of": item}, "written_by": "anyone"});
    let which = |over: &str| {
        let walk = json!({"id": "walk", "action": {
            "kind": "each", "over": over, "item": "one", "key": "one.id", "max": 40,
            "parallel": 1, "on_error": "collect", "steps": [{"id": "told", "action": {"kind": "set", "values": {"n": "${one.size}"}}}]
        }});
        let found = told_with(&[walk], &[("/operations/helpdesk.get_ticket/response/items", list.clone())]);
        found.iter().any(|(what, _)| what.starts_with("walk: which items"))
    };
    assert!(!which("ticket.items.filter(i, i.size > 3)"));
    assert!(!which("ticket.items.filter(i, i.size > 3).filter(i, i.id != 4)"));
    assert!(which("ticket.items.filter(i, i.said > 3)"));
    assert!(which("ticket.items.filter(i, i.size > 3).filter(i, i.said > 3)"));
    assert!(which("ticket.items.filter(i, i.said > 3).filter(i, i.size > 3)"));
    assert!(which("ticket.items.filter(i, i.size > size(ticket.body))"));
}

/// How an `ask` ended is told of each try: an answer that is of no use, and the one after it.
#[test]
fn each_try_of_an_ask_is_told() {
    let ended = |tries: u32| {
        let flows = flows(REFUND, &[("/steps/1/action/limit/tries", json!(tries))]);
        let mut ended = flows.releases.iter().filter(|release| release.what.starts_with("intent: how it ended"));
        ended.next().map(|release| (release.what.clone(), release.bits)).expect("a release")
    };
    assert_eq!(ended(1), ("intent: how it ended".to_owned(), 2));
    assert_eq!(ended(2), ("intent: how it ended in 2 tries".to_owned(), 4));
    assert_eq!(ended(3), ("intent: how it ended in 3 tries".to_owned(), 6));
}

/// By which failure a provider does not answer is its to choose: told once where that ends the run, of each item where it does not.
#[test]
fn by_which_failure_an_ask_was_not_answered_is_told() {
    let failed = |found: Vec<(String, u32)>| {
        found
            .into_iter()
            .filter(|(what, _)| what.contains(": by which failure"))
            .map(|(_, bits)| bits)
            .collect::<Vec<_>>()
    };
    let ask = |given: &str, tries: u32, continue_on: &[&str]| {
        json!({"id": "sort", "continue_on": continue_on, "action": {"kind": "ask", "connection": "assistant", "prompt": "Sort.",
            "with": {"text": given}, "answer": {"about": {"one_of": ["a", "b"]}}, "limit": {"tokens": 9, "tries": tries}}})
    };
    assert_eq!(failed(told(&[ask("${ticket.body}", 1, &[])])), [3]);
    assert_eq!(failed(told(&[ask("${ticket.body}", 10, &[])])), [3]);
    // Who was given facts alone has nothing to tell.
    assert_eq!(failed(told(&[ask("${trigger.ticket_id}", 1, &[])])), [0; 0]);
    let field = |class: &str| json!({"at": "x", "class": class, "shape": {"type": "integer"}, "written_by": "system"});
    let item = json!({"at": "", "class": "content", "written_by": "anyone",
        "shape": {"type": "record", "fields": {"id": field("reference"), "said": field("content")}}});
    let list = json!({"at": "x", "class": "content", "shape": {"type": "list", "most": 8, "of": item}, "written_by": "anyone"});
    let items = |on_error: &str, parallel: u32, continue_on: &[&str]| {
        let each = json!({"id": "walk", "action": {"kind": "each", "over": "ticket.items", "item": "one", "key": "one.id",
            "max": 8, "parallel": parallel, "on_error": on_error, "steps": [ask("${one.said}", 1, continue_on)]}});
        failed(told_with(&[each], &[("/operations/helpdesk.get_ticket/response/items", list.clone())]))
    };
    assert_eq!(items("stop", 1, &[]), [3]);
    assert_eq!(items("stop", 4, &[]), [12]);
    assert_eq!(items("collect", 1, &[]), [24]);
    assert_eq!(items("stop", 1, &["throttled"]), [24]);
}

/// The rest of the ways that were tried: each is refused, or listed at its price.
#[test]
fn other_ways_are_listed_or_raise_the_class() {
    let class = |text: &str| {
        let flows = flows(REFUND, &ended_by(&[set(text)]));
        let flow = flows.step("x").expect("a step").with[&name("v")].label.class;
        (flow, flows.step("x").expect("a step").facts.len())
    };
    // Lengths, places, order, comparisons, counts of what fits, defaults, escapers, names for it, moments.
    for text in [
        "${size(ticket.body)}",
        "${['a', 'b', 'c'][size(ticket.body) % 3]}",
        "${ticket.body == ticket.subject ? 'a' : 'b'}",
        "${size(['a', 'b'].filter(c, ticket.body.contains(c)))}",
        "${['a', 'b'].map(c, ticket.body.contains(c) ? 1 : 0)[0]}",
        "${ticket.body in ['yes', 'ja']}",
        "${ticket.body == '' ? 'none' : 'some'}",
        "${html(ticket.body)}",
        "x${url(ticket.body)}y",
        "${pseudonymise(ticket.body)}",
        "${now + (ticket.body.contains('a') ? duration('1h') : duration('2h'))}",
        "${date(now + (ticket.body.contains('a') ? duration('24h') : duration('48h')))}",
        "${min(size(ticket.body), 1)}",
        "${money(size(ticket.body) > 3 ? 1 : 2, 'EUR')}",
        "${[ticket.body].exists(b, b.contains('a'))}",
        "${intent.confidence > 0.5}",
    ] {
        assert_eq!(class(text), (Class::Content, 0), "{text}");
    }
    let when = |text: &str| {
        let mut step = set("a");
        step["when"] = json!(text);
        told(&[step])
    };
    assert_eq!(when("ticket.body.contains('a')"), one("x: contains(ticket.body, 'a')", 1));
    assert_eq!(when("size(ticket.body) > 3"), one("x: size(ticket.body) > 3", 1));
    assert_eq!(
        told(&[set("${bucket(size(ticket.body), [1, 2, 3])}")]),
        one("x.v: bucket 4 (1, 2, 3) of size(ticket.body)", 2)
    );
}

/// A record that is read with facts is compared with a party: whether the content of its field is that.
#[test]
fn whom_a_record_belongs_to_is_told_where_that_is_content() {
    let compared = |class: &str| {
        let changes = [
            ("/operations/shop.get_order/response/customer/class", json!(class)),
            ("/steps/2/action/with/of", json!("alice")),
        ];
        let flows = flows(REFUND, &changes);
        flows.releases.iter().any(|release| release.what == "order: whether the record is that party's")
    };
    assert!(compared("personal"));
    assert!(!compared("reference"));
}

/// What an event must say before a run begins decides whether there is a run.
#[test]
fn a_run_begins_by_facts_alone() {
    let subject = json!({"at": "s", "class": "content", "written_by": "anyone", "shape": {"type": "one_of", "values": ["a", "b"]}});
    let begins = |only: Value| {
        errors(REFUND, &[("/trigger/fields/subject", subject.clone()), ("/trigger/only", only)])
            .into_iter()
            .map(|(_, part, _)| part)
            .collect::<Vec<_>>()
    };
    assert_eq!(begins(json!({"subject": "a"})), [Part::Trigger]);
    assert_eq!(begins(json!({"ticket_id": "7"})), []);
}

/// A request that content makes too large is not sent.
#[test]
fn that_an_ask_was_too_large_is_told() {
    let asks = |texts: usize| {
        let with: serde_json::Map<String, Value> =
            (0..texts).map(|n| (format!("t{n}"), json!("${ticket.body + ticket.body}"))).collect();
        let flows = flows(REFUND, &[("/steps/1/action/with", Value::Object(with))]);
        flows.releases.iter().any(|release| release.what == "intent: that it was too large to ask" && release.bits == 1)
    };
    assert!(!asks(1));
    assert!(asks(9));
}

/// Whoever writes the target of a read chose the record, and each fact of it tells which one that was.
#[test]
fn which_record_content_found_is_told() {
    let found = |class: &str, id: &str| {
        let read = json!({"id": "x", "action": {"kind": "call", "operation": "shop.get_order", "with": {"id": id},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}});
        let all: Vec<_> = ["customer", "id", "payment", "total"]
            .map(|field| (format!("/operations/shop.get_order/response/{field}/class"), json!(class)))
            .into_iter()
            .chain([("/operations/shop.get_order/params/id/class".to_owned(), json!("content"))])
            .collect();
        let changes: Vec<_> = all.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
        let told = told_with(&[read], &changes);
        told.into_iter().find(|(what, _)| what.starts_with("x: which"))
    };
    let counted = ("x: which order shop.get_order found".to_owned(), 20);
    assert_eq!(found("reference", "${token(ticket.body)}"), Some(counted));
    assert_eq!(found("content", "${token(ticket.body)}"), None, "nothing of it is a fact");
    assert_eq!(found("reference", "${trigger.ticket_id}"), None, "a fact found it");
}
