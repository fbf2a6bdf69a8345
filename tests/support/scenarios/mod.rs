//! Scenarios that reach every branch of a workflow, found by running them: what a step's condition reads, how what it calls
//! ends and what people decide are changed until the engine has been everywhere, or nothing more helps.
//!
//! The generator of sources knows neither compiler nor engine; this gives what it made the scenarios that it cannot know of.

mod stage;
mod turns;
pub mod values;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use assent_agent::rehearse::{Rehearsed, rehearse};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::coverage::{Gap, Reached, gaps};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Plan, Step};
use assent_schema::scenario::{Tests, TestsType};
use assent_schema::time::Moment;

use crate::generate::Files;
use crate::signed::Signed;
use write::written;

/// When each scenario begins: business hours of Berlin and New York, and a day before one of business.
const AT: &str = "2026-03-02T14:30:00Z";
/// What every token is, so that what must belong together does.
const TOKEN: &str = "1017";
/// The most ways of one kind that are tried for one gap.
const TRIES: usize = 96;
/// How often all gaps are tried: what one scenario reaches is where the next begins.
const ROUNDS: usize = 5;
/// When an event that a step waits for may come.
const COMES: [&str; 5] = ["1m", "150m", "13h", "40h", "100h"];

/// One value in a message.
type Place = (String, String);

/// A scenario in the making: what differs from one in which all goes well.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Draft {
    /// Values, by whose message and which field; `null` leaves it out.
    values: BTreeMap<Place, String>,
    /// How many requests of an operation are answered well, and what becomes of all later ones.
    fails: BTreeMap<String, (usize, Failing)>,
    /// What people do who do not say yes, by step: no, or nothing.
    decides: BTreeMap<Name, Option<No>>,
    /// When awaited events come.
    comes: Option<&'static str>,
    /// How many items lists have, where not one.
    items: Option<usize>,
    /// The questions that are asked; all of them where it is not known yet.
    asked: Option<BTreeSet<Name>>,
}

/// That somebody says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct No;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Failing {
    Fault(u8),
    Status(u16),
}

const UNREACHABLE: Failing = Failing::Fault(0);
const LOST: Failing = Failing::Fault(1);
const TIMEOUT: Failing = Failing::Fault(2);
const REFUSED: Failing = Failing::Fault(3);

/// The same files with scenarios that reach all that can be reached, and what cannot, by file.
///
/// # Panics
/// When the files do not compile.
pub fn covered(files: Files, now: Moment) -> (Files, BTreeMap<String, Vec<(Name, Gap)>>) {
    let checked = Signed::unsigned(files.clone(), now).check();
    let (mut files, mut left) = (files, BTreeMap::new());
    for (client, judged) in &checked.survey.judged {
        let facts = &checked.survey.resolved.clients.get(client).expect("a client").facts;
        for (workflow, judged) in &judged.workflows {
            let path = format!("clients/{client}/workflows/{workflow}.test.toml");
            let (text, gaps) = Search::new(&judged.lowered.plan, facts).run();
            files.insert(path.clone(), text.into_bytes());
            if !gaps.is_empty() {
                left.insert(path, gaps);
            }
        }
    }
    (files, left)
}

struct Search<'a> {
    plan: &'a Plan,
    digest: Digest,
    facts: &'a ClientFacts,
    reached: Reached,
    kept: Vec<(Draft, Rehearsed)>,
    tried: BTreeSet<Draft>,
}

impl<'a> Search<'a> {
    fn new(plan: &'a Plan, facts: &'a ClientFacts) -> Self {
        let digest = plan.to_bytes().expect("a plan").1;
        Self { plan, digest, facts, reached: Reached::default(), kept: Vec::new(), tried: BTreeSet::new() }
    }

    /// The test file, and what no scenario reached.
    fn run(mut self) -> (String, Vec<(Name, Gap)>) {
        self.attempt(Draft::default());
        self.attempt(Draft { comes: Some("150m"), ..Draft::default() });
        for _ in 0..ROUNDS {
            let before = gaps(self.plan, &self.reached);
            for (step, gap) in &before {
                self.close(step, *gap);
            }
            if gaps(self.plan, &self.reached) == before {
                break;
            }
        }
        let left = gaps(self.plan, &self.reached);
        (self.text(), left)
    }

    fn is_open(&self, step: &Name, gap: Gap) -> bool {
        gaps(self.plan, &self.reached).contains(&(step.clone(), gap))
    }

    /// Tries to reach one thing from each scenario that is kept, those first that came nearest.
    fn close(&mut self, step: &Name, gap: Gap) {
        let Some(step) = self.plan.step(step.as_str()) else { return };
        let near = |rehearsed: &Rehearsed| {
            let reached = &rehearsed.reached;
            let met = |how| reached.conditions.contains(&(step.id.clone(), how));
            (reached.ran.contains(&step.id), met(true) || met(false), reached.ran.len())
        };
        let mut parents: Vec<_> =
            self.kept.iter().map(|(draft, ran)| (near(ran), draft.clone(), ran.clone())).collect();
        parents.sort_by_key(|parent| std::cmp::Reverse(parent.0));
        let mut tries = 0;
        for (_, parent, ran) in parents {
            for draft in self.ways(step, gap, &parent, &ran) {
                if tries >= TRIES || !self.is_open(&step.id, gap) {
                    return;
                }
                tries += usize::from(self.attempt(draft));
            }
        }
    }

