//! What commands print with `--format json`: the page `docs/json.md` is these very outputs.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use support::clerk::{self, Clerk};
use support::signed::{commit_after, sign_all};
use support::{NOW, assent, commit, example, files as tree_of};
use tempfile::TempDir;

/// What stands above the examples.
const HEAD: &str = "# What commands print as JSON

Every command that prints for people also takes `--format json` and then prints one JSON value, and nothing else, on standard
output. Members may be added; none is renamed or given another meaning. Exit status: 0 fine, 1 findings or refused, 2 usage
or environment; with 2 nothing is printed on standard output. `completions` prints what a shell reads, `schema KIND` what an
editor reads. `check`, `build` and `release` print the findings where there are any.

The examples are what these commands print in a test; digests and keys are shortened.

## `assent demo`

The whole story at once, when it is over. `held` says whether each step held, `promises` which of them a step showed.

```json
{
  \"held\": false,
  \"promises\": [
    \"P01\"
  ],
  \"steps\": [
    {
      \"chapter\": \"One\",
      \"details\": [
        \"and this is why\"
      ],
      \"held\": true,
      \"milliseconds\": 5,
      \"promises\": [
        \"P01\"
      ],
      \"sentence\": \"It goes well\",
      \"step\": 1
    },
    {
      \"chapter\": \"Two\",
      \"details\": [],
      \"held\": false,
      \"milliseconds\": 0,
      \"promises\": [],
      \"sentence\": \"It does not\",
      \"step\": 2
    }
  ]
}
```
";

/// A work tree with keys for a few people, and the page that grows with each command.
struct Story {
    folder: TempDir,
    page: String,
}

