//! Logs that the agent itself could have signed and that are not what happened: the report says which promise each breaks and
//! why, and of the others nothing but that the checkpoint which the agent published is of another log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kind;
use super::world::{Broken, Rewrite, WORLD};

/// The promises that every rewritten log breaks, by the checkpoint that was published.
const REWRITTEN: [&str; 3] = ["P10", "P11", "P14"];

/// The report says so of these promises, and of no other; where the auditor looks, it agrees.
fn is_seen(rewrite: Rewrite, wanted: &[(&str, &str)], audited: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let against = WORLD.against(&WORLD.broken(folder.path(), Broken::Ledger(rewrite)).1);
    for (promise, why) in wanted {
        assert!(against.iter().any(|(id, said)| id == promise && said.contains(why)), "{promise} {why}: {against:#?}");
    }
    let broken: BTreeSet<&str> = against.iter().map(|(id, _)| id.as_str()).collect();
    let known: BTreeSet<&str> = REWRITTEN.into_iter().chain(wanted.iter().map(|(promise, _)| *promise)).collect();
    assert!(broken.is_subset(&known), "{broken:?} and not only {known:?}: {against:#?}");
    if let Some(promise) = audited {
        let folder = tempfile::tempdir().expect("a folder");
        let part = WORLD.broken(folder.path(), Broken::Ledger(rewrite));
        let why = WORLD.audit(promise, &[part]).expect_err("the auditor confirms it");
        assert!(why.starts_with("refuted: "), "{why}");
    }
}

/// The first decision, or what was done after it.
fn decided(entries: &mut [Value]) -> &mut Value {
    kind(entries, "decided").next().expect("a decision")
}

fn paid(entries: &mut [Value]) -> &mut Value {
    kind(entries, "intent").find(|entry| entry["data"].get("amount").is_some()).expect("a payment")
}

/// An entry after all others, by somebody whom nobody knows.
fn append(entries: &mut Vec<Value>, kind: &str, data: Value) {
    let mut last = entries.last().expect("an entry").clone();
    last.as_object_mut().expect("an entry").retain(|name, _| ["v", "log", "index", "time"].contains(&name.as_str()));
    last["kind"] = kind.into();
    last["actor"] = "mallory".into();
    last["data"] = data;
    entries.push(last);
}

/// A run after all others, of a plan.
fn begin(entries: &mut Vec<Value>, plan: &Value) -> Value {
    let mut begun = kind(entries, "accepted").last().expect("a run").clone();
    begun["run"] = json!(begun["run"].as_u64().expect("a number") + 1);
    begun["plan"] = plan.clone();
    begun["time"] = entries.last().expect("an entry")["time"].clone();
    begun["data"]["id"] = "ff".repeat(16).into();
    entries.push(begun.clone());
    begun
}

#[test]
fn a_log_that_is_other_than_what_was_published_is_seen() {
    let why = "is of another log: this one was rewritten";
    let other = [("P10", why), ("P11", why), ("P14", why)];
    let left_out: Rewrite = |entries| {
        let withdrawn = |entry: &Value| entry["kind"] == "statement" && entry["data"]["decision"] == "withdraw";
        entries.retain(|entry| !withdrawn(entry));
    };
    let with = [&other[..], &[("P25", "no entry says that it was taken up")]].concat();
    is_seen(left_out, &with, Some("P11"));
    let root: Rewrite = |entries| entries[0]["data"]["root"] = "f".repeat(64).into();
    is_seen(root, &[("P11", "which the source has not")], Some("P11"));
    let heads: Rewrite = |entries| {
        kind(entries, "tick").next().expect("a tick")["data"]["heads"][0]["root"] = "f".repeat(64).into();
    };
    is_seen(heads, &[("P11", "names another root over")], Some("P11"));
}

