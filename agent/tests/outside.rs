//! An export and its proofs, checked by a program that shares no code with us: `tests/vectors/check.py`. And the unit of the
//! service, judged by systemd.

#[path = "../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use assent_agent::ledger::{DayKeys, Ledgers, Note, Publishers, Reader, Target, opened, started, stopped, tick};
use assent_agent::real::{RealDice, RealDisk};
use assent_agent::store::{LedgerRows, Log, Memory, Store as _, Tables, Transaction, Write};
use assent_agent::vault::HostKey;
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use ed25519_dalek::SigningKey;
use skipped::skipped;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/check.py")
}

#[expect(clippy::disallowed_methods, reason = "the checker is another program")]
fn check(arguments: &[&str]) -> Output {
    Command::new("python3").arg(script()).args(arguments).output().expect("python3 starts")
}

/// Whether the programs are there. In CI they must be.
#[expect(clippy::disallowed_methods, reason = "asks whether programs are there")]
fn can_check() -> bool {
    let there = |name: &str, flag: &str| Command::new(name).arg(flag).output().is_ok_and(|out| out.status.success());
    let all = there("python3", "--version") && there("openssl", "version");
    if !all {
        skipped("python3 or openssl is not installed (tests/setup installs them)");
    }
    all
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn the_published_vectors_verify_without_our_code() {
    if can_check() {
        let output = check(&["vectors"]);
        assert!(output.status.success(), "{}", says(&output));
    }
}

/// Entries whose proofs are written: in the first tile, at its ends, and after it.
const PROVED: [u64; 5] = [0, 77, 255, 256, 300];

/// Writes an export, an older checkpoint and proofs into a folder. Gives the export and the log's key.
#[expect(clippy::disallowed_methods, reason = "the checker reads files")]
fn exported(folder: &Path) -> (Vec<u8>, String) {
    let path = |name: &str| folder.join(name);
    let (disk, host) = (Arc::new(RealDisk::open(folder).expect("a disk")), Arc::new(HostKey::generate()));
    let tables: Arc<std::sync::Mutex<Tables>> = Arc::default();
    let books = |rows: &dyn LedgerRows| {
        let outside = (Arc::clone(&disk), RealDice, Arc::clone(&host));
        Ledgers::load("harbor".parse().expect("a name"), "eu-1".parse().expect("an id"), outside, rows)
    };
    let books = books(&*tables.lock().expect("no panic")).expect("empty books");
    let store = Memory::open(Arc::clone(&tables), Box::new(books));
    let log = Log::Client("acme".parse().expect("an id"));
    let mut at = 1_772_442_000_000;
    let mut write = |note: Note| {
        at += 1_000;
        let transaction = Transaction::new(Wall::from_millis(at)).with(Write::Note(Box::new(note)));
        store.commit_now(transaction).expect("committed");
    };
    write(opened(log.clone(), Digest::of_file(b"root"), vec![]));
    write(started(log.clone(), true));
    let mut publishers = Publishers::new(
        "assent/harbor/eu-1".parse().expect("an origin"),
        SigningKey::from_bytes(&[5; 32]),
        Arc::clone(&disk),
    );
    publishers.round(&store).expect("published");
    let older = publishers.last(&log).expect("a checkpoint").clone();
    for n in 0..400 {
        let viewed = Note::new(log.clone(), "viewed").fact("what", format!("run:{n}")).fact("why", "audit");
        write(Note { actor: Some("alice".parse().expect("an id")), ..viewed });
    }
    write(tick(log.clone()));
    write(stopped(log.clone()));
    publishers.round(&store).expect("published");

    let (key, newest) =
        (publishers.log_key(&log).expect("a key"), publishers.last(&log).expect("a checkpoint").clone());
    let mut days = DayKeys::new(disk, host);
    let mut reader =
        Reader { store: &store, log: log.clone(), key: &key, days: &mut days, checkpoint: &newest, announced: vec![] };
    let mut export = Vec::new();
    let summary = reader.export(&mut export).expect("it verifies");
    for index in PROVED {
        let proof = reader.prove(Target::Index(index)).expect("a proof").remove(0);
        std::fs::write(path(&format!("{index}.tlog-proof")), proof.to_text()).expect("written");
    }
    let since = reader.since(older.note(), None).expect("a proof");
    for (name, bytes) in [
        ("acme.ledger", export.as_slice()),
        ("older", older.note().as_bytes()),
        ("add-checkpoint", since.to_text().as_bytes()),
    ] {
        std::fs::write(path(name), bytes).expect("written");
    }
    assert_eq!(store.ledger_size(&log), Ok(summary.head.size));
    (export, key.to_vkey())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the checker reads files")]
fn what_an_agent_exports_verifies_without_our_code() {
    if !can_check() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (export, vkey) = exported(folder.path());
    for arguments in [
        vec!["export", &path("acme.ledger"), &vkey, &path("older")],
        vec!["proof", &path("77.tlog-proof"), &vkey],
        vec!["consistency", &path("add-checkpoint"), &path("older"), &vkey],
    ] {
        let output = check(&arguments);
        assert!(output.status.success(), "{}", says(&output));
    }

    // One entry less, and one that was exchanged: refused from outside too.
    let text = String::from_utf8(export).expect("UTF-8");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let less: String = lines.iter().enumerate().filter(|(n, _)| *n != 50).map(|(_, line)| *line).collect();
    std::fs::write(path("less.ledger"), less).expect("written");
    assert!(!check(&["export", &path("less.ledger"), &vkey]).status.success());
}

/// A Python that has the package; nothing, and a line that says so, where none has. In CI one must.
#[expect(clippy::disallowed_methods, reason = "asks whether a program is there")]
fn python_with_pymerkle() -> Option<&'static str> {
    let has = |python: &&str| {
        let asked = Command::new(python).args(["-c", "import pymerkle"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        skipped("pymerkle is not installed (tests/setup installs it)");
    }
    found
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the other tree is another program")]
fn another_merkle_tree_has_the_same_roots_and_paths() {
    let Some(python) = python_with_pymerkle() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    exported(folder.path());
    let compare = |older: &str| {
        let mut asked = Command::new(python);
        asked.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/merkle.py")).current_dir(folder.path());
        asked.args(["acme.ledger", older]).args(PROVED.map(|index| format!("{index}.tlog-proof")));
        asked.output().expect("python starts")
    };
    let same = compare("older");
    assert!(same.status.success(), "{}", says(&same));
    let older = std::fs::read_to_string(folder.path().join("older")).expect("a checkpoint");
    std::fs::write(folder.path().join("other"), older.replacen("\n2\n", "\n3\n", 1)).expect("written");
    assert!(!compare("other").status.success(), "it takes another size too");
}

/// What systemd thinks of the unit that is shipped, with a program in place of the agent, which is not installed here.
#[test]
#[expect(clippy::disallowed_methods, reason = "systemd is another program; it reads a file that is written for it")]
fn systemd_takes_the_unit_and_finds_it_well_closed() {
    let analyze = |words: &[&str]| Command::new("systemd-analyze").args(words).output();
    if !analyze(&["--version"]).is_ok_and(|out| out.status.success()) {
        return skipped("systemd-analyze is not installed (tests/setup installs it)");
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/assent-agent.service");
    let unit = std::fs::read_to_string(shipped).expect("the unit");
    assert!(unit.contains("Type=notify") && unit.contains("WatchdogSec=") && unit.contains("Restart=on-failure"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("assent-agent.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/assent-agent", "/bin/true")).expect("a copy");
    let path = path.to_str().expect("a path");
    let verified = analyze(&["verify", path]).expect("it starts");
    assert!(verified.status.success() && says(&verified).is_empty(), "{}", says(&verified));
    // Exposure as systemd counts it, in tenths: "OK" ends at 49, a unit without any of it has 96.
    let judged = analyze(&["security", "--offline=true", "--threshold=20", path]).expect("it starts");
    assert!(judged.status.success(), "{}", says(&judged));
}
