//! Roots and keys: who may change who may sign, and what becomes of keys that were stolen and replaced.

use assent_agent::verify::PinnedTrust;
use assent_schema::canon::Digest;
use assent_schema::id::AgentId;
use assent_schema::release::FileName;
use assent_schema::time::Period;
use assent_schema::trust::{AgentEntry, ClientEntry, Namespace, Person, RoleName, Root, Rule, SignedFile, check};

use super::fixture::{acme, agent, bytes, id, key, moment, people, put, text};
use super::table::{Attack, Verdict, attack, because};
use super::world::{By, World, after, bent, enrolled, judge, judge_at, judge_by, later, project};

/// A third root version, changed by a thief or by the agency, signed by some people.
fn third(by: &[By], change: impl FnOnce(&mut Root)) -> World {
    let mut world = World::honest();
    let mut root = world.next_root();
    change(&mut root);
    world.roots.push((root, by.to_vec()));
    world
}

fn third_judged(by: &[By], change: impl FnOnce(&mut Root)) -> Verdict {
    judge(&third(by, change).release())
}

/// The first and second root signed by somebody else.
fn signed_by(version: usize, by: &[By]) -> Verdict {
    bent(|world| world.roots[version - 1].1 = by.to_vec())
}

/// A root file that the product itself would never write.
fn written(version: u32, from: &str, to: &str) -> Verdict {
    let world = World::honest();
    let mut files = world.listed();
    let name = FileName::Root(version);
    let file = String::from_utf8(files[&name.to_string()].clone()).unwrap();
    assert!(file.contains(from), "{from}");
    put(&mut files, &name, file.replacen(from, to, 1).as_bytes(), Namespace::Trust, &["ann", "ben"]);
    judge(&world.release_of(files))
}

/// The release key of `ben` was stolen; root takes it out and raises the generation.
fn recovered(world: &mut World) {
    let mut root = world.next_root();
    root.people.insert(id("ben"), Person::new([key("new ben").public().clone()].into()));
    root.generation = 2;
    // Ben's old key is gone from the new version, his new one stands in no older version: the two others change it.
    world.roots.push((root, vec!["ann", "cid"]));
    world.sequence = 1;
    world.releasers = vec!["ann", "cid"];
    // What the old key had signed and must hold still is signed again.
    world.lock.1 = vec!["cid"];
}

const TWO: &[By] = &["ann", "ben"];

