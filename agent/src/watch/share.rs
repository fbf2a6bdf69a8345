//! Post-mortems leave for the clients' contacts, by routes in the client's own region alone. Nothing of them is kept.
//!
//! # Source
//! engine.md section 7. Promise P22.

use std::collections::BTreeSet;

use assent_schema::canon::{self, Digest};
use assent_schema::client::Carries;
use assent_schema::id::{AgentId, ClientId, ConnectionId, PersonId};
use assent_schema::time::Moment;
use serde::Serialize;

use super::routes::{ClientRoutes, Routes, Target};
use super::webhook::request;
use crate::incident::Case;
use crate::store::Severity;
use crate::world::{Net as _, World};

/// Why a post-mortem did not reach everybody. Sending it again is harmless: it has the same `dedup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShared {
    /// No route of the client in its region carries post-mortems.
    NoRoute(ClientId),
    /// A route did not take it.
    Failed(ClientId, ConnectionId),
    /// There is no client whose contacts could be told.
    Nobody,
}

/// The JSON that a route receives.
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
/// The names of the routes that took it. All clients' routes are known before the first byte leaves.
///
/// # Errors
/// [`NotShared`].
pub async fn share<W: World>(
    world: &W,
    routes: &Routes,
    agent: &AgentId,
    case: &Case,
    text: &str,
) -> Result<Vec<ConnectionId>, NotShared> {
    let concerned = |(client, _): &(&ClientId, &ClientRoutes)| {
        case.row.alert.client.as_ref().is_none_or(|concerned| concerned == *client)
    };
    let mut all: Vec<(&ClientId, &ClientRoutes, Vec<&Target>)> = Vec::new();
    for (client, routes) in routes.clients().filter(concerned) {
        let takes = |target: &&Target| target.near && target.carries == Carries::PostMortems;
        let targets: Vec<&Target> = routes.targets.iter().filter(takes).collect();
        if targets.is_empty() {
            return Err(NotShared::NoRoute(client.clone()));
        }
        all.push((client, routes, targets));
    }
    if all.is_empty() {
        return Err(case.row.alert.client.clone().map_or(NotShared::Nobody, NotShared::NoRoute));
    }
    let mut took = Vec::new();
    for (client, routes, targets) in all {
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
            let failed = || NotShared::Failed(client.clone(), target.name.clone());
            let body = canon::to_bytes(&message).or(Err(failed()))?;
            let request = request(client, target, body).ok_or_else(failed)?;
            let answer = world.net().exchange(request).await.or(Err(failed()))?;
            if !(200..300).contains(&answer.status) {
                return Err(failed());
            }
            took.push(target.name.clone());
        }
    }
    Ok(took)
}
