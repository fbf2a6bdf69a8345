//! The days themselves: senders that send until they are heard, people who decide, and somebody who kills the agent.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use assent_agent::ledger::{Ledgers, opened};
use assent_agent::run::{Engine, NewRun, NotBegun, Question, Verdict};
use assent_agent::sim::{Crash, Host, SimWorld, Spawner, Stop, Strike, run};
use assent_agent::store::{Books, LedgerRows, Log, Store as _, StoreError, Transaction, TriggerKind, Write};
use assent_agent::vault::HostKey;
use assent_agent::world::{Clock as _, Wall};
use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::{AgentId, ProjectName};
use assent_schema::plan::Trigger;
use assent_schema::release::Choice;
use assent_tests::generate::Dice;
use assent_tests::systems::EVENT;

use crate::deploy::{Deployments, Seen};
use crate::field::{Field, WORKFLOWS};
use crate::outside::Outside;
use crate::store::{Disk, Place};

pub(crate) static HOST_KEY: LazyLock<Arc<HostKey>> = LazyLock::new(|| Arc::new(HostKey::generate()));

/// How long a sender waits before it sends an event again that nobody took.
const AGAIN: Duration = Duration::from_secs(10);
/// Within how many minutes people decide, if they do.
const MINUTES_MOST: usize = 12;
/// How often people look at what waits for them.
const LOOK: Duration = Duration::from_mins(1);
/// Processes at most: one for each kill, and many more.
const PROCESSES_MOST: usize = 5_000;

/// How much happens.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) hours: u32,
    pub(crate) events_an_hour: u32,
    pub(crate) kills_an_hour: u32,
}

/// What a sender knows of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Not,
    Taken,
    /// The workflow may not run any more, and its sender was told.
    Refused,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) workflow: usize,
    pub(crate) due: Wall,
    /// Whether its sender sends it once more although it was taken.
    pub(crate) twice: bool,
    pub(crate) heard: Heard,
}

/// What the senders counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) sent: u64,
    pub(crate) known: u64,
    pub(crate) kills: u64,
}

/// The days.
pub(crate) struct Days {
    pub(crate) field: Arc<Field>,
    pub(crate) host: Host,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) counted: Arc<Mutex<Counted>>,
    seed: u64,
    kills: Vec<Wall>,
    place: Place,
}

impl Days {
    pub(crate) fn new(seed: u64, size: Size, field: Arc<Field>, outside: Outside, place: Place) -> Self {
        let mut dice = Dice::of(seed, &["events"]);
        let millis =
            |dice: &mut Dice| u64::try_from(dice.below(usize::try_from(field.span.as_millis()).unwrap())).unwrap();
        let after = |dice: &mut Dice| field.begin.plus(Duration::from_millis(millis(dice)));
        let mut events: Vec<Event> = (0..size.hours * size.events_an_hour)
            .map(|_| {
                let mut share = dice.below(100);
                let workflow = WORKFLOWS.iter().position(|(.., part)| {
                    let fits = share < *part;
                    share = share.saturating_sub(*part);
                    fits
                });
                Event {
                    name: String::new(),
                    workflow: workflow.unwrap(),
                    due: after(&mut dice),
                    twice: dice.one_in(10),
                    heard: Heard::Not,
                }
            })
            .collect();
        events.sort_by_key(|event| event.due);
        events.iter_mut().enumerate().for_each(|(number, event)| event.name = format!("{EVENT}{}", number + 1));
        let mut kills: Vec<Wall> = (0..size.hours * size.kills_an_hour).map(|_| after(&mut dice)).collect();
        kills.sort();
        let calm = field.begin.plus(field.calm());
        kills.retain(|kill| *kill >= calm);
        let host = Host::new(seed, field.begin.moment(), outside);
        Self { field, host, events: Arc::new(Mutex::new(events)), counted: Arc::default(), seed, kills, place }
    }

