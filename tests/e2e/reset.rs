//! Root gives a client other approvers: the agent tells, its ledger says so, the old ones stay in force, and one of them ends
//! it by a statement that is handed over.

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::refund;
use assent_schema::status::Status;
use assent_tests::stage::{release, working};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

#[test]
fn the_client_sees_a_reset_coming_and_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = working(folder.path());
    let gus = "gus".parse().expect("an id");
    stage.agency.keys.make(&gus, "gus@acme").expect("a key");
    let public = format!("gus={}", stage.agency.keys.folder().join("gus.pub").display());
    let say = |args: &[&str]| stage.agency.try_assent(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());

    let (outcome, told) = say(&["trust", "reset", "acme", "--threshold", "1", "--person", &public]).expect("a reset");
    assert!(outcome == Outcome::Fine && told.contains("trust/root/3.toml"), "{told}");
    assert!(say(&["trust", "reset", "acme", "--threshold", "1", "--person", &public]).is_err(), "one waits already");
    assert!(say(&["trust", "approvers", "acme", "--threshold", "1"]).is_err(), "and would be written over");
    stage.agency.sign("clients/acme/approvers/2.toml", &["gus"]).expect("a signature");
    stage.agency.sign("trust/root/3.toml", &["alice", "bruno"]).expect("signatures");
    let (_, signers) = say(&["trust", "allowed-signers"]).expect("who may sign");
    assert!(signers.contains("dana@acme") && !signers.contains("gus@acme"), "{signers}");
    stage.agency.commit("Reset the approvers of acme").expect("a commit");
    release(&stage, "staging");
    release(&stage, "production");

    let root_of = |status: &Status| status.release.as_ref().map(|release| release.root);
    let (status, _) = stage.production.wait_status(|status| root_of(status) == Some(3)).expect("the new root");
    assert!(refund(&status).is_some_and(|refund| refund.plan.is_some()), "what the old ones approved is in force");
    let standings = || {
        let export = stage.production.call(&["ledger", "export", "acme"]).expect("an export");
        let body = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            serde_json::from_slice::<Value>(&STANDARD.decode(line.get("body")?.as_str()?).ok()?).ok()
        };
        let entries = export.lines().take_while(|line| !line.is_empty()).filter_map(body);
        let resets = entries.filter(|entry| entry["kind"] == "approvers-reset");
        resets.filter_map(|entry| entry["data"]["standing"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(standings(), ["waits"]);
    let alerts = stage.production.call(&["ledger", "show", "--client", "acme"]).expect("entries");
    assert!(alerts.contains("approvers-reset"), "{alerts}");

    // A veto that ends nothing is told to whoever checks the source it comes with.
    let written = || {
        let (_, told) = say(&["reject", "acme", "--reset"]).expect("a file to sign");
        told.lines().find_map(|line| line.strip_prefix("wrote ")).map(std::path::PathBuf::from).expect("its place")
    };
    for (by, wrong, why) in
        [("dana", true, "that root does not have"), ("gus", false, "was an approver of `acme` just before")]
    {
        let file = written();
        let text = std::fs::read_to_string(&file).expect("the file");
        let (head, digest) = text.split_once("reset = \"").expect("a digest");
        if wrong {
            let other = if digest.starts_with('0') { "1" } else { "0" };
            let rest = digest.get(1..).expect("the rest");
            put(&file, format!("{head}reset = \"{other}{rest}").as_bytes()).expect("another");
        }
        let name =
            format!("clients/acme/approvals/{}", file.file_name().and_then(|name| name.to_str()).expect("a name"));
        stage.agency.sign(&name, &[by]).expect("a signature");
        let (outcome, told) = say(&["check", "--worktree"]).expect("findings");
        assert!(outcome == Outcome::Findings && told.contains("unknown-name") && told.contains(why), "{by}: {told}");
        std::fs::remove_file(&file).expect("it goes");
        std::fs::remove_file(file.with_file_name(format!("{}.{by}.sig", name.rsplit('/').next().unwrap_or_default())))
            .expect("it goes");
    }

    // The new one cannot end anything, or approve; an old one ends it, at once.
    let key = |person: &str| stage.agency.private(person).expect("a key");
    assert!(say(&["withdraw", "acme", "--all", "--key", &key("gus")]).is_err(), "gus is not an approver yet");
    let to = stage.production.url();
    let (outcome, told) = say(&["reject", "acme", "--reset", "--key", &key("dana"), "--to", &to]).expect("a veto");
    assert!(outcome == Outcome::Fine && told.contains("it counts there from now on"), "{told}");
    assert_eq!(standings(), ["waits", "vetoed"], "its end is in the ledger before the answer");
    stage.production.call(&["ledger", "verify", "acme"]).expect("a ledger that verifies");
}
