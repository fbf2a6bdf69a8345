//! Laws that hold across rooms: what is derived from a plan does not depend on order or on the names of steps, and grows
//! with the plan.

use assent_schema::canon;
use assent_schema::class::{Class, Label, Marks};
use assent_schema::client::ClientFacts;
use assent_schema::expr::{Origin, Source};
use assent_schema::flow::{Flow, analyse, check_plan};
use assent_schema::guard::breaches;
use assent_schema::plan::Plan;
use assent_schema::uses::{DataUse, UseKind, derive, uncovered};
use proptest::prelude::*;
use serde_json::{Map, Value};

const PLANS: [&str; 3] = [
    include_str!("fixtures/refund.plan.json"),
    include_str!("fixtures/reply.plan.json"),
    include_str!("fixtures/triage.plan.json"),
];

fn acme() -> ClientFacts {
    serde_json::from_str(include_str!("fixtures/acme.client.json")).expect("a client")
}

fn plan(json: &Value) -> Plan {
    serde_json::from_value(json.clone()).expect("a plan")
}

fn uses(plan: &Plan) -> Vec<DataUse> {
    derive(plan, &acme(), &analyse(plan).expect("flows"))
}

/// The same JSON with the members of every object in another order.
fn shuffled(value: &Value, seed: u64) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| {
                key.bytes().fold(seed, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
            });
            let text: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), shuffled(value, seed)))
                .collect();
            format!("{{{}}}", text.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| shuffled(item, seed)).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Renames a step wherever it stands: as id, at the front of a path, and alone in `has`.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (rest.get(..at).expect("text"), rest.get(at + from.len()..).expect("text"));
        let starts = before.chars().last().is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')));
        let ends = after.starts_with('.') || after.starts_with(')') || after.starts_with('"');
        out.push_str(before);
        out.push_str(if starts && ends { to } else { from });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn marks() -> impl Strategy<Value = Marks> {
    (any::<bool>(), any::<bool>()).prop_map(|(outside, model)| Marks { outside, model })
}

fn flow() -> impl Strategy<Value = Flow> {
    let class = proptest::sample::select(&Class::ALL[..]);
    let sources = proptest::collection::btree_set("[a-c]", 0..3);
    (class, marks(), marks(), marks(), sources).prop_map(|(class, data, control, chosen, paths)| {
        let source = |path: String| Source { path: path.into(), class, origin: Origin::Agent };
        Flow { label: Label::new(class, data), control, chosen, sources: paths.into_iter().map(source).collect() }
    })
}

proptest! {
    #[test]
    fn join_is_a_lattice(a in flow(), b in flow(), c in flow()) {
        let join = |a: &Flow, b: &Flow| a.clone().join(b.clone());
        prop_assert!(join(&a, &a) == a);
        prop_assert!(join(&a, &Flow::CONSTANT) == a);
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        // Nothing is lost on the way up.
        let both = join(&a, &b);
        prop_assert!(both.label.class >= a.label.class && both.sources.is_superset(&a.sources));
        prop_assert_eq!(both.any_marks().join(a.any_marks()), both.any_marks());
    }

    #[test]
    fn a_class_that_is_raised_lowers_nothing(which in 0_usize..3, operation in 0_usize..9, field in 0_usize..9) {
        let before = plan(&serde_json::from_str(PLANS[which]).expect("json"));
        let mut after = before.clone();
        let operations = after.operations.len();
        let called = after.operations.values_mut().nth(operation % operations).expect("an operation");
        let called = std::sync::Arc::make_mut(called);
        let fields = called.response.len();
        prop_assume!(fields > 0);
        let raised = called.response.values_mut().nth(field % fields).expect("a field");
        raised.class = Class::Personal;
        let (Ok(low), Ok(high)) = (analyse(&before), analyse(&after)) else { return Ok(()) };
        prop_assert!(high.bits() >= low.bits());
        for (step, flow) in &low.steps {
            let higher = high.step(step.as_str()).expect("the same steps");
            for (name, given) in &flow.with {
                prop_assert!(higher.with[name].label.class >= given.label.class, "{}.{}", step, name);
            }
            prop_assert!(flow.result.iter().all(|(name, label)| higher.result[name].class >= label.class));
        }
    }

    #[test]
    fn order_of_members_changes_no_byte(which in 0_usize..3, seed in any::<u64>()) {
        let json: Value = serde_json::from_str(PLANS[which]).expect("json");
        let again: Plan = serde_json::from_str(&shuffled(&json, seed)).expect("a plan");
        prop_assert_eq!(plan(&json).to_bytes().expect("bytes"), again.to_bytes().expect("bytes"));
        let bytes = |plan: &Plan| canon::to_bytes(&uses(plan)).expect("bytes");
        prop_assert_eq!(bytes(&plan(&json)), bytes(&again));
    }

    #[test]
    fn a_step_added_never_drops_a_data_use(which in 0_usize..3, kept in 1_usize..8) {
        let json: Value = serde_json::from_str(PLANS[which]).expect("json");
        let whole = plan(&json);
        let mut shorter = whole.clone();
        shorter.steps.truncate(kept.min(whole.steps.len()));
        shorter.kpis.clear();
        prop_assume!(check_plan(&shorter).is_empty());
        let (before, after) = (uses(&shorter), uses(&whole));
        // A release's sum and list grow as one use.
        prop_assert_eq!(uncovered(&before, &after), Vec::<&DataUse>::new());
    }

    #[test]
    fn plans_of_any_text_are_refused_or_followed(
        which in 0_usize..3, step in 0_usize..6, when in "(has\\(|\\)|ticket|order|agree|\\.|approved|==|&&|!| |'x'|1|size){0,12}"
    ) {
        let json: Value = serde_json::from_str(PLANS[which]).expect("json");
        let mut bent = plan(&json);
        let count = bent.steps.len();
        bent.steps[step % count].when = Some(assent_schema::plan::Expression(when));
        prop_assert_eq!(check_plan(&bent).is_empty(), analyse(&bent).is_ok());
    }
}

