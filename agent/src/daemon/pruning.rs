//! What of the ledger goes: by age, on request, and what a legal hold keeps. Announced first; `ledger::gone` does it.
//!
//! # Source
//! engine.md section 5. Promises P01, P14.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::canon;
use assent_schema::client::RETENTION_LEAST;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::Token;
use assent_schema::time::{Moment, Period};

use super::agent::Agent;
use super::hold::NotHeld;
use crate::control::ledger::{Erased, LEGAL, LegalHold};
use crate::ledger::{self, Anew, Ranges, Step, announce};
use crate::store::{Log, Note, Store as _, StoreError, Transaction, Write, life};
use crate::world::{Clock as _, Dice as _};

/// How often is looked whether something is too old.
const EVERY: Duration = Duration::from_hours(1);
/// Where the store keeps how long the ledger of a client is kept, also when the client left the release.
const RETENTION: &str = "ledger/retention/";
/// Steps of one look: more than the largest day has. What is left is done at the next look.
const STEPS_MOST: usize = 1_000_000;

/// Why nothing is erased or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotErased {
    /// The root does not list the person as on-call, or there is no such client.
    Not(NotHeld),
    /// A legal hold keeps everything.
    Kept(LegalHold),
    /// No run that ended is about it.
    Nothing {
        /// Runs under way that are.
        open: u64,
    },
    /// A day of it is being sealed anew for an older request.
    Busy,
    /// There is a legal hold already, or none.
    Twice,
}

impl From<NotHeld> for NotErased {
    fn from(no: NotHeld) -> Self {
        Self::Not(no)
    }
}

/// Prunes until the future is dropped.
pub(super) async fn pruning(agent: Arc<Agent>) {
    loop {
        if agent.halted().is_none()
            && let Err(error) = agent.prune().await
        {
            tracing::error!(%error, "the ledger could not be pruned");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = agent.pruning.notified() => {}
        }
    }
}

impl Agent {
    /// Announces what is too old, and does what was announced, in every log.
    pub(super) async fn prune(&self) -> Result<(), StoreError> {
        let mut longest = RETENTION_LEAST;
        let mut logs = self.store.logs()?;
        // The agent's own log last: it is kept as long as that of any client.
        logs.sort_by_key(|log| *log == Log::Agent);
        let mut lost = BTreeSet::new();
        for log in &logs {
            let kept = self.retention(log, longest).await?;
            if let Some(kept) = kept {
                longest = longest.max(kept);
                self.announce_old(log, kept).await?;
                self.forget_old(log, kept).await?;
            }
            for log in self.ended_logs(log)? {
                self.work_off(&log).await?;
            }
            self.work_off(log).await?;
            lost.extend(self.lost_day(log)?.map(|_| log));
        }
        if lost.is_empty() {
            self.alerts_over(Rule::LedgerKey).await;
        } else {
            tracing::error!(logs = lost.len(), "days of the ledger have no key, and no entry says that they are gone");
            self.alert(Rule::LedgerKey, "lost").await;
        }
        Ok(())
    }

    /// How long a log is kept; nothing while that is not known.
    async fn retention(&self, log: &Log, longest: Period) -> Result<Option<Period>, StoreError> {
        let Log::Client(client) = log else { return Ok(Some(longest)) };
        let name = format!("{RETENTION}{client}");
        let known = self.store.state(&name)?.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let Some(facts) = self.taken().and_then(|taken| taken.clients.get(client).cloned()) else { return Ok(known) };
        let kept = facts.retention.max(RETENTION_LEAST);
        if known != Some(kept) {
            let write = Write::State { name, value: Some(kept.to_string().into_bytes()) };
            self.store.commit(Transaction::new(self.world.clock.now()).with(write)).await?;
        }
        Ok(Some(kept))
    }

    async fn announce_old(&self, log: &Log, kept: Period) -> Result<(), StoreError> {
        let _alone = self.reading.write().await;
        if self.is_kept(log)?.is_some() {
            return Ok(());
        }
        // Trusted time: a clock that runs ahead must not make a ledger old.
        let day = self.field.trusted().minus(kept).day();
        let old = ledger::before(&*self.store, log, &day)?;
        let origin = self.origin(log)?;
        let keys = self.day_keys().days(&origin).or(Err(StoreError::Broken))?;
        let days: Vec<String> = keys.into_iter().filter(|key| *key < day).collect();
        if old.is_none() && days.is_empty() {
            return Ok(());
        }
        let reason = Token::new(&kept.to_string()).or(Err(StoreError::Damaged("a retention")))?;
        let note = Note::new(log.clone(), "pruned").fact("rule", "retention").fact("reason", reason.as_str());
        let more: Ranges = old.into_iter().collect();
        let note = old.map(|_| note);
        let writes = announce(&*self.store, log, &more, note, days, Vec::new())?;
        tracing::info!(log = log.as_str(), before = %day, "days of the ledger are too old and go");
        self.store.commit(Transaction { at: self.world.clock.now(), writes }).await
    }

