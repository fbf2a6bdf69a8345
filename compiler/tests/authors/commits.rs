//! Whose commits are released: the team in the first parent, and who wrote each workflow.

use assent_compiler::command::Outcome;
use assent_compiler::publish::branch;
use assent_schema::trust::{Namespace, Signer, sign};

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
