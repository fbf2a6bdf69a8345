//! Looks for a release that ended before there was one to judge, for what came or did not come: refused like a release.
//!
//! Where the commit is known that was to be fetched, it is named; else the branch is. One entry for each cause, until it changes;
//! one that comes and goes is an entry once an hour at most.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assent_schema::canon::Digest;

use super::acceptance::Refusal;
use super::agent::Agent;
use super::refused::{REFUSED, refused_of};
use crate::pull::PullFailure;
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::world::Clock as _;

/// How long after an entry the same cause is not entered again, should it have been over in between.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// What ended a look because of what the other side sent, or did not: by the deadline, by a limit, or as what is not git.
const REFUSALS: [PullFailure; 3] = [PullFailure::TimedOut, PullFailure::TooLarge, PullFailure::Garbled];

/// What is known of looks that brought nothing.
#[derive(Default)]
pub(super) struct Unread {
    /// When each cause was entered last, by the time since boot.
    entered: Mutex<BTreeMap<(Digest, &'static str), Duration>>,
    /// Whether a look worked since, and what was kept of them went.
    settled: AtomicBool,
}

impl Agent {
    /// Says no to what could not be fetched for what it is.
    pub(super) async fn refuse_unread(&self, failure: PullFailure, branch: &str, tip: Option<&str>) {
        if !REFUSALS.contains(&failure) {
            return;
        }
        let _taking = self.taking.lock().await;
        let (code, sentence) = (failure.code(), failure.sentence());
        let what = tip.map_or_else(|| format!("{branch}: {sentence}"), |tip| format!("commit {tip}: {sentence}"));
        let refusal = Refusal::of_commit(code, tip.unwrap_or(branch), what);
        let unread = &self.pulling.unread;
        unread.settled.store(false, Ordering::Relaxed);
        let (boot, cause) = (self.world.clock.boot(), (refusal.digest, code));
        let entered = lock(&unread.entered).get(&cause).copied();
        let done = if entered.is_some_and(|at| boot.saturating_sub(at) < AGAIN_AFTER) {
            self.list(&refusal).await
        } else {
            lock(&unread.entered).insert(cause, boot);
            match tip {
                Some(_) => self.refuse(&refusal).await,
                // Which commit it was nobody knows, and it may be the line: on-call hears of that after some looks.
                None => self.enter(&refusal).await,
            }
        };
        if let Err(error) = done {
            lock(&unread.entered).remove(&cause);
            tracing::error!(%error, "a refusal could not be kept");
        }
    }

    /// A look worked: what could not be fetched before says nothing any more of where the branch stands.
    pub(super) async fn fetched(&self) -> Result<(), StoreError> {
        if self.pulling.unread.settled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let is_unread = |said: &[u8]| {
            refused_of(said).is_some_and(|(code, _)| REFUSALS.iter().any(|failure| failure.code() == code))
        };
        let over = self.store.states(REFUSED)?.into_iter().filter(|(_, said)| is_unread(said));
        let writes: Vec<Write> = over.map(|(name, _)| Write::State { name, value: None }).collect();
        if !writes.is_empty() {
            self.store.commit(Transaction { at: self.world.clock.now(), writes }).await?;
            self.telling.news.notify_one();
        }
        Ok(())
    }
}
