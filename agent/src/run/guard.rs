//! Guardrails of the client, enforced at the operation whatever the plan says: per call, and in sums of a day that are
//! counted in the transaction of the intent.
//!
//! # Source
//! language.md section 5, "Guardrails".

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::calendar::BusinessHours;
use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::expr::{Money, Value};
use assent_schema::guard::{self, Attempt, Sums, Verdict};
use assent_schema::id::GroupId;
use assent_schema::plan::Operation;

use super::Deployed;
use super::call::Arguments;
use super::compiled::{CompiledCall, CompiledStep};
use super::driver::Run;
use super::progress::{Guarded, Stand};
use super::values::Business;
use crate::store::{Store, Write};
use crate::world::{Wall, World};

/// What guardrails say of one effect.
#[derive(Default)]
pub(super) struct Check {
    /// The sums that are counted with it. Each has its limit, so that the commit refuses what came in between.
    pub(super) writes: Vec<Write>,
    /// Who is asked when a sum turns out to be full.
    pub(super) by_sum: BTreeMap<String, GroupId>,
    /// Who is asked before anything is counted.
    pub(super) ask: Option<GroupId>,
    /// Whether it may not be done, whoever says yes.
    pub(super) refused: bool,
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

/// The amount of money that an operation is called with.
pub(super) fn amount(operation: &Operation, arguments: &Arguments) -> Option<Money> {
    let (name, _) = operation.params.iter().find(|(_, param)| param.amount)?;
    arguments.get(name)?.as_money()
}

/// The client's business time, for expressions. A calendar that cannot be read is one that is never open.
pub(super) fn business(facts: &Arc<ClientFacts>, zone: jiff::tz::TimeZone) -> Business {
    let hours = BusinessHours::new(&facts.calendar, zone).ok();
    Arc::new(move |from, period| hours.as_ref()?.add(from, period))
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(super) fn guardrails(&self, step: &CompiledStep, call: &CompiledCall, arguments: &Arguments) -> Check {
        let agreed = matches!(self.progress.guards.get(&step.id), Some(Guarded::Decided(true)));
        let money = amount(&call.operation, arguments);
        let attempt = Attempt { amount: money, marked: step.chosen, decided: self.is_decided(step), agreed };
        let sums = |guardrail: &Guardrail| self.counted(guardrail, money, arguments);
        let mut check = Check::default();
        match guard::judge(&self.facts.guardrails, &call.name, &attempt, sums) {
            Verdict::Allowed => {}
            Verdict::Ask { group, limit: _ } => check.ask = Some(group),
            Verdict::Refused(_) => check.refused = true,
        }
        for guardrail in guard::bounding(&self.facts.guardrails, &call.name, money) {
            for Sum { name, add, most, .. } in self.names(guardrail, money, arguments) {
                check.by_sum.insert(name.clone(), guardrail.by.clone());
                // What people agreed to counts, and exceeds nothing.
                check.writes.push(Write::Count { name, add, most: (!agreed).then_some(most) });
            }
        }
        check
    }

    /// The sums of one guardrail.
    fn names(&self, guardrail: &Guardrail, money: Option<Money>, arguments: &Arguments) -> Vec<Sum> {
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
                let name = self.day_sum(&format!("{at}/sum/{}", money.currency), self.now());
                names.push(Sum { kind: amount, name, add: money.minor, most });
            }
            if let Some(most) = per_day_count {
                // A count for one customer or workflow has no word of its own: its place says what it is.
                let at = if of.is_empty() { format!("{at}/count") } else { at };
                let name = self.day_sum(&at, self.now());
                names.push(Sum { kind: count, name, add: 1, most: i64::from(most) });
            }
        }
        names
    }

    /// What was counted today. The limits are checked again in the commit, so a stale answer does no harm.
    fn counted(&self, guardrail: &Guardrail, money: Option<Money>, arguments: &Arguments) -> Sums {
        let mut sums = Sums::default();
        for Sum { kind, name, .. } in self.names(guardrail, money, arguments) {
            // What cannot be read is taken for full.
            let sum = self.engine.store.sum(&name).unwrap_or(i64::MAX);
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

    /// The name of a sum for the day of the client's zone.
    pub(super) fn day_sum(&self, name: &str, at: Wall) -> String {
        let day = self.values.zone.to_datetime(at.moment().timestamp()).strftime("%Y-%m-%d").to_string();
        format!("{name}/{day}")
    }
}

/// A customer reference must be a fact.
fn reference(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if assent_schema::shape::is_token(text) => Some(text.clone()),
        Value::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}