/// A plan in which a step has another name.
#[expect(clippy::indexing_slicing, reason = "a plan has both")]
fn with_other_name(text: &str, step: &str) -> Plan {
    let mut json: Value = serde_json::from_str(text).expect("json");
    for part in ["steps", "kpis"] {
        let renamed = renamed(&json[part].to_string(), step, "renamed_step");
        json[part] = serde_json::from_str(&renamed).expect("json");
    }
    plan(&json)
}

#[test]
fn the_name_of_a_step_is_in_no_read_and_no_effect() {
    for text in PLANS {
        let before = plan(&serde_json::from_str(text).expect("json"));
        for step in &before.steps {
            let after = with_other_name(text, step.id.as_str());
            let named = |plan: &Plan| -> Vec<DataUse> {
                let mut uses = uses(plan);
                // What an AI answered is named by the step that asked.
                let of_model = |one: &DataUse| {
                    one.fields.keys().any(|path| {
                        plan.step(path.split('.').next().unwrap_or(""))
                            .is_some_and(|s| matches!(s.action, assent_schema::plan::Action::Ask { .. }))
                    })
                };
                uses.retain(|one| matches!(one.kind, UseKind::Read | UseKind::Effect) && !of_model(one));
                uses
            };
            if check_plan(&after).is_empty() && after.step("renamed_step").is_some() {
                assert_eq!(named(&before), named(&after), "{}", step.id);
            }
        }
    }
}

#[test]
fn the_name_of_a_step_breaks_no_rule_and_mends_none() {
    for text in PLANS {
        // A step that may be lost makes the plan break some rules, which must not hang on names either.
        let bent = text.replace("agree.approved", "has(ticket)");
        for text in [text, bent.as_str()] {
            let before = plan(&serde_json::from_str(text).expect("json"));
            for step in &before.steps {
                let after = with_other_name(text, step.id.as_str());
                let codes = |plan: &Plan| {
                    let flows = analyse(plan).ok()?;
                    let broken = breaches(plan, &flows, &acme());
                    Some(broken.into_iter().map(|breach| (breach.code, breach.site.part)).collect::<Vec<_>>())
                };
                if let (Some(one), Some(other)) = (codes(&before), codes(&after)) {
                    assert_eq!(one, other, "{}", step.id);
                }
            }
        }
    }
}

#[test]
fn members_that_nobody_knows_are_refused() {
    for text in PLANS {
        let mut json: Map<String, Value> = serde_json::from_str(text).expect("json");
        json.insert("more".into(), Value::from(1));
        assert!(serde_json::from_value::<Plan>(Value::Object(json)).is_err());
    }
}
