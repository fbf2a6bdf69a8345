//! Who signed what: releases take only commits of assigned people, and say who wrote each workflow.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::BTreeMap;

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::trust::{Namespace, Signer, sign};
use git2::{Oid, Repository, Signature, Time};
use serde_json::Value;
use tempfile::TempDir;

const PROMPT: &str = "clients/acme/prompts/intent.md";

/// An agency whose clients approved everything.
fn agency() -> (TempDir, Agency) {
    let folder = TempDir::new().unwrap();
    let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
    agency.establish(&[], &[]).unwrap();
    agency.approve_all().unwrap();
    (folder, agency)
}

fn release(agency: &Agency) -> (Outcome, String) {
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    agency.try_assent(&line.map(str::to_owned)).unwrap()
}

/// The authors of each workflow in the newest release.
fn authors(agency: &Agency) -> BTreeMap<String, Vec<String>> {
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let files = branch::read(&repository, tip).unwrap();
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let active = manifest["active"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |one: &Value| {
        let people = one["authors"].as_array().unwrap().iter().map(text).collect();
        (text(&one["workflow"]), people)
    };
    active.iter().map(of).collect()
}

fn reword(agency: &Agency, by: &str, text: &str) {
    put(&agency.source.join(PROMPT), text.as_bytes()).unwrap();
    agency.commit_as(by, "Reword a prompt", &["*"]).unwrap();
}

#[test]
fn a_stranger_s_commit_is_not_released() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    // `chen` is of the agency, and assigned to other clients.
    reword(&agency, "chen", "Say what its writer wants, and how sure you are.\n");
    let (outcome, said) = release(&agency);
    assert_eq!(outcome, Outcome::Findings);
    assert!(said.contains("unassigned-author") && said.contains("`chen`") && said.contains(PROMPT), "{said}");
    // A member who changes the file again does not mend the commit in between.
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert_eq!(release(&agency).0, Outcome::Findings);
}

#[test]
fn a_release_says_who_wrote_each_workflow() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let alone = vec!["alice".to_owned()];
    assert!(authors(&agency).values().all(|people| *people == alone), "{:?}", authors(&agency));
    reword(&agency, "bruno", "Say what its writer wants.\n");
    let (outcome, said) = release(&agency);
    assert_eq!(outcome, Outcome::Fine, "{said}");
    let authors = authors(&agency);
    assert_eq!(authors["refund"], ["alice", "bruno"]);
    assert_eq!(authors["triage"], alone);
}

#[test]
fn a_branch_that_nobody_signed_hides_no_commits() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    reword(&agency, "chen", "Say what its writer wants.\n");
    // Somebody who may push moves the release's source to the commit that should be judged.
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let mut files = branch::read(&repository, tip).unwrap();
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let newest = branch::tip(&repository, "main").unwrap().unwrap().to_string();
    manifest.get_mut("source").unwrap().as_object_mut().unwrap().insert("commit".into(), newest.into());
    files.insert("manifest.json".into(), serde_json::to_vec(&manifest).unwrap());
    branch::write(&repository, "release/staging/eu", &files, "Nothing to see", agency.now).unwrap();
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    let refused = || agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    assert!(refused().contains("another release 1 of generation 1 than"), "{}", refused());
    // A clone that remembers nothing asks for the signatures.
    std::fs::remove_dir_all(repository.path().join("assent")).unwrap();
    assert!(refused().contains("cannot be built upon"), "{}", refused());
}

