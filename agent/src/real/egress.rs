//! The list of hosts that may be reached, made from `endpoints.json` of the releases in force. Pure.
//!
//! # Source
//! promises.md P05: egress only to listed hosts.

use std::collections::BTreeSet;

use assent_schema::id::{ClientId, ConnectionId};

use crate::world::HttpRequest;

/// Hosts by client and connection. What is not listed is not reached.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Egress(BTreeSet<(ClientId, ConnectionId, String, u16)>);

impl Egress {
    /// Lists a host and port for one connection of one client.
    pub fn allow(&mut self, client: &ClientId, connection: &ConnectionId, host: &str, port: u16) {
        self.0.insert((client.clone(), connection.clone(), host.to_owned(), port));
    }

    /// Whether a request goes to a listed host.
    pub fn allows(&self, request: &HttpRequest) -> bool {
        self.leads_to(&request.client, &request.operation.connection, &request.host, request.port)
    }

    /// Whether a connection or route of a client leads to this host and port.
    pub fn leads_to(&self, client: &ClientId, connection: &ConnectionId, host: &str, port: u16) -> bool {
        self.0.contains(&(client.clone(), connection.clone(), host.to_owned(), port))
    }
}
