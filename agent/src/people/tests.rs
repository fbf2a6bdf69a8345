//! Forged, late, borrowed and repeated answers of people.

mod challenges;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, ClientId, Name, PersonId};
use assent_schema::plan::Plan;
use assent_schema::release::{Choice, Decision};
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Signer, sign};
use serde_json::json;

use super::judge::Answer;
use super::wire::{
    Challenge, Command, CommandType, Introduction, SignedCommand, SignedDecision, SignedIn, SignedStart, Start,
    StartType,
};
use super::*;
use crate::store::{RunId, Waiting};
use crate::world::Wall;

const SALT: [u8; 32] = [9; 32];
const NOW: Wall = Wall::from_millis(1_772_442_000_000);

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn facts() -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h",
        "deciders": {"support-leads": ["lena", "tom"], "others": ["otto"]},
        "people": {"lena": {"keys": [signer(1).public().to_string()]}, "tom": {"keys": [signer(2).public().to_string()]}, "otto": {"keys": [signer(3).public().to_string()]}},
        "routes": [], "connections": {}, "limits": {"running": 1, "waiting": 1},
    }))
    .unwrap()
}

fn plan(effect: &str) -> Plan {
    plan_via(effect, &json!(["cli", "page"]))
}

fn plan_via(effect: &str, via: &serde_json::Value) -> Plan {
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "s", "purpose": "p", "mode": "live",
        "trigger": {"kind": "manual", "fields": {}}, "limits": {"timeout": "10m", "concurrency": 1}, "connections": {},
        "operations": {"shop.pay": {"record": "pay", "method": "POST", "path": "/pay", "encoding": "json", "effect": effect, "scopes": [],
            "params": {}, "response": {}, "most_bytes": 1, "timeout": "1s"}},
        "steps": [{"id": "agree", "action": {"kind": "decide", "by": "support-leads", "show": [], "within": "4h", "via": via}},
            {"id": "pay", "when": "agree.approved", "action": {"kind": "call", "operation": "shop.pay", "with": {},
                "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "support-leads"},
    }))
    .unwrap()
}

fn itself() -> Itself {
    Itself { project: digest(1), agent: AgentId::new("eu-1").unwrap() }
}

fn waiting() -> Waiting {
    Waiting {
        run: RunId::from_bytes([4; 16]),
        client: ClientId::new("acme").unwrap(),
        workflow: assent_schema::id::WorkflowId::new("refund").unwrap(),
        plan: digest(3),
        step: Name::new("agree").unwrap(),
        item: None,
        guardrail: false,
        by: assent_schema::id::GroupId::new("support-leads").unwrap(),
        since: NOW.millis(),
        until: NOW.millis() + 60_000,
        nonce: digest(5),
        shown: digest(6),
        keyed: BTreeMap::new(),
    }
}

fn decision() -> Decision {
    serde_json::from_value(json!({
        "type": "decision", "schema": 1, "project": digest(1), "client": "acme", "approvers": digest(2), "agent": "eu-1",
        "run": RunId::from_bytes([4; 16]).to_string(), "step": "agree", "plan": digest(3), "shown": digest(6), "choice": "approve",
        "nonce": digest(5), "person": "lena",
    }))
    .unwrap()
}

fn signed_by(seed: u8, decision: &Decision, namespace: Namespace) -> SignedDecision {
    let text = String::from_utf8(canon::to_bytes(decision).unwrap()).unwrap();
    let signature = sign(&signer(seed), namespace, text.as_bytes());
    SignedDecision { decision: text, signature: signature.into(), edits: BTreeMap::new() }
}

fn judged_at(signed: &SignedDecision, effect: &str, authors: &[&str], now: Wall) -> Result<Choice, NotTaken> {
    let (itself, waiting, facts, plan) = (itself(), waiting(), facts(), plan(effect));
    let authors: BTreeSet<_> = authors.iter().map(|name| person(name)).collect();
    let asked = Asked {
        itself: &itself,
        approvers: digest(2),
        waiting: &waiting,
        salt: &SALT,
        shown: b"{}",
        facts: &facts,
        plan: &plan,
        authors: &authors,
    };
    judge_signed(&asked, signed, None, now).map(|(decision, _)| decision.choice)
}

