//! Rehearsals: plans that nobody, or somebody else, ran before production.

use assent_agent::verify::{PinnedTrust, Place, verify, verify_with_past};
use assent_schema::canon::Digest;
use assent_schema::release::{Manifest, Rehearsal};
use assent_schema::time::Period;

use super::fixture::{at, bytes, key, now, place};
use super::table::{Attack, Verdict, attack};
use super::world::{World, bent, enrolled, judge, judge_by, verdict};

/// Another rehearsal in the place of the honest one.
fn rehearsed(by: &'static str, change: fn(&mut Rehearsal)) -> Verdict {
    bent(|world| {
        change(&mut world.rehearsals[0].0);
        world.rehearsals[0].1 = by;
    })
}

/// Root asks that so many staging agents agree.
fn with_two(change: fn(&mut World)) -> Verdict {
    let mut world = World::honest();
    let mut root = world.next_root();
    root.rehearsals = 2;
    world.roots.push((root, vec!["ann", "ben"]));
    change(&mut world);
    judge(&world.release())
}

/// What an agent says that has accepted nothing yet, of a release whose rehearsal is 40 days old. The release before, which it
/// reads in the past of the branch, named the plan 35 days ago.
fn carried_on(bend: fn(&mut World), earlier: fn(&mut Manifest)) -> Verdict {
    carried_to(&enrolled(), bend, earlier, |bytes| bytes)
}

fn carried_to(
    pinned: &PinnedTrust,
    bend: fn(&mut World),
    earlier: fn(&mut Manifest),
    found: fn(Vec<u8>) -> Vec<u8>,
) -> Verdict {
    let mut world = World::honest();
    world.rehearsals[0].0.time = at().minus(Period::days(40));
    let mut first = world.manifest(&world.listed());
    first.at = at().minus(Period::days(35));
    earlier(&mut first);
    let first = bytes(&first);
    (world.sequence, world.previous) = (2, Some(Digest::of_file(&first)));
    bend(&mut world);
    let past = &mut |digest: Digest| (digest == Digest::of_file(&first)).then(|| found(first.clone()));
    verdict(verify_with_past(&world.release(), pinned, &place(), now(), None, past))
}

