//! Questions go out: a message to each decider who has an account, or a note on the record; and what became of them.
//!
//! Each message is known by question, channel and person, durably: a restart sends none twice that arrived, and may send one
//! again of which nobody knows. That decides nothing: an answer counts once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef, PersonId};
use assent_schema::plan::{Channel, Chat, MESSAGE_TRIES_MOST, SLACK_POSTED, SlackAccount, TextFormat};
use assent_schema::release::Choice;
use assent_schema::shape::Shape;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::{FrontDesk, Registry};
use crate::people::chat::{Card, Ended, helpdesk, slack};
use crate::run::{Beside, Compiled, Deployed, NotLooked, Question};
use crate::store::{Alert, Entry, Store, StoreError, Transaction, Waiting, Write};
use crate::world::{Clock as _, World};

/// Where it is kept what was told where.
const TOLD: &str = "chat/";
/// How often is looked at what is under way.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon after one look the next may be, however many questions come.
const REST: Duration = Duration::from_millis(100);
/// The longest time between two of them.
const WAIT_MOST: Duration = Duration::from_mins(5);
/// Messages on their way at once.
const AT_ONCE_MOST: usize = 16;
/// The parameter that names the record of a note.
const RECORD: &str = "ticket";

/// A message about a question, or what is to become one. Facts alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// The question, as it stood.
    waiting: Waiting,
    /// Through what.
    channel: Channel,
    /// Whom; nobody where a note stands on a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
    /// Where the message stands, once it does: the place of a message in Slack, the record of a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    posted: Option<BTreeMap<Name, String>>,
    /// How often it was tried.
    tries: u32,
    /// When it may be tried again, in milliseconds since 1970.
    next: i64,
}

/// What became of one attempt.
enum Sent {
    /// The message stands there.
    Posted(BTreeMap<Name, String>),
    /// The question is over, and the message says so, or never will.
    Done,
    /// Not now.
    Later,
    /// It failed.
    Failed { passing: bool, code: String },
}

impl Told {
    fn name(&self) -> String {
        let Waiting { run, .. } = &self.waiting;
        let connection = self.channel.connection().map_or("-", |connection| connection.as_str());
        let person = self.person.as_ref().map_or("-", PersonId::as_str);
        format!("{TOLD}{run}/{}/{connection}/{person}", self.waiting.at())
    }

