//! What came of a request: into the progress, the journal and the ledger; and when the next one may leave.
//!
//! # Crash
//! When the next attempt begins at the earliest is kept with what came of the last one: a restart makes it no earlier.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use assent_schema::id::Name;
use assent_schema::ledger::Token;
use assent_schema::tripwire::patterns;

use crate::request::Failed;
use crate::retry::Next;
use crate::retry::backoff::RETRY_AFTER_MOST;
use crate::run::Deployed;
use crate::run::compiled::CompiledStep;
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::Tried;
use crate::store::{Entry, Fact, Outcome, Store, Write};
use crate::vault::tripwire;
use crate::world::{Wall, World};

/// Whether the id may be kept by which the other side knows a request. It wrote it freely: who was given content could write
/// some of it there, and a debugging proxy what authorised the request.
fn may_be_kept(id: &Token, given_content: bool) -> bool {
    !given_content && !tripwire::holds(id.as_str().as_bytes()) && patterns(id.as_str()).is_empty()
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) fn outcome(
        &mut self,
        step: &CompiledStep,
        attempt: u32,
        code: &str,
        status: Option<u16>,
        in_doubt: bool,
        kept: BTreeMap<Name, Fact>,
    ) {
        let (step, item, code) = (step.id.clone(), self.item.clone(), code.to_owned());
        self.came(Outcome { step, item, attempt, code, status, in_doubt, request: None, again: None, kept });
    }

    /// What came of a request: into the journal and the ledger.
    fn came(&mut self, outcome: Outcome) {
        let code = if outcome.in_doubt { "in_doubt" } else { &outcome.code };
        let mut note = self.note("outcome").fact("code", code);
        if let Some(status) = outcome.status {
            note = note.fact("status", status);
        }
        if let Some(request) = &outcome.request {
            note = note.fact("request", request.as_str());
        }
        note.step = Some(outcome.step.clone());
        note.attempt = Some(outcome.attempt);
        self.record(Entry::Outcome(outcome));
        self.pending.push(Write::Note(Box::new(note)));
    }

    /// A request failed. When the next one may begin is kept with it: a restart makes it no earlier.
    pub(in crate::run) fn came_to_nothing(
        &mut self,
        step: &CompiledStep,
        attempt: u32,
        failed: &Failed,
        in_doubt: bool,
        follows: Next,
    ) {
        let again = match follows {
            Next::After(delay) if failed.is_passing() => Some(self.now().plus(delay).millis()),
            Next::After(_) | Next::NoAttempts | Next::NoTime => None,
        };
        if failed.by_anyone {
            self.shared.misfit.store(true, Ordering::Relaxed);
        }
        self.came(Outcome {
            step: step.id.clone(),
            item: self.item.clone(),
            attempt,
            code: failed.code.clone(),
            status: failed.status,
            in_doubt,
            request: failed.request.clone().filter(|id| may_be_kept(id, step.given_content)),
            again,
            kept: BTreeMap::new(),
        });
    }

    /// Waits until the next attempt may begin: what was asked of us before a restart is asked after it, too.
    pub(in crate::run) async fn not_before(&mut self, tried: &Tried) -> Result<(), Stop> {
        let Some(again) = tried.outcome.as_ref().and_then(|outcome| outcome.again) else { return Ok(()) };
        // A clock that went back makes it no longer than it can have been.
        let rest = Wall::from_millis(again).since(self.now()).min(RETRY_AFTER_MOST);
        if rest.is_zero() {
            return Ok(());
        }
        self.flush_all().await?;
        self.pause(rest).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Secret;

    #[test]
    fn an_id_of_a_request_is_kept_where_it_can_hold_neither_content_nor_a_secret() {
        let secret = Secret::new(b"oq7-Tr1pped-by-an-echo-55".to_vec()).ok().unwrap();
        let kept = |id: &str, given_content| may_be_kept(&id.parse().unwrap(), given_content);
        assert!(kept("req_011CSHoEeqs5C35K2UUqR7Fy", false));
        assert!(!kept("req_011CSHoEeqs5C35K2UUqR7Fy", true), "who was given content wrote it");
        assert!(!kept("oq7-Tr1pped-by-an-echo-55", false) && !kept("id-oq7-Tr1pped-by-an-echo-55-0", false));
        assert!(!kept("sk_live_9aBcDeFgHiJkLmNoPqRsTuVwXyZ012345", false), "whoever's it is");
        drop(secret);
        assert!(kept("oq7-Tr1pped-by-an-echo-55", false), "nobody's secret");
    }
}
