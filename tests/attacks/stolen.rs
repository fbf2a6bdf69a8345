//! What a stolen key gives: every line of trust.md section 7, done with that key to a real agent process.
//!
//! Each refusal stands in the status and in the agent's own ledger, once, and the last good plan runs on.

use assent_agent::identity::Identity;
use assent_agent::ledger::{Denied, Watcher};
use assent_agent::real::{RealDice, RealDisk};
use assent_schema::canon::Digest;
use assent_schema::ledger::{Checkpoint, Head, LogKey, Token, export};
use assent_schema::trust::{Cancelled, Namespace, RoleName, sign, verify_status};
use serde_json::json;

use super::fixture::id;
use super::site::{Site, site_plan, workflow};

/// How often the agent's own ledger tells of a refusal for this reason.
fn told(site: &Site, code: &str) -> usize {
    let wanted = format!("\"code\":\"{code}\"");
    site.ledger(&[]).iter().filter(|line| line.contains("\"kind\":\"refused\"") && line.contains(&wanted)).count()
}

#[test]
fn push_to_git_gives_delay() {
    let mut site = Site::working();
    let first = site.world.release();
    let plan = site_plan(&site.status());
    let second = site.release(|world| world.bend_facts("/limits/waiting", 63.into()));
    site.takes(2);

    // Wound back to a release that was honest once.
    site.publish(&first);
    site.refuses("sequence-older");
    // Files that nobody signed, in a history of its own.
    let mut more = second.clone();
    more.insert("README.md".into(), b"hello".to_vec());
    site.publish(&more);
    site.refuses("file-refused");
    let mut changed = second.clone();
    changed.get_mut("endpoints.json").expect("a file").push(b' ');
    site.publish(&changed);
    site.refuses("file-changed");
    // The same again is told no second time.
    site.publish(&first);
    site.publish(&changed);
    // No branch at all, and a start without it: the last good plan runs on. It is delay, which `stale_limit` bounds.
    site.remove_branch();
    assert_eq!((told(&site, "sequence-older"), told(&site, "file-changed")), (1, 1));
    site.kill();
    site.start();
    assert_eq!(site_plan(&site.wait("the plan", |status| site_plan(status).is_some())), plan);
    site.publish(&second);
    assert_eq!(site.takes(2).release.expect("a release").sequence, 2);
}

#[test]
fn an_engineers_key_gives_proposals() {
    let mut site = Site::working();
    // Ann holds one of two release keys, and a place in the team: alone she releases nothing, nor with a stranger.
    for releasers in [vec!["ann"], vec!["ann", "eve"], vec![]] {
        let sequence = site.world.sequence;
        site.release(|world| world.releasers = releasers);
        site.refuses("manifest-invalid");
        site.world.sequence = sequence;
    }
    site.release(|world| world.releasers = vec!["ann", "ben"]);
    site.takes(2);
}

#[test]
fn the_release_keys_give_no_new_use_host_guardrail_or_untested_plan() {
    let mut site = Site::working();
    let honest = site.world.clone();
    let plan = site_plan(&site.status());
    let attempt = |site: &mut Site, change: &dyn Fn(&mut super::world::World)| {
        site.world.clone_from(&honest);
        site.world.sequence = site.status().release.expect("a release").sequence;
        site.release(change);
    };
    attempt(&mut site, &|world| {
        let rehearsals = world.rehearsals.clone();
        world.bend_plan("/summary", "Untested".into());
        world.rehearsals = rehearsals;
    });
    site.refuses("not-rehearsed");
    attempt(&mut site, &|world| world.endpoints["clients"]["acme"]["payments"]["url"] = "https://evil.example".into());
    site.refuses("endpoint-invalid");
    attempt(&mut site, &|world| {
        let root = world.next_root();
        world.roots.push((root, vec!["ann"]));
    });
    site.refuses("root-invalid");
    attempt(&mut site, &|world| world.statements.push((world.approve(2, world.uses()), vec!["ann", "ben"])));
    site.refuses("statement-invalid");
    // Wider facts and other uses pass as a release; what the client did not sign is off. That is withholding.
    attempt(&mut site, &|world| world.bend_facts("/guardrails/0/per_call", 99_999.into()));
    let off = site.takes(2);
    assert_eq!((site_plan(&off), workflow(&off).and_then(|one| one.why.clone()).as_deref()), (None, Some("uncovered")));
    attempt(&mut site, &|world| world.bend_plan("/steps/1/action/with", json!({"text": "${ticket.requester}"})));
    let off = site.takes(3);
    assert_eq!(site_plan(&off), None, "the plan sends what the client did not approve");
    // What it can: name an approved, rehearsed plan under a higher number.
    attempt(&mut site, &|_| ());
    site.takes(4);
    assert_eq!(site_plan(&site.wait("the plan", |status| site_plan(status).is_some())), plan);
}

