//! Metrics of the running agent, at an address of their own: `GET /metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::calendar::zone;
use assent_schema::id::ClientId;
use assent_schema::status::Stage;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::sync::watch;

use super::agent::Agent;
use super::doors::TheDesk;
use crate::desk::Counted;
use crate::listen::{Entrance, connections, is_for_us};
use crate::real::{disk, log};
use crate::store::{Log, Store as _, StoreError};
use crate::sync::lock;
use crate::vault::tripwire;
use crate::watch::numbers::{Form, Gauge, Numbers, Sample, float};
use crate::world::Clock as _;

type Page = Response<Full<Bytes>>;

/// Tells metrics until `stop` becomes true.
pub(super) async fn serve(
    listener: impl Into<Entrance>,
    hosts: Vec<String>,
    (agent, desk): (Arc<Agent>, Arc<TheDesk>),
    stop: watch::Receiver<bool>,
) {
    let hosts = Arc::new(hosts);
    let answer = move |request| {
        let (hosts, agent, desk) = (Arc::clone(&hosts), Arc::clone(&agent), Arc::clone(&desk));
        async move { page(&request, &hosts, &agent, desk.counted()).await }
    };
    connections::take(listener, answer, stop).await;
}

async fn page(request: &Request<Incoming>, hosts: &[String], agent: &Arc<Agent>, counted: &Counted) -> Page {
    if !is_for_us(request, hosts) {
        return told(StatusCode::MISDIRECTED_REQUEST, "text/plain", String::new());
    }
    if request.uri().path() != "/metrics" {
        return told(StatusCode::NOT_FOUND, "text/plain", String::new());
    }
    if request.method() != hyper::Method::GET {
        return told(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
    }
    let form = Form::of(request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    match agent.numbers(counted).await {
        Ok(numbers) => told(StatusCode::OK, form.media_type(), numbers.text(form)),
        Err(error) => {
            tracing::error!(%error, "metrics could not be told");
            told(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new())
        }
    }
}

fn told(status: StatusCode, media_type: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    page
}

fn one(value: f64) -> Vec<Sample> {
    vec![(Vec::new(), value)]
}

fn by(label: &'static str, counts: BTreeMap<String, u64>) -> Vec<Sample> {
    counts.into_iter().map(|(value, count)| (vec![(label, value)], float(count))).collect()
}

fn count<T>(items: &[T], name: impl Fn(&T) -> String) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        let count: &mut u64 = counts.entry(name(item)).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

impl Agent {
    /// Everything that is told.
    pub(super) async fn numbers(&self, counted: &Counted) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers { commits: self.store.commit_times(), ..Numbers::default() };
        let mut spans = [("sent", 0), ("dropped", 0)];
        // Before its first look there is nothing to count, and a total that comes later than others would begin in the middle.
        if let Some(watcher) = &mut *lock(&self.seen.watcher) {
            numbers.counts = watcher.counts().clone();
            spans = [("sent", watcher.spans().sent()), ("dropped", watcher.spans().dropped())];
        }
        numbers.totals.push(outcomes("assent_spans", "Spans of traces, by what became of them.", &spans));
        let refused = counted.events().samples("workflow");
        numbers.totals.push(Gauge {
            name: "assent_events_refused",
            help: "Events that began no run of their own, by why.",
            samples: refused,
        });
        let answers = counted.answers().samples("connection");
        numbers.totals.push(Gauge {
            name: "assent_answers_refused",
            help: "Answers of chats and helpdesks that were not taken, by why.",
            samples: answers,
        });
        let requests = numbers.counts.requests().clone().with(&counted.looks()).samples("connection");
        numbers.totals.push(Gauge {
            name: "assent_requests",
            help: "Requests of runs and looks at lists, by what came of them.",
            samples: requests,
        });
        let (taken, failed) = *lock(&self.seen.pings);
        let pings = [("taken", taken), ("failed", failed)];
        numbers.totals.push(outcomes("assent_heartbeats", "Dead-man's pings, by what became of them.", &pings));
        let unwritten = [("lost", log::lost()), ("secret", tripwire::tripped())];
        numbers.totals.push(outcomes(
            "assent_log_unwritten",
            "Lines of the log that were not written, by why.",
            &unwritten,
        ));
        self.work(&mut numbers)?;
        self.itself(&mut numbers)?;
        self.deployed(&mut numbers).await?;
        Ok(numbers)
    }

    /// What is under way and what waits.
    fn work(&self, numbers: &mut Numbers) -> Result<(), StoreError> {
        let snapshot = self.field.snapshot();
        let running = |client: &ClientId| u64::try_from(self.engine.running(client)).unwrap_or(0);
        let running = snapshot.clients.keys().map(|client| (client.to_string(), running(client))).collect();
        let waiting = count(&self.store.waiting()?, |one| one.client.to_string());
        let queue = count(&self.store.queue()?, |item| item.client.to_string());
        let alerts = self.store.alerts()?;
        let now = self.world.clock.now();
        let late = alerts.iter().filter(|row| row.due.is_some() && row.sent == 0).map(|row| now.since(row.since)).max();
        let mut put = |name, help, samples| numbers.gauges.push(Gauge { name, help, samples });
        put("assent_runs_under_way", "Runs that are known here and have not ended.", by("client", running));
        put("assent_decisions_waiting", "Questions that wait for people.", by("client", waiting));
        put("assent_queue_items", "Work in the manual queue.", by("client", queue));
        put(
            "assent_alerts_open",
            "Alerts that stand, by rule.",
            by("rule", count(&alerts, |row| row.alert.rule.to_string())),
        );
        put(
            "assent_outbox_age_seconds",
            "Age of the oldest alert that no route took.",
            one(late.unwrap_or_default().as_secs_f64()),
        );
        let incidents = self.cases()?.iter().filter(|case| case.done.closed.is_none()).count();
        put(
            "assent_incidents_open",
            "Incidents that are not closed.",
            one(float(u64::try_from(incidents).unwrap_or(0))),
        );
        let breakers = self.engine.breakers().into_iter().map(|((client, connection), stopped)| {
            let labels = vec![("client", client.to_string()), ("connection", connection.to_string())];
            (labels, f64::from(u8::from(stopped)))
        });
        put("assent_breaker_open", "Whether the breaker of a connection lets nothing through.", breakers.collect());
        put("assent_guardrail_used", "What guardrails counted today, in calls or minor units.", self.guardrails()?);
        Ok(())
    }

    /// Today's sums of guardrails for all customers and workflows together: names of plans alone, never of customers.
    fn guardrails(&self) -> Result<Vec<Sample>, StoreError> {
        let (snapshot, now) = (self.field.snapshot(), self.world.clock.now());
        let today = |client: &str| {
            let facts = client.parse().ok().and_then(|client: ClientId| snapshot.clients.get(&client));
            let zone = facts.and_then(|facts| zone(&facts.zone))?;
            Some(zone.to_datetime(now.moment().timestamp()).strftime("%Y-%m-%d").to_string())
        };
        Ok(used_today(&self.store.sums("guard/")?, today))
    }

    /// The agent itself.
    fn itself(&self, numbers: &mut Numbers) -> Result<(), StoreError> {
        let (boot, now) = (self.world.clock.boot(), self.world.clock.now());
        let version = vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)];
        let mut put = |name, help, samples| numbers.gauges.push(Gauge { name, help, samples });
        put("assent_agent_info", "The version of the agent.", version);
        put("assent_halted", "Whether nothing is started.", one(f64::from(u8::from(self.halted().is_some()))));
        let polled = self.seen.poll_age(boot).map(|age| one(age.as_secs_f64())).unwrap_or_default();
        put("assent_poll_age_seconds", "Time since the repository was looked at.", polled);
        let trusted = self.field.trusted().seconds();
        let offset = now.moment().seconds().saturating_sub(trusted);
        let offset = if trusted == 0 { Vec::new() } else { one(signed(offset)) };
        put("assent_clock_offset_seconds", "How far the system's clock is ahead of trusted time.", offset);
        let space = disk::space(self.config.state.folder());
        put(
            "assent_disk_free_bytes",
            "Space that is left for the state folder.",
            space.map(|(free, _)| one(float(free))).unwrap_or_default(),
        );
        let size = std::fs::metadata(self.config.state.database()).map(|of| of.len()).ok();
        put("assent_database_bytes", "Size of the database.", size.map(|size| one(float(size))).unwrap_or_default());
        let mut ledgers = BTreeMap::new();
        for log in self.store.logs()? {
            ledgers.insert(log.as_str().to_owned(), self.store.ledger_size(&log)?);
        }
        ledgers.entry(Log::Agent.as_str().to_owned()).or_default();
        put("assent_ledger_entries", "Entries of each log.", by("log", ledgers));
        Ok(())
    }

    /// What is deployed, and what is on trial.
    async fn deployed(&self, numbers: &mut Numbers) -> Result<(), StoreError> {
        let status = self.status().await?;
        let mut put = |name, help, samples| numbers.gauges.push(Gauge { name, help, samples });
        let release = status.release.as_ref();
        put(
            "assent_release_sequence",
            "The number of the release.",
            release.map(|r| one(float(r.sequence))).unwrap_or_default(),
        );
        put(
            "assent_release_generation",
            "The generation of the release.",
            release.map(|r| one(f64::from(r.generation))).unwrap_or_default(),
        );
        let age = release.and_then(|release| release.fresh).map(|fresh| status.time.since(fresh).as_seconds());
        put(
            "assent_freshness_age_seconds",
            "Age of the freshness statement.",
            age.map(|age| one(float(age))).unwrap_or_default(),
        );
        let (mut stages, mut trials) = (Vec::new(), Vec::new());
        for (client, workflows) in &status.workflows {
            for (workflow, stands) in workflows {
                let labels = vec![("client", client.to_string()), ("workflow", workflow.to_string())];
                trials.push((labels.clone(), f64::from(u8::from(stands.trial.is_some()))));
                let stage = ("stage", stage(stands.stage));
                stages.push((labels.into_iter().chain([stage]).collect(), 1.0));
            }
        }
        put("assent_workflow_stage", "How a workflow stands; 1 at its stage.", stages);
        put("assent_trial", "Whether a plan is on trial.", trials);
        let holds = count(&status.holds, |hold| hold.client.to_string());
        put("assent_holds", "Holds that stand.", by("client", holds));
        Ok(())
    }
}

