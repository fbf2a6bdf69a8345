//! What stands of the agent itself: what on-call was told, and what can be measured of it now.

use assent_schema::alert::Rule;
use assent_schema::id::ConnectionId;
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

/// Something that is not well with the agent itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// Its name, `a-7`; that of its incident, `i-7`; absent where it could not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The rule that found it.
    pub rule: Rule,
    /// The cause.
    pub code: String,
    /// The route that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// Since when; absent where nobody remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// The bytes that are left for the state folder, where that is the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// How far the host's clock is from trusted time, where that is the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<Period>,
}
