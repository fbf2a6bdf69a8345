//! What anybody commits beside a client's statements decides nothing about those that come.

use super::support::{Ran, assent};
use super::{Agency, read};

/// Dana ends everything, and what her statement is numbered.
fn withdraws(agency: &Agency) -> (Ran, Option<String>) {
    let key = format!("dana={}", agency.path("dana"));
    let said = assent(&["withdraw", "acme", "--all", "--key", &key, "--repo", &agency.path("repo")]);
    let serial = said.out.strip_prefix("Withdrawal ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    (said, serial)
}

#[test]
fn a_statement_that_nobody_signed_pushes_no_serial_away() {
    let agency = Agency::new();
    let approval = String::from_utf8(read(&agency.approval()).expect("an approval")).expect("a text");
    let put = |name: &str, text: &str| {
        std::fs::write(agency.path(&format!("repo/clients/acme/approvals/{name}")), text).expect("written");
    };
    put("zz.toml", &approval.replace("serial = 1\n", "serial = 5000\n"));
    let (said, serial) = withdraws(&agency);
    assert_eq!((said.status, serial.as_deref()), (0, Some("2")), "{}{}", said.out, said.err);
    // With the signature of somebody who is no approver.
    let zz = agency.path("repo/clients/acme/approvals/zz.toml");
    let alone = agency.path("zz.toml");
    std::fs::copy(&zz, &alone).expect("copied");
    assert_eq!(agency.sign(&["approve"], &alone, "dana", "stranger").status, 0);
    std::fs::copy(format!("{alone}.dana.sig"), format!("{zz}.dana.sig")).expect("copied");
    let (said, serial) = withdraws(&agency);
    assert_eq!((said.status, serial.as_deref()), (0, Some("3")), "{}{}", said.out, said.err);
}

#[test]
fn a_file_that_is_no_statement_keeps_nobody_from_ending_a_use() {
    let agency = Agency::new();
    std::fs::write(agency.path("repo/clients/acme/approvals/note.toml"), "x = 1\n").expect("written");
    let (said, serial) = withdraws(&agency);
    assert_eq!((said.status, serial.as_deref()), (0, Some("2")), "{}{}", said.out, said.err);
    assert!(said.err.contains("left aside") && said.err.contains("note.toml"), "{}", said.err);
}
