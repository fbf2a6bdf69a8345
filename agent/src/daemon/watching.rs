//! Watches runs by their journal, and the agent itself: disk, lag, decisions that wait, approvals that end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::client::{ClientFacts, Endpoint, Endpoints};
use assent_schema::id::{ClientId, ConnectionId, PersonId, Region};
use assent_schema::time::{Moment, Period};

use super::agent::Agent;
use super::answers::{not_held, refused};
use crate::config::Config;
use crate::control::Answer;
use crate::control::alerts::{AlertLine, AlertQuestion};
use crate::deploy::live::PlanStanding;
use crate::error::Error;
use crate::incident::Act;
use crate::ledger::Note;
use crate::listen::Certificate;
use crate::real::{Egress, RealNet, disk, log};
use crate::request::url::Base;
use crate::run::forget_asked;
use crate::store::{AlertNo, AlertRow, Log, Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::watch::spans::Spans;
use crate::watch::{self, ACKNOWLEDGED, Condition, Place, Watcher, begins};
use crate::world::{Clock as _, Wall};

/// How often the journal is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks after which what was counted is made durable.
const KEEP_LOOKS: u64 = 10;
/// Looks after which it is judged what is unlike and how the agent itself stands.
const JUDGE_LOOKS: u64 = 20;
/// Looks after which old days are forgotten.
const FORGET_LOOKS: u64 = 21_600;
/// The most workflows whose past is read in one look.
const PAST_MOST: usize = 50;
/// So late a look is when the agent is behind.
const LATE: Duration = Duration::from_secs(10);
/// How much of the disk is little: so many bytes, or such a part of it.
const LOW_BYTES: u64 = 1 << 30;
const LOW_PART: u64 = 50;
/// How often on-call is told of a full disk that cannot even store an alert.
pub(super) const TOLD_EVERY: Duration = Duration::from_mins(5);
/// How long before approvals and the root end on-call is told.
const ENDS_DAYS: [u32; 3] = [1, 7, 30];
/// The rules of these alerts.
const RULES: [Rule; 10] = [
    Rule::AnomalyVolume,
    Rule::AnomalyLatency,
    Rule::AnomalyFailures,
    Rule::DecisionWaits,
    Rule::ApprovalEnds,
    Rule::RootEnds,
    Rule::CertificateEnds,
    Rule::Disk,
    Rule::Lag,
    Rule::Log,
];
/// What is damaged when it cannot be read or written who takes care of an alert.
const ACKNOWLEDGEMENT: &str = "an acknowledgement";
/// In whose name the agent's own requests leave: pings and traces.
pub(super) const OWN: &str = "agent";
/// The name of the ping's connection.
pub(super) const HEARTBEAT: &str = "heartbeat";
/// The name of the traces' connection.
pub(super) const TRACES: &str = "traces";

/// What is seen of runs and of the agent itself.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) watcher: Mutex<Option<Watcher>>,
    pub(super) turns: Mutex<BTreeMap<&'static str, Duration>>,
    pub(super) polled: Mutex<Option<Duration>>,
    /// How long after its time the last look began.
    pub(super) late: Mutex<Duration>,
    pub(super) pings: Mutex<(u64, u64)>,
    /// That the disk is full could not be stored: from when on the boot clock it is told from memory again.
    pub(super) untold: Mutex<Option<Duration>>,
    /// The certificate of the listeners.
    pub(super) certificate: OnceLock<Arc<Certificate>>,
    /// How many lines of the log were lost when that was last looked at.
    lost: AtomicU64,
}

impl Seen {
    /// A loop turned.
    pub(super) fn turned(&self, name: &'static str, boot: Duration) {
        lock(&self.turns).insert(name, boot);
    }

    /// The repository was looked at.
    pub(super) fn polled(&self, boot: Duration) {
        *lock(&self.polled) = Some(boot);
    }

    /// How long ago the repository was looked at.
    pub(super) fn poll_age(&self, boot: Duration) -> Option<Duration> {
        lock(&self.polled).map(|polled| boot.saturating_sub(polled))
    }

