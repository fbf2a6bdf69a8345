//! Approvers whom root resets: the client sees it coming for seven days, and can end it. And what else a signed file may not
//! hold, whoever signed it.

use assent_agent::people::judge_poke;
use assent_agent::verify::{Now, PinnedTrust, verify};
use assent_schema::canon::Digest;
use assent_schema::id::AgentId;
use assent_schema::status::{Poke, Status};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{
    Approvers, Cancelled, Decision, Namespace, Person, Reset, Root, RootChain, SignedFile, sign, verify_status,
};
use serde_json::json;

use super::fixture::{Files, acme, at, bytes, id, key, now, people, place, put, read, text};
use super::table::{Attack, Verdict, attack, because};
use super::world::{By, World, after, enrolled, judge_at, judge_by, later};

const WEEK: Period = Period::days(7);

/// What root makes of the approvers: two other people, one of whom is enough.
fn others(world: &World) -> Approvers {
    let first = Digest::of_file(text(world.approvers[0].0.to_toml()).as_bytes());
    Approvers { threshold: 1, people: people(&["gus", "hal"]), ..world.approvers[0].0.next(first) }
}

fn reset_to(approvers: &Approvers, announced: Moment) -> Reset {
    Reset { number: 2, approvers: Digest::of_file(text(approvers.to_toml()).as_bytes()), announced }
}

fn announce(world: &mut World, reset: Reset, by: &[By]) {
    let mut root = world.next_root();
    root.clients.get_mut(&acme()).expect("a client").resets.push(reset);
    world.roots.push((root, by.to_vec()));
}

/// What is bent of an honest reset.
struct Bent {
    announced: Moment,
    root_by: Vec<By>,
    file_by: Vec<By>,
    change: fn(&mut Reset),
}

fn honest() -> Bent {
    Bent { announced: at(), root_by: vec!["ann", "ben"], file_by: vec!["gus", "hal"], change: |_| () }
}

impl Bent {
    fn put(self, world: &mut World) {
        let approvers = others(world);
        let mut reset = reset_to(&approvers, self.announced);
        (self.change)(&mut reset);
        announce(world, reset, &self.root_by);
        world.approvers.push((approvers, self.file_by));
    }
}

/// A world in which the old approvers withdrew everything: only what the new ones approve is approved.
fn withdrawn() -> (World, PinnedTrust) {
    let mut world = World::honest();
    world.statements.push((world.withdraw(2, Cancelled::All), vec!["dana"]));
    let pinned = after(&world.release());
    (world.sequence, world.previous) = (2, pinned.manifest);
    (world, pinned)
}

/// The second release, with a reset and what a new approver approves.
fn second(bend: Bent) -> (World, PinnedTrust) {
    let (mut world, pinned) = withdrawn();
    bend.put(&mut world);
    world.statements.push((world.approve(3, world.uses()), vec!["gus"]));
    (world, pinned)
}

/// What an agent knows that took files at an instant.
fn saw(files: &Files, pinned: &PinnedTrust, now: Now) -> PinnedTrust {
    verify(files, pinned, &place(), now).expect("a release that is accepted").pin(pinned)
}

/// The verdict on a reset so long after the agent first saw it.
fn seen_since(bend: Bent, since: Period) -> Verdict {
    let (world, pinned) = second(bend);
    let files = world.release();
    judge_at(&files, &saw(&files, &pinned, now()), later(since))
}

/// The verdict eight days after a reset was seen, in which somebody said something.
fn said(by: &[By], says: impl FnOnce(&World, Digest) -> String) -> Verdict {
    let (mut world, pinned) = second(honest());
    let first = saw(&world.release(), &pinned, now());
    let file = reset_to(&others(&world), at()).approvers;
    world.statements.push((says(&world, file), by.to_vec()));
    (world.sequence, world.previous) = (3, first.manifest);
    let files = world.release();
    judge_at(&files, &saw(&files, &first, later(Period::days(1))), later(Period::days(8)))
}

fn veto(world: &World, file: Digest) -> String {
    world.says(4, Decision::Reject(vec![Cancelled::Reset(file)]))
}

