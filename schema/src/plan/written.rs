//! What every plan that the compiler wrote holds to, besides what its types say: bounds, names that lead somewhere, clocks that
//! somebody has. Whoever reads a plan asks for it, so that no other hand writes what a source cannot say.
//!
//! Expressions and data flows are judged by [`crate::flow`] and [`crate::guard`], which ask more of a plan than this.
//!
//! # Source
//! trust.md section 3: nothing is run that the compiler would have refused.

mod operation;
mod shape;
mod step;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::bounds;
use super::{Event, Fallback, Kpi, Limits, Plan, Poll, Target, Trigger};
use crate::canon::{self, CanonError};
use crate::cron::Crontab;
use crate::id::{ConnectionId, OperationRef};
use crate::plan::{Dialect, Effect, Hmac};
use crate::shape::Clock;
use crate::{fides, hidden};

/// Why bytes are no plan that the compiler wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPlan {
    /// They are not canonical JSON of a plan.
    Form(CanonError),
    /// It says what no source can say.
    Unwritten(Unwritten),
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => error.fmt(f),
            Self::Unwritten(what) => what.fmt(f),
        }
    }
}

impl std::error::Error for BadPlan {}

/// What a plan says that no source can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten(String);

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Plan {
    /// Reads a plan from its stored bytes.
    ///
    /// # Errors
    /// When they are not canonical JSON of a plan, or the compiler would never have written it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadPlan> {
        let plan: Self = canon::from_bytes(bytes).map_err(BadPlan::Form)?;
        plan.check_written().map_err(BadPlan::Unwritten)?;
        Ok(plan)
    }

    /// Whether the compiler may have written it: one pass, in which nothing is copied.
    ///
    /// # Errors
    /// The first thing that no source can say.
    pub fn check_written(&self) -> Result<(), Unwritten> {
        must(!self.summary.contains('\n') && !self.summary.chars().any(is_hidden), || {
            "its summary hides something".to_owned()
        })?;
        must(fides::is_data_use(&self.purpose) && fides::forbidden(&self.purpose).is_none(), || {
            format!("`{}` is no purpose that a client's data serves", self.purpose.escape_debug())
        })?;
        limits(&self.limits)?;
        trigger(self)?;
        self.operations.iter().try_for_each(|(name, operation)| operation::check(self, name, operation))?;
        step::all(self)?;
        must(self.cancels.len() <= bounds::CANCELS_MOST, || "it has too many `cancels`".to_owned())?;
        self.cancels.iter().try_for_each(|cancel| event(self, &cancel.on))?;
        kpis(&self.kpis)?;
        fallback(&self.fallback)
    }
}

/// Characters that the compiler reads nowhere outside of prompts and texts.
fn is_hidden(c: char) -> bool {
    matches!(
        hidden::kind(c),
        Some(hidden::Hidden::Control | hidden::Hidden::Direction | hidden::Hidden::Line | hidden::Hidden::ByteOrder)
    )
}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Unwritten> {
    if holds { Ok(()) } else { Err(Unwritten(otherwise())) }
}

/// Whether a number lies within its bounds.
fn within<T: PartialOrd>(
    bounds: &RangeInclusive<T>,
    value: &T,
    what: impl FnOnce() -> String,
) -> Result<(), Unwritten> {
    must(bounds.contains(value), || format!("{} is out of bounds", what()))
}

fn limits(limits: &Limits) -> Result<(), Unwritten> {
    within(&bounds::TIMEOUT, &limits.timeout, || "`limits.timeout`".to_owned())?;
    within(&bounds::CONCURRENCY, &limits.concurrency, || "`limits.concurrency`".to_owned())?;
    let keyed = limits.one_at_a_time.is_some();
    must(keyed || (limits.per_key_per_day.is_none() && limits.debounce.is_none()), || {
        "it counts by a key that it does not name".to_owned()
    })?;
    must(limits.per_key_per_day != Some(0), || "`limits.per_key_per_day` is out of bounds".to_owned())?;
    for quiet in limits.debounce.iter().chain(&limits.debounce_most) {
        within(&bounds::QUIET, quiet, || "`limits.debounce`".to_owned())?;
    }
    let fits = match (limits.debounce, limits.debounce_most) {
        (_, None) => true,
        (quiet, Some(most)) => quiet.is_some_and(|quiet| quiet <= most),
    };
    must(fits, || "`limits.debounce_most` bounds nothing".to_owned())
}

