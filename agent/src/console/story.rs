//! One run as people read it: what each step of its plan did, and which condition kept it from running. Pure.
//!
//! Conditions are read again with the facts of the journal alone. Where one reads content, which is not kept, only what the
//! journal says of the whole is told.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::expr::{Program, Scope, Value, eval, reads};
use assent_schema::id::Name;
use assent_schema::plan::{Action, Plan, Step};
use assent_schema::release::Choice;
use assent_schema::time::{Moment, Period};

use crate::store::outcome::{ACCEPTED, is_fine, is_success};
use crate::store::{Aim, Entry, Fact, Intent, JournalRow, Outcome};
use crate::world::Wall;

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// The run is not there, or never came there.
    Ahead,
    /// It is under way.
    Running,
    /// A person is asked.
    Waiting,
    /// It lets time pass, until then.
    Resting(Wall),
    /// It is done.
    Done,
    /// Its condition did not hold.
    Skipped,
    /// It failed with this code, and the run went on without it.
    Passed(String),
    /// It failed with this code.
    Failed(String),
    /// Nobody knows whether it happened.
    InDoubt(String),
    /// Nobody knows whether it happened, and the other side is being asked.
    Confirming,
}

/// One condition of a `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    /// Its text.
    pub(super) text: String,
    /// Whether it held; nothing where it reads what is not kept.
    pub(super) held: Option<bool>,
}

/// One try of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// What was called.
    pub(super) intent: Intent,
    /// When.
    pub(super) at: Wall,
    /// What came of it, and when.
    pub(super) outcome: Option<(Wall, Outcome)>,
}

impl Attempt {
    /// What is told of one that nothing is written of; `last` says whether nothing came after it.
    pub(super) fn unanswered(&self, last: bool) -> &'static str {
        match (self.intent.aim, last) {
            (Aim::Step, true) => "no answer yet",
            (Aim::Step, false) => "no answer",
            (Aim::Confirm, true) => "is being read, to learn whether it happened",
            (Aim::Confirm, false) => "was read, to learn whether it happened",
            (Aim::Job, true) => "is being read, to learn whether the job is over",
            (Aim::Job, false) => "was read, to learn whether the job is over",
        }
    }
}

/// What one step did.
#[derive(Clone, Debug)]
pub(super) struct StepStory<'p> {
    /// The step.
    pub(super) step: &'p Step,
    /// Whether it stands inside an `each`.
    pub(super) inside: bool,
    /// Where it stands.
    pub(super) stand: Stand,
    /// Its conditions, when it has some and they were looked at.
    pub(super) operands: Vec<Operand>,
    /// Its requests.
    pub(super) attempts: Vec<Attempt>,
    /// What is kept of its result.
    pub(super) facts: BTreeMap<String, String>,
    /// What a person said.
    pub(super) decided: Option<String>,
    /// How many items each end has, of an `each`, or each outcome of a step inside one.
    pub(super) items: BTreeMap<&'static str, usize>,
}

/// What the steps of a plan did in a run.
pub(super) fn steps<'p>(plan: &'p Plan, journal: &[JournalRow], zone: jiff::tz::TimeZone) -> Vec<StepStory<'p>> {
    let known = Facts::of(plan, journal, zone);
    let ended = journal.iter().rev().find_map(|row| match &row.entry {
        Entry::Ended { stop, step, code, .. } => Some((stop.as_ref(), step.as_ref(), code.as_ref())),
        _ => None,
    });
    let mut told = Vec::new();
    for step in &plan.steps {
        told.push(one(step, false, journal, &known));
        told.extend(step.inner().iter().map(|inner| one(inner, true, journal, &known)));
    }
    settle(&mut told, ended);
    told
}

