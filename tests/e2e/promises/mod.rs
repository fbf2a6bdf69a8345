//! Each promise, once: green in `assent report` on the demo, with evidence that programs confirm which are not ours; red when
//! what enforces it is broken on purpose, and then those programs do not confirm it either.
//!
//! # Source
//! promises.md: "a promise works when a test tries to break it and fails, and the evidence is shown".

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there fails the test")]

mod forged;
mod running;
mod world;

use assent_tests::have;
use serde_json::Value;
use world::{Broken, Rewrite, WORLD};

const CLIENT: &str = "clients/acme/client.toml";
const REFUND: &str = "clients/acme/workflows/refund.toml";

/// `red` turns the report red; with `refuted` the outside programs do not confirm the promise.
fn stands_and_falls(promise: &str, red: Broken, refuted: Broken) {
    if !["python3", "git", "ssh-keygen", "openssl", "tar"].iter().all(|program| have(program)) {
        return;
    }
    let row = WORLD.row(promise);
    assert_eq!(row["verdict"], "kept", "{row:#}");
    assert!(row["evidence"].as_array().is_some_and(|seen| !seen.is_empty()), "{promise} without evidence");
    let confirmed = WORLD.audit(promise, &[]).unwrap_or_else(|why| panic!("{promise} is not confirmed: {why}"));
    assert!(confirmed.starts_with(&format!("{promise} holds: ")), "{confirmed}");
    assert!(WORLD.turns_red(promise, red), "{promise} stays green");
    let folder = tempfile::tempdir().expect("a folder");
    let (part, path) = WORLD.broken(folder.path(), refuted);
    let why = WORLD.audit(promise, &[(part, path)]).expect_err("it is confirmed although it is broken");
    assert!(why.starts_with("refuted: "), "{promise}: {why}");
}

/// Both look at the client's log.
fn of_the_ledger(promise: &str, rewrite: Rewrite) {
    stands_and_falls(promise, Broken::Ledger(rewrite), Broken::Ledger(rewrite));
}

fn kind<'a>(entries: &'a mut [Value], kind: &str) -> impl Iterator<Item = &'a mut Value> {
    entries.iter_mut().filter(move |entry| entry["kind"] == kind)
}

/// From the first entry on that is so, everything came later.
fn delay(entries: &mut [Value], hours: i64, from: impl Fn(&Value) -> bool) {
    let first = entries.iter().position(from).expect("such an entry");
    for entry in entries.iter_mut().skip(first) {
        let time: jiff::Timestamp = entry["time"].as_str().expect("a time").parse().expect("a time");
        let later = time.checked_add(jiff::SignedDuration::from_hours(hours)).expect("a time");
        entry["time"] = later.to_string().into();
    }
}

fn is_state(state: &'static str) -> impl Fn(&Value) -> bool {
    move |entry| entry["kind"] == "incident" && entry["data"]["state"] == state
}

#[test]
fn p01_what_is_kept_is_what_the_report_lists() {
    let red = Broken::Source(REFUND, "by = [\"intent.intent\"]", "by = [\"order.id\"]");
    stands_and_falls("P01", red, Broken::State("state/notes.txt", "kept beside the store"));
}

#[test]
fn p02_nothing_is_cached_for_a_day() {
    let red = Broken::Source(REFUND, "call = \"shop.get_order\"", "call = \"shop.get_order\"\ncache = \"24h\"");
    let call = "{\"kind\":\"call\",\"operation\":\"shop.get_order\"";
    let refuted = Broken::Release(call, "{\"cache\":\"1d\",\"kind\":\"call\",\"operation\":\"shop.get_order\"");
    stands_and_falls("P02", red, refuted);
}

#[test]
fn p03_no_personal_data_is_taken_that_nothing_reads() {
    let test = "clients/acme/workflows/refund.test.toml";
    let red = Broken::Source(test, "a lead agrees", "a lead agrees, tom@harbor-mail.com is paid,");
    let total = "\"total\":{\"at\":\"total\",\"class\":\"reference\"";
    let name = "\"name\":{\"at\":\"customer.name\",\"class\":\"personal\"},\"total\":{\"at\":\"total\",\"class\":\"reference\"";
    stands_and_falls("P03", red, Broken::Release(total, name));
}

#[test]
fn p04_no_word_of_a_ticket_is_written_anywhere() {
    let red = Broken::Source(REFUND, "by = [\"intent.intent\"]", "by = [\"ticket.subject\"]");
    stands_and_falls("P04", red, Broken::State("agent.log", "please refund order o-1001\n"));
}

#[test]
fn p05_all_endpoints_are_in_the_clients_region() {
    let (old, new) = ("/shop\"\nregion = \"eu\"\n", "/shop\"\nregion = \"us\"\n");
    stands_and_falls(
        "P05",
        Broken::Source(CLIENT, old, new),
        Broken::Release("\"shop\":{\"region\":\"eu\"", "\"shop\":{\"region\":\"us\""),
    );
}

#[test]
fn p06_scopes_are_those_that_workflows_need() {
    let red = Broken::Source(CLIENT, "[\"orders:read\"]", "[\"orders:read\", \"orders:write\"]");
    stands_and_falls(
        "P06",
        red,
        Broken::Release(
            "\"scopes\":[\"orders:read\"],\"slots\"",
            "\"scopes\":[\"orders:read\",\"orders:write\"],\"slots\"",
        ),
    );
}

#[test]
fn p07_no_secret_is_in_code_log_or_database() {
    let red = Broken::Source("clients/acme/prompts/intent.md", "You read", "sk_test_4eC39HqLyjWDarjtT1zdp7dc You read");
    stands_and_falls("P07", red, Broken::State("agent.log", "demo-shop-token\n"));
}

