use assent_schema::ledger::Origin;
use serde_json::json;

use super::*;
use crate::incident::case::Done;
use crate::incident::lack::{Lack, check, not_so};
use crate::store::{Alert, AlertRow};
use crate::world::Wall;

fn case() -> Case {
    let alert = Alert {
        rule: assent_schema::alert::Rule::RunFailed,
        client: Some("acme".parse().unwrap()),
        workflow: Some("refund".parse().unwrap()),
        connection: Some("payments".parse().unwrap()),
        code: "http_503".into(),
        run: None,
        incident: true,
        by: None,
        about: None,
    };
    let at: Moment = "2026-06-01T10:00:00Z".parse().unwrap();
    let at = Wall::from_millis(at.seconds() * 1_000);
    let row = AlertRow {
        no: 7,
        alert,
        since: at,
        last: at,
        count: 3,
        sent: 3,
        due: None,
        tries: 0,
        over: false,
        respond_by: None,
    };
    let acknowledged = Some(Act { by: "omar".parse().unwrap(), at: "2026-06-01T15:00:00Z".parse().unwrap() });
    Case { row, done: Done { acknowledged, ..Done::default() } }
}

fn entry(index: u64, time: &str, run: Option<u64>, kind: &str, data: &Value) -> Entry {
    Entry {
        log: Origin::first("harbor".parse().unwrap(), "eu-1".parse().unwrap()),
        index,
        time: time.parse().unwrap(),
        run,
        step: None,
        item: None,
        attempt: None,
        actor: None,
        plan: None,
        kind: Kind::parse(kind, data.as_object().unwrap()).unwrap(),
    }
}

fn drafted() -> String {
    let digest = "00".repeat(32);
    let entries = [
        entry(3, "2026-06-01T08:30:00Z", None, "deployed", &json!({"workflow": "refund", "stage": "committed"})),
        entry(4, "2026-06-01T09:59:00Z", Some(8), "outcome", &json!({"code": "ok"})),
        entry(5, "2026-06-01T10:00:00Z", Some(9), "outcome", &json!({"code": "in_doubt"})),
        entry(6, "2026-06-01T10:00:00Z", Some(9), "ended", &json!({"outcome": "failed", "name": "http_503"})),
        entry(7, "2026-06-01T10:00:04Z", None, "alerted", &json!({"rule": "run-failed", "delay": 4})),
        entry(8, "2026-06-01T10:30:00Z", Some(10), "ended", &json!({"outcome": "done"})),
        entry(
            9,
            "2026-06-01T11:00:00Z",
            None,
            "rolled-back",
            &json!({"workflow": "refund", "from": digest, "to": digest, "why": "by-hand"}),
        ),
    ];
    let respond_by = Some("2026-06-01T14:00:00Z".parse().unwrap());
    draft(&Facts { case: &case(), respond_by, entries: &entries, queue: &[], plans: &BTreeMap::new(), life: 1 })
}

