//! An outside that says something else each time it is asked, and workflows that pay what it says: what stories about money are
//! told with.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::run::Compiled;
use assent_agent::sim::{Crash, Point, Reply, Service, Strike};
use assent_agent::store::{Entry, JournalRow, RunFilter, Store as _};
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure, Wall};
use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::plan::Plan;
use assent_schema::release::Choice;
use assent_schema::scenario::Tests;
use serde_json::{Value, json};

use crate::story::{Answers, Story, Workflow, workflow};

/// Up to this much goes out by itself, in minor units.
pub(crate) const PER_CALL: i64 = 10_000;

/// A payment that leaves: for which payment, and how much.
pub(crate) type Paid = (String, i64);

/// How the payments answer a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// It is done, and said so.
    Does,
    /// It is done, and the answer is lost.
    Loses,
    /// It is done, and the answer is one of 503.
    Breaks,
    /// Nothing is done, and nobody is told.
    Drops,
    /// Nothing is done: 429, to be asked again after so many seconds.
    Busy(u32),
}

/// What the outside does, in order; the last again and again.
#[derive(Clone, Default)]
pub(crate) struct Course {
    /// What the shop says each time: the payment, and the total of the order.
    pub(crate) orders: Vec<Paid>,
    /// How the payments answer.
    pub(crate) pays: Vec<How>,
}

/// Everything outside.
pub(crate) struct Outside {
    course: Course,
    reads: usize,
    pays: usize,
    seen: Seen,
}

/// What was paid, with the key that came along.
type Done = (Paid, Option<String>);

/// Headers of an answer.
type Headers = Vec<(String, Content<Vec<u8>>)>;

/// Makes the step that pays what another one read.
type Pays<'a> = dyn Fn(&str) -> Value + 'a;

/// What happened outside.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// What was done.
    done: Arc<Mutex<Vec<Done>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    pub(crate) fn paid(&self) -> Vec<Paid> {
        self.done.lock().expect("a lock").iter().map(|(paid, _)| paid.clone()).collect()
    }

    /// What was asked by reads that confirm.
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().expect("a lock").iter().cloned().collect()
    }
}

fn nth<T: Clone>(course: &[T], place: &mut usize) -> T {
    let one = course.get(*place).or(course.last()).expect("a course").clone();
    *place += 1;
    one
}

impl Outside {
    pub(crate) fn new(course: Course) -> (Self, Seen) {
        let seen = Seen::default();
        (Self { course, reads: 0, pays: 0, seen: seen.clone() }, seen)
    }

    fn order(&mut self) -> Value {
        let (payment, total) = nth(&self.course.orders, &mut self.reads);
        json!({"id": payment, "payment": payment, "total": {"value": total, "currency": "EUR"}})
    }

    fn pay(&mut self, request: &HttpRequest) -> Result<(u16, Headers), NetFailure> {
        let body: Value = serde_json::from_slice(request.body.reveal()).expect("JSON");
        let text = |at: &str| body.get(at).and_then(Value::as_str).expect("a text").to_owned();
        let amount = body.pointer("/amount/value").and_then(Value::as_i64).expect("an amount");
        let key = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        let key = key.map(|(_, key)| String::from_utf8_lossy(key.reveal()).into_owned());
        let how = nth(&self.course.pays, &mut self.pays);
        if matches!(how, How::Does | How::Loses | How::Breaks) {
            let mut done = self.seen.done.lock().expect("a lock");
            if key.is_none() || !done.iter().any(|(_, before)| *before == key) {
                done.push(((text("payment"), amount), key));
            }
        }
        match how {
            How::Does => Ok((201, Vec::new())),
            How::Loses | How::Drops => Err(NetFailure::SentNoReply),
            How::Breaks => Ok((503, Vec::new())),
            How::Busy(seconds) => {
                Ok((429, vec![("retry-after".to_owned(), Content::new(seconds.to_string().into_bytes()))]))
            }
        }
    }
}

impl Service for Outside {
    fn answer(&mut self, _: Wall, request: HttpRequest) -> Reply {
        let after = Duration::from_millis(20);
        let ok = |body: &Value| (200, Vec::new(), body.to_string().into_bytes());
        let result = match request.operation.to_string().as_str() {
            "shop.get_order" => Ok(ok(&self.order())),
            "shop.list_orders" => Ok(ok(&json!({"orders": [self.order(), self.order(), self.order()]}))),
            "payments.pay" => self.pay(&request).map(|(status, headers)| (status, headers, b"{}".to_vec())),
            "payments.find" => {
                let target = request.target.reveal();
                let payment = target.rsplit('/').next().unwrap_or_default().to_owned();
                let is_done = self.seen.paid().iter().any(|(done, _)| *done == payment);
                self.seen.asked.lock().expect("a lock").push(payment);
                Ok(ok(&json!({"state": if is_done { "paid" } else { "open" }})))
            }
            other => panic!("{other} is not there"),
        };
        let response = |(status, headers, body)| HttpResponse { status, headers, body: Content::new(body) };
        Reply { result: result.map(response), after }
    }
}