/// A commit with some parents that sets one file, signed or not.
fn commit(agency: &Agency, repository: &Repository, parents: &[Oid], file: (&str, &str), by: Option<&str>) -> Oid {
    let parents: Vec<_> = parents.iter().map(|id| repository.find_commit(*id).unwrap()).collect();
    let parents: Vec<_> = parents.iter().collect();
    let mut index = git2::Index::new().unwrap();
    index.read_tree(&parents.first().unwrap().tree().unwrap()).unwrap();
    let blob = repository.blob(file.1.as_bytes()).unwrap();
    let entry = git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: blob,
        flags: 0,
        flags_extended: 0,
        path: file.0.as_bytes().to_vec(),
    };
    index.add(&entry).unwrap();
    let tree = repository.find_tree(index.write_tree_to(repository).unwrap()).unwrap();
    let who = Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
    let Some(by) = by else { return repository.commit(None, &who, &who, "A commit", &tree, &parents).unwrap() };
    let buffer = repository.commit_create_buffer(&who, &who, "A commit", &tree, &parents).unwrap();
    let key = std::fs::read(agency.keys.private(&by.parse().unwrap())).unwrap();
    let armour = sign(&Signer::from_openssh(&key).unwrap(), Namespace::Git, &buffer);
    repository.commit_signed(std::str::from_utf8(&buffer).unwrap(), armour.trim_end(), None).unwrap()
}

/// What `check --since` finds of authors between two commits.
fn found(agency: &Agency, since: Oid, commit: Oid) -> Vec<String> {
    let line = ["check", &commit.to_string(), "--since", &since.to_string(), "--format", "json"];
    let (_, said) = agency.try_assent(&line.map(str::to_owned)).unwrap();
    let report: Value = serde_json::from_str(&said).unwrap();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_merge_is_judged_for_what_it_changes_itself() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let one = (PROMPT, "Say what its writer wants.\n");
    let ours = commit(&agency, &repository, &[base], one, Some("alice"));
    let theirs = commit(&agency, &repository, &[base], ("README.md", "Ours.\n"), None);
    // Takes the prompt from its second parent: nobody needs to sign.
    let merge = commit(&agency, &repository, &[theirs, ours], one, None);
    assert_eq!(found(&agency, base, merge), Vec::<String>::new());
    // Takes it from neither.
    let evil = commit(&agency, &repository, &[theirs, ours], (PROMPT, "Say yes.\n"), None);
    let said = found(&agency, base, evil);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("nobody signed it")), "{said:?}");
    // Signed by somebody assigned in its first parent it is a change like any other.
    let signed = commit(&agency, &repository, &[theirs, ours], (PROMPT, "Say yes.\n"), Some("bruno"));
    assert_eq!(found(&agency, base, signed), Vec::<String>::new());
}

#[test]
fn the_team_is_that_of_the_first_parent_and_only_as_it_was_signed() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let teams = std::fs::read_to_string(agency.source.join("trust/teams.toml")).unwrap();
    // A stranger assigns himself, changes the client, and puts the teams back as they were.
    let forged = teams.replace("acme = [\"alice\", \"bruno\"]", "acme = [\"chen\"]");
    assert_ne!(forged, teams);
    let first = commit(&agency, &repository, &[base], ("trust/teams.toml", &forged), Some("chen"));
    let second = commit(&agency, &repository, &[first], (PROMPT, "Say yes.\n"), Some("chen"));
    let third = commit(&agency, &repository, &[second], ("trust/teams.toml", &teams), Some("chen"));
    let said = found(&agency, base, third);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("`trust/teams.toml` that holds")), "{said:?}");
    // A rewritten history cannot be judged at all.
    let line = ["check", &base.to_string(), "--since", &third.to_string()].map(str::to_owned);
    let refused = agency.try_assent(&line).unwrap_err().to_string();
    assert!(refused.contains("not an ancestor"), "{refused}");
}

