//! Which run may go on now: limits per workflow and client, and runs of one key one after the other. Pure.
//!
//! A run that waits for a person or for time gives its place among the running back and keeps its key; it counts as known.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{ClientId, WorkflowId};

use crate::store::RunId;

/// What a run takes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct Lane {
    /// Whose run.
    pub(in crate::run) client: ClientId,
    /// Of which workflow.
    pub(in crate::run) workflow: WorkflowId,
    /// The value of `one_at_a_time`.
    pub(in crate::run) key: Option<String>,
    /// Runs at once of the workflow.
    pub(in crate::run) workflow_most: u32,
    /// Runs at once of the client.
    pub(in crate::run) client_most: u32,
}

/// A key of one workflow.
type Key = (ClientId, WorkflowId, String);

/// All runs that are known here: running, and those that wait for their place in order of their age.
///
/// A run that comes or goes costs what it touches, not what waits: there may be many thousands.
#[derive(Debug, Default)]
pub(in crate::run) struct Lanes {
    running: BTreeMap<RunId, Lane>,
    waiting: BTreeMap<ClientId, BTreeMap<WorkflowId, BTreeMap<RunId, Lane>>>,
    /// Where a run waits, and which runs wait with a key.
    waits: BTreeMap<RunId, (ClientId, WorkflowId)>,
    waits_by_key: BTreeMap<Key, BTreeSet<RunId>>,
    by_workflow: BTreeMap<(ClientId, WorkflowId), u32>,
    by_client: BTreeMap<ClientId, u32>,
    keys: BTreeMap<Key, RunId>,
    /// The key that a run holds, running or not.
    holds: BTreeMap<RunId, Key>,
    /// Runs that wait for a person, for time, or until their key is quiet: they have no place, and count as known.
    resting: BTreeMap<RunId, ClientId>,
    resting_by_client: BTreeMap<ClientId, u32>,
}

impl Lanes {
    /// A run that a start found had its key before the stop: nobody else gets it until it ends. Of several it is the oldest's.
    pub(in crate::run) fn reclaim(&mut self, run: RunId, client: &ClientId, workflow: &WorkflowId, key: &str) {
        let key = (client.clone(), workflow.clone(), key.to_owned());
        let held = self.keys.get(&key).copied();
        if held.is_some_and(|holder| holder <= run) {
            return;
        }
        if let Some(younger) = held {
            self.holds.remove(&younger);
        }
        self.keys.insert(key.clone(), run);
        self.holds.insert(run, key);
    }

    /// Lets a run in, or puts it among those that wait. True when it may go on at once. Whoever holds a key stands behind nobody
    /// who waits for it.
    pub(in crate::run) fn enter(&mut self, run: RunId, lane: Lane) -> bool {
        self.stir(run);
        if self.fits(run, &lane) && (self.holds.contains_key(&run) || !self.older_waits(run, &lane)) {
            self.admit(run, lane);
            return true;
        }
        self.wait(run, lane);
        false
    }

    /// The run waits until its key is quiet, before it enters.
    pub(in crate::run) fn rest(&mut self, run: RunId, client: &ClientId) {
        if self.resting.insert(run, client.clone()).is_none() {
            add(self.resting_by_client.entry(client.clone()).or_default());
        }
    }

    /// The run waits for a person: others may use its place, nobody its key. Returns who may go on now.
    pub(in crate::run) fn pause(&mut self, run: RunId) -> Vec<RunId> {
        let Some(client) = self.give_back(run) else { return Vec::new() };
        self.rest(run, &client);
        self.next(&client)
    }

    /// The run has ended. Returns who may go on now.
    pub(in crate::run) fn leave(&mut self, run: RunId) -> Vec<RunId> {
        self.stir(run);
        let ran = self.give_back(run);
        let waited = self.unwait(run).map(|lane| lane.client);
        let held = self.holds.remove(&run);
        if let Some(key) = &held {
            self.keys.remove(key);
        }
        let client = ran.or(waited).or(held.map(|(client, ..)| client));
        client.map_or_else(Vec::new, |client| self.next(&client))
    }

