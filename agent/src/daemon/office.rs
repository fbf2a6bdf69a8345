//! What the console asks, answered by the running agent: people and places from the release that was accepted last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, Environment, PersonId, Region, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::plan::{Handover, Kpi, Plan};
use assent_schema::release::Choice;
use assent_schema::status::Status;
use assent_schema::time::Period;

use super::agent::Agent;
use super::answers::not_held;
use super::hold::NotHeld;
use crate::console::{Done, Known, Logged, Office, Refused, Standing, Viewer, Who, Written};
use crate::control::alerts::AlertQuestion;
use crate::control::incidents::{IncidentAnswer, IncidentRow};
use crate::control::{Answer, Chosen, Mode, ReadAgain, Verb};
use crate::deploy::NoRollback;
use crate::desk::no_longer;
use crate::incident::Step;
use crate::ledger::Sought;
use crate::people::Through;
use crate::people::wire::{NoLonger, Shown, SignedDecision};
use crate::people::{Itself, Keys, NotTaken};
use crate::run::{Act, Deployed as _};
use crate::store::{Log, RunId, Sqlite, StoreError, Waiting};
use crate::world::{Clock as _, Dice as _, Wall};

/// The console's way to an agent.
pub(super) struct Bureau {
    pub(super) agent: Arc<Agent>,
    pub(super) desk: Arc<super::doors::TheDesk>,
}

impl Bureau {
    /// Somebody who decides for a client.
    fn of_client(&self, client: &ClientId, person: &PersonId) -> Option<Known> {
        let facts = self.agent.field.client(client)?;
        let keys = Keys::read(&facts.people.get(person)?.keys);
        let who = Who { client: Some(client.clone()), person: person.clone() };
        Some(Known { keys, viewer: Viewer { who, clients: BTreeSet::new(), oncall: false } })
    }
}

impl Office for Bureau {
    type Store = Sqlite;

    fn store(&self) -> &Sqlite {
        &self.agent.store
    }

    fn itself(&self) -> &Itself {
        self.desk.itself()
    }

    fn is_halted(&self) -> bool {
        self.agent.halted().is_some()
    }

    fn place(&self) -> (Environment, Region) {
        (self.agent.config.environment.clone(), self.agent.config.region.clone())
    }

    fn clock(&self) -> (Wall, Duration) {
        (self.agent.world.clock.now(), self.agent.world.clock.boot())
    }

    fn dice(&self) -> [u8; 32] {
        self.agent.world.dice.bytes()
    }

    fn known(&self, who: &Who) -> Option<Known> {
        match &who.client {
            None => self.agent.of_agency(&who.person),
            Some(client) => self.of_client(client, &who.person),
        }
    }

    async fn status(&self) -> Result<Status, StoreError> {
        self.agent.status().await
    }

