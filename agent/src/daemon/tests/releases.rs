//! A release counts when it is durable: whom it lets decide and where it leads with it, and not before.

use super::*;

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
