//! A readmission by name holds for who missed the release that said it, and for nobody who sent the plan back since.

use assent_schema::id::PersonId;

use super::*;

fn ann() -> PersonId {
    "ann".parse().unwrap()
}

/// Lets a plan in, since a release of this number where that is an earlier one.
fn lets_in(plan: &Plan, since: Option<u64>) -> impl FnOnce(&mut Manifest) {
    let one = Readmitted { since, ..Readmitted::now(digest(plan), "the cause was elsewhere".into()) };
    move |manifest| manifest.readmitted.push(one)
}

/// An agent that holds release 2 and sent its plan back.
async fn with_two_returned(site: &Site) -> (Arc<Agent>, Files) {
    let (agent, _ended) = site.agent().await;
    let first = release(&plan("one"), 1, None, |_| ());
    let second = release(&plan("two"), 2, Some(&first), |_| ());
    for (files, plan) in [(&first, plan("one")), (&second, plan("two"))] {
        site.publish(files);
        agent.pull().await.unwrap();
        runs(&agent, &plan, true, 20).await;
    }
    agent.roll_back(&place(), &ann()).await.unwrap().unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&plan("one"))), Stage::Returned));
    (agent, second)
}

async fn takes(site: &Site, agent: &Arc<Agent>, files: &Files) -> Option<Digest> {
    site.publish(files);
    agent.pull().await.unwrap();
    assert_eq!(agent.taken().unwrap().manifest, Digest::of_file(&files["manifest.json"]), "it takes that release");
    active(agent).await
}

#[tokio::test]
async fn who_missed_the_release_that_readmits_takes_the_plan_with_the_next() {
    let site = Site::new();
    let (one, two) = (plan("one"), plan("two"));
    let (agent, second) = with_two_returned(&site).await;
    // Release 3 let it in, and this agent was away.
    let third = release(&two, 3, Some(&second), lets_in(&two, None));
    let fourth = release(&two, 4, Some(&third), lets_in(&two, Some(3)));
    assert_eq!(takes(&site, &agent, &fourth).await, Some(digest(&two)));
    // It goes back again here: what 3 said was said before.
    runs(&agent, &two, true, 20).await;
    agent.roll_back(&place(), &ann()).await.unwrap().unwrap();
    let fifth = release(&two, 5, Some(&fourth), lets_in(&two, Some(3)));
    assert_eq!(takes(&site, &agent, &fifth).await, Some(digest(&one)));
    // Nor does one that says it was later, where the release before it is here and does not.
    let forged = release(&two, 6, Some(&fifth), lets_in(&two, Some(5)));
    site.publish(&forged);
    agent.pull().await.unwrap();
    let refused = agent.status().await.unwrap().refused;
    assert!(refused.iter().any(|refused| refused.code == "manifest-invalid"), "{refused:?}");
    assert_eq!(agent.taken().unwrap().manifest, Digest::of_file(&fifth["manifest.json"]));
    // Where it is not: this agent holds 5, and whatever was said up to then it heard.
    let sixth = release(&two, 6, Some(&fifth), lets_in(&two, Some(3)));
    let seventh = release(&two, 7, Some(&sixth), lets_in(&two, Some(5)));
    assert_eq!(takes(&site, &agent, &seventh).await, Some(digest(&one)));
    // Of another plan.
    let eighth = release(&two, 8, Some(&seventh), lets_in(&plan("three"), None));
    assert_eq!(takes(&site, &agent, &eighth).await, Some(digest(&one)));
    // By name, anew.
    let ninth = release(&two, 9, Some(&eighth), lets_in(&two, None));
    let tenth = release(&two, 10, Some(&ninth), lets_in(&two, Some(9)));
    assert_eq!(takes(&site, &agent, &tenth).await, Some(digest(&two)));
}

/// An agent whose repository was lost takes the release that it holds once more: that readmits nothing anew.
#[tokio::test]
async fn the_release_that_is_held_already_lets_nothing_in_again() {
    let site = Site::new();
    let two = plan("two");
    {
        let (agent, second) = with_two_returned(&site).await;
        let third = release(&two, 3, Some(&second), lets_in(&two, None));
        assert_eq!(takes(&site, &agent, &third).await, Some(digest(&two)));
        runs(&agent, &two, true, 20).await;
        agent.roll_back(&place(), &ann()).await.unwrap().unwrap();
    }
    std::fs::remove_dir_all(site.config().state.repository()).unwrap();
    let (agent, _ended) = site.agent().await;
    assert!(agent.taken().is_none(), "what it held is gone");
    agent.pull().await.unwrap();
    assert!(agent.taken().is_some());
    let status = agent.status().await.unwrap();
    assert!(status.went_back().any(|(_, _, plans)| plans.contains_key(&digest(&two))));
    assert_ne!(active(&agent).await, Some(digest(&two)));
}
