//! Every history of three plans up to a depth, crashes included, against what people would say of it in their own words.
//!
//! A crash before the transaction is durable is the state before; one after it is the state after; so each state that is
//! reached is also started from. Two workflows share nothing but the release: the same is walked for two on one board.

use assent_schema::time::Period;

use super::*;
use crate::deploy::board::{Accepted, Board, Place};

/// How many events follow one another, and for two workflows.
const DEPTH: usize = 4;
const DEPTH_OF_TWO: usize = 2;
const PLANS: [u8; 3] = [1, 2, 3];
const LATER: Period = Period::days(8);

fn plan(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

/// One thing that happens, and the world around it.
#[derive(Clone)]
struct Happening {
    events: Vec<Event>,
    around: Surroundings,
}

/// What somebody who watched would know, without a look at the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Watcher {
    named: Option<Digest>,
    ever_named: BTreeSet<Digest>,
    denied: BTreeSet<Digest>,
    sent_back: BTreeSet<Digest>,
    /// What was committed last, or gone back to: what must run below a trial that may not. A release that names no plan, or
    /// bars this one, ends it: a plan that was off comes back when a release names it, and not before.
    below: Option<Digest>,
}

impl Watcher {
    fn sees(&mut self, event: &Event, changes: &[Change]) {
        if let Event::Accepted { named, denied, readmitted, returned } = event {
            self.named = *named;
            self.ever_named.extend(*named);
            self.denied.clone_from(denied);
            self.sent_back.retain(|plan| !readmitted.contains(plan));
            // Known at once, whether it was ever here or not.
            self.sent_back.extend(returned);
        }
        if matches!(event, Event::Accepted { .. }) {
            let named = self.named;
            self.below = self.below.filter(|below| named.is_some() && self.is_good(*below));
        }
        for change in changes {
            match change {
                Change::Committed { plan, .. } => self.below = Some(*plan),
                Change::Returned { plan, to, .. } => {
                    self.sent_back.insert(*plan);
                    // Readmitted, it begins anew.
                    self.below = to.or(self.below.filter(|below| below != plan));
                }
                Change::Staged(_) | Change::Trial(_) | Change::StaysRefused(_) | Change::Denied(_) | Change::Off(_) => {
                }
            }
        }
    }

    fn is_good(&self, plan: Digest) -> bool {
        self.ever_named.contains(&plan) && !self.denied.contains(&plan) && !self.sent_back.contains(&plan)
    }

    /// What must hold after each event.
    fn judges(&self, before: Option<Digest>, after: &Workflow, changes: &[Change], frozen: bool) {
        let active = after.active();
        if let Some(runs) = active {
            assert!(self.is_good(runs), "{runs} runs: {self:?}\n{after:?}");
        }
        let Some(named) = self.named else {
            return assert_eq!(active, None, "no release names it: {after:?}");
        };
        if self.is_good(named) && !frozen {
            assert_eq!(active, Some(named), "the named plan is good and does not run: {self:?}\n{after:?}");
        }
        if let Some(ran) = before.filter(|ran| self.is_good(*ran)) {
            assert!(active.is_some(), "{ran} ran, is good, and nothing runs: {self:?}\n{after:?}");
        }
        if let Some(below) = self.below.filter(|below| self.is_good(*below)) {
            assert!(active.is_some(), "{below} was committed, is good, and nothing runs: {self:?}\n{after:?}");
        }
        let told_off = changes.iter().any(|change| matches!(change, Change::Off(_)));
        assert_eq!(told_off, before.is_some() && active.is_none(), "{changes:?}");
    }
}

