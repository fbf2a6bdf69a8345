//! What clients said: it stays in every release, whoever takes it out of the source.

use assent_compiler::command::Outcome;
use assent_compiler::publish::branch;
use assent_schema::trust::{Decision, Statement};
use git2::{Oid, Signature, Time};

use super::{agency, commit, found, release};

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
    // Whoever wonders why nothing is approved any more is told who ended it, when and where.
    let (outcome, told) = agency.try_assent(&["check", "--worktree"].map(str::to_owned)).unwrap();
    let ended = "`acme` withdrew all that is done with its data by `triage` at ";
    assert!(outcome == Outcome::Findings && told.contains(ended) && told.contains("-withdraw.toml)."), "{told}");
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

#[test]
fn what_names_nothing_is_not_signed() {
    let (_folder, agency) = agency();
    let approvals = agency.source.join("clients/acme/approvals");
    let count = || std::fs::read_dir(&approvals).unwrap().count();
    let before = count();
    let dana = agency.private("dana").unwrap();
    let stranger = "0".repeat(64);
    let said = |verb: &str, named: [&str; 2]| {
        let line = [verb, "acme", named[0], named[1], "--key", &dana];
        agency.try_assent(&line.map(str::to_owned)).map(|(_, said)| said).map_err(|e| e.to_string())
    };
    for verb in ["withdraw", "reject"] {
        let refused = said(verb, ["--workflow", "refnud"]).unwrap_err();
        assert!(refused.contains("acme has no workflow `refnud`") && refused.contains("`refund`?"), "{refused}");
        let refused = said(verb, ["--use", &stranger]).unwrap_err();
        assert!(refused.contains("acme has no data use") && refused.contains("name their workflow"), "{refused}");
        assert_eq!(count(), before, "nothing was written");
    }
    // A use that an approval has, and a use that is only proposed.
    let mut files = std::fs::read_dir(&approvals).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "toml")).expect("an approval");
    let approval = Statement::parse("an approval", &std::fs::read(&file).unwrap()).unwrap();
    let Decision::Approve(approved) = &approval.says else { panic!("an approval") };
    let digest = approved.uses.first().expect("a use").digest().unwrap().to_string();
    assert!(said("withdraw", ["--use", &digest]).is_ok());
    std::fs::remove_file(&file).unwrap();
    assert!(said("reject", ["--use", &digest]).is_ok());
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
