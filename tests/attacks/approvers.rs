//! Approvers, teams and the catalog's lock: what the agency cannot change for the client, and who may sign the rest.

use assent_schema::canon::Digest;
use assent_schema::release::FileName;
use assent_schema::trust::{Approvers, Namespace, People, Person};

use super::fixture::{acme, id, key, put, text};
use super::table::{Attack, Verdict, attack, because};
use super::world::{By, World, after, bent, judge, judge_by};

fn person(of: &str) -> Person {
    Person::new([key(of).public().clone()].into())
}

fn next_approvers(world: &World) -> Approvers {
    let first = Digest::of_file(text(world.approvers[0].0.to_toml()).as_bytes());
    world.approvers[0].0.next(first)
}

/// A second approvers file, changed and signed by some people.
fn second_approvers(by: &[By], change: impl FnOnce(&mut People)) -> Verdict {
    bent(|world| {
        let mut next = next_approvers(world);
        let mut people = next.people.clone();
        change(&mut people);
        next.people = people;
        world.approvers.push((next, by.to_vec()));
    })
}

/// An agent that knows teams and catalog of number 2, and a second release with other ones.
fn numbers(change: impl FnOnce(&mut World)) -> Verdict {
    let mut world = World::honest();
    (world.teams.0.number, world.lock.0.number) = (2, 2);
    let pinned = after(&world.release());
    (world.sequence, world.previous) = (2, pinned.manifest);
    change(&mut world);
    judge_by(&world.release(), &pinned)
}