#[test]
fn the_draft_says_what_the_ledger_knows() {
    let text = drafted();
    for line in [
        "| Answered | 2026-06-01T15:00:00Z by omar, late: promised by 2026-06-01T14:00:00Z |",
        "| To be shared by | 2026-06-03T10:00:00Z |",
        "- Runs ended failed (http_503): 1",
        "- Effects that nobody knows to have happened: 1",
        "- 2026-06-01T10:00:00Z `ended`, run acme-9, name http_503, outcome failed (entry 6)",
        "Found by the rule `run-failed` at 2026-06-01T10:00:00Z; on-call was told 4 s later.",
        "- 2026-06-01T08:30:00Z `deployed` stage committed, workflow refund (entry 3)",
    ] {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
    assert!(!text.contains("entry 4") && !text.contains("entry 8"), "everyday work is left out");
}

#[test]
fn a_draft_cannot_be_shared_until_a_person_wrote_cause_and_prevention() {
    let text = drafted();
    let lacks = check(text.as_bytes(), "i-7", |_| false);
    assert_eq!(lacks, [Lack::Unwritten("Root cause"), Lack::Unwritten("Prevention")]);
    let cause = "The payments API was replaced without notice and answered 503 for half an hour.";
    let whole = text.replace("## Root cause\n", &format!("## Root cause\n\n{cause}\n"));
    assert_eq!(check(whole.as_bytes(), "i-7", |_| false), [Lack::Unwritten("Prevention")]);
    let whole = whole.replace("## Prevention\n", &format!("## Prevention\n\n{cause} We ask its status page first.\n"));
    assert_eq!(check(whole.as_bytes(), "i-7", |_| false), []);
    assert_eq!(check(whole.as_bytes(), "i-8", |_| false), [Lack::Title("i-8".into())]);
    let cut = whole.replace("## Timeline", "## Times");
    assert_eq!(check(cut.as_bytes(), "i-7", |_| false), [Lack::Section("Timeline")]);
    assert_eq!(check(b" \n", "i-7", |_| false), [Lack::NoText]);
    assert_eq!(check(&[0xff; 10], "i-7", |_| false), [Lack::NoText]);
}

#[test]
fn secrets_and_personal_data_are_named_by_their_line() {
    let text = drafted();
    let last = text.lines().count();
    let more = [
        "Anna (anna.schmidt@gmail.com, +49 170 1234567) paid with 4539 1488 0343 6467.",
        "The key sk_live_9aBcDeFgHiJkLmNoPqRsTuVwXyZ012345 was wrong.",
        "<!-- the other one is hunter-two-of-the-vault -->",
        "Nobody, lena@acme.example, is not a person.",
    ];
    let text = format!("{}\n{}\n", text.trim_end_matches('\n'), more.join("\n"));
    let is_secret = |line: &[u8]| line.windows(23).any(|part| part == b"hunter-two-of-the-vault");
    let lacks = check(text.as_bytes(), "i-7", is_secret);
    let told: Vec<String> = lacks.iter().filter(|lack| lack.is_told()).map(ToString::to_string).collect();
    let line = |n: usize, what: &str| format!("line {} holds {what}", last + n);
    assert_eq!(
        told,
        [
            line(1, "a payment card number with a right checksum"),
            line(1, "a telephone number that is not reserved for stories"),
            line(1, "an e-mail address that is not on a reserved domain"),
            line(2, "a Stripe secret key"),
            line(3, "a secret of the vault"),
        ]
    );
    assert!(told.iter().all(|what| !what.contains("9aBcDeF") && !what.contains("anna")), "it is not told again");
}

#[test]
fn words_in_a_comment_explain_nothing() {
    let hidden =
        drafted().replace("<!-- A person writes here why", "<!-- A person writes here, at length and in detail, why");
    assert!(check(hidden.as_bytes(), "i-7", |_| false).contains(&Lack::Unwritten("Root cause")));
}

#[test]
fn a_long_timeline_tells_how_it_began_and_how_it_ended() {
    let entries: Vec<Entry> = (0..300)
        .map(|n| entry(n, "2026-06-01T10:00:00Z", Some(n), "ended", &json!({"outcome": "failed", "name": "http_503"})))
        .collect();
    let text = draft(&Facts {
        case: &case(),
        respond_by: None,
        entries: &entries,
        queue: &[],
        plans: &BTreeMap::new(),
        life: 1,
    });
    let has = |n: u64| text.contains(&format!("(entry {n})"));
    assert!(has(0) && has(49) && !has(50) && !has(149) && has(150) && has(299), "{text}");
    assert!(text.contains("- (100 entries left out)"), "{text}");
}

#[test]
fn what_befell_the_agent_itself_is_told_to_all_clients_without_figures_of_any() {
    let mut case = case();
    (case.row.alert.client, case.row.alert.workflow, case.row.alert.connection) = (None, None, None);
    let text =
        draft(&Facts { case: &case, respond_by: None, entries: &[], queue: &[], plans: &BTreeMap::new(), life: 1 });
    let (_, impact) = text.split_once("## Impact\n").unwrap();
    let (impact, _) = impact.split_once("## Timeline").unwrap();
    assert!(impact.contains("It befell the agent itself") && !impact.contains(char::is_numeric), "{impact}");
}

fn of_plan(entry: Entry, plan: u8) -> Entry {
    Entry { plan: Some(Digest::from_bytes([plan; 32])), ..entry }
}

#[test]
fn a_draft_is_about_its_incident_alone() {
    let digest = "0a".repeat(32);
    let at = "2026-06-01T10:05:00Z";
    let mut entries = [
        entry(1, "2026-06-01T04:00:00Z", None, "refused", &json!({"code": "file-changed", "digest": digest})),
        entry(2, "2026-06-01T04:00:00Z", None, "deployed", &json!({"workflow": "reply", "stage": "committed"})),
        entry(3, "2026-06-01T08:59:00Z", Some(8), "outcome", &json!({"code": "http_503"})),
        entry(4, at, Some(8), "ended", &json!({"outcome": "failed", "name": "http_503"})),
        entry(5, at, Some(9), "ended", &json!({"outcome": "superseded", "name": "cancelled"})),
        entry(6, at, None, "refused", &json!({"code": "not_assigned", "digest": digest})),
        entry(
            7,
            at,
            None,
            "incident",
            &json!({"id": "i-6", "state": "resolved", "severity": "critical", "cause": "reported"}),
        ),
        entry(
            8,
            at,
            None,
            "incident",
            &json!({"id": "i-7", "state": "resolved", "severity": "critical", "cause": "run-failed"}),
        ),
        entry(
            9,
            at,
            None,
            "rolled-back",
            &json!({"workflow": "refund", "from": digest, "to": digest, "why": "by-hand"}),
        ),
    ];
    for (place, plan) in [(2, 1), (3, 1), (4, 2)] {
        entries[place] = of_plan(entries[place].clone(), plan);
    }
    entries[5].actor = Some("lena".parse().unwrap());
    let plans = [(1, "refund"), (2, "reply")].map(|(plan, of)| (Digest::from_bytes([plan; 32]), of.parse().unwrap()));
    let (mut case, plans) = (case(), BTreeMap::from(plans));
    case.row.alert.connection = None;
    let text = draft(&Facts { case: &case, respond_by: None, entries: &entries, queue: &[], plans: &plans, life: 1 });
    assert!(text.contains("- Runs ended failed (http_503): 1\n") && !text.contains("superseded"), "{text}");
    let told: Vec<u64> = (1..=9).filter(|n| text.contains(&format!("(entry {n})"))).collect();
    assert_eq!(told, [3, 4, 8, 9], "{text}");
    assert!(text.contains("from 0a0a0a0a0a0a…") && !text.contains(&digest), "{text}");
}

#[test]
fn a_table_that_is_not_so_any_more_is_told_row_by_row() {
    let (before, mut case) = (drafted(), case());
    case.done.resolved = Some(Act { by: "omar".parse().unwrap(), at: "2026-06-01T16:00:00Z".parse().unwrap() });
    let now =
        draft(&Facts { case: &case, respond_by: None, entries: &[], queue: &[], plans: &BTreeMap::new(), life: 1 });
    let rows = ["| Answered | 2026-06-01T15:00:00Z by omar |", "| Resolved | 2026-06-01T16:00:00Z by omar |"];
    assert_eq!(not_so(&before, &now), rows.map(|row| Lack::NotSo(row.to_owned())));
    assert_eq!(not_so(&now, &now), []);
    assert_eq!(not_so(&now.replace("## Impact", "Words of a person.\n\n## Impact"), &now), []);
    let more = now.replace("| Severity |", "| Cost | 0 |\n| Severity |");
    assert!(!not_so(&more, &now).is_empty(), "no row of one's own");
    // As an editor aligns it.
    let aligned = now.replace("| | |", "|   |   |").replace("| --- | --- |", "| :--- | ------- |");
    let aligned = aligned.replace("| Client | acme |", "| Client      | acme        |");
    assert_ne!(aligned, now);
    assert_eq!(not_so(&aligned, &now), []);
    let other = aligned.replace("| acme ", "| bolt ");
    assert_eq!(not_so(&other, &now), [Lack::NotSo("| Client | acme |".to_owned())]);
}

/// A plan that went back is known by the entries that say so; what nobody knows is not told to a client.
#[test]
fn runs_of_other_workflows_are_told_to_nobody_though_their_plans_are_gone() {
    let at = "2026-06-01T10:05:00Z";
    let back = json!({"workflow": "reply", "from": Digest::from_bytes([3; 32]), "why": "failed"});
    let handled = json!({"id": "01a22c8147fa6470668b57dc1c5b6186", "what": "done", "why": "T-1"});
    let entries = [
        entry(1, "2026-06-01T09:30:00Z", None, "rolled-back", &back),
        of_plan(
            entry(2, "2026-06-01T09:00:00Z", None, "deployed", &json!({"workflow": "refund", "stage": "trial"})),
            4,
        ),
        of_plan(entry(3, at, Some(8), "ended", &json!({"outcome": "failed", "name": "http_503"})), 3),
        of_plan(entry(4, at, Some(9), "ended", &json!({"outcome": "failed", "name": "http_503"})), 4),
        of_plan(entry(5, at, Some(9), "ended", &json!({"outcome": "failed", "name": "http_503"})), 5),
        of_plan(entry(6, at, None, "handled", &handled), 3),
        of_plan(entry(7, at, None, "handled", &handled), 4),
    ];
    let mut case = case();
    case.row.alert.connection = None;
    let plans = crate::incident::plans_of(&entries);
    let text = draft(&Facts { case: &case, respond_by: None, entries: &entries, queue: &[], plans: &plans, life: 1 });
    let told: Vec<u64> = (1..=7).filter(|n| text.contains(&format!("(entry {n})"))).collect();
    assert_eq!(told, [2, 4, 7], "{text}");
}

/// After a recovery the runs of before stand in another log; the manual queue knows what they may have done.
#[test]
fn what_the_manual_queue_calls_perhaps_done_is_in_doubt() {
    let mut case = case();
    case.row.alert.connection = None;
    let item: QueueItem = serde_json::from_value(json!({
        "run": "01a22c8147fa6470668b57dc1c5b6186", "client": "acme", "workflow": "refund", "queue": "support",
        "why": "recovered", "event": "1", "since": 0,
        "done": [
            {"step": "pay", "operation": "payments.refund", "in_doubt": true},
            {"step": "note", "operation": "desk.add_note"},
        ],
    }))
    .unwrap();
    let other = QueueItem { workflow: "reply".parse().unwrap(), ..item.clone() };
    let queue = [item, other];
    let text =
        draft(&Facts { case: &case, respond_by: None, entries: &[], queue: &queue, plans: &BTreeMap::new(), life: 1 });
    assert!(text.contains("- Effects that nobody knows to have happened: 1\n"), "{text}");
    assert!(text.contains("- Items in the manual queue now: 1\n"), "{text}");
}

/// Items of one list that two workflows cannot read are one trouble; those of another connection's list are another.
#[test]
fn a_draft_tells_of_every_workflow_whose_runs_its_alert_counts() {
    let at = "2026-06-01T10:05:00Z";
    let id = |run: u64| format!("{run:032x}");
    let bad = |connection: &str| json!({"outcome": "content-lost", "name": "bad_item", "connection": connection});
    let begun = |run: u64| json!({"id": id(run), "trigger": "poll", "event": "e"});
    let of =
        |index, run: u64, kind: &str, data: Value, plan: u8| of_plan(entry(index, at, Some(run), kind, &data), plan);
    let entries = [
        of(1, 8, "accepted", begun(8), 1),
        of(2, 8, "ended", bad("payments"), 1),
        of(3, 9, "accepted", begun(9), 2),
        of(4, 9, "ended", bad("payments"), 2),
        of(5, 10, "accepted", begun(10), 3),
        of(6, 10, "ended", bad("desk"), 3),
    ];
    let plans =
        [(1, "refund"), (2, "reply"), (3, "tag")].map(|(n, of)| (Digest::from_bytes([n; 32]), of.parse().unwrap()));
    let item = |run: u64, workflow: &str| -> QueueItem {
        serde_json::from_value(json!({"run": id(run), "client": "acme", "workflow": workflow, "queue": "support",
            "why": "bad_item", "event": "e", "since": 0}))
        .unwrap()
    };
    let queue = [item(8, "refund"), item(9, "reply"), item(10, "tag")];
    let (mut case, plans) = (case(), BTreeMap::from(plans));
    case.row.alert.rule = assent_schema::alert::Rule::RunContentLost;
    case.row.alert.code = "bad_item".into();
    let text =
        draft(&Facts { case: &case, respond_by: None, entries: &entries, queue: &queue, plans: &plans, life: 1 });
    assert!(text.contains("- Runs ended content-lost (bad_item): 2\n"), "{text}");
    assert!(text.contains("- Other workflows that it befell: reply\n"), "{text}");
    assert!(text.contains("- Items in the manual queue now: 2\n"), "{text}");
    let told: Vec<u64> = (1..=6).filter(|n| text.contains(&format!("(entry {n})"))).collect();
    assert_eq!(told, [2, 4], "{text}");
}
