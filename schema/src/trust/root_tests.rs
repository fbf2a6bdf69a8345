//! Root chains, honest and forged.

use super::super::fixture::{agent, chain, first_root, id, key, moment, people, project, roots, second_root, signed};
use super::super::people::Person;
use super::super::root_chain::RootChain;
use super::*;

fn walk(versions: &[(&Root, &[&str])]) -> Result<RootChain, TrustError> {
    RootChain::walk(&roots(versions))
}

const TWO: &[&str] = &["ann", "ben"];

#[test]
fn what_is_written_is_read_again() {
    for root in [first_root(), second_root()] {
        let text = root.to_toml().unwrap();
        assert_eq!(Root::parse("r", text.as_bytes()), Ok(root));
    }
}

#[test]
fn a_chain_is_as_strong_as_every_step() {
    let (one, two) = (first_root(), second_root());
    let chain = walk(&[(&one, TWO), (&two, &["ben", "cid"])]).unwrap();
    assert_eq!((chain.newest().version, chain.project()), (2, project()));
    assert_eq!(chain.newest().digest(), Digest::of_file(two.to_toml().unwrap().as_bytes()));
    assert!(walk(&[(&one, &["ann"]), (&two, TWO)]).is_err(), "version 1 needs its own threshold");
    assert!(walk(&[(&one, TWO), (&two, &["ann"])]).is_err());
    assert!(walk(&[(&two, TWO)]).is_err(), "a chain begins with version 1");
    assert!(walk(&[]).is_err());
    let mut gap = two.clone();
    gap.version = 3;
    assert!(walk(&[(&one, TWO), (&gap, TWO)]).is_err());
    let mut files = roots(&[(&one, TWO), (&two, TWO)]);
    let second = files.remove(&2).unwrap();
    files.insert(3, second);
    assert!(RootChain::walk(&files).is_err(), "the name must be the number");
}

#[test]
fn a_new_version_needs_the_thresholds_of_both() {
    let one = first_root();
    let mut two = second_root();
    two.people.extend(people(&["dov", "eli"]));
    two.generation = 2;
    let newcomers = Role { threshold: 2, people: ["dov", "eli"].map(id).into() };
    two.roles.insert(RoleName::Root, newcomers);
    assert!(walk(&[(&one, TWO), (&two, TWO)]).is_err());
    assert!(walk(&[(&one, TWO), (&two, &["dov", "eli"])]).is_err());
    assert!(walk(&[(&one, TWO), (&two, &["ann", "dov", "eli"])]).is_err());
    assert!(walk(&[(&one, TWO), (&two, &["ann", "ben", "dov", "eli"])]).is_ok());
    assert!(walk(&[(&one, TWO), (&two, &["ann", "ben", "dov", "eli", "zoe"])]).is_err(), "nobody knows zoe");
}

#[test]
fn only_the_newest_must_be_current() {
    let one = first_root();
    let mut two = second_root();
    two.expires = moment("2028-01-01T00:00:00Z");
    let chain = walk(&[(&one, TWO), (&two, TWO)]).unwrap();
    assert!(chain.check_current(moment("2027-06-01T00:00:00Z")).is_ok());
    assert!(chain.check_current(moment("2028-01-01T00:00:00Z")).is_err());
}

#[test]
fn a_bent_root_is_no_root() {
    let bend = |change: fn(&mut Root)| {
        let mut root = second_root();
        change(&mut root);
        root.to_toml()
    };
    let bends: [fn(&mut Root); 14] = [
        |r| r.version = 0,
        |r| r.project = None,
        |r| r.generation = 0,
        |r| r.rehearsals = 0,
        |r| r.schema = 2,
        |r| drop(r.roles.remove(&RoleName::Oncall)),
        |r| r.roles.get_mut(&RoleName::Root).unwrap().threshold = 0,
        |r| r.roles.get_mut(&RoleName::Root).unwrap().threshold = 4,
        |r| assert!(r.roles.get_mut(&RoleName::Release).unwrap().people.insert(id("eve"))),
        |r| drop(r.people.insert(id("ben"), Person::new([key("ann").public().clone()].into()))),
        |r| drop(r.people.insert(id("ben"), Person::new(BTreeSet::new()))),
        |r| drop(r.agents.insert("eu-2".parse().unwrap(), agent("eu-1", true))),
        |r| drop(r.agents.insert("eu-2".parse().unwrap(), agent("ann", true))),
        |r| r.agents.values_mut().for_each(|a| a.ledger_key = "AAAA".into()),
    ];
    assert!(bend(|_| ()).is_ok());
    for (at, change) in bends.into_iter().enumerate() {
        assert!(bend(change).is_err(), "bend {at}");
    }
    let mut one = first_root();
    one.project = Some(project());
    assert!(one.to_toml().is_err(), "version 1 is the project");
    let mut one = first_root();
    one.agents = second_root().agents;
    assert!(one.to_toml().is_err(), "version 1 has no agents");
}