pub(crate) const ROOM: &[Attack] = &[
    because(
        "approvers: a first file that root does not name",
        "approvers-invalid",
        "is not the first approvers file",
        || bent(|world| world.approvers[0].0.threshold = 1),
    ),
    because(
        "approvers: a first file that one of its people did not sign",
        "approvers-invalid",
        "2 of the 3 people",
        || bent(|world| world.approvers[0].1 = vec!["dana", "emil"]),
    ),
    because("approvers: the agency adds its own person", "approvers-invalid", "ann", || {
        second_approvers(&["ann", "ben"], |people| drop(people.insert(id("gus"), person("gus"))))
    }),
    because(
        "approvers: changed by fewer than the client's threshold",
        "approvers-invalid",
        "1 of the 2 people",
        || second_approvers(&["dana"], |people| drop(people.insert(id("gus"), person("gus")))),
    ),
    attack("approvers: changed by the client", "accepted", || {
        second_approvers(&["dana", "emil"], |people| drop(people.insert(id("gus"), person("gus"))))
    }),
    because(
        "approvers: an agency person's key among the client's",
        "approvers-invalid",
        "lists one key for ann and for gus",
        || second_approvers(&["dana", "emil"], |people| drop(people.insert(id("gus"), person("ann")))),
    ),
    because(
        "approvers: a machine's key among the client's",
        "approvers-invalid",
        "lists one key for the agent",
        || second_approvers(&["dana", "emil"], |people| drop(people.insert(id("gus"), person("eu-production-1")))),
    ),
    because("approvers: one key for two of them", "approvers-invalid", "lists one key for dana and for gus", || {
        let mut world = World::honest();
        let mut next = next_approvers(&world);
        next.people.insert(id("gus"), person("gus"));
        world.approvers.push((next, vec!["dana", "emil"]));
        let mut files = world.listed();
        let name = FileName::Approvers(acme(), 2);
        let file = String::from_utf8(files[&name.to_string()].clone()).unwrap();
        let file = file.replace(&key("gus").public().to_string(), &key("dana").public().to_string());
        put(&mut files, &name, file.as_bytes(), Namespace::Approvers, &["dana", "emil"]);
        judge(&world.release_of(files))
    }),
    because(
        "approvers: one key for two, in a file that is looked at alone",
        "approvers-invalid",
        "for dana and for gus",
        || {
            let mut next = next_approvers(&World::honest());
            next.people.insert(id("gus"), person("gus"));
            let file =
                text(next.to_toml()).replace(&key("gus").public().to_string(), &key("dana").public().to_string());
            match Approvers::parse("approvers/2.toml", file.as_bytes()) {
                Ok(_) => Verdict::accepted(),
                Err(error) => Verdict::new("approvers-invalid", error.to_string()),
            }
        },
    ),
    because("approvers: another client's file", "approvers-invalid", "another project or client", || {
        bent(|world| {
            let mut next = next_approvers(world);
            next.client = "cedar".parse().unwrap();
            world.approvers.push((next, vec!["dana", "emil"]));
        })
    }),
    because("approvers: another project's file", "approvers-invalid", "another project or client", || {
        bent(|world| {
            let mut next = next_approvers(world);
            next.project = Digest::of_file(b"other");
            world.approvers.push((next, vec!["dana", "emil"]));
        })
    }),
    because(
        "approvers: a file that follows another first one",
        "approvers-invalid",
        "names another first approvers",
        || {
            bent(|world| {
                let next = world.approvers[0].0.next(Digest::of_file(b"other"));
                world.approvers.push((next, vec!["dana", "emil"]));
            })
        },
    ),
    because("approvers: a number that is left out", "approvers-invalid", "stands where number 2 must", || {
        bent(|world| {
            let mut next = next_approvers(world);
            next.number = 3;
            world.approvers.push((next, vec!["dana", "emil"]));
        })
    }),
    because("approvers: a client that root does not list", "approvers-invalid", "that the root does not list", || {
        bent(|world| {
            let mut root = world.next_root();
            root.clients.clear();
            world.roots.push((root, vec!["ann", "ben"]));
        })
    }),
    attack("approvers: the newest file left out, so that somebody who left approves again", "approvers-older", || {
        let mut world = World::honest();
        let next = next_approvers(&world);
        world.approvers.push((next, vec!["dana", "emil"]));
        let pinned = after(&world.release());
        world.approvers.pop();
        (world.sequence, world.previous) = (2, pinned.manifest);
        judge_by(&world.release(), &pinned)
    }),
    because("teams: signed by somebody without the role", "teams-invalid", "dana", || {
        bent(|world| world.teams.1 = vec!["dana"])
    }),
    because("teams: signed by somebody of the agency without the role", "teams-invalid", "ben", || {
        bent(|world| world.teams.1 = vec!["ben"])
    }),
    because("more approvers files than anybody walks", "approvers-invalid", "more than 10000 files", || {
        let world = World::honest();
        let mut files = world.listed();
        files.extend((2..=10_001).map(|number| (FileName::Approvers(acme(), number).to_string(), b"x".to_vec())));
        judge(&world.release_of(files))
    }),
    because("teams: a stranger is assigned", "teams-invalid", "assigns eve", || {
        bent(|world| world.teams.0.clients.values_mut().for_each(|team| team.extend([id("eve")])))
    }),
    because("teams: of another project", "teams-invalid", "another project", || {
        bent(|world| world.teams.0.project = Digest::of_file(b"other"))
    }),
    attack("teams: older ones beside a newer release, so that somebody who left signs in again", "teams-older", || {
        numbers(|world| world.teams.0.number = 1)
    }),
    attack("catalog: an older lock beside a newer release", "catalog-older", || {
        numbers(|world| world.lock.0.number = 1)
    }),
    attack("teams and catalog of the same numbers", "accepted", || numbers(|_| ())),
    because("catalog: signed by somebody without the role", "catalog-invalid", "dana", || {
        bent(|world| world.lock.1 = vec!["dana"])
    }),
    because("catalog: of another project", "catalog-invalid", "another project", || {
        bent(|world| world.lock.0.project = Digest::of_file(b"other"))
    }),
    because("catalog: signed as if it were the teams", "catalog-invalid", "another purpose", || {
        let world = World::honest();
        let mut files = world.listed();
        let lock = files["trust/catalog.lock"].clone();
        put(&mut files, &FileName::CatalogLock, &lock, Namespace::Teams, &["ben"]);
        judge(&world.release_of(files))
    }),
];
