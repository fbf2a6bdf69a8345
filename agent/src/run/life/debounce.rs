//! A run that waits until no newer event of its key comes: only the last event runs.
//!
//! The store keeps, for each key, the run of its last event; an event puts itself there in the transaction that accepts it.
//! Whoever still stands there when its time is over runs, and takes itself out in the transaction that says so. All others
//! end `superseded`. So it does not matter when the agent stops in between.
//!
//! # Source
//! language.md section 3, "Keys". A key that is never quiet runs all the same when the first event waited long enough.

use std::time::Duration;

use assent_schema::plan::QUIET_MOST;

use crate::run::commit::NotFlushed;
use crate::run::driver::{End, Run, Stop};
use crate::run::life::begin::{first_event, last_event};
use crate::run::{Deployed, lock};
use crate::store::{Ending, Entry, Refusal, Store, Write};
use crate::world::{Wall, World};

/// What is left of the time that must be quiet. A clock that went back never makes it longer than the whole.
fn left(accepted: Wall, quiet: Duration, now: Wall) -> Duration {
    quiet.saturating_sub(now.since(accepted)).min(quiet)
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Waits until the run's key was quiet for as long as the workflow says. Holds no place among the running.
    pub(in crate::run) async fn fall_quiet(&mut self) -> Result<(), Stop> {
        let quiet = self.compiled.plan.limits.debounce;
        let (Some(quiet), Some(key), false) = (quiet, self.accepted.key.clone(), self.progress.quiet) else {
            return Ok(());
        };
        lock(&self.engine.lanes).rest(self.id, &self.accepted.client);
        self.flush_all().await?;
        let name = last_event(&self.accepted.client, &self.accepted.workflow, &key);
        let standing = self.engine.store.state(&name).ok().flatten();
        let first = standing.as_deref().and_then(first_event).unwrap_or(self.at);
        let most = self.compiled.plan.limits.debounce_most.unwrap_or(QUIET_MOST).duration();
        loop {
            let now = self.now();
            let rest = left(self.at, quiet.duration(), now).min(left(first, most, now));
            if rest.is_zero() {
                break;
            }
            self.wait(rest).await;
            if self.engine.is_stopping() {
                return Err(Stop::Leave);
            }
        }
        let mine = self.engine.store.state(&name).ok().flatten();
        let mine = mine.filter(|standing| standing.starts_with(self.id.as_bytes().as_slice()));
        let Some(mine) = mine else { return Err(superseded("debounce")) };
        let out = Write::Swap { name, from: Some(mine), to: None };
        let mut added = vec![out.clone(), Write::Journal { run: self.id, entry: Entry::Quiet {} }];
        added.extend(self.count_of_key());
        match self.flush(added).await {
            Ok(()) => {
                self.progress.apply(self.now(), &Entry::Quiet {});
                Ok(())
            }
            Err(NotFlushed::Refused(Refusal::Over { .. })) => {
                // Its key had enough runs today. Nobody waits for it any more, or a newer event does already.
                drop(self.flush(vec![out]).await);
                Err(superseded("per_key"))
            }
            Err(NotFlushed::Refused(Refusal::Moved)) => Err(superseded("debounce")),
            Err(NotFlushed::Refused(_) | NotFlushed::Leave) => Err(Stop::Leave),
        }
    }
}

fn superseded(code: &str) -> Stop {
    End { ending: Ending::Superseded, code: Some(code.to_owned()), ..End::done() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_over_at_the_millisecond_and_never_longer_than_the_whole() {
        let (quiet, at) = (Duration::from_mins(1), Wall::from_millis(1_000_000));
        for (now, wanted) in [(1_000_000, 60_000), (1_059_999, 1), (1_060_000, 0), (9_000_000, 0), (0, 60_000)] {
            assert_eq!(left(at, quiet, Wall::from_millis(now)), Duration::from_millis(wanted), "{now}");
        }
    }
}