#[test]
fn the_freshness_key_gives_a_freeze() {
    let mut site = Site::working();
    let mut world = site.world.clone();
    (world.sequence, world.previous) = (2, site.status().release.map(|release| release.manifest));
    world.releasers = vec!["cid"];
    // Freshness for a release that the thief made: the release keys are lacking.
    site.publish(&world.release());
    site.refuses("manifest-invalid");
    // Time ahead, so that trusted time would run away.
    let files = site.world.listed();
    let manifest = site.world.manifest(&files);
    let ahead = site.world.freshen(site.world.seal(files, &manifest), |freshness| {
        freshness.time = site.world.now.plus(assent_schema::time::Period::days(300));
    });
    site.publish(&ahead);
    site.refuses("freshness-ahead");
    // What it can: say for ever that the release which the agent has is the newest.
    let before = site.status().release.and_then(|release| release.fresh);
    let files = site.world.listed();
    let kept = site.world.freshen(site.world.seal(files, &manifest), |freshness| freshness.time = site.world.now);
    site.publish(&kept);
    site.wait("newer freshness", |status| status.release.as_ref().is_some_and(|release| release.fresh > before));
    // Until root acts: it takes the key out, and with it the generation in which it could sign.
    site.world.roots.push((
        {
            let mut root = site.world.next_root();
            root.generation = 2;
            root.roles.get_mut(&RoleName::Freshness).expect("a role").people = [id("ann")].into();
            root
        },
        vec!["ann", "ben"],
    ));
    (site.world.sequence, site.world.previous) = (1, None);
    site.publish(&site.world.release());
    site.refuses("freshness-invalid");
}

#[test]
fn a_staging_agents_key_gives_false_rehearsals() {
    let mut site = Site::working();
    let plan = site_plan(&site.status());
    // Its statements alone move nothing: the release names plans.
    site.release(|world| world.releasers = vec!["eu-staging-1", "eu-staging-2"]);
    site.refuses("manifest-invalid");
    // With an agency that was deceived: a plan passes that was never run, and does nothing that was not approved.
    site.world.sequence = 1;
    site.release(|world| {
        world.releasers = vec!["ann", "ben"];
        world.bend_plan("/summary", "Never run".into());
    });
    let taken = site.takes(2);
    assert!(site_plan(&taken).is_some() && site_plan(&taken) != plan, "a lying staging agent fakes tests");
    site.release(|world| world.bend_plan("/steps/1/action/with", json!({"text": "${ticket.requester}"})));
    assert_eq!(site_plan(&site.takes(3)).filter(|runs| *runs == site.world.plan_digest()), None, "it fakes tests only");
}