#[test]
fn a_decision_that_is_not_signed_as_it_says_is_seen() {
    let spoilt: Rewrite = |entries| {
        let signature = &mut decided(entries)["data"]["signature"];
        let text = signature.as_str().expect("an armour").to_owned();
        let (at, old) = text.char_indices().filter(|(_, c)| *c != '\n').nth(200).expect("a digit");
        let new = if old == 'A' { 'B' } else { 'A' };
        *signature = text.char_indices().map(|(i, c)| if i == at { new } else { c }).collect::<String>().into();
    };
    is_seen(spoilt, &[("P11", "no key of lena signed it")], Some("P11"));
    let refused: Rewrite = |entries| {
        let signed = &mut decided(entries)["data"]["decision"];
        *signed = signed.as_str().expect("a text").replace("approve\"", "refuse\"").into();
    };
    is_seen(refused, &[("P11", "another choice was signed")], Some("P11"));
    let unsigned: Rewrite = |entries| {
        let data = decided(entries)["data"].as_object_mut().expect("data");
        data.retain(|name, _| !["signature", "decision", "nonce"].contains(&name.as_str()));
    };
    is_seen(unsigned, &[("P11", "who agreed at `agree` did not sign")], Some("P11"));
    let nobody: Rewrite = |entries| {
        decided(entries)["actor"] = "mallory".into();
        kind(entries, "viewed").for_each(|entry| entry["actor"] = "mallory".into());
    };
    let why = [("P10", "rewritten"), ("P11", "mallory was not in the group support-leads")];
    is_seen(nobody, &why, Some("P11"));
}

#[test]
fn what_is_done_by_whom_nobody_knows_is_seen() {
    let looks: Rewrite = |entries| append(entries, "viewed", json!({"what": "ledger", "why": "command"}));
    is_seen(looks, &[("P10", "`viewed` of")], Some("P10"));
    let handles: Rewrite = |entries| {
        append(entries, "handled", json!({"id": "ff".repeat(16), "what": "done", "why": "x"}));
    };
    is_seen(handles, &[("P10", "names mallory, whom neither"), ("P11", "`handled`")], Some("P10"));
    let answers: Rewrite = |entries| {
        let incident = json!({"id": "i-5", "state": "acknowledged", "severity": "critical", "cause": "workflow-off"});
        append(entries, "incident", incident);
    };
    is_seen(answers, &[("P10", "`incident` of")], None);
    let engineer: Rewrite = |entries| {
        let bruno = |entry: &&mut Value| entry["actor"] == "bruno" && entry["kind"] == "rolled-back";
        entries.iter_mut().find(bruno).expect("a rollback by hand")["actor"] = "lena".into();
    };
    is_seen(engineer, &[("P10", "names lena, who was not on call then")], None);
}

#[test]
fn a_statement_that_is_nowhere_and_one_that_was_passed_over_are_seen() {
    let invented: Rewrite = |entries| {
        append(entries, "statement", json!({"digest": "ef".repeat(32), "decision": "approve"}));
        entries.last_mut().expect("an entry").as_object_mut().expect("an entry").remove("actor");
    };
    is_seen(invented, &[("P25", "neither the source nor a release holds it")], Some("P25"));
    let turned: Rewrite = |entries| {
        let withdrawn = |entry: &&mut Value| entry["data"]["decision"] == "withdraw";
        let statement = kind(entries, "statement").find(withdrawn).expect("a withdrawal");
        statement["data"]["decision"] = "approve".into();
    };
    is_seen(turned, &[("P25", "the file of that digest says something else")], Some("P25"));
    let passed: Rewrite = |entries| {
        entries.retain(|entry| entry["kind"] != "statement" || entry["data"]["decision"] != "withdraw");
    };
    is_seen(passed, &[("P25", "(withdraw), and no entry says that it was taken up")], None);
}

#[test]
fn what_was_done_without_an_approval_of_then_is_seen() {
    let before: Rewrite = |entries| {
        let approved = |entry: &Value| entry["kind"] == "statement" && entry["data"]["decision"] == "approve";
        let last = entries.iter().rposition(approved).expect("the second approval");
        entries.remove(last);
    };
    is_seen(before, &[("P25", "and nobody had approved that then, by the statements that it had taken up")], None);
}

#[test]
fn a_clock_that_was_set_later_and_a_client_that_had_not_left_are_seen() {
    let later: Rewrite = |entries| {
        let opened = kind(entries, "incident").find(|entry| entry["data"]["state"] == "opened").expect("an incident");
        opened["data"]["respond_by"] = "2999-01-01T00:00:00Z".into();
    };
    is_seen(later, &[("P20", "is to be answered by 2999-01-01T00:00:00Z, and the client's plan says by")], Some("P20"));
    let written: Rewrite = |entries| {
        let shared = kind(entries, "incident").find(|entry| entry["data"]["state"] == "shared").expect("a post-mortem");
        shared["data"]["state"] = "written".into();
    };
    is_seen(written, &[("P22", "was not shared, and its client had not left")], None);
}

