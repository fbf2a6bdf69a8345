//! Post-mortems leave for the clients' contacts, by routes in the client's own region alone. Nothing of them is kept.
//!
//! # Source
//! engine.md section 7. Promise P22.

use std::collections::BTreeSet;

use assent_schema::canon::{self, Digest};
use assent_schema::client::{Carries, RouteKind};
use assent_schema::id::{AgentId, ClientId, ConnectionId, PersonId};
use assent_schema::time::Moment;
use serde::Serialize;

use super::parcel::{NotTaken, Parcel, Teller, mailed, posted, send};
use super::routes::{ClientRoutes, Target};
use super::tell::{Letter, slack_texts};
use crate::incident::Case;
use crate::store::Severity;
use crate::world::{Clock as _, World};

/// Why a post-mortem did not reach everybody. Sending it again is harmless: it has the same `dedup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShared {
    /// No route of the client in its region carries post-mortems.
    NoRoute(ClientId),
    /// A route is to carry it by mail, and not every contact has an address.
    NoAddress(ClientId, ConnectionId),
    /// Some routes did not take it.
    Failed {
        /// Those, in their order.
        failed: Vec<NotGone>,
        /// Those that did.
        took: Vec<ConnectionId>,
    },
    /// There is no client whose contacts could be told.
    Nobody,
}

/// A route that did not take a post-mortem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGone {
    /// Whose contacts it reaches.
    pub client: ClientId,
    /// Which.
    pub route: ConnectionId,
    /// Why, from the codes of alerts that are not taken.
    pub code: String,
}

/// The JSON that a webhook receives.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: u32,
    dedup: Digest,
    agent: &'a AgentId,
    client: &'a ClientId,
    incident: String,
    severity: Severity,
    began: Moment,
    contacts: &'a BTreeSet<PersonId>,
    /// Markdown.
    text: &'a str,
}

/// Sends a post-mortem to the contacts of the incident's client; of every client, when it is about the agent itself.
///
/// # Shape
/// The names of the routes that took it. All clients' routes are known before the first byte leaves, and all are tried: one that
/// fails keeps no other contact waiting.
///
/// # Errors
/// [`NotShared`].
pub async fn share<W: World>(
    world: &W,
    teller: &Teller<'_>,
    case: &Case,
    text: &str,
) -> Result<Vec<ConnectionId>, NotShared> {
    let concerned = |(client, _): &(&ClientId, &ClientRoutes)| {
        case.row.alert.client.as_ref().is_none_or(|concerned| concerned == *client)
    };
    let mut all: Vec<(&ClientId, &ClientRoutes, Vec<&Target>)> = Vec::new();
    for (client, routes) in teller.routes.clients().filter(concerned) {
        let takes = |target: &&Target| {
            target.near && target.carries == Carries::PostMortems && target.via.takes(target.carries)
        };
        let targets: Vec<&Target> = routes.targets.iter().filter(takes).collect();
        if let Some(target) = targets.iter().find(|target| reaches_nobody(target)) {
            return Err(NotShared::NoAddress(client.clone(), target.name.clone()));
        }
        if targets.is_empty() {
            return Err(NotShared::NoRoute(client.clone()));
        }
        all.push((client, routes, targets));
    }
    if all.is_empty() {
        return Err(case.row.alert.client.clone().map_or(NotShared::Nobody, NotShared::NoRoute));
    }
    let (mut took, mut failed) = (Vec::new(), Vec::new());
    for (client, routes, targets) in all {
        let agent = teller.agent;
        let tagged = format!("{agent}\n{client}\n{}\n{text}", case.id());
        let message = Message {
            kind: "post-mortem",
            schema: 1,
            dedup: Digest::tagged("assent-post-mortem/v1", tagged.as_bytes()),
            agent,
            client,
            incident: case.id(),
            severity: case.severity(),
            began: case.opened(),
            contacts: &routes.contacts,
            text,
        };
        for target in targets {
            match hand(world, teller, target, &message).await {
                Ok(()) => took.push(target.name.clone()),
                Err(NotTaken { code, .. }) => {
                    failed.push(NotGone { client: client.clone(), route: target.name.clone(), code });
                }
            }
        }
    }
    if failed.is_empty() { Ok(took) } else { Err(NotShared::Failed { failed, took }) }
}

