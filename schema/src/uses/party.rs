//! Who gives and who gets: the two ends of a data use.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::spelled;
use crate::id::{ConnectionId, GroupId, Name, Region};

/// One end of a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, try_from = "AnyParty")]
pub enum Party {
    /// A connection, with its production host.
    Connection(ConnectionParty),
    /// The agent itself.
    Agent(AgentParty),
    /// A group of people.
    Group(GroupParty),
    /// A folder of the agent's host that another system fills.
    Folder(FolderParty),
}

/// The members of every kind of party: which of them are there tells the kind. Kinds tried one after the other would have a
/// copy made of each, and there are thousands in one approval.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyParty {
    #[serde(default, deserialize_with = "there")]
    connection: Option<ConnectionId>,
    #[serde(default, deserialize_with = "there")]
    host: Option<String>,
    #[serde(default, deserialize_with = "spelled::sorted_there")]
    sandbox_hosts: Option<BTreeSet<String>>,
    #[serde(default, deserialize_with = "there")]
    token_host: Option<String>,
    #[serde(default, deserialize_with = "spelled::sorted_there")]
    sandbox_token_hosts: Option<BTreeSet<String>>,
    #[serde(default, deserialize_with = "there")]
    agent: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    group: Option<GroupId>,
    #[serde(default, deserialize_with = "there")]
    channel: Option<String>,
    #[serde(default, deserialize_with = "there")]
    folder: Option<Name>,
    region: Region,
}

/// A member that is there, and not null.
fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl TryFrom<AnyParty> for Party {
    type Error = &'static str;

    fn try_from(any: AnyParty) -> Result<Self, Self::Error> {
        let AnyParty { connection, host, sandbox_hosts, token_host, sandbox_token_hosts, region, .. } = any;
        let AnyParty { agent, group, channel, folder, .. } = any;
        let more = sandbox_hosts.is_some() || token_host.is_some() || sandbox_token_hosts.is_some();
        match (connection, host, agent, group, channel, folder) {
            (Some(connection), Some(host), None, None, None, None) => Ok(Self::Connection(ConnectionParty {
                connection,
                host,
                region,
                sandbox_hosts: sandbox_hosts.unwrap_or_default(),
                token_host,
                sandbox_token_hosts: sandbox_token_hosts.unwrap_or_default(),
            })),
            (None, None, Some(agent), None, None, None) if !more => Ok(Self::Agent(AgentParty { agent, region })),
            (None, None, None, Some(group), Some(channel), None) if !more => {
                Ok(Self::Group(GroupParty { group, channel, region }))
            }
            (None, None, None, None, None, Some(folder)) if !more => Ok(Self::Folder(FolderParty { folder, region })),
            _ => Err("a party is a connection with its host, the agent, a group with its channel, or a folder"),
        }
    }
}

/// A folder of the agent's host as one end of a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderParty {
    /// Its name below the client's own.
    pub folder: Name,
    /// Where the host is.
    pub region: Region,
}

/// A connection as one end of a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionParty {
    /// Which.
    pub connection: ConnectionId,
    /// Its production host, with its port and the path below which operations are, where they are written.
    pub host: String,
    /// Where that is.
    pub region: Region,
    /// Hosts of sandboxes approved beside it.
    #[serde(default, deserialize_with = "spelled::sorted_some", skip_serializing_if = "BTreeSet::is_empty")]
    pub sandbox_hosts: BTreeSet<String>,
    /// The host at which access tokens are asked for in production, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_host: Option<String>,
    /// Such hosts of sandboxes.
    #[serde(default, deserialize_with = "spelled::sorted_some", skip_serializing_if = "BTreeSet::is_empty")]
    pub sandbox_token_hosts: BTreeSet<String>,
}

/// The agent as one end of a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentParty {
    /// Always true.
    pub agent: bool,
    /// Where it is.
    pub region: Region,
}

/// A group of people as one end of a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupParty {
    /// Which group.
    pub group: GroupId,
    /// `page`, `cli`, or the connection of a chat or helpdesk.
    pub channel: String,
    /// Where that is.
    pub region: Region,
}
