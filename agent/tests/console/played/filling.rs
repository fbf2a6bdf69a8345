//! What the played agent has: runs of every kind, questions, work, alerts, counts.

use assent_agent::people::Itself;
use assent_agent::people::wire::Shown;
use assent_agent::store::{Entry, Memory, QueueItem, RunId, Transaction, Write};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::ledger::Entry as LedgerEntry;
use serde_json::{Value, json};

use super::{SCRIPT, before, digest, id, plan};

/// The id of one of the played runs.
pub(crate) fn run(place: u8, seconds: i64) -> RunId {
    RunId::new(before(seconds), [place; 10])
}

/// A run of `acme` that failed, one that waits, one of `zenith`.
pub(crate) const FAILED: (u8, i64) = (1, 1_500);
pub(crate) const WAITS: (u8, i64) = (2, 600);
pub(crate) const THEIRS: (u8, i64) = (3, 900);
/// A run of `acme` whose question somebody answered.
pub(crate) const DECIDED: (u8, i64) = (4, 4_200);

fn accepted(client: &str, workflow: &str, number: u64, event: &str) -> Entry {
    let name = if workflow == "refund" { "refund" } else { "reply" };
    let value = json!({"accepted": {"client": client, "workflow": workflow, "plan": digest(&plan(name)), "number": number,
        "trigger": "webhook", "event": event, "fields": {"ticket_id": {"token": format!("T-{}", 40_000 + number)}}, "content": true}});
    serde_json::from_value(value).expect("a fact")
}

/// Writes the facts of a run, each so many milliseconds after its acceptance.
fn tell(store: &Memory, run: RunId, first: Entry, rest: &[(i64, Value)], done: bool) {
    let at = Wall::from_millis(run.millis());
    let begin = Transaction::new(at).with(Write::Open { run, sealed: None }).with(Write::Journal { run, entry: first });
    store.commit_now(begin).expect("a run");
    for (after, entry) in rest {
        let at = Wall::from_millis(run.millis() + after);
        let entry = serde_json::from_value(entry.clone()).unwrap_or_else(|e| panic!("{entry}: {e}"));
        store.commit_now(Transaction::new(at).with(Write::Journal { run, entry })).expect("a fact");
    }
    if done {
        store.commit_now(Transaction::new(at).with(Write::Close { run })).expect("an end");
    }
}

fn intent(step: &str, operation: &str, attempt: u32, effect: &str) -> Value {
    json!({"intent": {"step": step, "attempt": attempt, "operation": operation, "effect": effect}})
}

fn outcome(step: &str, attempt: u32, code: &str, status: u16) -> Value {
    json!({"outcome": {"step": step, "attempt": attempt, "code": code, "status": status}})
}