/// Everything that can happen.
fn alphabet() -> Vec<Happening> {
    let none = BTreeSet::new();
    let all: BTreeSet<Digest> = PLANS.map(plan).into();
    let denials = PLANS.map(|n| BTreeSet::from([plan(n)])).into_iter().chain([none.clone(), all]);
    let mut events: Vec<Vec<Event>> = Vec::new();
    for denied in denials {
        for named in PLANS.map(|n| Some(plan(n))).into_iter().chain([None]) {
            let accepted = |readmitted: BTreeSet<Digest>, returned: BTreeSet<Digest>| {
                vec![Event::Accepted { named, denied: denied.clone(), readmitted, returned }]
            };
            events.push(accepted(none.clone(), none.clone()));
            events.push(accepted(named.into_iter().collect(), none.clone()));
            // A rollback: what another release named went back, and a manifest that contradicts itself.
            if denied.is_empty() {
                events.extend(PLANS.map(|back| accepted(none.clone(), [plan(back)].into())));
            }
        }
    }
    for n in PLANS {
        let ended = |went| Event::Ended { plan: plan(n), went, took_ms: 5 };
        events.extend([vec![ended(Went::Well)], vec![ended(Went::Well); 20], vec![ended(Went::Badly)]]);
    }
    events.extend([Event::Halt, Event::Tick, Event::RollBack].map(|event| vec![event]));
    events.extend([true, false].map(|open| vec![Event::Boot { open }]));
    let starts = [Period::seconds(0), LATER].map(|passed| Moment::from_seconds(0).plus(passed));
    let arounds = starts.into_iter().flat_map(|now| [true, false].map(|frozen| Surroundings { now, frozen }));
    arounds.flat_map(|around| events.clone().into_iter().map(move |events| Happening { events, around })).collect()
}

/// A release that lets nothing back in and takes nothing back.
fn accepted(named: Option<Digest>, denied: &BTreeSet<Digest>) -> Event {
    Event::Accepted { named, denied: denied.clone(), readmitted: BTreeSet::new(), returned: BTreeSet::new() }
}

/// Takes what happens, judging after each event.
fn play(mut workflow: Workflow, mut watcher: Watcher, what: &Happening) -> (Workflow, Watcher) {
    for event in &what.events {
        let before = workflow.active();
        let (after, changes) = workflow.step(event, what.around);
        watcher.sees(event, &changes);
        watcher.judges(before, &after, &changes, what.around.frozen || after.staged.is_some());
        workflow = after;
    }
    (workflow, watcher)
}

#[test]
fn no_history_runs_what_it_must_not_or_nothing_where_it_could() {
    let alphabet = alphabet();
    let mut seen = BTreeSet::from([(Workflow::default(), Watcher::default())]);
    let mut edge: Vec<(Workflow, Watcher)> = seen.iter().cloned().collect();
    let depth = if std::env::var_os("ASSENT_DEEP").is_some() { DEPTH + 1 } else { DEPTH };
    for _ in 0..depth {
        let mut next = Vec::new();
        for (workflow, watcher) in edge {
            for what in &alphabet {
                let state = play(workflow.clone(), watcher.clone(), what);
                if seen.insert(state.clone()) {
                    next.push(state);
                }
            }
        }
        edge = next;
    }
    assert!(seen.len() > 5_000, "only {} states", seen.len());
}

/// The watcher itself: 1 is committed, a release names 2, the next one denies it. Nothing that ran just before is good, and yet
/// a machine that then runs nothing is found out.
#[test]
#[should_panic(expected = "was committed, is good, and nothing runs")]
fn a_machine_that_forgets_what_stands_below_a_denied_trial_is_found_out() {
    let around = Surroundings { now: Moment::from_seconds(0), frozen: false };
    let happens = |events: Vec<Event>| Happening { events, around };
    let start = (Workflow::default(), Watcher::default());
    let well = Event::Ended { plan: plan(1), went: Went::Well, took_ms: 5 };
    let mut first = vec![accepted(Some(plan(1)), &BTreeSet::new())];
    first.extend(vec![well; 20]);
    let (state, watcher) = play(start.0, start.1, &happens(first));
    let (state, mut watcher) = play(state, watcher, &happens(vec![accepted(Some(plan(2)), &BTreeSet::new())]));
    assert_eq!((state.active(), watcher.below), (Some(plan(2)), Some(plan(1))));
    watcher.sees(&accepted(Some(plan(2)), &[plan(2)].into()), &[]);
    watcher.judges(state.active(), &Workflow::default(), &[Change::Off(Off::NotPermitted)], false);
}