pub(crate) const ROOM: &[Attack] = &[
    attack("an honest third version", "accepted", || third_judged(TWO, |_| ())),
    because("a second production agent of the region", "root-invalid", "one agent runs a region", || {
        third_judged(TWO, |root| {
            root.agents.insert(machine("eu-production-2"), agent("eu-production-2", "production"));
        })
    }),
    because("the same, as one whose rehearsals count", "root-invalid", "one agent runs a region", || {
        third_judged(TWO, |root| {
            let entry = AgentEntry { rehearses: true, ..agent("eu-production-2", "production") };
            root.agents.insert(machine("eu-production-2"), entry);
        })
    }),
    attack("a second agent in the version that takes the first one out", "accepted", || {
        third_judged(TWO, |root| {
            root.agents.insert(machine("eu-staging-3"), agent("eu-staging-3", "staging"));
            root.agents.remove("eu-staging-2");
        })
    }),
    because("a root signed by one person where two are needed", "root-invalid", "1 of the 2 people needed", || {
        signed_by(2, &["ann"])
    }),
    because("the first root signed by too few", "root-invalid", "1 of the 2 people needed", || signed_by(1, &["cid"])),
    because("one person under two names", "root-invalid", "a key that is not listed for this person", || {
        let world = World::honest();
        let mut files = world.listed();
        let root = FileName::Root(2).to_string();
        let twice = files[&format!("{root}.ann.sig")].clone();
        files.insert(format!("{root}.ben.sig"), twice);
        judge(&world.release_of(files))
    }),
    because("one person with two keys counts once", "root-invalid", "1 of the 2 people needed", || {
        let mut world = World::honest();
        world.roots[0].0.people.get_mut(&id("ann")).unwrap().keys.insert(key("ann's other").public().clone());
        let first = Digest::of_file(text(world.roots[0].0.to_toml()).as_bytes());
        let mut root = world.roots[0].0.next(first);
        root.version = 2;
        world.roots = vec![(world.roots[0].0.clone(), vec!["ann", "ben"]), (root, vec!["ann"])];
        let pinned = PinnedTrust { project: Some(first), ..enrolled() };
        judge_by(&world.release(), &pinned)
    }),
    because("a root that strangers signed beside those who may", "root-invalid", "eve", || {
        signed_by(2, &["ann", "ben", "eve"])
    }),
    because("a root signed for another purpose", "root-invalid", "another purpose", || {
        let world = World::honest();
        let mut files = world.listed();
        let root = FileName::Root(2);
        let file = files[&root.to_string()].clone();
        put(&mut files, &root, &file, Namespace::Release, TWO);
        judge(&world.release_of(files))
    }),
    because("newcomers who sign for themselves alone", "root-invalid", "0 of the 2 people needed", || {
        third_judged(&["dov", "eli"], |root| {
            root.people.extend(people(&["dov", "eli"]));
            root.roles.get_mut(&RoleName::Root).unwrap().people = [id("dov"), id("eli")].into();
        })
    }),
    because("a version that its own holders did not sign", "root-invalid", "0 of the 2 people needed", || {
        third_judged(TWO, |root| {
            root.people.extend(people(&["dov", "eli"]));
            root.roles.get_mut(&RoleName::Root).unwrap().people = [id("dov"), id("eli")].into();
        })
    }),
    because(
        "a release key taken out without a new generation",
        "root-invalid",
        "without raising the generation",
        || third_judged(TWO, |root| without(root, RoleName::Release, "cid")),
    ),
    because(
        "a freshness key taken out without a new generation",
        "root-invalid",
        "without raising the generation",
        || third_judged(TWO, |root| without(root, RoleName::Freshness, "ann")),
    ),
    because("a generation that jumps", "root-invalid", "by more than one", || {
        third_judged(TWO, |root| root.generation = 3)
    }),
    because("a generation that goes back", "root-invalid", "by more than one", || {
        let mut world = third(TWO, |root| root.generation = 2);
        let mut root = world.next_root();
        root.generation = 1;
        world.roots.push((root, TWO.to_vec()));
        judge(&world.release())
    }),
    because("a threshold of zero", "root-invalid", "threshold of 0", || written(2, "threshold = 2", "threshold = 0")),
    because("a threshold that nobody can reach", "root-invalid", "threshold of 4", || {
        written(2, "threshold = 2", "threshold = 4")
    }),
    because("a role for somebody without a key", "root-invalid", "who is not listed", || {
        written(2, "people = [\"ann\"", "people = [\"ann\", \"zoe\"")
    }),
    because("a role that is missing", "root-invalid", "lacks the role oncall", || {
        written(2, "[roles.oncall]\nthreshold = 1\npeople = [\"ann\", \"ben\", \"cid\"]\n", "")
    }),
    because("a person without a key", "root-invalid", "lists no key for ann", || {
        written(2, &format!("keys = [\"{}\"]", key("ann").public()), "keys = []")
    }),
    because("a machine with a hardware key, which nobody can touch", "root-invalid", "hardware key", || {
        let machine = key("eu-staging-2").public().to_string();
        written(2, &machine, &super::signatures::hardware_line(key("eu-staging-2").public().point()))
    }),
    because("more root versions than anybody walks", "root-invalid", "more than 10000 versions", || {
        let world = World::honest();
        let mut files = world.listed();
        files.extend((3..=10_001).map(|version| (FileName::Root(version).to_string(), b"x".to_vec())));
        judge(&world.release_of(files))
    }),
    because("a threshold of zero that somebody asks for in memory", "error", "0 of the 0 people", || {
        let people = people(&["ann"]);
        let rule = Rule { people: &people, members: &people.keys().cloned().collect(), threshold: 0 };
        match check("f", Namespace::Trust, &SignedFile::default(), &[rule]) {
            Ok(()) => Verdict::accepted(),
            Err(error) => Verdict::new("error", error.to_string()),
        }
    }),
    because("a key listed for two people", "root-invalid", "lists one key for ann and for ben", || {
        written(2, &key("ben").public().to_string(), &key("ann").public().to_string())
    }),
    because("a person whose key is a machine's", "root-invalid", "lists one key for ann and for the agent", || {
        let machine = key("eu-production-1").public().to_string();
        written(2, &machine, &key("ann").public().to_string())
    }),
    because("two machines with one ledger key", "root-invalid", "lists one key for the ledger of", || {
        let root = agent("eu-staging-1", "staging");
        written(2, &agent("eu-staging-2", "staging").ledger_key, &root.ledger_key)
    }),
    because("a ledger key that is not a key", "root-invalid", "bad ledger key", || {
        written(2, &agent("eu-staging-2", "staging").ledger_key, "AAAA")
    }),
    because("a root that asks for no rehearsal", "root-invalid", "number of rehearsals of zero", || {
        written(2, "rehearsals = 1", "rehearsals = 0")
    }),
    because("a key that the format does not know", "root-invalid", "there is no key", || {
        written(2, "rehearsals = 1", "rehearsals = 1\nverify = false")
    }),
    because("a key that is written twice", "root-invalid", "not valid TOML", || {
        written(2, "rehearsals = 1", "rehearsals = 1\nrehearsals = 1")
    }),
    because("a schema of tomorrow", "root-invalid", "schema that this version does not know", || {
        written(2, "schema = 1", "schema = 2")
    }),
    because("keys of the file in another order", "root-invalid", "must begin with the keys", || {
        written(2, "type = \"root\"\nschema = 1\n", "schema = 1\ntype = \"root\"\n")
    }),
    because("a root without its project", "root-invalid", "names no project", || {
        written(2, &format!("project = \"{}\"\n", project()), "")
    }),
    because("a first root that lists a machine", "root-invalid", "from version 2 on", || {
        // The machine's table stands before all others and is a whole one.
        let entry = agent("eu-9", "production");
        let table = format!(
            "[agents.eu-9]\nregion = \"eu\"\nenvironment = \"production\"\nkey = \"{}\"\nledger_key = \"{}\"\n\n[people.ann]",
            entry.key, entry.ledger_key
        );
        let world = World::honest();
        let mut files = world.listed();
        let file = String::from_utf8(files["trust/root/1.toml"].clone()).unwrap().replacen("[people.ann]", &table, 1);
        put(&mut files, &FileName::Root(1), file.as_bytes(), Namespace::Trust, TWO);
        let pinned = PinnedTrust { project: Some(Digest::of_file(file.as_bytes())), ..enrolled() };
        judge_by(&world.release_of(files), &pinned)
    }),
    because("an invisible character in the root", "root-invalid", "invisible character", || {
        written(2, "rehearsals = 1", "rehearsals = 1 # \u{202e}")
    }),
    because("CRLF line ends in the root", "root-invalid", "CRLF", || {
        written(2, "rehearsals = 1\n", "rehearsals = 1\r\n")
    }),
    because("a root of more than a megabyte", "root-invalid", "is larger than", || {
        written(2, "rehearsals = 1\n", &format!("rehearsals = 1\n#{}\n", "x".repeat(1 << 20)))
    }),
    because("a version that is left out", "root-invalid", "stands where version 3 must", || {
        let mut world = World::honest();
        let mut root = world.next_root();
        root.version = 4;
        world.roots.push((root, TWO.to_vec()));
        judge(&world.release())
    }),
    because("a version under another number's name", "root-invalid", "says that it is version 2", || {
        let world = World::honest();
        let mut files = world.listed();
        let second = files["trust/root/2.toml"].clone();
        put(&mut files, &FileName::Root(3), &second, Namespace::Trust, TWO);
        judge(&world.release_of(files))
    }),
    because("a version of another project", "root-invalid", "belongs to another project", || {
        third_judged(TWO, |root| root.project = Some(Digest::of_file(b"other")))
    }),
    because("a client's first approvers replaced by root", "root-invalid", "only the client changes them", || {
        third_judged(TWO, |root| root.clients.extend([(acme(), ClientEntry::new(Digest::of_file(b"mine")))]))
    }),
    because("a client that is dropped and comes back with other approvers", "root-invalid", "only the client", || {
        let mut world = third(TWO, |root| root.clients.clear());
        let mut root = world.next_root();
        root.clients.insert(acme(), ClientEntry::new(Digest::of_file(b"mine")));
        world.roots.push((root, TWO.to_vec()));
        judge(&world.release())
    }),
    because("a machine that moves to another region", "root-invalid", "that is a new agent", || {
        third_judged(TWO, |root| {
            root.agents.get_mut(&machine("eu-staging-1")).unwrap().region = "us".parse().unwrap();
        })
    }),
    because("a machine that gets another ledger key", "root-invalid", "that is a new agent", || {
        let other = agent("x", "staging").ledger_key;
        third_judged(TWO, |root| {
            root.agents.get_mut(&machine("eu-staging-1")).unwrap().ledger_key.clone_from(&other);
        })
    }),
    attack("a root of another project altogether", "project-foreign", || {
        let stranger = PinnedTrust { project: Some(Digest::of_file(b"other")), ..enrolled() };
        judge_by(&World::honest().release(), &stranger)
    }),
    attack("an agent that nobody enrolled", "project-foreign", || {
        judge_by(&World::honest().release(), &PinnedTrust::default())
    }),
    attack("the newest root left out, so that a revoked key counts again", "root-older", || {
        let pinned = after(&third(TWO, |_| ()).release());
        judge_by(&World::honest().release(), &PinnedTrust { manifest: None, ..pinned })
    }),
    attack("another root under the number of a known one", "root-older", || {
        let pinned = after(&third(TWO, |root| root.expires = moment("2026-12-01T00:00:00Z")).release());
        judge_by(&third(TWO, |_| ()).release(), &PinnedTrust { manifest: None, ..pinned })
    }),
    attack("a root older than enrolment allows", "root-older", || {
        judge_by(&World::honest().release(), &PinnedTrust { root: (3, None), ..enrolled() })
    }),
    attack("a root that has expired", "root-expired", || {
        judge_at(&World::honest().release(), &after(&World::honest().release()), later(Period::days(300)))
    }),
    attack("an expired root in between, which says nothing", "accepted", || {
        let world = third(TWO, |root| root.expires = moment("2028-01-01T00:00:00Z"));
        let files = world.release();
        judge_at(&files, &after(&files), later(Period::days(250)))
    }),
    attack("an agent that root no longer lists", "agent-unknown", || {
        third_judged(TWO, |root| drop(root.agents.remove(&machine("eu-production-1"))))
    }),
    attack("recovery: the stolen release key is replaced and counting begins again", "accepted", || {
        let mut world = World::honest();
        world.sequence = 40;
        world.previous = Some(Digest::of_file(b"39"));
        let pinned = after(&world.release());
        recovered(&mut world);
        world.previous = None;
        judge_by(&world.release(), &pinned)
    }),
    because("after recovery, a release by the stolen key", "manifest-invalid", "not listed for this person", || {
        let mut world = World::honest();
        recovered(&mut world);
        let honest = after(&world.release());
        world.sequence = 2;
        world.previous = honest.manifest;
        world.releasers = vec!["ann", "ben"];
        judge_by(&world.release(), &honest)
    }),
    attack("after recovery, an old release of the generation that is over", "generation-wrong", || {
        let mut world = World::honest();
        recovered(&mut world);
        let pinned = after(&world.release());
        let files = world.release_with(|manifest| manifest.generation = 1);
        judge_by(&files, &pinned)
    }),
    attack("a release that counts in a generation that has not begun", "generation-wrong", || {
        judge(&World::honest().release_with(|manifest| manifest.generation = 2))
    }),
    attack("a generation older than enrolment allows", "generation-wrong", || {
        judge_by(&World::honest().release(), &PinnedTrust { sequence: (2, 0), ..enrolled() })
    }),
    because("a manifest by too few of the release role", "manifest-invalid", "1 of the 2 people needed", || {
        bent(|world| world.releasers = vec!["ann"])
    }),
    because("a manifest signed by one person twice", "manifest-invalid", "not listed for this person", || {
        let mut files = World::honest().release();
        let twice = files["manifest.json.ann.sig"].clone();
        files.insert("manifest.json.ben.sig".into(), twice);
        judge(&files)
    }),
    because("a manifest that an approver signed", "manifest-invalid", "dana", || {
        bent(|world| world.releasers = vec!["ann", "dana"])
    }),
    because("a manifest that a machine signed", "manifest-invalid", "eu-production-1", || {
        bent(|world| world.releasers = vec!["ann", "eu-production-1"])
    }),
    because("a manifest signed as if it were freshness", "manifest-invalid", "another purpose", || {
        let world = World::honest();
        let mut files = world.listed();
        let manifest = world.manifest(&files);
        put(&mut files, &FileName::Manifest, &bytes(&manifest), Namespace::Freshness, TWO);
        judge(&files)
    }),
    because("a release that no one signed", "manifest-invalid", "0 of the 2 people needed", || {
        bent(|world| world.releasers = vec![])
    }),
];

fn without(root: &mut Root, role: RoleName, person: &str) {
    assert!(root.roles.get_mut(&role).unwrap().people.remove(&id(person)));
}

fn machine(name: &str) -> AgentId {
    name.parse().unwrap()
}
