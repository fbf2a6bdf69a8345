//! What clients share: the library and `assent.toml` are changed for each client by its team, as its own folder is.

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::put;
use assent_compiler::publish::branch;
use git2::Oid;

use super::{agency, authors, commit, found, release};

const SHARED: &str = "library/order-status.toml";

/// What is found of who signed, between two commits.
fn judged(agency: &Agency, since: Oid, commit: Oid) -> Vec<String> {
    found(agency, since, commit).into_iter().filter(|said| said.starts_with("Commit ")).collect()
}

/// The clients of whom something is said, in order.
fn clients(said: &[String]) -> Vec<&str> {
    let of = |said: &String| {
        ["acme", "borealis", "cedar"].into_iter().find(|client| said.contains(&format!("for `{client}`, ")))
    };
    said.iter().map(|one| of(one).unwrap_or_else(|| panic!("{one}"))).collect()
}

#[test]
fn a_library_workflow_is_changed_by_the_teams_of_all_who_use_it() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let text = std::fs::read_to_string(agency.source.join(SHARED)).unwrap();
    let other = text.replace("summary = \"", "summary = \"Kindly: ");
    assert_ne!(other, text);
    // `borealis` and `cedar` use it, and `acme` does not.
    for (by, words) in [(None, "nobody signed it"), (Some("alice"), "`alice`, who signed it, was not assigned")] {
        let changed = commit(&agency, &repository, &[base], (SHARED, &other), by);
        let said = judged(&agency, base, changed);
        assert_eq!(clients(&said), ["borealis", "cedar"]);
        assert!(said.iter().all(|said| said.contains(words) && said.contains(SHARED)), "{said:?}");
    }
    let changed = commit(&agency, &repository, &[base], (SHARED, &other), Some("chen"));
    assert_eq!(judged(&agency, base, changed), Vec::<String>::new());
    // What nobody uses is nobody's, until somebody uses it.
    let fresh = commit(&agency, &repository, &[base], ("library/fresh.toml", &other), None);
    assert_eq!(judged(&agency, base, fresh), Vec::<String>::new());
    let used = ("clients/acme/workflows/fresh.toml", "use = \"fresh\"\n");
    let taken = commit(&agency, &repository, &[fresh], used, Some("alice"));
    assert_eq!(judged(&agency, base, taken), Vec::<String>::new(), "whoever uses it has looked at it");
    let changed = commit(&agency, &repository, &[taken], ("library/fresh.toml", &text), Some("chen"));
    assert_eq!(clients(&judged(&agency, taken, changed)), ["acme"]);
}

#[test]
fn what_a_library_workflow_is_made_of_is_the_library_s() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let prompt = commit(&agency, &repository, &[base], ("library/prompts/deep.md", "Say what it is.\n"), None);
    let deep = "name = \"deep\"\n[[step]]\nid = \"a\"\nask = \"x\"\nprompt = \"prompts/deep.md\"\n\
                [[step]]\nid = \"b\"\ncall = \"x.y\"\nwith = { a = [{ text = \"texts/deep.md\" }] }\n";
    let deep = commit(&agency, &repository, &[prompt], ("library/deep.toml", deep), None);
    assert_eq!(judged(&agency, base, deep), Vec::<String>::new(), "nobody uses it");
    let leads = commit(&agency, &repository, &[deep], (SHARED, "use = \"deep\"\n"), Some("bruno"));
    assert_eq!(judged(&agency, base, leads), Vec::<String>::new());
    for path in ["library/deep.toml", "library/prompts/deep.md", "library/texts/deep.md"] {
        let changed = commit(&agency, &repository, &[leads], (path, "Other.\n"), None);
        let said = judged(&agency, leads, changed);
        assert!(said.iter().all(|said| said.contains(path)), "{said:?}");
        assert_eq!(clients(&said), ["borealis", "cedar"], "{path}");
        let changed = commit(&agency, &repository, &[leads], (path, "Other.\n"), Some("bruno"));
        assert_eq!(judged(&agency, leads, changed), Vec::<String>::new());
    }
    let beside = commit(&agency, &repository, &[leads], ("library/prompts/other.md", "Other.\n"), None);
    assert_eq!(judged(&agency, leads, beside), Vec::<String>::new());
}

/// One branch begins to use a workflow as it stands, another changes it while nobody there uses it: who joins them answers.
#[test]
fn a_merge_joins_no_client_with_what_its_team_never_saw() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let text = std::fs::read_to_string(agency.source.join(SHARED)).unwrap();
    let (file, changed) = ("library/fresh.toml", text.replace("5m", "6m"));
    let fresh = commit(&agency, &repository, &[base], (file, &text), None);
    let used = ("clients/acme/workflows/fresh.toml", "use = \"fresh\"\n");
    let used = commit(&agency, &repository, &[fresh], used, Some("alice"));
    let beside = commit(&agency, &repository, &[fresh], (file, &changed), None);
    assert_eq!(judged(&agency, base, beside), Vec::<String>::new());
    for parents in [[used, beside], [beside, used]] {
        let used = ("clients/acme/workflows/fresh.toml", "use = \"fresh\"\n");
        // Begun from the second parent where that is where the workflow came from.
        let with = if parents[0] == beside { used } else { (file, changed.as_str()) };
        let merge = |by| commit(&agency, &repository, &parents, with, by);
        let said = judged(&agency, base, merge(None));
        assert!(said.len() == 1 && said.iter().all(|said| said.contains("nobody signed it")), "{said:?}");
        assert_eq!(clients(&said), ["acme"]);
        assert_eq!(judged(&agency, base, merge(Some("alice"))), Vec::<String>::new());
    }
    // What a member changed there for the client needs nothing at the merge.
    let seen = commit(&agency, &repository, &[used], (file, &changed), Some("bruno"));
    let merge = commit(&agency, &repository, &[seen, beside], (file, &changed), None);
    assert_eq!(judged(&agency, beside, merge), Vec::<String>::new());
    // Nor does a merge of something else.
    let readme = commit(&agency, &repository, &[base], ("README.md", "Ours.\n"), None);
    let merge = commit(&agency, &repository, &[seen, readme], ("README.md", "Ours.\n"), None);
    assert_eq!(judged(&agency, base, merge), Vec::<String>::new());
    // Nor may one take back, for all who use it, what a team changed.
    let kind = commit(&agency, &repository, &[base], (SHARED, &changed), Some("chen"));
    let merge = commit(&agency, &repository, &[kind, readme], (SHARED, &text), None);
    assert_eq!(clients(&judged(&agency, base, merge)), ["borealis", "cedar"]);
}

