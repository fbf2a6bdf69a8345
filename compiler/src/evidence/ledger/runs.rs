//! Whether runs did what their plans and the client's guardrails allow, decided by people where the plan says so.

mod known;

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::choice::{Choice, QuestionEnd};
use assent_schema::client::ClientFacts;
use assent_schema::counted::counted;
use assent_schema::expr::{Currency, Money};
use assent_schema::guard::{Attempt, Limit, Verdict};
use assent_schema::id::{Name, OperationRef};
use assent_schema::ledger::kind::{Amount, Intent};
use assent_schema::ledger::{Entry, Kind};
use assent_schema::plan::Effect;

use self::known::{Known, asks, calls, needed, plans};
use super::attempts::Attempts;
use super::decisions::{Around, Strength, judge};
use super::force::Force;
use super::permits::Permits;
use super::places::is_whole;
use super::sums::Counted;
use super::{Notes, Seen, Verified};

/// The operation that stands for asking an AI provider.
const ASK: &str = "ask";

/// A step, and the item that it ran for.
type Ran = (Name, Option<String>);

/// Which request of a run: the step, the item of an `each`, the attempt.
type Asked = (Option<Name>, Option<String>, Option<u32>);

/// One run, as far as the log tells it.
#[derive(Default)]
struct Run<'a> {
    id: Option<&'a str>,
    plan: Option<Digest>,
    began: Option<u64>,
    ended: bool,
    approved: BTreeMap<Ran, Strength>,
    attempts: Attempts,
    /// Whether a person looked at it: for that, what it read may be read again, also after its end.
    viewed: bool,
    /// Messages about its questions under way. They are written beside it.
    told: BTreeMap<Asked, u32>,
    /// What began, and of which no entry tells yet what it came to.
    open: BTreeMap<Asked, &'a OperationRef>,
}

impl Run<'_> {
    /// Whether an outcome is that of a message that is under way.
    fn message_ended(&mut self, entry: &Entry) -> bool {
        let Some(under_way) = self.told.get_mut(&asked(entry)).filter(|under_way| **under_way > 0) else {
            return false;
        };
        *under_way = under_way.saturating_sub(1);
        true
    }
}

/// All runs of a log.
struct Runs<'a> {
    verified: &'a Verified,
    seen: &'a Seen<'a>,
    force: Force<'a>,
    permits: Permits<'a>,
    sums: Counted,
    plans: BTreeMap<Digest, Known>,
    /// Runs of which bodies are gone.
    unknown: BTreeSet<u64>,
    /// The ids of runs that go on with others.
    going_on: BTreeSet<&'a str>,
    signed: u64,
    unsigned: u64,
    /// Decisions under a release that is not here.
    unjudged: u64,
}

/// Looks at each run of a client.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    if origin.client.is_none() {
        return;
    }
    let force = Force::of(verified, seen);
    let plans = plans(&force, verified, seen);
    let going_on = verified.entries.iter().filter_map(|entry| match &entry.kind {
        Kind::Handled(handled) => Some(handled.next.as_ref()?.as_str()),
        _ => None,
    });
    let going_on = going_on.collect();
    let permits = Permits::of(verified, seen);
    let mut runs = Runs {
        verified,
        seen,
        force,
        permits,
        sums: Counted::default(),
        plans,
        unknown: BTreeSet::new(),
        going_on,
        signed: 0,
        unsigned: 0,
        unjudged: 0,
    };
    let mut all: BTreeMap<u64, Run<'_>> = BTreeMap::new();
    for entry in &verified.entries {
        runs.permits.take(entry);
        if matches!(entry.kind, Kind::Started(_)) {
            all.values_mut().filter(|run| !run.ended).for_each(|run| {
                run.attempts.restarted();
                // What it came to may be lost.
                run.open.clear();
            });
        }
        let Some(number) = entry.run else { continue };
        let run = all.entry(number).or_default();
        run.plan = entry.plan.or(run.plan);
        runs.entry(number, entry, run, notes);
    }
    let Runs { unknown, signed, unsigned, unjudged, .. } = runs;
    let least = verified.least();
    notes.see(
        "P11",
        format!("{origin}: {least}{signed} decisions are signed by who made them, {least}{unsigned} came without a signature."),
    );
    if unjudged > 0 {
        let said = format!(
            "{origin}: of {unjudged} decisions it cannot be told whether who made them might, for the release of then is not here."
        );
        notes.see("P11", said);
    }
    if !unknown.is_empty() {
        let unknown = unknown.len();
        notes.see(
            "P11",
            format!("{origin}: {} could not be looked at whole, for bodies are gone.", counted(unknown, "run")),
        );
    }
}