/// Hands it to one route.
async fn hand<W: World>(
    world: &W,
    teller: &Teller<'_>,
    target: &Target,
    message: &Message<'_>,
) -> Result<(), NotTaken> {
    for parcel in parcels(teller, target, message, world.clock().now().moment()).await? {
        send(world, parcel).await?;
    }
    Ok(())
}

/// Whether a route promises what it cannot do: nobody learns that it told nobody.
fn reaches_nobody(target: &Target) -> bool {
    target.mail.as_ref().is_some_and(|mail| mail.explained().is_empty())
}

/// What one route is sent: one message, or for Slack, whose messages are short, as many as it needs. Never none: a route that
/// is sent nothing did not take it.
async fn parcels(
    teller: &Teller<'_>,
    target: &Target,
    message: &Message<'_>,
    at: Moment,
) -> Result<Vec<Parcel>, NotTaken> {
    let secret = || (teller.secrets)(&target.name);
    let title = format!("Post-mortem of {} ({})", message.incident, message.client);
    match target.via {
        RouteKind::Slack => {
            let mut parcels = Vec::new();
            for body in texts(slack_texts(&title, message.text))? {
                parcels.push(posted(message.client, target, secret().await, "", body)?);
            }
            Ok(parcels)
        }
        RouteKind::Smtp => {
            let mail = target.mail.as_ref().ok_or_else(|| not_taken("bad_route"))?;
            let to = mail.explained();
            let (thread, text) = (message.dedup, message.text);
            let letter = Letter { from: &mail.from, to: &to, subject: &title, thread, part: None, at, text };
            let bytes = letter.bytes();
            Ok(vec![mailed(message.client, target, secret().await, to, bytes)])
        }
        RouteKind::Webhook => {
            let body = body(message)?;
            posted(message.client, target, secret().await, "", body).map(|parcel| vec![parcel])
        }
        // They carry no post-mortems, and are not asked to.
        RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook | RouteKind::Pagerduty => Err(not_taken("bad_route")),
    }
}

/// The messages of a text, of which there is at least one.
fn texts(bodies: Option<Vec<Vec<u8>>>) -> Result<Vec<Vec<u8>>, NotTaken> {
    bodies.filter(|bodies| !bodies.is_empty()).ok_or_else(|| not_taken("malformed"))
}

/// A message as JSON. An empty body would look to its receiver like a message that says nothing.
fn body<T: Serialize + ?Sized>(message: &T) -> Result<Vec<u8>, NotTaken> {
    canon::to_bytes(message).or(Err(not_taken("malformed")))
}

fn not_taken(code: &str) -> NotTaken {
    NotTaken { code: code.to_owned(), after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::routes::Addresses;

    #[test]
    fn what_cannot_be_written_is_not_sent_as_nothing() {
        assert_eq!(body("a message"), Ok(br#""a message""#.to_vec()));
        assert_eq!(body(&0.5), Err(not_taken("malformed")), "it has no canonical form");
    }

    #[test]
    fn a_route_whose_contacts_have_no_address_is_not_passed_over() {
        let mail = |contacts: &[&str], all_contacts| Target {
            name: "mail".parse().unwrap(),
            carries: Carries::PostMortems,
            via: RouteKind::Smtp,
            base: crate::request::url::Base::parse("https://mail.harbor.example").unwrap(),
            mail: Some(Addresses {
                from: "alerts@harbor.example".parse().unwrap(),
                to: BTreeSet::from(["ops@harbor.example".parse().unwrap()]),
                contacts: contacts.iter().map(|one| one.parse().unwrap()).collect(),
                all_contacts,
            }),
            near: true,
        };
        assert!(reaches_nobody(&mail(&[], true)) && reaches_nobody(&mail(&["dana@acme.example"], false)));
        assert!(!reaches_nobody(&mail(&["dana@acme.example"], true)));
        assert!(!reaches_nobody(&Target { mail: None, ..mail(&[], true) }));
    }

    #[test]
    fn no_message_at_all_is_not_taken_for_a_message_that_was_taken() {
        assert_eq!(texts(Some(vec![vec![b'x']])), Ok(vec![vec![b'x']]));
        assert_eq!(texts(None), Err(not_taken("malformed")));
        assert_eq!(texts(slack_texts("title", "")), Err(not_taken("malformed")));
    }
}
