//! Releases and their files: old ones, mixed ones, endless ones, and files that nobody named.

use assent_agent::verify::{Now, PinnedTrust, Place, verify, verify_after};
use assent_schema::canon::Digest;
use assent_schema::release::{FileName, Freshness, Manifest, Readmitted, Returned};
use assent_schema::time::Period;
use assent_schema::trust::Namespace;

use super::fixture::{Files, at, bytes, moment, now, place, put};
use super::table::{Attack, Verdict, attack, because};
use super::world::{World, accepted, after, bent, enrolled, judge, judge_at, judge_by, later, verdict};

/// The release with this number and predecessor, judged by an agent that accepted the first.
fn numbered(sequence: u64, previous: fn(Digest) -> Option<Digest>) -> Verdict {
    let mut world = World::honest();
    let pinned = after(&world.release());
    (world.sequence, world.previous) = (sequence, previous(pinned.manifest.unwrap()));
    judge_by(&world.release(), &pinned)
}

fn manifest_with(change: fn(&mut Manifest)) -> Verdict {
    judge(&World::honest().release_with(change))
}

/// What a manifest says of a plan that a rollback took back.
fn back(plan: Digest) -> Vec<Returned> {
    vec![Returned { plan, reason: "rolled back by a release".to_owned() }]
}

/// A second release that carries a readmission on, judged by an agent that holds the first, which has this one.
fn carried_on(before: Option<&Readmitted>, change: fn(&mut Manifest)) -> Verdict {
    let mut world = World::honest();
    let first = world.release_with(|manifest| manifest.readmitted.extend(before.cloned()));
    let held = accepted(&first);
    let pinned = held.pin(&enrolled());
    (world.sequence, world.previous) = (2, pinned.manifest);
    verdict(verify_after(&world.release_with(change), &pinned, &place(), now(), Some(&held)))
}

/// What a release says of a plan that it names.
fn let_in(plan: Digest, since: Option<u64>) -> Readmitted {
    Readmitted { since, ..Readmitted::now(plan, "fixed elsewhere".to_owned()) }
}

/// A manifest that readmits the plan that it names, since that release.
fn since(manifest: &mut Manifest, since: u64) {
    manifest.readmitted.push(let_in(manifest.active[0].plan, Some(since)));
}

/// Where `returned` belongs in the text of a manifest.
const BEFORE_RETURNED: &str = "\"region\":\"eu\",\"schema\"";

/// The same place with a plan that went back, once for each reason.
fn returned(reasons: &[&str]) -> String {
    let plan = "11".repeat(32);
    let one = |reason: &&str| format!("{{\"plan\":\"{plan}\",\"reason\":\"{reason}\"}}");
    let all: Vec<String> = reasons.iter().map(one).collect();
    format!("\"region\":\"eu\",\"returned\":[{}],\"schema\"", all.join(","))
}

/// A manifest whose text was changed before both signed it.
fn manifest_text(from: &str, to: &str) -> Verdict {
    let world = World::honest();
    let mut files = world.listed();
    let manifest = String::from_utf8(bytes(&world.manifest(&files))).unwrap();
    assert!(manifest.contains(from), "{from}");
    let manifest = manifest.replacen(from, to, 1);
    put(&mut files, &FileName::Manifest, manifest.as_bytes(), Namespace::Release, &["ann", "ben"]);
    judge(&files)
}

/// A release from which or into which files were put after it was signed.
fn after_signing(change: fn(&mut Files)) -> Verdict {
    let mut files = World::honest().release();
    change(&mut files);
    judge(&files)
}

/// A release whose listed files somebody with the release keys changed.
fn before_signing(change: fn(&mut Files)) -> Verdict {
    let world = World::honest();
    let mut files = world.listed();
    change(&mut files);
    judge(&world.release_of(files))
}

fn first<'f>(files: &'f Files, folder: &str) -> &'f String {
    files.keys().find(|path| path.starts_with(folder)).unwrap()
}

fn fresh_with(change: fn(&mut Freshness)) -> Verdict {
    let world = World::honest();
    let files = world.listed();
    let manifest = world.manifest(&files);
    judge(&world.freshen(world.seal(files, &manifest), change))
}

/// The release seen from another place.
fn seen_from(change: fn(&mut Place)) -> Verdict {
    let mut there = place();
    change(&mut there);
    verdict(verify(&World::honest().release(), &enrolled(), &there, now()))
}