    fn standing(&self) -> Result<Standing, StoreError> {
        self.agent.all_that_stands()
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Plan>> {
        self.agent.field.plan(digest).map(|compiled| Arc::clone(&compiled.plan))
    }

    fn kpis(&self, client: &ClientId) -> Vec<(WorkflowId, Kpi)> {
        let snapshot = self.agent.field.snapshot();
        let plans = snapshot.plans.values().map(|live| live.plan.kept()).filter(|plan| plan.client == *client);
        let named = |plan: Plan| {
            let workflow = plan.workflow;
            plan.kpis.into_iter().map(move |kpi| (workflow.clone(), kpi))
        };
        plans.filter_map(|plan| plan.read()).flat_map(named).collect()
    }

    fn written(&self, client: &ClientId, plan: &Digest) -> Option<Written> {
        let taken = self.agent.taken()?;
        let active = taken.workflows().values().map(|workflow| &workflow.active);
        let active = active.into_iter().find(|active| active.client == *client && active.plan == *plan)?;
        let commit = taken.bundle.manifest.source.commit.clone();
        Some(Written { file: active.source.clone(), lines: active.lines.clone(), commit })
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.agent.field.client(client)
    }

    fn questions(&self, client: &ClientId, person: &PersonId) -> Vec<Shown> {
        let addressed = self.desk.addressed(client, person, Through::Page);
        addressed.iter().filter_map(|question| self.desk.shown(question).ok()).collect()
    }

    fn no_longer(
        &self,
        client: &ClientId,
        person: &PersonId,
        nonce: &Digest,
    ) -> Result<Option<(Waiting, NoLonger)>, StoreError> {
        let facts = self.agent.field.client(client);
        facts.map_or(Ok(None), |facts| no_longer::of_question(self.store(), (&facts, person), nonce))
    }

    async fn decide(
        &self,
        question: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> Result<(), NotTaken> {
        self.desk.decide_signed_in(question, person, choice, edits).await
    }

    async fn decide_signed(&self, signed: SignedDecision, origin: Option<&str>) -> Result<(), NotTaken> {
        self.desk.decide(signed, origin).await
    }

    fn incidents(&self) -> Result<Vec<IncidentRow>, StoreError> {
        self.agent.incident_rows()
    }

    async fn draft(&self, incident: i64) -> Done<String> {
        match self.agent.draft_of(incident).await {
            Ok(Answer::Incidents(IncidentAnswer::Draft(text))) => Ok(text),
            Ok(Answer::Refused { what, help }) => Err(Refused { what, help }),
            Ok(_) => Err(no_way("the ledger cannot be read")),
            Err(error) => Err(broken(&error)),
        }
    }

    async fn share(&self, incident: i64, text: String, by: PersonId) -> Done<()> {
        match self.agent.share(incident, text, by).await {
            Ok(Answer::Refused { what, help }) => Err(Refused { what, help }),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(&error)),
        }
    }

    fn logged(&self, log: &Log, sought: &Sought) -> Done<Logged> {
        self.agent.logged(log, sought).map_err(|what| no_way(&what))
    }

    fn proof(&self, log: &Log, index: u64) -> Done<Option<String>> {
        self.agent.proof(log, index).map_err(|what| no_way(&what))
    }

    fn delivered(&self, client: &ClientId, event: &str) -> Result<Option<RunId>, StoreError> {
        self.desk.delivered(client, event)
    }

    async fn step(&self, incident: i64, step: Step, by: PersonId) -> Done<()> {
        match self.agent.step(incident, step, by).await.map_err(|error| broken(&error))? {
            Answer::Refused { what, help } => Err(Refused { what, help }),
            _ => Ok(()),
        }
    }

    async fn acknowledge(&self, alert: i64, by: PersonId) -> Done<()> {
        let question = AlertQuestion::Acknowledge { no: alert };
        match self.agent.about_alerts(question, by).await.map_err(|error| broken(&error))? {
            Answer::Refused { what, help } => Err(Refused { what, help }),
            _ => Ok(()),
        }
    }

    async fn hold(&self, at: (ClientId, HeldWhat), by: PersonId, why: Token, lasts: Period) -> Done<()> {
        done(self.agent.hold(at, by, why, lasts).await).map(drop)
    }

    async fn resume(&self, at: (ClientId, HeldWhat), by: PersonId) -> Done<()> {
        done(self.agent.resume(at, by).await).map(drop)
    }

    async fn roll_back(&self, place: (ClientId, WorkflowId), by: PersonId) -> Done<Option<Handover>> {
        if let Err(no) = self.agent.is_oncall(&by) {
            return Err(refused(no));
        }
        match self.agent.roll_back(&place, &by).await.map_err(|error| broken(&error))? {
            Ok((from, to)) => Ok(self.agent.handover(&from, &to)),
            Err(NoRollback::NothingRuns) => Err(no_way("nothing of this workflow runs")),
            Err(NoRollback::NoHealthyPlan) => Err(no_way("no other plan ran healthily here and is permitted now")),
        }
    }

    async fn reread(&self, at: (RunId, ClientId, Digest), by: &PersonId, why: &Token) -> Done<Vec<ReadAgain>> {
        let read = self.agent.reread(at, by, why).await.map_err(|error| broken(&error))?;
        read.ok_or_else(|| no_way("the plan of this run is not kept any more"))
    }

    async fn handle(&self, run: RunId, verb: Verb, by: PersonId, why: Token) -> Done<Option<RunId>> {
        let start = |task| self.desk.take_up(task);
        let handled = self.agent.handle((verb, Chosen::One(run.into())), Act { by, why }, Mode::Do, &start).await;
        let handled = done(handled)?.runs.into_iter().next();
        match handled.map(|one| (one.next, one.why_not)) {
            Some((next, None)) => Ok(next),
            Some((_, Some(why))) => Err(no_way(&why)),
            None => Err(no_way("there is no such run")),
        }
    }
}

fn done<T>(done: Result<Result<T, NotHeld>, StoreError>) -> Done<T> {
    done.map_err(|error| broken(&error))?.map_err(refused)
}

fn refused(no: NotHeld) -> Refused {
    match not_held(no) {
        Answer::Refused { what, help } => Refused { what, help },
        _ => no_way("it is not possible"),
    }
}

fn no_way(what: &str) -> Refused {
    Refused { what: what.to_owned(), help: "Nothing was changed.".to_owned() }
}

fn broken(error: &StoreError) -> Refused {
    Refused { what: error.to_string(), help: "Nothing was changed. The agent's log says more.".to_owned() }
}
