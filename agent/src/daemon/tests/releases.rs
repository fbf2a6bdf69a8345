//! A release counts when it is durable: whom it lets decide and where it leads with it, and not before.

use super::*;
use crate::daemon::refused::REFUSED;
use crate::pull::PullFailure;

/// Fills what room the pages of the database have left, so that nothing more can be written.
async fn fill(agent: &Agent) {
    agent.store.be_full(true);
    for n in 0..10_000 {
        let write = Write::State { name: format!("test/{n}"), value: Some(vec![b'x'; 200]) };
        if agent.store.commit(Transaction::new(RealClock.now()).with(write)).await.is_err() {
            return;
        }
    }
    panic!("it is never full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_be_kept_counts_for_nothing() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    let before = agent.taken().unwrap().manifest;
    fill(&agent).await;
    site.publish(&release(&plan("two"), 2, Some(&first), |_| ()));
    agent.pull().await.unwrap();
    assert_eq!(
        agent.taken().unwrap().manifest,
        before,
        "people, hosts and routes are those of the release that is kept"
    );
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    // There is space again: the same commit is judged once more.
    agent.store.be_full(false);
    agent.pull().await.unwrap();
    assert_ne!(agent.taken().unwrap().manifest, before);
    assert_eq!(active(&agent).await, Some(digest(&plan("two"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_release_that_cannot_be_read_is_not_told_as_one_that_is_not_there() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    agent.pull().await.unwrap();
    let codes = || {
        let lost = agent.store.alerts().unwrap().into_iter().filter(|row| row.alert.rule == Rule::ReleaseLost);
        lost.map(|row| row.alert.code).collect::<Vec<_>>()
    };
    let repository = site.config().state.repository();
    std::fs::remove_dir_all(repository.join("objects")).unwrap();
    std::fs::create_dir(repository.join("objects")).unwrap();
    agent.load_release().await.unwrap();
    assert_eq!(codes(), ["broken"]);
    std::fs::remove_dir_all(repository.join("refs/accepted")).unwrap();
    agent.load_release().await.unwrap();
    assert_eq!(codes(), ["broken", "not-there"]);
}

/// Whoever may push brings as much with each commit as a fetch may bring.
#[tokio::test(flavor = "multi_thread")]
async fn refused_pushes_leave_nothing_in_the_state_folder() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    let repository = site.config().state.repository();
    let least = compact::size(&repository);
    for seed in 0..20_u32 {
        let mut files = first.clone();
        let noise = (0..250_000_u32).flat_map(|n| (n ^ seed).wrapping_mul(2_654_435_761).to_le_bytes());
        files.insert("junk".to_owned(), noise.collect());
        site.publish(&files);
        agent.pull().await.unwrap();
        assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    }
    let grown = compact::size(&repository).saturating_sub(least);
    assert!(grown < 3 << 20, "twenty megabytes were pushed, and {grown} bytes are there");
    // All is well again with the next release, and after a restart without the repository.
    site.publish(&release(&plan("two"), 2, Some(&first), |_| ()));
    agent.pull().await.unwrap();
    assert_eq!(active(&agent).await, Some(digest(&plan("two"))));
    drop(agent);
    std::fs::remove_dir_all(site.repository()).unwrap();
    let (agent, _ended) = site.agent().await;
    assert_eq!(active(&agent).await, Some(digest(&plan("two"))));
}

/// After a stop of more than a day the host's clock dates nothing until something signed confirms it. What is signed must
/// then be held against that clock itself, else nothing ever confirms it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_of_days_a_signed_time_confirms_the_clock_and_nothing_pushes_it_further() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    let stopped = RealClock.now().moment().minus(Period::hours(25));
    agent.world.clock.as_after_a_stop(stopped);
    let is_back = || agent.world.clock.now().moment() <= stopped.plus(Period::minutes(5));
    assert!(is_back(), "nothing confirms the host's clock");
    // Who holds the freshness key alone does not push it beyond the host's clock.
    let refused = || {
        let codes =
            agent.store.states(REFUSED).unwrap().into_iter().map(|(_, value)| String::from_utf8(value).unwrap());
        codes.filter(|value| value.contains("freshness-ahead")).count()
    };
    let ahead = RealClock.now().moment().plus(Period::minutes(11));
    let second = release(&plan("two"), 2, Some(&first), |_| ());
    site.publish(&fixture::freshen(second.clone(), |freshness| freshness.time = ahead));
    agent.pull().await.unwrap();
    assert_eq!((refused(), is_back(), active(&agent).await), (1, true, Some(digest(&plan("one")))));
    // An honest one, with a new release in the same commit.
    site.publish(&second);
    agent.pull().await.unwrap();
    assert_eq!((refused(), active(&agent).await), (0, Some(digest(&plan("two")))));
    let apart = RealClock.now().since(agent.world.clock.now());
    assert!(apart < Duration::from_mins(1), "the host's clock dates again: {apart:?}");
}

/// What a rollback says of events is judged by the two plans that the agent has.
#[tokio::test]
async fn what_becomes_of_events_is_known_of_the_plans_that_may_run() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let polled = |every: &str| {
        let trigger = serde_json::json!({"kind": "poll", "record": "order", "fields": {}, "poll": {"read": "shop.get_order", "every": every,
            "lag": "5m", "items": "orders", "order": "at", "id": "id", "since": "since"}});
        Plan { trigger: serde_json::from_value(trigger).unwrap(), ..fixture::plan() }
    };
    let (one, two) = (polled("1m"), polled("2m"));
    let mut snapshot = crate::deploy::live::Snapshot::default();
    for plan in [&one, &two] {
        let (bytes, name) = plan.to_bytes().unwrap();
        let kept = crate::kept::KeptPlan::new(plan, name, &bytes);
        let plan = Arc::new(crate::run::Runnable::new(Arc::new(kept)).ok().unwrap());
        let standing = crate::deploy::live::PlanStanding::Barred("by-hand");
        snapshot.plans.insert(name, crate::deploy::live::LivePlan { plan, standing });
    }
    agent.field.replace(snapshot);
    let said = agent.handover(&digest(&two), &digest(&one)).unwrap().says();
    assert!(said.contains("of the last 5m"), "{said}");
    assert_eq!(agent.handover(&digest(&one), &digest(&plan("three"))), None, "a plan that is not known");
}

/// Bytes that no packing makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state: u64 = 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_for_what_it_is_is_refused_once_for_each_commit() {
    let site = Site::new();
    let mut config = site.config();
    config.limits.fetch_bytes = 200_000;
    let (agent, _ended) = build(config, fetch::IN_THIS_PROCESS.into()).await.unwrap();
    start(&agent).await.unwrap();
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    let said = || agent.store.ledger_size(&Log::Agent).unwrap();
    let mut sizes = vec![said()];
    for n in 1..3 {
        let mut huge = first.clone();
        huge.insert("teams.json".into(), noise(400_000 * n));
        site.publish(&huge);
        for _ in 0..2 {
            assert_eq!(agent.pull().await, Err(PullFailure::TooLarge));
            sizes.push(said());
        }
    }
    let before = sizes[0];
    assert_eq!(sizes, [before, before + 1, before + 1, before + 2, before + 2], "an entry for each commit");
    let refused = agent.status().await.unwrap().refused;
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|one| one.code == "too-large"), "{refused:?}");
    let repository = git2::Repository::open_bare(site.repository()).unwrap();
    let tip = repository.refname_to_id(&format!("refs/heads/{BRANCH}")).unwrap().to_string();
    assert!(refused.iter().any(|one| one.what.as_deref().is_some_and(|what| what.contains(&tip))), "{refused:?}");
    assert_eq!(agent.store.alerts().unwrap().iter().filter(|row| row.alert.rule == Rule::ReleaseRefused).count(), 1);
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    // The branch is put right.
    site.publish(&release(&plan("two"), 2, Some(&first), |_| ()));
    agent.pull().await.unwrap();
    assert_eq!(agent.status().await.unwrap().refused.len(), 0);
}

