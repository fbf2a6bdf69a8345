//! Which runs that are under way listen for which events: found by what an event is, not by looking at every run.
//!
//! What a run listens for is what its plan says; runs that follow one plan share that, and it is all that is kept of the plan
//! here. Pure.
//!
//! # Source
//! language.md section 3, engine.md section 2.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, ConnectionId, Name, WorkflowId};
use assent_schema::plan::{Action, Event, Plan, Until};

use crate::run::events::deliver::{Facts, Signals, event_name};
use crate::store::RunId;

/// All runs that are under way.
#[derive(Default)]
pub(in crate::run) struct Ears {
    runs: BTreeMap<RunId, Ear>,
    /// Of workflows of which a run listens for something.
    places: BTreeMap<(ClientId, WorkflowId), Place>,
}

/// One run that is under way.
struct Ear {
    place: (ClientId, WorkflowId),
    plan: Digest,
    signals: Arc<Signals>,
}

/// What the runs of one workflow listen for.
#[derive(Default)]
struct Place {
    /// Those that listen for something, the oldest first.
    runs: BTreeSet<RunId>,
    /// What each plan that they follow says, and how many follow it.
    plans: BTreeMap<Digest, (Arc<Listening>, usize)>,
    /// The runs that an event ends: by their plan, the number of its `[[cancel]]`, and what the key must be.
    cancels: BTreeMap<(Digest, usize, String), BTreeSet<RunId>>,
    /// The runs that wait now, by the name of the event, and how often: items of one run may wait for the same one.
    waits: BTreeMap<String, BTreeMap<RunId, usize>>,
    /// The oldest run when what came before it was last taken away.
    swept: Option<RunId>,
}

/// The events that a plan's runs listen for, each with the field that tells whose it is.
#[derive(Default)]
pub(in crate::run) struct Listening {
    /// Those that end a run, in the order of the plan.
    cancels: Vec<(Event, Name)>,
    /// Those that some `wait` waits for.
    waits: Vec<(Event, Name)>,
}

impl Listening {
    fn of(plan: &Plan) -> Self {
        let cancels = plan.cancels.iter().map(|cancel| (cancel.on.clone(), cancel.key.clone())).collect();
        let waits = plan.every_step().filter_map(|step| match &step.action {
            Action::Wait { until: Until::Event(awaited) } => Some((awaited.on.clone(), awaited.key.clone())),
            Action::Call { .. }
            | Action::Ask { .. }
            | Action::Decide { .. }
            | Action::Set { .. }
            | Action::Each(_)
            | Action::Wait { .. }
            | Action::Stop { .. } => None,
        });
        Self { cancels, waits: waits.collect() }
    }

    fn is_empty(&self) -> bool {
        self.cancels.is_empty() && self.waits.is_empty()
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.cancels.iter().chain(&self.waits).map(|(event, _)| event)
    }
}

/// Whom an event concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::run) struct Concerned {
    /// The oldest run that listens; nothing when none does.
    pub(in crate::run) oldest: Option<RunId>,
    /// Runs that it ends.
    pub(in crate::run) cancelled: BTreeSet<RunId>,
    /// What is kept of it, by name, for those that wait for it or will.
    pub(in crate::run) kept: BTreeMap<String, Facts>,
    /// Whether what came before the oldest run is gone already.
    pub(in crate::run) is_swept: bool,
}

impl Ears {
    /// A run is under way. `keys` says what the key of each `[[cancel]]` of its plan must be.
    pub(in crate::run) fn add(
        &mut self,
        run: RunId,
        place: (ClientId, WorkflowId),
        (plan, digest): (&Plan, Digest),
        keys: &[Option<String>],
        signals: Arc<Signals>,
    ) {
        self.remove(run);
        let there = self.places.get(&place).and_then(|there| there.plans.get(&digest));
        let listening = there.map_or_else(|| Arc::new(Listening::of(plan)), |(listening, _)| Arc::clone(listening));
        if !listening.is_empty() {
            let there = self.places.entry(place.clone()).or_default();
            there.runs.insert(run);
            there.plans.entry(digest).or_insert((listening, 0)).1 += 1;
            for (number, key) in keys.iter().enumerate() {
                if let Some(key) = key {
                    there.cancels.entry((digest, number, key.clone())).or_default().insert(run);
                }
            }
        }
        self.runs.insert(run, Ear { place, plan: digest, signals });
    }

