//! Lists become runs: a list is read when it is time, and its cursor moves in the transaction that accepts.
//!
//! The cursor is the workflow's. Where older versions kept one for each list that was read, the first look takes it over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, OperationRef, WorkflowId};
use assent_schema::plan::{Failure, Poll};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::aside::{Apart, Strange, Was, in_order, kind_of};
use super::{FrontDesk, Registry};
use crate::accept::aside::Aside;
use crate::accept::poll::{Cursor, Item, Known, Place, Then, is_alarming, item, judge};
use crate::listen::Receipt;
use crate::run::{BAD_ITEM, Compiled, Deployed, NewRun, NotLooked};
use crate::store::{Alert, Store, StoreError, Transaction, Write, outcome};
use crate::world::{Clock as _, World};

/// How often it is looked whether a list is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The most reads of one list in a row; then others come first.
const READS_MOST: usize = 100;
/// The code of an alert about an item that says it is of a later time than now.
const AHEAD: &str = "from_the_future";

type Key = (ClientId, WorkflowId);

/// When each list is read again, and how often reading it failed.
#[derive(Default)]
struct Due {
    next: BTreeMap<Key, Duration>,
    failed: BTreeMap<Key, u32>,
    ahead: BTreeSet<Key>,
    busy: BTreeSet<Key>,
}