#[test]
fn a_production_agents_key_gives_no_release_and_no_rehearsal() {
    let mut site = Site::working();
    site.release(|world| world.releasers = vec!["ann", "eu-production-1"]);
    site.refuses("manifest-invalid");
    site.world.sequence = 1;
    site.release(|world| {
        world.releasers = vec!["ann", "ben"];
        world.bend_plan("/summary", "Rehearsed by production".into());
        world.rehearsals[0].0.agent = "eu-production-1".parse().expect("an id");
        world.rehearsals[0].0.environment = "production".parse().expect("an id");
        world.rehearsals[0].1 = "eu-production-1";
    });
    site.refuses("not-rehearsed");
    // Heads that were published are known elsewhere: a ledger that does not continue one does not verify.
    let kept = site.export(&["acme"]);
    let note = kept.split_once("\n\n").expect("a checkpoint").1;
    let (text, signature) = note.split_once("\n\n").expect("a signature");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let root = lines.get_mut(2).expect("a root");
    root.replace_range(0..1, if root.starts_with('A') { "B" } else { "A" });
    let folder = tempfile::tempdir().expect("a folder");
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    std::fs::write(&good, note).expect("a file");
    std::fs::write(&bad, format!("{}\n\n{signature}", lines.join("\n"))).expect("a file");
    let since =
        |file: &std::path::Path| site.call(&["ledger", "verify", "acme", "--since", &file.display().to_string()]);
    assert!(since(&good).is_ok(), "{:?}", since(&good));
    assert!(since(&bad).is_err());
}

#[test]
fn a_production_agents_keys_rewrite_no_published_head_and_speak_for_no_other() {
    let mut site = Site::working();
    site.published(1);
    // The thief has the state folder, and with it both keys of this agent.
    let disk = RealDisk::open(&site.path("state")).expect("a folder");
    let stolen = Identity::load(&disk).unwrap_or_else(|_| panic!("an identity"));
    let published = site.branch_file("checkpoints/acme/checkpoint").expect("a checkpoint");
    let head = Checkpoint::peek(&published).expect("a checkpoint");
    let key = LogKey::of_log(&head.origin, stolen.ledger.verifying_key().as_bytes()).expect("a key");
    let forged = Checkpoint::sign(Head { root: Digest::of_file(b"another past"), ..head.clone() }, &stolen.ledger);
    assert!(Checkpoint::verify(forged.note(), &key, &[]).is_ok(), "signed as it must be");
    // Nobody takes it who has the entries, and no witness that saw the head which was published.
    let export = site.export(&["acme"]);
    let (entries, _) = export.split_once("\n\n").expect("a checkpoint");
    let count = usize::try_from(head.size).expect("a small log");
    let lines = entries.lines().take(count).collect::<Vec<_>>().join("\n");
    let verify = |note: &str| export::verify(format!("{lines}\n\n{note}").as_bytes(), &key, &[]);
    assert!(verify(&published).is_ok(), "{:?}", verify(&published));
    assert_eq!(verify(forged.note()).expect_err("another past").fault.code(), "wrong-root");
    std::fs::create_dir(site.path("witness")).expect("a folder");
    let folder = RealDisk::open(&site.path("witness")).expect("a folder");
    let mut witness = Watcher::open(folder, &RealDice, "witness.example", [key.clone()]).expect("a witness");
    witness.add(&published, site.world.now).expect("the first head");
    assert_eq!(witness.add(forged.note(), site.world.now), Err(Denied::OldSize(head.size)), "no second head of a size");
    // It is this agent and no other: of another region nobody takes its word.
    let mut status = site.status();
    status.agent = "us-production-1".parse().expect("an id");
    let bytes = assent_schema::canon::to_bytes(&status).expect("a form");
    let armour = sign(&stolen.signing, Namespace::Console, &bytes).into_bytes();
    let mut root = site.world.roots.last().expect("a root").0.clone();
    root.agents.insert(status.agent.clone(), super::fixture::agent("us-production-1", "production"));
    assert!(verify_status("status.json", &bytes, &status.agent, &armour, &root, site.world.project).is_err());
    // On the branch it stops the agent that is robbed, and on-call is told: that is what the theft gives.
    site.write_to_branch(&[("checkpoints/acme/checkpoint", forged.note().as_bytes())]);
    site.release(|world| world.bend_facts("/limits/waiting", 63.into()));
    let halted = site.wait("it stops", |status| status.halt.is_some());
    assert_eq!(halted.halt.expect("a reason").why.iter().map(Token::as_str).collect::<Vec<_>>(), ["ledger-forked"]);
}