#[test]
fn who_left_signs_on_no_older_commit() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let before = branch::tip(&repository, "main").unwrap().unwrap();
    let teams = std::fs::read_to_string(agency.source.join("trust/teams.toml")).unwrap();
    let without =
        teams.replace("acme = [\"alice\", \"bruno\"]", "acme = [\"alice\"]").replace("number = 1", "number = 2");
    assert_ne!(without, teams);
    let key = std::fs::read(agency.keys.private(&"alice".parse().unwrap())).unwrap();
    let armour = sign(&Signer::from_openssh(&key).unwrap(), Namespace::Teams, without.as_bytes());
    let left = commit(&agency, &repository, &[before], ("trust/teams.toml", &without), Some("alice"));
    let released = commit(&agency, &repository, &[left], ("trust/teams.toml.alice.sig", &armour), Some("alice"));
    // Bruno was assigned in the first parent of this one, which is older than what was released.
    let change = (PROMPT, "Say yes.\n");
    let old = commit(&agency, &repository, &[before], change, Some("bruno"));
    let merge = commit(&agency, &repository, &[released, old], change, None);
    let said = found(&agency, released, merge);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("older teams") && said.contains("`bruno`")), "{said:?}");
    // Nor does a commit of nobody's below it hide that it grows out of that time.
    let empty = commit(&agency, &repository, &[before], ("README.md", "Ours.\n"), None);
    let old = commit(&agency, &repository, &[empty], change, Some("bruno"));
    let merge = commit(&agency, &repository, &[released, old], change, None);
    assert_eq!(found(&agency, released, merge).len(), 1);
    // Anybody may put the teams of that time back: they are signed. It brings nobody back.
    let sig = std::fs::read_to_string(agency.source.join("trust/teams.toml.alice.sig")).unwrap();
    let back = commit(&agency, &repository, &[released], ("trust/teams.toml", &teams), None);
    let back = commit(&agency, &repository, &[back], ("trust/teams.toml.alice.sig", &sig), None);
    let changed = commit(&agency, &repository, &[back], change, Some("bruno"));
    let again = commit(&agency, &repository, &[changed], ("trust/teams.toml", &without), None);
    let again = commit(&agency, &repository, &[again], ("trust/teams.toml.alice.sig", &armour), None);
    let said = found(&agency, released, again);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("older teams") && said.contains("`bruno`")), "{said:?}");
    // Alice is assigned still: her branch may be as old as it likes.
    let old = commit(&agency, &repository, &[before], change, Some("alice"));
    let merge = commit(&agency, &repository, &[released, old], change, None);
    assert_eq!(found(&agency, released, merge), Vec::<String>::new());
}

/// Whoever may push winds the branch back to before a client withdrew: nothing is signed for what stands there then.
#[test]
fn a_branch_that_was_wound_back_is_not_signed() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let name = "release/staging/eu";
    let freshness = || {
        let key = agency.private("timer").unwrap();
        agency.try_assent(&["freshness", "--key", &key, "--local"].map(str::to_owned)).map_err(|e| e.to_string())
    };
    let wind = |to: Oid| repository.reference(&format!("refs/heads/{name}"), to, true, "").map(drop).unwrap();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let first = branch::tip(&repository, name).unwrap().unwrap();
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert_eq!(release(&agency).0, Outcome::Fine);
    let second = branch::tip(&repository, name).unwrap().unwrap();
    wind(first);
    let refused = freshness().unwrap_err();
    assert!(refused.contains("wound") && refused.contains("release 2"), "{refused}");
    assert!(refused.contains(&format!("git push REMOTE {second}:refs/heads/{name}")), "{refused}");
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    assert!(agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string().contains("wound"));
    assert_eq!(branch::tip(&repository, name).unwrap(), Some(first), "nothing was written");
    // Put right again, it goes on; a commit that is fresher only is the same release.
    wind(second);
    assert_eq!(freshness().unwrap().0, Outcome::Fine);
    assert_eq!(freshness().unwrap().0, Outcome::Fine);
    // A release of another place is none to build upon.
    wind(second);
    repository.reference("refs/heads/release/production/eu", second, true, "").unwrap();
    let line = ["release", "--environment", "production", "--region", "eu", "--key", &key, "--local"];
    let refused = agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    assert!(refused.contains("cannot be built upon"), "{refused}");
}

