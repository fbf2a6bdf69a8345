//! A client's folder in a repository of its own: pinned, read, judged, and refused where something differs.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

use std::path::{Path, PathBuf};

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::trust::{Namespace, Signer, sign};
use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::Value;
use tempfile::TempDir;

struct World {
    folder: TempDir,
    agency: Agency,
    /// acme's own repository.
    own: PathBuf,
}

fn world() -> World {
    let folder = TempDir::new().unwrap();
    let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
    agency.establish(&[], &[]).unwrap();
    agency.approve_all().unwrap();
    let own = folder.path().join("acme");
    World { folder, agency, own }
}

impl World {
    /// Moves acme's folder into a repository of its own, by one of the agency's people, and pins it.
    fn move_out(&self, by: &str) {
        std::fs::rename(self.agency.source.join("clients/acme"), &self.own).unwrap();
        Repository::init_opts(&self.own, RepositoryInitOptions::new().initial_head("main")).unwrap();
        self.commit_own(by);
        self.pin();
        self.agency.commit_as("alice", "acme has a repository of its own", &["*"]).unwrap();
    }

    fn pin(&self) {
        let from = self.own.display().to_string();
        self.agency.assent(&["trust", "pin", "acme", "--from", &from].map(str::to_owned)).unwrap();
    }

    /// Commits acme's own work tree.
    fn commit_own(&self, by: &str) -> Oid {
        let repository = branch::open(&self.own).unwrap();
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new(by, "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
        let parent = branch::tip(&repository, "main").unwrap().map(|id| repository.find_commit(id).unwrap());
        let buffer =
            repository.commit_create_buffer(&who, &who, "A commit", &tree, &parent.iter().collect::<Vec<_>>()).unwrap();
        let key = std::fs::read(self.agency.keys.private(&by.parse().unwrap())).unwrap();
        let armour = sign(&Signer::from_openssh(&key).unwrap(), Namespace::Git, &buffer);
        let id = repository.commit_signed(std::str::from_utf8(&buffer).unwrap(), armour.trim_end(), None).unwrap();
        repository.reference("refs/heads/main", id, true, "test").unwrap();
        id
    }

    fn reword(&self, by: &str) -> Oid {
        put(&self.own.join("prompts/intent.md"), format!("What {by} wants to know.\n").as_bytes()).unwrap();
        self.commit_own(by)
    }

    fn release(&self) -> (Outcome, String) {
        let key = self.agency.private("alice").unwrap();
        let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
        self.agency.try_assent(&line.map(str::to_owned)).unwrap()
    }

    fn check(&self, more: &[&str]) -> (Outcome, String) {
        let line = ["check", "--no-rehearsal"].iter().chain(more).map(|word| (*word).to_owned());
        self.agency.try_assent(&line.collect::<Vec<_>>()).unwrap()
    }

    /// The plans of the newest release.
    fn plans(&self) -> Vec<String> {
        let repository = branch::open(&self.agency.source).unwrap();
        let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
        let manifest: Value =
            serde_json::from_slice(&branch::read(&repository, tip).unwrap()["manifest.json"]).unwrap();
        manifest["active"].as_array().unwrap().iter().map(|one| one["plan"].to_string()).collect()
    }
}

#[test]
fn a_pinned_client_is_released_as_before() {
    let world = world();
    assert_eq!(world.release().0, Outcome::Fine);
    let before = world.plans();
    world.move_out("alice");
    for more in [&[][..], &["--worktree"]] {
        let (outcome, said) = world.check(more);
        assert_eq!(outcome, Outcome::Fine, "{said}");
        let told = world.check(&[more, &["--format", "json"]].concat()).1;
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["workflows"], 11);
    }
    let (outcome, said) = world.release();
    assert_eq!(outcome, Outcome::Fine, "{said}");
    assert_eq!(world.plans(), before);
    assert_eq!(before.len(), 3);
}

