//! One process of a story: goes on with what is open, takes the event, and people do what the scenario says.

use std::sync::Arc;
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::ledger::opened;
use assent_agent::queue;
use assent_agent::run::{Act, Engine, NotAgain, Verdict};
use assent_agent::sim::{Host, Newest, SimWorld, Spawner, Stage, Stop, run};
use assent_agent::store::{Log, Memory, Store as _, Transaction, Write};
use assent_agent::vault::{FileVault, Vault};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::scenario::Decided;
use assent_schema::time::Moment;

use super::{Answers, HOST_KEY, Handle, Story};
use crate::rotation::rotate;

/// How long until an agent that could not start is started again.
const START_AGAIN: Duration = Duration::from_secs(1);
/// Processes that a story may take: a crash each, and one that goes on to the end.
const PROCESSES_MOST: usize = 40;
/// How often that person looks, at most, and how long in between.
const LOOKS: (u32, Duration) = (100, Duration::from_secs(20));

impl Story<'_> {
    pub(super) fn processes(&self, handle: Option<&Handle>, before: &mut dyn FnMut(usize, &Host)) {
        for process in 0..PROCESSES_MOST {
            before(process, &self.host);
            match self.process(handle.cloned()) {
                Stop::Crashed => {}
                Stop::Endless => panic!("{}: tasks wake each other without end", self.scenario.name),
                Stop::Ended | Stop::Idle if self.all_ended() => return,
                Stop::Ended | Stop::Idle => panic!("{}: a run is left open", self.scenario.name),
            }
        }
        panic!("{}: the story has no end", self.scenario.name);
    }

    /// One process: goes on with what is open, takes the event until it is durable, and people do what the scenario says.
    fn process(&self, handle: Option<Handle>) -> Stop {
        let world = self.host.boot();
        let store = Arc::new(Self::books(&world));
        let spawner = Spawner::default();
        let stage = Stage::new(Arc::clone(&self.workflow.compiled), Arc::clone(&self.workflow.facts));
        let vault = FileVault::open(world.clone(), Arc::clone(&HOST_KEY)).map(Arc::new);
        let stage = match &vault {
            Ok(vault) if !vault.is_empty() => stage.with_vault(Arc::clone(vault) as Arc<dyn Vault>),
            Ok(_) | Err(_) => stage,
        };
        let rotates = vault.as_ref().ok().map(Arc::clone).zip(self.rotates.clone());
        if let (Ok(vault), Some(consents)) = (vault, self.consents.clone()) {
            let world = world.clone();
            spawner.spawn(async move {
                for _ in 0..LOOKS.0 {
                    world.sleep(LOOKS.1).await;
                    if let Some((path, record)) = consents() {
                        // A disk that is full or gone is met by the run too.
                        let _put = vault.put(&path, record);
                    }
                }
            });
        }
        let stage = match self.held {
            Some((from, until)) => stage.held(from, until),
            None => stage,
        };
        let (newest, releases, answers) = (stage.newest(), self.releases.clone(), self.answers.clone());
        let (sender, decisions) = (self.sender(), self.scenario.decisions.clone());
        let (facts, client) = (Arc::clone(&self.workflow.facts), self.workflow.facts.client.clone());
        let (shared, starter) = (Arc::new(world.clone()), spawner.clone());
        run(&world, &spawner, async move {
            let log = Log::Client(client);
            while store.ledger_size(&log).expect("read") == 0 {
                let note = Write::Note(Box::new(opened(log.clone(), Digest::of_file(b"root"), Vec::new())));
                if store.commit(Transaction::new(shared.now()).with(note)).await.is_err() {
                    shared.sleep(START_AGAIN).await;
                }
            }
            let is_past = |(at, _): &&(Moment, Option<Arc<ClientFacts>>)| *at <= shared.now().moment();
            if let Some((_, facts)) = releases.iter().rfind(is_past) {
                newest.put(facts.clone());
            }
            let stage = Arc::new(stage);
            let engine = loop {
                // Where there is no space it ends, and is started again.
                match Engine::open(Arc::clone(&shared), Arc::clone(&store), Arc::clone(&stage)).await {
                    Ok(engine) => break engine,
                    Err(_) => shared.sleep(START_AGAIN).await,
                }
            };
            for (at, facts) in releases {
                let (world, newest) = (Arc::clone(&shared), newest.clone());
                starter.spawn(async move { release(&world, &newest, at, facts).await });
            }
            if let Some(answers) = answers {
                let (engine, facts) = (Arc::clone(&engine), Arc::clone(&facts));
                starter.spawn(async move { answer(&engine, &facts, &answers).await });
            }
            for decided in decisions {
                let (world, engine, facts) = (Arc::clone(&shared), Arc::clone(&engine), Arc::clone(&facts));
                starter.spawn(async move { decide(&world, &engine, &facts, decided).await });
            }
            for (_, task) in engine.resume().expect("read") {
                starter.spawn(task);
            }
            if let Some((vault, wanted)) = rotates {
                let (world, engine) = (Arc::clone(&shared), Arc::clone(&engine));
                starter.spawn(async move { rotate(&world, &engine, &*vault, &wanted).await });
            }
            if let Some(handle) = handle
                && handled(&shared, &engine, &starter, handle).await
            {
                return;
            }
            sender.send(&shared, &engine, &starter).await;
        })
    }
}