fn judged(signed: &SignedDecision) -> Result<Choice, NotTaken> {
    judged_at(signed, "money", &[], NOW)
}

#[test]
fn a_member_who_signs_this_question_decides() {
    assert_eq!(judged(&signed_by(1, &decision(), Namespace::Decision)), Ok(Choice::Approve));
    let refuse = Decision { choice: Choice::Refuse, ..decision() };
    assert_eq!(judged(&signed_by(1, &refuse, Namespace::Decision)), Ok(Choice::Refuse));
}

#[test]
fn a_forgery_is_refused_before_anything_else() {
    assert_eq!(
        judged(&signed_by(2, &decision(), Namespace::Decision)),
        Err(NotTaken::BadSignature),
        "another member's key"
    );
    assert_eq!(
        judged(&signed_by(9, &decision(), Namespace::Decision)),
        Err(NotTaken::BadSignature),
        "a stranger's key"
    );
    assert_eq!(
        judged(&signed_by(1, &decision(), Namespace::Console)),
        Err(NotTaken::BadSignature),
        "another namespace"
    );
    let mut changed = signed_by(1, &Decision { choice: Choice::Refuse, ..decision() }, Namespace::Decision);
    changed.decision = changed.decision.replace("refuse", "approve");
    assert_eq!(judged(&changed), Err(NotTaken::BadSignature));
    let nobody = Decision { person: person("nobody"), ..decision() };
    assert_eq!(judged(&signed_by(1, &nobody, Namespace::Decision)), Err(NotTaken::BadSignature));
    let mut spaced = signed_by(1, &decision(), Namespace::Decision);
    spaced.decision.insert(1, ' ');
    assert_eq!(judged(&spaced), Err(NotTaken::BadForm));
}

#[test]
fn a_decision_is_about_one_question_of_one_agent() {
    for (other, wanted) in [
        (Decision { project: digest(9), ..decision() }, NotTaken::OtherQuestion),
        (Decision { agent: AgentId::new("eu-2").unwrap(), ..decision() }, NotTaken::OtherQuestion),
        (Decision { client: ClientId::new("zenith").unwrap(), ..decision() }, NotTaken::OtherQuestion),
        (Decision { approvers: digest(9), ..decision() }, NotTaken::OtherQuestion),
        (Decision { run: "00".repeat(16), ..decision() }, NotTaken::OtherQuestion),
        (Decision { step: Name::new("other").unwrap(), ..decision() }, NotTaken::OtherQuestion),
        (Decision { plan: digest(9), ..decision() }, NotTaken::OtherQuestion),
        (Decision { nonce: digest(9), ..decision() }, NotTaken::OtherQuestion),
        (Decision { shown: digest(9), ..decision() }, NotTaken::OtherShown),
        (Decision { edits: Some(digest(9)), ..decision() }, NotTaken::OtherEdits),
    ] {
        assert_eq!(judged(&signed_by(1, &other, Namespace::Decision)), Err(wanted));
    }
}

#[test]
fn only_members_decide_and_authors_never_about_money() {
    let otto = Decision { person: person("otto"), ..decision() };
    assert_eq!(judged(&signed_by(3, &otto, Namespace::Decision)), Err(NotTaken::NotInGroup));
    let lena = signed_by(1, &decision(), Namespace::Decision);
    assert_eq!(judged_at(&lena, "money", &["lena"], NOW), Err(NotTaken::Author));
    assert_eq!(judged_at(&lena, "message", &["lena"], NOW), Ok(Choice::Approve));
    assert_eq!(judged_at(&lena, "money", &["tom"], NOW), Ok(Choice::Approve));
}

#[test]
fn within_passed_means_no() {
    let lena = signed_by(1, &decision(), Namespace::Decision);
    let until = Wall::from_millis(waiting().until);
    assert_eq!(judged_at(&lena, "money", &[], Wall::from_millis(until.millis() - 1)), Ok(Choice::Approve));
    assert_eq!(judged_at(&lena, "money", &[], until), Err(NotTaken::TooLate));
}