    /// Runs a scenario and keeps it where it reaches something new; whether it is another than all before.
    fn attempt(&mut self, draft: Draft) -> bool {
        if !self.tried.insert(draft.clone()) {
            return false;
        }
        let first = self.play(&draft);
        // People can only be asked what is asked: who waits for another question answers none.
        let reached = &first.reached;
        let is_asked =
            |step: &&Step| [&reached.ran, &reached.refused, &reached.late].iter().any(|set| set.contains(&step.id));
        let asked = self.plan.every_step().filter(|step| matches!(step.action, Action::Decide { .. }));
        let asked: BTreeSet<Name> = asked.filter(is_asked).map(|step| step.id.clone()).collect();
        let (draft, ran) = if draft.asked.as_ref() == Some(&asked) {
            (draft, first)
        } else {
            let draft = Draft { asked: Some(asked), ..draft };
            let ran = self.play(&draft);
            (draft, ran)
        };
        let mut more = self.reached.clone();
        more.merge(ran.reached.clone());
        if more != self.reached && outcome(&ran).is_some() {
            self.reached = more;
            self.kept.push((draft, ran));
        }
        true
    }

    fn play(&self, draft: &Draft) -> Rehearsed {
        let tests = Tests {
            kind: TestsType::Tests,
            schema: 1,
            client: self.plan.client.clone(),
            workflow: self.plan.workflow.clone(),
            scenarios: vec![self.scenario(draft, "tried", "done")],
        };
        let mut ran = rehearse(self.plan, self.digest, &tests, self.facts).expect("a plan that can be run");
        ran.pop().expect("one scenario")
    }

    /// Scenarios that may reach something, each a little different from one that was run.
    fn ways(&self, step: &Step, gap: Gap, parent: &Draft, ran: &Rehearsed) -> Vec<Draft> {
        let mut ways = Vec::new();
        let with = |change: &dyn Fn(&mut Draft)| {
            let mut draft = Draft { asked: None, ..parent.clone() };
            change(&mut draft);
            draft
        };
        match gap {
            Gap::Runs | Gap::Skipped => ways.extend(self.conditions(step, parent)),
            Gap::Refused => ways.push(with(&|draft| {
                draft.decides.insert(step.id.clone(), Some(No));
            })),
            Gap::Late => ways.push(with(&|draft| {
                draft.decides.insert(step.id.clone(), None);
            })),
            Gap::Arrives => ways.extend(COMES.map(|comes| with(&|draft| draft.comes = Some(comes)))),
            Gap::Passes => ways.push(with(&|draft| draft.comes = None)),
            Gap::Fails | Gap::InDoubt => {
                let Action::Call { operation, .. } = &step.action else { return ways };
                let before = self.requests_before(step, operation, ran);
                let failing: &[Failing] = if gap == Gap::Fails {
                    &[
                        Failing::Status(422),
                        UNREACHABLE,
                        Failing::Status(400),
                        Failing::Status(403),
                        Failing::Status(404),
                        Failing::Status(409),
                    ]
                } else {
                    &[LOST, TIMEOUT, Failing::Status(500)]
                };
                for (before, failing) in before.into_iter().flat_map(|n| failing.iter().map(move |how| (n, *how))) {
                    ways.push(with(&|draft| {
                        draft.fails.insert(operation.to_string(), (before, failing));
                    }));
                }
            }
        }
        ways
    }

    /// How many requests of an operation come before those of a step, as far as can be told.
    fn requests_before(&self, step: &Step, operation: &OperationRef, ran: &Rehearsed) -> Vec<usize> {
        let calls =
            |other: &&Step| matches!(&other.action, Action::Call { operation: called, .. } if called == operation);
        let earlier = self.plan.every_step().take_while(|other| other.id != step.id).filter(calls);
        let ran = earlier.filter(|other| ran.reached.ran.contains(&other.id)).count();
        let mut all = vec![ran];
        all.extend((0..4).filter(|n| *n != ran));
        all
    }

    /// The scenarios as a test file.
    fn text(&self) -> String {
        let mut text = String::new();
        for (number, (draft, ran)) in self.kept.iter().enumerate() {
            let outcome = outcome(ran).expect("a scenario that is kept has an end");
            let scenario = self.scenario(draft, &format!("story {number}"), &outcome);
            text += &written(&scenario);
        }
        text
    }
}

/// How a scenario ended that expected `done`; nothing where it went wrong in another way.
fn outcome(ran: &Rehearsed) -> Option<String> {
    match ran.failures.as_slice() {
        [] => Some("done".to_owned()),
        // Beside it stands which field of an answer does not fit, where one does not.
        [one, rest @ ..] if rest.iter().all(|more| more.ends_with("one that does not fit")) => {
            let ended = one.strip_prefix("the run should have ended `done` and ended `")?;
            ended.split('`').next().filter(|ended| *ended != "not ended").map(str::to_owned)
        }
        _ => None,
    }
}