#[test]
fn what_the_team_did_not_sign_is_not_released() {
    let world = world();
    assert_eq!(world.release().0, Outcome::Fine);
    world.move_out("alice");
    assert_eq!(world.release().0, Outcome::Fine);
    // A stranger commits to the client's repository, a member moves the pin.
    world.reword("chen");
    world.pin();
    world.agency.commit_as("alice", "Move the pin", &["*"]).unwrap();
    let (outcome, said) = world.release();
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("unassigned-author") && said.contains("clients/acme/prompts/intent.md"), "{said}");
    assert!(said.contains("`chen`"), "{said}");
}

#[test]
fn a_pin_is_moved_by_the_team_alone() {
    let world = world();
    world.move_out("alice");
    assert_eq!(world.release().0, Outcome::Fine);
    world.reword("bruno");
    world.pin();
    world.agency.commit_as("chen", "Move the pin", &["*"]).unwrap();
    let (outcome, said) = world.release();
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("unassigned-author") && said.contains("changes `clients/acme`"), "{said}");
}

/// Pinning the commit before is how one leaves a bad configuration: it brings nothing new, and who signed the pin is judged.
#[test]
fn a_pin_goes_back_and_to_a_line_of_its_own_by_the_team_alone() {
    let world = world();
    world.move_out("alice");
    let lock = world.agency.source.join("clients.lock");
    let first = std::fs::read(&lock).unwrap();
    let pin_by = |by: &str, bytes: &[u8]| {
        put(&lock, bytes).unwrap();
        world.agency.commit_as(by, "Move the pin", &["*"]).unwrap();
        world.release()
    };
    assert_eq!(world.release().0, Outcome::Fine);
    let before = world.plans();
    let base = branch::tip(&branch::open(&world.own).unwrap(), "main").unwrap().unwrap();
    // One of its team rewords a prompt on the line that `main` is, then on another one that grows out of the same commit.
    let reworded = |by: &str| {
        branch::open(&world.own).unwrap().reference("refs/heads/main", base, true, "another line").unwrap();
        world.reword(by);
        world.pin();
        std::fs::read(&lock).unwrap()
    };
    let forward = reworded("bruno");
    assert_eq!(pin_by("alice", &forward).0, Outcome::Fine);
    assert_ne!(world.plans(), before);
    let (outcome, said) = pin_by("bruno", &first);
    assert_eq!(outcome, Outcome::Fine, "{said}");
    assert_eq!(world.plans(), before);
    assert_eq!(pin_by("alice", &forward).0, Outcome::Fine);
    let beside = reworded("alice");
    assert_eq!(pin_by("bruno", &beside).0, Outcome::Fine);
    let strange = reworded("chen");
    let (outcome, said) = pin_by("alice", &strange);
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("unassigned-author") && said.contains("`chen`"), "{said}");
    // Back again by a stranger, who signed the pin and nothing else.
    let (outcome, said) = pin_by("chen", &first);
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("changes `clients/acme`"), "{said}");
}

#[test]
fn a_folder_that_nobody_signed_does_not_move_out() {
    let world = world();
    assert_eq!(world.release().0, Outcome::Fine);
    world.move_out("chen");
    let (outcome, said) = world.release();
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("unassigned-author") && said.contains("`chen`"), "{said}");
}

