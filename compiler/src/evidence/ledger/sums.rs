//! What effects of a client came to in a day, beside what its guardrails allow for one.
//!
//! # Source
//! engine.md section 3; formats.md section 3, `guardrail`. Promise P25.

use std::collections::BTreeMap;

use assent_schema::calendar::zone;
use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::id::{Name, OperationRef};
use assent_schema::ledger::Entry;
use assent_schema::ledger::kind::{Intent, Outcome};
use assent_schema::time::Moment;

/// How an effect is said to be done.
const DONE: [&str; 3] = ["ok", "accepted", "confirmed"];

/// A step of a run, for one item.
type Place = (u64, Option<Name>, Option<String>);

/// What was begun.
struct Begun {
    operation: OperationRef,
    time: Moment,
    minor: i64,
}

/// What was done so far. Of what failed, or of which nobody knows, nothing is counted.
#[derive(Default)]
pub(super) struct Sums {
    begun: BTreeMap<Place, Begun>,
    done: Vec<Begun>,
}

impl Sums {
    /// An effect begins. Whether it is within what each of these facts allows for the day.
    pub(super) fn begin(&mut self, number: u64, (entry, intent): (&Entry, &Intent), facts: &[&ClientFacts]) -> bool {
        let minor = intent.amount.as_ref().map_or(0, |amount| amount.minor);
        let begun = Begun { operation: intent.operation.clone(), time: entry.time, minor };
        let within = facts.is_empty() || facts.iter().any(|facts| self.is_within(&begun, facts));
        self.begun.insert(place(number, entry), begun);
        within
    }

    /// It came to something.
    pub(super) fn end(&mut self, number: u64, entry: &Entry, outcome: &Outcome) {
        let begun = self.begun.remove(&place(number, entry));
        self.done.extend(begun.filter(|_| DONE.contains(&outcome.code.as_str())));
    }

    fn is_within(&self, begun: &Begun, facts: &ClientFacts) -> bool {
        let bounds = |guardrail: &&Guardrail| {
            guardrail.operation == begun.operation && (guardrail.per_day.is_some() || guardrail.per_day_count.is_some())
        };
        let mut bounding = facts.guardrails.iter().filter(bounds).peekable();
        let (Some(zone), true) = (zone(&facts.zone), bounding.peek().is_some()) else { return true };
        let day = |time: Moment| zone.to_datetime(time.timestamp()).date();
        let today = day(begun.time);
        let others = self.done.iter().rev().take_while(|done| day(done.time) == today);
        let (mut sum, mut count) = (begun.minor, 1_u32);
        for done in others.filter(|done| done.operation == begun.operation) {
            (sum, count) = (sum.saturating_add(done.minor), count.saturating_add(1));
        }
        bounding.all(|guardrail| {
            guardrail.per_day.is_none_or(|most| sum <= most) && guardrail.per_day_count.is_none_or(|most| count <= most)
        })
    }
}

fn place(number: u64, entry: &Entry) -> Place {
    (number, entry.step.clone(), entry.item.as_ref().map(ToString::to_string))
}
