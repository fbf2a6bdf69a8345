//! What somebody signs is shown before a key asks for a passphrase or a touch.

use super::support::assent;
use super::{Agency, read};

/// A signature that cannot be written ends the command after the key signed: what was shown by then is what a person saw before.
#[test]
fn what_is_signed_is_shown_before_it_is_signed() {
    let agency = Agency::new();
    let (approval, repo) = (agency.approval(), agency.path("repo"));
    let key = format!("dana={}", agency.path("dana"));
    let signature = format!("{approval}.dana.sig");
    std::fs::remove_file(&signature).expect("gone");
    std::fs::create_dir(&signature).expect("in the way");
    std::fs::write(format!("{signature}/x"), "x").expect("in the way");
    let said = assent(&["approve", &approval, "--key", &key]);
    assert_eq!(said.status, 2);
    assert!(said.out.starts_with("Approval 1 of acme") && said.out.contains("    - "), "{}", said.out);
    assert!(!said.out.contains("signed by"), "{}", said.out);
    let said = assent(&["approve", &approval, "--key", &key, "--format", "json"]);
    assert!(said.err.starts_with("Approval 1 of acme") && said.out.is_empty(), "{}{}", said.err, said.out);
    std::fs::remove_dir_all(&signature).expect("gone");
    // What may not be signed is not shown to be.
    let wrong = format!("dana={}", agency.path("stranger"));
    assert_eq!(assent(&["approve", &approval, "--key", &wrong]).out, "");
    // It is said once, and the result after it.
    let said = assent(&["approve", &approval, "--key", &key]);
    assert_eq!((said.status, said.out.matches("Approval 1 of acme").count()), (0, 1), "{}", said.err);
    let said = assent(&["withdraw", "acme", "--all", "--key", &key, "--repo", &repo]);
    assert_eq!((said.status, said.out.matches("Withdrawal 2 of acme").count()), (0, 1), "{}", said.err);
    assert!(read(&signature).is_some());
}
