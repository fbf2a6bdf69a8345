//! Answers come back: signed by the chat or helpdesk, once, from an account that the client's signed file gives to a person.
//!
//! Whatever does not count is an entry of the client's ledger: what is signed always, what is forged as long as it is not a
//! flood.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, ConnectionId, PersonId};
use assent_schema::plan::{Chat, Dialect, Event, Rate};
use assent_schema::time::Period;

use super::super::hooks::{Inside, NotChecked};
use super::super::{FrontDesk, Registry};
use crate::accept::event::{self, Read};
use crate::accept::{Delivery, Scheme};
use crate::listen::{FromChat, Reply};
use crate::people::chat::{Said, helpdesk, person_of, slack};
use crate::people::judge::Answer;
use crate::people::{NotTaken, Strength, Through, access, judge};
use crate::request::keyed::{Purpose, keyed};
use crate::retry::Bucket;
use crate::run::{Deployed, Question, Verdict};
use crate::store::{Log, Store, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::world::{Clock as _, World};

/// Where it is kept which answers came, so that none counts twice.
const HEARD: &str = "chat-heard/";
/// How long that is kept: longer than a signed time is good.
const KEPT_MILLIS: i64 = 15 * 60 * 1_000;
/// Forged answers of one client that become entries; the rest is in the log and counted alone.
const FORGED_RATE: Rate = Rate { requests: 60, per: Period::minutes(1) };

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Judges what a chat or helpdesk sent.
    pub(in crate::desk) async fn heard(&self, from: FromChat) -> Reply {
        let FromChat { client, connection, headers, body } = from;
        let Some(chat) = self.chat_of(&client, &connection) else { return refused(NotTaken::Unknown) };
        let Ok(mut inside) = Inside::enter(self, &client) else { return refused(NotTaken::TooMany) };
        let delivery = Delivery { headers: &headers, body: body.reveal() };
        let scheme = match &chat {
            Chat::Slack { .. } => Scheme { dialect: Dialect::Slack, header: None, hmac: None },
            Chat::Helpdesk { answer, .. } => {
                Scheme { dialect: answer.dialect, header: answer.header.as_deref(), hmac: answer.hmac.as_deref() }
            }
        };
        let place = format!("{client}\0{connection}\0chat");
        let key = *keyed(self.webhook_key.reveal(), Purpose::Webhook, place.as_bytes()).as_bytes();
        let authentic = match self.check(&client, &connection, scheme, delivery, &key).await {
            Ok(authentic) => authentic,
            Err(NotChecked::Later) => return refused(NotTaken::NotDurable),
            Err(NotChecked::Refused(why)) => {
                tracing::warn!(%client, %connection, code = why.code(), "an answer from a chat is refused");
                self.counted.refused_answer(&client, &connection, why.code());
                let digest = keyed(&key, Purpose::Webhook, delivery.body);
                return match self.note_forged(&client, &connection, why.code(), digest).await {
                    Ok(()) => Reply::code(401, why.code()),
                    Err(_) => refused(NotTaken::NotDurable),
                };
            }
        };
        if inside.count().is_err() {
            return refused(NotTaken::TooMany);
        }
        let said = match &chat {
            Chat::Slack { .. } => slack::said(delivery.body).map_err(|slack::NotAnAnswer| NotTaken::BadForm),
            Chat::Helpdesk { answer, .. } => answered(answer, delivery),
        };
        let known = format!("{HEARD}{client}/{connection}/{}", authentic.hash);
        let judged = match said {
            // Another event, a press that opens a page, a note that is no answer.
            Ok(None) => return Reply::code(200, "ignored"),
            Ok(Some(said)) => self.take(&client, &connection, &said, &known).await,
            Err(why) => Err((why, None)),
        };
        match judged {
            Ok(()) => Reply::code(200, "decided"),
            Err((why, person)) => {
                self.counted.refused_answer(&client, &connection, why.code());
                let note = access::refused_by(Log::Client(client.clone()), person.as_ref(), why.code(), authentic.hash);
                let at = self.world.clock().now();
                let noted = self.engine.store().commit(Transaction::new(at).with(Write::Note(Box::new(note)))).await;
                refused(if noted.is_ok() { why } else { NotTaken::NotDurable })
            }
        }
    }

    /// Judges one answer; `known` is the name under which it is kept that it came.
    async fn take(
        &self,
        client: &ClientId,
        connection: &ConnectionId,
        said: &Said,
        known: &str,
    ) -> Result<(), (NotTaken, Option<PersonId>)> {
        self.once(known).await.map_err(|why| (why, None))?;
        let question = self.asked_in(client, connection, &said.question).ok_or((NotTaken::NotWaiting, None))?;
        let now = self.world.clock().now();
        let waiting = &question.waiting;
        let judged = self.with_asked(&question, |asked| {
            let person = person_of(asked, connection, &said.account).ok_or((NotTaken::NotInGroup, None))?;
            let answer = Answer {
                person,
                choice: said.choice,
                shown: waiting.shown,
                nonce: waiting.nonce,
                strength: Strength::Account,
                through: Through::Chat(connection),
                edited: false,
            };
            judge(asked, &answer, now).map(|()| person.clone()).map_err(|why| (why, Some(person.clone())))
        });
        let person = judged.map_err(|why| (why, None))??;
        let verdict = Verdict {
            choice: said.choice,
            person: person.clone(),
            shown: waiting.shown,
            nonce: waiting.nonce,
            edits: BTreeMap::new(),
            signature: None,
            through: Some(connection.clone()),
        };
        let decided = self.engine.decide(waiting.run, &waiting.step, verdict).await;
        decided.map_err(|why| (super::super::persons::not_decided(why), Some(person)))
    }

    /// The question of a client that is asked there and begins with these digits of its nonce.
    fn asked_in(&self, client: &ClientId, connection: &ConnectionId, digits: &str) -> Option<Question> {
        if digits.len() < helpdesk::CODE_DIGITS {
            return None;
        }
        let asked = self.engine.asked_elsewhere().into_iter();
        let mut asked = asked.filter(|question| {
            question.waiting.client == *client
                && Self::is_asked_in(question, connection)
                && question.waiting.nonce.to_string().starts_with(digits)
        });
        asked.next()
    }

    /// Each answer counts once, also after a restart.
    async fn once(&self, known: &str) -> Result<(), NotTaken> {
        let now = self.world.clock().now();
        let time = now.millis().to_string().into_bytes();
        let mut transaction =
            Transaction::new(now).with(Write::Swap { name: known.to_owned(), from: None, to: Some(time) });
        // What is too old to be good again is forgotten.
        let states = self.engine.store().states(HEARD).or(Err(NotTaken::NotDurable))?;
        let old = states.into_iter().filter(|(name, at)| {
            let at = std::str::from_utf8(at).ok().and_then(|at| at.parse::<i64>().ok()).unwrap_or(0);
            name != known && now.millis().saturating_sub(at) > KEPT_MILLIS
        });
        transaction.writes.extend(old.map(|(name, _)| Write::State { name, value: None }));
        match self.engine.store().commit(transaction).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(NotTaken::Replayed),
            Err(_) => Err(NotTaken::NotDurable),
        }
    }

    async fn note_forged(
        &self,
        client: &ClientId,
        connection: &ConnectionId,
        code: &'static str,
        digest: Digest,
    ) -> Result<(), StoreError> {
        let now = self.world.clock().boot();
        {
            let mut buckets = lock(&self.forged);
            let bucket =
                buckets.entry((client.clone(), connection.clone())).or_insert_with(|| Bucket::new(FORGED_RATE));
            if !bucket.wait(now).is_zero() {
                return Ok(());
            }
            bucket.take(now);
        }
        let note = access::refused_by(Log::Client(client.clone()), None, code, digest);
        let transaction = Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)));
        self.engine.store().commit(transaction).await
    }
}

/// What a helpdesk's event says: nothing where it is another event, our own, or a note that is no answer.
fn answered(answer: &Event, delivery: Delivery<'_>) -> Result<Option<Said>, NotTaken> {
    let fields = match event::read(answer, delivery) {
        Ok(Read::Fields(fields)) => fields,
        Ok(Read::Other) => return Ok(None),
        Err(_) => return Err(NotTaken::BadForm),
    };
    let text = |name: &str| match fields.get(name) {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Integer(number)) => Some(number.to_string()),
        _ => None,
    };
    let Some((choice, question)) = text("text").as_deref().and_then(helpdesk::said) else { return Ok(None) };
    let account = text("by").ok_or(NotTaken::BadForm)?;
    Ok(Some(Said { account, question, choice }))
}

fn refused(why: NotTaken) -> Reply {
    Reply::code(why.status(), why.code())
}