impl<'a> Runs<'a> {
    fn entry(&mut self, number: u64, entry: &'a Entry, run: &mut Run<'a>, notes: &mut Notes) {
        let (origin, time) = (&self.verified.origin, entry.time);
        let goes_on = match &entry.kind {
            Kind::Intent(intent) => !self.is_beside(intent, run),
            Kind::Decided(_) => true,
            _ => false,
        };
        if run.ended && goes_on {
            let what = entry.kind.name();
            notes.object("P11", format!("{origin}: run {number} had ended, and went on at {time} ({what})."));
        }
        match &entry.kind {
            Kind::Accepted(accepted) => {
                (run.id, run.began) = (Some(accepted.id.as_str()), Some(entry.index));
                run.attempts.goes_on = self.going_on.contains(accepted.id.as_str());
                if let Some(plan) = run.plan.filter(|plan| !self.force.names(plan, entry.index)) {
                    let said = format!(
                        "{origin}: run {number} began at {time} with the plan {plan}, which no release up to then names."
                    );
                    notes.object("P16", said);
                }
            }
            Kind::Ended(ended) => {
                run.ended = true;
                self.told(number, (entry, ended.outcome.as_str()), run, notes);
            }
            Kind::Viewed(_) => run.viewed = true,
            Kind::Outcome(_) if run.message_ended(entry) => {}
            Kind::Outcome(outcome) => {
                run.open.remove(&asked(entry));
                self.sums.end(number, entry, outcome);
            }
            Kind::Decided(_) => self.decided(number, entry, run, notes),
            Kind::Intent(intent) if self.is_message(intent, run) => {
                let under_way = run.told.entry(asked(entry)).or_default();
                *under_way = under_way.saturating_add(1);
                self.permitted(number, (entry, intent), run, notes);
                if is_whole(&self.verified.entries, run.began, entry.index) {
                    self.tried(number, (entry, intent), run, notes);
                }
            }
            Kind::Intent(intent) => {
                if !(run.viewed && self.is_beside(intent, run)) {
                    run.open.insert(asked(entry), &intent.operation);
                }
                self.planned(number, (entry, intent), run, notes);
                self.permitted(number, (entry, intent), run, notes);
                if is_whole(&self.verified.entries, run.began, entry.index) {
                    self.agreed(number, (entry, intent), run, notes);
                    self.guarded(number, (entry, intent), run, notes);
                    self.tried(number, (entry, intent), run, notes);
                } else {
                    self.unknown.insert(number);
                }
            }
            _ => {}
        }
    }

    /// Whether a request is a message about a question.
    fn is_message(&self, intent: &Intent, run: &Run<'_>) -> bool {
        let known = run.plan.and_then(|plan| self.plans.get(&plan));
        known.is_some_and(|known| known.plan.tells(&intent.operation))
    }

    /// Whether a request is none of the run's own steps: a message, or what somebody who looks has read again.
    fn is_beside(&self, intent: &Intent, run: &Run<'_>) -> bool {
        let known = run.plan.and_then(|plan| self.plans.get(&plan));
        let called = known.and_then(|known| known.plan.operations.get(&intent.operation));
        self.is_message(intent, run) || (run.viewed && called.is_some_and(|called| called.effect == Effect::None))
    }

