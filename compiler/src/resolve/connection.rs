//! A connection of a client: what it leads to, where that is, and its secrets.

use std::collections::BTreeMap;

use assent_schema::client::{Agreement, Auth, ConnectionFacts, ConnectionTo, Endpoint, Slot};
use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, Environment, SlotId};
use assent_schema::plan::{Rate, Target};
use assent_schema::spec::{self, Spanned, Unit};
use assent_schema::time::Moment;

use super::client::{EndpointsByEnvironment, PRODUCTION, values};
use super::endpoints;
use super::names::{Report, texts};
use crate::parse::Parsed;

pub(super) fn resolve_connection(
    parsed: &Parsed,
    id: &Spanned<ConnectionId>,
    connection: &spec::Connection,
    led: &mut EndpointsByEnvironment,
    report: &mut Report<'_>,
) -> Option<ConnectionFacts> {
    let Led { to, auth, webhook, leads, rate } = target(parsed, connection, report)?;
    let slots = resolve_slots(connection, auth, webhook, report);
    for (environment, endpoint) in leads {
        let lead = led.entry(environment.value.clone()).or_default();
        lead.insert(id.value.clone(), resolve_endpoint(endpoint));
    }
    endpoints::check_there(parsed, id, connection, report);
    endpoints::check_addresses(connection, id, leads, report);
    if matches!(&connection.to.value, Target::Integration(_)) {
        endpoints::check_kind(parsed, leads, report);
    }
    let production = leads.iter().find(|(environment, _)| environment.as_str() == PRODUCTION)?;
    if auth.token().is_none() {
        for tokens in leads.values().filter_map(|endpoint| endpoint.tokens.as_ref()) {
            let message = format!("The connection `{}` asks for no access tokens.", id.value);
            let help = "Remove `tokens`, or describe the integration with an `oauth2` kind of `auth`.".to_owned();
            report.add_with_help(Code::BadValue, &tokens.span, message, help);
        }
    }
    let sandboxes = || leads.values().filter(|endpoint| endpoint.sandbox.value);
    let tokens = |endpoint: &spec::Endpoint| endpoint.tokens.as_ref().map(|url| base(&url.value).to_owned());
    Some(ConnectionFacts {
        to,
        host: base(&production.1.url).to_owned(),
        region: production.1.region.value.clone(),
        sandbox_hosts: sandboxes().map(|endpoint| base(&endpoint.url).to_owned()).collect(),
        token_host: tokens(production.1),
        sandbox_token_hosts: sandboxes().filter_map(tokens).collect(),
        scopes: values(&connection.scopes),
        auth: auth.clone(),
        slots,
        private_addresses: connection.private_addresses,
        rate,
    })
}

/// What a connection leads to, as the catalog has it.
struct Led<'a> {
    to: ConnectionTo,
    auth: &'a Auth,
    webhook: Option<&'a SlotId>,
    leads: &'a BTreeMap<Spanned<Environment>, spec::Endpoint>,
    rate: Option<Rate>,
}

/// Looks up what a connection leads to. What the catalog lacks is told, unless its file is there and cannot be used.
fn target<'a>(parsed: &'a Parsed, connection: &'a spec::Connection, report: &mut Report<'_>) -> Option<Led<'a>> {
    let (what, name, known) = match &connection.to.value {
        Target::Integration(name) => match parsed.integrations.get(name) {
            Some(Unit { spec, .. }) => {
                return Some(Led {
                    to: ConnectionTo::Integration { name: name.clone(), shows: spec.shows },
                    auth: &spec.auth,
                    webhook: spec.webhook.as_ref().map(|webhook| &webhook.slot.value),
                    leads: &connection.endpoint,
                    rate: connection.rate.or(spec.rate),
                });
            }
            None => ("integration", name.as_str(), texts(parsed.integrations.keys())),
        },
        Target::Provider(name) => match parsed.providers.get(name) {
            Some(Unit { spec, .. }) => {
                let to = ConnectionTo::Provider {
                    name: name.clone(),
                    dialect: spec.dialect.value,
                    model: spec.model.value.clone(),
                    agreement: spec.agreement.as_ref().map_or_else(no_agreement, agreement),
                    class: spec.class,
                };
                return Some(Led { to, auth: &spec.auth, webhook: None, leads: &spec.endpoint, rate: connection.rate });
            }
            None => ("provider", name.as_str(), texts(parsed.providers.keys())),
        },
    };
    if !parsed.is_broken(&format!("catalog/{what}s/{name}.toml")) {
        report.unknown_at(what, name, &connection.to.span, &known);
    }
    None
}

/// Stands for an agreement that the catalog does not have, so that everything else is checked too; it never holds.
fn no_agreement() -> Agreement {
    Agreement {
        name: "none".into(),
        forbids_training: false,
        from: None,
        until: Moment::from_seconds(0),
        retention: None,
    }
}

fn agreement(agreement: &spec::Agreement) -> Agreement {
    Agreement {
        name: agreement.name.value.clone(),
        forbids_training: agreement.forbids_training.value,
        from: Some(agreement.from.value),
        until: agreement.until.value,
        // The parser lets only `none` and periods through.
        retention: agreement.retention.value.parse().ok(),
    }
}

fn resolve_slots(
    connection: &spec::Connection,
    auth: &Auth,
    webhook: Option<&SlotId>,
    report: &mut Report<'_>,
) -> BTreeMap<SlotId, Slot> {
    let authorises = auth.slot();
    let known: Vec<_> = authorises.into_iter().chain(webhook).map(SlotId::as_str).collect();
    if let Some(missing) = authorises.filter(|slot| !connection.slots.contains_key(slot.as_str())) {
        let message =
            format!("The connection does not declare the secret slot `{missing}` that authorises its requests.");
        let help = format!("Add its table `slots.{missing}` with the interval at which the secret changes, `rotate`.");
        report.add_with_help(Code::BadValue, &connection.to.span, message, help);
    }
    let mut slots = BTreeMap::new();
    for (id, slot) in &connection.slots {
        if !known.contains(&id.as_str()) {
            report.unknown("secret slot", id, &known);
        }
        let webhook = webhook == Some(&id.value);
        // `no-rotation` keeps a client without one from being released.
        let rotate = slot.rotate.as_ref().map_or(spec::ROTATE_MOST, |rotate| rotate.value);
        slots.insert(id.value.clone(), Slot { rotate, webhook });
    }
    slots
}

pub(super) fn resolve_endpoint(endpoint: &spec::Endpoint) -> Endpoint {
    Endpoint {
        url: endpoint.url.value.clone(),
        tokens: endpoint.tokens.as_ref().map(|url| url.value.clone()),
        region: endpoint.region.value.clone(),
        sandbox: endpoint.sandbox.value,
    }
}

/// Host, port and base path of a URL whose form was checked when it was read: what the client approves of it.
fn base(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_base_is_all_but_the_scheme() {
        assert_eq!(super::base("https://a.example:8443/v1"), "a.example:8443/v1");
        assert_eq!(super::base("https://a.example"), "a.example");
    }
}