fn outcomes(name: &'static str, help: &'static str, counts: &[(&str, u64)]) -> Gauge {
    let sample = |(outcome, count): &(&str, u64)| (vec![("outcome", (*outcome).to_owned())], float(*count));
    Gauge { name, help, samples: counts.iter().map(sample).collect() }
}

/// A number of seconds that may be negative.
fn signed(seconds: i64) -> f64 {
    let size = float(seconds.unsigned_abs());
    if seconds < 0 { -size } else { size }
}

fn stage(stage: Stage) -> String {
    serde_json::to_value(stage).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What guardrails counted on the day that it is for each client now. What was counted on other days alone is nothing today.
fn used_today(sums: &[(String, i64)], today: impl Fn(&str) -> Option<String>) -> Vec<Sample> {
    let mut used: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
    for (name, value) in sums {
        let parts: Vec<&str> = name.split('/').collect();
        let (client, operation, of, day) = match parts.as_slice() {
            ["guard", client, operation, "sum", currency, day] => (*client, *operation, *currency, *day),
            ["guard", client, operation, "count", day] => (*client, *operation, "calls", *day),
            _ => continue,
        };
        let is_today = today(client).as_deref() == Some(day);
        *used.entry((client, operation, of)).or_default() += if is_today { *value } else { 0 };
    }
    let sample = |((client, operation, of), value): ((&str, &str, &str), i64)| {
        let labels = [("client", client), ("operation", operation), ("of", of)];
        (labels.map(|(name, of)| (name, of.to_owned())).to_vec(), float(u64::try_from(value).unwrap_or(0)))
    };
    used.into_iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_yesterday_is_nothing_today() {
        let sums = [
            ("guard/acme/shop.refund/count/2026-03-01", 7),
            ("guard/acme/shop.refund/count/2026-03-02", 2),
            ("guard/acme/shop.refund/sum/EUR/2026-03-01", 9_900),
            ("guard/cedar/shop.refund/count/2026-03-03", 4),
            ("guard/acme/shop.refund/customer/c-1/count/2026-03-02", 1),
        ];
        let sums = sums.map(|(name, value)| (name.to_owned(), value));
        // It is the next day already where cedar is.
        let today = |client: &str| Some(if client == "acme" { "2026-03-02" } else { "2026-03-03" }.to_owned());
        let told: Vec<_> = used_today(&sums, today)
            .into_iter()
            .map(|(labels, value)| (labels[0].1.clone(), labels[2].1.clone(), value))
            .collect();
        let one = |client: &str, of: &str, value| (client.to_owned(), of.to_owned(), value);
        assert_eq!(told, [one("acme", "EUR", 0.0), one("acme", "calls", 2.0), one("cedar", "calls", 4.0)]);
    }
}