#[test]
fn a_pin_that_says_otherwise_than_its_commit_is_refused() {
    let world = world();
    world.move_out("alice");
    let lock = world.agency.source.join("clients.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let tree = text.lines().find(|line| line.starts_with("tree")).unwrap();
    let change = |text: &str| {
        put(&lock, text.as_bytes()).unwrap();
        world.agency.commit("Bend the lock").unwrap();
        world.check(&[]).1
    };
    let said = change(&text.replace(tree, &format!("tree = \"{}\"", "0".repeat(64))));
    assert!(said.contains("bad-value") && said.contains("not what is pinned"), "{said}");
    // It stands at what differs, and says what was not looked at.
    for said in [said, world.check(&["--worktree"]).1] {
        assert!(said.contains("clients.lock:6:1") && said.contains("Nothing of `acme` was looked at"), "{said}");
    }
    let said = change(&text.replace("tree =", "trees ="));
    assert!(said.contains("syntax") && said.contains("clients.lock"), "{said}");
    put(&world.agency.source.join("clients/acme/client.toml"), b"name = \"acme\"\n").unwrap();
    let said = change(&text);
    assert!(said.contains("duplicate-name"), "{said}");
}

#[test]
fn who_may_not_read_a_client_checks_the_others_and_releases_nothing() {
    let world = world();
    world.move_out("alice");
    let clone = world.folder.path().join("clone");
    Repository::clone(&world.agency.remote.display().to_string(), &clone).unwrap();
    let elsewhere = Agency { source: clone.clone(), ..world.agency };
    // Nobody takes for looked at what is not here, in whatever form it is told.
    for more in [&[][..], &["--worktree"]] {
        let line = [&["check", "--no-rehearsal"], more].concat().into_iter().map(str::to_owned);
        let refused = elsewhere.try_assent(&line.collect::<Vec<_>>()).unwrap_err().to_string();
        assert!(refused.contains("not here of acme") && refused.contains("--skip-absent"), "{refused}");
        for format in ["human", "json", "sarif", "github"] {
            let line = [&["check", "--no-rehearsal", "--skip-absent", "--format", format], more].concat();
            let line = line.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let (outcome, said) = elsewhere.try_assent(&line).unwrap();
            assert_eq!(outcome, Outcome::Fine, "{said}");
            assert!(said.contains("`acme`, which clients.lock pins and which is not here"), "{format}: {said}");
        }
    }
    let refused = elsewhere.try_assent(&["promises", "--local"].map(str::to_owned)).unwrap_err().to_string();
    assert!(refused.contains("not here of acme"), "{refused}");
    let key = elsewhere.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    let refused = elsewhere.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    assert!(refused.contains("acme") && refused.contains("trust pin"), "{refused}");
    // Who may, fetches it.
    elsewhere.assent(&["trust", "pin"].map(str::to_owned)).unwrap();
    assert_eq!(elsewhere.try_assent(&line.map(str::to_owned)).unwrap().0, Outcome::Fine);
    assert!(!Path::new(&clone).join("clients/acme").exists());
}

/// The pull request that moves a pin, where what it pins is not.
#[test]
fn a_plan_says_what_it_did_not_compare() {
    let world = world();
    world.move_out("alice");
    world.reword("bruno");
    world.pin();
    world.agency.commit_as("alice", "Move the pin", &["*"]).unwrap();
    let plan = |agency: &Agency, range: &str, format: &str| {
        agency.try_assent(&["plan", range, "--format", format].map(str::to_owned)).unwrap()
    };
    let (outcome, whole) = plan(&world.agency, "HEAD~1..HEAD", "human");
    assert!(outcome == Outcome::Fine && !whole.contains("ot compared"), "{whole}");
    let clone = world.folder.path().join("clone");
    Repository::clone(&world.agency.remote.display().to_string(), &clone).unwrap();
    let elsewhere = Agency { source: clone, ..world.agency };
    for (range, pin) in [("HEAD~1..HEAD", "its pin moves from `"), ("HEAD~2..HEAD", "it is pinned at `")] {
        for format in ["human", "markdown"] {
            let (outcome, said) = plan(&elsewhere, range, format);
            assert_eq!(outcome, Outcome::Findings, "{said}");
            assert!(said.contains("Nothing changes for the clients that are here. Not compared: `acme`."), "{said}");
            assert!(said.contains("`acme`: pinned, not here, not compared") && said.contains(pin), "{said}");
        }
    }
    let (_, told) = plan(&elsewhere, "HEAD~1..HEAD", "json");
    let told: Value = serde_json::from_str(&told).unwrap();
    let pins: Vec<_> = ["was", "is"].map(|key| told["not_compared"][0][key].as_str().map(str::len)).into();
    assert_eq!(pins, [Some(40), Some(40)], "{told}");
    let (outcome, said) = plan(&elsewhere, "HEAD..HEAD", "human");
    assert!(outcome == Outcome::Fine && said.contains("its pin stays at `"), "{said}");
    let draft = ["plan", "--draft", "acme"].map(str::to_owned);
    assert!(elsewhere.try_assent(&draft).unwrap_err().to_string().contains("not here of acme"));
}