/// What is done with a run before anything else. Whether nothing else is done.
async fn handled(
    shared: &Arc<SimWorld>,
    engine: &Arc<Engine<SimWorld, Memory, Stage>>,
    starter: &Spawner,
    handle: Handle,
) -> bool {
    match handle {
        Handle::Cancel(act) => {
            let engine = Arc::clone(engine);
            starter.spawn(async move { cancel(&engine, &act).await });
            return false;
        }
        Handle::Done(run, act) => {
            let taken = queue::done(&**engine.store(), run, &act, shared.now()).await;
            assert!(matches!(taken, Ok(()) | Err(NotAgain::NotQueued)) || shared.crashed(), "{taken:?}");
        }
        Handle::Reassign(run, to, act) => {
            let handed = queue::reassign(&**engine.store(), run, to, &act, shared.now()).await;
            assert!(handed.is_ok() || shared.crashed(), "{handed:?}");
        }
        Handle::Both(run, to, act) => {
            let (engine_of, shared_of, act_of) = (Arc::clone(engine), Arc::clone(shared), act.clone());
            starter.spawn(async move {
                // Whoever comes second finds nothing.
                drop(queue::reassign(&**engine_of.store(), run, to, &act_of, shared_of.now()).await);
            });
            let taken = queue::done(&**engine.store(), run, &act, shared.now()).await;
            assert!(taken.is_ok(), "{taken:?}");
        }
        Handle::Refused(run, way, act, why) => {
            let refused = engine.again(run, way, &act).map(|begun| begun.run);
            assert_eq!(refused, Err(why));
        }
        Handle::Again(run, way, act) => {
            match engine.again(run, way, &act) {
                Ok(begun) => starter.spawn(begun.task),
                // It was done before the crash.
                Err(NotAgain::Already(_)) => {}
                Err(no) => panic!("{no:?}"),
            }
        }
    }
    true
}

/// A release that comes at a moment.
async fn release(world: &SimWorld, newest: &Newest, at: Moment, facts: Option<Arc<ClientFacts>>) {
    if at <= world.now().moment() {
        return;
    }
    while world.now().moment() < at {
        world.sleep(Duration::from_secs(1)).await;
    }
    newest.put(facts);
}

/// A person who answers each question once, by what is shown.
pub(super) async fn answer(engine: &Engine<SimWorld, Memory, Stage>, facts: &ClientFacts, answers: &Answers) {
    let mut asked = engine.asked();
    loop {
        asked.mark_unchanged();
        for question in engine.questions() {
            let Some(choice) = answers(&question) else { continue };
            let group = facts.deciders.get(&question.waiting.by);
            let person = group.and_then(|members| members.first()).expect("a member").clone();
            let (shown, nonce, step) = (question.waiting.shown, question.waiting.nonce, question.waiting.step.clone());
            let verdict = Verdict { choice, person, shown, nonce, edits: [].into(), signature: None, through: None };
            // Who is too late, or before a crash, is asked again.
            let _counts = engine.decide(question.waiting.run, &step, verdict).await;
        }
        if asked.changed().await.is_err() {
            return;
        }
    }
}

/// A person who does what the scenario says, once asked.
async fn decide(world: &SimWorld, engine: &Engine<SimWorld, Memory, Stage>, facts: &ClientFacts, decided: Decided) {
    let mut asked = engine.asked();
    loop {
        asked.mark_unchanged();
        let found = engine.questions().into_iter().find(|question| question.waiting.step == decided.step);
        let Some(question) = found else {
            if asked.changed().await.is_err() {
                return;
            }
            continue;
        };
        world.sleep(decided.after.duration()).await;
        let Some(choice) = decided.choice else { return };
        let person =
            facts.deciders.get(&question.waiting.by).and_then(|members| members.first()).expect("a member").clone();
        let edits = decided.edits.iter().map(|(path, text)| (path.clone(), Content::new(text.clone()))).collect();
        let (shown, nonce) = (question.waiting.shown, question.waiting.nonce);
        let verdict = Verdict { choice, person, shown, nonce, edits, signature: None, through: None };
        if engine.decide(question.waiting.run, &decided.step, verdict).await.is_ok() {
            return;
        }
        world.sleep(Duration::from_secs(1)).await;
    }
}

/// Somebody who ends the run that waits for a person.
async fn cancel(engine: &Engine<SimWorld, Memory, Stage>, act: &Act) {
    let mut asked = engine.asked();
    loop {
        asked.mark_unchanged();
        if let Some(question) = engine.questions().first() {
            let done = engine.cancel(question.waiting.run, act).await;
            assert!(matches!(done, Ok(()) | Err(NotAgain::Ended)), "{done:?}");
            return;
        }
        if asked.changed().await.is_err() {
            return;
        }
    }
}