    /// How long ago the slowest of these loops turned; nothing when one never did.
    pub(super) fn turn_age(&self, names: &[&str], boot: Duration) -> Option<Duration> {
        let turns = lock(&self.turns);
        let ages = names.iter().map(|name| turns.get(name).map(|turned| boot.saturating_sub(*turned)));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

/// Where an endpoint leads, and where its tokens are asked for.
pub(super) fn bases(endpoint: &Endpoint) -> impl Iterator<Item = Base> {
    let tokens = endpoint.tokens.as_deref().and_then(Base::parse);
    let base = Base::parse(&endpoint.url).or_else(|| Base::parse_mail(&endpoint.url));
    base.into_iter().chain(tokens)
}

/// The hosts that a release lists in the agent's own region. Traces tell of all clients: to a host in another region, which one
/// client approved for one connection, they must not go.
pub(super) fn listed(endpoints: &Endpoints, region: &Region) -> BTreeSet<(String, u16)> {
    let here = endpoints.clients.values().flat_map(BTreeMap::values).filter(|endpoint| endpoint.region == *region);
    here.flat_map(bases).map(|base| (base.host().to_owned(), base.port())).collect()
}

/// Where the agent's own requests may go beside what the release lists: to hosts that the release lists for something in its
/// region, and to this machine. A URL that has another form stops the agent before it begins.
pub(super) fn permit_own(
    config: &Config,
    net: &RealNet,
    listed: &BTreeSet<(String, u16)>,
    mut egress: Egress,
) -> Result<(), Error> {
    let beat = config.heartbeat.as_ref().map(|beat| (HEARTBEAT, &beat.url));
    let traces = config.traces.as_ref().map(|traces| (TRACES, &traces.url));
    for (name, url) in beat.into_iter().chain(traces) {
        let base = Base::parse(url).ok_or_else(|| {
            Error::environment(format!("the URL of `{name}` in `agent.toml` has another form"))
                .help("Write `https://host[:port]/path` without query, or `http://127.0.0.1:port`.")
        })?;
        let (Ok(own), Ok(name)) = (ClientId::new(OWN), ConnectionId::new(name)) else { continue };
        let place = (base.host().to_owned(), base.port());
        if is_loopback(base.host()) || listed.contains(&place) {
            egress.allow(&own, &name, base.host(), base.port());
        }
    }
    net.permit(egress);
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Watches until the future is dropped.
pub(super) async fn watching(agent: Arc<Agent>) {
    let mut looks: u64 = 0;
    loop {
        let slept = agent.world.clock.boot();
        tokio::time::sleep(LOOK_EVERY).await;
        let late = agent.world.clock.boot().saturating_sub(slept).saturating_sub(LOOK_EVERY);
        {
            // The worst since it was last told.
            let mut worst = lock(&agent.seen.late);
            *worst = (*worst).max(late);
        }
        looks = looks.wrapping_add(1);
        match agent.look(looks).await {
            Ok(()) => agent.seen.turned("watch", agent.world.clock.boot()),
            Err(error) => tracing::error!(%error, "the journal could not be watched"),
        }
    }
}

impl Agent {
    /// One look at the journal, and now and then at everything else.
    pub(super) async fn look(self: &Arc<Self>, looks: u64) -> Result<(), StoreError> {
        // First: whatever else is looked at may need room.
        self.look_at_room().await;
        let agent = Arc::clone(self);
        // Rows are read and unpacked: not on the thread that runs are driven on.
        let looked = tokio::task::spawn_blocking(move || agent.look_at_journal()).await;
        looked.or(Err(StoreError::Broken))??;
        let halted = self.halted().is_some();
        if looks.is_multiple_of(KEEP_LOOKS) && !halted {
            self.keep_hours().await?;
            self.tell_used().await?;
        }
        if looks.is_multiple_of(JUDGE_LOOKS) {
            self.judge_all().await?;
        }
        if looks.is_multiple_of(FORGET_LOOKS) && !halted {
            let now = self.world.clock.now();
            let mut writes = Watcher::too_old(&*self.store, now)?;
            writes.extend(forget_asked(&*self.store, now)?);
            if !writes.is_empty() {
                self.store.commit(Transaction { at: now, writes }).await?;
            }
        }
        Ok(())
    }

    fn look_at_journal(&self) -> Result<(), StoreError> {
        let mut watcher = lock(&self.seen.watcher);
        let watcher = match &mut *watcher {
            Some(watcher) => watcher,
            none => {
                let spans = Spans::new(self.config.traces.is_some());
                none.insert(Watcher::open(&*self.store, self.world.clock.now(), spans)?)
            }
        };
        watcher.look(&*self.store).map(drop)
    }

    /// Makes durable what was counted by the hour.
    pub(super) async fn keep_hours(&self) -> Result<(), StoreError> {
        let now = self.world.clock.now();
        let unwritten = lock(&self.seen.watcher).as_ref().and_then(|watcher| watcher.unwritten(now));
        let Some(transaction) = unwritten else { return Ok(()) };
        self.store.commit(transaction).await?;
        if let Some(watcher) = &mut *lock(&self.seen.watcher) {
            watcher.written(now);
        }
        Ok(())
    }

    /// Tells the ledgers how much passed through connections in hours that are over.
    async fn tell_used(&self) -> Result<(), StoreError> {
        let notes = self.engine.take_used(false);
        if notes.is_empty() {
            return Ok(());
        }
        let writes = notes.into_iter().map(|note| Write::Note(Box::new(note))).collect();
        self.store.commit(Transaction { at: self.world.clock.now(), writes }).await
    }

    /// Tells on-call what is unlike and what the agent itself lacks, and when that is over.
    async fn judge_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let agent = Arc::clone(self);
        let unlike = tokio::task::spawn_blocking(move || agent.unlike()).await;
        let mut conditions = unlike.or(Err(StoreError::Broken))??;
        let now = self.world.clock.now();
        let late = std::mem::take(&mut *lock(&self.seen.late));
        conditions.extend((late >= LATE).then_some(Condition::Lag { code: "loop" }));
        let lost = log::lost();
        conditions.extend((self.seen.lost.swap(lost, Ordering::Relaxed) < lost).then_some(Condition::LogLost));
        conditions.extend(space(disk::space(self.config.state.folder()), self.engine.is_full()));
        conditions.extend(
            self.store
                .waiting()?
                .into_iter()
                .filter(|one| is_half_over(one.since, one.until, now))
                .map(|one| Condition::DecisionWaits { client: one.client, workflow: one.workflow }),
        );
        conditions.extend(self.approvals_that_end());
        let root = self.taken().map(|taken| taken.bundle.roots.newest().expires);
        let ends = root.and_then(|until| days_left(until, self.field.now()));
        conditions.extend(ends.map(|days| Condition::RootEnds { days }));
        let validity = self.seen.certificate.get().and_then(|certificate| certificate.validity());
        let ends = validity.and_then(|validity| validity.code(self.field.now()));
        conditions.extend(ends.map(|code| Condition::CertificateEnds { code }));
        let open = self.store.alerts()?;
        let mut writes = watch::settle_counted(&open, &RULES, &conditions);
        let refused = self.engine.take_refused().into_iter();
        let refused = refused.map(|(client, limit)| Condition::AtLimit { client, code: limit.to_owned() });
        writes.extend(refused.map(|at_limit| Write::Alert(watch::alert(&at_limit))));
        if writes.is_empty() { Ok(()) } else { self.store.commit(Transaction { at: now, writes }).await }
    }

    fn unlike(&self) -> Result<Vec<Condition>, StoreError> {
        let snapshot = self.field.snapshot();
        let places: BTreeSet<Place> = snapshot.active.keys().cloned().collect();
        let closed =
            |client: &ClientId, hour: i64| snapshot.clients.get(client).is_some_and(|facts| is_closed(facts, hour));
        let mut watcher = lock(&self.seen.watcher);
        let Some(watcher) = &mut *watcher else { return Ok(Vec::new()) };
        watcher.unlike(&*self.store, &places, self.world.clock.now(), &closed, PAST_MOST)
    }

    /// Approvals that cover what runs, and that end soon.
    fn approvals_that_end(&self) -> Vec<Condition> {
        let (snapshot, now) = (self.field.snapshot(), self.field.now());
        let mut soonest: BTreeMap<&ClientId, u32> = BTreeMap::new();
        for ((client, _), plan) in &snapshot.active {
            let Some(PlanStanding::Until(until)) = snapshot.plans.get(plan).map(|live| live.standing) else { continue };
            if let Some(days) = days_left(until, now) {
                let soonest = soonest.entry(client).or_insert(days);
                *soonest = (*soonest).min(days);
            }
        }
        soonest.into_iter().map(|(client, days)| Condition::ApprovalEnds { client: client.clone(), days }).collect()
    }

    /// Answers one question about alerts.
    pub(super) async fn about_alerts(&self, question: AlertQuestion, by: PersonId) -> Result<Answer, StoreError> {
        let open = self.store.alerts()?;
        match question {
            AlertQuestion::List { client } => {
                let fits = |row: &&AlertRow| client.is_none() || row.alert.client == client;
                open.iter().filter(fits).map(|row| self.line(row)).collect::<Result<_, _>>().map(Answer::Alerts)
            }
            AlertQuestion::Acknowledge { no } => {
                if let Err(no) = self.is_oncall(&by) {
                    return Ok(not_held(no));
                }
                // What one person reads, nobody else changes before it is written.
                let _steps = self.incident_steps.lock().await;
                let Some(row) = open.into_iter().find(|row| row.no == no) else {
                    let what = format!("there is no alert `{}` that stands", AlertNo::new(no));
                    return Ok(refused(what, "`assent-agent alerts` lists them."));
                };
                if row.alert.incident {
                    let id = crate::store::IncidentNo::new(no);
                    let help = format!("Answer that: `assent-agent incidents acknowledge {id}`.");
                    return Ok(refused(format!("it opened the incident `{id}`"), help));
                }
                if let Some(act) = self.line(&row)?.acknowledged {
                    let what = format!("{} acknowledged it at {}", act.by, act.at);
                    return Ok(refused(what, "`assent-agent alerts` lists them."));
                }
                let act = Act { by: by.clone(), at: self.world.clock.now().moment() };
                let log = row.alert.client.clone().map_or(Log::Agent, Log::Client);
                let note = Note::new(log, "acknowledged")
                    .fact("id", AlertNo::new(no).to_string())
                    .fact("rule", row.alert.rule.as_str());
                let note = Note { actor: Some(by), ..note };
                // Without a value the row would go, and with it that anybody takes care of it.
                let value = Some(serde_json::to_vec(&act).or(Err(StoreError::Damaged(ACKNOWLEDGEMENT)))?);
                let transaction = Transaction::new(self.world.clock.now())
                    .with(Write::Note(Box::new(note)))
                    .with(Write::State { name: format!("{ACKNOWLEDGED}{no}"), value })
                    .with(Write::AlertMoved { no });
                self.store.commit(transaction).await?;
                Ok(Answer::Alerts(vec![self.line(&row)?]))
            }
        }
    }

    fn line(&self, row: &AlertRow) -> Result<AlertLine, StoreError> {
        let bytes = self.store.state(&format!("{ACKNOWLEDGED}{}", row.no))?;
        let act = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        Ok(AlertLine::of(row, act.or(Err(StoreError::Damaged(ACKNOWLEDGEMENT)))?))
    }
}

/// In how many days something ends, of those before which on-call is told; nothing while it is longer, or when it is over.
fn days_left(until: Moment, now: Moment) -> Option<u32> {
    let within = |days: &u32| until.since(now) <= Period::days(u64::from(*days)) && until > now;
    ENDS_DAYS.into_iter().find(within)
}

/// Whether a client's calendar lists the whole day of an hour as a holiday: then nothing is expected.
fn is_closed(facts: &ClientFacts, hour: i64) -> bool {
    let zone = assent_schema::calendar::zone(&facts.zone);
    let day = zone.map(|zone| zone.to_datetime(begins(hour).timestamp()).date().to_string());
    day.is_some_and(|day| facts.calendar.holidays.contains(&day))
}

fn is_half_over(since: i64, until: i64, now: Wall) -> bool {
    until > since && now.millis() >= since.saturating_add(until.saturating_sub(since) / 2)
}

fn space(space: Option<(u64, u64)>, is_full: bool) -> Option<Condition> {
    let (free, all) = space?;
    let code = if is_full {
        "disk_full"
    } else if free < LOW_BYTES || free < all / LOW_PART {
        "disk_low"
    } else {
        return None;
    };
    Some(Condition::Disk { code: code.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_space_is_told_before_there_is_none() {
        let code = |free, all| match space(Some((free, all)), false) {
            Some(Condition::Disk { code }) => code,
            _ => String::new(),
        };
        assert_eq!(code(60 << 30, 100 << 30), "");
        assert_eq!(code(1 << 29, 10 << 30), "disk_low");
        assert_eq!(code(3 << 30, 1 << 40), "disk_low");
        assert_eq!(code(1 << 20, 10 << 30), "disk_low", "as long as events are accepted");
        assert_eq!(space(None, false), None);
        let spent = Condition::Disk { code: "disk_full".into() };
        assert_eq!(space(Some((60 << 30, 100 << 30)), true), Some(spent), "what was kept is used up");
    }

    #[test]
    fn a_decision_waits_too_long_at_half_of_its_time() {
        let at = Wall::from_millis;
        assert!(!is_half_over(1_000, 3_000, at(1_999)) && is_half_over(1_000, 3_000, at(2_000)));
        assert!(!is_half_over(1_000, 1_000, at(9_000)), "it has no time to be half of");
    }
}