pub(super) fn fill(store: &Memory) {
    let ticket = [(40, intent("ticket", "helpdesk.get_ticket", 1, "none")), (310, outcome("ticket", 1, "ok", 200))];
    let sorted = |intent: &str| json!({"answered": {"step": "intent", "ended": "answered", "facts": {"intent": {"token": intent}}}});
    let when = |step: &str, runs: bool| json!({"when": {"step": step, "runs": runs}});
    let ended = |ending: &str| json!({"ended": {"ending": ending}});

    for place in 0..24_u8 {
        let number = 18_400 + u64::from(place);
        let run = run(100 + place, 90_000 - 3_000 * i64::from(place));
        let shipping = place % 3 == 1;
        let mut rest = ticket.to_vec();
        rest.push((1_900, sorted(if shipping { "shipping" } else { "refund" })));
        rest.push((1_901, when("order", !shipping)));
        if shipping {
            rest.extend([(1_902, when("agree", false)), (1_903, when("pay", false)), (1_904, ended("done"))]);
        } else {
            rest.extend([
                (1_960, intent("order", "shop.get_order", 1, "none")),
                (2_140, outcome("order", 1, "ok", 200)),
                (2_141, when("agree", true)),
                (900_000, json!({"decided": {"step": "agree", "choice": "approve", "by": "lena"}})),
                (900_001, when("pay", true)),
                (900_040, intent("pay", "payments.refund", 1, "money")),
                (900_420, outcome("pay", 1, "ok", 201)),
                (900_421, ended("done")),
            ]);
        }
        tell(store, run, accepted("acme", "refund", number, &format!("evt-{number}")), &rest, true);
    }

    let failed = run(FAILED.0, FAILED.1);
    let mut rest = ticket.to_vec();
    rest.extend([
        (1_900, sorted("refund")),
        (1_901, when("order", true)),
        (1_940, intent("order", "shop.get_order", 1, "none")),
        (2_200, outcome("order", 1, "unavailable", 503)),
        (4_100, intent("order", "shop.get_order", 2, "none")),
        (4_400, outcome("order", 2, "unavailable", 503)),
        (22_000, intent("order", "shop.get_order", 3, "none")),
        (22_300, outcome("order", 3, "unavailable", 503)),
        (22_301, json!({"ended": {"ending": "failed", "step": "order", "code": "unavailable"}})),
    ]);
    tell(store, failed, accepted("acme", "refund", 18_424, "evt-18424"), &rest, true);
    let item: QueueItem = serde_json::from_value(json!({
        "run": failed, "client": "acme", "workflow": "refund", "queue": "support", "why": "unavailable", "step": "order",
        "open": "https://acme.helpdesk.example/tickets/T-58424", "event": "evt-18424", "since": before(1_470).millis(),
    })).expect("an item");
    let odd: QueueItem = serde_json::from_value(json!({
        "run": run(9, 5_000), "client": "acme", "workflow": "reply", "queue": "support", "why": "in_doubt", "step": "send",
        "open": "javascript:alert(1)", "event": SCRIPT, "since": before(5_000).millis(),
        "done": [{"step": "keep", "operation": "helpdesk.keep_note"}, {"step": "send", "operation": "helpdesk.reply_ticket", "in_doubt": true}],
    })).expect("an item");
    let rest = [
        (40, intent("send", "helpdesk.reply_ticket", 1, "message")),
        (310, json!({"outcome": {"step": "send", "attempt": 1, "code": "timeout", "in_doubt": true}})),
        (311, json!({"ended": {"ending": "failed", "step": "send", "code": "in_doubt"}})),
    ];
    tell(store, run(9, 5_000), accepted("acme", "reply", 18_423, SCRIPT), &rest, true);
    let theirs: QueueItem = serde_json::from_value(json!({
        "run": run(THEIRS.0, THEIRS.1), "client": "zenith", "workflow": "dunning", "queue": "support", "why": "zenith_secret_cause",
        "event": "evt-z", "since": before(800).millis(),
    })).expect("an item");
    let queue = [item, odd, theirs]
        .into_iter()
        .fold(Transaction::new(before(700)), |t, item| t.with(Write::Queue(Box::new(item))));
    store.commit_now(queue).expect("a queue");

    let waits = run(WAITS.0, WAITS.1);
    let mut rest = ticket.to_vec();
    let asked = waiting("acme", waits, "refund", "agree", "leads", 7);
    rest.extend([
        (1_900, sorted("refund")),
        (1_901, when("order", true)),
        (1_960, intent("order", "shop.get_order", 1, "none")),
        (2_140, outcome("order", 1, "ok", 200)),
        (2_141, when("agree", true)),
        (2_150, json!({"asked": asked})),
    ]);
    tell(store, waits, accepted("acme", "refund", 18_425, "evt-18425"), &rest, false);
    tell(store, run(THEIRS.0, THEIRS.1), accepted("zenith", "dunning", 77, "evt-z"), &[(10, ended("done"))], true);
    let zenith = waiting("zenith", run(THEIRS.0, THEIRS.1), "dunning", "agree", "leads", 8);
    let other = waiting("acme", waits, "reply", "other", "others", 9);
    for question in [asked, zenith, other] {
        let question = serde_json::from_value(question).expect("a question");
        store.commit_now(Transaction::new(before(598)).with(Write::Ask(Box::new(question)))).expect("a question");
    }

    // One that somebody else of the group answered.
    let decided = run(DECIDED.0, DECIDED.1);
    let asked = waiting("acme", decided, "refund", "agree", "support-leads", 11);
    let rest = [
        (2_150, json!({"asked": asked})),
        (60_000, json!({"decided": {"step": "agree", "choice": "refuse", "by": "otto"}})),
        (60_001, ended("done")),
    ];
    tell(store, decided, accepted("acme", "refund", 18_422, "evt-18422"), &rest, true);
    let name = format!("asked/{}", Digest::from_bytes([11; 32]));
    let value = Some(format!("{decided} {}", decided.millis()).into_bytes());
    store.commit_now(Transaction::new(before(598)).with(Write::State { name, value })).expect("a state");

    for (rule, client, connection, code, incident) in [
        ("run-failed", "acme", "shop", "unavailable", true),
        ("rotation-overdue", "acme", "payments", "overdue", false),
        ("run-failed", "zenith", "bank", "timeout", true),
    ] {
        let alert = serde_json::from_value(json!({"rule": rule, "client": client, "workflow": if client == "acme" { "refund" } else { "dunning" }, "connection": connection, "code": code, "incident": incident})).expect("an alert");
        store.commit_now(Transaction::new(before(1_400)).with(Write::Alert(alert))).expect("an alert");
    }
    kpis(store);
}

fn waiting(client: &str, run: RunId, workflow: &str, step: &str, by: &str, nonce: u8) -> Value {
    let since = before(598).millis();
    json!({"run": run, "client": client, "workflow": workflow, "plan": digest(&plan("refund")), "step": step, "by": by,
        "since": since, "until": since + 4 * 3_600_000, "nonce": Digest::from_bytes([nonce; 32]), "shown": Digest::from_bytes([70; 32])})
}

