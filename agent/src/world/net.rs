//! HTTP requests, their answers, and how they fail.

use std::fmt;
use std::time::Duration;

use assent_schema::id::{ClientId, OperationRef};
use assent_schema::plan::Method;

use super::clock::Wall;
use super::mail::{Mail, MailFailure};
use crate::content::Content;

/// One HTTP request, fully built by `request`. Whoever holds it may only send it.
#[derive(Clone)]
pub struct HttpRequest {
    /// On whose behalf.
    pub client: ClientId,
    /// Which operation this is; `connection.ask` for an AI provider. Never sent.
    pub operation: OperationRef,
    /// The method.
    pub method: Method,
    /// Whether TLS is used; without it only private addresses are reached.
    pub tls: bool,
    /// The host's name or address, from the endpoint alone.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, encoded; begins with `/`.
    pub target: Content<String>,
    /// Headers besides `host` and `content-length`, names in lower case, values without CR, LF and NUL.
    pub headers: Vec<(String, Content<Vec<u8>>)>,
    /// The body; empty for none.
    pub body: Content<Vec<u8>>,
    /// The longest time from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer, in bytes, inflated.
    pub most_bytes: u64,
    /// Whether loopback, link-local and private addresses may be reached.
    pub private_addresses: bool,
}

/// One HTTP response.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Content<Vec<u8>>)>,
    /// The body.
    pub body: Content<Vec<u8>>,
}

impl HttpResponse {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.reveal().as_slice())
    }

    /// With the moment at which it came as its `Date`, where it has none: what it says of times is compared with that.
    ///
    /// # Source
    /// RFC 9110 section 6.6.1.
    #[must_use]
    pub fn came(mut self, at: Wall) -> Self {
        if self.header("date").is_none() {
            let date = at.moment().timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            self.headers.push(("date".to_owned(), Content::new(date.into_bytes())));
        }
        self
    }
}

/// Why there is no response. A closed list: texts of libraries and hosts are content and stay out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetFailure {
    /// No connection was made: name, address, route, TLS.
    NeverConnected,
    /// The address is loopback, link-local or private, or the host is not on the list.
    AddressRefused,
    /// The connection was made and no complete answer came.
    SentNoReply,
    /// The time was over after the first byte may have left.
    TimedOut,
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer leads elsewhere, or out of HTTP.
    Redirected,
    /// The answer is compressed, which nobody asked for.
    Compressed,
    /// The answer is no HTTP.
    Malformed,
}

impl NetFailure {
    /// Whether the other side may have received anything. When false, surely nothing ran.
    pub fn may_have_run(self) -> bool {
        match self {
            Self::NeverConnected | Self::AddressRefused => false,
            Self::SentNoReply
            | Self::TimedOut
            | Self::TooLarge
            | Self::Redirected
            | Self::Compressed
            | Self::Malformed => true,
        }
    }

    /// Its code in journal, ledger and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::NeverConnected => "never_connected",
            Self::AddressRefused => "address_refused",
            Self::SentNoReply => "no_reply",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Redirected => "redirected",
            Self::Compressed => "compressed",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for NetFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Sends requests. No redirects, no proxies, no retries.
pub trait Net: Send + Sync {
    /// One exchange: connects, sends, and reads the whole answer within the request's limits.
    ///
    /// # Errors
    /// [`NetFailure`], which tells whether anything may have run.
    fn exchange(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, NetFailure>> + Send;

    /// Hands one mail to a server. A world without mail reaches none.
    ///
    /// # Errors
    /// [`MailFailure`]. After `Ok` the server answers for it.
    fn mail(&self, _mail: Mail) -> impl Future<Output = Result<(), MailFailure>> + Send {
        std::future::ready(Err(MailFailure::Net(NetFailure::AddressRefused)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_those_that_clients_are_told_of() {
        use NetFailure::{
            AddressRefused, Compressed, Malformed, NeverConnected, Redirected, SentNoReply, TimedOut, TooLarge,
        };
        let all = [AddressRefused, Compressed, Malformed, NeverConnected, SentNoReply, Redirected, TimedOut, TooLarge];
        let told = assent_schema::plan::unanswered().map(|(code, _, may_have_run)| (code, may_have_run));
        assert!(told.eq(all.map(|failure| (failure.code(), failure.may_have_run()))));
    }
}
