//! One small HTTP exchange with an agent on this machine or at the near end of a tunnel.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::error::Error;

/// The longest time for one exchange.
const EXCHANGE_MOST: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const ANSWER_MOST_BYTES: u64 = 4 << 20;

/// Where an agent listens.
pub(super) struct Authority(String);

/// What an agent answered.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
}

impl Authority {
    /// Reads `http://host:port`.
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let plain = |a: &&str| !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let authority =
            authority.filter(plain).ok_or_else(|| Error::input(format!("{url} is not http://host:port")))?;
        Ok(Self(authority.to_owned()))
    }

    /// Posts JSON. HTTP/1.0, so that the answer ends where the connection does.
    pub(super) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Error> {
        let tried = |e| Error::io(format!("talk to the agent at {}", self.0), e);
        let mut addresses = self.0.to_socket_addrs().map_err(tried)?;
        let address = addresses.next().ok_or_else(|| Error::input(format!("{} has no address", self.0)))?;
        let mut stream = TcpStream::connect_timeout(&address, EXCHANGE_MOST).map_err(tried)?;
        stream.set_read_timeout(Some(EXCHANGE_MOST)).map_err(tried)?;
        stream.set_write_timeout(Some(EXCHANGE_MOST)).map_err(tried)?;
        let mut head = format!("POST {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n", self.0);
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap_or_default();
        }
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).map_err(tried)?;
        let mut answer = String::new();
        stream.take(ANSWER_MOST_BYTES).read_to_string(&mut answer).map_err(tried)?;
        let (head, body) =
            answer.split_once("\r\n\r\n").ok_or_else(|| Error::input("the agent's answer is no HTTP"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::input("the agent's answer is no HTTP"))?;
        Ok(Answer { status, body: body.to_owned() })
    }
}

impl Answer {
    /// The body of a success.
    pub(super) fn success(self) -> Result<String, Error> {
        match self.status {
            200..=299 => Ok(self.body),
            _ => Err(Error::input(self.said())),
        }
    }

    /// The agent's words, where nobody has better ones.
    pub(super) fn said(&self) -> String {
        format!("the agent says {}: {}", self.status, self.code())
    }

    /// The code in a refusal.
    pub(super) fn code(&self) -> String {
        self.member("code").unwrap_or_else(|| "no reason given".to_owned())
    }

    /// A text in the answer.
    pub(super) fn member(&self, name: &str) -> Option<String> {
        let value: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(value.get(name)?.as_str()?.to_owned())
    }
}
