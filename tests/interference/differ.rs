//! Compares two runs whose facts are the same. They may differ in what their plan releases, and nowhere before that.

use std::collections::BTreeSet;
use std::time::Duration;

use assent_agent::store::{Entry, FactText, JournalRow};
use assent_agent::world::Wall;
use assent_schema::class::Class;
use assent_schema::expr::{Source, Sources};
use assent_schema::flow::{self, Flow, Part, Release};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Kpi, Step};

use crate::expressions::picks;
use crate::inputs::name_of;
use crate::outside::Sent;
use crate::told::{Ready, Trace};

/// How long after what parts two runs it may be written what it was: an answer's time.
const SOON: Duration = Duration::from_millis(30);

/// How two runs compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Nobody can tell them apart, but those whom content was sent to.
    Same,
    /// They part where the plan says that a bit is released.
    Released(String),
    /// They part where it does not.
    Interferes(String),
}

/// Compares two runs; `varied` are the fields whose content is another in the second one.
pub(crate) fn compare(ready: &Ready, varied: &BTreeSet<String>, one: &Trace, other: &Trace) -> Compared {
    let pairing = Pairing { ready, varied };
    let parting = one.journal.iter().zip(&other.journal).find(|(a, b)| a != b);
    let lengths = one.journal.len() == other.journal.len();
    // Each run ends with an entry that nothing follows, so one journal is never the beginning of another.
    let until = parting.map(|(a, b)| a.at.min(b.at));
    let before = |sent: &&Sent| until.is_none_or(|until| sent.at < until);
    let (sent, others): (Vec<_>, Vec<_>) =
        (one.sent.iter().filter(before).collect(), other.sent.iter().filter(before).collect());
    if let Some(said) = pairing.requests(&sent, &others) {
        return Compared::Interferes(said);
    }
    if let Some((a, b)) = parting {
        let apart = || pairing.strands(&one.journal, &other.journal, a.at.min(b.at));
        return match pairing.explained(a, b).or_else(apart) {
            Some(what) => Compared::Released(what),
            None => Compared::Interferes(format!("the journal says\n  {a:?}\nor\n  {b:?}")),
        };
    }
    if !lengths {
        return Compared::Interferes("one journal is longer".to_owned());
    }
    if let Some((a, b)) = one.rest.iter().zip(&other.rest).find(|(a, b)| a != b) {
        return Compared::Interferes(format!("what is kept says\n  {a}\nor\n  {b}"));
    }
    if one.rest.len() != other.rest.len() {
        return Compared::Interferes("one run leaves more".to_owned());
    }
    pairing.counted(one, other)
}

struct Pairing<'a> {
    ready: &'a Ready,
    varied: &'a BTreeSet<String>,
}