    /// Lives them to the end: every event was heard, every run has ended.
    pub(crate) fn live(&self) {
        for _ in 0..PROCESSES_MOST {
            match self.process() {
                Stop::Crashed => self.counted.lock().unwrap().kills += 1,
                Stop::Ended | Stop::Idle => {
                    let open = self.store().open_runs().unwrap().len();
                    assert_eq!(open, 0, "runs are left open");
                    assert!(
                        self.events.lock().unwrap().iter().all(|event| event.heard != Heard::Not),
                        "an event is left"
                    );
                    return;
                }
                Stop::Endless => panic!("tasks wake each other without end"),
            }
        }
        panic!("the days have no end");
    }

    pub(crate) fn store(&self) -> Disk {
        Disk::open(&self.place, &self.host.boot())
    }

    fn process(&self) -> Stop {
        let world = self.host.boot();
        let store = Arc::new(Disk::open(&self.place, &world));
        let (spawner, shared) = (Spawner::default(), Arc::new(world.clone()));
        let starter = spawner.clone();
        let (field, events, counted) = (Arc::clone(&self.field), Arc::clone(&self.events), Arc::clone(&self.counted));
        let (host, seed, kills) = (self.host.clone(), self.seed, self.kills.clone());
        run(&world, &spawner, async move {
            for client in field.clients.keys() {
                let log = Log::Client(client.clone());
                if store.ledger_size(&log).unwrap() == 0 {
                    let note = Write::Note(Box::new(opened(log, Digest::of_file(b"root"), Vec::new())));
                    let Ok(()) = store.commit(Transaction::new(shared.now()).with(note)).await else { return };
                }
            }
            let booted = Deployments::boot(Arc::clone(&field), Arc::clone(&shared), Arc::clone(&store)).await;
            let Ok(deployments) = booted else { return };
            let deployed = Arc::clone(&deployments.seen);
            let Ok(engine) = Engine::open(Arc::clone(&shared), store, deployed).await else { return };
            let (at_end, over) = (Arc::clone(&engine), Arc::clone(&events));
            starter.spawn(deployments.live(move || is_over(&at_end, &over)));
            for (_, task) in engine.resume().unwrap() {
                starter.spawn(task);
            }
            let (clock, asking, who, waiting) =
                (Arc::clone(&shared), Arc::clone(&engine), Arc::clone(&field), Arc::clone(&events));
            starter.spawn(async move { people(&clock, &asking, &who, seed, &waiting).await });
            let clock = Arc::clone(&shared);
            starter.spawn(async move { kill(&clock, &host, &kills, seed).await });
            send(&shared, &engine, &field, &starter, (&events, &counted)).await;
        })
    }
}

pub(crate) fn books(world: &SimWorld, rows: &dyn LedgerRows) -> Result<Box<dyn Books>, StoreError> {
    let (project, agent) = (ProjectName::new("harbor").unwrap(), AgentId::new("eu-1").unwrap());
    Ok(Box::new(Ledgers::load(project, agent, (world.clone(), world.clone(), Arc::clone(&HOST_KEY)), rows)?))
}

type Running = Engine<SimWorld, Disk, Seen>;

fn new_run(field: &Field, event: &Event) -> NewRun {
    let (client, workflow, ..) = WORKFLOWS[event.workflow];
    let (client, workflow) = (client.parse().unwrap(), workflow.parse().unwrap());
    let plan = &field.plans[&(client, workflow)][0].plan;
    let Trigger::Webhook { fields, .. } = &plan.trigger else { unreachable!("all are webhooks") };
    let fields = fields.keys().map(|name| (name.clone(), Value::text(event.name.as_str()))).collect();
    let mut key = [0; 16];
    event.name.bytes().zip(&mut key).for_each(|(byte, slot)| *slot = byte);
    NewRun {
        client: plan.client.clone(),
        workflow: plan.workflow.clone(),
        trigger: TriggerKind::Webhook,
        event: event.name.clone(),
        keys: vec![key],
        fields,
        writes: Vec::new(),
    }
}