/// A commit that needs no signature takes a withdrawal out of the source: what was said once stays said.
#[test]
fn what_a_client_said_stays_in_every_release() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let statements = || {
        let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        files.into_keys().filter(|path| path.starts_with("statements/")).collect::<Vec<_>>()
    };
    let dana = agency.private("dana").unwrap();
    let line = ["withdraw", "acme", "--workflow", "triage", "--key", &dana];
    assert_eq!(agency.try_assent(&line.map(str::to_owned)).unwrap().0, Outcome::Fine);
    let before = branch::tip(&repository, "main").unwrap().unwrap();
    agency.commit_as("alice", "A withdrawal", &["*"]).unwrap();
    // Its workflow has no cover any more: it is taken out by a member, and the rest goes on.
    let files = std::fs::read_dir(agency.source.join("clients/acme/workflows")).unwrap();
    for file in files.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().contains("triage")) {
        std::fs::remove_file(file).unwrap();
    }
    agency.commit_as("alice", "Without the workflow", &["*"]).unwrap();
    let (outcome, said) = release(&agency);
    assert_eq!(outcome, Outcome::Fine, "{said}");
    let said = statements();
    let tree = |id: Oid| repository.find_commit(id).unwrap().tree().unwrap();
    let after = branch::tip(&repository, "main").unwrap().unwrap();
    let diff = repository.diff_tree_to_tree(Some(&tree(before)), Some(&tree(after)), None).unwrap();
    let added = diff.deltas().filter(|delta| delta.status() == git2::Delta::Added);
    let added: Vec<_> = added.map(|delta| delta.new_file().path().unwrap().to_path_buf()).collect();
    assert_eq!(added.len(), 2, "the withdrawal and its signature: {added:?}");
    for path in added {
        std::fs::remove_file(agency.source.join(path)).unwrap();
    }
    // Whoever is not of the team takes out nothing that a client said, and nobody without a signature.
    agency.commit_as("chen", "Tidy up", &["*"]).unwrap();
    let (outcome, found) = release(&agency);
    assert_eq!(outcome, Outcome::Findings);
    assert!(found.contains("changes or takes out `clients/acme/approvals/"), "{found}");
    // Where a member did it, the release has it all the same.
    let member = repository.find_commit(after).unwrap();
    repository.reset(member.as_object(), git2::ResetType::Soft, None).unwrap();
    let remote = branch::open(&agency.remote).unwrap();
    remote.reference("refs/heads/main", after, true, "as before").unwrap();
    agency.commit_as("bruno", "Tidy up", &["*"]).unwrap();
    assert_eq!(release(&agency).0, Outcome::Fine);
    assert_eq!(statements(), said);
}

/// Approvals and approvers are added by anyone, and changed or taken out by members alone; a merge is no way around that.
#[test]
fn what_a_client_signed_is_taken_out_by_members_alone() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let (file, sig) = ("clients/acme/approvers/2.toml", "clients/acme/approvers/2.toml.dana.sig");
    let judged = |since: Oid, commit: Oid| {
        let found = found(&agency, since, commit);
        let of_commits = |said: &String| said.contains("Commit ") && said.contains("approvers/2.toml");
        found.into_iter().filter(of_commits).collect::<Vec<_>>()
    };
    let added = commit(&agency, &repository, &[base], (file, "number = 2\n"), None);
    let signed = commit(&agency, &repository, &[added], (sig, "-\n"), None);
    assert_eq!(judged(base, signed), Vec::<String>::new(), "added by anyone");
    let changed = commit(&agency, &repository, &[signed], (sig, "--\n"), None);
    let said = judged(signed, changed);
    assert!(said.len() == 1 && said.iter().all(|said| said.contains("nobody signed it")), "{said:?}");
    let changed = commit(&agency, &repository, &[signed], (file, "number = 3\n"), Some("alice"));
    assert_eq!(judged(signed, changed), Vec::<String>::new(), "a member may");
    // A merge with a branch that never had it.
    let beside = commit(&agency, &repository, &[base], ("README.md", "Ours.\n"), None);
    let who = Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
    let find = |id: Oid| repository.find_commit(id).unwrap();
    let (ours, theirs) = (find(beside), find(signed));
    let merge = repository.commit(None, &who, &who, "Merge", &ours.tree().unwrap(), &[&ours, &theirs]).unwrap();
    let said = judged(base, merge);
    assert!(said.len() == 1 && said.iter().all(|said| said.contains("changes or takes out")), "{said:?}");
}