pub(crate) const ROOM: &[Attack] = &[
    attack("rehearsal: 40 days old, of a plan that came to the region 35 days ago", "accepted", || {
        carried_on(|_| (), |_| ())
    }),
    attack(
        "rehearsal: 40 days old, and the past of the branch does not have the release before",
        "not-rehearsed",
        || carried_on(|world| world.previous = Some(Digest::of_file(b"another")), |_| ()),
    ),
    attack("rehearsal: 40 days old, and in the place of the release before lies another", "not-rehearsed", || {
        carried_to(
            &enrolled(),
            |_| (),
            |_| (),
            |mut first| {
                first.push(b'\n');
                first
            },
        )
    }),
    attack("rehearsal: 40 days old, told of a region before to an agent that knows it", "not-rehearsed", || {
        let knows = PinnedTrust { plans: [Digest::of_file(b"other")].into(), ..enrolled() };
        carried_to(&knows, |_| (), |_| (), |first| first)
    }),
    attack(
        "rehearsal: 40 days old, and the release before named it when it was too old already",
        "not-rehearsed",
        || carried_on(|_| (), |first| first.at = at().minus(Period::days(9))),
    ),
    attack("rehearsal: 40 days old, and the release before was made earlier than that", "not-rehearsed", || {
        carried_on(|_| (), |first| first.at = at().minus(Period::days(41)))
    }),
    attack("rehearsal: 40 days old, and the release before named another plan", "not-rehearsed", || {
        carried_on(|_| (), |first| first.active[0].plan = Digest::of_file(b"other"))
    }),
    attack("rehearsal: 40 days old, and the release before named other scenarios", "not-rehearsed", || {
        carried_on(|_| (), |first| first.active[0].tests = Digest::of_file(b"other"))
    }),
    attack("rehearsal: 40 days old, and the release before is of another region", "not-rehearsed", || {
        carried_on(|_| (), |first| first.region = "us".parse().unwrap())
    }),
    attack("rehearsal: 40 days old, and the release before is of another environment", "not-rehearsed", || {
        carried_on(|_| (), |first| first.environment = "staging".parse().unwrap())
    }),
    attack("rehearsal: 40 days old, and the release before is of another project", "not-rehearsed", || {
        carried_on(|_| (), |first| first.project = Digest::of_file(b"other"))
    }),
    attack("rehearsal: 40 days old, and the release before is of other release keys", "not-rehearsed", || {
        carried_on(|_| (), |first| first.generation += 1)
    }),
    attack("rehearsal: 40 days old, and the release before has no lower number", "not-rehearsed", || {
        carried_on(|_| (), |first| first.sequence = 2)
    }),
    attack(
        "rehearsal: 40 days old, of a plan that came before, by a machine that root does not list",
        "not-rehearsed",
        || carried_on(|world| world.rehearsals[0].0.agent = "eu-staging-9".parse().unwrap(), |_| ()),
    ),
    attack("rehearsal: none at all, of a plan that came before", "not-rehearsed", || {
        carried_on(|world| world.rehearsals.clear(), |_| ())
    }),
    attack("rehearsal: by another major version of the engine, of a plan that came before", "not-rehearsed", || {
        carried_on(|world| world.rehearsals[0].0.engine.version = "1.0.0".into(), |_| ())
    }),
    attack("rehearsal: none", "not-rehearsed", || bent(|world| world.rehearsals.clear())),
    attack("rehearsal: by a production agent", "not-rehearsed", || {
        rehearsed("eu-production-1", |one| {
            one.agent = "eu-production-1".parse().unwrap();
            one.environment = "production".parse().unwrap();
        })
    }),
    attack("rehearsal: a staging agent's statement signed by the production agent's key", "not-rehearsed", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let mut files = world.listed();
        let written = bytes(&world.rehearsal());
        let name = format!("rehearsals/{}.json", Digest::of_file(&written));
        let signer = key("eu-production-1");
        let armour = assent_schema::trust::sign(&signer, assent_schema::trust::Namespace::Rehearsal, &written);
        files.insert(name.clone(), written);
        files.insert(format!("{name}.eu-staging-1.sig"), armour.into_bytes());
        judge(&world.release_of(files))
    }),
    attack("rehearsal: signed for another purpose", "not-rehearsed", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let mut files = world.listed();
        let written = bytes(&world.rehearsal());
        let name = format!("rehearsals/{}.json", Digest::of_file(&written));
        let signer = key("eu-staging-1");
        let armour = assent_schema::trust::sign(&signer, assent_schema::trust::Namespace::Console, &written);
        files.insert(name.clone(), written);
        files.insert(format!("{name}.eu-staging-1.sig"), armour.into_bytes());
        judge(&world.release_of(files))
    }),
    attack("rehearsal: by a machine that root does not list", "not-rehearsed", || {
        rehearsed("eu-staging-9", |one| one.agent = "eu-staging-9".parse().unwrap())
    }),
    attack("rehearsal: in the name of another machine", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.agent = "eu-staging-2".parse().unwrap())
    }),
    attack("rehearsal: of another plan", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.plan = Digest::of_file(b"other"))
    }),
    attack("rehearsal: over other scenarios", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.tests = Digest::of_file(b"other"))
    }),
    attack("rehearsal: by another major version of the engine", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.engine.version = "1.0.0".into())
    }),
    attack("rehearsal: more than 30 days old", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.time = at().minus(Period::days(30)).minus(Period::seconds(1)))
    }),
    attack("rehearsal: 30 days old", "accepted", || {
        rehearsed("eu-staging-1", |one| one.time = at().minus(Period::days(30)))
    }),
    attack("rehearsal: from a time that has not come", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.time = at().plus(Period::seconds(1)))
    }),
    attack("rehearsal: one scenario failed", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.results.last_mut().unwrap().passed = false)
    }),
    attack("rehearsal: one scenario left out", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| drop(one.results.pop()))
    }),
    attack("rehearsal: no scenario at all", "not-rehearsed", || rehearsed("eu-staging-1", |one| one.results.clear())),
    attack("rehearsal: of another project", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.project = Digest::of_file(b"other"))
    }),
    attack("rehearsal: from another region than the machine's", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.region = "us".parse().unwrap())
    }),
    attack("rehearsal: changed after it was signed", "not-rehearsed", || {
        let world = World::honest();
        let mut files = world.listed();
        let path = files.keys().find(|path| path.starts_with("rehearsals/")).unwrap().clone();
        let armour = files.remove(&format!("{path}.eu-staging-1.sig")).unwrap();
        let mut written: Rehearsal = serde_json::from_slice(&files.remove(&path).unwrap()).unwrap();
        written.time = at();
        let name = format!("rehearsals/{}.json", Digest::of_file(&bytes(&written)));
        files.insert(name.clone(), bytes(&written));
        files.insert(format!("{name}.eu-staging-1.sig"), armour);
        judge(&world.release_of(files))
    }),
    attack("rehearsal: one where root asks for two", "not-rehearsed", || with_two(|_| ())),
    attack("rehearsal: one agent twice where root asks for two", "not-rehearsed", || {
        with_two(|world| {
            let mut again = world.rehearsals[0].clone();
            again.0.time = at().minus(Period::hours(2));
            world.rehearsals.push(again);
        })
    }),
    attack("rehearsal: two agents where root asks for two", "accepted", || {
        with_two(|world| {
            let mut other = world.rehearsals[0].0.clone();
            other.agent = "eu-staging-2".parse().unwrap();
            world.rehearsals.push((other, "eu-staging-2"));
        })
    }),
    attack("rehearsal: none for a plan that was accepted here before", "accepted", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let pinned = PinnedTrust { plans: [world.plan_digest()].into(), ..enrolled() };
        judge_by(&world.release(), &pinned)
    }),
    attack("a machine of production that claims to rehearse, so that none is asked for", "not-rehearsed", || {
        // Only root says who rehearses; an agent's own configuration has no say.
        let mut world = World::honest();
        world.rehearsals.clear();
        let there = Place { engine: "9.9.9".into(), ..place() };
        verdict(verify(&world.release(), &enrolled(), &there, now()))
    }),
];