/// Sends what is due until it is taken or refused for good; some things twice.
async fn send(
    world: &Arc<SimWorld>,
    engine: &Arc<Running>,
    field: &Field,
    starter: &Spawner,
    (events, counted): (&Mutex<Vec<Event>>, &Mutex<Counted>),
) {
    let many = events.lock().unwrap().len();
    for place in 0..many {
        loop {
            let event = events.lock().unwrap()[place].clone();
            if event.heard != Heard::Not {
                break;
            }
            if world.now() < event.due {
                world.sleep(event.due.since(world.now())).await;
            }
            let heard = once(engine, field, starter, &event, counted).await;
            events.lock().unwrap()[place].heard = heard;
            if heard == Heard::Not {
                world.sleep(AGAIN).await;
            }
            if heard == Heard::Taken && event.twice {
                let again = once(engine, field, starter, &event, counted).await;
                assert!(again != Heard::Not || world.crashed(), "an event that was taken is known");
            }
        }
    }
}

async fn once(
    engine: &Arc<Running>,
    field: &Field,
    starter: &Spawner,
    event: &Event,
    counted: &Mutex<Counted>,
) -> Heard {
    counted.lock().unwrap().sent += 1;
    let refused = match engine.begin(new_run(field, event)) {
        Ok(begun) => {
            starter.spawn(begun.task);
            match begun.durable.await {
                Ok(Ok(())) => return Heard::Taken,
                Ok(Err(refused)) => refused,
                Err(_) => return Heard::Not,
            }
        }
        Err(refused) => refused,
    };
    match refused {
        NotBegun::Duplicate(_) => {
            counted.lock().unwrap().known += 1;
            Heard::Taken
        }
        // What does not run any more has no door.
        NotBegun::NotAllowed(_) | NotBegun::Unknown => Heard::Refused,
        NotBegun::TooMany | NotBegun::Stopping | NotBegun::Store(_) => Heard::Not,
        NotBegun::Misfit(_) | NotBegun::NoKey => panic!("{}: {refused:?}", event.name),
    }
}

/// People look every minute. Each question has its own answer and its own time; some get none.
async fn people(world: &SimWorld, engine: &Running, field: &Field, seed: u64, events: &Mutex<Vec<Event>>) {
    loop {
        for question in engine.questions() {
            let waiting = &question.waiting;
            let mut dice = Dice::of(seed, &["people", &waiting.run.to_string(), &waiting.at().to_string()]);
            let minutes = i64::try_from(dice.below(MINUTES_MOST)).unwrap();
            let choice = match dice.below(10) {
                0 => continue,
                1 | 2 => Choice::Refuse,
                _ => Choice::Approve,
            };
            if world.now().millis() >= waiting.since + minutes * 60_000 {
                let verdict = verdict(field, &question, choice);
                // Too late, or not what was shown any more: what came of the run tells.
                let _late = engine.decide(waiting.run, &waiting.step, verdict).await;
            }
        }
        if is_over(engine, events) {
            return;
        }
        world.sleep(LOOK).await;
    }
}

/// Whether every event was heard and every run has ended.
fn is_over(engine: &Running, events: &Mutex<Vec<Event>>) -> bool {
    // The last ones are heard last.
    let heard = events.lock().unwrap().iter().rev().all(|event| event.heard != Heard::Not);
    heard && engine.store().open_runs().unwrap().is_empty()
}

fn verdict(field: &Field, question: &Question, choice: Choice) -> Verdict {
    let waiting = &question.waiting;
    let person = field.clients[&waiting.client].deciders[&waiting.by].first().unwrap().clone();
    let (shown, nonce) = (waiting.shown, waiting.nonce);
    Verdict { choice, person, shown, nonce, edits: [].into(), signature: None, through: None }
}

/// Kills the process at the times that are left, at the next durable write or request, before it or after it.
async fn kill(world: &SimWorld, host: &Host, kills: &[Wall], seed: u64) {
    for at in kills {
        if *at <= world.now() {
            continue;
        }
        world.sleep(at.since(world.now())).await;
        let mut dice = Dice::of(seed, &["kill", &at.millis().to_string()]);
        let strike = if dice.one_in(2) { Strike::Before } else { Strike::After };
        let point = host.points().len() + dice.below(4);
        host.crash_at(Some(Crash { at: u64::try_from(point).unwrap(), strike }));
    }
}
