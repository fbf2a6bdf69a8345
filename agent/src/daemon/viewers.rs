//! Who asks by a command on the host, and what of the answer is theirs to see. The entry first, then the answer.
//!
//! # Source
//! engine.md section 8. Promises P09 and P10.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::Token;
use assent_schema::trust::RoleName;

use super::agent::Agent;
use super::answers::{Clerk, refused};
use crate::console::{Known, Sight, Viewer, Who};
use crate::control::alerts::AlertQuestion;
use crate::control::incidents::{IncidentAnswer, IncidentQuestion};
use crate::control::ledger::{ENTRIES_MOST, LedgerAnswer, LedgerQuestion};
use crate::control::{Answer, Question, RUNS_MOST, ReadAgain, stored};
use crate::people::Keys;
use crate::people::access::{looked, refused as turned_away};
use crate::people::wire::{Introduction, SignedCommand};
use crate::store::{Log, Note, RunFilter, RunId, RunRef, Store as _, StoreError, Transaction, Write, run_of_name};
use crate::sync::lock;
use crate::world::{Clock as _, Dice as _};

/// Why an entry of the ledger says that somebody looked.
const WHY: &str = "command";

impl Agent {
    /// Somebody of the agency: what they may see follows from the teams and from who is on call.
    pub(super) fn of_agency(&self, person: &PersonId) -> Option<Known> {
        let taken = self.taken()?;
        let named = taken.bundle.roots.newest().people.get(person)?;
        let keys = Keys { ssh: named.keys.clone(), passkeys: named.passkeys.clone() };
        let teams = &taken.bundle.teams.clients;
        let assigned = teams.iter().filter(|(_, members)| members.contains(person));
        let clients = assigned.map(|(client, _)| client.clone()).filter(|client| taken.clients.contains_key(client));
        let viewer = Viewer {
            who: Who { client: None, person: person.clone() },
            clients: clients.collect(),
            oncall: taken.people(RoleName::Oncall).contains(person),
        };
        Some(Known { keys, viewer })
    }

    /// Whether somebody may read a log. Of a client that left, nobody is assigned any more: on-call reads it.
    pub(super) fn may_read(&self, viewer: &Viewer, log: &Log) -> bool {
        match log.client() {
            None => viewer.may_see(Sight::Agent),
            Some(client) => {
                viewer.may_see(Sight::Client(client))
                    || (viewer.may_act(client) && !self.knows(client) && self.kept(client))
            }
        }
    }

    /// Whether entries of a client are here. A look at what is not there would begin a log.
    fn kept(&self, client: &ClientId) -> bool {
        self.store.ledger_size(&Log::Client(client.clone())).is_ok_and(|size| size > 0)
    }

    /// Reads again what a run read. The entry first.
    pub(super) async fn reread(
        &self,
        (run, client, plan): (RunId, ClientId, Digest),
        by: &PersonId,
        why: &Token,
    ) -> Result<Option<Vec<ReadAgain>>, StoreError> {
        let note = looked(Log::Client(client), by, "content", why.as_str());
        self.note(vec![Note { run: Some(run), plan: Some(plan), ..note }]).await?;
        let read = self.engine.reread(run).await?;
        Ok(read.map(|read| read.into_iter().map(ReadAgain::from).collect()))
    }

    async fn note(&self, notes: Vec<Note>) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes = notes.into_iter().map(|note| Write::Note(Box::new(note))).collect();
        if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
    }
}

impl Clerk {
    /// What somebody is to sign, whoever they say they are.
    pub(super) fn challenge(&self, who: &Introduction) -> Answer {
        let clock = &self.agent.world.clock;
        let dice: [u8; 32] = self.agent.world.dice.bytes();
        let dice = dice.first_chunk().copied().unwrap_or_default();
        let now = clock.now().moment();
        let challenges = lock(&self.challenges);
        Answer::Challenge(challenges.give(&self.itself, who, dice, clock.boot(), now))
    }

    /// Who signed a question, and the question; or what they are told.
    pub(super) async fn signed(
        &self,
        signed: &SignedCommand,
    ) -> Result<Result<(Viewer, Question), Answer>, StoreError> {
        let agent = &self.agent;
        let question: Option<Question> = serde_json::from_str(&signed.question).ok();
        if agent.halted().is_some() && !question.as_ref().is_some_and(Question::starts_nothing) {
            let help = "`assent-agent status` tells why; on-call signs a recovery: `assent-agent recover`.";
            return Ok(Err(refused("the agent has stopped".to_owned(), help)));
        }
        if agent.taken().is_none() {
            let help = "See what keeps it from one: `assent-agent status`.";
            return Ok(Err(refused("the agent holds no release that says who people are".to_owned(), help)));
        }
        let boot = agent.world.clock.boot();
        let keys = |person: &PersonId| agent.of_agency(person).map(|known| known.keys).unwrap_or_default();
        let person = lock(&self.challenges).command(&self.itself, signed, boot, keys);
        let person = match person {
            Ok(person) => person,
            Err(no) => {
                agent.note(vec![turned_away(Log::Agent, None, no.code(), signed.question.as_bytes())]).await?;
                let help = "See who stands in the newest trust/root and with which key, and say `--key YOU=FILE`.";
                return Ok(Err(refused("the agent knows nobody of that name and key".to_owned(), help)));
            }
        };
        let Some(known) = agent.of_agency(&person) else { return Ok(Err(changed())) };
        let Some(question) = question else { return Ok(Err(changed())) };
        Ok(Ok((known.viewer, question)))
    }

