//! How a run ends: once, with everything that follows in one transaction.
//!
//! # Source
//! engine.md section 3. Promises P11, P19.

use std::sync::atomic::Ordering;

use assent_schema::class::{Class, Sink};
use assent_schema::expr::Value;
use assent_schema::plan::Mode;

use crate::content::{Cleared, clear};
use crate::run::Deployed;
use crate::run::compiled::CompiledKpi;
use crate::run::content::seal;
use crate::run::driver::{End, Run};
use crate::run::life::blame::went;
use crate::store::{Alert, Ending, Entry, QueueItem, Store, Write};
use crate::world::World;

/// Items of an `each` failed, and it is known what became of them.
const ITEMS_FAILED: &str = "items_failed";
/// Nobody knows whether an effect happened.
const IN_DOUBT: &str = "in_doubt";
/// The most characters of a KPI's label.
const LABEL_MOST: usize = 64;

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Ends the run: journal, ledger, KPIs, queue item, alert and incident together or not at all.
    pub(in crate::run) async fn end(&mut self, end: End) {
        let name = end.stop.as_ref().map(ToString::to_string).or_else(|| end.code.clone());
        let mut note = self.note("ended").fact("outcome", end.ending.as_str());
        if let Some(name) = name {
            note = note.fact("name", name);
        }
        if let Some(connection) = &end.connection {
            note = note.fact("connection", connection.as_str());
        }
        if end.ending == Ending::Done {
            self.count_kpis();
        }
        if let Some(left) = self.hand_over(&end) {
            note = note.fact("left", left);
        }
        self.record(Entry::Ended {
            ending: end.ending,
            stop: end.stop.clone(),
            step: end.step.clone(),
            code: end.code.clone(),
        });
        self.pending.push(Write::Note(Box::new(note)));
        self.pending.push(Write::Close { run: self.id });
        if self.shared.signals.is_cancelled() {
            self.pending.push(Write::State { name: crate::run::events::deliver::cancel_name(self.id), value: None });
        }
        match self.flush_all().await {
            Ok(()) => self.tell_deployed(&end),
            // The first commit of the run: its key had enough runs today. It is recorded and nothing ran.
            Err(crate::run::driver::Stop::End(superseded)) if !self.durable => {
                self.pending.retain(is_acceptance);
                Box::pin(self.end(superseded)).await;
            }
            Err(_) => {}
        }
    }

    fn tell_deployed(&self, end: &End) {
        let went = went(end, &self.compiled, self.shared.misfit.load(Ordering::Relaxed));
        let took = self.compiled.plan.limits.timeout.duration().saturating_sub(self.left());
        let accepted = &self.accepted;
        self.engine.deployed.ended(&accepted.client, &accepted.workflow, &accepted.plan, went, took);
    }

    /// What automation could not finish goes to people, with what was already done. What it is, where the end itself does not
    /// say that something was left.
    fn hand_over(&mut self, end: &End) -> Option<&'static str> {
        let done = self.progress.effects(&self.compiled);
        let failed = self.progress.failed_items().map(|(step, _)| step.clone());
        let in_doubt = done.iter().any(|effect| effect.in_doubt).then_some(IN_DOUBT);
        let (hands_over, left) = match end.ending {
            Ending::Done => (failed.is_some(), failed.as_ref().and(in_doubt.or(Some(ITEMS_FAILED)))),
            Ending::Stopped | Ending::Failed | Ending::ContentLost => (true, None),
            Ending::Superseded => (!done.is_empty(), in_doubt),
        };
        if !hands_over {
            return None;
        }
        let code = match (&end.code, end.ending) {
            (_, Ending::Done) => ITEMS_FAILED.to_owned(),
            (Some(code), _) => code.clone(),
            (None, ending) => ending.as_str().to_owned(),
        };
        let open = self.compiled.open.as_ref().and_then(|template| template.eval(&self.values).ok());
        let item = QueueItem {
            run: self.id,
            client: self.accepted.client.clone(),
            workflow: self.accepted.workflow.clone(),
            queue: self.compiled.plan.fallback.queue.clone(),
            why: code.clone(),
            step: end.step.clone().or(failed),
            item: end.item.clone(),
            open: open.as_ref().and_then(Value::as_text).map(str::to_owned),
            event: self.accepted.event.clone(),
            done,
            since: self.now().millis(),
        };
        let alert = Alert {
            connection: end.connection.clone(),
            // An event that ends a run is nobody's fault and no incident, but what nobody knows of is; who had begun something is
            // told all the same.
            ..Alert::of_run(end.ending, &self.accepted.client, left.map_or(code, str::to_owned))
                .grave_if(left.is_some())
                .in_workflow(&self.accepted.workflow)
                .in_run(self.id)
        };
        self.pending.push(Write::Queue(Box::new(item)));
        self.pending.push(Write::Alert(alert));
        left
    }

    /// Nothing is counted of effects that were only recorded.
    fn count_kpis(&mut self) {
        if self.compiled.plan.mode == Mode::Shadow {
            return;
        }
        let compiled = std::sync::Arc::clone(&self.compiled);
        for kpi in &compiled.kpis {
            // A number that cannot be taken is no reason to lose a run that is done.
            self.pending.extend(self.count_kpi(kpi).into_iter().flatten());
        }
    }

    /// `kpi/<client>/<workflow>/<name>/<hour>` one part for the currency of a sum of money, and one
    /// for each label. A sum has its runs counted beside it, `kpi-runs/…/<hour>/<hours>…`: of how many it is decides who may
    /// see it.
    fn count_kpi(&self, kpi: &CompiledKpi) -> Option<Vec<Write>> {
        if let Some(when) = &kpi.when
            && !self.values.truth(when).ok()?
        {
            return None;
        }
        // Amounts of two currencies have no sum.
        let (add, currency) = match &kpi.sum {
            None => (1, None),
            Some(sum) => match self.values.eval(sum).ok()? {
                Value::Integer(n) => (n, None),
                Value::Money(money) => (money.minor, Some(money.currency)),
                _ => return None,
            },
        };
        let (client, workflow) = (&self.accepted.client, &self.accepted.workflow);
        let hour = hour_of(kpi, self.now());
        let mut rest = currency.map_or_else(String::new, |currency| format!("/currency={}", currency.as_str()));
        for (path, program) in &kpi.by {
            let value = self.values.eval(program).unwrap_or_default();
            let label = label(&value)?;
            rest.push('/');
            rest.push_str(path);
            rest.push('=');
            rest.push_str(label.get());
        }
        let name = format!("kpi/{client}/{workflow}/{}/{hour}{rest}", kpi.name);
        let mut writes = vec![Write::Count { name, add, most: None }];
        if kpi.sum.is_some() {
            let name = format!("kpi-runs/{client}/{workflow}/{}/{hour}/{}{rest}", kpi.name, hours_of(kpi));
            writes.push(Write::Count { name, add: 1, most: None });
        }
        Some(writes)
    }
}

/// The hour in which the count begins that a time belongs to.
fn hour_of(kpi: &CompiledKpi, at: crate::world::Wall) -> i64 {
    let hour = seal::hour_of(at);
    hour.saturating_sub(hour.rem_euclid(hours_of(kpi)))
}

/// How many hours one count lasts.
fn hours_of(kpi: &CompiledKpi) -> i64 {
    let hours = kpi.per.map_or(1, |per| per.as_seconds() / 3600);
    i64::try_from(hours).unwrap_or(1).max(1)
}

/// A label is a declared constant, which is public; `none` for a step that did not run.
fn label(value: &Value) -> Option<Cleared<String>> {
    let text = match value {
        Value::Absent => "none".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Text(text) if text.len() <= LABEL_MOST => text.clone(),
        _ => return None,
    };
    clear(text, Class::Public, Sink::Kpi).ok()
}

fn is_acceptance(write: &Write) -> bool {
    match write {
        Write::Deliver { .. } | Write::Open { .. } | Write::State { .. } | Write::Swap { .. } => true,
        Write::Journal { entry, .. } => matches!(entry, Entry::Accepted(_)),
        Write::Note(note) => note.kind == "accepted",
        _ => false,
    }
}
