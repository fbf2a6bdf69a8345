//! Somebody of the client's team decides with the client's own people: a group names them, the root says by which keys, the
//! client signs for it.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use assent_compiler::check::Survey;
use assent_compiler::check::{Options, examine};
use assent_compiler::source::open_commit;
use assent_schema::finding::Finding;
use assent_schema::id::{ClientId, PersonId};
use support::signed::sign_all;
use support::{Files, NOW, commit, example, files as tree_of};
use tempfile::TempDir;

/// The example with another person beside those of the group that decides, signed by everybody concerned.
fn with(person: &str) -> (Survey, Vec<Finding>) {
    let mut files: Files = example();
    let path = "clients/acme/client.toml";
    let text = String::from_utf8(files[path].clone()).unwrap();
    let group = "support-leads = [\"lena\", \"tom\"";
    assert_eq!(text.matches(group).count(), 1);
    files.insert(path.to_owned(), text.replace(group, &format!("{group}, \"{person}\"")).into_bytes());
    sign_all(&mut files, "2027-03-01T00:00:00Z".parse().unwrap());
    let folder = TempDir::new().unwrap();
    let repository = git2::Repository::init_bare(folder.path()).unwrap();
    let head = commit(&repository, tree_of(&repository, &files));
    let parts = open_commit(&repository, head).unwrap();
    let (survey, findings) = examine(&parts, NOW.parse().unwrap(), &Options::default()).unwrap();
    (survey, findings.sorted())
}

#[test]
fn somebody_of_the_team_decides_by_the_keys_of_the_root() {
    let (survey, findings) = with("alice");
    assert_eq!(findings.iter().map(|finding| &finding.message).collect::<Vec<_>>(), Vec::<&String>::new());
    let acme: ClientId = "acme".parse().unwrap();
    let alice: PersonId = "alice".parse().unwrap();
    let facts = &survey.resolved.clients[&acme].facts;
    let root = survey.trusted.roots.as_ref().unwrap().newest();
    assert_eq!(facts.people[&alice].keys, root.people[&alice].decides_by());
    // The client signs for who decides, and by what.
    let uses = survey.judged[&acme].all_uses();
    assert!(uses.iter().any(|one| one.deciders.get(&alice) == Some(&facts.people[&alice].keys)));
}

#[test]
fn somebody_of_the_agency_who_is_not_assigned_does_not() {
    let (survey, findings) = with("bruno");
    let said: Vec<_> = findings.iter().map(|finding| (finding.code.row().name, finding.message.as_str())).collect();
    assert!(said.contains(&("unknown-name", "There is no person `bruno`.")), "{said:?}");
    let acme: ClientId = "acme".parse().unwrap();
    assert!(!survey.resolved.clients[&acme].facts.people.contains_key(&"bruno".parse::<PersonId>().unwrap()));
}
