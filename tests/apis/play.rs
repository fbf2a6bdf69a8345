//! Events are sent to an agent, people decide, and in the end each is accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use assent_agent::control::RunState;
use assent_agent::store::{Aim, Ending, Entry, RunFilter, RunId, Sqlite, Store as _, TriggerKind};
use assent_compiler::command::demo::stage::clock;
use assent_schema::id::OperationRef;
use assent_tests::account::judge;
use assent_tests::generate::Dice;
use assent_tests::systems::{EVENT, Served, Systems};

use super::site::{Kind, Site, bodies};

pub(crate) const SEED: u64 = 7;
/// The number of the first event: no number is the beginning of another.
const FIRST: usize = 1_000;
/// How long ends are waited for: an agent tells nobody that a run has ended, and writes it down.
const WAITED_MOST: Duration = Duration::from_mins(10);

/// One event and what its sender knows.
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) workflow: &'static str,
    pub(crate) kind: Kind,
    pub(crate) run: RunId,
    pub(crate) paid: bool,
}

pub(crate) struct Play {
    pub(crate) site: Site,
    pub(crate) systems: Systems,
    pub(crate) served: Served,
    pub(crate) sent: Vec<Sent>,
}

impl Play {
    /// The agent begins to work, and systems that were served before know what it may ask.
    pub(crate) fn begin(mut site: Site, served: Served) -> Self {
        let systems = Systems::new(site.plans.clone(), SEED, clock().expect("a clock"));
        served.play(&systems);
        site.begin();
        Self { site, systems, served, sent: Vec::new() }
    }

    /// Sends so many events of each workflow, and does something after each.
    pub(crate) fn events(&mut self, each: usize, mut then: impl FnMut(&mut Self)) {
        for _ in 0..each {
            for (workflow, kind) in self.site.cast.workflows {
                self.event(workflow, *kind);
                then(self);
            }
        }
    }

    pub(crate) fn event(&mut self, workflow: &'static str, kind: Kind) {
        let name = format!("{EVENT}{}", FIRST.saturating_add(self.sent.len()));
        let (body, _) = bodies(kind, &name);
        let run = self.site.send(workflow, &name, &body);
        if Dice::of(SEED, &["twice", &name]).one_in(5) {
            assert_eq!(self.site.send(workflow, &name, &body), run, "{name} came twice and is one run");
        }
        self.sent.push(Sent { name, workflow, kind, run, paid: false });
    }

    /// Answers what people are asked and what runs wait for, until all runs have ended.
    pub(crate) fn end(&mut self, agrees: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while began.elapsed() < WAITED_MOST {
            let runs: BTreeMap<RunId, RunState> =
                self.site.runs().into_iter().map(|row| (row.run, row.state)).collect();
            let mut left = 0_usize;
            for sent in &mut self.sent {
                match runs.get(&sent.run) {
                    Some(RunState::Waiting) => {
                        self.site.decide(sent.run, agrees(&sent.name));
                    }
                    Some(RunState::Resting) if sent.kind == Kind::RefusedThenPaid && !sent.paid => {
                        let (_, later) = bodies(sent.kind, &sent.name);
                        self.site.hear(sent.workflow, &format!("{}-paid", sent.name), &later.expect("a payment"));
                        sent.paid = true;
                    }
                    Some(RunState::Running | RunState::Resting) => {}
                    Some(_) => continue,
                    None => panic!("{} has no run", sent.name),
                }
                left = left.saturating_add(1);
            }
            if left == 0 {
                return;
            }
            // Each look is an entry of the ledger.
            self.site.changes.next_from_now();
        }
        panic!("runs have no end: {:?}", self.site.runs());
    }

    /// What is wrong, and why runs did not end `done`.
    pub(crate) fn account(&self, store: &Sqlite) -> (Vec<String>, BTreeMap<String, u64>) {
        let (mut wrong, mut why, mut known) = (Vec::new(), BTreeMap::<String, u64>::new(), BTreeSet::new());
        let (done, queue) = (self.systems.done().clone(), store.queue().expect("its queue"));
        let runs = store.runs(&RunFilter { most: usize::MAX, ..RunFilter::default() }).expect("its runs");
        for sent in &self.sent {
            let journal = journal(store, sent.run);
            let items = queue.iter().filter(|item| item.run == sent.run).count();
            let judged = judge(&self.site.client, &sent.name, &journal.iter().collect::<Vec<_>>(), items, &done);
            let ended = judged.ending.map_or("not ended", Ending::as_str);
            let at = judged.why.as_deref().unwrap_or("-");
            *why.entry(format!("{} {ended}: {at}", sent.workflow)).or_default() += 1;
            wrong.extend(judged.wrong);
            known.extend(judged.known.into_iter().map(|name| (self.site.client.clone(), name, sent.name.clone())));
        }
        let unknown = done.keys().filter(|place| !known.contains(*place));
        wrong.extend(
            unknown.map(|(client, operation, event)| format!("{client} {event}: nobody knows of `{operation}`")),
        );
        let of_events: BTreeSet<RunId> = self.sent.iter().map(|sent| sent.run).collect();
        // Schedules of the example begin runs, too.
        let others =
            runs.iter().filter(|line| line.accepted.trigger == TriggerKind::Webhook && !of_events.contains(&line.run));
        wrong.extend(others.map(|line| format!("run {} is of no event", line.run)));
        (wrong, why)
    }

    /// Runs that were about to call an operation.
    pub(crate) fn called(&self, store: &Sqlite, operation: &str) -> usize {
        let is_of = |name: &OperationRef| name.to_string() == operation;
        let calls =
            |entry: &Entry| matches!(entry, Entry::Intent(one) if one.aim == Aim::Step && is_of(&one.operation));
        self.sent.iter().filter(|sent| journal(store, sent.run).iter().any(calls)).count()
    }
}

fn journal(store: &Sqlite, run: RunId) -> Vec<Entry> {
    store.journal(run).expect("its journal").into_iter().map(|row| row.entry).collect()
}
