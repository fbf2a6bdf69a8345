//! Files that somebody names: none that is too large, has no end or keeps one waiting holds a command up.

#![expect(clippy::disallowed_methods, reason = "the tests make their own folders")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::Lead;
use assent_compiler::named::read_named;
use assent_compiler::publish::branch;
use assent_schema::named::Kind;
use assent_schema::trust::Signer;
use support::signed::sign_all;
use support::{Ran, assent, example};
use tempfile::TempDir;

/// Each command that takes a file, `@` in its place, and what kind of file it is. `REPO` is a source, `KEY` a key, `ROOT` a file
/// to be signed. A key is read by one function, for whichever command it is.
const LINES: [(&str, Kind); 20] = [
    ("approve @", Kind::SignedToml),
    ("approve ROOT --key alice=@", Kind::PrivateKey),
    ("trust sign @ --key alice=KEY", Kind::SignedToml),
    ("trust sign ROOT --key alice=@", Kind::PrivateKey),
    ("withdraw acme --all --repo REPO --key dana=@", Kind::PrivateKey),
    ("reject acme --all --repo REPO --key dana=@", Kind::PrivateKey),
    ("decide --client acme --agent http://127.0.0.1:1 --key dana=@", Kind::PrivateKey),
    ("start acme/refund --agent http://127.0.0.1:1 --key dana=@", Kind::PrivateKey),
    ("trust words @", Kind::Signed),
    ("trust root --repo REPO --agent @", Kind::AgentKeys),
    ("trust root --repo REPO --person zoe=@", Kind::PublicKey),
    ("trust root --repo REPO --passkey alice=@", Kind::PublicKey),
    ("trust approvers acme --repo REPO --person zoe=@", Kind::PublicKey),
    ("test --repo REPO --from-run @", Kind::RunStory),
    ("promises --repo REPO --ledger @", Kind::Ledger),
    ("promises --repo REPO --ledger ROOT --since @", Kind::Checkpoint),
    ("promises --repo REPO --log @", Kind::AgentLog),
    ("promises --repo REPO --keys @", Kind::KernelKeys),
    ("report acme --repo REPO --ledger @", Kind::Ledger),
    ("report acme --repo REPO --ledger ROOT --since @", Kind::Checkpoint),
];

/// Those that publish: `WHERE` is the place in a repository with two releases, `KEY` and `TIMER` are good keys.
const PUBLISHING: [&str; 6] = [
    "release WHERE --key bruno=@",
    "release WHERE --key KEY --freshness-key timer=@",
    "rollback acme/refund WHERE --key bruno=@",
    "rollback acme/refund WHERE --key KEY --freshness-key timer=@",
    "freshness --local --repo REPO --at 2026-06-01T09:10:00Z --key timer=@",
    "freshness --local --repo REPO --at 2026-06-01T09:10:00Z --key TIMER --key timer=@",
];

/// How long a command may take that has only to refuse a file.
const AT_MOST: Duration = Duration::from_mins(2);

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
        (pipe, "is a pipe, not a file".to_owned()),
        ("/dev/zero".to_owned(), "is a device, not a file".to_owned()),
        (folder.display().to_string(), "is a folder, not a file".to_owned()),
        (large, format!("is larger than {} bytes", kind.most_bytes())),
    ]
}

/// Runs a command, which must come back.
fn ran(line: &str) -> Ran {
    let (told, heard) = mpsc::channel();
    let line = line.to_owned();
    let shown = line.clone();
    std::thread::spawn(move || {
        let arguments: Vec<&str> = line.split(' ').collect();
        told.send(assent(&arguments))
    });
    heard.recv_timeout(AT_MOST).unwrap_or_else(|_| panic!("`{shown}` does not come back"))
}

