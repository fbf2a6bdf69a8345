//! `assent promises` and `assent report`: what is seen, and that each promise turns red when something speaks against it.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[path = "evidence/attempts.rs"]
mod attempts;
#[path = "evidence/forged.rs"]
mod forged;
#[path = "evidence/gone.rs"]
mod gone;
#[path = "evidence/ledger.rs"]
mod ledger;
#[path = "evidence/persons.rs"]
mod persons;
#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use assent_compiler::check::unassigned_author::Authors;
use assent_compiler::check::{Options, examine};
use assent_compiler::evidence::{Host, Log, Note, Region, Row, Seen, Verdict, judge, read};
use assent_compiler::source::open_commit;
use assent_schema::calendar::BusinessHours;
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Tier};
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::ledger::export::line;
use assent_schema::ledger::{Checkpoint, Entry, Frontier, Head, Kind, Origin, commitment};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{AgentEntry, Root, Signer};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use support::signed::{commit_after, sign_all};
use support::{Files, NOW, assent, commit, example, files as tree_of};
use tempfile::TempDir;

fn changed(mut files: Files, (path, old, new): (&str, &str, &str)) -> Files {
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}");
    files.insert(path.to_owned(), text.replacen(old, new, 1).into_bytes());
    files
}

/// A repository in which everything is signed; the last commit, which brings the clients, by somebody.
fn repository(files: Files, by: &str) -> (TempDir, git2::Oid) {
    committed(&signed(files), by)
}

fn signed(mut files: Files) -> Files {
    sign_all(&mut files, "2027-03-01T00:00:00Z".parse().unwrap());
    files
}

fn committed(files: &Files, by: &str) -> (TempDir, git2::Oid) {
    let folder = TempDir::new().unwrap();
    let repository = git2::Repository::init_bare(folder.path()).unwrap();
    let mut trust = files.clone();
    trust.retain(|path, _| !path.starts_with("clients/"));
    let founded = commit(&repository, tree_of(&repository, &trust));
    let head = commit_after(&repository, founded, tree_of(&repository, files), by);
    (folder, head)
}

fn asked(folder: &TempDir, line: &str) -> (u8, Value) {
    let repo = folder.path().to_str().unwrap();
    let arguments: Vec<&str> = line.split(' ').chain(["--repo", repo, "--local", "--format", "json"]).collect();
    let ran = assent(&arguments);
    assert_eq!(ran.err, "", "{line}");
    (ran.status, serde_json::from_str(&ran.out).unwrap())
}

