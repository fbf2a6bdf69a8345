//! Merges that nobody signed: they put together what was signed, and take nothing of it back.

use assent_compiler::publish::branch;

use super::{PROMPT, agency, commit, found};

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
