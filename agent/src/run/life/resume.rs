//! A run as its journal left it, made whole again after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::calendar::BusinessHours;
use assent_schema::expr::Value;
use assent_schema::id::Name;
use jiff::tz::TimeZone;

use crate::content::Content;
use crate::run::compiled::{CompiledAction, CompiledStep};
use crate::run::content::values::{Business, Values};
use crate::run::driver::{Run, drive};
use crate::run::events::deliver::{self, Signals};
use crate::run::life::hours::Hours;
use crate::run::life::machine::{Live, Scope};
use crate::run::life::progress::{Progress, Stand};
use crate::run::shared::Shared;
use crate::run::{Deployed, Engine};
use crate::store::{AskEnd, Entry, Fact, RunId, Store, StoreError, Write};
use crate::world::{Clock as _, Wall, World};

/// The values of a run that has just begun.
pub(in crate::run) fn values(hours: &Hours, at: Wall, trigger: Value, pseudonyms: Arc<Content<[u8; 32]>>) -> Values {
    let zone = hours.time_zone();
    Values {
        trigger,
        steps: BTreeMap::new(),
        outer: None,
        now: at.moment(),
        business: business(hours, zone.clone()),
        pseudonyms,
        zone,
    }
}

/// The client's business time, for expressions. A calendar that cannot be read is one that is never open.
fn business(hours: &Hours, zone: TimeZone) -> Business {
    let hours = BusinessHours::new(&hours.calendar, zone).ok();
    Arc::new(move |from, period| hours.as_ref()?.add(from, period))
}

/// Goes on with a run after a restart.
pub(in crate::run) async fn carry_on<W: World, S: Store, D: Deployed>(engine: Arc<Engine<W, S, D>>, id: RunId) {
    let run = found(&engine, id, None);
    if let Some(run) = &run {
        run.reclaim();
    }
    engine.came(id);
    if let Some(run) = run {
        drive(run).await;
    }
}

/// A run as its journal left it; nothing when it cannot be gone on with here. One that left memory is known here already.
pub(in crate::run) fn found<W: World, S: Store, D: Deployed>(
    engine: &Arc<Engine<W, S, D>>,
    id: RunId,
    known: Option<Arc<Signals>>,
) -> Option<Box<Run<W, S, D>>> {
    let loaded = (|| {
        let open = engine.store.open_run(id)?.ok_or(StoreError::Damaged("a run that is not open"))?;
        Ok::<_, StoreError>((open, engine.store.journal(id)?))
    })();
    let Ok((open, rows)) = loaded else {
        tracing::error!(run = %id, "the journal of a run cannot be read");
        return None;
    };
    let Some(Entry::Accepted(accepted)) = rows.first().map(|row| row.entry.clone()) else {
        tracing::error!(run = %id, "a run does not begin with its acceptance");
        return None;
    };
    let at = rows.first().map_or(Wall::default(), |row| row.at);
    let (Some(compiled), Some(facts)) =
        (engine.deployed.plan(&accepted.plan), engine.deployed.client(&accepted.client))
    else {
        // The plan is not here (yet): the run stays open for the next start.
        tracing::error!(run = %id, "the plan of a run is not here");
        return None;
    };
    let progress = Progress::replay(&rows);
    let cancelled = engine.store.state(&deliver::cancel_name(id)).is_ok_and(|there| there.is_some());
    let trigger = accepted.fields.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
    let hours = engine.hours_of_then(&accepted, &facts).unwrap_or_else(|| Hours::of(&facts));
    let values = values(&hours, at, Value::Record(trigger), engine.pseudonyms(&accepted.client));
    let signals = known.unwrap_or_else(|| engine.listen(id, &accepted, &compiled, &values));
    if cancelled {
        signals.cancel();
    }
    let mut run = Box::new(Run {
        id,
        at,
        taken: progress.active,
        progress,
        live: Live { trigger: !accepted.content, whole: BTreeSet::new() },
        values,
        compiled,
        accepted: *accepted,
        key: Content::new(crate::world::Dice::bytes(engine.world.dice())),
        has_key: false,
        shared: Arc::new(Shared::new(signals)),
        scope: Scope::Run,
        item: None,
        outer: None,
        pending: Vec::new(),
        told: None,
        durable: true,
        resumed_at: engine.world.clock().boot(),
        waited: Duration::ZERO,
        secret: None,
        weight: None,
        unread: None,
        engine: Arc::clone(engine),
    });
    run.take_facts();
    if let Some(sealed) = &open.sealed {
        // What cannot be read is as if it had not been sealed.
        let _read = run.unseal(sealed);
    }
    run.weight = Some(engine.loads.take(&run.accepted.client, run.values.trigger.room_bytes()));
    if !run.has_key {
        // Hashes of before compare as different from now on; those of now can be compared after the next restart.
        run.pending.push(Write::Reseal { run: id, sealed: run.sealed() });
    }
    Some(run)
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Results of which the journal has the facts.
    pub(in crate::run) fn take_facts(&mut self) {
        let stands: Vec<_> = self.progress.steps.iter().map(|(name, stand)| (name.clone(), stand.clone())).collect();
        let record = |facts: BTreeMap<Name, Fact>| -> BTreeMap<Name, Value> {
            facts.into_iter().map(|(field, fact)| (field, Value::from(&fact))).collect()
        };
        for (name, stand) in stands {
            match stand {
                Stand::Done { kept, shadow: false } => {
                    if self.compiled.step(name.as_str()).is_some_and(CompiledStep::is_effect) {
                        self.values.steps.insert(name, Value::Record(record(kept)));
                    }
                }
                Stand::Answered { ended, facts } => {
                    self.values.steps.insert(name, answer_value(ended, record(facts)));
                }
                Stand::Decided { approved, .. } => self.take_decision(&name, approved),
                Stand::Walking(walk) => self.take_counts(&name, &walk),
                Stand::Woken { arrived, facts } => self.take_event(&name, arrived, record(facts)),
                Stand::Skipped => {
                    let compiled = Arc::clone(&self.compiled);
                    if let Some(step) = self.scope.steps(&compiled).iter().find(|step| step.id == name) {
                        self.take_skipped(step);
                    }
                }
                Stand::Runs
                | Stand::Tried(_)
                | Stand::Asked(_)
                | Stand::Passed
                | Stand::Resting { .. }
                | Stand::Done { .. } => {}
            }
        }
    }

    /// Nobody agreed to what nobody was asked.
    pub(in crate::run) fn take_skipped(&mut self, step: &CompiledStep) {
        if matches!(step.action, CompiledAction::Decide(_)) {
            self.take_decision(&step.id, false);
        }
    }

    pub(in crate::run) fn take_decision(&mut self, step: &Name, approved: bool) {
        if let Ok(name) = Name::new("approved") {
            let fields = BTreeMap::from([(name, Value::Boolean(approved))]);
            self.values.steps.insert(step.clone(), Value::Record(fields));
        }
    }
}

/// An answer's fields and how the `ask` ended.
pub(in crate::run) fn answer_value(ended: AskEnd, mut fields: BTreeMap<Name, Value>) -> Value {
    if let Ok(name) = Name::new("ended") {
        fields.insert(name, Value::text(ended.as_str()));
    }
    Value::Record(fields)
}