/// Steps that leave nothing in the journal are done when the run came further.
fn settle(told: &mut [StepStory<'_>], ended: Option<(Option<&Name>, Option<&Name>, Option<&String>)>) {
    let reached = told.iter().rposition(|story| !story.inside && story.stand != Stand::Ahead);
    let stopped = ended.and_then(|(stop, ..)| stop).and_then(|stop| {
        told.iter().position(|story| matches!(&story.step.action, Action::Stop { outcome } if outcome == stop))
    });
    let failed_at = ended.and_then(|(_, step, code)| Some((step?, code?)));
    let whole = matches!(ended, Some((None, None, None)));
    for (place, story) in told.iter_mut().enumerate() {
        let behind = reached.is_some_and(|reached| place < reached) || whole || stopped.is_some_and(|at| place <= at);
        let silent = story.stand == Stand::Ahead || story.stand == Stand::Running;
        if silent && behind && story.attempts.is_empty() && !(story.inside && story.items.is_empty()) {
            story.stand = Stand::Done;
        }
        if story.stand == Stand::Running && ended.is_some() {
            story.stand = if whole { Stand::Done } else { Stand::Ahead };
        }
        if let Some((step, code)) = failed_at
            && story.step.id == *step
            && !matches!(story.stand, Stand::InDoubt(_))
        {
            // Asking told nothing.
            let asked = story.stand == Stand::Confirming;
            story.stand = if asked { Stand::InDoubt(code.clone()) } else { Stand::Failed(code.clone()) };
        }
    }
}

fn one<'p>(step: &'p Step, inside: bool, journal: &[JournalRow], known: &Facts) -> StepStory<'p> {
    let mut story = StepStory {
        step,
        inside,
        stand: Stand::Ahead,
        operands: Vec::new(),
        attempts: Vec::new(),
        facts: BTreeMap::new(),
        decided: None,
        items: BTreeMap::new(),
    };
    for row in journal {
        story.hear(row, known);
    }
    story
}

impl StepStory<'_> {
    fn hear(&mut self, row: &JournalRow, known: &Facts) {
        let id = &self.step.id;
        match &row.entry {
            Entry::When { step, item, runs } if step == id => {
                if item.is_some() {
                    *self.items.entry(if *runs { "ran" } else { "skipped" }).or_default() += 1;
                } else if let Some(when) = &self.step.when {
                    self.operands = known.operands(&when.0, *runs);
                }
                self.stand = if *runs { Stand::Running } else { Stand::Skipped };
            }
            Entry::Intent(intent) if intent.step == *id => {
                self.attempts.push(Attempt { intent: intent.clone(), at: row.at, outcome: None });
                self.stand = if intent.aim == Aim::Confirm { Stand::Confirming } else { Stand::Running };
            }
            Entry::Outcome(outcome) if outcome.step == *id => self.came(row.at, outcome),
            Entry::Answered { step, ended, facts, .. } if step == id => {
                self.keep(facts);
                self.facts.insert("ended".into(), ended.as_str().into());
                self.stand = Stand::Done;
            }
            Entry::Asked(waiting) if waiting.step == *id => self.stand = Stand::Waiting,
            Entry::Decided { step, choice, by, edited, guardrail, .. } if step == id => {
                self.decided = Some(decided(*choice, by.as_ref().map(ToString::to_string).as_deref(), edited));
                self.stand = if *guardrail { Stand::Running } else { Stand::Done };
            }
            Entry::Passed { step, code, .. } if step == id => self.stand = Stand::Passed(code.clone()),
            Entry::Walked { step, items } if step == id => {
                self.facts.insert("items".into(), items.len().to_string());
                self.stand = Stand::Running;
            }
            Entry::Item { step, how, .. } if step == id => {
                *self.items.entry(how.as_str()).or_default() += 1;
                let all = self.facts.get("items").and_then(|all| all.parse().ok());
                self.stand = if all == Some(self.items.values().sum::<usize>()) { Stand::Done } else { Stand::Running };
            }
            Entry::Rests { step, until, .. } if step == id => self.stand = Stand::Resting(Wall::from_millis(*until)),
            Entry::Woke { step, arrived, facts, .. } if step == id => {
                self.keep(facts);
                self.facts.insert("arrived".into(), arrived.to_string());
                self.stand = Stand::Done;
            }
            _ => {}
        }
    }

    fn came(&mut self, at: Wall, outcome: &Outcome) {
        let same = |attempt: &&mut Attempt| attempt.outcome.is_none() && attempt.intent.item == outcome.item;
        if let Some(attempt) = self.attempts.iter_mut().rev().find(same) {
            attempt.outcome = Some((at, outcome.clone()));
        }
        self.keep(&outcome.kept);
        self.stand = if outcome.in_doubt {
            Stand::InDoubt(outcome.code.clone())
        } else if is_success(&outcome.code) {
            Stand::Done
        } else if outcome.code == ACCEPTED {
            Stand::Running
        } else {
            Stand::Failed(outcome.code.clone())
        };
        if outcome.item.is_some() {
            *self.items.entry(if is_fine(&outcome.code) { "ok" } else { "failed" }).or_default() += 1;
        }
    }

    fn keep(&mut self, facts: &BTreeMap<Name, Fact>) {
        self.facts.extend(facts.iter().map(|(name, fact)| (name.to_string(), fact.to_string())));
    }
}

