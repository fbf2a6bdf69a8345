//! What statements add up to.

use super::super::fixture::{approvers, chain, first_approvers, id, key, moment, people, project, signed};
use super::super::people::Person;
use super::super::sshsig::sign;
use super::*;
use crate::uses::UseKind;

const AT: &str = "2026-06-01T00:00:00Z";

fn used(workflow: &str) -> DataUse {
    serde_json::from_value(serde_json::json!({
        "kind": UseKind::Release, "workflow": workflow, "purpose": "essential.service", "bits": 8, "releases": ["a: boolean"],
    })).unwrap()
}

fn statement(serial: u64, says: Decision) -> String {
    let (approvers, given) = (approvers().first(), moment("2026-03-01T00:00:00Z"));
    Statement { project: project(), client: "acme".parse().unwrap(), approvers, serial, given, says }.to_toml().unwrap()
}

fn approve(serial: u64, workflows: &[&str]) -> String {
    let uses = workflows.iter().map(|workflow| used(workflow));
    statement(serial, Decision::Approve(Approval::new(moment("2027-03-01T00:00:00Z"), uses)))
}

fn withdraw(serial: u64, cancelled: Cancelled) -> String {
    statement(serial, Decision::Withdraw(vec![cancelled]))
}

fn add(known: &mut KnownStatements, text: &str, by: &[&str]) -> Result<(), TrustError> {
    known.add([("s.toml".to_owned(), signed(Namespace::Approval, text, by))])
}

fn known(files: &[(&str, &[&str])]) -> KnownStatements {
    let mut known = KnownStatements::new(approvers());
    for (text, by) in files {
        add(&mut known, text, by).unwrap();
    }
    known
}

fn approved(known: &KnownStatements, at: &str) -> Vec<String> {
    let uses = known.approved_uses(moment(at));
    uses.iter().filter_map(|used| used.workflow.as_ref().map(ToString::to_string)).collect()
}

#[test]
fn what_is_approved_holds_from_given_to_expiry() {
    let known = known(&[(&approve(1, &["refund", "reply"]), &["dana"])]);
    assert_eq!(approved(&known, AT), ["refund", "reply"]);
    assert_eq!(approved(&known, "2026-02-28T23:59:59Z"), [""; 0]);
    assert_eq!(approved(&known, "2027-02-28T23:59:59Z").len(), 2);
    assert_eq!(approved(&known, "2027-03-01T00:00:00Z"), [""; 0]);
    assert_eq!(known.lapsed(moment("2027-03-01T00:00:00Z")).len(), 2);
    assert_eq!(known.approved_for(&"reply".parse().unwrap(), moment(AT)), [Arc::new(used("reply"))]);
}

#[test]
fn a_withdrawal_cancels_what_it_names_up_to_its_serial() {
    let base = approve(5, &["refund", "reply"]);
    let after = |text: &str| approved(&known(&[(&base, &["dana"]), (text, &["emil"])]), AT);
    assert_eq!(after(&withdraw(5, Cancelled::Workflow("refund".parse().unwrap()))), ["reply"]);
    assert_eq!(after(&withdraw(6, Cancelled::Digest(used("reply").digest().unwrap()))), ["refund"]);
    assert_eq!(after(&withdraw(9, Cancelled::All)), [""; 0]);
    assert_eq!(after(&withdraw(4, Cancelled::All)).len(), 2, "an older one does not reach it");
    let reject = statement(7, Decision::Reject(vec![Cancelled::All]));
    assert_eq!(after(&reject), [""; 0]);
    let again =
        known(&[(&base, &["dana"]), (&withdraw(6, Cancelled::All), &["emil"]), (&approve(7, &["reply"]), &["dana"])]);
    assert_eq!(approved(&again, AT), ["reply"]);
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let files = [approve(1, &["refund"]), withdraw(2, Cancelled::All), approve(3, &["reply"])];
    let all = |order: [usize; 3]| {
        let mut known = KnownStatements::new(approvers());
        known.add(order.map(|at| ("s".to_owned(), signed(Namespace::Approval, &files[at], &["dana"])))).unwrap();
        approved(&known, AT)
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        assert_eq!(all(order), ["reply"]);
    }
}

#[test]
fn serials_do_not_jump() {
    let mut known = KnownStatements::new(approvers());
    assert!(add(&mut known, &approve(1_001, &["refund"]), &["dana"]).is_err());
    assert!(add(&mut known, &approve(1_000, &["refund"]), &["dana"]).is_ok());
    assert!(add(&mut known, &approve(2_000, &["refund"]), &["dana"]).is_ok());
    assert!(add(&mut known, &approve(3_001, &["refund"]), &["dana"]).is_err());
    assert_eq!(known.serial(), 2_000);
}

