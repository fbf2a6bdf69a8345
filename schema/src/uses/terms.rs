//! What else of a client's file holds for all of its workflows, as lines that the client signs. Whoever signs a release alone
//! could otherwise send alerts and their secrets elsewhere, move the hour at which sums begin anew, open the office for a
//! minute a week, or take a limit away.
//!
//! # Source
//! trust.md section 4: what a client signs for is a data use, so that the release key cannot widen it; section 7.

use std::collections::{BTreeMap, BTreeSet};

use crate::canon::Digest;
use crate::client::{Auth, Carries, ClientFacts, ConnectionTo, Holders, Route};

/// The lines, each for one fact. What a line is about stands first.
///
/// # Shape
/// Sorted; numbers are in minor units.
pub(super) fn of(client: &ClientFacts) -> BTreeSet<String> {
    let mut lines = BTreeSet::from([
        format!("time zone: {}", client.zone),
        format!("audit log: kept for {}, not less", client.retention),
        format!("plan: {}", client.plan.as_str()),
    ]);
    lines.extend(client.calendar.hours.iter().map(|(day, hours)| format!("open: {} {hours}", weekday(day))));
    lines.extend(client.calendar.holidays.iter().map(|day| format!("closed: {day}")));
    lines.extend(guardrails(client));
    lines.extend(client.chat_up_to.iter().map(|(currency, most)| format!("yes by chat: up to {most} {currency}")));
    lines.extend(client.routes.iter().flat_map(route));
    lines.extend(client.contacts.iter().map(|person| format!("post-mortems: for {person}")));
    lines.extend(client.mail.iter().map(|(person, address)| format!("mail: {person} is {}", address.as_str())));
    lines.extend(client.ledger.iter().flat_map(|(environment, holders)| {
        holders_of(holders).into_iter().map(move |line| format!("audit log in {environment}: {line}"))
    }));
    for (name, connection) in &client.connections {
        lines.extend(auth(&connection.auth).map(|auth| format!("sign-in at {name}: {auth}")));
        if connection.private_addresses {
            lines.insert(format!("private addresses: may be reached at {name}"));
        }
        if let ConnectionTo::Provider { model, .. } = &connection.to {
            lines.insert(format!("AI model at {name}: {model}"));
        }
    }
    lines
}

/// A weekday as `client.toml` has it.
fn weekday(number: &str) -> &str {
    match number {
        "1" => "mon",
        "2" => "tue",
        "3" => "wed",
        "4" => "thu",
        "5" => "fri",
        "6" => "sat",
        "7" => "sun",
        other => other,
    }
}

/// Which limits there are, not how high they are: each has a data use of its own, which says nothing of one that is gone.
fn guardrails(client: &ClientFacts) -> impl Iterator<Item = String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for guardrail in &client.guardrails {
        let of = guardrail.currency.as_deref().unwrap_or("calls");
        let each = guardrail.per_customer.as_ref().map(|limit| format!(", by customer as in `{}`", limit.param));
        let line = format!("limit on {}: of {of}{}", guardrail.operation, each.unwrap_or_default());
        let count = counted.entry(line).or_default();
        *count = count.saturating_add(1);
    }
    counted.into_iter().map(|(line, count)| if count == 1 { line } else { format!("{line}, {count} of them") })
}

fn route(route: &Route) -> Vec<String> {
    let what = match route.carries {
        Carries::Alerts => "alerts",
        Carries::Incidents => "incidents",
        Carries::PostMortems => "post-mortems",
    };
    let (name, via) = (&route.endpoint, route.via.as_str());
    let mail = route.mail.as_ref().map(|mail| {
        let to: Vec<&str> = mail.to.iter().map(crate::id::MailAddress::as_str).collect();
        let to = if to.is_empty() { "the contacts".to_owned() } else { to.join(" and ") };
        format!(", from {} to {to}", mail.from.as_str())
    });
    let mail = mail.unwrap_or_default();
    route.urls.iter().map(|url| format!("{what}: {name}, by {via}, to {url}{mail}")).collect()
}

fn holders_of(holders: &Holders) -> Vec<String> {
    let branch = holders.branch.as_ref().map(|branch| {
        let ca = branch.ca.as_ref().map(|ca| format!("certified by {}", Digest::of_file(ca.as_bytes())));
        let key = branch.host_key.as_ref().map(|key| format!("with the key {key}"));
        let shown = ca.or(key).map(|shown| format!(", {shown}")).unwrap_or_default();
        format!("held at {}, branch {}, region {}{shown}", branch.repository, branch.name, branch.region)
    });
    let witness =
        holders.witnesses.iter().map(|one| format!("cosigned at {}, region {}, by {}", one.url, one.region, one.key));
    branch.into_iter().chain(witness).collect()
}

/// How requests are authorised: the kind, then each member with what it says.
fn auth(auth: &Auth) -> Option<String> {
    let serde_json::Value::Object(members) = serde_json::to_value(auth).ok()? else { return None };
    let kind = members.get("kind").and_then(|kind| kind.as_str()).filter(|kind| *kind != "none")?;
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rest =
        members.iter().filter(|(name, _)| *name != "kind").map(|(name, value)| format!(", {name} {}", text(value)));
    Some(rest.fold(kind.to_owned(), |line, member| line + &member))
}