#[test]
fn what_was_edited_is_what_was_signed() {
    let edits = BTreeMap::from([("draft.text".to_owned(), "better".to_owned())]);
    let with = Decision { edits: edits_digest(&SALT, &edits).unwrap(), ..decision() };
    let mut signed = signed_by(1, &with, Namespace::Decision);
    assert_eq!(judged(&signed), Err(NotTaken::OtherEdits), "left out");
    signed.edits = edits;
    assert_eq!(judged(&signed), Ok(Choice::Approve));
    signed.edits.insert("draft.text".to_owned(), "worse".to_owned());
    assert_eq!(judged(&signed), Err(NotTaken::OtherEdits));
    let mut added = signed_by(1, &decision(), Namespace::Decision);
    added.edits = signed.edits;
    assert_eq!(judged(&added), Err(NotTaken::OtherEdits));
}

/// A yes on the page by somebody who is signed in.
fn agreed(person: &PersonId) -> Answer<'_> {
    Answer {
        person,
        choice: Choice::Approve,
        shown: digest(6),
        nonce: digest(5),
        strength: Strength::Account,
        through: Through::Page,
        edited: false,
    }
}

#[test]
fn money_needs_a_signature_and_a_note_does_not() {
    let (itself, mut waiting, facts, authors) = (itself(), waiting(), facts(), BTreeSet::new());
    let lena = person("lena");
    let answer = agreed(&lena);
    let judged = |waiting: &Waiting, plan: &Plan| {
        judge(
            &Asked {
                itself: &itself,
                approvers: digest(2),
                waiting,
                salt: &SALT,
                shown: b"{}",
                facts: &facts,
                plan,
                authors: &authors,
            },
            &answer,
            NOW,
        )
    };
    assert_eq!(judged(&waiting, &plan("money")), Err(NotTaken::TooWeak));
    assert_eq!(judged(&waiting, &plan("draft")), Ok(()));
    waiting.guardrail = true;
    assert_eq!(judged(&waiting, &plan("draft")), Err(NotTaken::TooWeak));
}

#[test]
fn a_question_is_answered_where_the_client_signed_that_it_is_asked() {
    let (itself, waiting, facts, authors) = (itself(), waiting(), facts(), BTreeSet::new());
    let guard = Waiting { guardrail: true, ..waiting.clone() };
    let desk = "desk".parse().unwrap();
    for (via, page, cli, chat) in [
        (json!(["page"]), true, false, false),
        (json!(["cli"]), false, true, false),
        (json!(["cli", "page"]), true, true, false),
        // What may not be shown there leads to the agent's own.
        (json!([{"slack": "desk"}]), true, true, true),
        (json!([{"slack": "other"}]), true, true, false),
    ] {
        let plan = plan_via("draft", &via);
        let asked = |waiting| Asked {
            itself: &itself,
            approvers: digest(2),
            waiting,
            salt: &SALT,
            shown: b"{}",
            facts: &facts,
            plan: &plan,
            authors: &authors,
        };
        let found =
            [Through::Page, Through::Cli, Through::Chat(&desk)].map(|through| asked(&waiting).is_asked_on(through));
        assert_eq!(found, [page, cli, chat], "{via}");
        let above =
            [Through::Page, Through::Cli, Through::Chat(&desk)].map(|through| asked(&guard).is_asked_on(through));
        assert_eq!(above, [true, true, false], "{via}");
        let lena = person("lena");
        let answer = agreed(&lena);
        let judged = judge(&asked(&waiting), &answer, NOW);
        assert_eq!(judged, if page { Ok(()) } else { Err(NotTaken::NotHere) }, "{via}");
    }
}

fn known(_: &ClientId, who: &PersonId) -> Keys {
    facts().people.get(who).map(|person| Keys::read(&person.keys)).unwrap_or_default()
}

fn known_at(at: Option<&ClientId>, who: &PersonId) -> Keys {
    at.map(|at| known(at, who)).unwrap_or_default()
}

#[test]
fn views_are_facts_of_who_saw_what() {
    let transaction = access::viewed(&ClientId::new("acme").unwrap(), &person("lena"), &[&waiting()], NOW);
    assert_eq!(transaction.writes.len(), 2);
}

#[test]
fn the_page_of_formats_shows_a_hash_of_edits() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md")).unwrap();
    let edits = [("reply".to_owned(), "Hello".to_owned())].into();
    let hash = edits_digest(&[7; 32], &edits).unwrap().unwrap();
    assert!(page.contains(&format!("it is `{hash}`")), "{hash}");
}