/// A clone that never saw the newer release: the agents say that they have it. Neither does one branch stop the others, nor
/// does what a fetch can move count as memory.
#[test]
fn what_agents_accepted_is_not_forgotten_and_one_bad_branch_stops_no_other() {
    let folder = TempDir::new().unwrap();
    let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
    let signer = Signer::from_seed(&[41; 32]).unwrap();
    let mut keys = Vec::new();
    for seed in [41, 42] {
        keys.push(Signer::from_seed(&[seed; 32]).unwrap().public().clone());
    }
    let ledger = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, keys[1].point());
    let enrolled = serde_json::json!({"agent": "eu-staging-1", "region": "eu", "environment": "staging",
        "key": keys[0].to_string(), "ledger_key": ledger});
    let file = folder.path().join("eu-staging-1.json");
    put(&file, enrolled.to_string().as_bytes()).unwrap();
    agency.establish(&[file], &[]).unwrap();
    agency.approve_all().unwrap();
    let repository = branch::open(&agency.source).unwrap();
    let (key, timer) = (agency.private("alice").unwrap(), agency.private("timer").unwrap());
    let assent = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        agency.try_assent(&line).map_err(|e| e.to_string())
    };
    let release =
        |region: &str| assent(&["release", "--environment", "staging", "--region", region, "--key", &key, "--local"]);
    assert!(release("eu").is_ok() && release("us").is_ok());
    let first = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert!(release("eu").is_ok());
    let second = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let manifest =
        |tip: Oid| assent_schema::canon::Digest::of_file(&branch::read(&repository, tip).unwrap()["manifest.json"]);
    let says = |release: Value| {
        let root = std::fs::read(agency.source.join("trust/root/1.toml")).unwrap();
        let status = serde_json::json!({"type": "status", "schema": 1, "environment": "staging", "region": "eu",
            "project": assent_schema::canon::Digest::of_file(&root), "agent": "eu-staging-1", "time": "2026-06-01T10:00:00Z",
            "version": "0.1.0", "release": release, "workflows": {}});
        let bytes = assent_schema::canon::to_bytes(&status).unwrap();
        let armour = sign(&signer, Namespace::Console, &bytes).into_bytes();
        let files = [("status.json".to_owned(), bytes), ("status.json.eu-staging-1.sig".to_owned(), armour)].into();
        branch::write(&repository, "status/staging/eu/eu-staging-1", &files, "Status", agency.now).unwrap();
    };
    let of = |sequence: u64, manifest: String| {
        serde_json::json!({"root": 2, "generation": 1, "sequence": sequence,
        "manifest": manifest, "commit": "0".repeat(40)})
    };
    says(of(2, manifest(second).to_string()));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).is_ok());
    // Wound back, and the clone's memory with it, but for what a mirror's fetch reaches.
    let wind = |name: &str, to: Oid| drop(repository.reference(name, to, true, "").unwrap());
    wind("refs/heads/release/staging/eu", first);
    wind("refs/assent/newest/release/staging/eu", first);
    let refused = assent(&["freshness", "--key", &timer, "--local"]).unwrap_err();
    assert!(refused.contains("release 2 of generation 1 was signed before"), "{refused}");
    let at = |at: &str| assent(&["freshness", "--key", &timer, "--local", "--at", at]);
    let fresh = |region: &str| {
        let tip = branch::tip(&repository, &format!("release/staging/{region}")).unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let read: Value = serde_json::from_slice(files.get("freshness.json")?).unwrap();
        read["time"].as_str().map(str::to_owned)
    };
    std::fs::remove_dir_all(repository.path().join("assent")).unwrap();
    let refused = at("2026-06-01T12:00:00Z").unwrap_err();
    assert!(refused.contains("eu-staging-1 says that it accepted release 2"), "{refused}");
    assert_eq!((fresh("eu"), fresh("us")), (None, Some("2026-06-01T12:00:00Z".into())), "one branch stops no other");
    for line in [vec!["release", "--region", "eu"], vec!["rollback", "--region", "eu"]] {
        let rest = ["--environment", "staging", "--key", &key, "--local"];
        let refused = assent(&[line, rest.to_vec()].concat()).unwrap_err();
        assert!(refused.contains("eu-staging-1 says"), "{refused}");
    }
    // The branch is gone: no second first release.
    repository.find_reference("refs/heads/release/staging/eu").unwrap().delete().unwrap();
    let refused = release("eu").unwrap_err();
    assert!(refused.contains("holds nothing"), "{refused}");
    // An agent that lies: somebody names what is the newest all the same, in full.
    wind("refs/heads/release/staging/eu", first);
    let believed = manifest(first).to_string();
    assert!(assent(&["freshness", "--key", &timer, "--local", "--believe", &manifest(second).to_string()]).is_err());
    assert!(assent(&["freshness", "--key", &timer, "--local", "--believe", &believed]).is_ok());
    // Of the same number and another manifest, nobody's word is enough.
    says(of(1, "0".repeat(64)));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).unwrap_err().contains("eu-staging-1 says"));
    says(of(1, believed));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).is_ok());
    // What was seen is compared as well: a release that leaves out a statement is not signed.
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let mut files = branch::read(&repository, tip).unwrap();
    files.retain(|path, _| !path.starts_with("statements/"));
    let mut bent: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    bent["sequence"] = 2.into();
    bent["files"].as_object_mut().unwrap().retain(|path, _| !path.starts_with("statements/"));
    let bytes = assent_schema::canon::to_bytes(&bent).unwrap();
    let private = std::fs::read(key.split_once('=').unwrap().1).unwrap();
    let armour = sign(&Signer::from_openssh(&private).unwrap(), Namespace::Release, &bytes).into_bytes();
    files.retain(|path, _| !path.starts_with("manifest.json") && !path.starts_with("freshness.json"));
    files.extend([("manifest.json".to_owned(), bytes), ("manifest.json.alice.sig".to_owned(), armour)]);
    branch::write(&repository, "release/staging/eu", &files, "Shorter", agency.now).unwrap();
    let refused = assent(&["freshness", "--key", &timer, "--local"]).unwrap_err();
    assert!(refused.contains("leaves out statements/"), "{refused}");
}