/// Reads an order and pays what it says; `change` is made to the operation that pays.
pub(crate) fn paying(change: &[(&str, Value)], on_error: &[&str]) -> Workflow {
    made(change, &|pay| {
        let order = json!({"id": "order", "action": {"kind": "call", "operation": "shop.get_order", "with": {},
            "retry": {"attempts": 3, "first": "1s", "most": "1s"}}});
        let mut pay = pay("order");
        if !on_error.is_empty() {
            pay["continue_on"] = json!(on_error);
        }
        vec![order, pay]
    })
}

/// Pays each order of a list, two at a time.
pub(crate) fn paying_each(change: &[(&str, Value)]) -> Workflow {
    made(change, &|pay| {
        let list = json!({"id": "list", "action": {"kind": "call", "operation": "shop.list_orders", "with": {},
            "retry": {"attempts": 3, "first": "1s", "most": "1s"}}});
        let each = json!({"id": "all", "action": {"kind": "each", "over": "list.items", "item": "one", "key": "one.id", "max": 9,
            "parallel": 2, "on_error": "collect", "steps": [pay("one")]}});
        vec![list, each]
    })
}

fn made(change: &[(&str, Value)], steps: &dyn Fn(&Pays<'_>) -> Vec<Value>) -> Workflow {
    let base = workflow("acme", "refund");
    let token = json!({"type": "token"});
    let money = json!({"type": "money", "wire": {"currency": {"at": "currency"}, "unit": "minor", "value": "value"}});
    let fact =
        |at: &str, shape: &Value| json!({"at": at, "shape": shape, "class": "reference", "written_by": "system"});
    let fields = json!({"id": fact("id", &token), "payment": fact("payment", &token), "total": fact("total", &money)});
    let read = |path: &str, params: Value, response: Value| {
        json!({"record": "r", "method": "GET", "path": path, "encoding": "json", "effect": "none", "scopes": [],
            "params": params, "response": response, "reread": true, "most_bytes": 4096, "timeout": "10s"})
    };
    let mut operation = json!({
        "record": "refund", "method": "POST", "path": "/refunds", "encoding": "json", "effect": "money", "scopes": [],
        "params": {
            "payment": {"place": "body", "at": "payment", "shape": token, "class": "reference", "target": true},
            "amount": {"place": "body", "at": "amount", "shape": money, "class": "reference", "amount": true}},
        "errors": [{"status": [503], "kind": "transient", "code": "unavailable"}],
        "response": {}, "not_executed": [429], "most_bytes": 4096, "timeout": "15s"});
    for (member, value) in change {
        operation[*member] = value.clone();
    }
    let pay = |of: &str| {
        json!({"id": "pay", "action": {"kind": "call", "operation": "payments.pay",
            "with": {"payment": format!("${{{of}.payment}}"), "amount": format!("${{{of}.total}}")},
            "retry": {"attempts": 3, "first": "1s", "most": "1m"}}})
    };
    let list = json!({"type": "list", "most": 9, "of": {"at": "", "class": "reference", "written_by": "system",
        "shape": {"type": "record", "fields": fields}}});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "pay", "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "manual", "fields": {"day": {"at": "day", "shape": token, "class": "reference", "written_by": "system"}}},
        "limits": {"timeout": "2h", "concurrency": 1},
        "connections": {"shop": {"integration": "shop"}, "payments": {"integration": "adyen"}},
        "operations": {
            "shop.get_order": read("/order", json!({}), fields),
            "shop.list_orders": read("/orders", json!({}), json!({"items": {"at": "orders", "class": "content", "written_by": "system", "shape": list}})),
            "payments.pay": operation,
            "payments.find": read("/refunds/{of}", json!({"of": {"place": "path", "at": "of", "shape": token, "class": "reference"}}),
                json!({"state": fact("state", &token)})),
        },
        "steps": steps(&pay),
        "fallback": {"queue": "support"},
    });
    let tests = json!({
        "type": "tests", "schema": 1, "client": "acme", "workflow": "pay",
        "scenarios": [{"name": "a payment", "at": "2026-03-02T09:00:00Z", "event": r#"{"day":"monday"}"#, "replies": [],
            "expect": {"outcome": "done"}}],
    });
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let tests: Tests = serde_json::from_value(tests).expect("tests");
    let mut facts = ClientFacts::clone(&base.facts);
    facts.guardrails = guardrails(PER_CALL, 20_000);
    Workflow {
        compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")),
        tests,
        facts: Arc::new(facts),
    }
}