/// A copy of the state is put back, or runs elsewhere too: the agent halts, starts nothing, judges the newest release, and
/// on-call lets it go on. Whatever the copy did not know yet of statements counts then, and so does each plan that went back
/// since: the agent published that, and learns it from what it published.
#[test]
fn a_copy_that_goes_on_runs_what_the_newest_release_allows_and_nothing_that_went_back() {
    let alphabet = alphabet();
    let start = (Workflow::default(), Watcher::default());
    let around = Surroundings { now: Moment::from_seconds(0).plus(LATER), frozen: false };
    let bad = PLANS.map(|n| vec![Event::Ended { plan: plan(n), went: Went::Badly, took_ms: 5 }; 2]);
    let since: Vec<Happening> =
        bad.map(|events| Happening { events, around }).into_iter().chain(alphabet.clone()).collect();
    let mut learnt = 0;
    for first in &alphabet {
        let (copied, knew) = play(start.0.clone(), start.1.clone(), first);
        for second in &since {
            let (lost, mut watcher) = play(copied.clone(), knew.clone(), second);
            let newest = accepted(watcher.named, &watcher.denied);
            // Nothing runs meanwhile, so nothing of it is judged.
            let quiet = [
                Event::Halt,
                newest.clone(),
                Event::Learnt { returned: lost.refused.clone() },
                Event::Boot { open: true },
            ];
            let booted = quiet.iter().fold(copied.clone(), |state, event| {
                let (state, changes) = state.step(event, around);
                watcher.sees(&Event::Tick, &changes);
                state
            });
            // What the copy holds back it holds back, though a release let it in again meanwhile: that one must say so again.
            watcher.sent_back.extend(copied.refused.keys());
            learnt += usize::from(lost.refused.len() > copied.refused.len());
            play(booted, watcher, &Happening { events: vec![newest], around });
        }
    }
    assert!(learnt > 50, "only {learnt} of them went back meanwhile");
}

/// What the machine hears twice, or of a plan that it never had, changes nothing of what runs.
#[test]
fn what_went_back_is_learnt_once() {
    let around = Surroundings { now: Moment::from_seconds(0), frozen: false };
    let named = accepted(Some(plan(1)), &BTreeSet::new());
    let (state, _) = Workflow::default().step(&named, around);
    let learn = |plans: &[u8]| Event::Learnt { returned: plans.iter().map(|n| (plan(*n), Why::Latency)).collect() };
    let (state, changes) = state.step(&learn(&[2]), around);
    assert_eq!((state.active(), changes), (Some(plan(1)), vec![]));
    let (state, changes) = state.step(&learn(&[1, 2]), around);
    assert_eq!((state.active(), state.refused.len(), changes.len()), (None, 2, 2), "{changes:?}");
    let (again, changes) = state.clone().step(&learn(&[1, 2]), around);
    assert_eq!((again, changes), (state, vec![]));
}

/// Something that is proposed to a board.
type Step<'a> = Box<dyn Fn(&Board) -> crate::deploy::Proposal + 'a>;

/// What happens to one workflow changes nothing of the other.
#[test]
fn two_workflows_on_a_board_go_their_own_ways() {
    let place = |name: &str| -> Place { ("acme".parse().unwrap(), name.parse().unwrap()) };
    let (one, two) = (place("one"), place("two"));
    let now = Moment::from_seconds(0);
    let both = |first: u8, second: u8, denied: &[u8]| Accepted {
        named: [(one.clone(), plan(first)), (two.clone(), plan(second))].into(),
        denied: denied.iter().copied().map(plan).collect(),
        ..Accepted::default()
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    for n in PLANS {
        for (went, count) in [(Went::Well, 20), (Went::Badly, 2)] {
            let one = one.clone();
            steps.push(Box::new(move |board| {
                let event = Event::Ended { plan: plan(n), went, took_ms: 5 };
                board.after(std::iter::repeat_n((&one, event), count), now)
            }));
        }
        for denied in PLANS {
            let accepted = both(n, 9, &[denied]);
            steps.push(Box::new(move |board| board.accept(&accepted, now)));
        }
    }
    let (here, there) = (one.clone(), two.clone());
    steps.push(Box::new(move |board| board.roll_back(&here, now).unwrap_or_default()));
    let mut start = Board::default();
    start.apply(start.accept(&both(1, 9, &[]), now));
    let mut edge = vec![start];
    for _ in 0..=DEPTH_OF_TWO {
        let mut next = Vec::new();
        for board in &edge {
            for step in &steps {
                let proposal = step(board);
                // Before it is durable nothing has changed: the board that a crash leaves is the one that stood.
                let mut after = board.clone();
                after.apply(proposal);
                assert_eq!(after.workflows()[&there].active(), Some(plan(9)), "{after:?}");
                next.push(after);
            }
        }
        edge = next;
    }
}