impl Pairing<'_> {
    /// Whether a value draws from what is varied.
    fn draws(&self, flow: &Flow) -> bool {
        flow.sources.iter().any(|source| self.varied.contains(&name_of(source)))
    }

    fn releases(&self, step: &Name, part: &Part) -> impl Iterator<Item = &Release> {
        let at = move |release: &&Release| release.site.step.as_ref() == Some(step) && release.site.part == *part;
        self.ready.flows.releases.iter().filter(at)
    }

    fn release(&self, step: &Name, part: &Part) -> Option<String> {
        self.releases(step, part).next().map(|release| release.what.clone())
    }

    /// What a value of class `reference` tells of content: what an AI chose, or a `one_of` or `bucket` before it.
    fn made_a_fact(&self, class: Class, sources: &Sources) -> Option<String> {
        let varied = |source: &&Source| self.varied.contains(&name_of(source));
        let drawn: Vec<&Source> = sources.iter().filter(varied).collect();
        let chosen_by_ai = drawn.iter().all(|source| source.class.is_fact());
        let chooses = |release: &&Release| {
            let by_ai = release.site.part == Part::Operation;
            by_ai == chosen_by_ai && (release.what.contains(": one_of ") || release.what.contains(": bucket "))
        };
        let what = self.ready.flows.releases.iter().find(chooses)?.what.clone();
        (class.is_fact() && !drawn.is_empty()).then_some(what)
    }

    fn fact_of(&self, flow: &Flow) -> Option<String> {
        self.made_a_fact(flow.label.class, &flow.sources)
    }

    /// That an expression of a step failed.
    fn failing(&self, step: &Name) -> Option<String> {
        let fails =
            |release: &&Release| release.site.step.as_ref() == Some(step) && release.what.contains("that it failed");
        self.ready.flows.releases.iter().find(fails).map(|release| release.what.clone())
    }

    /// The release that two entries part by.
    fn explained(&self, a: &JournalRow, b: &JournalRow) -> Option<String> {
        if a.at != b.at && a.entry == b.entry {
            return None;
        }
        match (&a.entry, &b.entry) {
            (Entry::When { step, item, .. }, Entry::When { step: other, item: of, .. })
                if (step, item) == (other, of) =>
            {
                let flow = &self.ready.flows.step(step.as_str())?.when;
                self.release(step, &Part::When).or_else(|| self.fact_of(flow))
            }
            (Entry::Answered { step, .. }, Entry::Answered { step: other, .. }) if step == other => {
                self.release(step, &Part::Operation)
            }
            (Entry::Outcome(one), Entry::Outcome(other))
                if (&one.step, &one.item, one.attempt) == (&other.step, &other.item, other.attempt) =>
            {
                self.release(&one.step, &Part::Operation).filter(|_| one.code != other.code)
            }
            (Entry::Walked { step, .. }, Entry::Walked { step: other, .. }) if step == other => {
                self.release(step, &Part::Over)
            }
            (Entry::Rests { step, .. }, Entry::Rests { step: other, .. }) if step == other => {
                let flow = self.ready.flows.step(step.as_str())?;
                flow.with.values().find_map(|flow| self.fact_of(flow)).or_else(|| self.release(step, &Part::Until))
            }
            // That an expression failed is one bit: why it failed would be more.
            (Entry::Ended { step, code: Some(code), .. }, Entry::Ended { step: other, code: Some(why), .. })
                if step == other && code != why =>
            {
                None
            }
            (one, other) => self.ended(one).or_else(|| self.ended(other)),
        }
    }

    /// What steps or items that run together part by, each taken by itself: in which order their facts are written follows
    /// from that.
    fn strands(&self, one: &[JournalRow], other: &[JournalRow], parted: Wall) -> Option<String> {
        let of = |rows: &[JournalRow], strand: &Strand| -> Vec<JournalRow> {
            rows.iter().filter(|row| Strand::of(&row.entry) == *strand).cloned().collect()
        };
        let strands: BTreeSet<Strand> = one.iter().chain(other).map(|row| Strand::of(&row.entry)).collect();
        strands.into_iter().find_map(|strand| {
            let (rows, others) = (of(one, &strand), of(other, &strand));
            let (a, b) = rows.iter().zip(&others).find(|(a, b)| a.entry != b.entry)?;
            let soon = a.at.min(b.at) <= parted.plus(SOON);
            self.explained(a, b).filter(|_| soon)
        })
    }

    /// What tells why a run or item ended here and not in the other run: an expression failed.
    fn ended(&self, entry: &Entry) -> Option<String> {
        match entry {
            Entry::Ended { step: Some(step), .. } | Entry::Passed { step, .. } => {
                self.failing(step).or_else(|| self.inside(step))
            }
            Entry::Item { step, .. } => self.inside(step),
            _ => None,
        }
    }

    /// The same of a step inside an `each`.
    fn inside(&self, each: &Name) -> Option<String> {
        let steps = self.ready.plan().steps.iter().find(|step| step.id == *each)?.inner();
        steps.iter().find_map(|step| self.failing(&step.id))
    }

    fn requests(&self, sent: &[&Sent], others: &[&Sent]) -> Option<String> {
        for (one, other) in sent.iter().zip(others) {
            if one == other {
                continue;
            }
            if (&one.operation, one.at) != (&other.operation, other.at) {
                return Some(format!("`{}` or `{}` was called", one.operation, other.operation));
            }
            if let Some(said) = self.request(one, other) {
                return Some(format!("`{}` was given another {said}, which no flow leads to", one.operation));
            }
        }
        (sent.len() != others.len()).then(|| "one run sent more".to_owned())
    }

    /// What two requests by one operation differ in and should not.
    fn request(&self, one: &Sent, other: &Sent) -> Option<String> {
        let headers = |sent: &Sent| -> Vec<String> {
            let operation = self.ready.plan().operations.get(&sent.operation);
            let params = operation.map(|operation| &operation.params);
            let is_param = |name: &str| {
                params.is_some_and(|params| params.values().any(|param| param.at.eq_ignore_ascii_case(name)))
            };
            let kept = sent.headers.iter().filter(|(name, _)| !is_param(name));
            kept.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect()
        };
        if headers(one) != headers(other) {
            return Some("header".to_owned());
        }
        if one.key != other.key {
            return Some("idempotency key".to_owned());
        }
        let steps: Vec<&Step> = self.ready.plan().every_step().filter(|step| calls(step, &one.operation)).collect();
        let flows = |step: &&Step| self.ready.flows.step(step.id.as_str());
        let Some(operation) = self.ready.plan().operations.get(&one.operation) else {
            let given = |step: &&Step| {
                flows(step).is_some_and(|flow| flow.with.values().chain(&flow.sources).any(|flow| self.draws(flow)))
            };
            return (!steps.iter().any(given)).then(|| "question".to_owned());
        };
        let mut differs = false;
        for (name, param) in &operation.params {
            if one.with.get(name.as_str()) == other.with.get(name.as_str()) {
                continue;
            }
            differs = true;
            let given = steps.iter().filter_map(flows).filter_map(|flow| flow.with.get(name.as_str()));
            let mut given: Vec<&Flow> = given.collect();
            if steps.is_empty() {
                given = self.beside(&one.operation);
            }
            // A parameter for facts may only hold what was released before, whatever the flow says.
            let is_fact = param.class.is_fact();
            let may = |flow: &&Flow| if is_fact { self.fact_of(flow).is_some() } else { self.draws(flow) };
            if !given.iter().any(may) {
                return Some(format!("`{name}` of class `{}`", param.class));
            }
        }
        (!differs && (&one.target, &one.body) != (&other.target, &other.body)).then(|| "text".to_owned())
    }

    /// What the operations are given on whose behalf the engine reads by itself.
    fn beside(&self, read: &OperationRef) -> Vec<&Flow> {
        let plan = self.ready.plan();
        let parents = plan.operations.iter().filter(|(name, operation)| {
            let reads = [
                operation.confirm.as_ref().map(|confirm| &confirm.operation),
                operation.park.as_ref().map(|park| &park.read),
                operation.job.as_ref().map(|job| &job.read),
            ];
            name.connection == read.connection && reads.contains(&Some(&read.operation))
        });
        let steps = parents.flat_map(|(name, _)| plan.every_step().filter(|step| calls(step, name)));
        steps.filter_map(|step| self.ready.flows.step(step.id.as_str())).flat_map(|flow| flow.with.values()).collect()
    }

    /// Counters may differ in what a KPI's condition or label releases.
    fn counted(&self, one: &Trace, other: &Trace) -> Compared {
        let names: BTreeSet<&String> = one.sums.keys().chain(other.sums.keys()).collect();
        let mut released = None;
        for name in names {
            if one.sums.get(name) == other.sums.get(name) {
                continue;
            }
            let mut kpis = self.ready.plan().kpis.iter().enumerate();
            let kpi = kpis.find(|(_, kpi)| name.split('/').any(|part| part == kpi.name.as_str()));
            let what = kpi.and_then(|(place, kpi)| {
                let says = |release: &&Release| release.site.part == Part::KpiWhen(place);
                let release = self.ready.flows.releases.iter().find(says).map(|release| release.what.clone());
                release.or_else(|| self.label(kpi))
            });
            match what {
                Some(what) => released = Some(what),
                None => return Compared::Interferes(format!("the counter `{name}`")),
            }
        }
        released.map_or(Compared::Same, Compared::Released)
    }

    /// What the labels, the sum or the condition of a KPI tell of content that became a fact before.
    fn label(&self, kpi: &Kpi) -> Option<String> {
        let env = flow::env_of(self.ready.plan(), None);
        let reads = |path: &str| {
            let when = kpi.when.as_ref().is_some_and(|when| when.0.contains(path));
            when || kpi.by.iter().chain(&kpi.sum).any(|read| read == path)
        };
        let paths = picks(&env).into_iter().map(|pick| pick.path).filter(|path| reads(path));
        paths.filter_map(|path| flow::find(&self.ready.flows, &path)).find_map(|known| {
            let (label, _, sources) = known.whole();
            self.made_a_fact(label.class, &sources)
        })
    }
}

/// What one step does, inside an `each` of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Strand(Option<Name>, Option<FactText>);

impl Strand {
    fn of(entry: &Entry) -> Self {
        let item = match entry {
            Entry::Item { item, .. } => Some(item),
            entry => entry.item(),
        };
        Self(entry.step().cloned(), item.cloned())
    }
}

fn calls(step: &Step, operation: &OperationRef) -> bool {
    match &step.action {
        Action::Call { operation: called, .. } => called == operation,
        Action::Ask { connection, .. } => operation.connection == *connection && operation.operation.as_str() == "ask",
        _ => false,
    }
}
