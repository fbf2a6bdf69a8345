//! Which run may go on now: limits per workflow and client, and runs of one key one after the other. Pure.
//!
//! A run that waits for a person gives its place among the running back and keeps its key.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{ClientId, WorkflowId};

use crate::store::RunId;

/// What a run takes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// Whose run.
    pub(super) client: ClientId,
    /// Of which workflow.
    pub(super) workflow: WorkflowId,
    /// The value of `one_at_a_time`.
    pub(super) key: Option<String>,
    /// Runs at once of the workflow.
    pub(super) workflow_most: u32,
    /// Runs at once of the client.
    pub(super) client_most: u32,
}

/// All runs that are known here: running, and those that wait for their place in order of their age.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    running: BTreeMap<RunId, Lane>,
    waiting: BTreeMap<RunId, Lane>,
    by_workflow: BTreeMap<(ClientId, WorkflowId), u32>,
    by_client: BTreeMap<ClientId, u32>,
    keys: BTreeMap<(ClientId, WorkflowId, String), RunId>,
    /// Runs that wait until their key is quiet: they hold nothing, and count as known.
    resting: BTreeMap<RunId, ClientId>,
}

impl Lanes {
    /// Lets a run in, or puts it among those that wait. True when it may go on at once.
    pub(super) fn enter(&mut self, run: RunId, lane: Lane) -> bool {
        self.resting.remove(&run);
        if self.fits(run, &lane) && !self.older_waits(run, &lane) {
            self.admit(run, lane);
            return true;
        }
        self.waiting.insert(run, lane);
        false
    }

    /// The run waits until its key is quiet, before it enters.
    pub(super) fn rest(&mut self, run: RunId, client: &ClientId) {
        self.resting.insert(run, client.clone());
    }

    /// The run waits for a person: others may use its place, nobody its key. Returns who may go on now.
    pub(super) fn pause(&mut self, run: RunId) -> Vec<RunId> {
        self.give_back(run);
        self.next()
    }

    /// The run has ended. Returns who may go on now.
    pub(super) fn leave(&mut self, run: RunId) -> Vec<RunId> {
        self.give_back(run);
        self.waiting.remove(&run);
        self.resting.remove(&run);
        self.keys.retain(|_, holder| *holder != run);
        self.next()
    }

    /// How many runs of a client are known here: running, waiting for their place, or holding a key while they wait.
    pub(super) fn of_client(&self, client: &ClientId) -> usize {
        let here = |runs: &BTreeMap<RunId, Lane>| runs.values().filter(|lane| lane.client == *client).count();
        let resting = self.resting.values().filter(|other| *other == client).count();
        here(&self.running).saturating_add(here(&self.waiting)).saturating_add(resting)
    }

    fn older_waits(&self, run: RunId, lane: &Lane) -> bool {
        let same =
            |other: &Lane| other.client == lane.client && other.workflow == lane.workflow && other.key == lane.key;
        lane.key.is_some() && self.waiting.iter().any(|(id, other)| *id < run && same(other))
    }

    fn fits(&self, run: RunId, lane: &Lane) -> bool {
        let place = (lane.client.clone(), lane.workflow.clone());
        let workflow = self.by_workflow.get(&place).copied().unwrap_or(0);
        let client = self.by_client.get(&lane.client).copied().unwrap_or(0);
        let key_free = lane.key.as_ref().is_none_or(|key| {
            let holder = self.keys.get(&(lane.client.clone(), lane.workflow.clone(), key.clone()));
            holder.is_none_or(|holder| *holder == run)
        });
        key_free && workflow < lane.workflow_most && client < lane.client_most
    }

    fn admit(&mut self, run: RunId, lane: Lane) {
        let place = (lane.client.clone(), lane.workflow.clone());
        if let Some(key) = &lane.key {
            self.keys.insert((lane.client.clone(), lane.workflow.clone(), key.clone()), run);
        }
        add(self.by_workflow.entry(place).or_default());
        add(self.by_client.entry(lane.client.clone()).or_default());
        self.running.insert(run, lane);
    }

    fn give_back(&mut self, run: RunId) {
        let Some(lane) = self.running.remove(&run) else { return };
        let place = (lane.client.clone(), lane.workflow);
        take(&mut self.by_workflow, &place);
        take(&mut self.by_client, &lane.client);
    }

    fn next(&mut self) -> Vec<RunId> {
        let mut admitted = Vec::new();
        // Old runs first. A key that is passed over once is passed over for younger runs too.
        let mut passed: BTreeSet<(ClientId, WorkflowId, Option<String>)> = BTreeSet::new();
        for run in self.waiting.keys().copied().collect::<Vec<_>>() {
            let Some(lane) = self.waiting.get(&run).cloned() else { continue };
            let key = (lane.client.clone(), lane.workflow.clone(), lane.key.clone());
            if passed.contains(&key) || !self.fits(run, &lane) {
                passed.insert(key);
                continue;
            }
            self.waiting.remove(&run);
            self.admit(run, lane);
            admitted.push(run);
        }
        admitted
    }
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
        assert_eq!(lanes.of_client(&ClientId::new("acme").unwrap()), 2);
        assert!(lanes.enter(run(1), lane(Some("a"))), "the holder of a key comes back to it");
        assert_eq!(lanes.leave(run(1)), [run(2)]);
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
