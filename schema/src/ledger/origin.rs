//! Which log: `assent/<project>/<agent>/<client>`, or without the client the agent's own. Logs that an agent began anew after
//! a recovery say so: `assent/<project>/<agent>.2/<client>`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, BadName, ClientId, ProjectName};

/// The name of one log; also the name of the key that signs its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    /// The project.
    pub project: ProjectName,
    /// The agent that writes the log.
    pub agent: AgentId,
    /// Which of the agent's logs of this name: 1, and one more after each recovery.
    pub life: u32,
    /// Whose runs it records; `None` for the agent's own log.
    pub client: Option<ClientId>,
}

/// The first log of an agent; its name does not say so.
const FIRST: u32 = 1;

impl Origin {
    /// The own log of an agent that was never recovered.
    pub fn first(project: ProjectName, agent: AgentId) -> Self {
        Self { project, agent, life: FIRST, client: None }
    }

    /// Whether no log of this name ended before.
    pub fn is_first(&self) -> bool {
        self.life == FIRST
    }

    /// The agent's own log beside this one.
    #[must_use]
    pub fn own(&self) -> Self {
        Self { client: None, ..self.clone() }
    }

    /// The folder and file name that stands for the log: the client's id, or `_agent`.
    pub fn folder(&self) -> &str {
        self.client.as_ref().map_or("_agent", ClientId::as_str)
    }

    /// The name of its export: `<client>.ledger` or `agent.ledger`; of logs that began anew `<client>.2.ledger`.
    pub fn export_name(&self) -> String {
        let name = self.client.as_ref().map_or("agent", ClientId::as_str);
        if self.is_first() { format!("{name}.ledger") } else { format!("{name}.{}.ledger", self.life) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "assent/{}/{}", self.project, self.agent)?;
        if !self.is_first() {
            write!(f, ".{}", self.life)?;
        }
        self.client.as_ref().map_or(Ok(()), |client| write!(f, "/{client}"))
    }
}

impl std::str::FromStr for Origin {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { wanted: "a log's origin: `assent/<project>/<agent>` and perhaps `/<client>`" };
        let mut parts = text.split('/');
        let (Some("assent"), Some(project), Some(agent)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let client = parts.next();
        if parts.next().is_some() {
            return Err(bad());
        }
        let (agent, life) = match agent.split_once('.') {
            None => (agent, FIRST),
            // One spelling: no zeros before, no sign, and the first is not written.
            Some((agent, life)) => {
                let number = life.parse().ok().filter(|number: &u32| *number > FIRST && number.to_string() == life);
                (agent, number.ok_or_else(bad)?)
            }
        };
        let client = client.map(str::parse).transpose()?;
        Ok(Self { project: project.parse()?, agent: agent.parse()?, life, client })
    }
}

impl TryFrom<String> for Origin {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for good in
            ["assent/harbor/eu-1/acme", "assent/harbor/eu-1", "assent/harbor/eu-1.2", "assent/harbor/eu-1.10/acme"]
        {
            assert_eq!(good.parse::<Origin>().map(|o| o.to_string()), Ok(good.to_owned()));
        }
        for bad in ["assent/a/b.1", "assent/a/b.02", "assent/a/b.+2", "assent/a/b.", "assent/a/b.2.2", "assent/a/b/c.2"]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
        for bad in ["", "assent/harbor", "assent/harbor/", "harbor/a/b", "assent/a/b/c/d", "assent/a/b/", "assent/A/b"]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
