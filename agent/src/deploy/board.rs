//! The plans of all workflows of this agent. Pure: it proposes what would change; who made that durable lets it count.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::client::Freeze;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::time::Moment;

use super::machine::{Change, Event, NoRollback, Surroundings, Why, Workflow};
use crate::run::Went;

/// One workflow of one client.
pub type Place = (ClientId, WorkflowId);

/// Plans that went back, each with its reason, by workflow.
pub type Returned = BTreeMap<Place, BTreeMap<Digest, Why>>;

/// What an accepted release, or the same one verified again, means for the plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The plan that the release names for each workflow.
    pub named: BTreeMap<Place, Digest>,
    /// Plans kept here or named that are not permitted now.
    pub denied: BTreeSet<Digest>,
    /// Plans that the release lets back in; empty unless the release is new.
    pub readmitted: BTreeSet<Digest>,
    /// Plans that the release says were taken back, and does not let back in.
    pub returned: BTreeSet<Digest>,
    /// The freeze windows of each client, always the newest.
    pub freezes: BTreeMap<ClientId, Vec<Freeze>>,
}

/// The plans of all workflows, as the last durable proposal left them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    workflows: BTreeMap<Place, Workflow>,
    freezes: BTreeMap<ClientId, Vec<Freeze>>,
}

/// What would change. Nothing of it counts before it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// The workflows that differ, each with its state after.
    pub next: BTreeMap<Place, Workflow>,
    /// What happened, for ledger, status and alerts, in order of the places.
    pub changes: Vec<(Place, Change)>,
    /// The freeze windows from then on, where a release said them anew.
    pub freezes: Option<BTreeMap<ClientId, Vec<Freeze>>>,
}

impl Proposal {
    /// Whether there is nothing to make durable.
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }
}

impl Board {
    /// The board as it was made durable; freezes come with the first accepted release.
    pub fn new(workflows: BTreeMap<Place, Workflow>) -> Self {
        Self { workflows, freezes: BTreeMap::new() }
    }

    /// All workflows.
    pub fn workflows(&self) -> &BTreeMap<Place, Workflow> {
        &self.workflows
    }

    /// Every plan whose file must be kept.
    pub fn plans(&self) -> BTreeSet<Digest> {
        self.workflows.values().flat_map(Workflow::plans).collect()
    }

    /// What an accepted release changes.
    pub fn accept(&self, accepted: &Accepted, now: Moment) -> Proposal {
        let places: BTreeSet<&Place> = self.workflows.keys().chain(accepted.named.keys()).collect();
        let mut proposal = Proposal { freezes: Some(accepted.freezes.clone()), ..Proposal::default() };
        for place in places {
            let named = accepted.named.get(place).copied();
            // What is denied, readmitted or taken back of other workflows, and of other clients, is nothing to this one: neither its state
            // nor its ledger may tell of it.
            let mine = self.workflows.get(place).map(Workflow::every_plan).unwrap_or_default();
            let own = |plans: &BTreeSet<Digest>| {
                mine.iter().copied().chain(named).filter(|plan| plans.contains(plan)).collect()
            };
            let event = Event::Accepted {
                named,
                denied: own(&accepted.denied),
                readmitted: own(&accepted.readmitted),
                returned: own(&accepted.returned),
            };
            let frozen = is_frozen(&accepted.freezes, &place.0, now);
            self.step(place, &event, Surroundings { now, frozen }, &mut proposal);
        }
        proposal
    }

    /// What the end of a run changes.
    pub fn ended(&self, place: &Place, plan: Digest, went: Went, took_ms: u32, now: Moment) -> Proposal {
        self.one(place, &Event::Ended { plan, went, took_ms }, now)
    }

    /// What several events change, one after the other. Each is a place and what happened there.
    pub fn after<'a>(&self, events: impl IntoIterator<Item = (&'a Place, Event)>, now: Moment) -> Proposal {
        let mut proposal = Proposal::default();
        for (place, event) in events {
            if self.workflows.contains_key(place) {
                self.step(place, &event, self.around(place, now), &mut proposal);
            }
        }
        proposal
    }

    /// What a rollback by hand changes.
    ///
    /// # Errors
    /// When there is no plan to go back to.
    pub fn roll_back(&self, place: &Place, now: Moment) -> Result<Proposal, NoRollback> {
        self.workflows.get(place).ok_or(NoRollback::NothingRuns)?.rollback_target()?;
        Ok(self.one(place, &Event::RollBack, now))
    }

    /// What it changes to hear that plans went back of which this board, put back from a copy, does not know.
    pub fn learn(&self, returned: &Returned, now: Moment) -> Proposal {
        let mut proposal = Proposal::default();
        for (place, plans) in returned {
            let event = Event::Learnt { returned: plans.clone() };
            self.step(place, &event, self.around(place, now), &mut proposal);
        }
        proposal
    }

    /// What a start changes. `open` has the plans of runs that were under way when the agent stopped last.
    pub fn boot(&self, open: &BTreeSet<Digest>, now: Moment) -> Proposal {
        self.all(now, |workflow| {
            let open = workflow.trial.as_ref().is_some_and(|trial| open.contains(&trial.plan));
            Event::Boot { open }
        })
    }

    /// What a clean stop changes.
    pub fn halt(&self, now: Moment) -> Proposal {
        self.all(now, |_| Event::Halt)
    }

    /// What time alone changes.
    pub fn tick(&self, now: Moment) -> Proposal {
        self.all(now, |_| Event::Tick)
    }

    /// Takes a proposal that is durable now.
    pub fn apply(&mut self, proposal: Proposal) {
        self.workflows.extend(proposal.next);
        // Nothing is left of a workflow that no release names and that has no past worth keeping.
        self.workflows.retain(|_, workflow| *workflow != Workflow::default());
        if let Some(freezes) = proposal.freezes {
            self.freezes = freezes;
        }
    }

    fn one(&self, place: &Place, event: &Event, now: Moment) -> Proposal {
        let mut proposal = Proposal::default();
        if self.workflows.contains_key(place) {
            self.step(place, event, self.around(place, now), &mut proposal);
        }
        proposal
    }

    fn all(&self, now: Moment, event: impl Fn(&Workflow) -> Event) -> Proposal {
        let mut proposal = Proposal::default();
        for (place, workflow) in &self.workflows {
            self.step(place, &event(workflow), self.around(place, now), &mut proposal);
        }
        proposal
    }

    fn around(&self, place: &Place, now: Moment) -> Surroundings {
        Surroundings { now, frozen: is_frozen(&self.freezes, &place.0, now) }
    }

    fn step(&self, place: &Place, event: &Event, around: Surroundings, proposal: &mut Proposal) {
        let before = proposal.next.get(place).or_else(|| self.workflows.get(place)).cloned().unwrap_or_default();
        let (after, changes) = before.clone().step(event, around);
        proposal.changes.extend(changes.into_iter().map(|change| (place.clone(), change)));
        if after != before {
            proposal.next.insert(place.clone(), after);
        }
    }
}