    /// Whether a run that is done tells what each request came to.
    fn told(&self, number: u64, (entry, outcome): (&Entry, &str), run: &Run<'_>, notes: &mut Notes) {
        if outcome != "done" || !is_whole(&self.verified.entries, run.began, entry.index) {
            return;
        }
        for ((step, ..), operation) in &run.open {
            let (origin, time) = (&self.verified.origin, entry.time);
            let at = step.as_ref().map_or_else(String::new, |step| format!(" at `{step}`"));
            let said =
                format!("{origin}: run {number} was done at {time}, and no entry says what {operation}{at} came to.");
            notes.object("P11", said);
        }
    }

    /// Whether a decision holds. A yes that does not is none.
    fn decided(&mut self, number: u64, entry: &Entry, run: &mut Run<'a>, notes: &mut Notes) {
        let Kind::Decided(decided) = &entry.kind else { return };
        let is_about_money =
            run.plan.and_then(|plan| self.plans.get(&plan)).is_some_and(|known| known.plan.moves_money());
        let around = Around {
            origin: &self.verified.origin,
            roots: self.seen.survey.trusted.roots.as_deref(),
            force: &self.force,
            run: run.id,
            plan: run.plan,
            is_about_money,
        };
        if self.force.is_open(entry.index) {
            self.unjudged = self.unjudged.saturating_add(1);
        }
        match judge(entry, decided, &around) {
            Ok(Some(strength)) => {
                let count = if strength == Strength::Signature { &mut self.signed } else { &mut self.unsigned };
                *count = count.saturating_add(1);
                if decided.choice == QuestionEnd::Decided(Choice::Approve) {
                    run.approved.extend(entry.step.clone().map(|step| ((step, entry.item.clone()), strength)));
                }
            }
            Ok(None) => {}
            Err(why) => {
                let (origin, time) = (&self.verified.origin, entry.time);
                notes.object("P11", format!("{origin}: the decision of {time} on run {number} does not hold: {why}."));
            }
        }
    }

    /// Whether the plan has such a step and operation.
    fn planned(&self, number: u64, (entry, intent): (&Entry, &Intent), run: &Run<'_>, notes: &mut Notes) {
        let Some(known) = run.plan.and_then(|plan| self.plans.get(&plan)) else { return };
        let operation = &intent.operation;
        let step = entry.step.as_ref().and_then(|id| known.plan.step(id.as_str()));
        let action = step.map(|step| &step.action);
        let is_ask = operation.operation.as_str() == ASK && asks(action, operation);
        let called = known.plan.operations.get(operation);
        // What a step does besides, such as looking whether it happened, is of the plan and changes nothing.
        let is_own = called.is_some_and(|called| called.effect != Effect::Money || calls(action, operation));
        if (step.is_none() && entry.step.is_some()) || !(is_ask || is_own) {
            let (origin, time) = (&self.verified.origin, entry.time);
            let at = entry.step.as_ref().map_or_else(String::new, |step| format!(" at `{step}`"));
            notes.object(
                "P25",
                format!("{origin}: run {number} began {operation}{at} at {time}, which its plan does not say."),
            );
        }
    }

    /// Whether it was approved, and by whom it was asked agreed to be, when it began.
    fn permitted(&mut self, number: u64, (entry, intent): (&Entry, &Intent), run: &Run<'_>, notes: &mut Notes) {
        let Some(digest) = run.plan else { return };
        let Some(known) = self.plans.get(&digest) else { return };
        let of = (digest, &*known.plan, known.flows.as_ref());
        if let Some((promise, why)) = self.permits.why_not((entry, intent), of, &self.force) {
            let (origin, time, operation) = (&self.verified.origin, entry.time, &intent.operation);
            notes.object(promise, format!("{origin}: run {number} began {operation} at {time}, {why}."));
        }
    }

