//! What starts a workflow: events, lists and folders to what the catalog says of them.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, EventName, Name};
use assent_schema::plan::{Dialect, Effect, Poll, Target, Trigger};
use assent_schema::shape::{Field, Shape};
use assent_schema::spec::{self, Spanned};

use super::names::texts;
use super::operations;
use super::sites::Site;
use super::workflow::Resolver;

type Fields = BTreeMap<Name, Field>;

impl Resolver<'_> {
    pub(super) fn trigger(&mut self, trigger: &Spanned<spec::Trigger>) -> Trigger {
        self.places.insert(Site::Trigger, trigger.span.clone());
        match &trigger.value {
            spec::Trigger::Webhook { connection, event, only, reconcile } => {
                let mut resolved = self.webhook(connection, event);
                let found = reconcile.as_ref().and_then(|poll| self.reconcile(poll, &resolved));
                let narrowed = self.only(only, &resolved);
                if let Trigger::Webhook { only, reconcile, .. } = &mut resolved {
                    *only = narrowed;
                    *reconcile = found.map(Box::new);
                }
                resolved
            }
            spec::Trigger::Poll { poll, only } => self.poll_trigger(poll, only),
            spec::Trigger::Inbox { folder, pattern, after, fields, only } => {
                let mut resolved = Trigger::Inbox {
                    folder: folder.value.clone(),
                    pattern: pattern.clone(),
                    after: *after,
                    fields: operations::unspanned(fields),
                    only: BTreeMap::new(),
                };
                let narrowed = self.only(only, &resolved);
                if let Trigger::Inbox { only, .. } = &mut resolved {
                    *only = narrowed;
                }
                resolved
            }
            spec::Trigger::Schedule { cron, zone, missed } => Trigger::Schedule {
                cron: cron.value.clone(),
                zone: zone.as_ref().map_or_else(|| self.context.facts.zone.clone(), |zone| zone.value.clone()),
                missed: *missed,
            },
            spec::Trigger::Manual { fields } => Trigger::Manual { fields: operations::unspanned(fields) },
        }
    }

    fn webhook(&mut self, connection: &Spanned<ConnectionId>, name: &Spanned<EventName>) -> Trigger {
        let Some((event, webhook)) = self.catalogued(connection, name) else { return no_event(connection, name) };
        Trigger::Webhook {
            connection: connection.value.clone(),
            event: name.value.clone(),
            dialect: webhook.dialect.value,
            header: webhook.header.clone(),
            matches: event.matches.clone(),
            record: event.record.value.clone(),
            fields: operations::unspanned(&event.fields),
            once: event.once.as_ref().map(|once| once.value.clone()),
            own: webhook.own.clone(),
            only: BTreeMap::new(),
            reconcile: None,
        }
    }

    fn poll_trigger(&mut self, poll: &Spanned<spec::Poll>, only: &BTreeMap<Spanned<Name>, Spanned<String>>) -> Trigger {
        // What was reported stands for nothing here; the workflow is not whole and nothing is concluded from it.
        let Some((found, record, fields)) = self.poll(poll) else { return Trigger::Manual { fields: Fields::new() } };
        let mut resolved = Trigger::Poll { poll: Box::new(found), record, fields, only: BTreeMap::new() };
        let narrowed = self.only(only, &resolved);
        if let Trigger::Poll { only, .. } = &mut resolved {
            *only = narrowed;
        }
        resolved
    }

    /// A list and how it is walked, what its record is called, and the fields of one item.
    fn poll(&mut self, poll: &Spanned<spec::Poll>) -> Option<(Poll, Name, Fields)> {
        let spec::Poll { read, with, every, lag } = &poll.value;
        let place = &read.span;
        let parsed = self.context.parsed;
        let connection = &read.value.connection;
        let integration = match self.target(connection, place)? {
            Target::Integration(name) => &parsed.integrations.get(&name)?.spec,
            Target::Provider(_) => {
                let message = format!("`{connection}` is a connection to an AI provider; it has no lists.");
                self.report.add(Code::BadValue, place, message);
                return None;
            }
        };
        let Some(operation) = integration.operations.get(read.value.operation.as_str()) else {
            let known = texts(integration.operations.keys().map(|name| &name.value));
            self.report.unknown_at("operation", read.value.operation.as_str(), place, &known);
            return None;
        };
        let Some(polled) = operation.poll.as_ref().filter(|_| operation.effect.value == Effect::None) else {
            let message = format!("The catalog does not say how news is found in the list of `{}`.", read.value);
            self.report.add_with_help(
                Code::BadValue,
                place,
                message,
                "Add `poll` with `items`, `order`, `id` and `since` to the operation, or read another list.".into(),
            );
            return None;
        };
        self.poll_parameters(poll, operation, &polled.since);
        self.needs_operation(connection, integration, &read.value.operation);
        let mut constants = BTreeMap::new();
        for (name, argument) in with {
            self.places.insert(Site::Poll(name.value.clone()), argument.span.clone());
            constants.insert(name.value.clone(), self.argument(argument, None));
        }
        let found = Poll {
            read: read.value.clone(),
            with: constants,
            every: *every,
            lag: *lag,
            items: polled.items.clone(),
            order: polled.order.clone(),
            id: polled.id.clone(),
            since: polled.since.clone(),
            own: polled.own.clone(),
        };
        Some((found, operation.record.value.clone(), item_fields(operation, &polled.items)))
    }

    /// The parameter that takes the cursor is the engine's to give; all others are constants of the workflow.
    fn poll_parameters(&mut self, poll: &Spanned<spec::Poll>, operation: &spec::Operation, since: &Name) {
        let with = &poll.value.with;
        if let Some(given) = with.get_key_value(since.as_str()).map(|(name, _)| name) {
            let message = format!("`{}` takes the place in the list, and the agent gives it.", given.value);
            self.report.add(Code::BadValue, &given.span, message);
        }
        let mut with_since = with.clone();
        let nothing = Spanned::new(spec::Argument::Boolean(true), poll.span.clone());
        with_since.insert(Spanned::new(since.clone(), poll.span.clone()), nothing);
        self.parameters(&poll.value.read.value, operation, &with_since, &poll.value.read.span);
    }

    /// The list must show the same events: by the same field, with the same fields.
    fn reconcile(&mut self, poll: &Spanned<spec::Poll>, event: &Trigger) -> Option<Poll> {
        let (found, _, items) = self.poll(poll)?;
        let Trigger::Webhook { fields, once, event, .. } = event else { return None };
        let place = &poll.value.read.span;
        let Some(once) = once else {
            let message = format!("`{event}` has no `once`, so nobody can tell which of its events were delivered.");
            let help = "Add `once` to the event in the catalog: the field by which it is accepted once.".to_owned();
            self.report.add_with_help(Code::BadValue, place, message, help);
            return None;
        };
        let same = |name: &Name, field: &Field| {
            items.get(name).is_some_and(|item| alike(&item.shape, &field.shape) && item.class == field.class)
        };
        let missing =
            fields.iter().find(|(name, field)| (!field.optional || once.names().contains(name)) && !same(name, field));
        if let Some((name, _)) = missing {
            let message = format!("The items of `{}` have no field `{name}` like that of `{event}`.", found.read);
            let help =
                "Declare it in the catalog with the same type and class: a run must not tell how its event came.";
            self.report.add_with_help(Code::BadValue, place, message, help.to_owned());
        }
        Some(found)
    }

    /// Fields that must have certain values are facts that an expression could compare.
    fn only(&mut self, only: &BTreeMap<Spanned<Name>, Spanned<String>>, trigger: &Trigger) -> BTreeMap<Name, String> {
        let Some(fields) = trigger.fields() else { return BTreeMap::new() };
        let mut narrowed = BTreeMap::new();
        for (name, wanted) in only {
            let Some(field) = fields.get(&name.value) else {
                self.report.unknown("field of the trigger called", name, &texts(fields.keys()));
                continue;
            };
            let suits = match &field.shape {
                Shape::OneOf { values, .. } => values.contains(&wanted.value),
                Shape::Token {} => assent_schema::shape::is_token(&wanted.value),
                Shape::Integer {} => wanted.value.parse::<i64>().is_ok(),
                Shape::Boolean {} => matches!(wanted.value.as_str(), "true" | "false"),
                Shape::Uuid {} => wanted.value.len() == 36,
                _ => false,
            };
            if !suits || !field.class.is_fact() {
                let message = format!("`{}` can never be this.", name.value);
                let help = "`match` compares facts of type `token`, `uuid`, `integer`, `boolean` and `one_of` with a value that they can have.";
                self.report.add_with_help(Code::BadValue, &wanted.span, message, help.to_owned());
                continue;
            }
            narrowed.insert(name.value.clone(), wanted.value.clone());
        }
        narrowed
    }
}