    /// Something is there, or not, and not theirs: the ledger is told which, they are not.
    async fn not_theirs(&self, viewer: &Viewer, log: Log, what: &str) -> Result<Answer, StoreError> {
        let log = match log {
            Log::Client(client) if !self.agent.knows(&client) => Log::Agent,
            log => log,
        };
        self.agent.note(vec![turned_away(log, Some(&viewer.who.person), "not_assigned", what.as_bytes())]).await?;
        let help = "Who is assigned to which client stands in trust/teams.toml.";
        Ok(refused(format!("there is no {what} here that is yours to see"), help))
    }

    /// The clients of whom somebody sees runs: the one that is asked for, or all that they are assigned to.
    fn theirs(viewer: &Viewer, client: Option<&ClientId>) -> BTreeSet<ClientId> {
        let wanted = |one: &&ClientId| client.is_none_or(|client| client == *one);
        viewer.clients.iter().filter(wanted).filter(|client| viewer.may_see(Sight::Client(client))).cloned().collect()
    }

    fn seen(viewer: &Viewer, clients: &BTreeSet<ClientId>, what: &'static str) -> Vec<Note> {
        let person = &viewer.who.person;
        clients.iter().map(|client| looked(Log::Client(client.clone()), person, what, WHY)).collect()
    }

    pub(super) async fn runs(
        &self,
        viewer: &Viewer,
        client: Option<ClientId>,
        most: usize,
    ) -> Result<Answer, StoreError> {
        let clients = Self::theirs(viewer, client.as_ref());
        if let Some(client) = client.filter(|_| clients.is_empty()) {
            return self.not_theirs(viewer, Log::Client(client.clone()), &format!("client `{client}`")).await;
        }
        let most = most.min(RUNS_MOST);
        let mut lines = Vec::new();
        for client in &clients {
            let filter = RunFilter { client: Some(client.clone()), most, ..RunFilter::default() };
            lines.extend(self.agent.store.runs(&filter)?);
        }
        lines.sort_by_key(|line| std::cmp::Reverse((line.at, line.run)));
        lines.truncate(most);
        self.agent.note(Self::seen(viewer, &clients, "runs")).await?;
        let rows = lines.iter().map(|line| stored::row_in(&*self.agent.store, line));
        rows.collect::<Result<_, _>>().map(Answer::Runs)
    }

    /// The run that somebody means, by id or name. Whoever may not see a client does not learn by a name that a run is there.
    async fn meant(&self, viewer: &Viewer, run: &RunRef) -> Result<Result<RunId, Answer>, StoreError> {
        let name = match run {
            RunRef::Id(run) => return Ok(Ok(*run)),
            RunRef::Name(name) => name,
        };
        let log = Log::Client(name.client().clone());
        if !self.agent.may_read(viewer, &log) {
            return self.not_theirs(viewer, log, "run of that id").await.map(Err);
        }
        Ok(run_of_name(&*self.agent.store, name)?.ok_or(Answer::Run(None)))
    }

    pub(super) async fn run(&self, viewer: &Viewer, run: &RunRef) -> Result<Answer, StoreError> {
        let run = match self.meant(viewer, run).await? {
            Ok(run) => run,
            Err(no) => return Ok(no),
        };
        let Answer::Run(Some(story)) = stored::run(&*self.agent.store, run)? else { return Ok(Answer::Run(None)) };
        let log = Log::Client(story.run.client.clone());
        if !self.agent.may_read(viewer, &log) {
            return self.not_theirs(viewer, log, "run of that id").await;
        }
        let note = looked(log, &viewer.who.person, "run", WHY);
        self.agent.note(vec![Note { run: Some(run), plan: Some(story.run.plan), ..note }]).await?;
        Ok(Answer::Run(Some(story)))
    }

    /// What a run read, read again for somebody who sees the run: that they look, and why, is durable before anything is asked.
    pub(super) async fn reread(&self, viewer: &Viewer, run: &RunRef, why: &Token) -> Result<Answer, StoreError> {
        let run = match self.meant(viewer, run).await? {
            Ok(run) => run,
            Err(no) => return Ok(no),
        };
        let Answer::Run(Some(story)) = stored::run(&*self.agent.store, run)? else { return Ok(Answer::Run(None)) };
        let log = Log::Client(story.run.client.clone());
        if !viewer.may_see(Sight::Client(&story.run.client)) {
            return self.not_theirs(viewer, log, "run of that id").await;
        }
        let read = self.agent.reread((run, story.run.client, story.run.plan), &viewer.who.person, why).await?;
        Ok(read.map_or(Answer::Run(None), Answer::Reread))
    }