fn broken(value: &Value) -> BTreeSet<String> {
    let rows = value["promises"].as_array().unwrap().iter();
    rows.filter(|row| row["verdict"] == "broken").map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_speaks_against_a_source_that_keeps_its_promises() {
    let (folder, _) = repository(example(), "alice");
    let (status, value) = asked(&folder, "promises HEAD");
    assert_eq!((status, broken(&value)), (0, BTreeSet::new()), "{value:#}");
    assert_eq!(value["promises"].as_array().unwrap().len(), 26);
    let seen = |id: &str| {
        let row = value["promises"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
        row["evidence"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(seen("P05").contains(&"acme: shop leads to acme.shop.example in eu.".to_owned()), "{:?}", seen("P05"));
    let with_category = |said: &String| said.contains("`contact.email` (user.contact.email)");
    assert!(seen("P03").iter().any(with_category), "{:?}", seen("P03"));
    assert!(seen("P22").contains(&"acme: shared with dana.".to_owned()), "{:?}", seen("P22"));
}

#[test]
fn each_promise_turns_red_when_the_source_breaks_it() {
    let client = "clients/acme/client.toml";
    let refund = "clients/acme/workflows/refund.toml";
    let scenario = "clients/acme/workflows/refund.test.toml";
    for (promise, change) in [
        ("P01", (refund, "by = [\"intent.intent\"]", "by = [\"order.id\"]")),
        ("P02", (refund, "call = \"shop.get_order\"", "call = \"shop.get_order\"\ncache = \"24h\"")),
        ("P03", (scenario, "a lead agrees and money moves once", "a lead agrees, tom@harbor-mail.com is paid")),
        ("P04", (refund, "by = [\"intent.intent\"]", "by = [\"ticket.subject\"]")),
        ("P12", (refund, "concurrency = 8\n", "")),
        (
            "P15",
            (
                refund,
                "has(order.total) && agree.approved",
                "has(order.total) && agree.approved && order.state == 'new'",
            ),
        ),
        ("P18", (refund, "attempts = 5,", "attempts = 21,")),
        (
            "P19",
            (
                refund,
                "[fallback]\nqueue = \"support\"\nopen = \"https://acme.helpdesk.example/tickets/${trigger.ticket_id}\"\n",
                "",
            ),
        ),
        (
            "P20",
            (
                client,
                "hours = { mon = \"09:00-17:00\", tue = \"09:00-17:00\", wed = \"09:00-17:00\", thu = \"09:00-17:00\", fri = \"09:00-15:00\" }",
                "hours = {}",
            ),
        ),
        ("P26", (client, "contacts = [\"dana\"]\n", "")),
        ("P06", (client, "[\"orders:read\"]", "[\"orders:read\", \"orders:write\"]")),
        ("P07", ("clients/acme/prompts/intent.md", "You read", "sk_test_4eC39HqLyjWDarjtT1zdp7dc You read")),
        ("P08", (client, "[connections.shop.slots.token]\nrotate = \"90d\"", "[connections.shop.slots.token]")),
        ("P13", (client, "routes = [\"ops\"]", "routes = []")),
        ("P14", (client, "retention = \"180d\"", "retention = \"89d\"")),
        ("P22", (client, "contacts = [\"dana\"]\n", "")),
        ("P23", (refund, "purpose = \"essential.service.operations.support\"", "purpose = \"train_ai_system\"")),
        ("P24", ("catalog/providers/eu-ai.toml", "2027-12-31T00:00:00Z", "2026-05-31T00:00:00Z")),
    ] {
        let (folder, _) = repository(changed(example(), change), "alice");
        let (status, value) = asked(&folder, "promises HEAD");
        assert_eq!(status, 1, "{promise}");
        assert!(broken(&value).contains(promise), "{promise} is not among {:?}", broken(&value));
    }
}

#[test]
fn what_a_client_did_not_approve_breaks_the_promise_about_it() {
    let abroad = (
        "clients/acme/client.toml",
        "acme.shop.example\"\nregion = \"eu\"\n[",
        "acme.shop.example\"\nregion = \"us\"\n[",
    );
    let (folder, _) = committed(&changed(signed(example()), abroad), "alice");
    let (status, value) = asked(&folder, "promises HEAD");
    assert_eq!((status, broken(&value)), (1, ["P05", "P25"].map(str::to_owned).into()));
}

#[test]
fn a_client_whose_file_cannot_be_read_is_judged_all_the_same() {
    let mut files = signed(example());
    files.insert("clients/acme/client.toml".to_owned(), b"name = { = ".to_vec());
    let (folder, _) = committed(&files, "alice");
    let (status, value) = asked(&folder, "promises HEAD --client acme");
    assert_eq!(status, 1, "{value:#}");
}

#[test]
fn a_commit_by_nobody_of_the_team_breaks_its_promise() {
    let (folder, _) = repository(example(), "bruno");
    let (status, value) = asked(&folder, "promises HEAD");
    assert_eq!((status, broken(&value)), (1, BTreeSet::from(["P09".to_owned()])));
}

#[test]
fn the_page_of_a_client_is_whole_and_loads_nothing() {
    let (folder, _) = repository(example(), "alice");
    let page = folder.path().join("report.html");
    let (status, value) = asked(&folder, &format!("report acme HEAD --output {}", page.display()));
    assert_eq!((status, &value["client"]), (0, &json!("acme")));
    let page = std::fs::read_to_string(page).unwrap();
    for id in 1..=26 {
        assert!(page.contains(&format!("<article id=\"P{id:02}\">")), "P{id:02}");
    }
    assert!(page.contains("What software cannot enforce"));
    for loads in ["src=", "<script", "http-equiv=\"refresh\"", "url(", "@import", "<link"] {
        assert!(!page.contains(loads), "{loads}");
    }
    let ran = assent(&["report", "nobody", "HEAD", "--local", "--repo", folder.path().to_str().unwrap()]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("there is no client nobody; there are acme, "), "{}", ran.err);
}