/// A plan that pays what it is told, once or for each item.
fn paying(amount: &str, show: &[&str], in_each: bool) -> Plan {
    let money = json!({"type": "money", "wire": {"value": "cents", "currency": {"at": "currency"}, "unit": "minor"}});
    let mut plan = serde_json::to_value(plan("money")).unwrap();
    plan["operations"]["shop.pay"]["params"] =
        json!({"sum": {"place": "body", "at": "sum", "shape": money, "class": "reference", "amount": true}});
    let decide = json!({"id": "agree", "action": {"kind": "decide", "by": "support-leads", "show": show, "within": "4h", "via": ["page", "cli"]}});
    let pay = json!({"id": "pay", "action": {"kind": "call", "operation": "shop.pay", "with": {"sum": amount},
        "retry": {"attempts": 1, "first": "1s", "most": "1s"}}});
    plan["steps"] = if in_each {
        json!([decide, {"id": "all", "action": {"kind": "each", "over": "trigger.items", "item": "item", "key": "item", "max": 9,
            "parallel": 1, "on_error": "stop", "steps": [pay]}}])
    } else {
        json!([decide, pay])
    };
    serde_json::from_value(plan).unwrap()
}

#[test]
fn an_account_decides_on_money_only_where_all_of_it_was_shown() {
    let shown = json!({"order.total": {"currency": "EUR", "minor": 1_200}, "order.id": "O-1"});
    let shown = shown.as_object().unwrap();
    let staked = |amount: &str, show: &[&str], in_each| {
        stake::stake(&paying(amount, show, in_each), &waiting().step, shown).map(|sums| sums.get("EUR").copied())
    };
    assert_eq!(staked("${order.total}", &["order.total"], false), Some(Some(1_200)));
    for (amount, show, in_each, why) in [
        ("${order.total}", &["order.id"][..], false, "not shown"),
        ("${order.id}", &["order.id"], false, "no amount"),
        ("${order.total * 10}", &["order.total"], false, "not the amount that was shown"),
        ("${order.total}", &["order.total"], true, "paid for each item of a list"),
    ] {
        assert_eq!(staked(amount, show, in_each), None, "{why}");
    }
    let negative = json!({"order.total": {"currency": "EUR", "minor": -1}});
    assert_eq!(
        stake::stake(
            &paying("${order.total}", &["order.total"], false),
            &waiting().step,
            negative.as_object().unwrap()
        ),
        None
    );
}

#[test]
fn what_a_chat_sends_is_read_strictly() {
    use chat::{Said, helpdesk, slack};
    let press = |payload: serde_json::Value| {
        let body =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        slack::said(body.as_bytes())
    };
    let good = json!({"type": "block_actions", "user": {"id": "U1", "team_id": "T1"}, "actions": [{"action_id": "assent_no", "value": "ab"}]});
    let said = Said { account: "T1/U1".into(), question: "ab".into(), choice: Choice::Refuse };
    assert_eq!(press(good.clone()), Ok(Some(said)));
    let changed = |path: &str, value: serde_json::Value| {
        let mut json = good.clone();
        *json.pointer_mut(path).unwrap() = value;
        press(json)
    };
    assert_eq!(changed("/type", json!("view_submission")), Ok(None));
    assert_eq!(changed("/actions/0/action_id", json!("assent_open")), Ok(None));
    assert_eq!(changed("/user", json!({})), Err(slack::NotAnAnswer));
    let twice = json!([{"action_id": "assent_yes", "value": "ab"}, {"action_id": "assent_yes", "value": "cd"}]);
    assert_eq!(changed("/actions", twice), Err(slack::NotAnAnswer));
    for bad in ["", "payload=", "payload={}&payload={}", "other={}", "payload=%7B"] {
        assert_eq!(slack::said(bad.as_bytes()), Err(slack::NotAnAnswer), "{bad}");
    }
    let code = "0123456789abcdef";
    assert_eq!(helpdesk::said(&format!("Yes {code}\n")), Some((Choice::Approve, code.to_owned())));
    for no in
        ["", "yes", code, "yes 0123", "yes 0123456789ABCDEF", "yes 0123456789abcdef please", "> yes 0123456789abcdef"]
    {
        assert_eq!(helpdesk::said(no), None, "{no}");
    }
}
