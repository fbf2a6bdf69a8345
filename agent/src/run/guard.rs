//! Guardrails of the client, enforced at the operation whatever the plan says: per call, and in sums of a day that are
//! counted in the transaction of the intent.
//!
//! # Source
//! language.md section 5, "Guardrails".

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::expr::{Money, Value};
use assent_schema::plan::Operation;

use super::Deployed;
use super::call::Arguments;
use super::compiled::{CompiledCall, CompiledStep};
use super::driver::Run;
use super::machine::{Guarded, Stand};
use super::values::Business;
use crate::store::{Store, Write};
use crate::world::{Wall, World};

/// What guardrails say of one effect.
#[derive(Default)]
pub(super) struct Check {
    /// The sums that are counted with it.
    pub(super) writes: Vec<Write>,
    /// Which guardrail each sum belongs to.
    pub(super) by_sum: BTreeMap<String, Guardrail>,
    /// The guardrail whose limit of one call it exceeds.
    pub(super) above: Option<Guardrail>,
}

/// The amount of money that an operation is called with.
pub(super) fn amount(operation: &Operation, arguments: &Arguments) -> Option<Money> {
    let (name, _) = operation.params.iter().find(|(_, param)| param.amount)?;
    arguments.get(name)?.as_money()
}

/// The client's business time, for expressions.
pub(super) fn business(facts: Arc<ClientFacts>, zone: jiff::tz::TimeZone) -> Business {
    Box::new(move |from, period| {
        let _ = (&facts, &zone, from, period);
        None
    })
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(super) fn guardrails(&self, step: &CompiledStep, call: &CompiledCall, arguments: &Arguments) -> Check {
        let agreed = matches!(self.progress.guards.get(&step.id), Some(Guarded::Decided(true)));
        let decided = agreed || self.is_decided(step);
        let money = amount(&call.operation, arguments);
        let mut check = Check::default();
        for guardrail in self.facts.guardrails.iter().filter(|guardrail| guardrail.operation == call.name) {
            let is_above = match (&guardrail.currency, money) {
                (Some(currency), Some(money)) if *currency == money.currency.as_str() => {
                    guardrail.per_call.is_some_and(|most| money.minor > most)
                }
                // An amount in another money, or none, is not what the client signed.
                (Some(_), _) => true,
                (None, _) => false,
            };
            if is_above && !decided && check.above.is_none() {
                check.above = Some(guardrail.clone());
            }
            self.sums(&mut check, guardrail, money, arguments, agreed);
        }
        check
    }

    fn sums(
        &self,
        check: &mut Check,
        guardrail: &Guardrail,
        money: Option<Money>,
        arguments: &Arguments,
        agreed: bool,
    ) {
        let base = format!("guard/{}/{}", self.accepted.client, guardrail.operation);
        let mut add = |name: String, add: i64, most: Option<i64>| {
            // People agreed to this one: it counts, and exceeds nothing.
            let most = if agreed { None } else { most };
            check.by_sum.insert(name.clone(), guardrail.clone());
            check.writes.push(Write::Count { name, add, most });
        };
        if let (Some(money), Some(most)) = (money, guardrail.per_day) {
            add(self.day_sum(&format!("{base}/sum/{}", money.currency), self.now()), money.minor.max(0), Some(most));
        }
        if let Some(most) = guardrail.per_day_count {
            add(self.day_sum(&format!("{base}/count"), self.now()), 1, Some(i64::from(most)));
        }
        if let Some(per) = &guardrail.per_customer {
            let customer = arguments.get(&per.param).and_then(reference).unwrap_or_else(|| "-".to_owned());
            let name = self.day_sum(&format!("{base}/customer/{customer}"), self.now());
            add(name, 1, Some(i64::from(per.per_day_count)));
        }
    }

    /// Whether a person's yes is a condition of the step.
    fn is_decided(&self, step: &CompiledStep) -> bool {
        let reads_yes = |path: &assent_schema::expr::Path| {
            let approved = matches!(self.progress.stand(&path.root), Some(Stand::Decided { approved: true, .. }));
            approved && path.fields.first().is_some_and(|field| field.as_str() == "approved")
        };
        step.when_reads.iter().any(reads_yes)
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
