//! The outbox: what is due leaves by each route, again and again with growing pauses, until the route took it.
//!
//! At least once: a crash between the receiver's word and the commit sends it again, with the same `dedup`. What each route
//! took is durable, so one that is down makes no other hear a thing twice. One that is slow has a few seconds of each round; what
//! it did not come to is due again soon after, behind what is new.

mod targets;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::Retry;
use assent_schema::time::Period;

use self::targets::{is_about, targets};
use super::alerts::{Condition, alert};
use super::message::{Around, abroad, message};
use super::parcel::{NotTaken, Teller, of_alert, send};
use super::routes::Target;
use super::tell::{Stage, Telling, follows};
use crate::incident::{Act, Case, PREFIX};
use crate::ledger::Note;
use crate::retry::backoff::{self, Next};
use crate::store::{
    Alert, AlertRow, IncidentNo, Log, QueueItem, RunName, Severity, Store, StoreError, Transaction, Write, run_name,
};
use crate::world::{Clock as _, Dice as _, Wall, World};

/// The most alerts of one round; the rest is due in the next.
const ROUND_MOST: usize = 50;
/// After so much of a round a route is sent nothing more in it.
const ROUTE_TIME: Duration = Duration::from_secs(3);
/// How soon what a slow route did not come to is due again.
const SOON: Duration = Duration::from_secs(1);
/// A route is tried for ever, at least every five minutes.
const RETRY: Retry = Retry { attempts: u32::MAX, first: Period::seconds(5), most: Period::seconds(300) };
/// After so many failures on-call hears of a route that fails, by the others.
const FAILS_AFTER: i64 = 3;
/// Where the store keeps what each route took of an alert: its number, then the route.
const TOLD: &str = "told/";
/// Where the store keeps who takes care of an alert that is no incident, by number.
pub const ACKNOWLEDGED: &str = "alert/";

/// What became of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Alerts that every route took.
    pub sent: usize,
    /// Alerts that will be tried again.
    pub failed: usize,
    /// Alerts that no route carries.
    pub unrouted: usize,
}

/// Delivers what is due. Called every second.
///
/// # Errors
/// When the store cannot be read or written.
///
/// # Crash
/// An alert is taken off only after all its routes answered.
pub async fn deliver_due<W: World, S: Store>(
    world: &W,
    store: &S,
    teller: &Teller<'_>,
) -> Result<Delivered, StoreError> {
    let rows = store.alerts_due(world.clock().now(), ROUND_MOST)?;
    let mut delivered = Delivered::default();
    if rows.is_empty() {
        return Ok(delivered);
    }
    let queue = store.queue()?;
    let about_one = rows.iter().any(|row| row.alert.about.is_some());
    let incidents = if about_one { store.incidents()? } else { Vec::new() };
    let jobs = rows.into_iter().map(|row| Job::read(store, teller, row, &incidents)).collect::<Result<Vec<_>, _>>()?;
    let took = carry_all(world, teller, &jobs, &queue).await;
    let open = store.alerts()?;
    for (no, job) in jobs.iter().enumerate() {
        let of_job = took.iter().filter(|((at, _), _)| *at == no).map(|((_, route), took)| (*route, took));
        let outcome = Outcome::of(job, of_job);
        match (&outcome, job.targets.is_empty()) {
            (_, true) if job.stage != Stage::Over => delivered.unrouted += 1,
            (Outcome { failed: None, waits: false, .. }, _) => delivered.sent += 1,
            _ => delivered.failed += 1,
        }
        store.commit(job.after(world, &outcome, &open)).await?;
    }
    Ok(delivered)
}

/// Tells the routes of an alert that cannot be stored, once; nothing remembers that it was told. Returns how many took it.
pub async fn tell_unstored<W: World>(world: &W, teller: &Teller<'_>, alert: Alert) -> usize {
    let now = world.clock().now();
    let mut row = AlertRow::once(0, alert, now);
    let targets = targets(teller, &row);
    // It has no row, so no incident is open that anybody could answer.
    row.alert.incident = false;
    let job = Job { row, about: None, run: None, stage: Stage::Raised, act: None, told: BTreeMap::new(), targets };
    let took = carry_all(world, teller, std::slice::from_ref(&job), &[]).await;
    took.values().filter(|took| took.not.is_none()).count()
}

