//! Reads what starts a workflow: `[trigger.<kind>]`.

use std::collections::BTreeMap;

use super::tree::Written;
use assent_schema::id::Name;
use assent_schema::plan::{AfterFile, Missed, bounds};
use assent_schema::shape::WrittenBy;
use assent_schema::spec::{Poll, Spanned, Trigger};
use assent_schema::time::Period;

use super::client::zone;
use super::field::facts;
use super::reader::{Table, Value};
use super::step::with;
use super::value::{boolean, integer, line, name, period, word};

pub(super) const KINDS: [&str; 5] = ["webhook", "poll", "inbox", "schedule", "manual"];
/// How late an item may appear unless the workflow says otherwise: clocks of two systems differ.
const LAG_DEFAULT: Period = Period::minutes(5);

/// Reads the one trigger of a workflow.
pub(super) fn trigger(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let kinds = KINDS.into_iter().filter(|kind| table.has(kind)).count();
    let webhook = table.opt("webhook", webhook);
    let poll = table.opt("poll", poll_trigger);
    let inbox = table.opt("inbox", inbox);
    let schedule = table.opt("schedule", schedule);
    let manual = table.opt("manual", manual);
    if kinds > 1 {
        table.bad::<()>(
            "A workflow has one trigger, and this one has more.",
            "Keep one of them here, and make a workflow of its own for each other.",
        );
    } else if kinds == 0 {
        table.lacks::<()>(
            &KINDS,
            "A workflow has a trigger, and this one has none.",
            "Write one of `[trigger.webhook]`, `[trigger.poll]`, `[trigger.inbox]`, `[trigger.schedule]` and `[trigger.manual]`.",
        );
    }
    table.done();
    webhook.or(poll).or(inbox).or(schedule).or(manual)
}

fn webhook(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let connection = table.need("connection", name);
    let event = table.need("event", name);
    let only = only(&mut table);
    let reconcile = table.opt("reconcile", |value| {
        value.spanned(|value| {
            let mut table = value.table()?;
            let poll = poll(&mut table);
            table.done();
            poll
        })
    });
    table.done();
    Some(Trigger::Webhook { connection: connection?, event: event?, only, reconcile })
}

fn poll_trigger(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let span = table.span();
    let poll = poll(&mut table);
    let only = only(&mut table);
    table.done();
    Some(Trigger::Poll { poll: Spanned::new(poll?, span), only })
}

/// Which list is read, how often, and how far back.
fn poll(table: &mut Table<'_, '_>) -> Option<Poll> {
    let read = table.need("read", name);
    let with = table.opt("with", with).unwrap_or_default();
    let every = table.need("every", period(bounds::POLL_EVERY));
    let lag = table.opt("lag", period(bounds::POLL_LAG)).unwrap_or(LAG_DEFAULT);
    Some(Poll { read: read?, with, every: every?, lag })
}

fn inbox(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let folder = table.need("folder", name);
    let pattern = table.need("pattern", pattern);
    let after: AfterFile = table.opt("after", word).unwrap_or_default();
    // Whoever can put a file there can write all of it.
    let fields = table.need("fields", |value| facts(value, WrittenBy::Anyone));
    let only = only(&mut table);
    table.done();
    Some(Trigger::Inbox { folder: folder?, pattern: pattern?, after, fields: fields?, only })
}

/// Which names of files are taken. Names that begin with a dot never are: half-written files hide behind one.
fn pattern(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'.' | b'_' | b'-');
    if (1..=100).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain) {
        Some(text.to_owned())
    } else {
        value.bad("is not a pattern like `*.json`: 1 to 100 of `A-Z a-z 0-9 . _ - * ?`, not beginning with a dot")
    }
}

/// The fields that must have certain values.
fn only(table: &mut Table<'_, '_>) -> BTreeMap<Spanned<Name>, Spanned<String>> {
    table.map("match", |value| value.spanned(constant))
}

/// A constant as text.
fn constant(value: Value<'_, '_>) -> Option<String> {
    match value.inner {
        Written::Boolean(_) => boolean(value).map(|flag| flag.to_string()),
        Written::Integer(_) => integer(value).map(|number| number.to_string()),
        _ => value.text().map(str::to_owned),
    }
}

fn schedule(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let cron = table.need("cron", line);
    let zone = table.opt("zone", |value| value.spanned(zone));
    let missed: Missed = table.opt("missed", word).unwrap_or_default();
    table.done();
    Some(Trigger::Schedule { cron: cron?, zone, missed })
}

fn manual(value: Value<'_, '_>) -> Option<Trigger> {
    let mut table = value.table()?;
    let fields = table.opt("fields", |value| facts(value, WrittenBy::System)).unwrap_or_default();
    table.done();
    Some(Trigger::Manual { fields })
}