/// A merge that nobody signed may put together what was signed, and take nothing of it back.
#[test]
fn a_merge_takes_nothing_back() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let was = std::fs::read_to_string(agency.source.join(PROMPT)).unwrap();
    let sharper = commit(&agency, &repository, &[base], (PROMPT, "Never promise money.\n"), Some("alice"));
    // With its own ancestor, and with a branch that only has the prompt from before.
    let beside = commit(&agency, &repository, &[base], ("README.md", "Ours.\n"), None);
    for other in [base, beside] {
        let merge = commit(&agency, &repository, &[sharper, other], (PROMPT, &was), None);
        let said = found(&agency, base, merge);
        assert!(said.len() == 1 && said.iter().all(|said| said.contains("nobody signed it")), "{said:?}");
        let honest = commit(&agency, &repository, &[sharper, other], (PROMPT, "Never promise money.\n"), None);
        assert_eq!(found(&agency, base, honest), Vec::<String>::new());
    }
    // Where both changed it, either may stay: members signed both.
    let other = commit(&agency, &repository, &[base], (PROMPT, "Be brief.\n"), Some("bruno"));
    let either = commit(&agency, &repository, &[sharper, other], (PROMPT, "Be brief.\n"), None);
    assert_eq!(found(&agency, base, either), Vec::<String>::new());
}

/// Two commits whose changes of one folder a merge puts together: a folder of one of them alone lacks the other's.
#[test]
fn a_merge_takes_no_folder_whole_where_both_changed_it() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let one = commit(&agency, &repository, &[base], (PROMPT, "One.\n"), Some("alice"));
    let other = commit(&agency, &repository, &[base], ("clients/acme/prompts/reply.md", "Two.\n"), Some("alice"));
    // The tree of the first parent, with the second one's change left out.
    let merge = commit(&agency, &repository, &[one, other], (PROMPT, "One.\n"), None);
    let said = found(&agency, base, merge);
    assert!(said.len() == 1 && said.iter().all(|said| said.contains("reply.md")), "{said:?}");
}

