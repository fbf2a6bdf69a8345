//! Guardrails of the client, enforced at the operation whatever the plan says: per call, and in sums of a day that are
//! counted in the transaction of the intent.
//!
//! # Source
//! language.md section 5, "Guardrails".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::expr::{Money, Value};
use assent_schema::guard::{self, Attempt, Sums, Verdict};
use assent_schema::id::{GroupId, Name};
use assent_schema::plan::Operation;
use jiff::tz::TimeZone;

use crate::run::Deployed;
use crate::run::compiled::CompiledStep;
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::{Guarded, Stand, Tried};
use crate::run::steps::call::{Arguments, Calling};
use crate::run::steps::decide::of_guardrail;
use crate::store::{Store, Write};
use crate::world::{Wall, World};

/// What guardrails say of one effect.
#[derive(Default)]
pub(in crate::run) struct Check {
    /// What is counted with it. Each sum has its limit, so that the commit refuses what came in between.
    pub(in crate::run) writes: Vec<Write>,
    /// What the effect then has counted, with its earlier attempts.
    pub(in crate::run) counted: BTreeMap<String, i64>,
    /// Who is asked when a sum turns out to be full.
    pub(in crate::run) by_sum: BTreeMap<String, GroupId>,
    /// Who is asked before anything is counted.
    pub(in crate::run) ask: Option<GroupId>,
    /// Why it may not be done, whoever says yes.
    pub(in crate::run) refused: Option<&'static str>,
}

impl Check {
    /// Whether it may be done as it is.
    pub(in crate::run) fn allows(&self) -> bool {
        self.ask.is_none() && self.refused.is_none()
    }
}

/// One sum of a day that a guardrail bounds.
struct Sum {
    kind: Kind,
    /// The name under which the store counts it.
    name: String,
    /// What this call adds.
    add: i64,
    /// The limit.
    most: i64,
}

/// What a sum is of.
#[derive(Clone, Copy)]
enum Kind {
    Amount,
    Count,
    CustomerAmount,
    Customer,
    WorkflowAmount,
    Workflow,
}

