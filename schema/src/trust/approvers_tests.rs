//! Approvers chains, honest and forged.

use super::super::fixture::{approvers, chain, first_approvers, id, key, people, project, signed};
use super::*;

const BOTH: &[&str] = &["dana", "emil"];

fn walk(files: &[(&Approvers, &[&str])]) -> Result<ApproversChain, TrustError> {
    let file =
        |(read, by): &(&Approvers, &[&str])| (read.number, signed(Namespace::Approvers, &read.to_toml().unwrap(), by));
    let roots = chain();
    ApproversChain::walk(roots.newest(), project(), &"acme".parse().unwrap(), &files.iter().map(file).collect())
}

fn second() -> Approvers {
    let mut next = first_approvers().next(approvers().first());
    next.people.extend(people(&["finn"]));
    next.people.remove(&id("emil"));
    next
}

#[test]
fn every_key_of_the_first_file_signs_it() {
    let one = first_approvers();
    assert!(walk(&[(&one, BOTH)]).is_ok());
    assert!(walk(&[(&one, &["dana"])]).is_err());
    assert!(walk(&[(&one, &["dana", "emil", "ann"])]).is_err(), "the agency has no say");
    assert!(walk(&[]).is_err());
    let mut other = one;
    other.threshold = 2;
    assert!(walk(&[(&other, BOTH)]).is_err(), "root names another first file");
}

#[test]
fn afterwards_the_old_approvers_change_it_alone() {
    let (one, two) = (first_approvers(), second());
    let chain = walk(&[(&one, BOTH), (&two, &["emil"])]).unwrap();
    assert_eq!(chain.newest().people.keys().map(PersonId::as_str).collect::<Vec<_>>(), ["dana", "finn"]);
    assert_eq!(chain.everybody().len(), 3);
    let then = chain.until(1).unwrap();
    assert_eq!(then.newest().people.keys().map(PersonId::as_str).collect::<Vec<_>>(), ["dana", "emil"]);
    assert_eq!((then.everybody().len(), then.first()), (2, chain.first()));
    assert!(chain.until(2).is_some() && chain.until(0).is_none() && chain.until(3).is_none());
    assert!(chain.ever_listed(&id("emil"), 2) && !chain.ever_listed(&id("finn"), 1));
    assert!(walk(&[(&one, BOTH), (&two, &["finn"])]).is_err(), "nobody brings himself in");
    assert!(walk(&[(&one, BOTH), (&two, &[])]).is_err());
    assert!(walk(&[(&two, &["dana"])]).is_err());
    let mut stray = two;
    stray.approvers = Some(Digest::of_file(b"other"));
    assert!(walk(&[(&one, BOTH), (&stray, &["dana"])]).is_err());
}

#[test]
fn a_bent_file_is_no_approvers_file() {
    let bend = |change: fn(&mut Approvers)| {
        let mut one = first_approvers();
        change(&mut one);
        one.to_toml()
    };
    let bends: [fn(&mut Approvers); 6] = [
        |a| a.threshold = 0,
        |a| a.threshold = 3,
        |a| a.number = 2,
        |a| a.approvers = Some(Digest::of_file(b"")),
        |a| drop(a.people.insert(id("emil"), people(&["dana"]).remove(&id("dana")).unwrap())),
        |a| assert!(a.people.get_mut(&id("emil")).unwrap().keys.insert(key("more").public().clone())),
    ];
    assert!(bend(|_| ()).is_ok());
    for (at, change) in bends.into_iter().enumerate() {
        assert!(bend(change).is_err(), "bend {at}");
    }
}

#[test]
fn nobody_of_the_agency_approves_for_a_client() {
    let mut two = second();
    two.people.extend(people(&["ann"]));
    assert!(walk(&[(&first_approvers(), BOTH), (&two, &["dana"])]).is_err());
}
