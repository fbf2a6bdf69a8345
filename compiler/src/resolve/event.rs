//! Events of connections: what starts a run, what a `wait` waits for, and what ends runs.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, EventName, Name};
use assent_schema::plan::{Cancel, Event, Expression, HELPDESK_ANSWER, Target};
use assent_schema::spec::{self, Integration, Spanned, Webhook};

use super::operations;
use super::sites::Site;
use super::workflow::Resolver;

impl Resolver<'_> {
    /// The event of the catalog behind a connection, and how its integration signs; a finding when there is none.
    pub(super) fn catalogued(
        &mut self,
        connection: &Spanned<ConnectionId>,
        name: &Spanned<EventName>,
    ) -> Option<(&'_ spec::Event, &'_ Webhook)> {
        let spec: &Integration = match self.target(&connection.value, &connection.span)? {
            Target::Integration(id) => self.context.parsed.integrations.get(&id).map(|unit| &unit.spec)?,
            Target::Provider(_) => {
                let message = format!("`{}` is a connection to an AI provider; it sends no events.", connection.value);
                self.report.add(Code::BadValue, &connection.span, message);
                return None;
            }
        };
        let found = spec.events.get(name.value.as_str()).zip(spec.webhook.as_ref());
        let Some((event, webhook)) = found else {
            let known: Vec<_> = spec.events.keys().map(|event| event.value.as_str()).collect();
            self.report.unknown("event", name, &known);
            return None;
        };
        let slots = self.context.facts.connections.get(&connection.value).map(|facts| &facts.slots);
        if slots.is_some_and(|slots| !slots.contains_key(&webhook.slot.value)) {
            let message = format!(
                "The connection `{}` does not declare the secret slot `{}` that verifies its events.",
                connection.value, webhook.slot.value
            );
            let help =
                format!("Add `slots.{}` with `rotate` to the connection in the client's file.", webhook.slot.value);
            self.report.add_with_help(Code::BadValue, &connection.span, message, help);
        }
        Some((event, webhook))
    }

    /// An event whose facts alone are taken. With `key_only`, nothing but what tells whose it is.
    pub(super) fn event(&mut self, on: &spec::On, key_only: bool) -> Option<Event> {
        let (event, webhook) = self.catalogued(&on.connection, &on.event)?;
        let key = on.key.value.clone();
        let mut fields = operations::unspanned(&event.fields);
        let found = Event {
            connection: on.connection.value.clone(),
            event: on.event.value.clone(),
            dialect: webhook.dialect.value,
            header: webhook.header.clone(),
            hmac: webhook.hmac.clone().map(Box::new),
            matches: event.matches.clone(),
            record: event.record.value.clone(),
            fields: BTreeMap::new(),
            own: webhook.own.clone(),
        };
        let is_fact = fields.get(&key).map(|field| field.class.is_fact());
        match is_fact {
            None => {
                let known: Vec<_> = fields.keys().map(Name::as_str).collect();
                self.report.unknown(&format!("field of `{}` called", on.event.value), &on.key, &known);
                return None;
            }
            Some(false) => {
                let message = format!("`{key}` is not of class `reference`, so it cannot tell events apart.");
                self.report.add(Code::BadValue, &on.key.span, message);
                return None;
            }
            Some(true) => fields.retain(|name, field| field.class.is_fact() && (!key_only || *name == key)),
        }
        Some(Event { fields, ..found })
    }

    /// The event by which a helpdesk's people answer.
    pub(super) fn answering(&mut self, connection: &Spanned<ConnectionId>, name: &Spanned<EventName>) -> Option<Event> {
        let (event, webhook) = self.catalogued(connection, name)?;
        let mut fields = operations::unspanned(&event.fields);
        fields.retain(|name, _| HELPDESK_ANSWER.contains(&name.as_str()));
        Some(Event {
            connection: connection.value.clone(),
            event: name.value.clone(),
            dialect: webhook.dialect.value,
            header: webhook.header.clone(),
            hmac: webhook.hmac.clone().map(Box::new),
            matches: event.matches.clone(),
            record: event.record.value.clone(),
            fields,
            own: webhook.own.clone(),
        })
    }

    /// What the key of an event must equal: what is said, or `limits.one_at_a_time`.
    pub(super) fn matched(
        &mut self,
        site: Site,
        equals: Option<&Spanned<Expression>>,
        on: &spec::On,
    ) -> Option<Expression> {
        if equals.is_some() {
            return self.expression(site, equals);
        }
        self.places.insert(site, on.key.span.clone());
        let key = self.one_at_a_time.clone();
        if key.is_none() {
            let message =
                format!("Nothing says what `{}` must equal: there is no `limits.one_at_a_time`.", on.key.value);
            self.report.add(Code::BadValue, &on.key.span, message);
        }
        key
    }

    pub(super) fn cancels(&mut self, workflow: &spec::Workflow) -> Vec<Cancel> {
        let mut cancels = Vec::new();
        for cancel in &workflow.cancels {
            let site = Site::Cancel(cancels.len());
            let equals = self.matched(site, cancel.equals.as_ref(), &cancel.on);
            let on = self.event(&cancel.on, true);
            if let Some((equals, on)) = equals.zip(on) {
                cancels.push(Cancel { on, key: cancel.on.key.value.clone(), equals });
            }
        }
        cancels
    }
}
