//! Looks for a new release: at the pace of the configuration, at once when a local repository changes or somebody asks.

use assent_schema::alert::Rule;
use std::sync::Arc;
use std::time::Duration;

use super::agent::Agent;
use crate::config::Repository;
use crate::pull::watch::Watch;
use crate::pull::{PullFailure, pace};
use crate::world::Dice as _;

/// So many looks in a row that failed are told to on-call.
const FAILURES_TOLD: u32 = 5;
/// The time that git takes for one change of several files.
const SETTLES: Duration = Duration::from_millis(20);

/// Looks for releases until the future is dropped.
pub(super) async fn pulling(agent: Arc<Agent>) {
    let wake = agent.pull_wanted();
    let begin = || match &agent.config.repository {
        Repository::Path(path) => Watch::begin(path, Arc::clone(&wake)),
        Repository::Git(_) | Repository::Https(..) | Repository::Ssh(..) => None,
    };
    let mut watch = begin();
    let mut failures: u32 = 0;
    loop {
        let failed_before = failures > 0;
        match agent.pull().await {
            Ok(()) => failures = told_over(&agent, failures).await,
            Err(failure) => failures = told(&agent, failures, failure).await,
        }
        // What is watched may be gone, or have come back as another folder.
        if watch.is_none() || failed_before || failures > 0 {
            watch = begin();
        }
        let dice = u32::try_from(agent.world.dice.below(1_000)).unwrap_or(0);
        let pause = pace::next(agent.config.poll.duration(), failures, dice);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = wake.notified() => tokio::time::sleep(SETTLES).await,
        }
    }
}

async fn told(agent: &Agent, failures: u32, failure: PullFailure) -> u32 {
    tracing::warn!(code = failure.code(), failures, "the repository could not be read");
    agent.trouble(Some(failure));
    if failures + 1 == FAILURES_TOLD {
        agent.alert(Rule::Pull, failure.code()).await;
    }
    failures.saturating_add(1)
}

async fn told_over(agent: &Agent, failures: u32) -> u32 {
    agent.trouble(None);
    if failures >= FAILURES_TOLD {
        agent.alerts_over(Rule::Pull).await;
    }
    0
}
