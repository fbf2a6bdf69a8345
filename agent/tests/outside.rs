//! An export and its proofs, checked by a program that shares no code with us: `tests/vectors/check.py`.

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

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/check.py")
}

#[expect(clippy::disallowed_methods, reason = "the checker is another program")]
fn check(arguments: &[&str]) -> Output {
    Command::new("python3").arg(script()).args(arguments).output().expect("python3 starts")
}

/// Whether the programs are there. In CI they must be.
#[expect(clippy::disallowed_methods, reason = "asks whether programs are there, and whether this is CI")]
#[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
fn can_check() -> bool {
    let there = |name: &str, flag: &str| Command::new(name).arg(flag).output().is_ok_and(|out| out.status.success());
    let all = there("python3", "--version") && there("openssl", "version");
    assert!(all || std::env::var("CI").is_err(), "python3 and openssl are needed in CI");
    if !all {
        println!("skipped: python3 or openssl is not installed");
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

#[test]
#[expect(clippy::disallowed_methods, reason = "the checker reads files")]
fn what_an_agent_exports_verifies_without_our_code() {
    if !can_check() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (disk, host) = (Arc::new(RealDisk::open(folder.path()).expect("a disk")), Arc::new(HostKey::generate()));
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
    for n in 0..200 {
        write(Note::new(log.clone(), "viewed").fact("what", format!("run:{n}")).fact("why", "audit"));
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
    let proof = &reader.prove(Target::Index(77)).expect("a proof")[0];
    let since = reader.since(older.note(), None).expect("a proof");
    for (name, bytes) in [
        ("acme.ledger", export.as_slice()),
        ("older", older.note().as_bytes()),
        ("77.tlog-proof", proof.to_text().as_bytes()),
        ("add-checkpoint", since.to_text().as_bytes()),
    ] {
        std::fs::write(path(name), bytes).expect("written");
    }
    let vkey = key.to_vkey();
    assert_eq!(store.ledger_size(&log), Ok(summary.head.size));
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
