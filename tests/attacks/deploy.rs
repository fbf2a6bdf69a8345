//! Plans that were sent back, denied or superseded, and releases that try to bring them in again.

use std::collections::BTreeSet;

use assent_agent::deploy::machine::{Event, Surroundings, Why};
use assent_agent::deploy::{Accepted, Board, Change, Place, Workflow};
use assent_agent::run::Went;
use assent_schema::canon::Digest;
use assent_schema::client::Freeze;
use assent_schema::release::Readmitted;
use assent_schema::time::{Moment, Period};

use super::fixture::{acme, at};
use super::table::{Attack, Verdict, attack};
use super::world::World;

fn plan(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

fn here() -> Place {
    (acme(), "refund".parse().unwrap())
}

fn named(n: u8) -> Accepted {
    Accepted { named: [(here(), plan(n))].into(), ..Accepted::default() }
}

fn readmitting(n: u8, again: &[u8]) -> Accepted {
    Accepted { readmitted: again.iter().copied().map(plan).collect(), ..named(n) }
}

/// What a release means for an agent: it lets plan 2 in, as this one says it, since that release; the agent holds another one.
fn since(sequence: u64, since: u64, holds: (u32, u64)) -> Accepted {
    let world = World { sequence, ..World::honest() };
    let mut manifest = world.manifest(&world.listed());
    manifest.readmitted =
        vec![Readmitted { since: Some(since), ..Readmitted::now(plan(2), "fixed elsewhere".to_owned()) }];
    Accepted { readmitted: manifest.lets_in(holds).map(|(plan, _)| plan).collect(), ..named(2) }
}

fn taking_back(n: u8, back: &[u8]) -> Accepted {
    Accepted { returned: back.iter().copied().map(plan).collect(), ..named(n) }
}

fn denying(n: u8, denied: &[u8]) -> Accepted {
    Accepted { denied: denied.iter().copied().map(plan).collect(), ..named(n) }
}

/// A board on which plan 1 proved itself.
struct Desk {
    board: Board,
    last: Vec<Change>,
}

impl Desk {
    fn with_one() -> Self {
        let mut desk = Self { board: Board::default(), last: Vec::new() };
        desk.accept(&named(1));
        desk.runs(1, true, 20);
        desk
    }

    /// A board from which plan 2 was sent back after it failed.
    fn with_two_returned() -> Self {
        let mut desk = Self::with_one();
        desk.accept(&named(2));
        desk.runs(2, false, 2);
        assert_eq!(desk.active(), Some(plan(1)));
        desk
    }

    fn accept(&mut self, accepted: &Accepted) {
        self.accept_at(accepted, at());
    }

    fn accept_at(&mut self, accepted: &Accepted, now: Moment) {
        let proposal = self.board.accept(accepted, now);
        self.last = proposal.changes.iter().map(|(_, change)| change.clone()).collect();
        self.board.apply(proposal);
    }

    fn runs(&mut self, n: u8, good: bool, count: usize) {
        let went = if good { Went::Well } else { Went::Badly };
        for _ in 0..count {
            let proposal = self.board.ended(&here(), plan(n), went, 5, at());
            self.board.apply(proposal);
        }
    }

    fn active(&self) -> Option<Digest> {
        self.board.workflows().get(&here()).and_then(Workflow::active)
    }

    /// Which plan runs, and what was said of it.
    fn says(&self) -> Verdict {
        let runs = match self.active() {
            None => "nothing runs".to_owned(),
            Some(digest) => format!("plan {} runs", digest.as_bytes()[0]),
        };
        Verdict::new(runs, format!("{:?}", self.last))
    }
}

pub(crate) const ROOM: &[Attack] = &[
    attack("a returned plan named by a newer release", "plan 1 runs", || {
        let mut desk = Desk::with_two_returned();
        desk.accept(&named(2));
        desk.says()
    }),
    attack("a returned plan named again and again, told once", "plan 1 runs", || {
        let mut desk = Desk::with_two_returned();
        desk.accept(&named(1));
        desk.accept(&named(2));
        assert_eq!(desk.last, [Change::StaysRefused(plan(2))]);
        desk.accept(&named(2));
        assert_eq!(desk.last, []);
        desk.says()
    }),
    attack("readmission of another plan's name", "plan 1 runs", || {
        let mut desk = Desk::with_two_returned();
        desk.accept(&readmitting(2, &[3]));
        desk.says()
    }),
    attack("readmission by name", "plan 2 runs", || {
        let mut desk = Desk::with_two_returned();
        desk.accept(&readmitting(2, &[2]));
        desk.says()
    }),
    attack("readmission by name in a release that the agent missed, carried on", "plan 2 runs", || {
        // It holds 7, under which the plan went back; 8 let it in.
        let mut desk = Desk::with_two_returned();
        desk.accept(&since(9, 8, (1, 7)));
        desk.says()
    }),
    attack("a readmission that came before the plan went back, carried on", "plan 1 runs", || {
        // It holds 8, which let the plan in, and sent it back under that.
        let mut desk = Desk::with_two_returned();
        desk.accept(&since(9, 8, (1, 8)));
        desk.accept(&since(12, 8, (1, 9)));
        desk.says()
    }),
    attack("a readmission of an older generation's number, carried on", "plan 1 runs", || {
        let mut desk = Desk::with_two_returned();
        desk.accept(&since(9, 8, (2, 1)));
        desk.says()
    }),
    attack("a release verified again at a restart readmits nothing", "plan 1 runs", || {
        // What the daemon says of a release that is not new: `readmitted` is empty then.
        let mut desk = Desk::with_two_returned();
        desk.accept(&readmitting(2, &[2]));
        desk.runs(2, false, 2);
        desk.accept(&named(2));
        desk.says()
    }),
    attack("a plan rolled back by hand and named under a higher number", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.runs(2, true, 20);
        let proposal = desk.board.roll_back(&here(), at()).unwrap();
        desk.board.apply(proposal);
        desk.accept(&named(2));
        desk.says()
    }),
    attack("a rollback by a release", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.runs(2, true, 20);
        desk.accept(&taking_back(1, &[2]));
        let back = Change::Returned { plan: plan(2), to: Some(plan(1)), why: Why::ByHand };
        assert_eq!(desk.last, [back], "the ledger says it as of a rollback by hand");
        desk.says()
    }),
    attack("what a release took back, named by a later one that says nothing of it", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.accept(&taking_back(1, &[2]));
        desk.accept(&named(2));
        assert_eq!(desk.last, [Change::StaysRefused(plan(2))]);
        desk.says()
    }),
    attack("what a release took back, in a freeze window", "plan 1 runs", || {
        let window = Freeze { from: at(), until: at().plus(Period::days(1)), reason: "peak".into() };
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.accept(&Accepted { freezes: [(acme(), vec![window])].into(), ..taking_back(1, &[2]) });
        desk.says()
    }),
    attack("a plan that a release names and takes back in one, whatever verification says", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&taking_back(2, &[2]));
        desk.says()
    }),
    attack("what a release took back, readmitted by name", "plan 2 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.accept(&taking_back(1, &[2]));
        desk.accept(&readmitting(2, &[2]));
        desk.says()
    }),
    attack("rollback to a plan that was denied since", "nothing runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.accept(&denying(2, &[1]));
        desk.runs(2, false, 2);
        desk.says()
    }),
    attack("rollback by hand to a plan that was denied since", "refused", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.runs(2, true, 20);
        desk.accept(&denying(2, &[1]));
        match desk.board.roll_back(&here(), at()) {
            Ok(_) => desk.says(),
            Err(why) => Verdict::new("refused", format!("{why:?}")),
        }
    }),
    attack("a run that began with a plan that went back", "it stops", || {
        let desk = Desk::with_two_returned();
        let goes_on = desk.board.workflows()[&here()].may_run(plan(2));
        Verdict::new(if goes_on { "it goes on" } else { "it stops" }, "")
    }),
    attack("a plan that is denied as it comes", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&denying(2, &[2]));
        // Nor is it tried: when it is permitted it comes as any other.
        assert_eq!(desk.last, [Change::Denied(plan(2))]);
        desk.says()
    }),
    attack("a plan that is denied while it is in trial", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.accept(&denying(2, &[2]));
        desk.says()
    }),
    attack("every plan denied: a withdrawal", "nothing runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&denying(1, &[1]));
        desk.says()
    }),
    attack("a plan in a freeze window", "plan 1 runs", || {
        let window = Freeze { from: at(), until: at().plus(Period::days(1)), reason: "peak".into() };
        let mut desk = Desk::with_one();
        desk.accept(&Accepted { freezes: [(acme(), vec![window])].into(), ..named(2) });
        desk.says()
    }),
    attack("a withdrawal in a freeze window, which does not wait", "nothing runs", || {
        let window = Freeze { from: at(), until: at().plus(Period::days(1)), reason: "peak".into() };
        let mut desk = Desk::with_one();
        desk.accept(&Accepted { freezes: [(acme(), vec![window])].into(), ..denying(1, &[1]) });
        desk.says()
    }),
    attack("a workflow left out of a release", "nothing runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&Accepted::default());
        desk.says()
    }),
    attack("a crash in a trial, three times", "plan 2 runs", || {
        let mut desk = crashed(3);
        desk.last.clear();
        desk.says()
    }),
    attack("a crash in a trial, six times: two failures of two", "plan 1 runs", || crashed(6).says()),
    attack("a trial whose crashes are hidden by clean stops in between", "plan 2 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        for _ in 0..9 {
            let proposal = desk.board.halt(at());
            desk.board.apply(proposal);
            let proposal = desk.board.boot(&BTreeSet::new(), at());
            desk.board.apply(proposal);
        }
        desk.says()
    }),
    attack("a run of the old plan that ends well does not prove the new one", "plan 1 runs", || {
        let mut desk = Desk::with_one();
        desk.accept(&named(2));
        desk.runs(1, true, 40);
        desk.runs(2, false, 2);
        desk.says()
    }),
    attack("an event of a plan that is not there", "plan 1 runs", || {
        let workflow = Desk::with_one().board.workflows()[&here()].clone();
        let around = Surroundings { now: at(), frozen: false };
        let (after, changes) =
            workflow.clone().step(&Event::Ended { plan: plan(9), went: Went::Badly, took_ms: 1 }, around);
        assert_eq!((after, changes), (workflow, Vec::new()));
        Desk::with_one().says()
    }),
];

fn crashed(times: usize) -> Desk {
    let mut desk = Desk::with_one();
    desk.accept(&named(2));
    for _ in 0..times {
        let proposal = desk.board.boot(&BTreeSet::new(), at());
        desk.board.apply(proposal);
    }
    desk
}