#[test]
fn names_keep_their_meaning() {
    let (one, two) = (first_root(), second_root());
    let after = |change: fn(&mut Root)| {
        let mut three = two.next(project());
        change(&mut three);
        walk(&[(&one, TWO), (&two, TWO), (&three, TWO)])
    };
    assert!(after(|_| ()).is_ok());
    assert!(after(|r| r.clients.values_mut().for_each(|c| c.approvers = Digest::of_file(b"mine"))).is_err());
    assert!(after(|r| r.agents.values_mut().for_each(|a| a.region = "us".parse().unwrap())).is_err());
    assert!(after(|r| r.agents.values_mut().for_each(|a| a.ledger_key = agent("x", true).ledger_key)).is_err());
    assert!(after(|r| r.project = Some(Digest::of_file(b"other"))).is_err());
    // Leaving a client out and bringing it back does not make it forget its approvers either.
    let mut three = two.next(project());
    three.clients.clear();
    let mut four = three.next(project());
    four.clients.insert("acme".parse().unwrap(), ClientEntry::new(Digest::of_file(b"mine")));
    assert!(walk(&[(&one, TWO), (&two, TWO), (&three, TWO)]).is_ok());
    assert!(walk(&[(&one, TWO), (&two, TWO), (&three, TWO), (&four, TWO)]).is_err());
}

#[test]
fn keys_taken_from_the_release_role_end_the_generation() {
    let (one, two) = (first_root(), second_root());
    let mut three = two.next(project());
    three.roles.get_mut(&RoleName::Release).unwrap().people.remove(&id("cid"));
    let judged = |three: &Root| walk(&[(&one, TWO), (&two, TWO), (three, TWO)]);
    assert!(judged(&three).is_err());
    three.generation = 2;
    assert!(judged(&three).is_ok());
    three.generation = 3;
    assert!(judged(&three).is_err());
    three.generation = 0;
    assert!(three.to_toml().is_err());
}

#[test]
fn a_role_signs_under_its_own_namespace() {
    let chain = chain();
    let judged = |namespace, by: &[&str]| chain.check_role(RoleName::Teams, "t", &signed(namespace, "x", by));
    assert!(judged(Namespace::Teams, &["ann"]).is_ok());
    assert!(judged(Namespace::Trust, &["ann"]).is_err());
    assert!(judged(Namespace::Teams, &["eve"]).is_err());
    assert!(judged(Namespace::Teams, &[]).is_err());
}

/// Each would take every event: money would move twice.
#[test]
fn one_agent_runs_a_region_and_a_host_is_replaced_in_one_version() {
    let mut old = first_root().next(project());
    old.agents.insert("eu-1".parse().unwrap(), agent("eu-1", false));
    let with = |change: &dyn Fn(&mut Root)| {
        let mut root = old.next(project());
        change(&mut root);
        root.check_after("trust/root/3.toml", &old).map_err(|error| error.to_string())
    };
    let second = |root: &mut Root| drop(root.agents.insert("eu-2".parse().unwrap(), agent("eu-2", false)));
    let what = with(&second).unwrap_err();
    assert!(what.contains("eu-1 and eu-2 for production/eu: one agent runs a region"), "{what}");
    let replaced = |root: &mut Root| {
        second(root);
        root.agents.remove("eu-1");
    };
    assert_eq!(with(&replaced), Ok(()));
    let elsewhere = |root: &mut Root| {
        let entry = AgentEntry { region: "us".parse().unwrap(), ..agent("us-1", false) };
        root.agents.insert("us-1".parse().unwrap(), entry);
    };
    assert_eq!(with(&elsewhere), Ok(()));
    // Several staging agents may have to agree on a rehearsal; in production no word about rehearsals makes two of one.
    let rehearsers = |root: &mut Root| {
        for name in ["eu-3", "eu-4"] {
            root.agents.insert(name.parse().unwrap(), agent(name, true));
        }
    };
    assert_eq!(with(&rehearsers), Ok(()));
    let dressed = |root: &mut Root| {
        let entry = AgentEntry { rehearses: true, ..agent("eu-2", false) };
        root.agents.insert("eu-2".parse().unwrap(), entry);
    };
    assert!(with(&dressed).unwrap_err().contains("one agent runs a region"));
}