#[test]
fn one_client_approvers_key_gives_withdrawals() {
    let mut site = Site::working();
    // A wider guardrail, which the thief approves alone: two are needed.
    site.release(|world| {
        world.bend_facts("/guardrails/0/per_call", 99_999.into());
        world.statements.push((world.approve(2, world.uses()), vec!["fay"]));
    });
    assert_eq!(site_plan(&site.takes(2)), None);
    // Another client's approval, or a change of who approves, is not this key's to give.
    site.release(|world| world.approvers.push((next_approvers(world), vec!["fay"])));
    site.wait("approvers-invalid", |status| status.refused.iter().any(|refused| refused.code == "approvers-invalid"));
    site.world.approvers.pop();
    site.world.sequence = 2;
    site.release(|world| world.bend_facts("/guardrails/0/per_call", 10_000.into()));
    site.takes(3);
    site.wait("the plan", |status| site_plan(status).is_some());
    // What it can, and what nobody can leave out afterwards: stop this client.
    site.release(|world| world.statements.push((world.withdraw(3, Cancelled::All), vec!["fay"])));
    assert_eq!(site_plan(&site.takes(4)), None);
    site.release(|world| drop(world.statements.pop()));
    assert_eq!(site_plan(&site.takes(5)), None);
}

fn next_approvers(world: &super::world::World) -> assent_schema::trust::Approvers {
    let mut next = world.approvers[0].0.next(Digest::of_file(&first_approvers(world)));
    next.people.retain(|who, _| *who == id("fay"));
    next.threshold = 1;
    next
}

fn first_approvers(world: &super::world::World) -> Vec<u8> {
    world.approvers[0].0.to_toml().expect("a file").into_bytes()
}

#[test]
fn the_root_threshold_gives_all_visibly() {
    let mut site = Site::working();
    // New holders of every role, whom nobody else knows.
    let mallory = ["mallory", "trudy"];
    let mut root = site.world.next_root();
    root.people.extend(super::fixture::people(&mallory));
    root.roles.get_mut(&RoleName::Release).expect("a role").people.extend(mallory.map(id));
    site.world.roots.push((root, vec!["ann", "ben"]));
    site.release(|world| world.releasers = vec!["mallory", "trudy"]);
    site.takes(2);
    for log in [&[][..], &["acme"]] {
        let ledger = site.ledger(log);
        assert!(
            ledger.iter().any(|line| line.contains("\"kind\":\"root\"") && line.contains("\"version\":3")),
            "{log:?}: {ledger:?}"
        );
    }
    // A version that is taken back before any agent looks is told as well.
    for _ in 0..2 {
        let root = site.world.next_root();
        site.world.roots.push((root, vec!["ann", "ben"]));
    }
    site.release(|_| ());
    site.takes(3);
    for log in [&[][..], &["acme"]] {
        let told = site.ledger(log).into_iter().filter(|line| line.contains("\"kind\":\"root\""));
        let versions: Vec<u64> = told
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok()?["data"]["version"].as_u64())
            .collect();
        assert_eq!(versions, [2, 3, 4, 5], "{log:?}");
    }
    // Not even root speaks for the client.
    site.release(|world| {
        let mut root = world.next_root();
        let approvers = assent_schema::trust::ClientEntry::new(Digest::of_file(b"mine"));
        root.clients.insert("acme".parse().expect("an id"), approvers);
        world.roots.push((root, vec!["ann", "ben"]));
    });
    site.refuses("root-invalid");
}
