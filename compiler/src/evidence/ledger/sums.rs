//! What effects of a client came to in a day, beside what its guardrails allow for one.
//!
//! # Source
//! engine.md section 3; formats.md section 3, `guardrail`. Promise P25.

use std::collections::BTreeMap;

use assent_schema::calendar::zone;
use assent_schema::client::{ClientFacts, Guardrail};
use assent_schema::expr::Money;
use assent_schema::guard::{Attempt, Sums, Verdict, bounding, judge};
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
    amount: Option<Money>,
}

/// What was done so far. Of what failed, or of which nobody knows, nothing is counted.
#[derive(Default)]
pub(super) struct Counted {
    begun: BTreeMap<Place, Begun>,
    done: Vec<Begun>,
}

impl Counted {
    /// An effect begins. What the guardrails of these facts say of it, by the rule by which agents ask them; the best of it
    /// where there are several, and nothing where there are none.
    pub(super) fn begin(
        &mut self,
        number: u64,
        (entry, intent): (&Entry, &Intent),
        attempt: Attempt,
        facts: &[&ClientFacts],
    ) -> Option<Verdict> {
        let begun = Begun { operation: intent.operation.clone(), time: entry.time, amount: attempt.amount };
        let judged = |facts: &&ClientFacts| {
            judge(&facts.guardrails, &begun.operation, &attempt, |guardrail| self.of_today(guardrail, &begun, facts))
        };
        let (mut verdicts, mut first) = (facts.iter().map(judged), None);
        let allowed = verdicts.find(|verdict| {
            let is_allowed = *verdict == Verdict::Allowed;
            if !is_allowed && first.is_none() {
                first = Some(verdict.clone());
            }
            is_allowed
        });
        self.begun.insert(place(number, entry), begun);
        allowed.or(first)
    }

    /// It came to something.
    pub(super) fn end(&mut self, number: u64, entry: &Entry, outcome: &Outcome) {
        let begun = self.begun.remove(&place(number, entry));
        self.done.extend(begun.filter(|_| DONE.contains(&outcome.code.as_str())));
    }

    /// What was done today, in the client's zone, of what a guardrail counts. Which customer it was for is not told.
    fn of_today(&self, guardrail: &Guardrail, begun: &Begun, facts: &ClientFacts) -> Sums {
        let Some(zone) = zone(&facts.zone) else { return Sums::default() };
        let day = |time: Moment| zone.to_datetime(time.timestamp()).date();
        let today = day(begun.time);
        let others = self.done.iter().rev().take_while(|done| day(done.time) == today);
        let bounded =
            |done: &&Begun| bounding(std::slice::from_ref(guardrail), &done.operation, done.amount).next().is_some();
        others.filter(bounded).fold(Sums::default(), |sums, done| Sums {
            amount: sums.amount.saturating_add(done.amount.map_or(0, |amount| amount.minor)),
            count: sums.count.saturating_add(1),
            ..sums
        })
    }
}

fn place(number: u64, entry: &Entry) -> Place {
    (number, entry.step.clone(), entry.item.as_ref().map(ToString::to_string))
}
