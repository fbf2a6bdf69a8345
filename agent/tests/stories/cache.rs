//! A read that says `cache` is served again within its time, sealed; time moved on or keys gone, it is asked anew.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::run::{Compiled, Engine};
use assent_agent::sim::{Host, NoBooks, Reply, Script, Service, Spawner, Stage, run};
use assent_agent::store::{RunFilter, Store as _};
use assent_agent::world::{Clock as _, HttpRequest, Wall};
use assent_schema::plan::{Action, Plan};
use assent_schema::time::Period;

use crate::story::{Story, Workflow, workflow};

/// The scenario in which a run ends after a read and an answer.
const SHORT: &str = "a customer who wants something else is left to people";
const READ: &str = "helpdesk.get_ticket";

/// The refund workflow, with its first read kept for two hours.
fn cached() -> Workflow {
    let known = workflow("acme", "refund");
    let mut plan = Plan::clone(&known.compiled.plan);
    for step in &mut plan.steps {
        if let Action::Call { operation, cache, .. } = &mut step.action
            && operation.to_string() == READ
        {
            *cache = Some(Period::hours(2));
        }
    }
    let (_, digest) = plan.to_bytes().expect("a plan");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("a plan that runs")), ..known }
}

/// A script that counts how often the read was asked.
struct Counting {
    script: Script,
    asked: Arc<Mutex<usize>>,
}

impl Service for Counting {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        if request.operation.to_string() == READ {
            *self.asked.lock().expect("a count") += 1;
        }
        self.script.answer(now, request)
    }
}

/// What happens between two runs.
enum Between {
    /// Time passes while the agent runs.
    Passes(Duration),
    /// The agent starts anew.
    Restart,
    /// The kernel's keys are gone.
    ForgetKeys,
}

/// How often the read was asked after each of the runs, one more than there are events between them.
fn asked_after_each(between: &[Between]) -> Vec<usize> {
    let workflow = cached();
    let scenario = workflow.tests.scenarios.iter().find(|scenario| scenario.name == SHORT).expect("the scenario");
    let story = Story::new(&workflow, scenario, 1);
    let (script, _) = Script::new(Arc::clone(&workflow.compiled.plan), &scenario.replies);
    let asked = Arc::new(Mutex::new(0));
    let host = Host::new(1, scenario.at, Counting { script, asked: Arc::clone(&asked) });
    let mut counts = Vec::new();
    for (number, what) in std::iter::once(&Between::Restart).chain(between).enumerate() {
        let wait = match what {
            Between::Passes(time) => *time,
            Between::Restart => Duration::ZERO,
            Between::ForgetKeys => {
                host.forget_keys();
                Duration::ZERO
            }
        };
        let world = host.boot();
        let store = Arc::new(world.store(|rows| NoBooks::load(rows)).expect("a store"));
        let stage = Stage::new(Arc::clone(&workflow.compiled), Arc::clone(&workflow.facts));
        let mut event = story.event().expect("an event");
        event.keys = vec![[u8::try_from(number).expect("few"); 16]];
        let (spawner, shared, kept) = (Spawner::default(), Arc::new(world.clone()), Arc::clone(&store));
        run(&world, &spawner, async move {
            shared.sleep(wait).await;
            let engine = Engine::open(shared, store, Arc::new(stage)).await.expect("an engine");
            engine.begin(event).expect("a run").task.await;
        });
        let runs = kept.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read").len();
        assert_eq!(runs, number + 1);
        counts.push(*asked.lock().expect("a count"));
    }
    assert!(!story.private.are_in(&host.durable_bytes().expect("bytes")), "what is kept is sealed");
    counts
}

#[test]
fn an_answer_is_served_again_within_its_time_and_no_longer() {
    let hour = Duration::from_hours(1);
    assert_eq!(asked_after_each(&[Between::Passes(hour), Between::Passes(hour)]), [1, 1, 2]);
    assert_eq!(asked_after_each(&[Between::Passes(Duration::from_mins(119))]), [1, 1]);
}

#[test]
fn an_answer_outlives_the_process_and_not_the_keys() {
    assert_eq!(asked_after_each(&[Between::Restart]), [1, 1]);
    assert_eq!(asked_after_each(&[Between::ForgetKeys, Between::Restart]), [1, 2, 2]);
}