fn trigger(plan: &Plan) -> Result<(), Unwritten> {
    let of_trigger = || "the trigger".to_owned();
    for (name, field) in plan.trigger.fields().into_iter().flatten() {
        shape::field(field, &|| format!("`trigger.{name}`"))?;
    }
    let declares = |name| plan.trigger.fields().is_some_and(|fields| fields.contains_key(name));
    must(plan.trigger.only().is_none_or(|only| only.keys().all(declares)), || {
        "the trigger compares a field that it does not take".to_owned()
    })?;
    match &plan.trigger {
        Trigger::Webhook { connection, dialect, header, hmac, once, .. } => {
            leads(plan, connection, &of_trigger)?;
            signed(*dialect, header.is_some(), hmac.as_deref(), &of_trigger)?;
            must(once.iter().all(|once| !once.names().is_empty() && once.names().iter().all(declares)), || {
                "the trigger tells events apart by a field that it does not take".to_owned()
            })?;
        }
        Trigger::Schedule { cron, zone, missed: _ } => {
            must(cron.parse::<Crontab>().is_ok(), || "the trigger's line is no crontab line".to_owned())?;
            must(Clock::of(zone).is_some(), || "the trigger's zone is none".to_owned())?;
        }
        Trigger::Inbox { fields, .. } | Trigger::Manual { fields } => {
            must(fields.values().all(|field| field.class.is_fact()), || {
                "the trigger takes something else than facts".to_owned()
            })?;
        }
        Trigger::Poll { .. } => {}
    }
    plan.trigger.poll().map_or(Ok(()), |list| poll(plan, list))
}

fn poll(plan: &Plan, poll: &Poll) -> Result<(), Unwritten> {
    within(&bounds::POLL_EVERY, &poll.every, || "how often the trigger's list is read".to_owned())?;
    within(&bounds::POLL_LAG, &poll.lag, || "how late items may appear in the trigger's list".to_owned())?;
    let read = plan.operations.get(&poll.read).filter(|read| read.effect == Effect::None);
    let fits = read.is_some_and(|read| {
        read.response.contains_key(&poll.items)
            && read.params.contains_key(&poll.since)
            && poll.with.keys().all(|name| read.params.contains_key(name))
    });
    must(fits, || format!("`{}` is no list that the trigger can read", poll.read))
}

fn event(plan: &Plan, event: &Event) -> Result<(), Unwritten> {
    let what = || format!("the event `{}`", event.event);
    leads(plan, &event.connection, &what)?;
    signed(event.dialect, event.header.is_some(), event.hmac.as_deref(), &what)?;
    event.fields.iter().try_for_each(|(name, field)| shape::field(field, &|| format!("`{name}` of {}", what())))
}

/// What is signed needs no header to hold the secret, and what is not has one. How it is signed `hmac` alone says.
fn signed(dialect: Dialect, has_header: bool, hmac: Option<&Hmac>, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    must(has_header == (dialect == Dialect::Token), || format!("the header of {} is not that of its dialect", what()))?;
    must(hmac.is_some() == (dialect == Dialect::Hmac), || {
        format!("how {} is signed is not for its dialect to say", what())
    })?;
    let Some(hmac) = hmac else { return Ok(()) };
    must(hmac.signed.has_time() == hmac.time.is_some(), || {
        format!("the time of {} is signed and nowhere, or not signed", what())
    })?;
    let Some(time) = &hmac.time else { return Ok(()) };
    within(&bounds::TOLERANCE, &time.tolerance, || format!("how old {} may be", what()))
}

/// A connection to an API that the plan names.
fn leads(plan: &Plan, connection: &ConnectionId, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    must(matches!(plan.connections.get(connection), Some(Target::Integration(_))), || {
        format!("{} is of the connection `{connection}`, which it does not name", what())
    })
}

/// An operation of the plan that only reads.
fn is_read(plan: &Plan, connection: &ConnectionId, operation: &crate::id::Name) -> bool {
    let name = OperationRef { connection: connection.clone(), operation: operation.clone() };
    plan.operations.get(&name).is_some_and(|read| read.effect == Effect::None)
}

fn kpis(kpis: &[Kpi]) -> Result<(), Unwritten> {
    let mut names = BTreeSet::new();
    kpis.iter().try_for_each(|kpi| must(names.insert(&kpi.name), || format!("the KPI `{}` is there twice", kpi.name)))
}

fn fallback(fallback: &Fallback) -> Result<(), Unwritten> {
    must(!fallback.open.iter().any(|open| open.chars().any(is_hidden)), || {
        "the link of the fallback hides something".to_owned()
    })
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;