    /// How many runs of a client are known here and have not ended: running, or waiting for whatever it is.
    pub(in crate::run) fn of_client(&self, client: &ClientId) -> usize {
        let count = |counts: &BTreeMap<ClientId, u32>| counts.get(client).copied().unwrap_or(0);
        let here = count(&self.by_client).saturating_add(count(&self.resting_by_client));
        let waiting = self.waiting.get(client).into_iter().flat_map(BTreeMap::values).map(BTreeMap::len).sum::<usize>();
        usize::try_from(here).unwrap_or(usize::MAX).saturating_add(waiting)
    }

    fn older_waits(&self, run: RunId, lane: &Lane) -> bool {
        let first = key_of(lane).and_then(|key| self.waits_by_key.get(&key)).and_then(BTreeSet::first);
        first.is_some_and(|oldest| *oldest < run)
    }

    fn fits(&self, run: RunId, lane: &Lane) -> bool {
        let key_free = key_of(lane).and_then(|key| self.keys.get(&key)).is_none_or(|holder| *holder == run);
        key_free && self.has_place(lane)
    }

    fn has_place(&self, lane: &Lane) -> bool {
        let place = (lane.client.clone(), lane.workflow.clone());
        let workflow = self.by_workflow.get(&place).copied().unwrap_or(0);
        let client = self.by_client.get(&lane.client).copied().unwrap_or(0);
        workflow < lane.workflow_most && client < lane.client_most
    }

    fn admit(&mut self, run: RunId, lane: Lane) {
        let place = (lane.client.clone(), lane.workflow.clone());
        if let Some(key) = key_of(&lane) {
            self.keys.insert(key.clone(), run);
            self.holds.insert(run, key);
        }
        add(self.by_workflow.entry(place).or_default());
        add(self.by_client.entry(lane.client.clone()).or_default());
        self.running.insert(run, lane);
    }

    /// Gives a place among the running back; whose it was.
    fn give_back(&mut self, run: RunId) -> Option<ClientId> {
        let lane = self.running.remove(&run)?;
        take(&mut self.by_workflow, &(lane.client.clone(), lane.workflow));
        take(&mut self.by_client, &lane.client);
        Some(lane.client)
    }

    fn wait(&mut self, run: RunId, lane: Lane) {
        self.waits.insert(run, (lane.client.clone(), lane.workflow.clone()));
        if let Some(key) = key_of(&lane) {
            self.waits_by_key.entry(key).or_default().insert(run);
        }
        let of_client = self.waiting.entry(lane.client.clone()).or_default();
        of_client.entry(lane.workflow.clone()).or_default().insert(run, lane);
    }

    fn unwait(&mut self, run: RunId) -> Option<Lane> {
        let (client, workflow) = self.waits.remove(&run)?;
        let of_client = self.waiting.get_mut(&client)?;
        let of_workflow = of_client.get_mut(&workflow)?;
        let lane = of_workflow.remove(&run)?;
        if of_workflow.is_empty() {
            of_client.remove(&workflow);
        }
        if of_client.is_empty() {
            self.waiting.remove(&client);
        }
        if let Some(key) = key_of(&lane)
            && let Some(runs) = self.waits_by_key.get_mut(&key)
        {
            runs.remove(&run);
            if runs.is_empty() {
                self.waits_by_key.remove(&key);
            }
        }
        Some(lane)
    }

    /// It rests no longer.
    fn stir(&mut self, run: RunId) {
        if let Some(client) = self.resting.remove(&run) {
            take(&mut self.resting_by_client, &client);
        }
    }

    /// Lets in whoever of a client may go on now, old runs first.
    fn next(&mut self, client: &ClientId) -> Vec<RunId> {
        let mut admitted = Vec::new();
        while let Some(run) = self.oldest(client) {
            let Some(lane) = self.unwait(run) else { break };
            self.admit(run, lane);
            admitted.push(run);
        }
        admitted
    }

    /// The oldest run of a client that may go on. Of a workflow that is full nobody is looked at.
    fn oldest(&self, client: &ClientId) -> Option<RunId> {
        let oldest = |runs: &BTreeMap<RunId, Lane>| {
            // Plans of different releases may give it different limits.
            let ends = [runs.first_key_value()?, runs.last_key_value()?];
            ends.iter().find(|(_, lane)| self.has_place(lane))?;
            runs.iter().find(|(run, lane)| self.fits(**run, lane)).map(|(run, _)| *run)
        };
        self.waiting.get(client)?.values().filter_map(oldest).min()
    }
}

