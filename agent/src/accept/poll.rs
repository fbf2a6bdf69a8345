//! What is new in a list that is read again and again. Pure: what was read comes in, what begins a run goes out.
//!
//! The cursor is `(order, id)` of the last item that was accepted. It moves in the transaction that accepts, so that a stop
//! in between loses nothing and repeats nothing. Each read begins `lag` before it, since an item may appear late; what was
//! accepted before is known by its key. An item that says it is of a later time than now is taken like any other, and moves
//! the cursor no further than now: what follows it is not passed over.
//!
//! Cursor and keys belong to the workflow, not to the list that its plan reads: a release that reads another list of the same
//! items goes on where the one before stood, and so does a rollback. They once belonged to a list. What was kept then goes on:
//! [`Cursor::of_lists`] takes the cursor over, and the old keys still count.
//!
//! # Source
//! language.md section 3, "Triggers".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, OperationRef, WorkflowId};
use assent_schema::plan::{Failure, Poll, Trigger};
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::request::More;
use crate::request::watched::Unread;
use crate::request::wire::{BadField, Exact};
use crate::store::Write;
use crate::world::Wall;

/// How many reads in a row may fail for a while before on-call is told.
const PASSING_FAILURES_MOST: u32 = 3;
/// How far ahead of ours the clock of a list may be, as with webhooks, before on-call is told.
const AHEAD_MOST: Duration = Duration::from_mins(5);

/// The place of an item in its list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The instant by which the list is ordered.
    pub order: Moment,
    /// What names the item.
    pub id: String,
}

impl Position {
    /// Whether it lies further ahead than clocks differ: somebody's clock is wrong, or the instant is none of a change.
    pub fn is_ahead(&self, now: Moment) -> bool {
        self.order > Wall::from(now).plus(AHEAD_MOST).moment()
    }
}

/// How far a list was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Where the trigger began: what is older was never meant.
    pub floor: Moment,
    /// The last item that was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Position>,
    /// The lists that had cursors and keys of their own before those were the workflow's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<OperationRef>,
}

impl Cursor {
    /// The cursor of a trigger that begins now.
    pub fn begin(now: Moment) -> Self {
        Self { floor: now, last: None, lists: BTreeSet::new() }
    }

    /// The cursor of a workflow whose lists had their own: it stands where the list stood that is read now, else where the
    /// one stood that came furthest. What was accepted of any of them is known.
    pub fn of_lists(mut kept: BTreeMap<OperationRef, Self>, read: &OperationRef) -> Option<Self> {
        let lists = kept.keys().cloned().collect();
        let reached = |cursor: &Self| cursor.last.as_ref().map_or(cursor.floor, |last| last.order);
        let cursor = kept.remove(read).or_else(|| kept.into_values().max_by_key(reached))?;
        Some(Self { lists, ..cursor })
    }

    /// From where on items are asked for: never from a time that has not come, wherever the cursor was moved.
    pub fn since(&self, lag: Period, now: Moment) -> Moment {
        self.last.as_ref().map_or(self.floor, |last| last.order.min(now).minus(lag).max(self.floor))
    }

    /// The cursor after an item. Items that came late do not move it back, and those that come early not beyond now.
    #[must_use]
    pub fn past(&self, item: &Position, now: Moment) -> Self {
        let item = Position { order: item.order.min(now), id: item.id.clone() };
        let last = self.last.iter().chain([&item]).max().cloned();
        Self { floor: self.floor, last, lists: self.lists.clone() }
    }

    /// Reads a cursor as [`Self::write`] wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Keeps the cursor; goes into the transaction that accepts.
    pub fn write(&self, place: &Place<'_>) -> Write {
        Write::State { name: place.name(), value: serde_json::to_vec(self).ok() }
    }
}

/// Whose list: the cursor belongs to the workflow, whichever plan it has and whichever list that reads.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Whose workflow.
    pub client: &'a ClientId,
    /// Which workflow.
    pub workflow: &'a WorkflowId,
}

/// What is known again by a key.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// An item by which it is accepted once. One that changes has another order, and is another event, be it by less than a
    /// second.
    Item(&'a Item),
    /// The same item where it cannot be read.
    Aside(&'a Item),
    /// An item that has no place, by a keyed digest of all that it says.
    Placeless(Digest),
}

impl Place<'_> {
    /// The name under which the store keeps the cursor.
    pub fn name(&self) -> String {
        format!("poll/{}/{}", self.client, self.workflow)
    }

    /// What the names begin with under which the store kept the cursors of single lists; the list follows.
    pub fn before_lists(&self) -> String {
        format!("{}/", self.name())
    }

    /// The key by which it is known.
    pub fn key(&self, known: Known<'_>) -> [u8; 16] {
        key_of(&self.name(), known)
    }

    /// All keys by which it may be known: the one that counts, and those that it had while they belonged to lists.
    pub fn keys(&self, known: Known<'_>, lists: &BTreeSet<OperationRef>) -> Vec<[u8; 16]> {
        let older = lists.iter().map(|list| key_of(&format!("{}{list}", self.before_lists()), known));
        std::iter::once(self.key(known)).chain(older).collect()
    }
}