#[test]
fn a_plan_that_was_deployed_and_a_request_that_came_to_nothing_are_seen() {
    let deployed: Rewrite = |entries| {
        kind(entries, "deployed").next().expect("a plan")["plan"] = "e".repeat(64).into();
    };
    is_seen(deployed, &[("P16", "which no release up to then names")], None);
    let silent: Rewrite = |entries| {
        let paid = |entry: &Value| entry["kind"] == "outcome" && entry["step"] == "pay";
        let last = entries.iter().rposition(paid).expect("a payment");
        entries.remove(last);
    };
    is_seen(silent, &[("P11", "and no entry says what payments.refund at `pay` came to")], None);
}

#[test]
fn a_withdrawal_that_an_engineer_takes_out_of_the_source_is_seen() {
    let against = WORLD.against_without("2-withdraw.toml");
    let why = "and the source has it not";
    assert!(against.iter().any(|(id, said)| id == "P25" && said.contains(why)), "{against:#?}");
    assert!(against.iter().all(|(id, _)| ["P25", "P16"].contains(&id.as_str())), "{against:#?}");
}

#[test]
fn attempts_that_could_not_be_are_seen() {
    let many: Rewrite = |entries| {
        let mut again =
            kind(entries, "intent").filter(|entry| entry["step"] == "order").last().expect("a read").clone();
        again["attempt"] = 40.into();
        again["time"] = entries.last().expect("an entry")["time"].clone();
        entries.push(again);
    };
    is_seen(many, &[("P18", "began shop.get_order at `order`")], Some("P18"));
}

#[test]
fn a_plan_that_went_back_and_was_not_readmitted_by_name_is_seen() {
    let again: Rewrite = |entries| {
        let failed = |entry: &&mut Value| entry["data"]["why"] == "failure-rate";
        let plan = kind(entries, "rolled-back").find(failed).expect("a plan that failed")["data"]["from"].clone();
        begin(entries, &plan);
    };
    is_seen(again, &[("P17", "went back and began a run")], Some("P17"));
}

#[test]
fn each_release_that_was_taken_up_is_held_against_the_branch() {
    let second: Rewrite = |entries| {
        kind(entries, "released").nth(1).expect("a second release")["data"]["manifest"] = "f".repeat(64).into();
    };
    is_seen(second, &[("P16", "and the branch never held that")], Some("P16"));
}

#[test]
fn each_run_that_failed_alone_is_seen() {
    let silent: Rewrite = |entries| {
        let plan = kind(entries, "accepted").last().expect("a run")["plan"].clone();
        let mut ended = begin(entries, &plan);
        ended["kind"] = "ended".into();
        ended["data"] = json!({"outcome": "failed", "name": "not_found"});
        entries.push(ended);
    };
    let why = "ended failed at";
    is_seen(silent, &[("P12", why), ("P19", why)], Some("P19"));
}

#[test]
fn what_was_done_beyond_plan_guardrail_and_end_is_seen() {
    let more: Rewrite = |entries| paid(entries)["data"]["amount"]["minor"] = 99_999_999.into();
    is_seen(more, &[("P25", "above what the client's guardrail allows for a day")], Some("P11"));
    let other: Rewrite = |entries| {
        kind(entries, "intent").next().expect("an intent")["data"]["operation"] = "shop.delete_everything".into();
    };
    is_seen(other, &[("P25", "which its plan does not say")], None);
    let unknown: Rewrite = |entries| {
        entries.iter_mut().filter(|entry| entry["run"] == 2).for_each(|entry| entry["plan"] = "e".repeat(64).into());
    };
    is_seen(unknown, &[("P16", "which no release up to then names")], Some("P11"));
    let after: Rewrite = |entries| {
        let again = paid(entries).clone();
        let end = |entry: &Value| entry["kind"] == "ended" && entry["run"] == again["run"];
        let end = entries.iter().position(end).expect("an end");
        let mut again = again.clone();
        again["time"] = entries[end]["time"].clone();
        entries.insert(end + 1, again);
    };
    let again = ("P18", "as attempt 1, and the one before was attempt 1");
    is_seen(after, &[("P11", "had ended, and went on at"), again], Some("P11"));
}