/// A host that replaces another has accepted nothing, and what runs in its region was rehearsed long ago.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_reads_in_the_past_of_the_branch_when_a_plan_came_to_its_region() {
    let site = Site::new();
    let now = RealClock.now().moment();
    let old = |files: &mut Files| {
        files.retain(|path, _| !path.starts_with("rehearsals/"));
        let mut rehearsal = fixture::rehearsal();
        (rehearsal.plan, rehearsal.time) = (digest(&plan("one")), now.minus(Period::days(40)));
        fixture::put_rehearsal(files, &rehearsal, "eu-staging-1");
    };
    let first = release_of(&plan("one"), 1, None, old, |manifest| manifest.at = now.minus(Period::days(35)));
    let second = release_of(&plan("one"), 2, Some(&first), old, |_| ());
    let repository = git2::Repository::open_bare(site.repository()).unwrap();
    let name = format!("refs/heads/{BRANCH}");
    let tip = || repository.find_reference(&name).unwrap().peel_to_commit().unwrap();
    let (agent, _ended) = site.agent().await;
    site.publish(&second);
    agent.pull().await.unwrap();
    let codes: Vec<String> = agent.status().await.unwrap().refused.into_iter().map(|one| one.code).collect();
    assert_eq!(codes, ["not-rehearsed"], "nothing says that it ran here before");
    let newest = tip();
    site.publish(&first);
    let who = newest.author();
    let after = repository.commit(None, &who, &who, "m", &newest.tree().unwrap(), &[&tip()]).unwrap();
    repository.reference(&name, after, true, "").unwrap();
    agent.pull().await.unwrap();
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    assert_eq!(agent.status().await.unwrap().refused.len(), 0);
}