/// Another root version after that of the reset, changed.
fn after_reset(change: impl FnOnce(&mut Root)) -> Verdict {
    let (mut world, pinned) = second(honest());
    let mut root = world.next_root();
    change(&mut root);
    world.roots.push((root, vec!["ann", "ben"]));
    judge_by(&world.release(), &pinned)
}

/// What root says of one reset of the client, written otherwise and signed by those who may.
fn listed(change: impl FnOnce(&str) -> String) -> Verdict {
    let mut world = World::honest();
    let reset = reset_to(&others(&world), at());
    announce(&mut world, reset, &["ann", "ben"]);
    let mut files = world.listed();
    let written = String::from_utf8(files["trust/root/3.toml"].clone()).expect("text");
    let begin = written.find("resets = [").expect("a reset") + "resets = [".len();
    let end = begin + written[begin..].find(']').expect("an end");
    let changed = format!("{}{}{}", &written[..begin], change(&written[begin..end]), &written[end..]);
    let name = assent_schema::release::FileName::Root(3);
    put(&mut files, &name, changed.as_bytes(), Namespace::Trust, &["ann", "ben"]);
    super::world::judge(&world.release_of(files))
}

/// A signed file of the honest release in which one text was replaced, by those who may sign it.
fn rewritten(path: &str, old: &str, new: &str, namespace: Namespace, by: &[&str]) -> Verdict {
    let world = World::honest();
    let mut files = world.listed();
    let written = String::from_utf8(files[path].clone()).expect("text");
    assert_eq!(written.matches(old).count(), 1, "{old} stands once in {written}");
    let name = assent_schema::release::FileName::parse(path).expect("a name");
    put(&mut files, &name, written.replace(old, new).as_bytes(), namespace, by);
    super::world::judge(&world.release_of(files))
}

/// What is said of a status that an agent signed, from the place of another or its own.
fn status(of: &str, signer: &str, region: &str) -> Verdict {
    let world = World::honest();
    let files = world.release();
    let roots = (1..=2).map(|n| {
        let path = format!("trust/root/{n}.toml");
        let signature = |name: &str| (id(name), files[&format!("{path}.{name}.sig")].clone());
        (n, SignedFile { bytes: files[&path].clone(), signatures: ["ann", "ben"].map(signature).into() })
    });
    let roots = RootChain::walk(&roots.collect()).expect("a root");
    let status: Status = read(json!({
        "type": "status", "schema": 1, "project": world.project, "environment": "production", "region": region,
        "agent": of, "time": at(), "version": "0.1.0", "workflows": {},
    }));
    let bytes = bytes(&status);
    let armour = sign(&key(signer), Namespace::Console, &bytes);
    let place: AgentId = "eu-production-1".parse().expect("an id");
    match verify_status("status.json", &bytes, &place, armour.as_bytes(), roots.newest(), roots.project()) {
        Ok(_) => Verdict::accepted(),
        Err(error) => Verdict::new("status", error.to_string()),
    }
}

/// A request to look for a release, signed by these for this, after its text was changed.
fn poke(by: &[&str], namespace: Namespace, (old, new): (&str, &str)) -> Verdict {
    let world = World::honest();
    let place = place();
    let honest = Poke::new(world.project, place.environment.clone(), place.region.clone(), at());
    let text = String::from_utf8(bytes(&honest)).expect("text").replacen(old, new, 1);
    let signatures = by.iter().map(|name| (id(name), sign(&key(name), namespace, text.as_bytes()).into_bytes()));
    let signed = SignedFile { bytes: text.clone().into_bytes(), signatures: signatures.collect() };
    let root = &world.roots.last().expect("a root").0;
    match judge_poke(&signed, root, (world.project, &place.environment, &place.region)) {
        Ok(_) => Verdict::accepted(),
        Err(why) => Verdict::new(why.code(), String::new()),
    }
}

const AS_IT_IS: (&str, &str) = ("", "");

