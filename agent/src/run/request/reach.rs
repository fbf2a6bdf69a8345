//! Where a connection leads now, and why it leads nowhere.

use assent_schema::client::{ConnectionFacts, Endpoint};

/// Where requests of a connection go.
pub struct Reach<'f> {
    /// What the client's facts say of the connection.
    pub connection: &'f ConnectionFacts,
    /// Where it leads in this environment.
    pub endpoint: Endpoint,
}

/// What the release lacks that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// It has no such client.
    Client,
    /// The client has no such connection.
    Connection,
    /// The connection has no endpoint here.
    Endpoint,
    /// The plan has no such operation.
    Operation,
}

impl Unreachable {
    /// The code by which a request fails for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Client => "no_client",
            Self::Connection => "no_connection",
            Self::Endpoint => "no_endpoint",
            Self::Operation => "no_operation",
        }
    }
}