#[test]
fn no_command_waits_for_a_named_file_or_reads_it_without_end() {
    let folder = TempDir::new().expect("a folder");
    let mut all = example();
    sign_all(&mut all, "2027-03-01T00:00:00Z".parse().expect("a moment"));
    for (path, bytes) in all {
        let path = folder.path().join("repo").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    let key = Signer::from_seed(&[1; 32]).expect("a key").to_openssh("alice").expect("a key");
    std::fs::write(folder.path().join("key"), &*key).expect("written");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let root = "repo/trust/root/2.toml";
    for (line, kind) in LINES {
        for (file, said) in wrong(folder.path(), kind) {
            let of = if line.starts_with("approve ROOT") { approval(folder.path()) } else { path(root) };
            let line = line.replace('@', &file).replace("REPO", &path("repo"));
            let line = line.replace("KEY", &path("key")).replace("ROOT", &of);
            let ran = ran(&line);
            assert_eq!(ran.status, 2, "{line}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(&said), "{line}: {}", ran.err);
        }
    }
    // A folder that is named holds what somebody put there.
    let there = folder.path().join("repo/catalog/integrations/pipe.toml");
    assert!(Command::new("mkfifo").arg(&there).status().expect("mkfifo").success());
    let ran = ran(&format!("trust catalog --repo {}", path("repo")));
    assert!(ran.status == 2 && ran.err.contains("is a pipe, not a file"), "{}", ran.err);
}

#[test]
fn no_command_that_publishes_waits_for_a_named_key_or_reads_it_without_end() {
    let folder = TempDir::new().expect("a folder");
    let now = "2026-06-01T09:00:00Z".parse().expect("a moment");
    let agency = Agency::found(folder.path(), Lead::AsWritten, now).expect("an agency");
    agency.establish(&[], &[]).expect("established");
    agency.approve_all().expect("approved");
    let (key, timer) = (agency.private("bruno").expect("a key"), agency.private("timer").expect("a key"));
    let repo = agency.source.display().to_string();
    let place = format!("--environment staging --region eu --local --repo {repo}");
    let filled = |line: &str| {
        let line = if line.starts_with("release") { format!("{line} --at {now}") } else { line.to_owned() };
        line.replace("WHERE", &place).replace("KEY", &key).replace("TIMER", &timer).replace("REPO", &repo)
    };
    let release = filled("release WHERE --key KEY --freshness-key TIMER");
    for prompt in [None, Some("You read one ticket. Choose what it is about.\n")] {
        if let Some(text) = prompt {
            std::fs::write(agency.source.join("clients/acme/prompts/intent.md"), text).expect("written");
            agency.commit_as("alice", "Reword a prompt", &["*"]).expect("a commit");
        }
        let ran = ran(&release);
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    }
    let wrong = wrong(folder.path(), Kind::PrivateKey);
    let stands = || {
        let repository = branch::open(&agency.source).expect("a repository");
        branch::tip(&repository, "release/staging/eu").expect("a branch")
    };
    let before = stands();
    for line in PUBLISHING {
        for (file, said) in &wrong {
            let line = filled(line).replace('@', file);
            let ran = ran(&line);
            assert_eq!(ran.status, 2, "{line}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(said), "{line}: {}", ran.err);
        }
    }
    assert_eq!(stands(), before, "nothing was published");
}

fn approval(folder: &Path) -> String {
    let approvals = folder.join("repo/clients/acme/approvals");
    let mut files = std::fs::read_dir(approvals).expect("a folder").map(|entry| entry.expect("an entry").path());
    files.find(|path| path.extension().is_some_and(|e| e == "toml")).expect("an approval").display().to_string()
}

#[test]
fn every_kind_of_file_is_bounded() {
    let folder = TempDir::new().expect("a folder");
    for kind in Kind::ALL {
        for (file, said) in wrong(folder.path(), kind) {
            let why = read_named(Path::new(&file), kind).expect_err("refused").to_string();
            assert!(why.ends_with(&said), "{kind:?}, {file}: {why}");
        }
    }
}
