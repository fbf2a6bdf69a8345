//! `assent test --from-run`: a scenario out of what a run did: which requests, which failures, which decisions, which end.
//! No value of the run is in it; placeholders of the right shapes stand for them.
//!
//! # Source
//! language.md section 7.

mod codes;
mod lists;
mod sample;
mod unplayed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use assent_agent::control::{RunStory, Written};
use assent_agent::store::{Accepted, Aim, AskEnd, Ending, Entry, Intent, Outcome};
use assent_schema::expr::Fact;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Effect, Event, Operation, Plan, Trigger, Until};
use assent_schema::time::{Moment, Period};
use serde_json::{Value, json};

use codes::{fault, status_of};
use lists::{Lists, last_page};
use sample::Sample;
use unplayed::{Reads, unplayed};

/// The code of an attempt that did not fail.
const OK: &str = "ok";
/// The code of an attempt that the API answered with a job.
const ACCEPTED: &str = "accepted";
/// The code of a job that the API says failed.
const JOB_FAILED: &str = "job_failed";
/// The code of an answer that does not fit, and such an answer: longer than a word that stands for a yes.
const BAD_ANSWER: (&str, &str) =
    ("bad_answer", "This is not what the catalog declares, and stands for whatever the API answered.");

/// Writes a scenario in the form of a test file.
pub(super) fn scenario(story: &RunStory, plan: &Plan, currency: &str) -> String {
    let sample = Sample { at: story.run.accepted, currency };
    let mut run = Run { story, plan, sample, lists: Lists::of(story, plan), text: String::new() };
    run.head();
    run.event();
    run.replies();
    run.decisions();
    run.later();
    run.expect();
    run.text
}

struct Run<'a> {
    story: &'a RunStory,
    plan: &'a Plan,
    sample: Sample<'a>,
    lists: Lists<'a>,
    text: String,
}

impl<'a> Run<'a> {
    fn journal(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.story.journal.iter().map(|written| &written.entry)
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn put(&mut self, key: &str, value: &Value) {
        // Writing to a `String` cannot fail.
        let _written = writeln!(self.text, "{key} = {}", inline(value));
    }

    fn head(&mut self) {
        let row = &self.story.run;
        self.line(&format!(
            "# What run {} of {} did: shapes and outcomes, no values. Conditions on values may go the",
            row.number, row.client
        ));
        self.line("# other way with placeholders: put in what makes them go as they went.");
        let went = |runs: bool| -> BTreeSet<&str> {
            let step = |entry: &'a Entry| match entry {
                Entry::When { step, runs: did, .. } if *did == runs => Some(step.as_str()),
                _ => None,
            };
            self.journal().filter_map(step).collect()
        };
        let lines = [("held", went(true)), ("did not hold", went(false))];
        for (how, steps) in lines.iter().filter(|(_, steps)| !steps.is_empty()) {
            let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
            self.line(&format!("# The condition {how} of {}.", steps.join(", ")));
        }
        for why in unplayed(self.story, self.plan) {
            self.line(&format!("# {why}, which scenarios do not play: this shows the way up to there."));
        }
        self.line("[[scenario]]");
        self.put("name", &json!(format!("as run {} went", row.number)));
        self.put("at", &json!(row.accepted));
    }

