//! What enforces a promise while an agent runs, broken there: the traces that an agent leaves which does not keep to it. Programs
//! that are not ours say no to each and why; where the ledger tells of it, the report does too.

use std::path::{Path, PathBuf};

use assent_compiler::command::demo::source::put;
use assent_tests::{command, have, run, skipped};
use serde_json::Value;

use super::world::{Broken, Rewrite, WORLD};
use super::{delay, is_state, kind};

/// Has the kernel keep a key of a name, prints how it lists it, and takes it back. Exit status 3 where the kernel takes no keys.
const PLANT: &str = r#"
import ctypes, platform, sys
add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
name, seconds = sys.argv[1], int(sys.argv[2])
call = ctypes.CDLL(None).syscall
key = call(add, b"user", name.encode(), b"x" * 32, 32, -4)
if key < 0:
    sys.exit(3)
if seconds:
    call(control, 15, key, seconds)
print("".join(line for line in open("/proc/keys") if name in line), end="")
call(control, 21, key)
"#;

/// Whether the programs are there that look at it.
fn looked_at() -> bool {
    ["python3", "git", "ssh-keygen", "openssl", "tar"].iter().all(|program| have(program))
}

/// What the agent left says so; the outside programs say no, with this reason. What it really left they confirm.
fn is_refuted(promise: &str, broken: Broken, why: &str) {
    if !looked_at() {
        return;
    }
    WORLD.audit(promise, &[]).unwrap_or_else(|no| panic!("{promise} is not confirmed: {no}"));
    let folder = tempfile::tempdir().expect("a folder");
    let part = WORLD.broken(folder.path(), broken);
    let said = WORLD.audit(promise, &[part]).expect_err("it is confirmed although it is broken");
    assert!(said.starts_with("refuted: ") && said.contains(why), "{promise}: {said}");
}

/// How the kernel lists a key of the production agent that ends after so many seconds, or never (0); nothing where it takes no keys.
fn listed(folder: &Path, seconds: u32) -> Option<PathBuf> {
    // Under a name that no agent has: agents of other tests are looked at meanwhile.
    let name = format!("assent:probe-{}-{seconds}:epoch/1", std::process::id());
    let planted = run(command("python3", folder).args(["-c", PLANT, &name, &seconds.to_string()]));
    if planted.status.code() == Some(3) {
        skipped("the kernel takes no keys");
        return None;
    }
    let line = String::from_utf8(planted.stdout).expect("text");
    assert_eq!(line.lines().count(), 1, "{line}");
    let keys = folder.join(format!("keys-{seconds}"));
    let (_, rest) = line.split_once(&name).expect("the key");
    let before = line.split(&name).next().unwrap_or_default();
    put(&keys, format!("{before}assent:eu-production-1:epoch/1{rest}").as_bytes()).expect("a file");
    Some(keys)
}

#[test]
fn p02_a_key_that_the_kernel_never_forgets_is_seen() {
    if !looked_at() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let hours = |hours: u32| listed(folder.path(), hours * 3_600);
    let (Some(never), Some(late), Some(right)) = (hours(0), hours(30), hours(23)) else { return };
    WORLD.audit("P02", &[("keys", right)]).unwrap_or_else(|no| panic!("it ends within a day: {no}"));
    for keys in [never, late] {
        let said = WORLD.audit("P02", &[("keys", keys)]).expect_err("a key that outlives the day is confirmed");
        assert!(said.starts_with("refuted: ") && said.contains("a key that outlives a day"), "{said}");
    }
}

#[test]
fn p05_a_connection_to_what_no_plan_lists_is_seen() {
    let line = "{\"timestamp\":\"2026-11-30T12:00:00Z\",\"level\":\"INFO\",\"message\":\"connects\",\"client\":\"acme\",\
                \"connection\":\"shop\",\"address\":\"203.0.113.9:443\"}\n";
    is_refuted("P05", Broken::State("agent.log", line), "reached and not listed: ['203.0.113.9:443']");
}

#[test]
fn p07_a_secret_that_a_log_or_the_database_holds_is_seen() {
    let line = "{\"level\":\"WARN\",\"message\":\"the API said no\",\"authorization\":\"Bearer demo-payments-key\"}\n";
    is_refuted("P07", Broken::State("agent.log", line), "agent.log holds [b'demo-payments-key']");
    // Deleted again, as the agent's own rows are; the page that it stood on is free, and was not wiped.
    is_refuted("P07", Broken::Deleted("demo-helpdesk-token"), "agent.db holds [b'demo-helpdesk-token']");
    let kept = Broken::State("state/reserve", "Bearer demo-shop-token");
    is_refuted("P07", kept, "reserve holds [b'demo-shop-token']");
}

/// The report and the outside programs say no to P13, both with a reason.
fn nobody_was_told(rewrite: Rewrite, why: &str) {
    if !looked_at() {
        return;
    }
    is_refuted("P13", Broken::Ledger(rewrite), "nobody was told by");
    let folder = tempfile::tempdir().expect("a folder");
    let against = WORLD.against(&WORLD.broken(folder.path(), Broken::Ledger(rewrite)).1);
    assert!(against.iter().any(|(id, said)| id == "P13" && said.contains(why)), "{why}: {against:#?}");
}

/// Which rule opened the first incident.
fn cause(entries: &[Value]) -> Value {
    let opened = entries.iter().find(|entry| is_state("opened")(entry)).expect("an incident");
    opened["data"]["cause"].clone()
}

#[test]
fn p13_an_alert_that_never_left_and_one_that_left_late_are_seen() {
    let never: Rewrite = |entries| {
        let cause = cause(entries);
        entries.retain(|entry| entry["kind"] != "alerted" || entry["data"]["rule"] != cause);
        // The agent works on; only of this it told nobody.
        let last = entries.len() - 1;
        let at = entries[last]["index"].clone();
        delay(entries, 1, move |entry| entry["index"] == at);
    };
    nobody_was_told(never, "and no alert of its rule was delivered after that");
    // What it says of its own delay is as short as ever: when the entry was written tells.
    let late: Rewrite = |entries| {
        let cause = cause(entries);
        let first = kind(entries, "alerted").find(|entry| entry["data"]["rule"] == cause).expect("an alert");
        let at = first["index"].clone();
        delay(entries, 1, move |entry| entry["index"] == at);
    };
    nobody_was_told(late, "and the first alert of its rule was delivered");
}