#[test]
fn signatures_of_strangers_and_other_clients_are_refused() {
    let mut known = KnownStatements::new(approvers());
    let text = approve(1, &["refund"]);
    assert!(add(&mut known, &text, &[]).is_err());
    assert!(add(&mut known, &text, &["ann"]).is_err(), "the agency approves nothing");
    assert!(add(&mut known, &text, &["dana", "ann"]).is_err());
    let other = text.replacen("\"acme\"", "\"cedar\"", 1);
    assert!(add(&mut known, &other, &["dana"]).is_err());
    let mut file = signed(Namespace::Approval, &text, &["dana"]);
    file.bytes.extend_from_slice(b"\n");
    assert!(known.add([("s".to_owned(), file)]).is_err());
    let mut file = signed(Namespace::Release, &text, &["dana"]);
    assert!(known.add([("s".to_owned(), file.clone())]).is_err());
    let armour = file.signatures.remove(&id("dana")).unwrap();
    file.signatures.insert(id("emil"), armour);
    assert!(known.add([("s".to_owned(), file)]).is_err());
    assert!(known.held().is_empty());
}

/// The chain after both approvers of the first file are needed, and one of them is replaced.
fn replaced() -> ApproversChain {
    let mut two = first_approvers().next(approvers().first());
    two.people.extend(people(&["finn"]));
    two.people.remove(&id("emil"));
    two.threshold = 2;
    let files = [
        (1, signed(Namespace::Approvers, &first_approvers().to_toml().unwrap(), &["dana", "emil"])),
        (2, signed(Namespace::Approvers, &two.to_toml().unwrap(), &["dana"])),
    ];
    let roots = chain();
    ApproversChain::walk(roots.newest(), project(), &"acme".parse().unwrap(), &files.into()).unwrap()
}

#[test]
fn approvals_need_todays_threshold_and_withdrawals_outlive_their_signer() {
    let mut known = KnownStatements::new(replaced());
    let text = approve(1, &["refund"]);
    add(&mut known, &text, &["dana", "emil"]).unwrap();
    assert_eq!(approved(&known, AT), [""; 0], "emil is an approver no longer");
    let held = known.held().values().next().unwrap();
    assert_eq!(known.standing(held, moment(AT)), Standing::BelowThreshold);
    add(&mut known, &text, &["finn"]).unwrap();
    assert_eq!(approved(&known, AT), ["refund"], "signatures on the same bytes add up");
    add(&mut known, &withdraw(1, Cancelled::All), &["emil"]).unwrap();
    assert_eq!(approved(&known, AT), [""; 0]);
}

#[test]
fn of_two_signatures_of_a_person_the_one_by_todays_key_is_kept() {
    let mut two = first_approvers().next(approvers().first());
    two.people.insert(id("dana"), Person::new([key("dana, again").public().clone()].into()));
    two.people.remove(&id("emil"));
    let files = [
        (1, signed(Namespace::Approvers, &first_approvers().to_toml().unwrap(), &["dana", "emil"])),
        (2, signed(Namespace::Approvers, &two.to_toml().unwrap(), &["emil"])),
    ];
    let roots = chain();
    let chain = ApproversChain::walk(roots.newest(), project(), &"acme".parse().unwrap(), &files.into()).unwrap();
    let text = approve(1, &["refund"]);
    let by = |name: &str| {
        let armour = sign(&key(name), Namespace::Approval, text.as_bytes()).into_bytes();
        (
            "s.toml".to_owned(),
            SignedFile { bytes: text.clone().into_bytes(), signatures: [(id("dana"), armour)].into() },
        )
    };
    let (old, new) = (by("dana"), by("dana, again"));
    for order in [[&old, &new], [&new, &old]] {
        let mut known = KnownStatements::new(chain.clone());
        for file in order {
            known.add([file.clone()]).unwrap();
        }
        assert_eq!(approved(&known, AT), ["refund"]);
        let held = known.held().values().next().unwrap();
        assert_eq!(held.signed.signatures, new.1.signatures, "what is kept is what counts");
    }
    let mut known = KnownStatements::new(chain);
    known.add([old]).unwrap();
    assert_eq!(approved(&known, AT), [""; 0]);
}

#[test]
fn who_vouches_for_a_statement_is_seen_without_adding_it() {
    let known = known(&[]);
    let text = approve(1, &["refund"]);
    let by = |who: &[&str]| known.vouched("s.toml", &signed(Namespace::Approval, &text, who));
    assert!(by(&["dana"]).is_ok());
    assert!(by(&["mallory"]).is_err() && by(&[]).is_err());
    assert!(known.vouched("s.toml", &signed(Namespace::Poke, &text, &["dana"])).is_err());
    assert!(known.held().is_empty());
}