    /// Whether it is an attempt that the plan allows, after the one before it.
    fn tried(&self, number: u64, (entry, intent): (&Entry, &Intent), run: &mut Run<'_>, notes: &mut Notes) {
        let Some(known) = run.plan.and_then(|plan| self.plans.get(&plan)) else { return };
        if let Err(why) = run.attempts.take(entry, intent, &known.plan) {
            let (origin, time, operation) = (&self.verified.origin, entry.time, &intent.operation);
            let at = entry.step.as_ref().map_or_else(String::new, |step| format!(" at `{step}`"));
            notes.object("P18", format!("{origin}: run {number} began {operation}{at} at {time} {why}."));
        }
    }

    /// Whether people agreed where the plan makes that certain, and signed where money moves.
    fn agreed(&self, number: u64, (entry, intent): (&Entry, &Intent), run: &Run<'_>, notes: &mut Notes) {
        let Some(known) = run.plan.and_then(|plan| self.plans.get(&plan)) else { return };
        let Some(needed) = needed(entry, known) else { return };
        let (origin, time) = (&self.verified.origin, entry.time);
        for (step, said) in needed.decisions(entry, run) {
            match said {
                None => notes.object(
                    "P11",
                    format!("{origin}: run {number} began an effect at {time}, and nobody agreed at `{step}`."),
                ),
                Some(Strength::Account) if needed.is_money && !self.is_small(entry, intent) => notes.object(
                    "P11",
                    format!("{origin}: run {number} moved money at {time}, and who agreed at `{step}` did not sign."),
                ),
                Some(Strength::Account | Strength::Signature) => {}
            }
        }
    }

    /// Whether an account is enough for the amount.
    fn is_small(&self, entry: &Entry, intent: &Intent) -> bool {
        if self.force.is_open(entry.index) {
            return true;
        }
        let Some(amount) = &intent.amount else { return false };
        let most = |facts: &&ClientFacts| {
            facts.chat_up_to.get(amount.currency.as_str()).is_some_and(|most| amount.minor <= *most)
        };
        self.force.facts(entry.index).iter().any(most)
    }

    /// Whether the client's guardrails let it go, or somebody agreed to more.
    fn guarded(&mut self, number: u64, (entry, intent): (&Entry, &Intent), run: &Run<'_>, notes: &mut Notes) {
        let mut facts = self.force.facts(entry.index);
        if self.force.is_open(entry.index) {
            facts.clear();
        }
        let asked = entry.step.clone().map(|step| (step, entry.item.clone()));
        let agreed = asked.and_then(|asked| run.approved.get(&asked)) == Some(&Strength::Signature);
        let known = run.plan.and_then(|plan| self.plans.get(&plan));
        let needed = known.and_then(|known| needed(entry, known));
        let decided = needed.is_some_and(|needed| needed.decisions(entry, run).iter().any(|(_, said)| said.is_some()));
        let attempt = Attempt { amount: intent.amount.as_ref().and_then(money), marked: false, decided, agreed };
        let Some(verdict) = self.sums.begin(number, (entry, intent), attempt, &facts) else { return };
        let (origin, time, operation) = (&self.verified.origin, entry.time, &intent.operation);
        let began = format!("{origin}: run {number} began {operation}");
        let said = match (verdict, &intent.amount) {
            (Verdict::Allowed, _) => return,
            (Verdict::Ask { limit: Limit::PerDay | Limit::PerDayCount, .. }, _) => format!(
                "{began} at {time}, above what the client's guardrail allows for a day, and nobody signed for that."
            ),
            (_, None) => format!("{began} at {time} without the amount that the client's guardrail bounds."),
            (_, Some(amount)) => format!(
                "{began} over {} {} (minor units) at {time}, above the client's guardrail, and nobody signed for that.",
                amount.minor, amount.currency
            ),
        };
        notes.object("P25", said);
    }
}

/// The amount of a request; nothing where it is in no currency.
fn money(amount: &Amount) -> Option<Money> {
    Money::new(amount.minor, Currency::new(amount.currency.as_str())?)
}

fn asked(entry: &Entry) -> Asked {
    (entry.step.clone(), entry.item.clone(), entry.attempt)
}