/// One alert that is due, and what its routes took of it.
struct Job<'a> {
    row: AlertRow,
    /// The incident whose clock it is about.
    about: Option<AlertRow>,
    /// How people name its run, while that is kept.
    run: Option<RunName>,
    stage: Stage,
    act: Option<Act>,
    told: BTreeMap<ConnectionId, Stage>,
    targets: Vec<(&'a ClientId, &'a Target)>,
}

/// What a route took in this round, to which stage, and why not more.
struct Took {
    stages: Vec<Stage>,
    not: Option<NotTaken>,
    /// When it took the first of them.
    at: Option<Wall>,
    /// Whether it was not come to.
    waits: bool,
}

/// What came of all routes of one alert.
struct Outcome<'a> {
    told: Vec<(&'a ConnectionId, Stage)>,
    failed: Option<(&'a ConnectionId, &'a NotTaken)>,
    /// When the first route took it.
    at: Option<Wall>,
    /// Whether some route was not come to.
    waits: bool,
}

impl<'a> Outcome<'a> {
    fn of(job: &Job<'_>, took: impl Iterator<Item = (&'a ConnectionId, &'a Took)>) -> Self {
        let mut outcome = Self { told: Vec::new(), failed: None, at: None, waits: false };
        for (route, took) in took {
            outcome.waits |= took.waits;
            outcome.at = outcome.at.into_iter().chain(took.at).min();
            outcome.told.extend(took.stages.iter().max().map(|stage| (route, *stage)));
            if let Some(not) = &took.not {
                tracing::warn!(route = %route, code = %not.code, alert = job.row.no, "a route did not take an alert");
                outcome.failed = Some((route, not));
            }
        }
        outcome
    }
}

impl<'a> Job<'a> {
    fn read<S: Store>(
        store: &S,
        teller: &Teller<'a>,
        row: AlertRow,
        incidents: &[AlertRow],
    ) -> Result<Self, StoreError> {
        let act = acknowledged(store, &row)?;
        let stage = match &act {
            _ if row.over => Stage::Over,
            Some(_) => Stage::Acknowledged,
            None => Stage::Raised,
        };
        let prefix = format!("{TOLD}{}/", row.no);
        let read = |(name, value): (String, Vec<u8>)| {
            Some((name.strip_prefix(&prefix)?.parse().ok()?, Stage::from_name(&value)?))
        };
        let told = store.states(&prefix)?.into_iter().filter_map(read).collect();
        let targets = targets(teller, &row);
        let about = row.alert.about.and_then(|no| incidents.iter().find(|row| IncidentNo::new(row.no) == no)).cloned();
        let run = about.as_ref().map_or(&row, |about| about).alert.run;
        let run = run.map(|run| run_name(store, run)).transpose()?.flatten();
        Ok(Self { row, about, run, stage, act, told, targets })
    }

    /// What is left to say to a route. Whoever never heard of an alert need not hear that it is over.
    fn left(&self, target: &Target) -> Vec<Stage> {
        let told = self.told.get(&target.name).copied();
        if told.is_none() && self.stage == Stage::Over {
            return Vec::new();
        }
        let new = |stage: &Stage| told.is_none_or(|told| *stage > told) && follows(target.via, *stage);
        let wanted = if told.is_none() { vec![Stage::Raised, self.stage] } else { vec![self.stage] };
        let mut left: Vec<Stage> = wanted.into_iter().filter(new).collect();
        left.dedup();
        left
    }