fn decided(choice: Choice, by: Option<&str>, edited: &[String]) -> String {
    let what = match by {
        Some(by) => format!("{by} said {}", choice.said()),
        None => "nobody answered in time, which means no".to_owned(),
    };
    if edited.is_empty() { what } else { format!("{what}, and changed {}", edited.join(", ")) }
}

/// What the journal says of the values of a run.
struct Facts {
    roots: BTreeMap<String, Value>,
    /// Steps that did not run: everything of them is absent.
    skipped: BTreeSet<String>,
    now: Moment,
    zone: jiff::tz::TimeZone,
}

impl Scope for Facts {
    fn root(&self, name: &str) -> Option<&Value> {
        self.roots.get(name)
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn zone(&self) -> &jiff::tz::TimeZone {
        &self.zone
    }

    fn business(&self, _: Moment, _: Period) -> Option<Moment> {
        None
    }

    fn pseudonym(&self, _: &str) -> Option<String> {
        None
    }
}

impl Facts {
    fn of(plan: &Plan, journal: &[JournalRow], zone: jiff::tz::TimeZone) -> Self {
        let now = journal.first().map_or(Moment::from_seconds(0), |row| row.at.moment());
        let mut known = Self { roots: BTreeMap::new(), skipped: BTreeSet::new(), now, zone };
        for row in journal.iter().filter(|row| row.entry.item().is_none()) {
            match &row.entry {
                Entry::Accepted(accepted) => known.put("trigger", &accepted.fields, None),
                Entry::Outcome(outcome) if is_success(&outcome.code) => {
                    known.put(outcome.step.as_str(), &outcome.kept, None);
                }
                Entry::Answered { step, ended, facts, .. } => {
                    known.put(step.as_str(), facts, Some(("ended", Value::text(ended.as_str()))));
                }
                Entry::Decided { step, choice, guardrail: false, .. } => {
                    let yes = Value::Boolean(*choice == Choice::Approve);
                    known.put(step.as_str(), &BTreeMap::new(), Some(("approved", yes)));
                }
                Entry::Woke { step, arrived, facts, .. } => {
                    known.put(step.as_str(), facts, Some(("arrived", Value::Boolean(*arrived))));
                }
                Entry::When { step, runs: false, .. } => {
                    known.skipped.insert(step.to_string());
                    if plan.step(step.as_str()).is_some_and(|step| matches!(step.action, Action::Decide { .. })) {
                        known.put(step.as_str(), &BTreeMap::new(), Some(("approved", Value::Boolean(false))));
                    }
                }
                _ => {}
            }
        }
        known
    }

    fn put(&mut self, root: &str, facts: &BTreeMap<Name, Fact>, more: Option<(&str, Value)>) {
        let mut fields: BTreeMap<Name, Value> =
            facts.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
        if let Some((name, value)) = more
            && let Ok(name) = Name::new(name)
        {
            fields.insert(name, value);
        }
        match self.roots.get_mut(root) {
            Some(Value::Record(there)) => there.extend(fields),
            _ => drop(self.roots.insert(root.to_owned(), Value::Record(fields))),
        }
    }

    /// Whether everything that it reads is in the journal.
    fn knows(&self, program: &Program) -> bool {
        reads(program).iter().all(|read| {
            let root = read.path.root.as_str();
            let fields = &read.path.fields;
            let found = fields.iter().fold(self.roots.get(root), |value, field| value?.get(field.as_str()));
            self.skipped.contains(root) || found.is_some()
        })
    }

    /// The conditions of a `when` of which the journal says whether it held.
    fn operands(&self, when: &str, runs: bool) -> Vec<Operand> {
        let Ok(program) = Program::parse(when) else { return Vec::new() };
        let mut operands: Vec<Operand> = program
            .operands()
            .into_iter()
            .map(|(span, part)| {
                let again = || eval(&part, self).ok().and_then(|value| value.as_boolean());
                let held = if runs { Some(true) } else { self.knows(&part).then(again).flatten() };
                Operand { text: when.get(span).unwrap_or(when).trim().to_owned(), held }
            })
            .collect();
        // One that is not known, where all others held, must be the one that did not.
        let others_held = operands.iter().filter(|operand| operand.held != Some(true)).count() == 1;
        if !runs && others_held {
            operands.iter_mut().filter(|operand| operand.held.is_none()).for_each(|one| one.held = Some(false));
        }
        operands
    }
}

#[cfg(test)]
mod tests;