/// The key of which one run goes on at a time, if the workflow has one.
fn key_of(lane: &Lane) -> Option<Key> {
    let key = lane.key.clone()?;
    Some((lane.client.clone(), lane.workflow.clone(), key))
}

fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}

/// Counts down; what is down to nothing is forgotten, so that names do not pile up.
fn take<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u8) -> RunId {
        RunId::from_bytes([n; 16])
    }

    fn lane(key: Option<&str>) -> Lane {
        Lane {
            client: ClientId::new("acme").unwrap(),
            workflow: WorkflowId::new("refund").unwrap(),
            key: key.map(str::to_owned),
            workflow_most: 2,
            client_most: 3,
        }
    }

    #[test]
    fn runs_of_one_key_go_one_after_the_other_and_wait_while_a_person_decides() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(run(1), lane(Some("a"))));
        assert!(!lanes.enter(run(2), lane(Some("a"))));
        assert!(lanes.enter(run(3), lane(Some("b"))));
        assert_eq!(lanes.pause(run(1)), []);
        assert_eq!(lanes.of_client(&ClientId::new("acme").unwrap()), 3);
        assert!(lanes.enter(run(1), lane(Some("a"))), "the holder of a key comes back to it");
        assert_eq!(lanes.leave(run(1)), [run(2)]);
    }

    #[test]
    fn whoever_holds_a_key_stands_behind_nobody_who_waits_for_it() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(run(2), lane(Some("a"))));
        assert_eq!(lanes.pause(run(2)), []);
        assert!(!lanes.enter(run(1), lane(Some("a"))), "it is older, and came later");
        assert!(lanes.enter(run(2), lane(Some("a"))));
        assert_eq!(lanes.leave(run(2)), [run(1)]);
    }

    #[test]
    fn after_a_start_a_key_is_whose_it_was() {
        let (mut lanes, lane) = (Lanes::default(), lane(Some("a")));
        for n in [2, 1, 3] {
            lanes.reclaim(run(n), &lane.client, &lane.workflow, "a");
        }
        assert!(!lanes.enter(run(2), lane.clone()));
        assert!(lanes.enter(run(1), lane.clone()));
        assert_eq!(lanes.leave(run(1)), [run(2)]);
        // One that ends before it came back leaves its key.
        lanes.leave(run(2));
        lanes.reclaim(run(4), &lane.client, &lane.workflow, "a");
        assert!(!lanes.enter(run(5), lane));
        assert_eq!(lanes.leave(run(4)), [run(5)]);
    }

    #[test]
    fn whoever_waits_for_a_person_is_counted_until_its_end() {
        let (mut lanes, acme) = (Lanes::default(), ClientId::new("acme").unwrap());
        for n in 1..=2 {
            assert!(lanes.enter(run(n), lane(None)));
            assert_eq!(lanes.pause(run(n)), []);
        }
        assert_eq!(lanes.of_client(&acme), 2);
        assert!(lanes.enter(run(1), lane(None)), "it has been decided");
        assert_eq!(lanes.of_client(&acme), 2);
        lanes.leave(run(1));
        lanes.leave(run(2));
        assert_eq!(lanes.of_client(&acme), 0);
    }

    #[test]
    fn a_workflow_and_a_client_have_so_many_places() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(run(1), lane(None)) && lanes.enter(run(2), lane(None)));
        assert!(!lanes.enter(run(3), lane(None)), "the workflow is full");
        let other = |n| Lane { workflow: WorkflowId::new(n).unwrap(), ..lane(None) };
        assert!(lanes.enter(run(4), other("other")));
        assert!(!lanes.enter(run(5), other("third")), "the client is full");
        assert_eq!(lanes.leave(run(4)), [run(5)]);
        assert_eq!(lanes.leave(run(1)), [run(3)]);
        assert_eq!(lanes.leave(run(2)), []);
    }

    #[test]
    fn the_oldest_of_a_key_goes_first() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(run(1), lane(Some("a"))));
        assert!(!lanes.enter(run(3), lane(Some("a"))));
        assert!(!lanes.enter(run(2), lane(Some("a"))));
        assert_eq!(lanes.leave(run(1)), [run(2)]);
    }
}