pub(crate) const ROOM: &[Attack] = &[
    attack("poke: by those who sign releases", "accepted", || poke(&["ann", "ben"], Namespace::Poke, AS_IT_IS)),
    attack("poke: by fewer than sign a release", "bad_signature", || poke(&["ann"], Namespace::Poke, AS_IT_IS)),
    attack("poke: by somebody who signs no releases", "bad_signature", || {
        poke(&["ann", "mallory"], Namespace::Poke, AS_IT_IS)
    }),
    attack("poke: what was signed as a release", "bad_signature", || {
        poke(&["ann", "ben"], Namespace::Release, AS_IT_IS)
    }),
    attack("poke: for agents of another region", "other_question", || {
        poke(&["ann", "ben"], Namespace::Poke, ("\"region\":\"eu\"", "\"region\":\"us\""))
    }),
    attack("poke: for agents of another environment", "other_question", || {
        poke(&["ann", "ben"], Namespace::Poke, ("\"production\"", "\"staging\""))
    }),
    attack("poke: with a member that nobody knows", "bad_form", || {
        poke(&["ann", "ben"], Namespace::Poke, ("{", "{\"aa\":1,"))
    }),
    attack("reset: as soon as it comes", "off: uncovered", || {
        let (world, pinned) = second(honest());
        judge_by(&world.release(), &pinned)
    }),
    attack("reset: an hour before seven days are over", "off: uncovered", || {
        seen_since(honest(), Period::hours(7 * 24 - 1))
    }),
    attack("reset: after seven days", "accepted", || seen_since(honest(), WEEK)),
    attack("reset: dated back by a month, as soon as it comes", "off: uncovered", || {
        seen_since(Bent { announced: at().minus(Period::days(30)), ..honest() }, Period::hours(1))
    }),
    attack("reset: announced for later, seven days after it came", "off: uncovered", || {
        seen_since(Bent { announced: at().plus(Period::days(5)), ..honest() }, WEEK)
    }),
    attack("reset: the clock of the machine put forward by eight days", "off: uncovered", || {
        let (world, pinned) = second(honest());
        let files = world.release();
        judge_at(&files, &saw(&files, &pinned, now()), Now { trusted: at(), ..later(Period::days(8)) })
    }),
    attack("reset: left out for a while and brought again, which begins nothing again", "accepted", || {
        let (world, pinned) = second(honest());
        let files = world.release();
        let mut without = withdrawn().0;
        without.roots.clone_from(&world.roots);
        let seen = saw(&files, &pinned, now());
        (without.sequence, without.previous) = (3, seen.manifest);
        let seen = saw(&without.release(), &seen, later(Period::days(3)));
        let mut again = world;
        (again.sequence, again.previous) = (4, seen.manifest);
        judge_at(&again.release(), &seen, later(WEEK))
    }),
    attack("reset: an approver of before ends it", "off: uncovered", || said(&["fay"], veto)),
    attack("reset: one of the new ones says no, which ends nothing", "accepted", || said(&["hal"], veto)),
    attack("reset: a no to another file, which ends nothing", "accepted", || {
        said(&["fay"], |world, _| veto(world, Digest::of_file(b"another")))
    }),
    attack("reset: a no to all data uses, which is not a no to it", "off: uncovered", || {
        said(&["fay"], |world, _| world.withdraw(4, Cancelled::All))
    }),
    attack("reset: an approver of before ends it when it counts already", "accepted", || {
        let (mut world, pinned) = second(honest());
        let files = world.release();
        let seen = saw(&files, &saw(&files, &pinned, now()), later(WEEK));
        let file = reset_to(&others(&world), at()).approvers;
        world.statements.push((veto(&world, file), vec!["fay"]));
        (world.sequence, world.previous) = (3, seen.manifest);
        judge_at(&world.release(), &seen, later(Period::days(8)))
    }),
    attack("reset: one of the new ones withdraws while it waits", "accepted", || {
        let mut world = World::honest();
        let pinned = after(&world.release());
        (world.sequence, world.previous) = (2, pinned.manifest);
        honest().put(&mut world);
        world.statements.push((world.withdraw(3, Cancelled::All), vec!["gus"]));
        judge_by(&world.release(), &pinned)
    }),
    attack("reset: what the old ones approved, when it counts", "off: uncovered", || {
        let mut world = World::honest();
        let pinned = after(&world.release());
        (world.sequence, world.previous) = (2, pinned.manifest);
        honest().put(&mut world);
        let files = world.release();
        judge_at(&files, &saw(&files, &pinned, now()), later(WEEK))
    }),
    attack("reset: the client changes its approvers itself, which ends it", "accepted", || {
        let mut world = World::honest();
        let pinned = after(&world.release());
        (world.sequence, world.previous) = (2, pinned.manifest);
        let reset = reset_to(&others(&world), at());
        announce(&mut world, reset, &["ann", "ben"]);
        let mut own = others(&world);
        own.people.extend(people(&["dana", "emil"]));
        world.approvers.push((own, vec!["dana", "emil"]));
        world.statements.push((world.approve(3, world.uses()), vec!["emil"]));
        judge_by(&world.release(), &pinned)
    }),
    attack("reset: an agent that is new, before the date that root wrote is seven days old", "off: uncovered", || {
        let (world, _) = second(honest());
        judge_at(&world.release(), &enrolled(), later(Period::days(6)))
    }),
    attack("reset: an agent that is new, after that", "accepted", || {
        let (world, _) = second(honest());
        judge_at(&world.release(), &enrolled(), later(WEEK))
    }),
    because("reset: without the root's threshold", "root-invalid", "1 of the 2 people", || {
        let (world, pinned) = second(Bent { root_by: vec!["ann"], ..honest() });
        judge_by(&world.release(), &pinned)
    }),
    because("reset: a file that one of its people did not sign", "approvers-invalid", "1 of the 2 people", || {
        let (world, pinned) = second(Bent { file_by: vec!["gus"], ..honest() });
        judge_by(&world.release(), &pinned)
    }),
    because("reset: a file that the agency signs", "approvers-invalid", "ann", || {
        let (world, pinned) = second(Bent { file_by: vec!["ann", "ben"], ..honest() });
        judge_by(&world.release(), &pinned)
    }),
    because("reset: a file that root does not name", "approvers-invalid", "gus", || {
        let (world, pinned) =
            second(Bent { change: |reset| reset.approvers = Digest::of_file(b"another"), ..honest() });
        judge_by(&world.release(), &pinned)
    }),
    because("reset: a file that root names under another number", "approvers-invalid", "gus", || {
        let (world, pinned) = second(Bent { change: |reset| reset.number = 3, ..honest() });
        judge_by(&world.release(), &pinned)
    }),
    because(
        "reset: a person with two keys, one of whom signed nothing",
        "approvers-invalid",
        "more than one key",
        || {
            let (mut world, pinned) = withdrawn();
            let mut approvers = others(&world);
            approvers.people.insert(id("gus"), Person::new(["gus", "gwen"].map(|k| key(k).public().clone()).into()));
            announce(&mut world, reset_to(&approvers, at()), &["ann", "ben"]);
            world.approvers.push((approvers, vec!["gus", "hal"]));
            judge_by(&world.release(), &pinned)
        },
    ),
    because("reset: an agency person among the new ones", "approvers-invalid", "lists one key for ann", || {
        let (mut world, pinned) = withdrawn();
        let approvers = Approvers { people: people(&["gus", "ann"]), ..others(&world) };
        announce(&mut world, reset_to(&approvers, at()), &["ann", "ben"]);
        world.approvers.push((approvers, vec!["gus", "ann"]));
        judge_by(&world.release(), &pinned)
    }),
    attack("reset: left out when it counts, so that who was taken out approves again", "approvers-older", || {
        let (world, pinned) = second(honest());
        let files = world.release();
        let seen = saw(&files, &saw(&files, &pinned, now()), later(WEEK));
        let mut without = withdrawn().0;
        without.roots.clone_from(&world.roots);
        (without.sequence, without.previous) = (3, seen.manifest);
        judge_at(&without.release(), &seen, later(Period::days(8)))
    }),
    because("reset: its date changed by a later root", "root-invalid", "changes what an older version says", || {
        after_reset(|root| root.clients.get_mut(&acme()).unwrap().resets[0].announced = at().minus(WEEK))
    }),
    because("reset: gone from a later root", "root-invalid", "changes what an older version says", || {
        after_reset(|root| root.clients.get_mut(&acme()).unwrap().resets.clear())
    }),
    because("reset: to a first file", "root-invalid", "resets the approvers of acme", || {
        listed(|reset| reset.replace("number = 2", "number = 1"))
    }),
    because("reset: the same twice", "root-invalid", "resets the approvers of acme", || {
        listed(|reset| format!("{reset}, {reset}"))
    }),
    because("reset: a hundred and one of them", "root-invalid", "resets the approvers of acme", || {
        let many =
            |reset: &str| (2..103).map(|n| reset.replace("number = 2", &format!("number = {n}"))).collect::<Vec<_>>();
        listed(|reset| many(reset).join(", "))
    }),
    because("approvers: a schema of tomorrow", "approvers-invalid", "schema that this version does not know", || {
        let by = ["dana", "emil", "fay"];
        rewritten("trust/approvers/acme/1.toml", "schema = 1", "schema = 2", Namespace::Approvers, &by)
    }),
    because(
        "approvers: a first file that says it is none",
        "approvers-invalid",
        "names the first approvers file",
        || {
            let by = ["dana", "emil", "fay"];
            rewritten("trust/approvers/acme/1.toml", "number = 1", "number = 2", Namespace::Approvers, &by)
        },
    ),
    because("teams: a schema of tomorrow", "teams-invalid", "schema that this version does not know", || {
        rewritten("trust/teams.toml", "schema = 1", "schema = 2", Namespace::Teams, &["ann"])
    }),
    because("teams: number zero", "teams-invalid", "has number 0", || {
        rewritten("trust/teams.toml", "number = 1", "number = 0", Namespace::Teams, &["ann"])
    }),
    because("catalog: a schema of tomorrow", "catalog-invalid", "schema that this version does not know", || {
        rewritten("trust/catalog.lock", "schema = 1", "schema = 2", Namespace::Catalog, &["ben"])
    }),
    because("catalog: number zero", "catalog-invalid", "has number 0", || {
        rewritten("trust/catalog.lock", "number = 1", "number = 0", Namespace::Catalog, &["ben"])
    }),
    because("a number above 2^53, which programs read differently", "teams-invalid", "beyond 2^53", || {
        rewritten("trust/teams.toml", "number = 1", "number = 9007199254740993", Namespace::Teams, &["ann"])
    }),
    because("a number that is not decimal", "teams-invalid", "not decimal", || {
        rewritten("trust/teams.toml", "number = 1", "number = 0x1", Namespace::Teams, &["ann"])
    }),
    because("a number with a point", "teams-invalid", "holds a float", || {
        rewritten("trust/teams.toml", "number = 1", "number = 1.0", Namespace::Teams, &["ann"])
    }),
    because(
        "an escape that TOML 1.0 does not have, so that most readers refuse it",
        "teams-invalid",
        "TOML 1.0",
        || rewritten("trust/teams.toml", "\"ann\"", "\"\\x61nn\"", Namespace::Teams, &["ann"]),
    ),
    because("a date in TOML's own form", "teams-invalid", "holds a TOML date", || {
        rewritten("trust/teams.toml", "number = 1", "number = 2026-03-02", Namespace::Teams, &["ann"])
    }),
    attack("status: an agent's own", "accepted", || status("eu-production-1", "eu-production-1", "eu")),
    because("status: in the place of another machine", "status", "another machine", || {
        status("eu-staging-1", "eu-production-1", "eu")
    }),
    because("status: by another machine's key", "status", "key that is not listed", || {
        status("eu-production-1", "eu-staging-1", "eu")
    }),
    because("status: from another region", "status", "another project, environment, region", || {
        status("eu-production-1", "eu-production-1", "us")
    }),
];
