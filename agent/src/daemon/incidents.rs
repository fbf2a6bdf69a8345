//! What on-call does about incidents, and what time does to those that nobody cares for. Durable first, then it counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, ConnectionId, PersonId};
use assent_schema::ledger::{Entry, Kind};
use assent_schema::time::Moment;

use super::agent::Agent;
use super::answers::{not_held, refused};
use crate::control::Answer;
use crate::control::incidents::{IncidentAnswer, IncidentQuestion, IncidentRow};
use crate::incident::{self, Act, Case, Facts, Lack, NotNow, PREFIX, Step};
use crate::ledger::{self, DayKeys};
use crate::run::Deployed as _;
use crate::store::{Alert, Log, Store as _, StoreError, Transaction, Write, life};
use crate::vault::tripwire;
use crate::watch;
use crate::world::Clock as _;

impl Agent {
    /// All incidents, oldest first.
    pub(super) fn cases(&self) -> Result<Vec<Case>, StoreError> {
        let done: std::collections::BTreeMap<_, _> = self.store.states(PREFIX)?.into_iter().collect();
        let case = |row: crate::store::AlertRow| {
            let name = format!("{PREFIX}{}", row.no);
            Case::read(row, done.get(&name).map(Vec::as_slice))
        };
        self.store.incidents()?.into_iter().map(case).collect()
    }