/// What a child does that is none: told what to do by a file beside it.
#[expect(clippy::disallowed_methods, reason = "the test writes the program that an agent starts")]
fn child(site: &Site) -> (PathBuf, impl Fn(&str)) {
    use std::os::unix::fs::PermissionsExt as _;
    let (program, does) = (site.folder.path().join("child"), site.folder.path().join("does"));
    std::fs::write(&program, format!("#!/bin/sh\ncat > /dev/null\n. {}\n", does.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    (program, move |what: &str| std::fs::write(&does, what).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_a_limit_ended_is_refused_once_for_each_cause() {
    let site = Site::new();
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    let commit = {
        let (agent, _ended) = site.agent().await;
        agent.pull().await.unwrap();
        agent.known_commit(Duration::ZERO).unwrap()
    };
    let mut config = site.config();
    config.limits.fetch_time = Period::seconds(2);
    let (program, does) = child(&site);
    let (agent, _ended) = build(config, program).await.unwrap();
    start(&agent).await.unwrap();
    let tip = "12".repeat(20);
    let told = format!("printf '{{\"tip\":\"{tip}\"}}\\n'; ");
    let (stalls, dies) = ("exec sleep 60", "kill -9 $$");
    let works = format!("printf '{{\"done\":{{\"commit\":\"{commit}\"}}}}'");
    let entries = || {
        let size = agent.store.ledger_size(&Log::Agent).unwrap();
        let alerts = agent.store.alerts().unwrap();
        (size, alerts.iter().filter(|row| row.alert.rule == Rule::ReleaseRefused).count())
    };
    let (before, _) = entries();
    let branch = "release/production/eu";
    // What the child does; why; how many entries there are then, and alerts, of which each code has one; what is named.
    for (what, failure, so_far, named) in [
        (format!("{told}{stalls}"), PullFailure::TimedOut, (1, 1), vec![&*tip]),
        (format!("{told}{dies}"), PullFailure::TooLarge, (2, 2), vec![&*tip]),
        (dies.to_owned(), PullFailure::TooLarge, (3, 2), vec![branch, &*tip]),
        (stalls.to_owned(), PullFailure::TimedOut, (4, 2), vec![branch, &*tip]),
    ] {
        does(&what);
        for _ in 0..2 {
            assert_eq!(agent.pull().await, Err(failure), "{what}");
            assert_eq!(entries(), (before + so_far.0, so_far.1), "{what}");
        }
        let refused = agent.status().await.unwrap().refused;
        assert_eq!(refused.len(), named.len(), "{what}: {refused:?}");
        let says = |name: &str| refused.iter().any(|one| one.what.as_deref().is_some_and(|what| what.contains(name)));
        assert!(named.iter().all(|name| says(name)), "{what}: {refused:?}");
        assert!(refused.iter().any(|one| one.code == failure.code()), "{what}: {refused:?}");
    }
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))), "the last good plan runs on");
    // It works again; then the same cause once more, which is listed and not entered.
    let (size, _) = entries();
    for _ in 0..2 {
        for _ in 0..2 {
            does(&works);
            agent.pull().await.unwrap();
            assert_eq!(agent.status().await.unwrap().refused.len(), 0);
        }
        does(stalls);
        assert_eq!(agent.pull().await, Err(PullFailure::TimedOut));
        assert_eq!(agent.status().await.unwrap().refused.len(), 1);
    }
    assert_eq!(entries().0, size);
    // What an earlier life of the agent left is taken away too.
    drop(agent);
    let (agent, _ended) = site.agent().await;
    assert_eq!(agent.status().await.unwrap().refused.len(), 1);
    site.publish(&first);
    agent.pull().await.unwrap();
    assert_eq!(agent.status().await.unwrap().refused.len(), 0);
}
