//! What enforces a promise while an agent runs, broken there: the traces that an agent leaves which does not keep to it. Programs
//! that are not ours say no to each and why; where the ledger tells of it, the report does too.

use std::path::{Path, PathBuf};

use assent_compiler::command::demo::source::put;
use assent_tests::{Running, command, have, run, skipped};
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

/// An agent that runs holds its database alone, and what the page lists can still be looked at.
const HOLD: &str = "import sqlite3, sys
there = sqlite3.connect(sys.argv[1], isolation_level=None)
there.execute('pragma journal_mode = wal')
there.execute('pragma locking_mode = exclusive')
there.execute('create table held_meanwhile (a)')
there.execute('begin exclusive')
print('holds', flush=True)
sys.stdin.read()";

#[test]
fn what_a_running_agent_holds_is_looked_at_in_a_copy() {
    if !looked_at() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (part, state) = WORLD.broken(folder.path(), Broken::State("agent.log", "\n"));
    let mut python = command("python3", folder.path());
    python.args(["-c", HOLD]).arg(state.join("state/agent.db")).stdin(std::process::Stdio::piped());
    let agent = Running::start(&mut python, |line| line == "holds");
    // What is in the log alone is seen, too: nobody lists that table.
    let said = WORLD.audit("P01", &[(part, state.clone())]).expect_err("a table that the report does not name");
    assert!(said.starts_with("refuted: ") && said.contains("held_meanwhile"), "{said}");
    WORLD.audit("P19", &[(part, state)]).unwrap_or_else(|no| panic!("P19 is not confirmed: {no}"));
    agent.kill();
}

/// Whoever was on call and has left since did what they did while they might.
#[test]
fn p10_is_confirmed_when_who_was_on_call_has_left() {
    if !looked_at() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let same = "[roles.oncall]";
    let (part, release) = WORLD.broken(folder.path(), Broken::Release(same, same));
    let roots = release.join("trust/root");
    let newest =
        (1..100_u32).take_while(|version| roots.join(format!("{version}.toml")).exists()).last().expect("a root");
    let text = std::fs::read_to_string(roots.join(format!("{newest}.toml"))).expect("a root");
    assert!(text.contains("bruno"), "{text}");
    let next = roots.join(format!("{}.toml", newest + 1));
    put(&next, text.replace("bruno", "brunhild").as_bytes()).expect("a root");
    let said = WORLD.audit("P10", &[(part, release)]).unwrap_or_else(|no| panic!("P10 is not confirmed: {no}"));
    assert!(said.contains("bruno looked"), "{said}");
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
    assert_eq!(against("P02", "--keys", &listed(folder.path(), 23 * 3_600).expect("a key")), Vec::<String>::new());
    for keys in [never, late] {
        let red = against("P02", "--keys", &keys);
        assert!(red.iter().any(|said| said.contains("for longer than a day")), "the report stays green: {red:?}");
        let said = WORLD.audit("P02", &[("keys", keys)]).expect_err("a key that outlives the day is confirmed");
        assert!(said.starts_with("refuted: ") && said.contains("a key that outlives a day"), "{said}");
    }
}

#[test]
fn p05_a_connection_to_what_no_plan_lists_is_seen() {
    let line = "{\"timestamp\":\"2999-01-01T00:00:00Z\",\"level\":\"INFO\",\"message\":\"connects\",\"client\":\"acme\",\
                \"connection\":\"shop\",\"address\":\"203.0.113.9:443\"}\n";
    let broken = Broken::State("agent.log", line);
    is_refuted("P05", broken, "reached and not listed: ['203.0.113.9:443']");
    assert_eq!(against("P05", "--log", &WORLD.agent_log()), Vec::<String>::new());
    let folder = tempfile::tempdir().expect("a folder");
    let red = against("P05", "--log", &WORLD.broken(folder.path(), broken).1.join("agent.log"));
    assert!(red.iter().any(|said| said.contains("reached 203.0.113.9:443 as shop")), "the report stays green: {red:?}");
}

/// What the report says against a promise by what a host shows.
fn against(promise: &str, option: &str, file: &Path) -> Vec<String> {
    let all = WORLD.against_host(option, file);
    all.into_iter().filter(|(id, _)| id == promise).map(|(_, said)| said).collect()
}