/// The amount of money that an operation is called with. A plan has one; of a plan that had more it is all of them, and nothing
/// where they are no one sum, so that no guardrail looks at a part.
pub(in crate::run) fn amount(operation: &Operation, arguments: &Arguments) -> Option<Money> {
    let mut amounts = operation.params.iter().filter(|(_, param)| param.amount).map(|(name, _)| arguments.get(name));
    let first = amounts.next()??.as_money()?;
    amounts.try_fold(first, |sum, given| sum.plus(given?.as_money()?))
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// What the client's guardrails of now say of an effect. What an earlier attempt counted is the effect's own: where it is
    /// known that nothing was done, the count of this one takes its place; where not, both stand.
    pub(in crate::run) fn guardrails(&self, calling: Calling<'_>) -> Result<Check, Stop> {
        let Calling { step, call, arguments } = calling;
        let facts = self.client(&step.id)?;
        let place = Counts { zone: zone(&facts), before: self.counts(&step.id) };
        let (money, agreed) = (amount(&call.operation, arguments), self.is_agreed(&facts, calling));
        let attempt = Attempt { amount: money, marked: step.chosen, decided: self.is_decided(step), agreed };
        let sums = |guardrail: &Guardrail| self.counted(&place, guardrail, money, arguments);
        let mut check = Check::default();
        match guard::judge(&facts.guardrails, &call.name, &attempt, sums) {
            _ if self.is_refused(&step.id) => check.refused = Some("above_guardrail"),
            Verdict::Allowed => {}
            Verdict::Ask { group, limit: _ } => check.ask = Some(group),
            Verdict::Refused(_) => check.refused = Some("guardrail_refused"),
        }
        let mut limits: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for guardrail in guard::bounding(&facts.guardrails, &call.name, money) {
            for Sum { name, add, most, .. } in self.names(&place.zone, guardrail, money, arguments) {
                // Of two guardrails with one sum the stricter counts.
                if limits.get(&name).is_none_or(|(_, before)| most < *before) {
                    check.by_sum.insert(name.clone(), guardrail.by.clone());
                    limits.insert(name, (add, most));
                }
            }
        }
        let perhaps = self.tried(&step.id).is_some_and(Tried::may_have_run);
        (check.writes, check.counted) = recount(&place.before, &limits, perhaps, agreed);
        Ok(check)
    }

    /// What the effect of a step counted so far.
    fn counts(&self, step: &Name) -> BTreeMap<String, i64> {
        self.tried(step).map(|tried| tried.intent.counted.clone()).unwrap_or_default()
    }

    /// Whether the group of a guardrail said yes to what would be sent now: to this operation, these amounts and targets.
    fn is_agreed(&self, facts: &ClientFacts, Calling { step, call, arguments }: Calling<'_>) -> bool {
        let Some(Guarded::Decided { approved: true, asked: Some(waiting) }) = self.progress.guards.get(&step.id) else {
            return false;
        };
        let theirs = |guardrail: &Guardrail| guardrail.operation == call.name && guardrail.by == waiting.by;
        // Without the run's own key nothing can be compared: the answer is "differs".
        facts.guardrails.iter().any(theirs)
            && self.has_key
            && self.hashes(&of_guardrail(call, arguments)) == waiting.keyed
    }

    /// Whether the group of a guardrail said no. That stands, whatever would be sent now.
    fn is_refused(&self, step: &Name) -> bool {
        matches!(self.progress.guards.get(step), Some(Guarded::Decided { approved: false, .. }))
    }

    /// The sums of one guardrail.
    fn names(&self, zone: &TimeZone, guardrail: &Guardrail, money: Option<Money>, arguments: &Arguments) -> Vec<Sum> {
        let base = format!("guard/{}/{}", self.accepted.client, guardrail.operation);
        let customer = guardrail.per_customer.as_ref().map(|per| {
            let customer = arguments.get(&per.param).and_then(reference).unwrap_or_else(|| "-".to_owned());
            ((Kind::CustomerAmount, Kind::Customer), format!("customer/{customer}"), per.per_day, per.per_day_count)
        });
        let workflow = guardrail.per_workflow.as_ref().map(|per| {
            let of = format!("workflow/{}", self.accepted.workflow);
            ((Kind::WorkflowAmount, Kind::Workflow), of, per.per_day, per.per_day_count)
        });
        let all = ((Kind::Amount, Kind::Count), String::new(), guardrail.per_day, guardrail.per_day_count);
        let mut names = Vec::new();
        for ((amount, count), of, per_day, per_day_count) in [Some(all), customer, workflow].into_iter().flatten() {
            let at = if of.is_empty() { base.clone() } else { format!("{base}/{of}") };
            if let (Some(money), Some(most)) = (money, per_day) {
                let name = day_sum(zone, &format!("{at}/sum/{}", money.currency), self.now());
                names.push(Sum { kind: amount, name, add: money.minor, most });
            }
            if let Some(most) = per_day_count {
                // A count for one customer or workflow has no word of its own: its place says what it is.
                let at = if of.is_empty() { format!("{at}/count") } else { at };
                let name = day_sum(zone, &at, self.now());
                names.push(Sum { kind: count, name, add: 1, most: i64::from(most) });
            }
        }
        names
    }

    /// What others counted today. The limits are checked again in the commit, so a stale answer does no harm.
    fn counted(&self, place: &Counts, guardrail: &Guardrail, money: Option<Money>, arguments: &Arguments) -> Sums {
        let mut sums = Sums::default();
        for Sum { kind, name, .. } in self.names(&place.zone, guardrail, money, arguments) {
            let own = place.before.get(&name).copied().unwrap_or(0);
            // What cannot be read is taken for full.
            let sum = self.engine.store.sum(&name).map_or(i64::MAX, |sum| sum.saturating_sub(own).max(0));
            let count = u32::try_from(sum).unwrap_or(u32::MAX);
            match kind {
                Kind::Amount => sums.amount = sum,
                Kind::Count => sums.count = count,
                Kind::CustomerAmount => sums.customer_amount = sum,
                Kind::Customer => sums.customer = count,
                Kind::WorkflowAmount => sums.workflow_amount = sum,
                Kind::Workflow => sums.workflow = count,
            }
        }
        sums
    }

    /// Whether a decision that dominates the step said yes.
    fn is_decided(&self, step: &CompiledStep) -> bool {
        let compiled = Arc::clone(&self.compiled);
        let view = self.view(&compiled);
        let yes = |id| matches!(view.stand(id), Some(Stand::Decided { approved: true, .. }));
        step.decided_by.iter().any(yes)
    }
}

