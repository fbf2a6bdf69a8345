//! Which routes an alert goes to.

use assent_schema::alert::Rule;
use assent_schema::client::Carries;
use assent_schema::id::{ClientId, ConnectionId};

use super::super::parcel::Teller;
use super::super::routes::Target;
use crate::store::AlertRow;

/// Whether an alert is about a route itself.
pub(super) fn is_about(row: &AlertRow, route: &ConnectionId) -> bool {
    row.alert.connection.as_ref() == Some(route)
}

/// An alert goes to the routes for alerts, one that opened an incident also to those for incidents. That a route fails goes
/// by the others. Of a client that left the release the agency hears by all of its routes: its runs go on until they end.
pub(super) fn targets<'a>(teller: &Teller<'a>, row: &AlertRow) -> Vec<(&'a ClientId, &'a Target)> {
    let mut targets = match &row.alert.client {
        Some(client) => teller.routes.client(client).map(|(c, r)| r.targets.iter().map(|t| (c, t)).collect()),
        None => None,
    }
    .unwrap_or_else(|| teller.routes.all());
    targets.retain(|(client, target)| {
        let carries = match target.carries {
            Carries::Alerts => true,
            Carries::Incidents => row.alert.incident,
            Carries::PostMortems => false,
        };
        let itself = row.alert.rule == Rule::RouteFails && is_about(row, &target.name);
        // Nobody else's contacts.
        let is_theirs = row.alert.client.as_ref() == Some(*client);
        carries && !itself && target.reaches(is_theirs)
    });
    // One place may stand in two routes; it is told once.
    let mut seen: Vec<&Target> = Vec::new();
    targets.retain(|(_, target)| {
        let new = seen.iter().all(|known| !known.is_same_place(target));
        seen.push(target);
        new
    });
    targets
}