    /// The logs of this name that ended with recoveries, whatever is left of them.
    fn ended_logs(&self, log: &Log) -> Result<Vec<Log>, StoreError> {
        Ok((1..life(&*self.store)?).map(|life| log.ended(life)).collect())
    }

    /// Destroys the keys of days of logs that ended which are too old. No entry can say so there: from the first of them on
    /// such a log is not given out any more.
    async fn forget_old(&self, log: &Log, kept: Period) -> Result<(), StoreError> {
        let _alone = self.reading.write().await;
        if self.is_kept(log)?.is_some() {
            return Ok(());
        }
        let day = self.field.trusted().minus(kept).day();
        for ended in self.ended_logs(log)? {
            let (origin, mut keys) = (self.origin(&ended)?, self.day_keys());
            let mut days = keys.days(&origin).or(Err(StoreError::Broken))?;
            days.retain(|key| *key < day);
            if days.is_empty() {
                continue;
            }
            self.store.commit(Transaction::new(self.world.clock.now()).with(ledger::forget_ended(&ended))).await?;
            tracing::info!(log = ended.as_str(), before = %day, "days of a ledger that ended are too old and go");
            days.iter().try_for_each(|day| keys.destroy(&origin, day)).or(Err(StoreError::Broken))?;
        }
        Ok(())
    }

    /// Does what was announced. Between two steps everybody else has a turn.
    async fn work_off(&self, log: &Log) -> Result<(), StoreError> {
        let origin = self.origin(log)?;
        let mut keys = self.day_keys();
        for _ in 0..STEPS_MOST {
            let _alone = self.reading.write().await;
            let now = self.world.clock.now();
            match ledger::step(&*self.store, &mut keys, &self.world.dice, (log, &origin), now).await? {
                Step::Went => {}
                Step::Done | Step::Waits => break,
            }
        }
        Ok(())
    }

    /// The first day of a log that has no key although no entry says that it is gone.
    fn lost_day(&self, log: &Log) -> Result<Option<String>, StoreError> {
        let keys: BTreeSet<String> =
            self.day_keys().days(&self.origin(log)?).or(Err(StoreError::Broken))?.into_iter().collect();
        let gone = ledger::announced(&*self.store, log)?;
        let mut next = match gone.first() {
            Some((0, last)) => last + 1,
            Some(_) | None => 0,
        };
        while let Some(row) = self.store.ledger_rows(log, next, 1)?.pop() {
            if !keys.contains(&row.day) {
                return Ok(Some(row.day));
            }
            let after = Moment::from_seconds(day_start(&row.day)?).plus(Period::days(1)).day();
            next = ledger::first_on(&*self.store, log, &after)?.max(next + 1);
        }
        Ok(None)
    }

    /// Makes the entries of one person's runs unreadable, on request.
    pub(super) async fn erase(
        self: &Arc<Self>,
        client: ClientId,
        reference: String,
        request: Token,
        by: PersonId,
    ) -> Result<Result<Erased, NotErased>, StoreError> {
        if let Err(no) = self.is_client(&client, &by) {
            return Ok(Err(no.into()));
        }
        let log = Log::Client(client);
        let agent = Arc::clone(self);
        let of = log.clone();
        let look = move || {
            let _reading = agent.reading.blocking_read();
            agent.about(&of, &reference)
        };
        let found = tokio::task::spawn_blocking(look).await.or(Err(StoreError::Broken))??;
        let _alone = self.reading.write().await;
        if let Some(hold) = self.is_kept(&log)? {
            return Ok(Err(NotErased::Kept(hold)));
        }
        let gone = ledger::announced(&*self.store, &log)?;
        let new: Ranges =
            found.entries.iter().filter(|at| !ledger::covers(&gone, **at)).fold(Vec::new(), |mut all, at| {
                assent_schema::ledger::ranges::push_index(&mut all, *at);
                all
            });
        if new.is_empty() {
            return Ok(Err(NotErased::Nothing { open: found.open }));
        }
        let mut days = Vec::new();
        for (first, last) in &new {
            days.extend(self.days_of(&log, *first, *last)?);
        }
        days.sort();
        days.dedup();
        let busy = |anew: &Anew| anew.made && days.contains(&anew.day);
        if ledger::work(&*self.store, &log)?.is_some_and(|work| work.anew.iter().any(busy)) {
            return Ok(Err(NotErased::Busy));
        }
        let mut anew = Vec::new();
        for day in days {
            let next = ledger::first_on(&*self.store, &log, &day)?;
            anew.push(Anew { day, next, made: false });
        }
        let note = Note::new(log.clone(), "erased").fact("request", request.as_str());
        let note = Note { actor: Some(by), ..note };
        let entries = new.iter().map(|(first, last)| last - first + 1).sum();
        let writes = announce(&*self.store, &log, &new, Some(note), Vec::new(), anew)?;
        self.store.commit(Transaction { at: self.world.clock.now(), writes }).await?;
        self.pruning.notify_one();
        Ok(Ok(Erased { entries, runs: found.runs, open: found.open }))
    }

