//! What the demo leaves, the report about it, and ways to break parts of it on purpose.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use assent_agent::ledger::signing_key_from_file;
use assent_compiler::command::demo::outside::TICKET_TEXT;
use assent_compiler::command::demo::source::put;
use assent_schema::canon::{self, Digest};
use assent_schema::ledger::export::line;
use assent_schema::ledger::{Checkpoint, Frontier, Head, commitment};
use assent_tests::{assent, command, run, succeed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How often the demo may be told until it holds.
const TELLINGS_MOST: u32 = 3;
/// The agent that works.
const AGENT: &str = "eu-production-1";

/// The demo, played once for all tests of this room.
pub(super) static WORLD: LazyLock<World> = LazyLock::new(World::play);

/// A change of the client's log: what a broken agent would have written.
pub(super) type Rewrite = fn(&mut Vec<Value>);

/// Writes a row and deletes it, and leaves the page as it is.
const DELETE: &str = "
import sqlite3, sys
there = sqlite3.connect(sys.argv[1], isolation_level=None)
there.execute('pragma secure_delete = off')
there.execute('create table passing (text)')
there.execute('insert into passing values (?)', (sys.argv[2],))
there.execute('drop table passing')
";

/// How a promise is broken on purpose.
#[derive(Clone, Copy)]
pub(super) enum Broken {
    /// A commit of the source says another thing: path, text, what stands there instead.
    Source(&'static str, &'static str, &'static str),
    /// The release that runs says another thing, whoever let it through.
    Release(&'static str, &'static str),
    /// The agent wrote another log, and signed it.
    Ledger(Rewrite),
    /// Something stands in the agent's folder that should not: path, bytes that are added.
    State(&'static str, &'static str),
    /// A text stood in the agent's database and was deleted again, as rows are.
    Deleted(&'static str),
    /// The page says another thing.
    Page(&'static str, &'static str),
}

/// What the demo leaves.
pub(super) struct World {
    folder: PathBuf,
    report: PathBuf,
    rows: Vec<Value>,
}

/// A folder with the programs that the demo may use, and no others: git, a shell, and the two witnesses that have no part in
/// Assent. A machine has few more.
fn few_programs() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("few-programs");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = std::env::var_os("PATH").expect("a path");
    for name in ["git", "sh", "ssh-keygen", "openssl"] {
        let found = std::env::split_paths(&path).map(|part| part.join(name)).find(|program| program.is_file());
        let link = folder.join(name);
        if let Some(program) = found.filter(|_| !link.exists()) {
            std::os::unix::fs::symlink(program, link).expect("a link");
        }
    }
    folder
}

impl World {
    fn play() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("promises");
        let programs = few_programs();
        // The story waits for processes; on a machine that is busy with other tests a step may take longer than it waits. Whether
        // it holds is what comes after.
        let told = (0..TELLINGS_MOST).any(|_| {
            if folder.exists() {
                std::fs::remove_dir_all(&folder).expect("what was left");
            }
            let mut demo = command(assent(), Path::new("/nowhere"));
            demo.env("PATH", &programs).args(["demo", "--exit", "--keep"]).arg(&folder);
            run(&mut demo).status.success()
        });
        assert!(told, "the demo does not hold: run `assent demo`");
        let mut world = Self { report: folder.join("report.json"), folder, rows: Vec::new() };
        let (said, held) = world.ask(&world.folder.join("source"), &world.folder.join("report/acme.ledger"));
        assert!(held, "something speaks against a promise: {said:#}");
        put(&world.report, said.to_string().as_bytes()).expect("a file");
        world.rows.clone_from(said["promises"].as_array().expect("rows"));
        world
    }

    /// The report on a source and the client's log; whether all of it holds.
    fn ask(&self, source: &Path, ledger: &Path) -> (Value, bool) {
        self.ask_with(source, ledger, &["--log".into(), self.agent_log()])
    }

    /// The same with more files that are looked at.
    fn ask_with(&self, source: &Path, ledger: &Path, more: &[PathBuf]) -> (Value, bool) {
        let mut report = command(assent(), &self.folder);
        report.args(["report", "acme", "--format", "json", "--repo"]).arg(source);
        report.arg("--remote").arg(self.folder.join("remote.git"));
        report.arg("--ledger").arg(ledger).arg("--ledger").arg(self.folder.join("report/agent.ledger"));
        let ran = run(report.args(more));
        let said = serde_json::from_slice(&ran.stdout);
        (said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr))), ran.status.success())
    }

    /// What the report says of a promise.
    pub(super) fn row(&self, promise: &str) -> &Value {
        self.rows.iter().find(|row| row["id"] == promise).expect("a row")
    }

    /// Programs that are not ours look at it; `parts` are given from elsewhere.
    pub(super) fn audit(&self, promise: &str, parts: &[(&str, PathBuf)]) -> Result<String, String> {
        let mut python = command("python3", &self.folder);
        python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("auditor.py")).arg(&self.folder).arg(promise);
        python.arg("--report").arg(&self.report);
        for text in TICKET_TEXT.split([',', '.']).map(str::trim).filter(|text| text.len() > 10) {
            python.args(["--canary", text]);
        }
        for (part, path) in parts {
            python.arg(format!("--{part}")).arg(path);
        }
        let ran = run(&mut python);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr)) }
    }

    /// Whether the report is red for a promise that is broken so.
    pub(super) fn turns_red(&self, promise: &str, broken: Broken) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut source, mut ledger) = (self.folder.join("source"), self.folder.join("report/acme.ledger"));
        match broken {
            Broken::Source(..) => source = self.broken(folder.path(), broken).1,
            Broken::Ledger(_) => ledger = self.broken(folder.path(), broken).1,
            Broken::Release(..) | Broken::State(..) | Broken::Deleted(_) | Broken::Page(..) => {
                panic!("the report does not look there")
            }
        }
        let (said, held) = self.ask(&source, &ledger);
        let rows = said["promises"].as_array().expect("rows");
        !held && rows.iter().any(|row| row["id"] == promise && row["verdict"] == "broken")
    }

    /// What the report says against each promise, by the client's log.
    pub(super) fn against(&self, ledger: &Path) -> Vec<(String, String)> {
        of_rows(&self.ask(&self.folder.join("source"), ledger).0)
    }

    /// What the report says against each promise of a source from which alice took out each file whose path holds a word.
    pub(super) fn against_without(&self, word: &str) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("source");
        let git = || command("git", folder.path());
        succeed(git().args(["clone", "-q"]).arg(self.folder.join("source")).arg(&at));
        for file in files(&at.join("clients")).into_iter().filter(|file| file.to_string_lossy().contains(word)) {
            std::fs::remove_file(file).expect("a file");
        }
        let key = format!("user.signingkey={}", self.folder.join("keys/alice").display());
        let who = ["-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "gpg.format=ssh", "-c", &key];
        let commit = ["commit", "-q", "-a", "-S", "-m", "Take out a statement"];
        succeed(git().arg("-C").arg(&at).args(who).args(commit));
        of_rows(&self.ask(&at, &self.folder.join("report/acme.ledger")).0)
    }

    /// A part of the world that is broken so: which, and where it lies.
    pub(super) fn broken(&self, folder: &Path, broken: Broken) -> (&'static str, PathBuf) {
        let at = folder.join("broken");
        match broken {
            Broken::Source(path, old, new) => {
                let git = || command("git", folder);
                succeed(git().args(["clone", "-q"]).arg(self.folder.join("source")).arg(&at));
                edit(&at.join(path), old, new);
                let who = ["-c", "user.name=mallory", "-c", "user.email=mallory@example.com"];
                succeed(git().arg("-C").arg(&at).args(who).args(["commit", "-q", "-a", "-m", "Break a promise"]));
                ("source", at)
            }
            Broken::Release(old, new) => {
                std::fs::create_dir(&at).expect("a folder");
                let mut archive = command("git", folder);
                archive.arg("-C").arg(self.folder.join("remote.git"));
                let tar = folder.join("release.tar");
                succeed(archive.args(["archive", "-o"]).arg(&tar).arg("refs/heads/release/production/eu"));
                succeed(command("tar", folder).arg("-xf").arg(&tar).arg("-C").arg(&at));
                let found = files(&at).into_iter().find(|file| text(file).contains(old));
                edit(&found.unwrap_or_else(|| panic!("no file of the release says {old}")), old, new);
                ("release", at)
            }
            Broken::Ledger(rewrite) => {
                put(&at, &self.rewritten(rewrite)).expect("a file");
                ("ledger", at)
            }
            Broken::Deleted(text) => {
                self.copy_agent(folder, &at);
                let mut python = command("python3", folder);
                succeed(python.args(["-c", DELETE]).arg(at.join("state/agent.db")).arg(text));
                ("state", at)
            }
            Broken::State(path, more) => {
                self.copy_agent(folder, &at);
                let file = at.join(path);
                let before = std::fs::read(&file).unwrap_or_default();
                put(&file, &[before.as_slice(), more.as_bytes()].concat()).expect("a file");
                ("state", at)
            }
            Broken::Page(old, new) => {
                std::fs::copy(self.folder.join("report/acme.html"), &at).expect("a page");
                edit(&at, old, new);
                ("page", at)
            }
        }
    }

    /// The agent's folder as it is.
    fn copy_agent(&self, folder: &Path, at: &Path) {
        let agent = self.folder.join("agents").join(AGENT);
        succeed(command("cp", folder).arg("-r").arg(agent).arg(at));
    }

    /// The client's log as an agent would have written it that is broken so: the tree and the signature are right.
    fn rewritten(&self, rewrite: Rewrite) -> Vec<u8> {
        let export = text(&self.folder.join("report/acme.ledger"));
        let (lines, note) = export.split_once("\n\n").expect("a checkpoint");
        let mut entries: Vec<Value> = lines.lines().map(|line| entry_of(line).1).collect();
        let before = entries.clone();
        rewrite(&mut entries);
        assert_ne!(entries, before, "nothing was broken");
        let (mut frontier, mut out) = (Frontier::new(), Vec::new());
        for (index, mut entry) in (0..).zip(entries) {
            entry["index"] = Value::from(index);
            let (salt, body) = ([1; 32], canon::to_bytes(&entry).expect("an entry"));
            let committed = commitment(&salt, &body);
            out.extend(line(index, &committed, Some((&salt, &body))).expect("a line"));
            frontier.append(committed.as_bytes());
        }
        out.extend(self.signed(note, &frontier));
        out
    }

    /// The checkpoint of a log that the agent could have signed, in the place of another.
    fn signed(&self, note: &str, frontier: &Frontier) -> Vec<u8> {
        let key = self.folder.join("agents").join(AGENT).join("state/identity/ledger");
        let key = signing_key_from_file(&std::fs::read(key).expect("a key")).expect("a key");
        let origin = note.lines().next().expect("an origin").parse().expect("an origin");
        let head = Head { origin, size: frontier.size(), root: frontier.root() };
        format!("\n{}", Checkpoint::sign(head, &key).note()).into_bytes()
    }

    /// The client's log once the bodies of some entries are gone, and with the entry that says so, which may say it of others:
    /// what is there is as it was, and so is the tree.
    pub(super) fn pruned(&self, folder: &Path, gone: (u64, u64), told: (u64, u64)) -> PathBuf {
        let export = text(&self.folder.join("report/acme.ledger"));
        let (lines, note) = export.split_once("\n\n").expect("a checkpoint");
        let (mut frontier, mut out, mut last) = (Frontier::new(), Vec::new(), Value::Null);
        for (index, text) in (0..).zip(lines.lines()) {
            let (committed, entry) = entry_of(text);
            if (gone.0..=gone.1).contains(&index) {
                out.extend(line(index, &committed, None).expect("a line"));
            } else {
                last = entry;
                out.extend(format!("{text}\n").into_bytes());
            }
            frontier.append(committed.as_bytes());
        }
        let index = frontier.size();
        last.as_object_mut().expect("an entry").retain(|name, _| ["v", "log", "time"].contains(&name.as_str()));
        last["index"] = index.into();
        last["kind"] = "pruned".into();
        last["data"] = serde_json::json!({"ranges": [[told.0, told.1]], "rule": "retention", "reason": "90d"});
        let (salt, body) = ([1; 32], canon::to_bytes(&last).expect("an entry"));
        let committed = commitment(&salt, &body);
        out.extend(line(index, &committed, Some((&salt, &body))).expect("a line"));
        frontier.append(committed.as_bytes());
        out.extend(self.signed(note, &frontier));
        let at = folder.join(format!("pruned-{}-{}", gone.1, told.1));
        put(&at, &out).expect("a file");
        at
    }

    /// Where the first entry of a kind stands in the client's log.
    pub(super) fn place(&self, kind: &str) -> u64 {
        let export = text(&self.folder.join("report/acme.ledger"));
        let (lines, _) = export.split_once("\n\n").expect("a checkpoint");
        let mut kinds = (0..).zip(lines.lines().map(|line| entry_of(line).1["kind"].clone()));
        kinds.find(|(_, one)| one == kind).expect("such an entry").0
    }

    /// What the report says against each promise by what the host shows: options and files.
    pub(super) fn against_host(&self, option: &str, file: &Path) -> Vec<(String, String)> {
        let more = [option.into(), file.to_owned()];
        of_rows(&self.ask_with(&self.folder.join("source"), &self.folder.join("report/acme.ledger"), &more).0)
    }

    /// The log of the agent that works.
    pub(super) fn agent_log(&self) -> PathBuf {
        self.folder.join("agents").join(AGENT).join("agent.log")
    }
}

/// The commitment of a line of an export, and the entry that it holds.
fn entry_of(line: &str) -> (Digest, Value) {
    let line: Value = serde_json::from_str(line).expect("a line");
    let body = STANDARD.decode(line["body"].as_str().expect("a body")).expect("base64");
    let committed = line["commitment"].as_str().expect("a digest").parse().expect("a digest");
    (committed, serde_json::from_slice(&body).expect("an entry"))
}

fn of_rows(said: &Value) -> Vec<(String, String)> {
    let rows = said["promises"].as_array().expect("rows").iter();
    let said = |row: &Value| {
        let (id, against) =
            (row["id"].as_str().expect("an id").to_owned(), row["against"].as_array().expect("a list").clone());
        against.into_iter().map(move |one| (id.clone(), one.as_str().expect("a text").to_owned()))
    };
    rows.flat_map(said).collect()
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).into_owned()
}

fn edit(path: &Path, old: &str, new: &str) {
    let before = text(path);
    assert!(before.contains(old), "{} does not say {old}", path.display());
    put(path, before.replacen(old, new, 1).as_bytes()).expect("a file");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}