pub(crate) const ROOM: &[Attack] = &[
    attack("an honest release", "accepted", || judge(&World::honest().release())),
    attack("an honest release that comes again", "accepted", || {
        let files = World::honest().release();
        judge_by(&files, &after(&files))
    }),
    attack("an honest second release", "accepted", || numbered(2, Some)),
    attack("an honest release after others that were missed", "accepted", || {
        numbered(9, |_| Some(Digest::of_file(b"unseen")))
    }),
    attack("rollback: an older release is published again", "sequence-older", || {
        let mut world = World::honest();
        let first = world.release();
        let pinned = after(&first);
        (world.sequence, world.previous) = (2, pinned.manifest);
        let later = verify(&world.release(), &pinned, &place(), now()).unwrap().pin(&pinned);
        judge_by(&first, &later)
    }),
    attack("rollback: below what enrolment allows", "sequence-older", || {
        judge_by(&World::honest().release(), &PinnedTrust { sequence: (1, 5), ..enrolled() })
    }),
    attack("a release with number zero", "sequence-older", || {
        let mut world = World::honest();
        world.sequence = 0;
        judge_by(&world.release(), &PinnedTrust { sequence: (1, 0), ..enrolled() })
    }),
    attack("fork: another release under an accepted number", "sequence-reused", || {
        let mut world = World::honest();
        let pinned = after(&world.release());
        world.bend_facts("/limits/waiting", 63.into());
        judge_by(&world.release(), &pinned)
    }),
    attack("fast-forward: a number 1,001 above the last", "sequence-too-far", || numbered(1_002, Some)),
    attack("a number 1,000 above the last", "accepted", || numbered(1_001, Some)),
    attack("fast-forward on a new agent", "sequence-too-far", || {
        let mut world = World::honest();
        (world.sequence, world.previous) = (1_002, Some(Digest::of_file(b"x")));
        judge(&world.release())
    }),
    attack("a second release that follows another first one", "previous-wrong", || {
        numbered(2, |_| Some(Digest::of_file(b"other")))
    }),
    attack("a second release that follows nothing", "previous-wrong", || numbered(2, |_| None)),
    attack("a first release that follows something", "previous-wrong", || {
        bent(|world| world.previous = Some(Digest::of_file(b"x")))
    }),
    because("a manifest for another region", "manifest-invalid", "another project, environment, region", || {
        manifest_with(|manifest| manifest.region = "us".parse().unwrap())
    }),
    because("a manifest for another environment", "manifest-invalid", "another project, environment, region", || {
        manifest_with(|manifest| manifest.environment = "staging".parse().unwrap())
    }),
    because("a manifest of another project", "manifest-invalid", "another project, environment, region", || {
        manifest_with(|manifest| manifest.project = Digest::of_file(b"other"))
    }),
    because("a manifest of a schema of tomorrow", "manifest-invalid", "another project, environment, region", || {
        manifest_with(|manifest| manifest.schema = 2)
    }),
    attack("a release that another region's agent is given", "agent-unknown", || {
        seen_from(|place| place.region = "us".parse().unwrap())
    }),
    attack("a release that another environment's agent is given", "agent-unknown", || {
        seen_from(|place| place.environment = "staging".parse().unwrap())
    }),
    because(
        "a production release that the staging agent is given",
        "manifest-invalid",
        "another project, environment",
        || {
            seen_from(|place| {
                place.environment = "staging".parse().unwrap();
                place.agent = "eu-staging-1".parse().unwrap();
            })
        },
    ),
    attack("an agent of a name that root does not list", "agent-unknown", || {
        seen_from(|place| place.agent = "eu-production-2".parse().unwrap())
    }),
    attack("before its window", "outside-window", || {
        let early = moment("2026-05-31T23:59:59Z");
        judge_at(&World::honest().release(), &enrolled(), Now { expiry: early, ..now() })
    }),
    attack("after its window: a release that was withheld and comes late", "outside-window", || {
        judge_at(&World::honest().release(), &enrolled(), later(Period::days(29)))
    }),
    attack("an accepted release after its window, at a restart", "accepted", || {
        let files = World::honest().release();
        judge_at(&files, &after(&files), later(Period::days(100)))
    }),
    because("a manifest with a space more", "manifest-invalid", "is malformed", || manifest_text("{\"", "{ \"")),
    because("a manifest with a member twice", "manifest-invalid", "is malformed", || {
        manifest_text("\"sequence\":1", "\"sequence\":1,\"sequence\":1")
    }),
    because("a manifest with a member that nobody knows", "manifest-invalid", "is malformed", || {
        manifest_text("\"type\":\"release\"", "\"type\":\"release\",\"unverified\":true")
    }),
    because("a manifest with a number beyond 2^53", "manifest-invalid", "is malformed", || {
        manifest_text("\"sequence\":1", "\"sequence\":9007199254740992")
    }),
    because(
        "a manifest that names a workflow twice",
        "manifest-invalid",
        "not sorted or names a workflow twice",
        || manifest_with(|manifest| manifest.active.push(manifest.active[0].clone())),
    ),
    because(
        "a manifest that names a plan and says that it went back",
        "manifest-invalid",
        "says that it went back",
        || manifest_with(|manifest| manifest.returned = back(manifest.active[0].plan)),
    ),
    attack("the same, and it readmits the plan by name", "accepted", || {
        manifest_with(|manifest| {
            let plan = manifest.active[0].plan;
            manifest.returned = back(plan);
            manifest.readmitted = vec![Readmitted::now(plan, "fixed elsewhere".to_owned())];
        })
    }),
    because(
        "a manifest that readmits another plan than it names",
        "manifest-invalid",
        "says that it went back",
        || {
            manifest_with(|manifest| {
                manifest.returned = back(manifest.active[0].plan);
                manifest.readmitted = vec![Readmitted::now(Digest::of_file(b"other"), "fixed".to_owned())];
            })
        },
    ),
    attack("a readmission that the release before said, carried on", "accepted", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| since(manifest, 1))
    }),
    because(
        "a readmission carried on that the release before does not have",
        "manifest-invalid",
        "the release before it does not say so",
        || carried_on(None, |manifest| since(manifest, 1)),
    ),
    because(
        "a readmission carried on that the release before has of another plan",
        "manifest-invalid",
        "the release before it does not say so",
        || carried_on(Some(&let_in(Digest::of_file(b"other"), None)), |manifest| since(manifest, 1)),
    ),
    because("a readmission carried on from the release itself", "manifest-invalid", "no release before it", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| since(manifest, 2))
    }),
    because("a readmission carried on from a release to come", "manifest-invalid", "no release before it", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| since(manifest, 1_000))
    }),
    because("a readmission carried on from no release", "manifest-invalid", "no release before it", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| since(manifest, 0))
    }),
    because("a readmission carried on of a plan that is not named", "manifest-invalid", "does not name that", || {
        carried_on(Some(&let_in(Digest::of_file(b"other"), None)), |manifest| {
            manifest.readmitted.push(let_in(Digest::of_file(b"other"), Some(1)));
        })
    }),
    because("a readmission carried on of a plan that went back since", "manifest-invalid", "went back", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| {
            since(manifest, 1);
            manifest.returned = back(manifest.active[0].plan);
        })
    }),
    because("a readmission said twice, once from before", "manifest-invalid", "it says so twice", || {
        carried_on(Some(&let_in(World::honest().plan_digest(), None)), |manifest| {
            since(manifest, 1);
            manifest.readmitted.push(let_in(manifest.active[0].plan, None));
        })
    }),
    because("a readmission whose release is a text", "manifest-invalid", "is malformed", || {
        let one =
            format!("\"readmitted\":[{{\"plan\":\"{}\",\"reason\":\"fixed\",\"since\":\"1\"}}],", "11".repeat(32));
        manifest_text("\"region\":\"eu\",\"schema\"", &format!("{one}\"region\":\"eu\",\"schema\""))
    }),
    attack("a manifest that says of another plan that it went back", "accepted", || {
        manifest_with(|manifest| manifest.returned = back(Digest::of_file(b"other")))
    }),
    because("a manifest that says twice of a plan that it went back", "manifest-invalid", "names each once", || {
        manifest_text(BEFORE_RETURNED, &returned(&["it pays twice", "it pays twice"]))
    }),
    because("a manifest whose reason for a rollback writes a line of its own", "manifest-invalid", "one line", || {
        manifest_text(BEFORE_RETURNED, &returned(&["it pays twice\\nall green"]))
    }),
    because("a manifest that says of no one that they wrote a workflow", "plan-invalid", "has no author", || {
        manifest_with(|manifest| manifest.active[0].authors.clear())
    }),
    because("a manifest that says of a stranger that they wrote a workflow", "plan-invalid", "never in a root", || {
        manifest_with(|manifest| manifest.active[0].authors = ["nobody".parse().unwrap()].into())
    }),
    because(
        "a manifest whose commit clears the screen of whoever reads it",
        "manifest-invalid",
        "40 or 64 hex",
        || {
            let commit = |text: &str| format!("\"commit\":\"{text}\"");
            manifest_text(&commit(&"c".repeat(40)), &commit("\\u001b[2J"))
        },
    ),
    because("a manifest whose compiler writes a line of its own", "manifest-invalid", "one line", || {
        manifest_text("\"compiler\":\"0.1.0\"", "\"compiler\":\"0.1.0\\nall green\"")
    }),
    because("a manifest that lists itself", "file-unexpected", "freshness.json", || {
        manifest_with(|manifest| {
            let entry = *manifest.files.values().next().unwrap();
            manifest.files.insert("freshness.json".into(), entry);
        })
    }),
    because("a manifest that lists a path outside", "file-unexpected", "../", || {
        manifest_with(|manifest| {
            let entry = *manifest.files.values().next().unwrap();
            manifest.files.insert("../evil".into(), entry);
        })
    }),
    because("a manifest with another size for a file", "file-changed", "endpoints.json", || {
        manifest_with(|manifest| manifest.files.get_mut("endpoints.json").unwrap().size += 1)
    }),
    because("a file that no release may hold", "file-unexpected", "README.md", || {
        after_signing(|files| drop(files.insert("README.md".into(), b"hello".to_vec())))
    }),
    because(
        "a file that a release may hold and this one does not name",
        "file-unexpected",
        "clients/cedar.json",
        || after_signing(|files| drop(files.insert("clients/cedar.json".into(), b"{}".to_vec()))),
    ),
    because("a path that leads out of the release", "file-unexpected", "../manifest.json", || {
        after_signing(|files| drop(files.insert("../manifest.json".into(), b"{}".to_vec())))
    }),
    because("a file of git's own", "file-unexpected", ".git/config", || {
        after_signing(|files| drop(files.insert(".git/config".into(), b"x".to_vec())))
    }),
    because("a name in other letters", "file-unexpected", "Manifest.json", || {
        after_signing(|files| drop(files.insert("Manifest.json".into(), b"{}".to_vec())))
    }),
    because("a number with a zero before it", "file-unexpected", "trust/root/01.toml", || {
        after_signing(|files| {
            let root = files["trust/root/1.toml"].clone();
            files.insert("trust/root/01.toml".into(), root);
        })
    }),
    because("a signature of a file that has none", "file-unexpected", "endpoints.json.ann.sig", || {
        after_signing(|files| drop(files.insert("endpoints.json.ann.sig".into(), b"x".to_vec())))
    }),
    because("a signature of a file that is not there", "file-unexpected", "trust/root/9.toml", || {
        before_signing(|files| drop(files.insert("trust/root/9.toml.ann.sig".into(), b"x".to_vec())))
    }),
    because("a plan that no workflow runs", "file-unexpected", "belongs to no active workflow", || {
        before_signing(|files| drop(files.insert(format!("plans/{}.json", Digest::of_file(b"{}")), b"{}".to_vec())))
    }),
    because("scenarios that no workflow has", "file-unexpected", "belongs to no active workflow", || {
        before_signing(|files| drop(files.insert(format!("tests/{}.json", Digest::of_file(b"{}")), b"{}".to_vec())))
    }),
    because("approvers of a client that is not in the release", "file-unexpected", "trust/approvers/cedar", || {
        before_signing(|files| drop(files.insert("trust/approvers/cedar/1.toml".into(), b"x".to_vec())))
    }),
    because("a listed file that is missing", "file-missing", "plans/", || {
        after_signing(|files| {
            let plan = first(files, "plans/").clone();
            files.remove(&plan);
        })
    }),
    because("no manifest", "file-missing", "manifest.json", || {
        after_signing(|files| drop(files.remove("manifest.json")))
    }),
    because("no teams", "file-missing", "trust/teams.toml", || {
        before_signing(|files| drop(files.remove("trust/teams.toml")))
    }),
    because("no first root", "file-missing", "trust/root/1.toml", || {
        before_signing(|files| drop(files.remove("trust/root/1.toml")))
    }),
    because("a rehearsal's signature without the rehearsal", "file-missing", "rehearsals/", || {
        before_signing(|files| {
            let rehearsal = first(files, "rehearsals/").clone();
            files.remove(&rehearsal);
        })
    }),
    because("a byte changed in endpoints.json", "file-changed", "endpoints.json", || {
        after_signing(|files| files.get_mut("endpoints.json").unwrap()[5] ^= 1)
    }),
    because("a byte changed in a plan", "file-changed", "plans/", || {
        after_signing(|files| {
            let plan = first(files, "plans/").clone();
            files.get_mut(&plan).unwrap()[50] ^= 1;
        })
    }),
    because("another plan under a plan's name, listed so", "file-changed", "plans/", || {
        before_signing(|files| {
            let plan = first(files, "plans/").clone();
            files.get_mut(&plan).unwrap()[50] ^= 1;
        })
    }),
    because("a byte changed in the manifest", "manifest-invalid", "", || {
        after_signing(|files| {
            let manifest = files.get_mut("manifest.json").unwrap();
            let place = manifest.windows(5).position(|part| part == b"0.1.0").unwrap();
            manifest[place] = b'1';
        })
    }),
    because("mix and match: a root's signature of another version", "root-invalid", "does not match", || {
        before_signing(|files| {
            let other = files["trust/root/1.toml.ann.sig"].clone();
            files.insert("trust/root/2.toml.ann.sig".into(), other);
        })
    }),
    because("mix and match: an older release's client file", "file-changed", "clients/acme.json", || {
        let mut world = World::honest();
        let old = world.listed()["clients/acme.json"].clone();
        world.bend_facts("/limits/waiting", 63.into());
        let mut files = world.release();
        files.insert("clients/acme.json".into(), old);
        judge(&files)
    }),
    because("mix and match: the signatures of an older manifest", "manifest-invalid", "does not match", || {
        let mut world = World::honest();
        let old = world.release()["manifest.json.ann.sig"].clone();
        world.sequence = 7;
        world.previous = Some(Digest::of_file(b"6"));
        let mut files = world.release();
        files.insert("manifest.json.ann.sig".into(), old);
        judge(&files)
    }),
    attack("mix and match: the freshness of another release", "freshness-foreign", || {
        let mut world = World::honest();
        let old = world.release();
        world.bend_facts("/limits/waiting", 63.into());
        let mut files = world.release();
        for path in ["freshness.json", "freshness.json.cid.sig"] {
            files.insert(path.into(), old[path].clone());
        }
        judge(&files)
    }),
    attack("freshness: of another manifest", "freshness-foreign", || {
        fresh_with(|freshness| freshness.manifest = Digest::of_file(b"other"))
    }),
    attack("freshness: of another number", "freshness-foreign", || fresh_with(|freshness| freshness.sequence = 2)),
    attack("freshness: of another root", "freshness-foreign", || fresh_with(|freshness| freshness.root = 1)),
    attack("freshness: a statement that is there is not named", "freshness-foreign", || {
        fresh_with(|freshness| freshness.statements.clear())
    }),
    attack("freshness: a statement that is named is withheld", "freshness-foreign", || {
        fresh_with(|freshness| {
            freshness.statements.values_mut().for_each(|named| named.extend([Digest::of_file(b"withheld")]));
        })
    }),
    attack("freshness: names a client that is not there", "freshness-foreign", || {
        fresh_with(|freshness| {
            let named = std::mem::take(freshness.statements.values_mut().next().unwrap());
            freshness.statements.insert("cedar".parse().unwrap(), named);
        })
    }),
    attack("freshness: from a time that has not come", "freshness-ahead", || {
        fresh_with(|freshness| freshness.time = at().plus(Period::seconds(601)))
    }),
    attack("freshness: ten minutes ahead, as clocks are", "accepted", || {
        fresh_with(|freshness| freshness.time = at().plus(Period::minutes(10)))
    }),
    because("freshness: for another region", "freshness-invalid", "another project, environment, region", || {
        fresh_with(|freshness| freshness.region = "us".parse().unwrap())
    }),
    because("freshness: signed by nobody", "freshness-invalid", "0 of the 1 person needed", || {
        after_signing(|files| drop(files.remove("freshness.json.cid.sig")))
    }),
    because("freshness: signed by somebody without the role", "freshness-invalid", "dana", || {
        after_signing(|files| {
            let freshness = files["freshness.json"].clone();
            files.remove("freshness.json.cid.sig");
            put(files, &FileName::Freshness, &freshness, Namespace::Freshness, &["dana"]);
        })
    }),
    because("freshness: signed as if it were a release", "freshness-invalid", "another purpose", || {
        after_signing(|files| {
            let freshness = files["freshness.json"].clone();
            put(files, &FileName::Freshness, &freshness, Namespace::Release, &["cid"]);
        })
    }),
];
