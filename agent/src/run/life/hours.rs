//! The calendar and the time zone by which a run's expressions are evaluated: those of the release under which it began, to its
//! end. They say what the run does, as its plan does, and neither is a permission; so what is evaluated again after a restart
//! comes out as it did before, whatever release came meanwhile. Guardrails, whose days they bound too, are always those of now.
//!
//! A run names them by their digest. The store keeps each once.
//!
//! # Source
//! trust.md section 3: a run keeps the plan it began with, never the permission; engine.md section 3: resume replays decisions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use assent_schema::canon::{self, Digest};
use assent_schema::client::{Calendar, ClientFacts};
use assent_schema::id::ClientId;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::run::{Deployed, Engine};
use crate::store::{Accepted, Store, Write};
use crate::sync::lock;
use crate::world::World;

/// A calendar and a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct Hours {
    /// Business hours and holidays.
    pub(in crate::run) calendar: Calendar,
    /// An IANA time zone.
    pub(in crate::run) zone: String,
}

impl Hours {
    /// Those of a client as it is now.
    pub(in crate::run) fn of(facts: &ClientFacts) -> Self {
        Self { calendar: facts.calendar.clone(), zone: facts.zone.clone() }
    }

    /// The time zone.
    pub(in crate::run) fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

/// The hours of the runs that begin now, of each client; and whether the store has them.
#[derive(Default)]
pub(in crate::run) struct Newest(Mutex<BTreeMap<ClientId, Begun>>);

struct Begun {
    /// Facts of one release are one object.
    facts: Arc<ClientFacts>,
    hours: Arc<Hours>,
    digest: Digest,
    stored: bool,
}

/// The hours of a run that begins.
pub(in crate::run) struct OfNow {
    pub(in crate::run) hours: Arc<Hours>,
    /// How the run names them.
    pub(in crate::run) digest: Option<Digest>,
    /// What keeps them until it ends, if the store does not yet.
    pub(in crate::run) keep: Option<Write>,
}

fn name(client: &ClientId, digest: &Digest) -> String {
    format!("hours/{client}/{digest}")
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// The hours of a run that begins now.
    pub(in crate::run) fn hours_of_now(&self, facts: &Arc<ClientFacts>) -> OfNow {
        let mut all = lock(&self.hours.0);
        if let Some(known) = all.get(&facts.client).filter(|known| known.stored && Arc::ptr_eq(&known.facts, facts)) {
            return OfNow { hours: Arc::clone(&known.hours), digest: Some(known.digest), keep: None };
        }
        let hours = Arc::new(Hours::of(facts));
        let Ok(bytes) = canon::to_bytes(&*hours) else { return OfNow { hours, digest: None, keep: None } };
        let digest = Digest::of_file(&bytes);
        let name = name(&facts.client, &digest);
        // Until a run that brought them is durable, each brings them again.
        let stored = self.store.state(&name).is_ok_and(|there| there.is_some());
        let begun = Begun { facts: Arc::clone(facts), hours: Arc::clone(&hours), digest, stored };
        all.insert(facts.client.clone(), begun);
        OfNow { hours, digest: Some(digest), keep: (!stored).then_some(Write::State { name, value: Some(bytes) }) }
    }

    /// The hours of a run, where they are others than those of now.
    pub(in crate::run) fn hours_of_then(&self, accepted: &Accepted, facts: &ClientFacts) -> Option<Hours> {
        // An older agent did not say.
        let digest = accepted.hours?;
        let now = canon::to_bytes(&Hours::of(facts)).map(|bytes| Digest::of_file(&bytes));
        if now.is_ok_and(|now| now == digest) {
            return None;
        }
        let kept = self.store.state(&name(&accepted.client, &digest)).ok().flatten();
        let hours = kept.and_then(|bytes| canon::from_bytes(&bytes).ok());
        if hours.is_none() {
            tracing::error!(client = %accepted.client, "the calendar with which a run began is not here; that of now counts");
        }
        hours
    }
}