#[test]
fn p08_an_overdue_secret_is_seen() {
    of_the_ledger("P08", |entries| {
        for alerted in kind(entries, "alerted").take(1) {
            alerted["data"]["rule"] = "rotation-overdue".into();
        }
    });
}

#[test]
fn p09_a_commit_by_nobody_of_the_team_is_seen() {
    let changed = Broken::Source("clients/acme/prompts/intent.md", "You read", "You, too, read");
    stands_and_falls("P09", changed, changed);
}

#[test]
fn p10_a_decision_by_somebody_who_never_looked_is_seen() {
    of_the_ledger("P10", |entries| entries.retain(|entry| entry["kind"] != "viewed" || entry["actor"] != "lena"));
}

#[test]
fn p11_a_run_that_is_missing_is_seen() {
    of_the_ledger("P11", |entries| entries.retain(|entry| entry["run"] != 2));
}

#[test]
fn p12_failures_that_no_rule_found_are_seen() {
    of_the_ledger("P12", |entries| {
        entries.retain(|entry| entry["kind"] != "alerted" && entry["kind"] != "incident");
    });
}

#[test]
fn p13_an_alert_that_came_late_is_seen() {
    of_the_ledger("P13", |entries| kind(entries, "alerted").for_each(|alerted| alerted["data"]["delay"] = 301.into()));
}

#[test]
fn p14_logs_are_kept_for_ninety_days() {
    let red = Broken::Source(CLIENT, "retention = \"180d\"", "retention = \"89d\"");
    stands_and_falls("P14", red, Broken::Release("\"retention\":\"180d\"", "\"retention\":\"89d\""));
}

#[test]
fn p15_nothing_runs_that_was_not_rehearsed() {
    let when = "when = \"has(order.total) && agree.approved\"";
    let red = Broken::Source(REFUND, when, "when = \"has(order.total) && agree.approved && order.state == 'new'\"");
    stands_and_falls("P15", red, Broken::Release("{\"passed\":true,\"scenario\"", "{\"passed\":false,\"scenario\""));
}

#[test]
fn p16_the_ledger_names_the_releases_of_git() {
    of_the_ledger("P16", |entries| {
        kind(entries, "released").for_each(|release| release["data"]["manifest"] = "ab".repeat(32).into());
    });
}

#[test]
fn p17_what_went_back_stays_back() {
    of_the_ledger("P17", |entries| {
        let back = entries.iter().position(|entry| entry["kind"] == "rolled-back").expect("a plan that went back");
        let from = entries[back]["data"]["from"].clone();
        let next = entries[back..].iter().find(|entry| entry["kind"] == "accepted").expect("a run after it");
        let run = next["run"].clone();
        entries.iter_mut().filter(|entry| entry["run"] == run).for_each(|entry| entry["plan"] = from.clone());
    });
}

#[test]
fn p18_attempts_are_bounded() {
    let red = Broken::Source(REFUND, "attempts = 5,", "attempts = 21,");
    let more: Rewrite = |entries| {
        let one = |entry: &&mut Value| entry["step"] == "pay";
        entries.iter_mut().filter(one).for_each(|entry| entry["attempt"] = 6.into());
    };
    stands_and_falls("P18", red, Broken::Ledger(more));
}

#[test]
fn p19_runs_that_fail_silently_are_seen() {
    of_the_ledger("P19", |entries| entries.retain(|entry| entry["kind"] != "incident"));
}

#[test]
fn p20_an_answer_that_came_late_is_seen() {
    of_the_ledger("P20", |entries| delay(entries, 5, is_state("acknowledged")));
}

#[test]
fn p21_another_post_mortem_than_was_shared_is_seen() {
    let changed = Broken::Source("clients/acme/incidents/i-3.md", "Root cause", "Root cause (as we would like it)");
    stands_and_falls("P21", changed, changed);
}

#[test]
fn p22_a_post_mortem_that_was_shared_late_is_seen() {
    of_the_ledger("P22", |entries| delay(entries, 49, is_state("shared")));
}

#[test]
fn p23_no_purpose_trains_a_model() {
    let (old, new) = ("purpose = \"essential.service.operations.support\"", "purpose = \"train_ai_system\"");
    let refuted =
        Broken::Release("\"purpose\":\"essential.service.operations.support\"", "\"purpose\":\"train_ai_system\"");
    stands_and_falls("P23", Broken::Source(REFUND, old, new), refuted);
}

#[test]
fn p24_a_provider_without_a_current_agreement_is_seen() {
    let red = Broken::Source("catalog/providers/eu-ai.toml", "2027-12-31T00:00:00Z", "2026-05-31T00:00:00Z");
    let refuted = Broken::Release("\"until\":\"2027-12-31T00:00:00Z\"}", "\"until\":\"2026-05-31T00:00:00Z\"}");
    stands_and_falls("P24", red, refuted);
}

#[test]
fn p25_a_use_that_nobody_signed_is_seen() {
    let red =
        Broken::Source(REFUND, "\"ticket.subject\", \"order.id\"", "\"ticket.subject\", \"ticket.body\", \"order.id\"");
    stands_and_falls("P25", red, Broken::Release("serial = 1\n", "serial = 9\n"));
}

#[test]
fn p26_the_page_of_a_client_says_when_something_is_broken() {
    let red = Broken::Source(CLIENT, "contacts = [\"dana\"]\n", "");
    stands_and_falls("P26", red, Broken::Page("<h2>P26 <span class=\"kept\">", "<h2>P26 <span class=\"broken\">"));
}