impl Story {
    fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        for (path, bytes) in example() {
            put(&folder.path().join("repo").join(path), &bytes);
        }
        for (person, seed) in [("alice", 1), ("bruno", 2), ("dana", 3)] {
            let key = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), person).unwrap();
            put(&folder.path().join(person), key.to_openssh(LineEnding::LF).unwrap().as_bytes());
            let public = format!("{}\n", key.public_key().to_openssh().unwrap());
            put(&folder.path().join(format!("{person}.pub")), public.as_bytes());
        }
        Self { folder, page: HEAD.to_owned() }
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Runs a command in which `@` stands for the folder, and adds what it prints to the page.
    fn run(&mut self, line: &str) -> Value {
        let value = self.value(line);
        self.tell(line, &value);
        value
    }

    /// Runs a command that refuses or finds something, and adds what it prints to the page.
    fn run_refused(&mut self, line: &str) -> Value {
        let value = self.ended(line, 1);
        self.tell(line, &value);
        value
    }

    fn tell(&mut self, line: &str, value: &Value) {
        self.tell_of("assent", line, value);
    }

    fn tell_of(&mut self, program: &str, line: &str, value: &Value) {
        let shown = serde_json::to_string_pretty(&self.shortened(value)).unwrap();
        let command = line.replace("@/repo/", "").replace(" --repo @/repo", "").replace(" --repo @/source", "");
        let command = command.replace("@/", "");
        writeln!(self.page, "\n## `{program} {command}`\n\n```json\n{shown}\n```").unwrap();
    }

    /// What a command prints.
    fn value(&self, line: &str) -> Value {
        self.ended(line, 0)
    }

    fn ended(&self, line: &str, status: u8) -> Value {
        let arguments: Vec<String> = line.split(' ').map(|part| part.replace('@', self.path())).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--format", "json"]).collect();
        let ran = assent(&arguments);
        // Who signs sees what, and JSON stays alone where it is read.
        let shows = ["withdraw ", "reject ", "approve "].iter().any(|command| line.starts_with(command));
        let is_shown = shows && line.contains(" --key ");
        assert_eq!((ran.status, ran.err.is_empty()), (status, !is_shown), "{line}: {}{}", ran.err, ran.out);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{line}: {e}: {}", ran.out))
    }

    /// The value with short lists, digests and keys, and without the folder of the test.
    fn shortened(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let text = text.replace(&format!("{}/repo/", self.path()), "").replace(self.path(), "…");
                let long = text.len() > 40 && !text.contains(' ');
                let key = text.starts_with("ssh-") || text.starts_with("-----BEGIN");
                let cut = |most| format!("{}…", text.chars().take(most).collect::<String>());
                Value::String(if long || key { cut(24) } else { text })
            }
            Value::Array(items) => items.iter().take(2).map(|item| self.shortened(item)).collect(),
            Value::Object(members) => {
                // What depends on every byte of the example would make the page stale with each change of it.
                let moves = |key: &str| matches!(key, "manifest" | "plan" | "commit");
                let one = |(key, value): (&String, &Value)| {
                    let shown = if moves(key) { Value::String("…".into()) } else { self.shortened(value) };
                    (key.clone(), shown)
                };
                members.iter().map(one).collect()
            }
            other => other.clone(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this test makes a work tree")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The whole way from an empty trust folder to a withdrawal, each step as JSON.
fn told() -> String {
    let mut story = Story::begin();
    let role = "--role";
    let roles: Vec<String> = ["root=2", "release=1", "freshness=1", "catalog=1", "teams=1", "oncall=1"]
        .iter()
        .map(|name| format!("{role} {name}:alice,bruno"))
        .collect();
    let people = "--person alice=@/alice.pub --person bruno=@/bruno.pub";
    let expires = "--expires 2027-01-01T00:00:00Z";
    let root = story.run(&format!("trust root --repo @/repo {expires} {people} {}", roles.join(" ")));
    assert!(root["file"].as_str().unwrap().ends_with("trust/root/1.toml"));
    let signed = story.run("trust sign @/repo/trust/root/1.toml --key alice=@/alice --key bruno=@/bruno");
    assert_eq!(signed["signed"].as_array().unwrap().len(), 2);
    story.run("trust approvers acme --repo @/repo --threshold 1 --person dana=@/dana.pub");
    story.run("trust teams acme=alice --repo @/repo");
    story.run("trust catalog --repo @/repo");
    let words = story.run("trust words @/repo/trust/root/1.toml");
    assert_eq!(words["words"], root["words"]);
    let signers = story.run("trust allowed-signers --repo @/repo");
    assert!(!signers["signers"].as_array().unwrap().is_empty());
    story.run("trust ledger-keys --repo @/repo");
    let withdrawn = story.run("withdraw acme --workflow refund --key dana=@/dana --repo @/repo");
    assert_eq!(withdrawn["decision"], "withdraw");
    assert_eq!(withdrawn["signed"]["person"], "dana");
    let rejected = story.run("reject acme --all --key dana=@/dana --repo @/repo");
    assert_eq!(rejected["serial"], 2);
    let shown = story.run("approve @/repo/clients/acme/approvals/2-reject.toml");
    assert_eq!(shown["signed"], Value::Null);
    story.run("approve @/repo/clients/acme/approvals/2-reject.toml --key dana=@/dana");
    story.run("schema --list");
    released(&mut story);
    asked(&mut story);
    story.page
}

const PROMPT: &str = "clients/acme/prompts/topic.md";

/// From a signed commit to a release, another one, and back to the plans of the first.
fn released(story: &mut Story) {
    let mut files = example();
    sign_all(&mut files, "2027-03-01T00:00:00Z".parse().unwrap());
    let repository = git2::Repository::init_bare(story.folder.path().join("source")).unwrap();
    // Who is assigned stands there before what they write.
    let mut trust = files.clone();
    trust.retain(|path, _| !path.starts_with("clients/"));
    let founded = commit(&repository, tree_of(&repository, &trust));
    let first = commit_after(&repository, founded, tree_of(&repository, &files), "alice");
    story.run(&format!("check --repo @/source --at {NOW}"));
    let built =
        story.run(&format!("build --environment staging --region eu --out @/bundles --repo @/source --at {NOW}"));
    assert_eq!(built["bundles"].as_array().unwrap().len(), 1);
    story.run(&format!("promises HEAD --local --repo @/source --at {NOW}"));
    story.run(&format!("report acme HEAD --output @/report.html --local --repo @/source --at {NOW}"));
    let signers = "--key alice=@/alice --freshness-key alice=@/alice --local --repo @/source";
    let release = format!("release --environment staging --region eu {signers} --at {NOW}");
    let released = story.run(&release);
    assert_eq!(released["releases"][0]["sequence"], 1);
    assert_eq!(released["releases"][0]["manifest"], built["bundles"][0]["manifest"]);
    files.insert(PROMPT.to_owned(), b"Say in one word what the ticket is about.\n".to_vec());
    commit_after(&repository, first, tree_of(&repository, &files), "alice");
    assert_eq!(story.value(&release)["releases"][0]["sequence"], 2);
    let later = "2026-06-01T12:10:00Z";
    let rolled = story.run(&format!("rollback acme/triage --environment staging --region eu {signers}"));
    assert_eq!(rolled["workflows"][0]["from"], 1);
    let fresh = story.run(&format!("freshness --key alice=@/alice --local --repo @/source --at {later}"));
    assert_eq!(fresh["releases"][0]["sequence"], 3);
    // The root of this story lists no agent, so nobody can say that it works.
    let status = story.run_refused(&format!("status --local --repo @/source --at {later}"));
    assert_eq!(status["regions"][0]["verdict"], "unknown");
}

/// Whoever rolls back at night has the bad plan back for good, whatever somebody else releases in the morning.
#[test]
fn what_a_rollback_took_back_no_later_release_brings_again() {
    let story = Story::begin();
    let mut files = example();
    sign_all(&mut files, "2027-03-01T00:00:00Z".parse().unwrap());
    let repository = git2::Repository::init_bare(story.folder.path().join("source")).unwrap();
    let mut trust = files.clone();
    trust.retain(|path, _| !path.starts_with("clients/"));
    let founded = commit(&repository, tree_of(&repository, &trust));
    let first = commit_after(&repository, founded, tree_of(&repository, &files), "alice");
    let signers = "--key alice=@/alice --freshness-key alice=@/alice --local --repo @/source";
    let release = format!("release --environment staging --region eu {signers} --at {NOW}");
    let rollback = format!("rollback acme/triage --environment staging --region eu {signers}");
    let refused = |line: &str| {
        let arguments: Vec<String> = line.split(' ').map(|part| part.replace('@', story.path())).collect();
        let ran = assent(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{line}");
        ran.err
    };
    let manifest = || -> Value {
        let tip = repository.revparse_single("release/staging/eu:manifest.json").unwrap();
        serde_json::from_slice(tip.as_blob().unwrap().content()).unwrap()
    };
    let plan_of_triage = || {
        let active = manifest()["active"].as_array().unwrap().clone();
        active.into_iter().find(|one| one["workflow"] == "triage").unwrap()["plan"].as_str().unwrap().to_owned()
    };
    story.value(&release);
    let good = plan_of_triage();
    files.insert(PROMPT.to_owned(), b"Say in one word what the ticket is about.\n".to_vec());
    let second = commit_after(&repository, first, tree_of(&repository, &files), "alice");
    story.value(&release);
    let bad = plan_of_triage();
    story.value(&rollback);
    let back = serde_json::json!([{"plan": bad, "reason": "rolled back by a release"}]);
    assert_eq!((plan_of_triage(), &manifest()["returned"]), (good.clone(), &back));
    let said = refused(&release);
    assert!(said.contains("acme/triage") && said.contains(&format!("--readmit {bad}")), "{said}");
    // A rollback of the rollback goes further back, and there is nothing.
    assert!(refused(&rollback).contains("no older plan"));
    assert!(refused(&format!("{rollback} --to 2")).contains("went back itself"));
    assert_eq!(manifest()["sequence"], 3);
    // A source that makes another plan is released, and what was taken back stays so.
    files.insert(PROMPT.to_owned(), b"Say in two words what the ticket is about.\n".to_vec());
    let third = commit_after(&repository, second, tree_of(&repository, &files), "alice");
    story.value(&release);
    assert_eq!((&manifest()["sequence"], &manifest()["returned"]), (&4.into(), &back));
    // The bad plan comes again once somebody says why, and is then as any other.
    files.insert(PROMPT.to_owned(), b"Say in one word what the ticket is about.\n".to_vec());
    commit_after(&repository, third, tree_of(&repository, &files), "alice");
    refused(&release);
    story.value(&format!("{release} --readmit {bad} --reason fixed"));
    assert_eq!((plan_of_triage(), &manifest()["returned"]), (bad, &Value::Null));
    // What was let in again and rolled back again is not let in by what the release before said.
    story.value(&format!("{rollback} --to 1"));
    assert_eq!((plan_of_triage(), &manifest()["returned"], &manifest()["readmitted"]), (good, &back, &Value::Null));
}

/// What on-call asks of an agent.
fn asked(story: &mut Story) {
    let clerk = Clerk::begin(story.folder.path());
    let value = |line: &str| -> Value {
        let ran = clerk.ran(&line.split(' ').chain(["--format", "json"]).collect::<Vec<_>>());
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{line}: {}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    };
    let who = "--why INC-7";
    let stranger = format!("--key mallory={}", clerk.key.display());
    let run = clerk::first();
    let retry = format!("runs retry --client acme --state failed {who}");
    for line in ["queue".to_owned(), retry.clone(), format!("{retry} --yes"), format!("queue done {run} {who}")] {
        story.tell_of("assent-agent", &line, &value(&line));
    }
    let (counted, acted) = (value(&retry), value(&format!("{retry} --yes")));
    assert_eq!((&counted["really"], &acted["really"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(counted["runs"][0]["next"], Value::Null, "nothing was done when they are counted");
    assert!(acted["runs"][0]["next"].is_string() && acted["runs"][1]["why_not"].is_string(), "{acted}");
    for verb in ["runs skip", "runs rerun", "runs cancel", "queue done", "queue reassign --to billing"] {
        let told = value(&format!("{verb} {run} {who}"));
        let word = verb.split(' ').nth(1).unwrap();
        assert_eq!((&told["verb"], &told["really"]), (&Value::from(word), &Value::Bool(true)), "one is done at once");
        assert_eq!(told["runs"][0]["done"][0]["in_doubt"], true, "{told}");
    }
    for (line, status) in [
        (format!("runs retry {run} {stranger} --why INC-7"), 1),
        (format!("runs retry {run} --key omar=/nowhere --why INC-7"), 2),
        (format!("runs retry {run} --client acme {who}"), 2),
        (format!("runs retry {who}"), 2),
    ] {
        let ran = clerk.ran(&line.split(' ').chain(["--format", "json"]).collect::<Vec<_>>());
        assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{line}: {}", ran.err);
    }
    let none = clerk.ran(&"runs retry --step pay --yes --why INC-7".split(' ').collect::<Vec<_>>());
    assert_eq!(none.status, 1, "nothing was done: {}", none.out);
    assert!(none.out.starts_with("retry: 0 of 1 run.\n"), "{}", none.out);
    let human = clerk.ran(&retry.split(' ').collect::<Vec<_>>()).out;
    assert!(human.starts_with("retry would be for 2 runs. Nothing was done; add `--yes` to do it.\n"), "{human}");
    assert!(human.contains("perhaps done: shop.refund (step pay)"), "{human}");
}

#[test]
fn the_page_of_json_is_fresh() {
    let page = told();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    if std::env::var_os("UPDATE").is_some() {
        put(&path, page.as_bytes());
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "docs/json.md is stale: UPDATE=1 cargo test -p assent-compiler --test json");
}
