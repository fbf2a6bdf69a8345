//! What each page shows of questions to people: to who decides, whole; to others, that they wait.

use assent_schema::canon::Digest;

use super::look::{Looked, NotSeen, Seen, What, viewed, viewed_all};
use super::notes;
use super::office::Office;
use super::pages;
use super::serve::Console;
use super::viewer::{Sight, Viewer};
use crate::people::wire::{NoLonger, Shown};
use crate::run::acceptance;
use crate::store::{Accepted, Log, Store as _, StoreError, Waiting, run_name};
use crate::world::Wall;

impl<O: Office> Console<O> {
    /// Questions of the clients that somebody is assigned to, oldest first, without what they show.
    pub(super) fn waiting(&self, viewer: &Viewer) -> Result<Vec<Waiting>, StoreError> {
        let mut waiting = self.office.store().waiting()?;
        waiting.retain(|waiting| viewer.may_see(Sight::Client(&waiting.client)));
        waiting.sort_by_key(|waiting| (waiting.since, waiting.run));
        Ok(waiting)
    }

    /// What somebody may answer, which is theirs alone.
    pub(super) fn own(&self, viewer: &Viewer) -> Vec<Shown> {
        let client = viewer.who.client.as_ref().filter(|client| viewer.may_see(Sight::Own(client)));
        client.map(|client| self.office.questions(client, &viewer.who.person)).unwrap_or_default()
    }

    pub(super) fn decisions(&self, viewer: &Viewer) -> Looked {
        let (now, _) = self.office.clock();
        let Some(client) = viewer.who.client.clone() else {
            let waiting = self.waiting(viewer)?;
            let body = pages::decisions::watched(&waiting, now);
            return Ok(Seen { notes: viewed_all(viewer, "decisions"), what: What::Page(body) });
        };
        let notes = vec![viewed(client, viewer, "decisions")];
        let questions = self.own(viewer);
        let waiting = self.office.store().waiting()?;
        let asked = |shown: &Shown| -> Result<_, StoreError> {
            let since = waiting.iter().find(|one| one.nonce == shown.nonce).map(|one| Wall::from_millis(one.since));
            let plan = self.office.plan(&shown.plan);
            let journal = self.office.store().journal(shown.run)?;
            Ok((since, plan.map(|plan| plan.summary.clone()), acceptance(&journal).cloned()))
        };
        let mut listed = Vec::new();
        for shown in &questions {
            let (since, summary, accepted) = asked(shown)?;
            let name = accepted.as_ref().map(Accepted::name);
            let event = accepted.map(|accepted| accepted.event).filter(|event| shows(shown, event));
            listed.push(pages::decisions::Asked { shown, summary, since, name, event });
        }
        Ok(Seen { notes, what: What::Page(pages::decisions::own(&listed, now)) })
    }

    pub(super) fn question(&self, nonce: &Digest, viewer: &Viewer) -> Looked {
        let (now, _) = self.office.clock();
        let Some(shown) = self.own(viewer).into_iter().find(|shown| shown.nonce == *nonce) else {
            let Some((asked, over)) = self.no_longer(nonce, viewer)? else { return Err(self.not_asked(nonce)?) };
            let notes = vec![notes::question(&asked.client, &viewer.who.person, (asked.run, asked.step, asked.plan))];
            return Ok(Seen { notes, what: What::Page(pages::question::over(&over)) });
        };
        let plan = self.office.plan(&shown.plan);
        let name = run_name(self.office.store(), shown.run)?;
        let notes =
            vec![notes::question(&shown.client, &viewer.who.person, (shown.run, shown.step.clone(), shown.plan))];
        Ok(Seen { notes, what: What::Page(pages::question::page(&shown, plan.as_deref(), name.as_ref(), now)) })
    }

    /// What became of a question that was theirs to answer, and that nobody asks any more.
    pub(super) fn no_longer(&self, nonce: &Digest, viewer: &Viewer) -> Result<Option<(Waiting, NoLonger)>, StoreError> {
        let client = viewer.who.client.as_ref().filter(|client| viewer.may_see(Sight::Own(client)));
        client.map_or(Ok(None), |client| self.office.no_longer(client, &viewer.who.person, nonce))
    }

    /// Why a question is not shown: it is another's, or nobody's.
    pub(super) fn not_asked(&self, nonce: &Digest) -> Result<NotSeen, StoreError> {
        let waiting = self.office.store().waiting()?;
        let of = waiting.into_iter().find(|waiting| waiting.nonce == *nonce);
        Ok(of.map_or(NotSeen::Missing, |waiting| NotSeen::NotTheirs(Log::Client(waiting.client))))
    }
}

/// Whether a text is one of the values that a question shows.
fn shows(shown: &Shown, text: &str) -> bool {
    shown.values.values().any(|value| match value {
        serde_json::Value::String(shown) => shown == text,
        value => value.as_i64().is_some_and(|number| number.to_string() == text),
    })
}