    /// Whether it is tried no more.
    fn is_given_up(&self) -> bool {
        self.tries >= MESSAGE_TRIES_MOST
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Tells chats and helpdesks what waits for people, until `stop` becomes true. `console` is where its pages are.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read what was told before.
    pub async fn keep_chats(
        self: Arc<Self>,
        console: Option<String>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let mut asked = self.engine.asked();
        // What was put before this was looked at counts as news.
        asked.mark_changed();
        let console: Option<Arc<str>> = console.map(Into::into);
        let mut told = self.told_before()?;
        let mut sending: JoinSet<(String, Sent)> = JoinSet::new();
        let mut busy: BTreeSet<String> = BTreeSet::new();
        loop {
            tokio::select! {
                changed = asked.changed() => if changed.is_err() { return Ok(()) },
                () = self.world.clock().sleep(LOOK_EVERY), if !told.is_empty() => {}
                _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
            }
            while let Some(Ok((name, sent))) = sending.try_join_next() {
                busy.remove(&name);
                if self.note_sent(&mut told, &name, sent).await.is_err() {
                    tracing::error!(code = "not_durable", "what a chat was told is not kept");
                }
            }
            self.begin_telling(&mut told);
            let now = self.world.clock().now().millis();
            for (name, one) in &told {
                let is_due = one.next <= now && (one.posted.is_none() || !self.waits(one));
                if is_due && !busy.contains(name) && sending.len() < AT_ONCE_MOST {
                    busy.insert(name.clone());
                    let (desk, name, one, console) = (Arc::clone(&self), name.clone(), one.clone(), console.clone());
                    sending.spawn(async move {
                        let sent = desk.tell(&one, console.as_deref()).await;
                        (name, sent)
                    });
                }
            }
            self.world.clock().sleep(REST).await;
        }
    }

    fn told_before(&self) -> Result<BTreeMap<String, Told>, StoreError> {
        let states = self.engine.store().states(TOLD)?;
        let read = |(name, bytes): (String, Vec<u8>)| {
            let told = serde_json::from_slice(&bytes).or(Err(StoreError::Damaged("what a chat was told")))?;
            Ok((name, told))
        };
        states.into_iter().map(read).collect()
    }

    fn waits(&self, told: &Told) -> bool {
        let Waiting { run, nonce, .. } = &told.waiting;
        self.engine.waits(*run, &told.waiting.at(), nonce)
    }

    /// Adds what is asked in chats and was not told there yet.
    fn begin_telling(&self, told: &mut BTreeMap<String, Told>) {
        for question in self.engine.asked_elsewhere() {
            for channel in &question.elsewhere {
                for person in self.whom(&question, channel) {
                    let waiting = question.waiting.clone();
                    let new = Told { waiting, channel: channel.clone(), person, posted: None, tries: 0, next: 0 };
                    // A question that was put anew has another nonce: the old message goes first, in its own time.
                    told.entry(new.name()).or_insert(new);
                }
            }
        }
    }

    /// Who gets a message of their own: those of the group who have an account there.
    fn whom(&self, question: &Question, channel: &Channel) -> Vec<Option<PersonId>> {
        let Channel::Slack(connection) = channel else { return vec![None] };
        let Some(facts) = self.deployed.client(&question.waiting.client) else { return Vec::new() };
        let group = facts.deciders.get(&question.waiting.by).into_iter().flatten();
        let has_account = |person: &&PersonId| {
            facts.people.get(*person).is_some_and(|person| person.accounts.contains_key(connection))
        };
        group.filter(has_account).cloned().map(Some).collect()
    }

    /// One attempt: the question, or that it is over.
    async fn tell(&self, told: &Told, console: Option<&str>) -> Sent {
        let waits = self.waits(told);
        match (&told.posted, waits) {
            (None, true) => self.ask_there(told, console).await,
            (Some(posted), false) => self.say_ended(told, posted).await,
            (None, false) => Sent::Done,
            (Some(posted), true) => Sent::Posted(posted.clone()),
        }
    }

    async fn ask_there(&self, told: &Told, console: Option<&str>) -> Sent {
        let Waiting { run, step, nonce, plan, client, .. } = &told.waiting;
        let (Some(connection), Some(question)) = (told.channel.connection(), self.engine.question(*run, step, nonce))
        else {
            return Sent::Done;
        };
        let compiled = self.deployed.plan(plan);
        let found = compiled.as_ref().and_then(|compiled| Some((compiled, compiled.plan.chats.get(connection)?)));
        let Some((compiled, chat)) = found else { return never("no_plan") };
        let Ok(Some(card)) = self.with_asked(&question, |asked| Card::of(asked, connection)) else {
            return never("not_here");
        };
        let name = OperationRef { connection: connection.clone(), operation: chat.post().clone() };
        let mut on = None;
        let arguments = match (&told.channel, &told.person) {
            (Channel::Slack(_), Some(person)) => {
                let facts = self.deployed.client(client);
                let account = facts.as_ref().and_then(|facts| facts.people.get(person)?.accounts.get(connection));
                let Some(account) = account.and_then(|account| SlackAccount::read(account)) else {
                    return never("no_account");
                };
                let post = slack::question(&card, console);
                vec![
                    ("channel", Value::text(account.user)),
                    ("text", Value::text(post.text.as_str())),
                    ("blocks", Value::text(post.blocks())),
                ]
            }
            (Channel::Helpdesk(note), _) => {
                let Some(record) = record(&question, &note.on) else { return never("no_record") };
                on = fact(&record);
                let text = helpdesk::question(&card, console, format_of(compiled, &name));
                vec![(RECORD, record), ("text", Value::text(text))]
            }
            (Channel::Page | Channel::Cli | Channel::Slack(_), _) => return Sent::Done,
        };
        let answer = self.engine.beside(compiled, &name, &named(arguments), about(told)).await;
        sent(answer, |fields| {
            let place = SLACK_POSTED.iter().filter_map(|field| Name::new(field).ok());
            let place = place.filter_map(|field| Some((field.clone(), fact(fields.get(&field)?)?)));
            place.chain(Name::new(RECORD).ok().zip(on)).collect()
        })
    }

    /// What became of a question. In a message it takes the place of what was asked; of a note, which nobody can change, a
    /// second one on the same record tells it.
    async fn say_ended(&self, told: &Told, posted: &BTreeMap<Name, String>) -> Sent {
        let Waiting { plan, client, workflow, .. } = &told.waiting;
        let Some(connection) = told.channel.connection() else { return Sent::Done };
        let Some(compiled) = self.deployed.plan(plan) else { return Sent::Done };
        let operation = match compiled.plan.chats.get(connection) {
            Some(Chat::Slack { update: Some(update), .. }) => update,
            Some(Chat::Helpdesk { post, .. }) if !posted.is_empty() => post,
            Some(Chat::Slack { update: None, .. } | Chat::Helpdesk { .. }) | None => return Sent::Done,
        };
        let name = OperationRef { connection: connection.clone(), operation: operation.clone() };
        // What was decided stands in the journal; as long as that cannot be read, nothing is said.
        let Ok(ended) = self.ended(&told.waiting) else { return Sent::Later };
        let of = (client.as_str(), workflow.as_str());
        let mut arguments = match told.channel {
            Channel::Helpdesk(_) => {
                let text = helpdesk::ended(of, &told.waiting.nonce, &ended, format_of(&compiled, &name));
                named(vec![("text", Value::text(text))])
            }
            Channel::Slack(_) | Channel::Page | Channel::Cli => {
                let post = slack::ended(of, &ended);
                named(vec![("text", Value::text(post.text.as_str())), ("blocks", Value::text(post.blocks()))])
            }
        };
        let operation = compiled.plan.operations.get(&name);
        arguments.extend(posted.iter().map(|(field, text)| {
            let is_number = operation
                .and_then(|operation| operation.params.get(field))
                .is_some_and(|param| matches!(param.shape, Shape::Integer { .. }));
            let number = text.parse().ok().filter(|_| is_number).map(Value::Integer);
            (field.clone(), number.unwrap_or_else(|| Value::text(text.as_str())))
        }));
        match self.engine.beside(&compiled, &name, &arguments, about(told)).await {
            Ok(_) => Sent::Done,
            // The buttons stay; they decide nothing any more.
            Err(_) if told.is_given_up() => Sent::Done,
            failed => sent(failed, |_| BTreeMap::new()),
        }
    }

    /// How a question ended, as the journal tells.
    fn ended(&self, waiting: &Waiting) -> Result<Ended, StoreError> {
        let journal = self.engine.store().journal(waiting.run)?;
        let decided = journal.into_iter().rev().find_map(|row| match row.entry {
            Entry::Decided { step, item, guardrail: false, choice, by, .. }
                if step == waiting.step && item == waiting.item =>
            {
                Some((choice, by, row.at.moment()))
            }
            _ => None,
        });
        Ok(match decided {
            Some((choice, Some(by), at)) => Ended::Decided(choice, by, at),
            Some((Choice::Approve | Choice::Refuse, None, _)) => Ended::Late,
            None => Ended::Gone,
        })
    }

    /// Keeps what became of an attempt; one that is given up is told to who is on call.
    async fn note_sent(&self, told: &mut BTreeMap<String, Told>, name: &str, sent: Sent) -> Result<(), StoreError> {
        let now = self.world.clock().now();
        let Some(one) = told.get_mut(name) else { return Ok(()) };
        let mut transaction = Transaction::new(now);
        match sent {
            Sent::Posted(posted) => {
                one.posted = Some(posted);
                one.tries = 0;
            }
            Sent::Done => {
                told.remove(name);
                transaction.writes.push(Write::State { name: name.to_owned(), value: None });
                return self.engine.store().commit(transaction).await;
            }
            Sent::Later => {
                one.next = now.plus(LOOK_EVERY.saturating_mul(10)).millis();
                return Ok(());
            }
            Sent::Failed { passing, code } => {
                one.tries = if passing { one.tries.saturating_add(1) } else { MESSAGE_TRIES_MOST };
                let wait = LOOK_EVERY.saturating_mul(1 << one.tries.min(10)).min(WAIT_MOST);
                one.next = if one.is_given_up() { one.waiting.until } else { now.plus(wait).millis() };
                if one.is_given_up() {
                    let Waiting { client, workflow, run, .. } = &one.waiting;
                    tracing::warn!(%client, %workflow, code, "a question does not reach a chat");
                    transaction.writes.push(Write::Alert(Alert {
                        connection: one.channel.connection().cloned(),
                        ..Alert::of(Rule::Chat, Some(client), code).in_workflow(workflow).in_run(*run)
                    }));
                }
            }
        }
        let value = serde_json::to_vec(one).or(Err(StoreError::Broken))?;
        transaction.writes.push(Write::State { name: name.to_owned(), value: Some(value) });
        self.engine.store().commit(transaction).await
    }
}

/// The format in which an operation takes its text.
fn format_of(compiled: &Compiled, name: &OperationRef) -> Option<TextFormat> {
    compiled.plan.operations.get(name)?.params.get("text")?.format
}

fn never(code: &str) -> Sent {
    Sent::Failed { passing: false, code: code.to_owned() }
}

fn about(told: &Told) -> Beside<'_> {
    Beside::question(&told.waiting, told.tries.saturating_add(1))
}

fn named(arguments: Vec<(&str, Value)>) -> BTreeMap<Name, Value> {
    arguments.into_iter().filter_map(|(name, value)| Some((Name::new(name).ok()?, value))).collect()
}

fn fact(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The record that a note is written on: one of the values that are shown.
fn record(question: &Question, on: &str) -> Option<Value> {
    let shown: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(question.shown.reveal()).ok()?;
    match shown.get(on)? {
        serde_json::Value::String(text) => Some(Value::text(text.as_str())),
        serde_json::Value::Number(number) => number.as_i64().map(Value::Integer),
        _ => None,
    }
}

fn sent(
    answer: Result<BTreeMap<Name, Value>, NotLooked>,
    posted: impl FnOnce(&BTreeMap<Name, Value>) -> BTreeMap<Name, String>,
) -> Sent {
    match answer {
        Ok(fields) => Sent::Posted(posted(&fields)),
        Err(NotLooked::NotNow | NotLooked::Resting) => Sent::Later,
        Err(NotLooked::Failed { passing, code, .. }) => Sent::Failed { passing, code },
    }
}
