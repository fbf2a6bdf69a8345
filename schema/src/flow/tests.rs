//! The example's workflows, and what changes when they are bent.

mod answers;
mod channels;
mod smuggled;

use serde_json::{Value, json};

use super::*;
use crate::client::ClientFacts;
use crate::guard::{Breach, breaches};

const REFUND: &str = include_str!("../../tests/fixtures/refund.plan.json");
const REPLY: &str = include_str!("../../tests/fixtures/reply.plan.json");
const TRIAGE: &str = include_str!("../../tests/fixtures/triage.plan.json");

/// A plan with the parts at some JSON pointers replaced.
fn plan(text: &str, changes: &[(&str, Value)]) -> Plan {
    let mut json: Value = serde_json::from_str(text).expect("json");
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = json.pointer_mut(parent).expect(pointer);
        match key.parse::<usize>() {
            Ok(place) => parent[place] = value.clone(),
            Err(_) => parent[key] = value.clone(),
        }
    }
    serde_json::from_value(json).expect("a plan")
}

fn flows(text: &str, changes: &[(&str, Value)]) -> Flows {
    analyse(&plan(text, changes)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What a plan does and may not do, for the client of the example.
fn broken(text: &str, changes: &[(&str, Value)]) -> Vec<Breach> {
    let client: ClientFacts =
        serde_json::from_str(include_str!("../../tests/fixtures/acme.client.json")).expect("a client");
    let plan = plan(text, changes);
    breaches(&plan, &analyse(&plan).expect("flows"), &client)
}

fn releases(flows: &Flows) -> Vec<(&str, u32)> {
    flows.releases.iter().map(|release| (release.what.as_str(), release.bits)).collect()
}

fn errors(text: &str, changes: &[(&str, Value)]) -> Vec<(Option<usize>, Part, String)> {
    let plan = plan(text, changes);
    let place = |id: &Name| plan.steps.iter().rposition(|step| step.id == *id);
    let errors = check_plan(&plan);
    errors
        .into_iter()
        .map(|error| (error.site.step.as_ref().and_then(place), error.site.part.clone(), error.to_string()))
        .collect()
}

fn sources(flow: &Flow) -> Vec<&str> {
    flow.sources.iter().map(|source| &*source.path).collect()
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

const OUTSIDE_MODEL: Marks = Marks { outside: true, model: true };

#[test]
fn the_refund_releases_what_the_formats_page_says() {
    let flows = flows(REFUND, &[]);
    assert_eq!(
        releases(&flows),
        [
            ("intent.intent: one_of 3 (refund, shipping, other)", 2),
            ("intent: by which failure it was not answered", 3),
            ("intent: how it ended in 2 tries", 4),
            ("order: intent.confidence >= 0.8", 1)
        ]
    );
    assert_eq!(flows.bits(), 10);
}

#[test]
fn answers_of_an_ai_carry_what_it_was_given() {
    let flows = flows(REFUND, &[]);
    let intent = flows.step("intent").expect("a step");
    assert_eq!(intent.result[&name("intent")], Label::new(Class::Reference, OUTSIDE_MODEL));
    assert_eq!(intent.result[&name("confidence")], Label::new(Class::Content, OUTSIDE_MODEL));
    assert_eq!(intent.result[&name("ended")], Label::new(Class::Reference, OUTSIDE_MODEL));
    assert_eq!(sources(&intent.with[&name("text")]), ["ticket.body"]);
    let durable: Vec<&str> = intent.facts.keys().map(Name::as_str).collect();
    assert_eq!(durable, ["ended", "intent"]);
}

#[test]
fn marks_of_a_condition_stay_on_all_that_it_leads_to() {
    let flows = flows(REFUND, &[]);
    let order = flows.step("order").expect("a step");
    assert_eq!(order.control, OUTSIDE_MODEL);
    let amount = &flows.step("pay").expect("a step").with[&name("amount")];
    assert_eq!(amount.label, Label::new(Class::Reference, amount.label.marks));
    assert!(!amount.label.marks.model, "no model chose the amount itself");
    assert!(amount.control.model, "a model chose that there is one");
    let stopped = self::flows(REPLY, &[]);
    assert!(stopped.step("agree").expect("a step").control.model, "a stop that a model chose marks what follows");
}

#[test]
fn a_choice_among_constants_has_no_marks_by_data() {
    let flows = flows(TRIAGE, &[]);
    let team = &flows.step("choice").expect("a step").with[&name("team")];
    assert_eq!(team.label, Label::new(Class::Reference, Marks::NONE));
    assert_eq!(team.control, OUTSIDE_MODEL);
}

#[test]
fn decisions_dominate_what_they_are_a_condition_of() {
    let when = "/steps/4/when";
    let approved = |text: &str| {
        let flows = flows(REFUND, &[(when, json!(text))]);
        flows.step("pay").expect("a step").certain.approved.contains("agree")
    };
    assert!(approved("agree.approved"));
    assert!(approved("has(order.total) && agree.approved"));
    assert!(approved("!(!agree.approved)"));
    assert!(!approved("has(order) && (agree.approved || order.id == 'x')"));
    assert!(!approved("has(order) && !agree.approved"));
    assert!(!approved("has(order)"));
}

#[test]
fn what_may_be_skipped_is_read_behind_a_guard() {
    let missing = "`order` may have been skipped when this is read".to_owned();
    let at = |part: Part| (Some(4), part, missing.clone());
    let params = ["amount", "payment", "reference"].map(|param| at(Part::With(name(param))));
    assert_eq!(errors(REFUND, &[("/steps/4/when", json!("!agree.approved"))]), params);
    assert_eq!(errors(REFUND, &[("/steps/4/when", json!("agree.approved"))]), []);
    assert_eq!(errors(REFUND, &[("/steps/3/when", json!("ticket.state == 'open'"))])[0].0, Some(3));
    let shown = errors(REFUND, &[("/steps/3/when", json!("has(ticket.order_id)"))]);
    assert!(shown.contains(&(Some(3), Part::Show(1), missing)));
}

#[test]
fn what_is_wrong_with_a_plan_is_found_where_it_stands() {
    let one = |changes: &[(&str, Value)]| {
        let found = errors(REFUND, changes);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().expect("an error")
    };
    let with = |param: &str| Part::With(name(param));
    let (step, part, said) = one(&[("/steps/0/action/with/id", json!("${triger.ticket_id}"))]);
    assert_eq!((step, part), (Some(0), with("id")));
    assert_eq!(said, "nothing here is called `triger`; did you mean `trigger`?");
    let missing = one(&[(
        "/steps/4/action/with",
        json!({"account": "A", "amount": "${order.total}", "payment": "${order.payment}"}),
    )]);
    assert_eq!(missing, (Some(4), with("reference"), "the operation needs the parameter `reference`".into()));
    let amount = one(&[("/steps/4/action/with/amount", json!("${order.id}"))]);
    assert_eq!(amount, (Some(4), with("amount"), "this is a token, where money is needed".into()));
    let unknown = one(&[("/steps/4/action/with/note", json!("x"))]);
    assert_eq!(unknown, (Some(4), with("note"), "the operation has no parameter `note`".into()));
    let constant = one(&[("/steps/0/action/with/id", json!("two words"))]);
    assert_eq!((constant.0, constant.1), (Some(0), with("id")));
    let typo = one(&[("/steps/2/when", json!("has(ticket.order_id) && intent.intent == 'refnd'"))]);
    assert_eq!((typo.0, typo.1), (Some(2), Part::When));
    let not_boolean = one(&[("/kpis/0/when", json!("ticket.subject"))]);
    assert!(not_boolean.2.contains("where true or false is needed"));
    let shown = one(&[("/steps/3/action/show/0", json!("size(ticket.subject)"))]);
    assert_eq!(shown, (Some(3), Part::Show(0), "only the path of one value may stand here".into()));
    let edit = one(&[("/steps/3/action/edit", json!(["ticket.body"]))]);
    assert_eq!(edit, (Some(3), Part::Edit(0), "`ticket.body` is used by the decision but not shown".into()));
    let fact = one(&[("/steps/3/action/edit", json!(["order.total"]))]);
    assert_eq!((fact.0, fact.1), (Some(3), Part::Edit(0)));
    assert!(fact.2.ends_with("and this is money"), "{}", fact.2);
    let twice = one(&[("/steps/4/id", json!("order"))]);
    assert_eq!((twice.0, twice.1), (Some(4), Part::Id));
    let key = one(&[("/limits/one_at_a_time", json!("'a b'"))]);
    assert_eq!((key.0, key.1), (None, Part::OneAtATime));
    let link = one(&[("/fallback/open", json!("https://x.example/${ticket.id}"))]);
    assert_eq!((link.0, link.1), (None, Part::Open));
}

#[test]
fn content_does_not_reach_a_parameter_for_facts() {
    let given = |text: &str| {
        let found = broken(REFUND, &[("/steps/4/action/with/account", json!(text))]);
        let denied = found.into_iter().filter(|breach| breach.code == crate::code::Code::FlowDenied);
        denied.map(|breach| (breach.site.step.expect("a step"), breach.site.part)).collect::<Vec<_>>()
    };
    let account = || vec![(name("pay"), Part::With(name("account")))];
    assert_eq!(given("AcmeOutdoorEU"), []);
    assert_eq!(given("${token(ticket.subject)}"), account());
    assert_eq!(given("${one_of(ticket.subject, ['a', 'b'])}"), []);
    // How a text is chosen says as much of content as the text.
    assert_eq!(given("${ticket.body == '' ? 'a' : 'b'}"), account());
    assert_eq!(given("${string(size(ticket.body))}"), account());
}

#[test]
fn every_way_to_tell_of_content_is_costed() {
    let told = |changes: &[(&str, Value)]| {
        let flows = flows(REFUND, changes);
        let known: Vec<_> = releases(&self::flows(REFUND, &[])).iter().map(|(what, _)| (*what).to_owned()).collect();
        let new = flows.releases.iter().filter(|release| !known.contains(&release.what));
        new.map(|release| (release.what.clone(), release.bits)).collect::<Vec<_>>()
    };
    let account = "/steps/4/action/with/account";
    assert_eq!(
        told(&[(account, json!("${one_of(ticket.subject, ['a', 'b', 'c', 'd', 'e'])}"))]),
        [("pay.account: one_of 5 (a, b, c, d, e) of ticket.subject".to_owned(), 3)]
    );
    assert_eq!(
        told(&[(account, json!("${bucket(size(ticket.body), [10, 100, 1000])}"))]),
        [("pay.account: bucket 4 (10, 100, 1000) of size(ticket.body)".to_owned(), 2)]
    );
    let failed = told(&[(account, json!("${token(ticket.subject)}"))]);
    assert!(failed.contains(&("pay.account: that it failed, of ticket.subject".to_owned(), 1)));
    assert!(failed.iter().any(|(what, _)| what.starts_with("pay: how payments.refund ended")));
    let when = "/steps/3/when";
    assert_eq!(
        told(&[(when, json!("has(order.total) && ticket.body != '' && ticket.subject.size()>3"))]),
        [("agree: ticket.body != '' && size(ticket.subject) > 3".to_owned(), 1)]
    );
    let parsed = told(&[(when, json!("has(order.total) && int(ticket.body) > 3"))]);
    assert_eq!(parsed.len(), 2);
}

#[test]
fn an_edit_by_a_person_clears_marks() {
    let body = |plan_changes: &[(&str, Value)]| {
        let flows = flows(REPLY, plan_changes);
        flows.step("send").expect("a step").with[&name("body")].clone()
    };
    let edited = body(&[]);
    assert_eq!((edited.label.class, edited.any_marks()), (Class::Content, Marks::NONE));
    let steps: Value = serde_json::from_str::<Value>(REPLY).expect("json")["steps"].clone();
    let agree = steps.as_array().expect("steps").iter().position(|step| step["id"] == "agree").expect("agree");
    let not_edited = body(&[(&format!("/steps/{agree}/action/edit"), json!([]))]);
    assert!(not_edited.label.marks.model);
}

#[test]
fn token_triggers_say_nothing_that_is_sure() {
    let sure = flows(REFUND, &[]).step("ticket").expect("a step").with[&name("id")].label.marks;
    assert_eq!(sure, Marks::NONE);
    let token = flows(REFUND, &[("/trigger/dialect", json!("token"))]);
    assert_eq!(token.step("ticket").expect("a step").with[&name("id")].label.marks, Marks::OUTSIDE);
}

#[test]
fn labels_never_fall_on_the_way() {
    // Every argument is at least as private as each declared field that it draws from, unless it was released.
    for text in [REFUND, REPLY, TRIAGE] {
        for flow in flows(text, &[]).steps.values() {
            for given in flow.with.values().chain(flow.show.values()) {
                let most = given.sources.iter().map(|source| source.class).max().unwrap_or(Class::Public);
                assert!(given.label.class >= most);
            }
        }
    }
}

#[test]
fn bits_are_rounded_up() {
    for (ways, bits) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (32, 5), (33, 6)] {
        assert_eq!(bits_of(ways), bits, "{ways}");
    }
}

/// Each step names the one before twice: so many fields are in what the last one sets that a check would never end.
#[test]
fn records_that_double_from_step_to_step_are_refused_early() {
    let steps = |many: usize| {
        let set =
            |values: Value, id: usize| json!({"id": format!("s{id}"), "action": {"kind": "set", "values": values}});
        let doubled = |id: usize| {
            let before = format!("${{s{}}}", id - 1);
            set(json!({"a": before, "b": before}), id)
        };
        let first = std::iter::once(set(json!({"a": 1}), 0));
        first.chain((1..many).map(doubled)).collect::<Vec<_>>()
    };
    let found = |many: usize| errors(REPLY, &[("/steps", json!(steps(many))), ("/kpis", json!([]))]);
    assert_eq!(found(10), []);
    let found = found(60);
    assert!(found.first().is_some_and(|(_, _, what)| what.contains("more than 10000 fields")), "{found:?}");
}