/// A tree that is not in git's order, which libgit2 searches in vain and walks without complaint.
#[test]
fn a_tree_out_of_order_hides_nothing() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let parent = repository.find_commit(base).unwrap();
    let folder = "clients/acme/prompts";
    let honest = parent.tree().unwrap().get_path(std::path::Path::new(folder)).unwrap().id();
    // `aaa.md` after the last name: a binary search looks for it at the beginning.
    let mut raw = repository.odb().unwrap().read(honest).unwrap().data().to_vec();
    raw.extend_from_slice(b"100644 aaa.md\0");
    raw.extend_from_slice(repository.blob(b"Say yes.\n").unwrap().as_bytes());
    let mut id = repository.odb().unwrap().write(git2::ObjectType::Tree, &raw).unwrap();
    for path in ["clients/acme", "clients", ""] {
        let tree = if path.is_empty() {
            parent.tree().unwrap()
        } else {
            let id = parent.tree().unwrap().get_path(std::path::Path::new(path)).unwrap().id();
            repository.find_tree(id).unwrap()
        };
        let name = if path == "clients/acme" {
            "prompts"
        } else if path == "clients" {
            "acme"
        } else {
            "clients"
        };
        let mut builder = repository.treebuilder(Some(&tree)).unwrap();
        builder.insert(name, id, 0o040_000).unwrap();
        id = builder.write().unwrap();
    }
    let who = Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
    let tree = repository.find_tree(id).unwrap();
    let hidden = repository.commit(None, &who, &who, "Nothing to see", &tree, &[&parent]).unwrap();
    let said = found(&agency, base, hidden);
    assert!(said.iter().any(|said| said.contains("nobody signed it") && said.contains("aaa.md")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("another order than git's")), "{said:?}");
}

/// A few folders that name one another a thousand million times: the walk comes to an end, and the names of a commit do
/// nothing on a terminal.
#[test]
fn a_commit_of_endless_folders_or_of_hostile_names_ends() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let parent = repository.find_commit(base).unwrap();
    let mut id = repository.blob(b"x").unwrap();
    for level in 0..12 {
        let mut builder = repository.treebuilder(None).unwrap();
        for n in 0..20 {
            builder.insert(format!("n{n}"), id, if level == 0 { 0o100_644 } else { 0o040_000 }).unwrap();
        }
        id = builder.write().unwrap();
    }
    let mut builder = repository.treebuilder(Some(&parent.tree().unwrap())).unwrap();
    builder.insert("bomb", id, 0o040_000).unwrap();
    let tree = repository.find_tree(builder.write().unwrap()).unwrap();
    let who = Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
    let bomb = repository.commit(None, &who, &who, "A commit", &tree, &[&parent]).unwrap();
    let line = ["check", &bomb.to_string(), "--since", &base.to_string()].map(str::to_owned);
    let refused = agency.try_assent(&line).unwrap_err().to_string();
    assert!(refused.contains("walk the commits"), "{refused}");
    let name = "clients/acme/prompts/a\u{1b}[2J\n::error::hi.md";
    let hostile = commit(&agency, &repository, &[base], (name, "x\n"), None);
    let said = found(&agency, base, hostile);
    assert!(said.iter().any(|said| said.contains("nobody signed it")), "{said:?}");
    assert!(said.iter().all(|said| !said.chars().any(char::is_control)), "{said:?}");
}