    /// Tells on-call of incidents that nobody answers or explains in time, and ends alerts that nothing raises any more.
    pub(super) async fn look_at_incidents(&self) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes =
            watch::overdue(&self.cases()?, &self.store.alerts()?, &self.routes(), transaction.at.moment());
        if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
    }

    /// Answers one question about incidents.
    pub(super) async fn about_incidents(&self, question: IncidentQuestion, by: PersonId) -> Result<Answer, StoreError> {
        match question {
            IncidentQuestion::List { client, closed } => {
                let mut cases = self.cases()?;
                let concerned = |case: &Case| client.is_none() || case.row.alert.client == client;
                cases.retain(|case| concerned(case) && (closed || case.done.closed.is_none()));
                Ok(said(IncidentAnswer::List(cases.iter().map(|case| self.row(case)).collect())))
            }
            IncidentQuestion::Open { client, workflow, code, severity } => {
                if let Err(no) = self.is_oncall(&by) {
                    return Ok(not_held(no));
                }
                if let Some(client) = client.as_ref().filter(|client| !self.knows(client)) {
                    return Ok(refused(format!("there is no client `{client}` here"), LOOK_AT_STATUS));
                }
                if let (Some(client), Some(workflow)) = (&client, &workflow)
                    && !self
                        .taken()
                        .is_some_and(|taken| taken.workflows().contains_key(&(client.clone(), workflow.clone())))
                {
                    return Ok(refused(format!("`{client}` has no workflow `{workflow}` here"), LOOK_AT_STATUS));
                }
                let code = code.as_str().to_owned();
                let alert = Alert {
                    rule: severity.by_hand(),
                    client,
                    workflow,
                    connection: None,
                    code,
                    run: None,
                    incident: true,
                    by: Some(by),
                    about: None,
                };
                self.open_incident(alert).await
            }
            IncidentQuestion::Acknowledge { no } => self.step(no, Step::Acknowledge, by).await,
            IncidentQuestion::Resolve { no } => self.step(no, Step::Resolve, by).await,
            IncidentQuestion::Close { no } => self.step(no, Step::Close, by).await,
            IncidentQuestion::Draft { no } => self.draft_of(no).await,
            IncidentQuestion::Share { no, text } => self.share(no, text, by).await,
        }
    }

    /// The post-mortem of one, as far as the ledger knows it.
    pub(super) async fn draft_of(&self, no: i64) -> Result<Answer, StoreError> {
        match self.case(no)? {
            Some(case) => Ok(self.draft(&case).await?.map_or_else(broken, said)),
            None => Ok(unknown(no)),
        }
    }

    async fn open_incident(&self, alert: Alert) -> Result<Answer, StoreError> {
        let key = alert.key();
        if self.store.alerts()?.iter().any(|row| row.alert.key() == key) {
            let help = "See `assent-agent incidents`; resolve it first, or use another code.";
            return Ok(refused("an incident with that code is open already".to_owned(), help));
        }
        self.store.commit(Transaction::new(self.world.clock.now()).with(Write::Alert(alert))).await?;
        let opened = self.cases()?.into_iter().rev().find(|case| case.row.alert.key() == key);
        let opened = opened.ok_or(StoreError::Damaged("the row of an incident"))?;
        Ok(said(IncidentAnswer::One(Box::new(self.row(&opened)))))
    }

    /// All of them, as lists show them, oldest first.
    pub(super) fn incident_rows(&self) -> Result<Vec<IncidentRow>, StoreError> {
        Ok(self.cases()?.iter().map(|case| self.row(case)).collect())
    }

    /// Takes a step in one.
    pub(super) async fn step(&self, no: i64, step: Step, by: PersonId) -> Result<Answer, StoreError> {
        self.step_after(no, step, by, |case| case).await
    }

    /// The same, of an incident of which more is known by now than is kept.
    async fn step_after(
        &self,
        no: i64,
        step: Step,
        by: PersonId,
        known: impl FnOnce(Case) -> Case,
    ) -> Result<Answer, StoreError> {
        if let Err(no) = self.is_oncall(&by) {
            return Ok(not_held(no));
        }
        // One step at a time: what one person reads, nobody else changes before it is written.
        let _steps = self.incident_steps.lock().await;
        let Some(case) = self.case(no)?.map(known) else { return Ok(unknown(no)) };
        match case.after(step, &Act { by, at: self.world.clock.now().moment() }) {
            Ok((next, writes)) => {
                let mut transaction = Transaction::new(self.world.clock.now());
                transaction.writes = writes;
                self.store.commit(transaction).await?;
                Ok(said(IncidentAnswer::One(Box::new(self.row(&next)))))
            }
            Err(why) => Ok(not_now(&case, why)),
        }
    }

    /// Sent first, then noted: a crash in between sends it once more, with the same `dedup`.
    pub(super) async fn share(&self, no: i64, text: String, by: PersonId) -> Result<Answer, StoreError> {
        if let Err(no) = self.is_oncall(&by) {
            return Ok(not_held(no));
        }
        let Some(case) = self.case(no)? else { return Ok(unknown(no)) };
        // The tripwire knows the secrets that are in memory: all of them, while it looks.
        let secrets = match self.all_secrets().await {
            Ok(secrets) => secrets,
            Err(outage) => {
                let what = format!("whether the post-mortem holds a secret cannot be told: {outage}");
                return Ok(refused(what, "See that the vault answers, and share it again."));
            }
        };
        let lacks = incident::check(text.as_bytes(), &case.id(), tripwire::holds);
        drop(secrets);
        if lacks.iter().any(Lack::is_told) {
            let told: Vec<String> = lacks.iter().filter(|lack| lack.is_told()).map(ToString::to_string).collect();
            let what = format!("the post-mortem tells what must not leave: {}", told.join("; "));
            return Ok(refused(what, "Take it out of the text, and rotate the secret if it was one; then share it."));
        }
        if !lacks.is_empty() {
            let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
            let help =
                format!("Begin with `assent-agent incidents draft {}` and write what only a person knows.", case.id());
            return Ok(refused(format!("the post-mortem is not whole: {}", lacks.join("; ")), help));
        }
        // Whoever drafted before somebody resolved it would tell the client that it is open.
        let Some(now) = self.drafted(&case).await? else { return Ok(broken()) };
        let old = incident::not_so(&text, &now);
        if !old.is_empty() {
            let old: Vec<String> = old.iter().map(ToString::to_string).collect();
            let help = format!(
                "Draft it anew (`assent-agent incidents draft {}`) and keep root cause and prevention.",
                case.id()
            );
            return Ok(refused(format!("the post-mortem is older than the incident: {}", old.join("; ")), help));
        }
        let file = Digest::of_file(text.as_bytes());
        let gone = case.row.alert.client.as_ref().is_some_and(|client| !self.knows(client));
        // Nobody is left to send it to; that it was written stands in the ledger.
        let step = if gone { Step::Write(file) } else { Step::Share(file) };
        if let Err(why) = case.after(step, &Act { by: by.clone(), at: self.world.clock.now().moment() }) {
            return Ok(not_now(&case, why));
        }
        if gone {
            return self.step(no, step, by).await;
        }
        let routes = self.routes();
        let secrets =
            |route: &ConnectionId| -> watch::ToldSecret<'_> { Box::pin(self.field.route_secret(route.clone())) };
        let teller = watch::Teller::new(&routes, &self.config.agent, &secrets);
        match watch::share(&*self.world, &teller, &case, &text).await {
            Ok(took) => self.step_after(no, step, by, |case| case.taken_by(took)).await,
            Err(watch::NotShared::NoRoute(client)) => Ok(refused(
                format!("no route of `{client}` in its region carries post-mortems"),
                "Add `post-mortems` to what a route of `assent.toml` carries, and release it.",
            )),
            Err(watch::NotShared::Failed { failed, took }) => Ok(not_taken(&failed, &took)),
            Err(watch::NotShared::NoAddress(client, route)) => Ok(refused(
                format!("the route `{route}` carries post-mortems by mail, and a contact of `{client}` has no address"),
                format!(
                    "Give each of `contacts` a `mail` in the client's file, or take `post-mortems` from what `{route}` carries."
                ),
            )),
            Err(watch::NotShared::Nobody) => {
                Ok(refused("there is no client whose contacts could be told".to_owned(), LOOK_AT_STATUS))
            }
        }
    }

    async fn draft(&self, case: &Case) -> Result<Option<IncidentAnswer>, StoreError> {
        Ok(self.drafted(case).await?.map(IncidentAnswer::Draft))
    }

    async fn drafted(&self, case: &Case) -> Result<Option<String>, StoreError> {
        let log = case.row.alert.client.clone().map_or(Log::Agent, Log::Client);
        let until = case.done.resolved.as_ref().map_or_else(|| self.field.now(), |act| act.at);
        let Some(entries) = self.entries(log.clone(), Facts::from(case), until).await else { return Ok(None) };
        let queue = self.store.queue()?;
        let named: BTreeSet<_> = entries.iter().filter_map(|entry| entry.plan).collect();
        let of = |digest| Some((digest, self.field.plan(&digest)?.plan.workflow.clone()));
        let mut plans = incident::plans_of(&entries);
        plans.extend(named.iter().copied().filter_map(of));
        if !named.iter().all(|plan| plans.contains_key(plan)) {
            // Long gone: the log says of which workflow it was when it came.
            let Some(came) = self.came(log, until).await else { return Ok(None) };
            plans.extend(incident::plans_of(&came));
        }
        let (respond_by, life) = (self.answer_by(case), life(&*self.store)?);
        let facts = Facts { case, respond_by, entries: &entries, queue: &queue, plans: &plans, life };
        Ok(Some(incident::draft(&facts)))
    }

    /// The entries of a log from one moment to another; nothing when it cannot be read.
    pub(super) async fn entries(&self, log: Log, from: Moment, until: Moment) -> Option<Vec<Entry>> {
        self.wanted(log, (from, until), |_| true).await
    }

    /// The entries of a log that say which plans came and went.
    async fn came(&self, log: Log, until: Moment) -> Option<Vec<Entry>> {
        let says = |entry: &Entry| matches!(entry.kind, Kind::Deployed(_) | Kind::RolledBack(_));
        self.wanted(log, (Moment::from_seconds(0), until), says).await
    }

    async fn wanted(&self, log: Log, span: (Moment, Moment), is: fn(&Entry) -> bool) -> Option<Vec<Entry>> {
        let origin = self.origin(&log).ok()?;
        let (store, mut days) =
            (Arc::clone(&self.store), DayKeys::new(Arc::clone(&self.disk), Arc::clone(&self.identity.host)));
        // A long day is read: not on the thread that runs are driven on.
        let read = move || ledger::window_of(&*store, &log, &origin, &mut days, span, &is);
        match tokio::task::spawn_blocking(read).await.ok()? {
            Ok(entries) => Some(entries),
            Err(error) => {
                tracing::error!(%error, "the ledger could not be read");
                None
            }
        }
    }

    pub(super) fn case(&self, no: i64) -> Result<Option<Case>, StoreError> {
        Ok(self.cases()?.into_iter().find(|case| case.row.no == no))
    }

    fn answer_by(&self, case: &Case) -> Option<Moment> {
        watch::clock(&case.row, &self.routes()).map(|clock| clock.until)
    }

    fn row(&self, case: &Case) -> IncidentRow {
        IncidentRow::of(case, self.answer_by(case))
    }

    /// Whether a client is in the newest release.
    pub(super) fn knows(&self, client: &ClientId) -> bool {
        self.taken().is_some_and(|taken| taken.clients.contains_key(client))
    }
}

