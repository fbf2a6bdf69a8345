//! Files that somebody names: none that is too large, has no end or keeps one waiting holds the agent or a command up.

#![expect(clippy::disallowed_methods, reason = "the tests make their own files")]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use assent_agent::{command, named};
use assent_schema::ledger::LogKey;
use assent_schema::named::Kind;
use ed25519_dalek::SigningKey;
use tempfile::TempDir;

/// Commands that take a file and need no agent that runs, `@` in its place. `DIR` is a folder, `CONFIG` a configuration, `LOG`
/// the key of a log. All others read with the same functions: `tests/house` holds that none opens a file itself.
const LINES: [(&str, Kind); 6] = [
    ("status --config @", Kind::Configuration),
    ("run --config @", Kind::Configuration),
    ("ledger witness --folder DIR --name witness.example/1 --log LOG @", Kind::Checkpoint),
    ("ledger verify acme --since @", Kind::Checkpoint),
    ("ledger prove acme --since @ --output DIR", Kind::Checkpoint),
    ("incidents share i-1 --file @ --key alice=KEY", Kind::PostMortem),
];

/// How long a command may take that has only to refuse a file.
const AT_MOST: Duration = Duration::from_mins(1);

/// What somebody may name that is no file of the kind, and what is said of it.
fn wrong(folder: &Path, kind: Kind) -> [(String, String); 4] {
    let path = |name: &str| folder.join(name).display().to_string();
    let pipe = path("pipe");
    if !folder.join("pipe").exists() {
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    }
    let large = path("large");
    // A hole, which takes no room.
    let file = std::fs::File::create(&large).expect("a file");
    file.set_len(kind.most_bytes() + 1).expect("a hole");
    [
        (pipe, "it is a pipe, not a file".to_owned()),
        ("/dev/zero".to_owned(), "it is a device, not a file".to_owned()),
        (folder.display().to_string(), "it is a folder, not a file".to_owned()),
        (large, format!("it is larger than {} bytes", kind.most_bytes())),
    ]
}

/// What a command says that must come back.
fn said(line: &str) -> String {
    let (told, heard) = mpsc::channel();
    let line = line.to_owned();
    let shown = line.clone();
    std::thread::spawn(move || {
        let arguments = std::iter::once("assent-agent").chain(line.split(' ')).map(Into::into);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let _status = command::main(arguments, &mut out, &mut err);
        told.send(String::from_utf8(err))
    });
    let err = heard.recv_timeout(AT_MOST).unwrap_or_else(|_| panic!("`{shown}` does not come back"));
    err.expect("text")
}

#[test]
fn no_command_waits_for_a_named_file_or_reads_it_without_end() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
    let log = LogKey::of_log(&"assent/agency/eu-1/acme".parse().expect("an origin"), &key).expect("a key").to_vkey();
    for (line, kind) in LINES {
        for (file, wanted) in wrong(folder.path(), kind) {
            let line = line.replace("DIR", &path("dir")).replace("LOG", &log).replace("KEY", &path("key"));
            let line = line.replace('@', &file);
            let err = said(&line);
            assert!(err.contains(&wanted), "{line}: {err}");
        }
    }
}

#[test]
fn every_kind_of_file_is_bounded() {
    let folder = TempDir::new().expect("a folder");
    for kind in Kind::ALL {
        for (file, wanted) in wrong(folder.path(), kind) {
            let why = named::read(Path::new(&file), kind).expect_err("refused").to_string();
            assert_eq!(why, wanted, "{kind:?}, {file}");
        }
    }
}
