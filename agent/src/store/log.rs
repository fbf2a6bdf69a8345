//! Whose ledger: the logs of an agent and their names.

use std::fmt;

use assent_schema::id::ClientId;
use serde::{Deserialize, Serialize};

/// Whose ledger. In files and questions it is its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Log {
    /// The agent's own.
    Agent,
    /// A client's.
    Client(ClientId),
    /// One that ended with a recovery: it can be read, and nothing is added to it.
    Ended(EndedLog),
}

/// Which log ended: whose it was, and which of the agent's lives wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndedLog {
    name: String,
    client: Option<ClientId>,
    life: u32,
}

impl EndedLog {
    /// The life that wrote it, as its origin says it.
    pub fn life(&self) -> u32 {
        self.life
    }
}

impl Log {
    /// The name of the log in tables and files: the client's id, `_agent` for the agent's own. Of one that ended, also a dot
    /// and the life that wrote it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Agent => "_agent",
            Self::Client(client) => client.as_str(),
            Self::Ended(ended) => &ended.name,
        }
    }

    /// The log of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.split_once('.') {
            Some((name, life)) => {
                let number = life.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == life)?;
                Some(Self::from_name(name)?.ended(number))
            }
            None if name == "_agent" => Some(Self::Agent),
            None => ClientId::new(name).ok().map(Self::Client),
        }
    }

    /// Whose it is; nothing for the agent's own.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Agent => None,
            Self::Client(client) => Some(client),
            Self::Ended(ended) => ended.client.as_ref(),
        }
    }

    /// This log as the agent wrote it in a life that ended.
    #[must_use]
    pub fn ended(&self, life: u32) -> Self {
        let written = self.written();
        Self::Ended(EndedLog { name: format!("{}.{life}", written.as_str()), client: self.client().cloned(), life })
    }

    /// The log that is written now of those that have its name.
    #[must_use]
    pub fn written(&self) -> Self {
        self.client().map_or(Self::Agent, |client| Self::Client(client.clone()))
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Log> for String {
    fn from(log: Log) -> Self {
        log.as_str().to_owned()
    }
}

impl TryFrom<String> for Log {
    type Error = NotALog;

    fn try_from(name: String) -> Result<Self, NotALog> {
        Self::from_name(&name).ok_or(NotALog)
    }
}

/// A text that no log can have as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotALog;

impl fmt::Display for NotALog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a log")
    }
}

impl std::error::Error for NotALog {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_its_name_in_questions_and_answers() {
        for name in ["_agent", "acme", "_agent.1", "acme.12"] {
            let log: Log = serde_json::from_value(name.into()).unwrap();
            assert_eq!((log.as_str(), serde_json::to_value(&log).unwrap()), (name, name.into()));
        }
        for bad in ["", "Acme", "acme.0", "acme.01", "acme.", "../acme", "_other"] {
            assert!(serde_json::from_value::<Log>(bad.into()).is_err(), "{bad}");
        }
    }
}