    /// A run is no longer driven here.
    pub(in crate::run) fn remove(&mut self, run: RunId) {
        let Some(ear) = self.runs.remove(&run) else { return };
        let Some(there) = self.places.get_mut(&ear.place) else { return };
        if !there.runs.remove(&run) {
            return;
        }
        if there.runs.is_empty() {
            self.places.remove(&ear.place);
            return;
        }
        if let Some((_, followed)) = there.plans.get_mut(&ear.plan) {
            *followed = followed.saturating_sub(1);
            if *followed == 0 {
                there.plans.remove(&ear.plan);
            }
        }
        for (number, key) in ear.signals.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            let at = (ear.plan, number, key.clone());
            if let Some(runs) = there.cancels.get_mut(&at) {
                runs.remove(&run);
                if runs.is_empty() {
                    there.cancels.remove(&at);
                }
            }
        }
    }

    /// What reaches a run.
    pub(in crate::run) fn signals(&self, run: RunId) -> Option<Arc<Signals>> {
        self.runs.get(&run).map(|ear| Arc::clone(&ear.signals))
    }

    /// The events that concern runs of a workflow, each once.
    pub(in crate::run) fn listens(&self, client: &ClientId, workflow: &WorkflowId) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        let there = self.places.get(&(client.clone(), workflow.clone()));
        for event in there.into_iter().flat_map(|there| there.plans.values()).flat_map(|(plan, _)| plan.events()) {
            if !events.contains(event) {
                events.push(event.clone());
            }
        }
        events
    }

    /// Whom an event of a connection concerns. `taken` gives its facts where it is one of a kind; it is asked once for each
    /// event that a plan names, however many runs follow the plan.
    pub(in crate::run) fn concerned(
        &self,
        (client, workflow, connection): (&ClientId, &WorkflowId, &ConnectionId),
        mut taken: impl FnMut(&Event) -> Option<Facts>,
    ) -> Concerned {
        let mut concerned = Concerned::default();
        let Some(there) = self.places.get(&(client.clone(), workflow.clone())) else { return concerned };
        concerned.oldest = there.runs.first().copied();
        concerned.is_swept = there.swept == concerned.oldest;
        let mut told = |(event, key): &(Event, Name)| {
            let facts = Some(event).filter(|event| event.connection == *connection).and_then(&mut taken)?;
            Some((facts.get(key)?.to_string(), facts))
        };
        for (digest, (plan, _)) in &there.plans {
            for (number, cancel) in plan.cancels.iter().enumerate() {
                let Some((key, _)) = told(cancel) else { continue };
                let runs = there.cancels.get(&(*digest, number, key));
                concerned.cancelled.extend(runs.into_iter().flatten());
            }
            for wait in &plan.waits {
                let Some((key, facts)) = told(wait) else { continue };
                // Plans of different age may take different fields: all of them are kept.
                concerned.kept.entry(event_name(client, workflow, &wait.0, &key)).or_default().extend(facts);
            }
        }
        concerned
    }

    /// What came before the oldest run of a workflow is gone.
    pub(in crate::run) fn swept(&mut self, client: &ClientId, workflow: &WorkflowId, oldest: RunId) {
        if let Some(there) = self.places.get_mut(&(client.clone(), workflow.clone())) {
            there.swept = Some(oldest);
        }
    }

    /// A run waits for an event of this name.
    pub(in crate::run) fn await_event(&mut self, run: RunId, name: &str) {
        let Some(there) = self.place_of(run) else { return };
        let count = there.waits.entry(name.to_owned()).or_default().entry(run).or_default();
        *count = count.saturating_add(1);
    }

    /// It waits no longer.
    pub(in crate::run) fn no_longer_await(&mut self, run: RunId, name: &str) {
        let Some(there) = self.place_of(run) else { return };
        let Some(waits) = there.waits.get_mut(name) else { return };
        let left = waits.get(&run).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            waits.remove(&run);
        } else {
            waits.insert(run, left);
        }
        if waits.is_empty() {
            there.waits.remove(name);
        }
    }

    fn place_of(&mut self, run: RunId) -> Option<&mut Place> {
        self.places.get_mut(&self.runs.get(&run)?.place)
    }

    /// Those that wait for an event of one of these names now.
    pub(in crate::run) fn waiting<'n>(
        &self,
        (client, workflow): (&ClientId, &WorkflowId),
        names: impl Iterator<Item = &'n String>,
    ) -> Vec<Arc<Signals>> {
        let Some(there) = self.places.get(&(client.clone(), workflow.clone())) else { return Vec::new() };
        let runs = names.filter_map(|name| there.waits.get(name)).flat_map(BTreeMap::keys);
        runs.filter_map(|run| self.signals(*run)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fact, FactText};
    use crate::world::Wall;

    const RUNS: u32 = 2_000;

    fn plan() -> Plan {
        serde_json::from_slice(include_bytes!("../../../tests/plans/borealis.chase.plan.json")).unwrap()
    }

    fn run(number: u32) -> RunId {
        RunId::new(Wall::from_millis(i64::from(number)), [0; 10])
    }

    fn ears(plan: &Plan) -> Ears {
        let mut ears = Ears::default();
        for number in 0..RUNS {
            let keys = vec![Some(number.to_string()); plan.cancels.len()];
            let signals = Arc::new(Signals::new(run(number), keys.clone()));
            let place = (plan.client.clone(), plan.workflow.clone());
            ears.add(run(number), place, (plan, Digest::of_file(b"plan")), &keys, signals);
        }
        ears
    }

    /// Whom an event with this key concerns, and how many events it was compared with.
    fn heard(ears: &Ears, plan: &Plan, key: &str) -> (Concerned, usize) {
        let connection = &plan.cancels.first().unwrap().on.connection;
        let mut compared = 0;
        let concerned = ears.concerned((&plan.client, &plan.workflow, connection), |event| {
            compared += 1;
            Some(event.fields.keys().map(|name| (name.clone(), Fact::Token(FactText::new(key).unwrap()))).collect())
        });
        (concerned, compared)
    }

    #[test]
    fn an_event_is_compared_with_what_plans_name_and_touches_the_runs_whose_key_it_has() {
        let plan = plan();
        let listening = Listening::of(&plan);
        let ears = ears(&plan);
        let (concerned, compared) = heard(&ears, &plan, "1007");
        assert_eq!(concerned.cancelled, [run(1_007)].into());
        assert_eq!(concerned.oldest, Some(run(0)));
        assert!(compared <= listening.events().count(), "{compared} for {RUNS} runs");
        assert_eq!(ears.listens(&plan.client, &plan.workflow).len(), ears_events(&listening));
        let (stranger, _) = heard(&ears, &plan, "nobodys");
        assert!(stranger.cancelled.is_empty());
        let elsewhere = ears.concerned((&plan.client, &"other".parse().unwrap(), &"shop".parse().unwrap()), |_| None);
        assert_eq!(elsewhere, Concerned::default());
    }

    fn ears_events(listening: &Listening) -> usize {
        let mut events: Vec<&Event> = Vec::new();
        for event in listening.events() {
            if !events.contains(&event) {
                events.push(event);
            }
        }
        events.len()
    }

    #[test]
    fn what_is_too_old_is_looked_for_once_for_each_oldest_run() {
        let plan = plan();
        let mut ears = ears(&plan);
        assert!(!heard(&ears, &plan, "7").0.is_swept);
        ears.swept(&plan.client, &plan.workflow, run(0));
        assert!(heard(&ears, &plan, "7").0.is_swept);
        ears.remove(run(5));
        assert!(heard(&ears, &plan, "7").0.is_swept, "the oldest is still there");
        ears.remove(run(0));
        assert!(!heard(&ears, &plan, "7").0.is_swept);
    }

    #[test]
    fn who_waits_is_found_by_name_and_nothing_stays_of_runs_that_are_over() {
        let plan = plan();
        let mut ears = ears(&plan);
        let at = (&plan.client, &plan.workflow);
        let names = ["event/a".to_owned(), "event/b".to_owned()];
        // Two items of one run wait for the same event.
        for (number, name) in [(5, "event/a"), (5, "event/a"), (6, "event/c")] {
            ears.await_event(run(number), name);
        }
        let woken = |ears: &Ears| ears.waiting(at, names.iter()).len();
        assert_eq!(woken(&ears), 1);
        ears.no_longer_await(run(5), "event/a");
        assert_eq!(woken(&ears), 1);
        ears.no_longer_await(run(5), "event/a");
        assert_eq!(woken(&ears), 0);
        ears.no_longer_await(run(6), "event/c");
        (1..RUNS).for_each(|number| ears.remove(run(number)));
        let there = ears.places.values().next().unwrap();
        assert_eq!((there.runs.len(), there.plans.len(), there.waits.len()), (1, 1, 0));
        assert_eq!(there.cancels.len(), plan.cancels.len());
        ears.remove(run(0));
        assert!(ears.places.is_empty() && ears.runs.is_empty());
    }
}