/// Whether two fields hold the same values, however they are written on the wire.
fn alike(one: &Shape, other: &Shape) -> bool {
    match (one, other) {
        (Shape::OneOf { values, .. }, Shape::OneOf { values: others, .. }) => values == others,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// The fields of one item of a list; the parser saw to it that there are some.
fn item_fields(operation: &spec::Operation, items: &Name) -> Fields {
    match operation.response.get(items.as_str()).map(|field| &field.shape) {
        Some(Shape::List { of, .. }) => match &of.shape {
            Shape::Record { fields } => fields.clone(),
            _ => Fields::new(),
        },
        _ => Fields::new(),
    }
}

/// Stands for an event that was reported, so that the rest is checked too.
fn no_event(connection: &Spanned<ConnectionId>, name: &Spanned<EventName>) -> Trigger {
    Trigger::Webhook {
        connection: connection.value.clone(),
        event: name.value.clone(),
        dialect: Dialect::StandardWebhooks,
        header: None,
        matches: BTreeMap::new(),
        record: record_of(name.value.as_str()),
        fields: BTreeMap::new(),
        once: None,
        own: None,
        only: BTreeMap::new(),
        reconcile: None,
    }
}

/// A record's name for an event that the catalog does not have: its first word.
fn record_of(event: &str) -> Name {
    let first = event.split('.').next().unwrap_or_default();
    Name::new(first).unwrap_or_else(|_| unreachable!("an event's name is made of names"))
}