fn guardrails(per_call: i64, per_day: i64) -> Vec<Guardrail> {
    serde_json::from_value(
        json!([{"operation": "payments.pay", "currency": "EUR", "per_call": per_call, "per_day": per_day,
        "per_day_count": 9, "by": "support-leads"}]),
    )
    .expect("guardrails")
}

/// The same client with other guardrails.
pub(crate) fn limited(workflow: &Workflow, per_call: i64, per_day: i64) -> Arc<ClientFacts> {
    let mut facts = ClientFacts::clone(&workflow.facts);
    facts.guardrails = guardrails(per_call, per_day);
    Arc::new(facts)
}

pub(crate) fn idempotent() -> (&'static str, Value) {
    ("idempotency", json!({"place": "header", "at": "Idempotency-Key", "lives": "1d"}))
}

pub(crate) fn confirmed() -> (&'static str, Value) {
    (
        "confirm",
        json!({"operation": "find", "with": {"of": "payment"}, "field": "state", "equals": "paid", "settles": "30s"}),
    )
}

pub(crate) fn order(payment: &str, total: i64) -> Paid {
    (payment.to_owned(), total)
}

pub(crate) fn story<'a>(workflow: &'a Workflow, course: &Course) -> (Story<'a>, Seen) {
    let (outside, seen) = Outside::new(course.clone());
    (Story::behind(workflow, workflow.tests.scenarios.first().expect("a scenario"), 7, |_| outside), seen)
}

/// The journal of the one run, and the codes with which it ended and its parts failed.
pub(crate) fn journal(story: &Story<'_>) -> Vec<JournalRow> {
    let store = story.store();
    let runs = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
    store.journal(runs.first().expect("a run").run).expect("read")
}

pub(crate) fn code(story: &Story<'_>) -> Option<String> {
    journal(story).into_iter().find_map(|row| match row.entry {
        Entry::Ended { code, .. } => code,
        _ => None,
    })
}

/// Where a process dies that has just written what came of the first request that pays.
pub(crate) fn after_first_pay(workflow: &Workflow, course: &Course) -> u64 {
    let (calm, _) = story(workflow, course);
    calm.live(|_, _| {});
    let points = calm.host.points();
    // The first request reads the order.
    let requests = points.iter().enumerate().filter(|(_, point)| **point == Point::Request).map(|(at, _)| at);
    u64::try_from(requests.skip(1).map(|at| at + 1).next().expect("a payment")).expect("few points")
}

/// A story in which the machine dies once, after what came of the first request that pays was written.
pub(crate) fn restarted<'a>(workflow: &'a Workflow, course: &Course, answers: Option<Answers>) -> (Story<'a>, Seen) {
    let at = after_first_pay(workflow, course);
    let (story, seen) = story(workflow, course);
    let story = Story { answers, ..story };
    story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike: Strike::After })));
    (story, seen)
}

/// What the day's sum of amounts says.
pub(crate) fn counted(story: &Story<'_>) -> i64 {
    let sums = story.store().sums("guard/acme/payments.pay/sum/").expect("read");
    sums.into_iter().map(|(_, sum)| sum).sum()
}

/// Somebody who says the same to every question, and what they said yes to.
pub(crate) fn everything(choice: Choice) -> (Answers, Arc<Mutex<BTreeSet<Paid>>>) {
    let shown = Arc::<Mutex<BTreeSet<Paid>>>::default();
    let sees = Arc::clone(&shown);
    let answers: Answers = Arc::new(move |question| {
        let json: Value = serde_json::from_slice(question.shown.reveal()).expect("JSON");
        let text = |at: &str| json.pointer(at).map(ToString::to_string).unwrap_or_default();
        if choice == Choice::Approve {
            sees.lock().expect("a lock").insert((text("/payment").replace('"', ""), digits(&text("/amount"))));
        }
        Some(choice)
    });
    (answers, shown)
}

/// The minor units of an amount as it is shown.
fn digits(shown: &str) -> i64 {
    shown.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("an amount")
}