    fn after<W: World>(&self, world: &W, outcome: &Outcome<'_>, open: &[AlertRow]) -> Transaction {
        let row = &self.row;
        let now = world.clock().now();
        let mut transaction = Transaction::new(now);
        let mut write = |write| transaction.writes.push(write);
        let due = row.due.unwrap_or(now);
        for (route, stage) in &outcome.told {
            write(Write::State { name: told_name(row.no, route), value: Some(stage.as_str().as_bytes().to_vec()) });
            for gone in open.iter().filter(|row| row.alert.rule == Rule::RouteFails && is_about(row, route)) {
                write(Write::AlertOver { key: gone.alert.key() });
            }
        }
        if self.told.is_empty() && row.sent == 0 && !outcome.told.is_empty() {
            write(Write::Note(Box::new(note(row, outcome.at.unwrap_or(now)))));
        }
        let unrouted = self.targets.is_empty() && self.stage != Stage::Over;
        if outcome.failed.is_none() && outcome.waits {
            write(Write::AlertSent { no: row.no, due, again: Some(now.plus(SOON)) });
            return transaction;
        }
        if outcome.failed.is_none() && !unrouted {
            write(Write::AlertSent { no: row.no, due, again: None });
            if self.stage == Stage::Over {
                let routes = self.told.keys().chain(outcome.told.iter().map(|(route, _)| *route));
                for route in routes {
                    write(Write::State { name: told_name(row.no, route), value: None });
                }
                write(Write::State { name: format!("{ACKNOWLEDGED}{}", row.no), value: None });
            }
            return transaction;
        }
        let asked = outcome.failed.and_then(|(_, not)| not.after);
        write(Write::AlertSent { no: row.no, due, again: Some(now.plus(self.pause(world, asked))) });
        if let Some((route, not)) = outcome.failed
            && row.tries >= FAILS_AFTER
            && row.alert.rule != Rule::RouteFails
        {
            let condition = Condition::RouteFails { route: route.clone(), code: not.code.clone() };
            write(Write::Alert(alert(&condition)));
        }
        transaction
    }

    fn pause<W: World>(&self, world: &W, asked: Option<Duration>) -> Duration {
        let attempt = u32::try_from(self.row.tries).unwrap_or(0).saturating_add(1);
        let dice = u64::from_le_bytes(world.dice().bytes());
        // However long the receiver wants to be left alone: it is on-call who waits.
        let asked = asked.map(|asked| asked.min(RETRY.most.duration()));
        match backoff::next(&RETRY, attempt, asked, Duration::MAX, dice) {
            // Full jitter may say "at once"; a route that just failed gets a second.
            Next::After(pause) => pause.max(Duration::from_secs(1)),
            Next::NoAttempts | Next::NoTime => RETRY.most.duration(),
        }
    }
}

fn told_name(no: i64, route: &ConnectionId) -> String {
    format!("{TOLD}{no}/{route}")
}

/// Who takes care of an alert, if somebody does.
fn acknowledged<S: Store>(store: &S, row: &AlertRow) -> Result<Option<Act>, StoreError> {
    if row.alert.incident {
        let done = store.state(&format!("{PREFIX}{}", row.no))?;
        return Ok(Case::read(row.clone(), done.as_deref())?.done.acknowledged);
    }
    let Some(bytes) = store.state(&format!("{ACKNOWLEDGED}{}", row.no))? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).or(Err(StoreError::Damaged("who acknowledged an alert")))
}

type Way<'a> = Pin<Box<dyn Future<Output = Vec<(usize, &'a ConnectionId, Took)>> + Send + 'a>>;