fn kpis(store: &Memory) {
    let hour = before(0).millis() / 3_600_000;
    let mut transaction = Transaction::new(before(10));
    let mut count = |name: String, add: i64| transaction.writes.push(Write::Count { name, add, most: None });
    for day in 0..30_i64 {
        let at = hour - 24 * day - 2;
        let many = 18 + (day * 37 + 11) % 29 - if day % 7 == 1 || day % 7 == 2 { 12 } else { 0 };
        count(format!("kpi/acme/refund/refunds/{at}/intent.intent=refund"), many);
        count(format!("kpi/acme/refund/refunds/{at}/intent.intent=shipping"), i64::from(day == 4) * 3);
        count(format!("kpi/acme/refund/refunded/{at}/currency=EUR"), many * 4_215 + day * 311);
        count(format!("kpi/acme/reply/answered/{at}"), if day % 3 == 0 { 2 } else { 40 + day * 5 % 31 });
    }
    for (team, many) in [("billing", 4), ("products", 3)] {
        count(format!("kpi/acme/triage/sorted/{hour}/topic.team={team}"), many);
    }
    count(format!("kpi/zenith/dunning/zenith_count/{hour}"), 12);
    store.commit_now(transaction).expect("counts");
}

/// What waits for people: a refund for Lena that needs a signature, a reply that she may change, and one for Otto.
pub(super) fn questions(itself: &Itself) -> Vec<(PersonId, Shown)> {
    let of = |person: &str, workflow: &str, nonce: u8, signature: bool, values: Value, edit: Value| {
        let salt = Digest::from_bytes([60 + nonce; 32]);
        let shown = json!({
            "project": itself.project, "client": "acme", "approvers": Digest::from_bytes([2; 32]), "agent": itself.agent,
            "run": run(WAITS.0, WAITS.1), "workflow": workflow, "step": "agree", "plan": digest(&plan(workflow)), "guardrail": false,
            "by": "leads", "until": "2026-03-02T13:04:00Z", "signature": signature, "values": values, "edit": edit, "salt": salt,
            "shown": Digest::from_bytes([70; 32]), "nonce": Digest::from_bytes([nonce; 32]),
        });
        (id(person), serde_json::from_value(shown).expect("a question"))
    };
    let long = format!(
        "Hello,\n\nthe zip of my jacket broke on the second day. I would like my money back.\n\n{}\nThank you,\nRobin",
        "It rained all week. ".repeat(40)
    );
    vec![
        of(
            "lena",
            "refund",
            7,
            true,
            json!({"ticket.subject": "Broken zip, please refund", "order.id": "A-100423", "order.payment": "PSP-8812", "order.total": {"currency": "EUR", "minor": 12_990}}),
            json!([]),
        ),
        of(
            "lena",
            "reply",
            10,
            false,
            json!({
            "ticket.subject": SCRIPT, "ticket.body": long, "ticket.id": "T-58425",
            "ticket.requester": "مرحبا، أريد استرداد المال (A-100423) شكرا", "ticket.tag": "x".repeat(400),
            "reply.text": "Hello Robin,\n\nwe are sorry about the zip. You can send the jacket back within 30 days.\n\nYour Acme team",
            "reply.cited": ["returns-30-days", "warranty"]}),
            json!(["reply.text"]),
        ),
        of("otto", "reply", 9, false, json!({"ticket.subject": "otto_only", "trigger.event": "evt-18425"}), json!([])),
    ]
}

/// The newest entries of the client's ledger, newest first, among them what outsiders filled.
pub(super) fn entries() -> Vec<LedgerEntry> {
    let body = |at: u64| {
        let (kind, data) = match at % 5 {
            0 => ("accepted", json!({"id": run(1, 1).to_string(), "trigger": "webhook", "event": format!("evt-{at}")})),
            1 => (
                "intent",
                json!({"operation": "payments.refund", "keyed": "ab".repeat(32), "amount": {"minor": 12_990, "currency": "EUR"}}),
            ),
            2 => ("outcome", json!({"code": "unavailable", "status": 503})),
            3 => ("ended", json!({"outcome": "failed", "name": "unavailable"})),
            _ => ("viewed", json!({"what": "run", "why": "console"})),
        };
        let time = before(i64::try_from(18_460 - at).expect("a number") * 60).moment();
        let log = "assent/harbor/eu-production-1/acme";
        let mut entry = json!({"v": 1, "log": log, "index": at, "time": time, "kind": kind, "data": data});
        let members = entry.as_object_mut().expect("an object");
        if kind == "viewed" {
            members.insert("actor".to_owned(), json!("alice"));
        } else {
            members.insert("run".to_owned(), json!(18_400 + at % 7));
        }
        // Entries hold no free text; one of a kind that is not known yet may.
        if at == 18_426 {
            members.insert("kind".to_owned(), json!("novel"));
            members.insert("data".to_owned(), json!({"text": SCRIPT}));
        }
        entry
    };
    let entry = |at| {
        let bytes = assent_schema::canon::to_bytes(&body(at)).expect("bytes");
        LedgerEntry::from_bytes(&bytes).unwrap_or_else(|e| panic!("{}: {e}", body(at)))
    };
    (18_400..18_430).rev().map(entry).collect()
}