    /// The days of entries that stand together.
    fn days_of(&self, log: &Log, first: u64, last: u64) -> Result<Vec<String>, StoreError> {
        let (mut days, mut next) = (Vec::new(), first);
        while next <= last {
            let Some(row) = self.store.ledger_rows(log, next, 1)?.pop() else { break };
            let after = Moment::from_seconds(day_start(&row.day)?).plus(Period::days(1)).day();
            next = ledger::first_on(&*self.store, log, &after)?.max(next + 1);
            days.push(row.day);
        }
        Ok(days)
    }

    /// Keeps everything of a log, whatever its age and whoever asks, until it is released.
    pub(super) async fn keep(
        &self,
        client: Option<ClientId>,
        by: PersonId,
        why: Token,
    ) -> Result<Result<LegalHold, NotErased>, StoreError> {
        let log = match self.log_of(client, &by) {
            Ok(log) => log,
            Err(no) => return Ok(Err(no.into())),
        };
        let _alone = self.reading.write().await;
        let name = format!("{LEGAL}{}", log.as_str());
        if self.store.state(&name)?.is_some() {
            return Ok(Err(NotErased::Twice));
        }
        let id = format!("l-{:016x}", u64::from_le_bytes(self.world.dice.bytes()));
        let id = Token::new(&id).or(Err(StoreError::Damaged("the id of a hold")))?;
        let hold = LegalHold { id, why, by, since: self.world.clock.now().moment() };
        let value = canon::to_bytes(&hold).or(Err(StoreError::Damaged("a hold without canonical form")))?;
        let note = Note::new(log, "legal-held").fact("id", hold.id.as_str()).fact("why", hold.why.as_str());
        let note = Note { actor: Some(hold.by.clone()), ..note };
        let transaction = Transaction::new(self.world.clock.now())
            .with(Write::State { name, value: Some(value) })
            .with(Write::Note(Box::new(note)));
        self.store.commit(transaction).await?;
        Ok(Ok(hold))
    }

    /// Ends a legal hold.
    pub(super) async fn release(
        &self,
        client: Option<ClientId>,
        by: PersonId,
    ) -> Result<Result<LegalHold, NotErased>, StoreError> {
        // The client may have left the release meanwhile.
        if let Err(no) = self.is_oncall(&by) {
            return Ok(Err(no.into()));
        }
        let log = client.map_or(Log::Agent, Log::Client);
        let _alone = self.reading.write().await;
        let name = format!("{LEGAL}{}", log.as_str());
        let Some(hold) = self.legal(&name)? else { return Ok(Err(NotErased::Twice)) };
        let note = Note::new(log, "legal-released").fact("id", hold.id.as_str());
        let note = Note { actor: Some(by), ..note };
        let transaction = Transaction::new(self.world.clock.now())
            .with(Write::State { name, value: None })
            .with(Write::Note(Box::new(note)));
        self.store.commit(transaction).await?;
        Ok(Ok(hold))
    }

    /// The legal hold that keeps a log. What is about a client stands in the agent's own log too, so any keeps that one.
    fn is_kept(&self, log: &Log) -> Result<Option<LegalHold>, StoreError> {
        match log.client() {
            Some(client) => self.legal(&format!("{LEGAL}{client}")),
            None => match self.store.states(LEGAL)?.first() {
                Some((name, _)) => self.legal(name),
                None => Ok(None),
            },
        }
    }

    fn legal(&self, name: &str) -> Result<Option<LegalHold>, StoreError> {
        let bytes = self.store.state(name)?;
        bytes.map(|bytes| canon::from_bytes(&bytes).or(Err(StoreError::Damaged("a legal hold")))).transpose()
    }

    fn log_of(&self, client: Option<ClientId>, by: &PersonId) -> Result<Log, NotHeld> {
        match client {
            None => self.is_oncall(by).map(|_| Log::Agent),
            Some(client) => self.is_client(&client, by).map(|()| Log::Client(client)),
        }
    }

    fn is_client(&self, client: &ClientId, by: &PersonId) -> Result<(), NotHeld> {
        let known = self.is_oncall(by)?.clients.contains_key(client);
        let here = known || self.store.ledger_size(&Log::Client(client.clone())).is_ok_and(|size| size > 0);
        if here { Ok(()) } else { Err(NotHeld::Unknown(format!("there is no client `{client}` here"))) }
    }
}

fn day_start(day: &str) -> Result<i64, StoreError> {
    let moment = format!("{day}T00:00:00Z").parse::<Moment>();
    moment.map(Moment::seconds).or(Err(StoreError::Damaged("a day of the ledger")))
}