/// All routes at once, each in the order of the alerts. A route that fails is left alone for the rest of the round.
async fn carry_all<'a, W: World>(
    world: &'a W,
    teller: &'a Teller<'_>,
    jobs: &'a [Job<'_>],
    queue: &'a [QueueItem],
) -> BTreeMap<(usize, &'a ConnectionId), Took> {
    let mut by_route: BTreeMap<&ConnectionId, Vec<(usize, &ClientId, &Target)>> = BTreeMap::new();
    for (at, job) in jobs.iter().enumerate() {
        for (client, target) in job.targets.iter().filter(|(_, target)| !job.left(target).is_empty()) {
            by_route.entry(&target.name).or_default().push((at, client, target));
        }
    }
    let ways = by_route.into_iter().map(|(route, parcels)| -> Way<'a> {
        Box::pin(async move {
            let mut took = Vec::new();
            let mut broken: Option<NotTaken> = None;
            let began = world.clock().boot();
            for (at, client, target) in parcels {
                let Some(job) = jobs.get(at) else { continue };
                let is_slow = world.clock().boot().saturating_sub(began) >= ROUTE_TIME;
                let one = match &broken {
                    Some(not) => Took { stages: Vec::new(), not: Some(not.clone()), at: None, waits: false },
                    None if is_slow => Took { stages: Vec::new(), not: None, at: None, waits: true },
                    None => carry(world, teller, job, (client, target), queue).await,
                };
                broken.clone_from(&one.not);
                took.push((at, route, one));
            }
            took
        })
    });
    let took = together(ways.collect()).await;
    took.into_iter().flatten().map(|(at, route, took)| ((at, route), took)).collect()
}

async fn carry<W: World>(
    world: &W,
    teller: &Teller<'_>,
    job: &Job<'_>,
    (client, target): (&ClientId, &Target),
    queue: &[QueueItem],
) -> Took {
    let row = &job.row;
    let told = if target.near {
        let goes_back = match (&row.alert.client, &row.alert.workflow) {
            (Some(client), Some(workflow)) => (teller.goes_back)(client, workflow).await,
            _ => None,
        };
        let Teller { agent, routes, config, console, .. } = *teller;
        let may_retry = row.alert.run.is_none_or(teller.may_retry);
        let (about, run) = (job.about.as_ref(), job.run.as_ref());
        message(row, &Around { agent, routes, queue, about, goes_back, may_retry, config, console, run })
    } else {
        abroad(teller.agent, row, job.about.as_ref())
    };
    let mut took = Took { stages: Vec::new(), not: None, at: None, waits: false };
    for stage in job.left(target) {
        let severity = (row.alert.incident && target.near).then(|| Severity::of(row.alert.rule));
        let by = job.act.as_ref().map(|act| &act.by).filter(|_| target.near && stage != Stage::Raised);
        let telling = Telling { message: &told, stage, severity, by, now: world.clock().now().moment() };
        let sent = match of_alert(teller, client, target, &telling).await {
            Ok(parcel) => send(world, parcel).await,
            Err(not) => Err(not),
        };
        match sent {
            Ok(()) => {
                took.at = took.at.or_else(|| Some(world.clock().now()));
                took.stages.push(stage);
            }
            Err(not) => {
                took.not = Some(not);
                break;
            }
        }
    }
    took
}

/// Drives all to their ends.
async fn together<T>(mut going: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        going.retain_mut(|one| match one.as_mut().poll(context) {
            Poll::Ready(value) => {
                done.push(value);
                false
            }
            Poll::Pending => true,
        });
        if going.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}

/// What the ledger is told of an alert that a first route took: how long that was.
fn note(row: &AlertRow, now: Wall) -> Note {
    let log = row.alert.client.clone().map_or(Log::Agent, Log::Client);
    let delay = now.since(row.since).as_secs();
    let note = Note::new(log, "alerted").fact("rule", row.alert.rule.as_str()).fact("delay", delay);
    let incident = row.alert.incident.then(|| IncidentNo::new(row.no).to_string());
    let note = incident.into_iter().fold(note, |note, incident| note.fact("incident", incident));
    match &row.alert.connection {
        // Its code is the slot: whoever reads that something is overdue must know what.
        Some(connection) if row.alert.rule == Rule::RotationOverdue => {
            note.fact("connection", connection.to_string()).fact("slot", row.alert.code.as_str())
        }
        Some(_) | None => note,
    }
}

#[cfg(test)]
mod tests;