const LOOK_AT_STATUS: &str = "`assent-agent status` lists what runs here.";

/// Which routes refused a post-mortem, and which have it already.
fn not_taken(failed: &[watch::NotGone], took: &[ConnectionId]) -> Answer {
    let failed = failed.iter().map(|watch::NotGone { client, route, code }| {
        format!("the route `{route}` of `{client}` did not take the post-mortem ({code})")
    });
    let what = failed.collect::<Vec<_>>().join("; ");
    let help = "See that the receiver answers, and share it again";
    if took.is_empty() {
        return refused(what, format!("{help}."));
    }
    let took: Vec<String> = took.iter().map(|route| format!("`{route}`")).collect();
    let help = format!("{help}: it leaves by all routes then, and whoever has it knows it again by its `dedup`.");
    refused(format!("{what}; taken by {}", took.join(", ")), help)
}

fn said(answer: IncidentAnswer) -> Answer {
    Answer::Incidents(answer)
}

fn broken() -> Answer {
    refused("the ledger cannot be read".to_owned(), "The agent's log says more.")
}

fn unknown(no: i64) -> Answer {
    let id = crate::store::IncidentNo::new(no);
    refused(format!("there is no incident `{id}` here"), "`assent-agent incidents --all` lists them.")
}

fn not_now(case: &Case, why: NotNow) -> Answer {
    let id = case.id();
    let (what, help) = match why {
        NotNow::Already => ("that was done before".to_owned(), format!("See `assent-agent incidents show {id}`.")),
        NotNow::Closed => (format!("`{id}` is closed"), "Open another: `assent-agent incidents open`.".to_owned()),
        NotNow::NotResolved => (
            format!("`{id}` is not resolved"),
            format!("When its cause is gone: `assent-agent incidents resolve {id}`."),
        ),
        NotNow::NotShared => (
            format!("the post-mortem of `{id}` was not shared"),
            format!(
                "Finish `assent-agent incidents draft {id}`, then `assent-agent incidents share {id} --file FILE`."
            ),
        ),
    };
    refused(what, help)
}