fn is_frozen(freezes: &BTreeMap<ClientId, Vec<Freeze>>, client: &ClientId, now: Moment) -> bool {
    freezes.get(client).is_some_and(|windows| windows.iter().any(|w| w.from <= now && now < w.until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(workflow: &str) -> Place {
        (ClientId::new("acme").unwrap(), WorkflowId::new(workflow).unwrap())
    }

    fn plan(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    fn naming(pairs: &[(&str, u8)]) -> Accepted {
        let named = pairs.iter().map(|(workflow, n)| (place(workflow), plan(*n))).collect();
        Accepted { named, ..Accepted::default() }
    }

    #[test]
    fn a_failing_plan_goes_back_alone() {
        let now = Moment::from_seconds(0);
        let mut board = Board::default();
        board.apply(board.accept(&naming(&[("refund", 1), ("tag", 2)]), now));
        for _ in 0..20 {
            board.apply(board.ended(&place("refund"), plan(1), Went::Well, 5, now));
            board.apply(board.ended(&place("tag"), plan(2), Went::Well, 5, now));
        }
        board.apply(board.accept(&naming(&[("refund", 3), ("tag", 4)]), now));
        for _ in 0..2 {
            board.apply(board.ended(&place("refund"), plan(3), Went::Badly, 5, now));
        }
        assert_eq!(board.workflows()[&place("refund")].active(), Some(plan(1)));
        assert_eq!(board.workflows()[&place("tag")].active(), Some(plan(4)));
    }

    /// Whose plans are denied or readmitted is nobody else's business: not of another workflow's state, nor its ledger.
    #[test]
    fn what_is_denied_of_one_workflow_is_not_told_of_another() {
        let now = Moment::from_seconds(0);
        let other = (ClientId::new("bolt").unwrap(), WorkflowId::new("tag").unwrap());
        let mut accepted = naming(&[("refund", 1)]);
        accepted.named.insert(other.clone(), plan(2));
        let mut board = Board::default();
        board.apply(board.accept(&accepted, now));
        accepted.denied = [plan(1), plan(9)].into();
        let proposal = board.accept(&accepted, now);
        let told: Vec<_> = proposal.changes.iter().map(|(at, change)| (at.clone(), change.clone())).collect();
        let off = Change::Off(super::super::machine::Off::NotPermitted);
        assert_eq!(told, [(place("refund"), Change::Denied(plan(1))), (place("refund"), off)]);
        board.apply(proposal);
        assert!(board.workflows()[&other].denied.is_empty() && board.workflows()[&other].active() == Some(plan(2)));
        assert_eq!(board.workflows()[&place("refund")].denied, [plan(1)].into());
    }

    #[test]
    fn a_proposal_that_is_not_applied_changes_nothing() {
        let now = Moment::from_seconds(0);
        let board = Board::default();
        let proposal = board.accept(&naming(&[("refund", 1)]), now);
        assert_eq!(proposal.changes, [(place("refund"), Change::Trial(plan(1)))]);
        assert_eq!(board, Board::default());
    }

    #[test]
    fn a_freeze_is_the_clients_own() {
        let now = Moment::from_seconds(100);
        let window = |from, until| Freeze {
            from: Moment::from_seconds(from),
            until: Moment::from_seconds(until),
            reason: "peak".into(),
        };
        let mut accepted = naming(&[("refund", 1)]);
        accepted.freezes.insert(ClientId::new("acme").unwrap(), vec![window(0, 50), window(100, 200)]);
        let mut board = Board::default();
        board.apply(board.accept(&accepted, now));
        assert_eq!(board.workflows()[&place("refund")].active(), None);
        board.apply(board.tick(Moment::from_seconds(199)));
        assert_eq!(board.workflows()[&place("refund")].active(), None);
        board.apply(board.tick(Moment::from_seconds(200)));
        assert_eq!(board.workflows()[&place("refund")].active(), Some(plan(1)));
        let mut other = naming(&[("refund", 1)]);
        other.freezes.insert(ClientId::new("bolt").unwrap(), vec![window(100, 200)]);
        assert!(!Board::default().accept(&other, now).is_empty());
    }
}