    fn accepted(&self) -> Option<&'a Accepted> {
        self.journal().find_map(|entry| if let Entry::Accepted(accepted) = entry { Some(&**accepted) } else { None })
    }

    fn event(&mut self) {
        let nothing = BTreeMap::new();
        let facts = self.accepted().map_or(&nothing, |accepted| &accepted.fields);
        let Some(fields) = self.plan.trigger.fields() else { return };
        let mut body = self.sample.message(fields, facts);
        if let Trigger::Webhook { matches, .. } = &self.plan.trigger {
            for (path, text) in matches {
                sample::put(&mut body, path, json!(text));
            }
        }
        for (name, text) in self.plan.trigger.only().into_iter().flatten() {
            if let Some(field) = fields.get(name) {
                sample::put(&mut body, &field.at, sample::constant(&field.shape, text));
            }
        }
        self.put("event", &body);
    }

    /// One reply for each request that was answered, in the order of the run.
    fn replies(&mut self) {
        let mut open: Vec<&Intent> = Vec::new();
        let mut reads = Reads::default();
        for entry in self.journal() {
            // A scenario reads once what the run had to read again.
            if reads.are_again(entry, self.plan).is_some() {
                continue;
            }
            match entry {
                Entry::Intent(intent) if !intent.shadow => open.push(intent),
                Entry::Outcome(outcome) => {
                    let same = |intent: &&Intent| intent.step == outcome.step && intent.item == outcome.item;
                    let look = open.iter().copied().find(|intent| same(intent) && intent.aim == Aim::Job);
                    if let Some(look) = look {
                        open.retain(|intent| !same(intent));
                        self.looked(&look.operation, outcome);
                    } else if let Some(at) = open.iter().position(same) {
                        let intent = open.remove(at);
                        self.reply(&intent.operation, outcome);
                    }
                }
                _ => {}
            }
        }
    }

    fn reply(&mut self, to: &OperationRef, outcome: &Outcome) {
        let plan = self.plan;
        self.line("[[scenario.reply]]");
        self.put("to", &json!(to));
        match plan.operations.get(to) {
            Some(operation) if [OK, ACCEPTED].contains(&outcome.code.as_str()) => {
                self.status(outcome.status.unwrap_or(200));
                let body = self.lists.filled(to, operation, self.sample.reply(operation));
                let last = last_page(operation, &body);
                for (key, members) in [("body", body), ("headers", self.sample.headers(operation))] {
                    if members.as_object().is_none_or(|members| !members.is_empty()) {
                        self.put(key, &members);
                    }
                }
                if let Some(last) = last {
                    self.line("[[scenario.reply]]");
                    self.put("to", &json!(to));
                    self.put("body", &last);
                }
            }
            Some(operation) => self.failure(operation, outcome),
            None => self.answer(outcome),
        }
    }

    /// What the last look at a job was answered; those before it said nothing that counts.
    fn looked(&mut self, read: &OperationRef, outcome: &Outcome) {
        let plan = self.plan;
        let of_it = |(name, operation): (&OperationRef, &'a Arc<Operation>)| {
            let job = operation.job.as_ref().filter(|job| job.read == read.operation);
            job.filter(|_| name.connection == read.connection)
        };
        let (Some(job), Some(operation)) = (plan.operations.iter().find_map(of_it), plan.operations.get(read)) else {
            return;
        };
        let mut body = self.sample.reply(operation);
        let word = match outcome.code.as_str() {
            OK => job.done.first(),
            JOB_FAILED => job.failed.first(),
            _ => None,
        };
        if let (Some(word), Some(field)) = (word, operation.response.get(&job.field)) {
            sample::put(&mut body, &field.at, sample::constant(&field.shape, word));
        }
        self.line("[[scenario.reply]]");
        self.put("to", &json!(read));
        self.put("body", &body);
    }

    fn status(&mut self, status: u16) {
        if status != 200 {
            self.put("status", &json!(status));
        }
    }

    fn failure(&mut self, operation: &Operation, outcome: &Outcome) {
        if let Some(fault) = fault(&outcome.code) {
            return self.put("fault", &json!(fault));
        }
        let rule = operation.errors.iter().find(|rule| rule.code.as_str() == outcome.code);
        let by_rule = rule.and_then(|rule| rule.status.first().copied());
        self.status(outcome.status.or(by_rule).unwrap_or_else(|| status_of(&outcome.code)));
        if outcome.code == BAD_ANSWER.0 {
            self.put("text", &json!(BAD_ANSWER.1));
        }
        let Some(said) = rule.and_then(|rule| rule.body.as_ref()) else { return };
        if let Some(name) = said.at.strip_prefix(sample::HEADER) {
            return self.put("headers", &json!({ name: said.equals }));
        }
        let mut body = json!({});
        sample::put(&mut body, &said.at, json!(said.equals));
        self.put("body", &body);
    }

    /// What an AI provider answers: the constants that were chosen, placeholders for the rest.
    fn answer(&mut self, outcome: &Outcome) {
        let ended = self.journal().find_map(|entry| match entry {
            Entry::Answered { step, item, ended, facts } if *step == outcome.step && *item == outcome.item => {
                Some((*ended, facts))
            }
            _ => None,
        });
        let (ended, facts) = match ended {
            Some((ended, facts)) => (ended, facts.clone()),
            None => (AskEnd::Answered, BTreeMap::<Name, Fact>::new()),
        };
        if let Some(fault) = fault(&outcome.code) {
            return self.put("fault", &json!(fault));
        }
        if outcome.code != OK && outcome.status.is_some_and(|status| !(200..300).contains(&status)) {
            return self.status(outcome.status.unwrap_or_else(|| status_of(&outcome.code)));
        }
        if ended == AskEnd::Refused || outcome.code == "refused" {
            return self.put("fault", &json!("refused"));
        }
        let fields = self.plan.step(outcome.step.as_str()).and_then(|step| match &step.action {
            Action::Ask { answer, .. } => Some(answer),
            _ => None,
        });
        // An answer that does not fit was empty, for all that anybody knows.
        let fits = ended == AskEnd::Answered && outcome.code == OK;
        let body = fields.filter(|_| fits).map_or_else(|| json!({}), |fields| Sample::answer(fields, &facts));
        self.put("body", &body);
    }

    fn decisions(&mut self) {
        let mut asked: Option<Moment> = None;
        for Written { at, entry } in &self.story.journal {
            match entry {
                Entry::Asked(_) => asked = Some(*at),
                Entry::Decided { step, choice, by, edited, .. } => {
                    self.line("[[scenario.decide]]");
                    self.put("step", &json!(step));
                    // A time that is over is a refusal that nobody made.
                    if by.is_some() {
                        self.put("choice", &json!(choice));
                        self.put("after", &json!(between(asked.unwrap_or(*at), *at)));
                    }
                    if !edited.is_empty() {
                        let edits: BTreeMap<&str, &str> =
                            edited.iter().map(|path| (path.as_str(), sample::TEXT)).collect();
                        self.put("edits", &json!(edits));
                    }
                }
                _ => {}
            }
        }
    }

    /// Events that came while the run was under way.
    fn later(&mut self) {
        let began = self.story.run.accepted;
        for Written { at, entry } in &self.story.journal {
            let event = match entry {
                Entry::Woke { step, arrived: true, .. } => self.awaited(step),
                Entry::Ended { ending: Ending::Superseded, .. } => self.plan.cancels.first().map(|cancel| &cancel.on),
                _ => None,
            };
            if let Some(event) = event {
                let mut body = self.sample.message(&event.fields, &BTreeMap::new());
                for (path, text) in &event.matches {
                    sample::put(&mut body, path, json!(text));
                }
                self.line("[[scenario.later]]");
                self.put("after", &json!(between(began, *at)));
                self.put("connection", &json!(event.connection));
                self.put("event", &body);
            }
        }
    }

    fn awaited(&self, step: &Name) -> Option<&'a Event> {
        match &self.plan.step(step.as_str())?.action {
            Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
            _ => None,
        }
    }

    fn expect(&mut self) {
        self.line("[scenario.expect]");
        let ended = self.journal().find_map(|entry| match entry {
            Entry::Ended { ending, stop, .. } => Some((*ending, stop.clone())),
            _ => None,
        });
        let Some((ending, stop)) = ended else {
            self.line("# The run is not over: say how it must end.");
            return self.put("outcome", &json!(Ending::Done.as_str()));
        };
        if unplayed(self.story, self.plan).next().is_some() {
            self.line(&format!("# The run ended `{}`, and cannot here: say how it must end.", ending.as_str()));
            return self.put("outcome", &json!(Ending::Done.as_str()));
        }
        self.put("outcome", &json!(ending.as_str()));
        if let Some(stop) = stop {
            self.put("stop", &json!(stop));
        }
        let calls = self.calls();
        self.put("calls", &Value::Array(calls));
        let sure = !self.journal().any(|entry| matches!(entry, Entry::Outcome(outcome) if outcome.in_doubt));
        if sure {
            self.put("only", &json!(true));
        }
        match ending {
            Ending::Done => self.put("queued", &json!(false)),
            Ending::Stopped | Ending::Failed | Ending::ContentLost => self.put("queued", &json!(true)),
            Ending::Superseded => {}
        }
    }

    /// The effects that were done, neighbours of one operation together.
    fn calls(&self) -> Vec<Value> {
        let mut intents: BTreeMap<(&Name, Option<&str>, u32), &Intent> = BTreeMap::new();
        let mut done: Vec<(&OperationRef, u32)> = Vec::new();
        // What the API took as a job was done then, and its end is no second time.
        let mut taken = BTreeSet::new();
        for entry in self.journal() {
            match entry {
                Entry::Intent(intent) if intent.aim != Aim::Job => {
                    let item = intent.item.as_ref().map(assent_schema::expr::FactText::as_str);
                    intents.insert((&intent.step, item, intent.attempt), intent);
                }
                Entry::Outcome(outcome) if [OK, ACCEPTED].contains(&outcome.code.as_str()) => {
                    let item = outcome.item.as_ref().map(assent_schema::expr::FactText::as_str);
                    if !taken.insert((&outcome.step, item, outcome.attempt)) {
                        continue;
                    }
                    let intent = intents.get(&(&outcome.step, item, outcome.attempt));
                    let effect = intent.filter(|i| i.effect != Effect::None && i.aim == Aim::Step && !i.shadow);
                    match (effect, done.last_mut()) {
                        (Some(intent), Some((last, times))) if **last == intent.operation => {
                            *times = times.saturating_add(1);
                        }
                        (Some(intent), _) => done.push((&intent.operation, 1)),
                        (None, _) => {}
                    }
                }
                _ => {}
            }
        }
        let call = |(operation, times): (&OperationRef, u32)| match times {
            1 => json!({ "operation": operation }),
            times => json!({ "operation": operation, "times": times }),
        };
        done.into_iter().map(call).collect()
    }
}

fn between(from: Moment, until: Moment) -> Period {
    let seconds = until.seconds().saturating_sub(from.seconds()).max(0);
    Period::seconds(u64::try_from(seconds).unwrap_or(0))
}

/// A value as TOML, in one line.
fn inline(value: &Value) -> String {
    match value {
        // What JSON escapes, TOML escapes in the same way; it has no null, and none is made here.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{} = {}", self::key(key), inline(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}