/// What lies behind the end of a shallow clone, or what grafts say of parents, is nothing that authors are told by.
#[test]
fn a_history_that_is_cut_off_is_not_judged() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let unsigned = commit(&agency, &repository, &[base], (PROMPT, "Say yes.\n"), None);
    let side = commit(&agency, &repository, &[unsigned], ("README.md", "Ours.\n"), Some("alice"));
    let line = commit(&agency, &repository, &[base], ("CHANGES.md", "None.\n"), None);
    let merge = commit(&agency, &repository, &[line, side], ("README.md", "Ours.\n"), None);
    let check = || {
        let line = ["check", &merge.to_string(), "--since", &line.to_string(), "--format", "json"];
        agency.try_assent(&line.map(str::to_owned)).map(|(_, said)| said).map_err(|error| error.to_string())
    };
    assert!(check().unwrap().contains("unassigned-author"));
    for (name, text, word) in
        [("shallow", format!("{side}\n"), "shallow"), ("info/grafts", format!("{side} {base}\n"), "grafts")]
    {
        let path = repository.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, text);
        let refused = check().unwrap_err();
        assert!(refused.contains(word), "{refused}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn each_region_is_fetched_signed_and_pushed_by_itself() {
    let (folder, agency) = agency();
    let key = agency.private("alice").unwrap();
    let timer = agency.private("timer").unwrap();
    let mut remotes = BTreeMap::new();
    for region in ["eu", "us"] {
        let remote = folder.path().join(format!("{region}.git"));
        Repository::init_bare(&remote).unwrap();
        let remote = remote.display().to_string();
        let line = ["release", "--environment", "staging", "--region", region, "--key", &key, "--remote", &remote];
        assert_eq!(agency.try_assent(&line.map(str::to_owned)).unwrap().0, Outcome::Fine);
        remotes.insert(region, remote);
    }
    let fresh = |region: &str| {
        let repository = Repository::open_bare(&remotes[region]).unwrap();
        let tip = branch::tip(&repository, &format!("release/staging/{region}")).unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let read: Value = serde_json::from_slice(files.get("freshness.json")?).unwrap();
        read["time"].as_str().map(str::to_owned)
    };
    let sign = |at: &str| {
        let (eu, us) = (format!("eu={}", remotes["eu"]), format!("us={}", remotes["us"]));
        let line = ["freshness", "--key", &timer, "--at", at, "--remote", &us, "--remote", &eu];
        agency.try_assent(&line.map(str::to_owned))
    };
    let (outcome, said) = sign("2026-06-01T10:00:00Z").unwrap();
    assert_eq!(outcome, Outcome::Fine);
    assert!(said.contains("release/staging/eu: release 1") && said.contains("release/staging/us: release 1"), "{said}");
    assert_eq!((fresh("eu"), fresh("us")), (Some("2026-06-01T10:00:00Z".into()), Some("2026-06-01T10:00:00Z".into())));
    // One region is away; the other is told all the same, and the command fails.
    std::fs::rename(&remotes["us"], folder.path().join("gone")).unwrap();
    assert!(sign("2026-06-01T16:00:00Z").is_err());
    assert_eq!(fresh("eu"), Some("2026-06-01T16:00:00Z".into()));
}

#[test]
fn a_withdrawal_to_a_bad_address_writes_nothing() {
    let (_folder, agency) = agency();
    let approvals = agency.source.join("clients/acme/approvals");
    let names = || {
        let names = std::fs::read_dir(&approvals).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let dana = agency.private("dana").unwrap();
    for to in
        ["https://agent.example", "http://", "agent.example:80", "http://a/b", "http://user@host:1", "file:///etc"]
    {
        let line = ["withdraw", "acme", "--all", "--key", &dana, "--to", "http://127.0.0.1:1", "--to", to];
        let refused = agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
        assert!(refused.contains("is not http://host:port"), "{refused}");
        assert_eq!(names(), before, "{to}");
    }
    // A good address at which nobody answers: the statement is written, and who was not told is said.
    let line = ["withdraw", "acme", "--workflow", "refund", "--key", &dana, "--to", "http://127.0.0.1:1"];
    let (outcome, said) = agency.try_assent(&line.map(str::to_owned)).unwrap();
    assert!(outcome == Outcome::Findings && said.contains("did not take it"), "{said}");
    assert_eq!(names().len(), before.len() + 2);
}

#[expect(clippy::disallowed_methods, reason = "this test writes into a git folder what an attacker would")]
fn write(path: &std::path::Path, text: String) {
    std::fs::write(path, text).unwrap();
}