/// Where an effect is counted: by the day of the client's zone, beside what it counted before.
struct Counts {
    zone: TimeZone,
    before: BTreeMap<String, i64>,
}

/// What is added to sums so that an effect counts what it now is, and what it has then counted. An earlier attempt that may have
/// been done keeps its count.
fn recount(
    before: &BTreeMap<String, i64>,
    limits: &BTreeMap<String, (i64, i64)>,
    perhaps: bool,
    agreed: bool,
) -> (Vec<Write>, BTreeMap<String, i64>) {
    let mut counted = BTreeMap::new();
    let mut writes = Vec::new();
    let names: BTreeSet<&String> = before.keys().chain(limits.keys()).collect();
    for name in names {
        let had = before.get(name).copied().unwrap_or(0);
        let (add, most) = limits.get(name).map_or((0, None), |(add, most)| (*add, Some(*most)));
        let now = if perhaps { add.max(had) } else { add };
        // What people agreed to counts, and exceeds nothing; what is given back does not either.
        let most = most.filter(|_| !agreed);
        if now != had {
            writes.push(Write::Count { name: name.clone(), add: now.saturating_sub(had), most });
        }
        if now != 0 {
            counted.insert(name.clone(), now);
        }
    }
    (writes, counted)
}

/// The client's time zone.
pub(in crate::run) fn zone(facts: &ClientFacts) -> TimeZone {
    TimeZone::get(&facts.zone).unwrap_or(TimeZone::UTC)
}

/// The name of a sum for the day of a zone.
pub(in crate::run) fn day_sum(zone: &TimeZone, name: &str, at: Wall) -> String {
    let day = zone.to_datetime(at.moment().timestamp()).strftime("%Y-%m-%d").to_string();
    format!("{name}/{day}")
}

/// A customer reference must be a fact.
fn reference(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if assent_schema::shape::is_token(text) => Some(text.clone()),
        Value::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds(writes: &[Write]) -> Vec<(&str, i64, Option<i64>)> {
        let count = writes.iter().map(|write| match write {
            Write::Count { name, add, most } => (name.as_str(), *add, *most),
            other => panic!("{other:?}"),
        });
        count.collect()
    }

    fn sums(of: &[(&str, i64)]) -> BTreeMap<String, i64> {
        of.iter().map(|(name, sum)| ((*name).to_owned(), *sum)).collect()
    }

    #[test]
    fn an_effect_counts_once_as_what_it_is_and_twice_where_it_may_have_been_another() {
        let limits = BTreeMap::from([("today".to_owned(), (60, 100)), ("count".to_owned(), (1, 9))]);
        let before = sums(&[("today", 50), ("count", 1)]);
        let (writes, counted) = recount(&before, &limits, false, false);
        assert_eq!((adds(&writes), counted), (vec![("today", 10, Some(100))], sums(&[("today", 60), ("count", 1)])));
        // What was counted the day before is given back, unless it may have been done.
        let before = sums(&[("yesterday", 50)]);
        let (writes, counted) = recount(&before, &limits, false, true);
        let all = vec![("count", 1, None), ("today", 60, None), ("yesterday", -50, None)];
        assert_eq!((adds(&writes), counted), (all, sums(&[("today", 60), ("count", 1)])));
        let (writes, counted) = recount(&before, &limits, true, false);
        assert_eq!(adds(&writes), [("count", 1, Some(9)), ("today", 60, Some(100))]);
        assert_eq!(counted, sums(&[("today", 60), ("count", 1), ("yesterday", 50)]));
        let (writes, counted) = recount(&sums(&[("today", 80)]), &limits, true, false);
        assert_eq!((adds(&writes), counted.get("today")), (vec![("count", 1, Some(9))], Some(&80)));
    }
}
