//! One mail to a server, and how that fails.

use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, MailAddress};

use super::net::NetFailure;
use crate::content::Content;

/// One mail, fully built by `watch`. Whoever holds it may only hand it over.
#[derive(Clone)]
pub struct Mail {
    /// On whose behalf.
    pub client: ClientId,
    /// By which alert route.
    pub route: ConnectionId,
    /// Whether TLS begins with the first byte; else by STARTTLS, which only a server on loopback need not know.
    pub tls: bool,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `user:password`, for servers that ask who hands mail over.
    pub credential: Option<Content<Vec<u8>>>,
    /// Who writes.
    pub from: Option<MailAddress>,
    /// To whom; at least one.
    pub to: Vec<MailAddress>,
    /// Whether it is for all of them or for nobody.
    pub for_all: bool,
    /// Headers and body, every line ended by CR and LF.
    pub message: Content<Vec<u8>>,
    /// The longest time from connecting to the server's word that it took it.
    pub timeout: Duration,
}

/// Why a mail was not taken. A closed list: what servers say is content and stays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFailure {
    /// The server could not be reached, or what it says is no SMTP.
    Net(NetFailure),
    /// TLS does not begin, and without it nothing is said.
    NoTls,
    /// The server does not let us in with what the vault holds.
    NotLetIn,
    /// The server wants none of it.
    Refused,
    /// The server wants it later.
    Later,
}

impl MailFailure {
    /// Its code in logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Net(failure) => failure.code(),
            Self::NoTls => "mail_no_tls",
            Self::NotLetIn => "mail_not_let_in",
            Self::Refused => "mail_refused",
            Self::Later => "mail_later",
        }
    }
}

impl From<NetFailure> for MailFailure {
    fn from(failure: NetFailure) -> Self {
        Self::Net(failure)
    }
}