    pub(super) async fn queue(&self, viewer: &Viewer) -> Result<Answer, StoreError> {
        let clients = Self::theirs(viewer, None);
        let mut items = self.agent.store.queue()?;
        items.retain(|item| clients.contains(&item.client));
        self.agent.note(Self::seen(viewer, &clients, "queue")).await?;
        stored::queued(&*self.agent.store, items)
    }

    /// A ledger, as far as it is theirs.
    pub(super) async fn books(&self, viewer: &Viewer, question: LedgerQuestion) -> Result<Answer, StoreError> {
        let Some(log) = question.log().cloned() else { return self.all_books(viewer, question).await };
        if !self.agent.may_read(viewer, &log) {
            return self.not_theirs(viewer, log.written(), &format!("log `{log}`")).await;
        }
        self.agent.note(vec![looked(log.written(), &viewer.who.person, "ledger", WHY)]).await?;
        self.ledger(question).await
    }

    /// Which ledgers are theirs, or what the entries of all of them say.
    async fn all_books(&self, viewer: &Viewer, question: LedgerQuestion) -> Result<Answer, StoreError> {
        let person = &viewer.who.person;
        let Answer::Ledger(LedgerAnswer::Logs(mut logs)) = self.ledger(LedgerQuestion::Logs).await? else {
            return Ok(changed());
        };
        logs.retain(|log| self.agent.may_read(viewer, log));
        let LedgerQuestion::Show { person: about, since, .. } = question else {
            return Ok(Answer::Ledger(LedgerAnswer::Logs(logs)));
        };
        let written: BTreeSet<Log> = logs.iter().map(Log::written).collect();
        self.agent.note(written.into_iter().map(|log| looked(log, person, "ledger", WHY)).collect()).await?;
        let mut all = Vec::new();
        for log in logs {
            let question = LedgerQuestion::Show { log: Some(log), person: about.clone(), since };
            match self.ledger(question).await? {
                Answer::Ledger(LedgerAnswer::Entries(entries)) => all.extend(entries),
                other => return Ok(other),
            }
        }
        let time = |entry: &serde_json::Value| entry.get("time").map(ToString::to_string);
        all.sort_by_key(time);
        let extra = all.len().saturating_sub(ENTRIES_MOST);
        Ok(Answer::Ledger(LedgerAnswer::Entries(all.split_off(extra))))
    }

    /// Alerts, as far as they are theirs; on-call takes care of all.
    pub(super) async fn alerts(&self, viewer: &Viewer, question: AlertQuestion) -> Result<Answer, StoreError> {
        let person = viewer.who.person.clone();
        let answer = self.agent.about_alerts(question, person.clone()).await?;
        let Answer::Alerts(mut lines) = answer else { return Ok(answer) };
        lines.retain(|line| match &line.client {
            Some(client) => viewer.may_see(Sight::Standing(client)),
            None => viewer.may_see(Sight::Agent),
        });
        let logs: BTreeSet<Log> =
            lines.iter().map(|line| line.client.clone().map_or(Log::Agent, Log::Client)).collect();
        self.agent.note(logs.into_iter().map(|log| looked(log, &person, "alerts", WHY)).collect()).await?;
        Ok(Answer::Alerts(lines))
    }

    /// Incidents, as far as they are theirs; on-call acts on all.
    pub(super) async fn incidents(&self, viewer: &Viewer, question: IncidentQuestion) -> Result<Answer, StoreError> {
        let person = viewer.who.person.clone();
        let mine = |client: &Option<ClientId>| match client {
            Some(client) => viewer.may_see(Sight::Standing(client)),
            None => viewer.may_see(Sight::Agent),
        };
        let log = |client: Option<ClientId>| client.map_or(Log::Agent, Log::Client);
        let asked = match question {
            IncidentQuestion::Draft { no } => Some(no),
            _ => None,
        };
        let drafted = asked.map(|no| self.agent.case(no)).transpose()?.flatten().map(|case| case.row.alert.client);
        if let Some(client) = drafted.clone().filter(|client| !mine(client)) {
            return self.not_theirs(viewer, log(client), "incident of that number").await;
        }
        let answer = self.agent.about_incidents(question, person.clone()).await?;
        let (answer, shown) = match answer {
            Answer::Incidents(IncidentAnswer::List(mut rows)) => {
                rows.retain(|row| mine(&row.client));
                let clients: BTreeSet<_> = rows.iter().map(|row| row.client.clone()).collect();
                (Answer::Incidents(IncidentAnswer::List(rows)), clients)
            }
            answer => (answer, drafted.into_iter().collect()),
        };
        self.agent
            .note(shown.into_iter().map(|client| looked(log(client), &person, "incidents", WHY)).collect())
            .await?;
        Ok(answer)
    }
}

fn changed() -> Answer {
    refused("the agent does not know this question".to_owned(), "Use the `assent-agent` of the version that runs.")
}