fn key_of(name: &str, known: Known<'_>) -> [u8; 16] {
    let (what, item) = match known {
        Known::Placeless(digest) => return cut(&format!("assent-poll-placeless/v1\0{name}\0{digest}")),
        Known::Item(item) => ("assent-poll/v1", item),
        Known::Aside(item) => ("assent-poll-aside/v1", item),
    };
    let Position { order, id } = &item.position;
    let order = item.order.clone().unwrap_or_else(|| order.to_string());
    cut(&format!("{what}\0{name}\0{order}\0{id}"))
}

fn cut(text: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut().zip(Sha256::digest(text)).for_each(|(slot, byte)| *slot = byte);
    key
}

/// One item that may begin a run.
pub struct Item {
    /// Its place in the list.
    pub position: Position,
    /// The instant of its place as exactly as it came, where that says more.
    pub order: Option<String>,
    /// What `once` of a webhook says of it, for lists in which events are found that were never delivered.
    pub exact: Exact,
    /// The trigger's fields of it.
    pub fields: BTreeMap<Name, Value>,
    /// Whether it is for this workflow: neither our own doing nor another kind.
    pub ours: bool,
    /// The field for which it cannot be read.
    pub misfit: Option<BadField>,
}

/// What is to be done after a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The list is at its end; again when it is time.
    Rest,
    /// There is more: again at once, from here on.
    Again(Moment),
    /// More items stand at one instant than one read gives: nobody can come past them.
    Stuck,
    /// The list is cut off and does not begin with the oldest: what was left out cannot be told.
    Unsorted,
}

/// Judges what a read from `since` on gave: the items to take, oldest first, and what is to be done then. Where nobody says
/// that it was all, it is read on from the newest item until nothing newer comes.
pub fn judge(cursor: &Cursor, since: Moment, mut items: Vec<Item>, more: More) -> (Vec<Item>, Then) {
    let is_sorted = items.is_sorted_by_key(|item| item.position.order);
    if more != More::No && !is_sorted {
        return (Vec::new(), Then::Unsorted);
    }
    let newest = items.iter().map(|item| item.position.order).max();
    items.retain(|item| item.position.order >= cursor.floor);
    items.sort_by(|a, b| (&a.position, &a.order).cmp(&(&b.position, &b.order)));
    items.dedup_by(|a, b| a.position == b.position && a.order == b.order);
    let then = match (more, newest) {
        (More::Yes | More::Unknown, Some(newest)) if newest > since => Then::Again(newest),
        (More::Yes, _) => Then::Stuck,
        (More::No | More::Unknown, _) => Then::Rest,
    };
    (items, then)
}

/// Takes a record of a list apart; nothing when it lacks what the catalog says every item has.
pub fn item(poll: &Poll, trigger: &Trigger, record: &Value, exact: Exact) -> Option<Item> {
    let order = match record.get(poll.order.as_str()) {
        Some(Value::Instant(order)) => *order,
        _ => return None,
    };
    let id = record.get(poll.id.as_str()).and_then(text)?;
    let declared = trigger.fields()?;
    let taken = |name: &Name| Some((name.clone(), record.get(name.as_str())?.clone()));
    let fields: BTreeMap<Name, Value> = declared.keys().filter_map(taken).collect();
    let ours = !is_own(poll, record) && super::event::is_for_us(trigger, &fields);
    let order_text = exact.get(&poll.order).cloned();
    Some(Item { position: Position { order, id }, order: order_text, exact, fields, ours, misfit: None })
}

/// An item that cannot be read, as far as it can: nothing where it does not even say its place.
pub fn unread(poll: &Poll, trigger: &Trigger, unread: &Unread) -> Option<Item> {
    let record = Value::Record(unread.values.clone());
    let item = item(poll, trigger, &record, unread.exact.clone())?;
    let ours = !is_own(poll, &record) && super::event::may_be_for_us(trigger, &item.fields);
    Some(Item { ours, misfit: Some(unread.field.clone()), ..item })
}

/// Whether an item is our own doing.
fn is_own(poll: &Poll, record: &Value) -> bool {
    poll.own.as_ref().is_some_and(|own| record.get(&own.at).and_then(text).as_ref() == Some(&own.equals))
}

/// A fact as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Whether on-call is told of a read that failed: at once of what will not mend itself, else of several in a row.
pub fn is_alarming(kind: Failure, in_a_row: u32) -> bool {
    match kind {
        Failure::Permanent | Failure::Conflict => true,
        Failure::Transient | Failure::Throttled => in_a_row >= PASSING_FAILURES_MOST,
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
