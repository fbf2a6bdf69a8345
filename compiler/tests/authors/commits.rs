//! Whose commits are released: the team in the first parent, and who wrote each workflow.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::{Outcome, Outside, perform};
use assent_compiler::publish::branch;
use assent_compiler::publish::history::history;
use assent_compiler::publish::prepare::Target;
use assent_compiler::publish::standing::roots_of_source;
use assent_schema::id::ClientId;
use assent_schema::trust::{Namespace, Signer, sign};
use git2::{Oid, Repository};
use serde_json::Value;

use super::{PROMPT, agency, authors, commit, found, release, reword};

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

/// What `check` says of a commit, nothing else said.
fn check(agency: &Agency, repo: &Path) -> (Outcome, String) {
    let outside =
        Outside { now: agency.now, variables: BTreeMap::new(), stdout_is_terminal: false, stderr_is_terminal: false };
    let line = ["assent", "check", "--no-rehearsal", "--repo"].map(OsString::from);
    let line = line.into_iter().chain([repo.into()]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = perform(line, outside, &mut out, &mut err).unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[test]
fn a_check_says_by_itself_what_a_release_would() {
    let (folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let (outcome, said) = check(&agency, &agency.source);
    assert!(outcome == Outcome::Fine && !said.contains("Who signed"), "{said}");
    // The stranger's commit lies below one of a member, so its first parent alone would not tell.
    reword(&agency, "chen", "Say what its writer wants, and how sure you are.\n");
    reword(&agency, "bruno", "Say what its writer wants.\n");
    let (outcome, said) = check(&agency, &agency.source);
    assert!(outcome == Outcome::Findings && said.contains("`chen`") && !said.contains("Who signed"), "{said}");
    // A plain clone has the branches of releases as those of its remote.
    let clone = folder.path().join("clone");
    Repository::clone(agency.source.to_str().unwrap(), &clone).unwrap();
    let (outcome, said) = check(&agency, &clone);
    assert!(outcome == Outcome::Findings && said.contains("`chen`") && !said.contains("Who signed"), "{said}");
    // A branch from before the release is held against it all the same.
    let repository = branch::open(&agency.source).unwrap();
    let released = released(&repository);
    let before = repository.find_commit(released).unwrap().parent_id(0).unwrap();
    let beside = commit(&agency, &repository, &[before], (PROMPT, "Say no.\n"), Some("chen"));
    let line = ["check", &beside.to_string(), "--no-rehearsal"].map(str::to_owned);
    let (outcome, said) = agency.try_assent(&line).unwrap();
    assert!(outcome == Outcome::Findings && said.contains("`chen`") && !said.contains("Who signed"), "{said}");
}

#[test]
fn a_release_tells_whose_approvers_it_carries() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let repository = branch::open(&agency.source).unwrap();
    let target = Target { environment: "staging".parse().unwrap(), region: "eu".parse().unwrap() };
    let roots = roots_of_source(&repository, released(&repository)).unwrap();
    let history = history(&repository, &target, &roots).unwrap();
    let carried: Vec<_> = history.releases.iter().map(|past| past.approvers.clone()).collect();
    let acme = carried.iter().map(|one| one.get(&"acme".parse::<ClientId>().unwrap()).copied()).collect::<Vec<_>>();
    assert_eq!(acme, [Some(1)]);
}

/// The commit of which the newest release is.
fn released(repository: &Repository) -> Oid {
    let tip = branch::tip(repository, "release/staging/eu").unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&branch::read(repository, tip).unwrap()["manifest.json"]).unwrap();
    manifest["source"]["commit"].as_str().unwrap().parse().unwrap()
}

#[test]
fn without_a_release_a_check_judges_by_the_first_parent_and_says_so() {
    let (_folder, agency) = agency();
    reword(&agency, "chen", "Say what its writer wants, and how sure you are.\n");
    let (outcome, said) = check(&agency, &agency.source);
    assert!(outcome == Outcome::Findings && said.contains("`chen`"), "{said}");
    assert!(said.contains("what this commit brings to its first parent"), "{said}");
    reword(&agency, "bruno", "Say what its writer wants.\n");
    let (outcome, said) = check(&agency, &agency.source);
    assert!(outcome == Outcome::Fine && said.contains("(no release is known here)"), "{said}");
    // A branch that anybody could write says nothing of what was released.
    let repository = branch::open(&agency.source).unwrap();
    let files = [("manifest.json".to_owned(), b"{}".to_vec())].into();
    branch::write(&repository, "release/staging/eu", &files, "m", agency.now).unwrap();
    assert!(check(&agency, &agency.source).1.contains("what this commit brings to its first parent"));
}

#[test]
fn a_forged_release_hides_no_commit_from_a_check() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    reword(&agency, "chen", "Say what its writer wants, and how sure you are.\n");
    // Whoever pushes says that the stranger's commit was released.
    let repository = branch::open(&agency.source).unwrap();
    let name = "release/staging/eu";
    let tip = branch::tip(&repository, name).unwrap().unwrap();
    let mut files = branch::read(&repository, tip).unwrap();
    let head = branch::tip(&repository, "main").unwrap().unwrap();
    let text = String::from_utf8(files["manifest.json"].clone()).unwrap();
    let forged = text.replace(&released(&repository).to_string(), &head.to_string());
    assert_ne!(forged, text);
    files.insert("manifest.json".to_owned(), forged.into_bytes());
    branch::write(&repository, name, &files, "m", agency.now).unwrap();
    let (outcome, said) = check(&agency, &agency.source);
    assert!(outcome == Outcome::Findings && said.contains("`chen`"), "{said}");
    assert!(said.contains("(release/staging/eu: the last release cannot be built upon"), "{said}");
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
