//! Lowered scenarios: what a test file says, with names resolved. Stored as `tests/<sha256>.json` in a release.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::choice::Choice;
use crate::id::{ClientId, ConnectionId, Name, OperationRef, PersonId, WorkflowId};
use crate::plan::{Ending, NoSuchEnding};
use crate::shape::is_false;
use crate::time::{Moment, Period};

/// All scenarios of one workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// Always `tests`.
    #[serde(rename = "type")]
    pub kind: TestsType,
    /// The number of this format.
    pub schema: u32,
    /// Whose workflow it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The scenarios in the order of the file; at least one.
    pub scenarios: Vec<Scenario>,
}

crate::only!(TestsType::Tests);

/// One story: what comes in, what the world answers, what must then have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, unique in the file.
    pub name: String,
    /// When the event comes in.
    pub at: Moment,
    /// The event's body as JSON text, as the connection would send it; for `manual` an object of its fields. Absent for
    /// `schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Further events of the trigger, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Further>,
    /// What connections answer. For each request the first unused reply of its operation is taken; the last one of an
    /// operation is used again and again.
    pub replies: Vec<Reply>,
    /// What people decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
    /// Events that come while the run is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Later>,
    /// What must have happened in the end.
    pub expect: Expect,
}

/// An event of the trigger that comes in later. What is expected is expected of the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Further {
    /// How long after the first.
    pub after: Period,
    /// Its body, as that of the first.
    pub event: String,
}

/// What a connection answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// To which operation; `connection.ask` for an AI provider.
    pub to: OperationRef,
    /// The HTTP status.
    pub status: u16,
    /// The body as it comes, JSON nearly always. For an AI provider, the answer's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What goes wrong instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How long the reply takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Period>,
    /// The `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Period>,
    /// Further headers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The connection is never made.
    Unreachable,
    /// The request is sent and never answered; whether it ran is not known.
    Timeout,
    /// The request runs and the reply is lost.
    Lost,
    /// An AI provider refuses to answer.
    Refused,
}

/// What a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The step that asks.
    pub step: Name,
    /// Who; absent for any member of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// What; absent when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// How long it takes.
    pub after: Period,
    /// What the person wrote instead, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, String>,
}

/// An event that comes while the run is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// How long after the run began.
    pub after: Period,
    /// Whose event.
    pub connection: ConnectionId,
    /// Its body as JSON text.
    pub event: String,
}

/// What must have happened in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How the run ended, or that none began.
    pub outcome: Expected,
    /// The name that a `stop` gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Name>,
    /// The effects that were done, in order; none when absent and `effects_checked` is true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ExpectedCall>,
    /// Whether `calls` is the whole list of effects that were done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only: bool,
    /// KPIs that were counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kpis: BTreeMap<Name, i64>,
    /// Whether an item stands in the manual queue; not checked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<bool>,
}

/// How a run must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// So.
    Ends(Ending),
    /// None began.
    Refused,
}

impl Expected {
    /// All words, in the order in which people are told of them.
    pub const WORDS: [&str; 6] = [
        Ending::Done.as_str(),
        Ending::Stopped.as_str(),
        Ending::Failed.as_str(),
        Ending::ContentLost.as_str(),
        Ending::Superseded.as_str(),
        Self::Refused.as_str(),
    ];

    /// The word in test files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ends(ending) => ending.as_str(),
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Expected {
    type Err = NoSuchEnding;

    fn from_str(word: &str) -> Result<Self, NoSuchEnding> {
        if word == Self::Refused.as_str() { Ok(Self::Refused) } else { word.parse().map(Self::Ends) }
    }
}

impl Serialize for Expected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        word.parse().map_err(|NoSuchEnding| de::Error::unknown_variant(&word, &Self::WORDS))
    }
}

/// A request that must have been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCall {
    /// To which operation.
    pub operation: OperationRef,
    /// Parameters that it must have had, as JSON text; others are not checked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<Name, String>,
    /// How often; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_expected_to_end_as_runs_end_or_not_to_begin() {
        let all: Vec<Expected> = Ending::ALL.into_iter().map(Expected::Ends).chain([Expected::Refused]).collect();
        assert_eq!(all.iter().map(|expected| expected.as_str()).collect::<Vec<_>>(), Expected::WORDS);
        for expected in all {
            assert_eq!(serde_json::to_value(expected).unwrap(), expected.as_str());
            assert_eq!(serde_json::from_value::<Expected>(expected.as_str().into()).unwrap(), expected);
        }
        assert!(serde_json::from_str::<Expected>("\"late\"").is_err());
    }
}
