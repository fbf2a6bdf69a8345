//! Who decides keeps a receipt, and by it a stranger tells from the ledger what they were shown.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{WEBHOOK_SECRET, clock, run_id, webhook};
use assent_tests::{command, have};
use serde_json::Value;

#[test]
fn a_receipt_says_what_was_shown_and_the_ledger_bears_it_out() {
    let folder = tempfile::tempdir().expect("a folder");
    if !have("ssh-keygen") || !have("python3") {
        return;
    }
    let mut stage = assent_tests::stage::working(folder.path());
    let now = clock().expect("a clock");
    let (_, body) = webhook(&stage.production, "evt-kept", "42", &WEBHOOK_SECRET, now).expect("an answer");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("a question");

    let (kept, taken) = (folder.path().join("kept.json"), folder.path().join("taken.json"));
    put(&taken, b"mine").expect("a file");
    let (url, key) = (stage.production.url(), stage.agency.private("lena").expect("a key"));
    let decide = |receipt: &Path| {
        let receipt = receipt.display().to_string();
        let line = [
            "decide",
            &run,
            "--step",
            "agree",
            "--approve",
            "--agent",
            &url,
            "--client",
            "acme",
            "--key",
            &key,
            "--format",
            "json",
            "--receipt",
            &receipt,
        ];
        stage.agency.assent(&line.map(str::to_owned))
    };
    // Where it cannot be put, nothing is decided.
    assert!(decide(&taken).is_err() && std::fs::read_to_string(&taken).expect("a file") == "mine");
    let said: Value = serde_json::from_str(&decide(&kept).expect("a decision")).expect("json");
    let text = std::fs::read_to_string(&kept).expect("a receipt");
    assert_eq!(said["receipt"], serde_json::from_str::<Value>(&text).expect("json"));
    assert_eq!(kept.metadata().expect("a file").mode() & 0o777, 0o600);
    // Of a decision that was not taken there is none.
    let second = folder.path().join("second.json");
    assert!(decide(&second).is_err() && !second.exists());
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");

    let export = folder.path().join("acme.ledger");
    stage.production.call(&["ledger", "export", "acme", "--output", &export.display().to_string()]).expect("an export");
    let ledger = std::fs::read_to_string(&export).expect("an export");
    let salt = said["receipt"]["salt"].as_str().expect("a salt");
    assert!(!ledger.contains(salt), "the ledger has the hash alone");
    let judged = |receipt: &Path| {
        let mut python = command("python3", folder.path());
        python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("decisions.py")).arg(&export);
        python.arg(stage.agency.source.join("clients/acme/client.toml")).arg(receipt);
        let output = python.output().expect("python");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (held, told) = judged(&kept);
    assert!(held && told.contains("lena was shown order.id = "), "{told}");
    // Nor does anything else than was shown go for it.
    let values = said["receipt"]["values"].as_object().expect("values");
    for path in values.keys() {
        let mut bent = said["receipt"].clone();
        bent["values"][path] = "something else".into();
        let file = folder.path().join("bent.json");
        put(&file, bent.to_string().as_bytes()).expect("a file");
        assert!(!judged(&file).0, "{path}");
    }
}