/// What a look at a list saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing but what may be there.
    Past,
    /// Items that say they are of a later time than now.
    Future,
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Reads lists as their times come, until `stop` becomes true.
    pub async fn keep_polls(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut due = Due::default();
        let mut looking = JoinSet::new();
        loop {
            tokio::select! {
                () = self.world.clock().sleep(LOOK_EVERY) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            while let Some(Ok((key, ended))) = looking.try_join_next() {
                self.note_look(&mut due, key, ended).await;
            }
            let now = self.world.clock().boot();
            let active = self.registry.active();
            due.next.retain(|key, _| active.contains(key));
            for key in active {
                let Some(every) = self.deployed.looks(&key.0, &key.1).and_then(|looks| looks.list) else { continue };
                if due.busy.contains(&key) || due.next.get(&key).is_some_and(|next| *next > now) {
                    continue;
                }
                let Some(compiled) = self.deployed.active(&key.0, &key.1) else { continue };
                due.next.insert(key.clone(), now.saturating_add(every.duration()));
                due.busy.insert(key.clone());
                let desk = Arc::clone(&self);
                looking.spawn(async move { (key, desk.look_at_poll(&compiled).await) });
            }
        }
    }

    async fn note_look(&self, due: &mut Due, key: Key, ended: Result<Seen, NotLooked>) {
        due.busy.remove(&key);
        // What another process told may be over, too.
        let first = !due.failed.contains_key(&key);
        let failed = due.failed.entry(key.clone()).or_default();
        let told = match ended {
            Ok(seen) => {
                let told = first || *failed > 0 || due.ahead.contains(&key);
                *failed = 0;
                match seen {
                    Seen::Past => due.ahead.remove(&key),
                    Seen::Future => due.ahead.insert(key.clone()),
                };
                if told { self.poll_alert_over(&key, seen).await } else { Ok(()) }
            }
            Err(NotLooked::NotNow | NotLooked::Resting) => Ok(()),
            Err(NotLooked::Failed { passing, code, retry_after }) => {
                *failed = failed.saturating_add(1);
                if let Some(after) = retry_after {
                    // Runs ask the same API, and it counts them together.
                    let then = self.world.clock().boot().saturating_add(after);
                    let next = due.next.entry(key.clone()).or_default();
                    *next = then.max(*next);
                }
                let kind = if passing { Failure::Transient } else { Failure::Permanent };
                if is_alarming(kind, *failed) { self.poll_alert(&key, &code).await } else { Ok(()) }
            }
        };
        if told.is_err() {
            tracing::error!(client = %key.0, workflow = %key.1, code = "not_durable", "an alert about a list is not kept");
        }
    }

    async fn poll_alert(&self, key: &Key, code: &str) -> Result<(), StoreError> {
        tracing::warn!(client = %key.0, workflow = %key.1, code, "a list cannot be read");
        let transaction = Transaction::new(self.world.clock().now()).with(Write::Alert(alert(key, code)));
        self.engine.store().commit(transaction).await
    }

    /// What was told of a list is over, but what was seen just now.
    async fn poll_alert_over(&self, key: &Key, seen: Seen) -> Result<(), StoreError> {
        let open = self.engine.store().alerts()?;
        let ours = |alert: &Alert| {
            let of_list = alert.rule == Rule::Poll
                && alert.client.as_ref() == Some(&key.0)
                && alert.workflow.as_ref() == Some(&key.1);
            of_list && !(seen == Seen::Future && alert.code == AHEAD)
        };
        let over = open.iter().filter(|row| ours(&row.alert)).map(|row| Write::AlertOver { key: row.alert.key() });
        let mut transaction = Transaction::new(self.world.clock().now());
        transaction.writes.extend(over);
        if transaction.writes.is_empty() { Ok(()) } else { self.engine.store().commit(transaction).await }
    }

    /// Looks once at the list of a workflow and begins a run for each new item.
    ///
    /// # Errors
    /// [`NotLooked`]; what was accepted before that stays accepted.
    pub async fn look_at_poll(&self, compiled: &Compiled) -> Result<Seen, NotLooked> {
        let plan = &compiled.plan;
        let mut seen = Seen::Past;
        let Some(poll) = plan.trigger.poll() else { return Ok(seen) };
        let place = Place { client: &plan.client, workflow: &plan.workflow };
        let known = self.engine.store().state(&place.name()).or(Err(lost()))?;
        let mut cursor = match known.as_deref() {
            Some(bytes) => Cursor::read(bytes).ok_or_else(lost)?,
            None => self.first_cursor(&place, &poll.read).await?,
        };
        let now = self.world.clock().now().moment();
        let mut since = cursor.since(poll.lag, now);
        let mut apart = self.apart(compiled, &place).await?;
        since = apart.again_from().map_or(since, |from| from.min(since));
        for _ in 0..READS_MOST {
            let looked = self.engine.look(compiled, poll, since).await;
            match &looked {
                Ok(_) => self.counted.looked(&plan.client, &poll.read.connection, outcome::OK),
                Err(NotLooked::Failed { code, .. }) => {
                    self.counted.looked(&plan.client, &poll.read.connection, code);
                }
                // Nothing was asked.
                Err(NotLooked::NotNow | NotLooked::Resting) => {}
            }
            let looked = looked?;
            let items = looked.items.into_iter().map(|(record, exact)| item(poll, &plan.trigger, &record, exact));
            let items: Option<Vec<Item>> = items.collect();
            let items = items.ok_or_else(|| failed(BAD_ITEM))?;
            let (placed, placeless) = self.strange(compiled, poll, looked.unread, (&cursor, items.is_empty()))?;
            let (items, then) = judge(&cursor, since, in_order(items, placed), looked.more);
            if then != Then::Unsorted {
                for item in placeless {
                    let item = item.seen_from(since);
                    if !self.put_aside(compiled, poll, (&mut cursor, &mut apart), item).await? {
                        return Ok(seen);
                    }
                }
            }
            for item in items {
                if item.ours && item.position.is_ahead(self.world.clock().now().moment()) {
                    seen = Seen::Future;
                }
                if !self.take_item(compiled, poll, (&mut cursor, &mut apart), item).await? {
                    // Not now, as when the client has too many runs: the cursor stays, and the items wait in their list.
                    return Ok(seen);
                }
            }
            match then {
                Then::Rest => return self.looked_through(&apart, (&place, &poll.read)).await.map(|()| seen),
                Then::Again(from) => since = from,
                Then::Stuck => return Err(failed("more_than_one_read_gives")),
                Then::Unsorted => return Err(failed("not_oldest_first")),
            }
        }
        Ok(seen)
    }

    /// Takes one item. False when it cannot be taken now.
    async fn take_item(
        &self,
        compiled: &Compiled,
        poll: &Poll,
        (cursor, apart): (&mut Cursor, &mut Apart),
        item: Item,
    ) -> Result<bool, NotLooked> {
        let plan = &compiled.plan;
        let place = Place { client: &plan.client, workflow: &plan.workflow };
        let now = self.world.clock().now().moment();
        let moved = cursor.past(&item.position, now);
        let named = self.named(compiled, &place, &item);
        let known = self.is_known(&self.taken_by((compiled, &place), &item, &cursor.lists))?;
        let passed = known || !item.ours;
        if !passed && (item.misfit.is_some() || named.is_none()) {
            let item = Strange::at(item, (&place, &cursor.lists), named.map(|(event, _)| event));
            return self.put_aside(compiled, poll, (cursor, apart), item).await;
        }
        let aside = place.keys(Known::Aside(&item), &cursor.lists);
        let was = if passed { Was::New } else { self.was_apart(&aside)? };
        if passed || was == Was::Handled {
            if moved != *cursor {
                self.keep_cursor(&moved, &place).await?;
                *cursor = moved;
            }
            return Ok(true);
        }
        let Some((event, key)) = named else { return Err(failed(BAD_ITEM)) };
        let of = (plan.client.clone(), plan.workflow.clone());
        let ahead = item.position.is_ahead(now).then(|| Write::Alert(alert(&of, AHEAD)));
        let back = was.writes();
        let new = NewRun {
            client: plan.client.clone(),
            workflow: plan.workflow.clone(),
            trigger: kind_of(&plan.trigger),
            event: event.clone(),
            keys: vec![key],
            fields: item.fields.clone(),
            writes: std::iter::once(moved.write(&place)).chain(ahead).chain(back).collect(),
        };
        match self.drive(self.engine.begin(new)).await {
            Receipt::Accepted(_) => {
                self.subscribed.found((&plan.client, &plan.workflow), item.position.order, now);
                *cursor = moved;
                Ok(true)
            }
            Receipt::Duplicate(_) => {
                self.keep_cursor(&moved, &place).await?;
                *cursor = moved;
                Ok(true)
            }
            // What its workflow cannot take is put aside like what cannot be read.
            Receipt::Refused(_) => {
                let item = Strange::at(item, (&place, &cursor.lists), Some(event));
                self.put_aside(compiled, poll, (cursor, apart), item).await
            }
            Receipt::Ignored
            | Receipt::Heard
            | Receipt::Challenge(_)
            | Receipt::Unknown
            | Receipt::Busy { .. }
            | Receipt::Unavailable => Ok(false),
        }
    }

    /// The cursor of a workflow that has none yet: that of its lists, where an older version kept one for each, with what was
    /// put aside of them. A new trigger begins now; nothing before that was meant.
    async fn first_cursor(&self, place: &Place<'_>, read: &OperationRef) -> Result<Cursor, NotLooked> {
        let now = self.world.clock().now();
        let (cursors, old) = self.of_lists(&place.before_lists(), Cursor::read)?;
        let (asides, older) = self.of_lists(&Aside::before_lists(place), Aside::read)?;
        let cursor = Cursor::of_lists(cursors, read).unwrap_or_else(|| Cursor::begin(now.moment()));
        let mut transaction = Transaction::new(now).with(cursor.write(place));
        transaction.writes.extend(old.into_iter().chain(older));
        transaction.writes.extend(Aside::of_lists(asides).map(|aside| Aside::write(Some(&aside), place)));
        self.engine.store().commit(transaction).await.or(Err(lost()))?;
        Ok(cursor)
    }

    /// What was kept for each list by a name that begins so, and what takes it away.
    fn of_lists<T>(
        &self,
        prefix: &str,
        read: fn(&[u8]) -> Option<T>,
    ) -> Result<(BTreeMap<OperationRef, T>, Vec<Write>), NotLooked> {
        let (mut kept, mut gone) = (BTreeMap::new(), Vec::new());
        for (name, bytes) in self.engine.store().states(prefix).or(Err(lost()))? {
            let list = name.strip_prefix(prefix).and_then(|list| list.parse().ok());
            kept.insert(list.ok_or_else(lost)?, read(&bytes).ok_or_else(lost)?);
            gone.push(Write::State { name, value: None });
        }
        Ok((kept, gone))
    }

    pub(super) async fn keep_cursor(&self, cursor: &Cursor, place: &Place<'_>) -> Result<(), NotLooked> {
        let transaction = Transaction::new(self.world.clock().now()).with(cursor.write(place));
        self.engine.store().commit(transaction).await.or(Err(lost()))
    }
}

pub(super) fn failed(code: &str) -> NotLooked {
    NotLooked::Failed { passing: false, code: code.to_owned(), retry_after: None }
}

/// The store could not be read or written: it may work later.
pub(super) fn lost() -> NotLooked {
    NotLooked::Failed { passing: true, code: "not_durable".to_owned(), retry_after: None }
}

fn alert((client, workflow): &Key, code: &str) -> Alert {
    Alert::of(Rule::Poll, Some(client), code).in_workflow(workflow)
}