#[test]
fn what_the_project_says_of_clients_is_changed_by_somebody_who_is_assigned_to_one() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let text = std::fs::read_to_string(agency.source.join("assent.toml")).unwrap();
    let said = |from: &str, to: &str, by| {
        let other = text.replace(from, to);
        assert_ne!(other, text);
        judged(&agency, base, commit(&agency, &repository, &[base], ("assent.toml", &other), by))
    };
    let all = ["acme", "borealis", "cedar"];
    assert_eq!(clients(&said("rehearse_in = \"staging\"", "rehearse_in = \"production\"", None)), all);
    assert_eq!(clients(&said("\"post-mortems\"]", "]", None)), all);
    assert_eq!(said("\"post-mortems\"]", "]", Some("chen")), Vec::<String>::new(), "in the team of one of them");
    assert_eq!(said("\"post-mortems\"]", "]", Some("bruno")), Vec::<String>::new());
    // Of one region, it is said of the clients there.
    assert_eq!(clients(&said("alerts.us.", "alerts-us.", None)), ["borealis"]);
    assert_eq!(clients(&said("alerts.us.", "alerts-us.", Some("alice"))), ["borealis"]);
    // What no client takes is nobody's, and so is how it is written.
    let more = "[[route]]\nname = \"more\"\ncarries = [\"alerts\"]\nvia = \"webhook\"\n";
    assert_eq!(said("# An automation", "# Our\n# An automation", None), Vec::<String>::new());
    let after = format!("{text}\n{more}");
    assert_eq!(said(&text, &after, None), Vec::<String>::new());
    assert_eq!(clients(&said(&text, "name = ", None)), all, "nobody can read it");
}

#[test]
fn a_release_holds_the_library_to_its_teams_and_names_who_wrote_it() {
    let (_folder, agency) = agency();
    let key = agency.private("alice").unwrap();
    let release_us = || {
        let line = ["release", "--environment", "staging", "--region", "us", "--key", &key, "--local"];
        agency.try_assent(&line.map(str::to_owned)).unwrap()
    };
    assert_eq!(release(&agency).0, Outcome::Fine);
    let text = std::fs::read_to_string(agency.source.join(SHARED)).unwrap();
    let reword = |by: &str, words: &str| {
        put(&agency.source.join(SHARED), text.replace("summary = \"Note", words).as_bytes()).unwrap();
        agency.commit_as(by, "Reword", &["*"]).unwrap();
    };
    reword("chen", "summary = \"Write down");
    let (outcome, said) = release_us();
    assert_eq!(outcome, Outcome::Fine, "{said}");
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/us").unwrap().unwrap();
    let files = branch::read(&repository, tip).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let one = manifest["active"].as_array().unwrap().iter().find(|one| one["workflow"] == "order-status").unwrap();
    assert!(one["authors"].as_array().unwrap().contains(&"chen".into()), "{}", one["authors"]);
    reword("alice", "summary = \"Keep");
    for (outcome, said) in [release_us(), release(&agency)] {
        assert_eq!(outcome, Outcome::Findings);
        assert!(
            said.contains("unassigned-author") && said.contains(SHARED) && said.contains("under a new name"),
            "{said}"
        );
    }
    assert!(authors(&agency).contains_key("refund"), "the region's release stands");
}

/// Who writes what a client's customers read is an author of the workflow, as whoever writes what its AI is told.
#[test]
fn whoever_writes_a_text_is_an_author() {
    let (_folder, agency) = agency();
    let key = agency.private("alice").unwrap();
    let release = || {
        let line = ["release", "--environment", "staging", "--region", "apac", "--key", &key, "--local"];
        assert_eq!(agency.try_assent(&line.map(str::to_owned)).unwrap().0, Outcome::Fine);
        let repository = branch::open(&agency.source).unwrap();
        let tip = branch::tip(&repository, "release/staging/apac").unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let active = manifest["active"].as_array().unwrap().clone();
        active.into_iter().find(|one| one["workflow"] == "packing").unwrap()["authors"].clone()
    };
    let before = release();
    // The scenario expects the text; it is no part of what runs.
    for path in ["clients/cedar/texts/thanks.md", "clients/cedar/workflows/packing.test.toml"] {
        let path = agency.source.join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        put(&path, text.replace("**Thank you!**", "**Thanks!**").as_bytes()).unwrap();
    }
    agency.commit_as("bruno", "Thank more", &["*"]).unwrap();
    let after = release();
    assert!(!before.to_string().contains("bruno") && after.to_string().contains("bruno"), "{before} {after}");
}