#[test]
fn p07_a_secret_that_a_log_or_the_database_holds_is_seen() {
    let line = "{\"level\":\"WARN\",\"message\":\"the API said no\",\"authorization\":\"Bearer demo-payments-key\"}\n";
    is_refuted("P07", Broken::State("agent.log", line), "agent.log holds [b'demo-payments-key']");
    // Deleted again, as the agent's own rows are; the page that it stood on is free, and was not wiped.
    is_refuted("P07", Broken::Deleted("demo-helpdesk-token"), "agent.db holds [b'demo-helpdesk-token']");
    let kept = Broken::State("state/reserve", "Bearer demo-shop-token");
    is_refuted("P07", kept, "reserve holds [b'demo-shop-token']");
    // The report knows no secret; it knows what secrets look like.
    let line = "{\"level\":\"WARN\",\"message\":\"the API said no to sk_test_4eC39HqLyjWDarjtT1zdp7dc\"}\n";
    let folder = tempfile::tempdir().expect("a folder");
    let log = WORLD.broken(folder.path(), Broken::State("agent.log", line)).1.join("agent.log");
    let red = against("P07", "--log", &log);
    assert!(red.iter().any(|said| said.contains("agent.log: line")), "the report stays green: {red:?}");
    assert!(red.iter().all(|said| !said.contains("sk_test")), "it says the secret itself: {red:?}");
    assert_eq!(against("P07", "--log", &WORLD.agent_log()), Vec::<String>::new());
    // So it is with what the ledger or a status holds.
    let written: Rewrite = |entries| {
        let started = kind(entries, "started").next().expect("a start");
        started["data"]["version"] = "sk_test_4eC39HqLyjWDarjtT1zdp7dc".into();
    };
    let folder = tempfile::tempdir().expect("a folder");
    let red = WORLD.against(&WORLD.broken(folder.path(), Broken::Ledger(written)).1);
    assert!(red.iter().any(|(id, said)| id == "P07" && said.contains("entry ")), "the report stays green: {red:?}");
}

/// What is gone by plan is no lack: the programs that are not ours confirm what they can still see, and say how much is gone. What
/// is missing and named by no entry is refuted, whatever else the log shows.
#[test]
fn what_is_gone_by_plan_is_told_from_what_is_missing() {
    if !looked_at() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let end = WORLD.place("ended");
    let planned = WORLD.pruned(folder.path(), (1, end), (1, end));
    for promise in ["P08", "P10", "P11", "P12", "P13", "P16", "P17", "P18", "P19", "P20", "P21", "P22", "P24", "P25"] {
        let said = WORLD.audit(promise, &[("ledger", planned.clone())]);
        said.unwrap_or_else(|why| panic!("{promise} is refuted for what is gone by plan: {why}"));
    }
    let said = WORLD.audit("P11", &[("ledger", planned.clone())]).expect("it holds");
    assert!(said.contains(&format!("{end} bodies gone as entries say")), "{said}");
    // By plan and too early is no plan.
    let early = WORLD.audit("P14", &[("ledger", planned)]).expect_err("days of today went");
    assert!(early.contains("is younger than the retention"), "{early}");
    let missing = WORLD.pruned(folder.path(), (1, end), (1, end - 1));
    let too_many = WORLD.pruned(folder.path(), (1, end - 1), (1, end));
    for ledger in [missing, too_many] {
        for promise in ["P10", "P11", "P14", "P19"] {
            let said = WORLD.audit(promise, &[("ledger", ledger.clone())]).expect_err("a body is missing");
            assert!(said.contains("bodies are gone and no entry says so"), "{promise}: {said}");
        }
    }
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

/// Which rule opened the first incident of which somebody was told by the time of the export.
fn cause(entries: &[Value]) -> Value {
    let told =
        |cause: &Value| entries.iter().any(|entry| entry["kind"] == "alerted" && entry["data"]["rule"] == *cause);
    let opened = entries.iter().filter(|entry| is_state("opened")(entry)).map(|entry| &entry["data"]["cause"]);
    opened.into_iter().find(|cause| told(cause)).expect("an incident that somebody was told of").clone()
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
