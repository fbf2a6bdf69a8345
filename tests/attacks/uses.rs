//! Plans: what the keys of the agency and of its machines cannot widen.

use assent_schema::canon::Digest;
use serde_json::{Value, json};

use super::table::{Attack, Verdict, attack, because};
use super::world::{World, bent, judge};

/// A release by the release keys alone, over a plan that they changed and a staging agent rehearsed.
fn plan(pointer: &str, value: Value) -> Verdict {
    bent(|world| world.bend_plan(pointer, value))
}

/// A plan that begins runs for one ticket, or for each, where the client approved one, or each.
fn matching(approved: Option<&str>, released: Option<&str>) -> Verdict {
    let only = |ticket: Option<&str>| ticket.map_or(json!({}), |ticket| json!({ "ticket_id": ticket }));
    bent(|world| {
        let mut trigger = serde_json::to_value(&world.plan.trigger).expect("JSON");
        trigger["only"] = only(approved);
        world.bend_plan("/trigger", trigger.clone());
        world.statements = vec![(world.approve(1, world.uses()), vec!["dana", "emil"])];
        trigger["only"] = only(released);
        world.bend_plan("/trigger", trigger);
    })
}

const PAY: &str = "/operations/payments.refund";

pub(crate) const ROOM: &[Attack] = &[
    attack("release keys: a plan that nobody rehearsed", "not-rehearsed", || {
        bent(|world| {
            let honest = world.rehearsals.clone();
            world.bend_plan("/summary", "Something else".into());
            world.rehearsals = honest;
        })
    }),
    attack("release keys: other words, rehearsed: no use changes", "accepted", || {
        plan("/summary", "Other words".into())
    }),
    attack("release keys: more is sent to the provider", "off: uncovered", || {
        plan("/steps/1/action/with", json!({"text": "${ticket.body}", "who": "${ticket.requester}"}))
    }),
    attack("release keys: another purpose", "off: uncovered", || {
        plan("/purpose", "essential.service.operations".into())
    }),
    attack("release keys: an operation with one scope more", "off: uncovered", || {
        plan(&format!("{PAY}/scopes"), json!(["checkout:refund", "checkout:pay"]))
    }),
    because("release keys: money without a person's yes", "off: plan-unsound", "", || {
        plan("/steps/4/when", "has(order.total)".into())
    }),
    because(
        "release keys: a decision that does not show the amount",
        "off: plan-unsound",
        "decision-not-shown",
        || plan("/steps/3/action/show", json!(["ticket.subject", "order.id", "order.payment"])),
    ),
    because("release keys: a person may type another amount", "off: plan-unsound", "1 errors", || {
        plan("/steps/3/action/edit", json!(["order.total"]))
    }),
    because("release keys: an amount that may be left out", "off: plan-unsound", "amount of payments.refund", || {
        let wire = json!({"currency": {"at": "currency"}, "unit": "minor", "value": "value"});
        let shape = json!({"type": "money", "wire": wire});
        let amount = json!({"place": "body", "at": "amount", "shape": shape, "class": "reference", "amount": true, "optional": true});
        plan(&format!("{PAY}/params/amount"), amount)
    }),
    because("release keys: a decision by another group", "off: uncovered", "", || {
        plan("/steps/3/action/by", "support".into())
    }),
    because("release keys: a retry without an end", "off: plan-unsound", "bad-retry", || {
        plan("/steps/4/action/retry/attempts", 21.into())
    }),
    because("release keys: a plan for another client", "plan-invalid", "another workflow or schema", || {
        plan("/client", "cedar".into())
    }),
    because("release keys: a plan under another workflow's name", "plan-invalid", "another workflow or schema", || {
        plan("/workflow", "reply".into())
    }),
    because("release keys: another workflow's scenarios", "plan-invalid", "another workflow or schema", || {
        bent(|world| {
            world.tests.workflow = "reply".parse().unwrap();
            world.rehearsals = vec![(world.rehearsal(), "eu-staging-1")];
        })
    }),
    because("release keys: a plan of a schema of tomorrow", "plan-invalid", "another workflow or schema", || {
        plan("/schema", 2.into())
    }),
    because("release keys: a plan without steps", "plan-invalid", "it has 0 steps", || plan("/steps", json!([]))),
    because(
        "release keys: a connection that leads to another integration",
        "plan-invalid",
        "uses the connection",
        || plan("/connections/payments/integration", "shop".into()),
    ),
    because("release keys: scenarios of nothing", "plan-invalid", "has no scenarios", || {
        bent(|world| {
            world.tests.scenarios.clear();
            world.rehearsals = vec![(world.rehearsal(), "eu-staging-1")];
        })
    }),
    because("release keys: the plan's file is missing and unlisted", "plan-invalid", "has no plan file", || {
        let world = World::honest();
        let mut files = world.listed();
        files.retain(|path, _| !path.starts_with("plans/"));
        judge(&world.release_of(files))
    }),
    because("release keys: the scenarios' file is missing and unlisted", "plan-invalid", "has no tests file", || {
        let world = World::honest();
        let mut files = world.listed();
        files.retain(|path, _| !path.starts_with("tests/"));
        judge(&world.release_of(files))
    }),
    because("release keys: a plan with a member that nobody knows", "plan-invalid", "not as it must be", || {
        let world = World::honest();
        let mut files = world.listed();
        let path = format!("plans/{}.json", world.plan_digest());
        let text = String::from_utf8(files.remove(&path).unwrap()).unwrap();
        let text = text.replacen("{\"", "{\"aa\":1,\"", 1);
        let digest = Digest::of_file(text.as_bytes());
        files.insert(format!("plans/{digest}.json"), text.into_bytes());
        let mut manifest = world.manifest(&files);
        manifest.active[0].plan = digest;
        judge(&world.seal(files, &manifest))
    }),
    // What the catalog says of an operation comes with the plan, and who decides comes with the client's file: the client
    // signed both.
    attack(
        "release keys and a staging agent: an operation of the catalog that leads to another path",
        "off: uncovered",
        || plan("/operations/helpdesk.get_ticket/path", "/conversations/{id}".into()),
    ),
    attack("release keys and a staging agent: an operation by another method", "off: uncovered", || {
        plan("/operations/helpdesk.get_ticket/method", "POST".into())
    }),
    attack("release keys and a staging agent: an answer that is read from elsewhere", "off: uncovered", || {
        plan("/operations/shop.get_order/response/total/at", "grand_total".into())
    }),
    attack("release keys and a staging agent: a parameter that goes elsewhere", "off: uncovered", || {
        plan(&format!("{PAY}/params/amount/at"), "tip.value".into())
    }),
    attack("release keys and a staging agent: an operation that is given less time", "accepted", || {
        plan("/operations/helpdesk.get_ticket/timeout", "2s".into())
    }),
    // What no source can say was written by another hand than the compiler's.
    because(
        "release keys and a staging agent: a day by a clock that nobody has",
        "plan-invalid",
        "a clock that nobody has",
        || {
            plan(
                "/operations/shop.get_order/response/id/shape",
                json!({ "type": "instant", "wire": { "date": "client" } }),
            )
        },
    ),
    because(
        "release keys and a staging agent: a text of the customer's as a fact",
        "plan-invalid",
        "a fact of unbounded shape",
        || plan("/operations/shop.get_order/response/id/shape", json!({ "type": "text", "most_bytes": 4_000 })),
    ),
    because("release keys and a staging agent: an answer of a terabyte", "plan-invalid", "is out of bounds", || {
        plan("/operations/helpdesk.get_ticket/most_bytes", json!(1_u64 << 40))
    }),
    because("release keys and a staging agent: a purpose that serves others", "plan-invalid", "is no purpose", || {
        plan("/purpose", "train_ai_system".into())
    }),
    // Which events begin a run at all comes with the plan, too.
    attack(
        "release keys and a staging agent: a match that lets more events in than the client approved",
        "off: uncovered",
        || matching(Some("4201"), None),
    ),
    attack("release keys and a staging agent: a match of other events", "off: uncovered", || {
        matching(Some("4201"), Some("4202"))
    }),
    attack("release keys and a staging agent: a match that lets fewer events in", "accepted", || {
        matching(None, Some("4201"))
    }),
    attack("revoked: root revokes the plan", "off: plan-revoked", || {
        let mut world = World::honest();
        let mut root = world.next_root();
        root.revoked_plans.insert(world.plan_digest());
        world.roots.push((root, vec!["ann", "ben"]));
        judge(&world.release())
    }),
];
