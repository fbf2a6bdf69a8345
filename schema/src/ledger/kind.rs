//! What an entry records: every kind with the data that it carries. Facts only, by types that cannot hold more.

mod data;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::id::{BadName, ConnectionId, WorkflowId};
use crate::shape::is_token;

pub use data::*;

/// A short fact: 1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`, the shape of class `reference`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(Box<str>);

impl Token {
    /// Checks a text and takes it as a short fact.
    ///
    /// # Errors
    /// `BadName` when the text has another form.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if is_token(text) {
            Ok(Self(text.into()))
        } else {
            Err(BadName { wanted: "a token: 1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`" })
        }
    }

    /// The fact as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Token {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::new(text)
    }
}

impl TryFrom<String> for Token {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(&text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0.into()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// What happened. The data of each kind is a type of the same name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $variant($variant),)*
            /// A kind that a newer agent writes; read only, never made here.
            Other {
                /// Its name.
                name: String,
                /// Its data.
                data: Map<String, Value>,
            },
        }

        impl Kind {
            /// The names of all kinds that this version writes.
            pub const NAMES: &[&str] = &[$($name,)*];

            /// The kind's name in the body.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Other { name, .. } => name,
                }
            }

            /// Reads the data of a kind strictly. A kind that is not known is kept as it is: the list may grow.
            ///
            /// # Errors
            /// What does not fit, as a sentence fragment.
            pub fn parse(name: &str, data: &Map<String, Value>) -> Result<Self, String> {
                match name {
                    $($name => $variant::deserialize(data).map(Self::$variant).map_err(|e| e.to_string()),)*
                    _ if is_kind_name(name) => Ok(Self::Other { name: name.to_owned(), data: data.clone() }),
                    _ => Err("`kind` is not a name of a kind".to_owned()),
                }
            }
        }

        /// Writes the data alone; the name stands beside it in the body.
        impl Serialize for Kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(data) => data.serialize(serializer),)*
                    Self::Other { data, .. } => data.serialize(serializer),
                }
            }
        }

        $(impl From<$variant> for Kind {
            fn from(data: $variant) -> Self {
                Self::$variant(data)
            }
        })*
    };
}

fn is_kind_name(name: &str) -> bool {
    WorkflowId::new(name).is_ok()
}

kinds! {
    /// The log begins.
    Opened "opened";
    /// The agent came up.
    Started "started";
    /// The agent went down in order.
    Stopped "stopped";
    /// The clock was set.
    Clock "clock";
    /// The hourly sign of life.
    Tick "tick";
    /// A run was accepted; the entry's `run` is its number.
    Accepted "accepted";
    /// A request is about to be sent.
    Intent "intent";
    /// What became of it.
    Outcome "outcome";
    /// How much passed through a connection in one hour.
    Used "used";
    /// A person said yes or no, or nobody did in time.
    Decided "decided";
    /// The run ended.
    Ended "ended";
    /// A release was committed.
    Released "released";
    /// A plan of a workflow came one stage further; the entry's `plan` is the plan.
    Deployed "deployed";
    /// A workflow went back to an older plan, or off.
    RolledBack "rolled-back";
    /// Something was refused.
    Refused "refused";
    /// An approval, rejection or withdrawal was taken up.
    Statement "statement";
    /// A root version was taken up.
    Root "root";
    /// Root resets a client's approvers, and that waits, counts, or was ended by an approver.
    ApproversReset "approvers-reset";
    /// A person saw something.
    Viewed "viewed";
    /// A person stopped something.
    Held "held";
    /// A hold ended.
    Resumed "resumed";
    /// The agent goes on after it stopped for an older store or another instance; its logs began anew.
    Recovered "recovered";
    /// A person handled a run that could not finish, or ended one; the entry's `run` is that run.
    Handled "handled";
    /// An alert went out.
    Alerted "alerted";
    /// A person takes care of an alert that opened no incident.
    Acknowledged "acknowledged";
    /// An incident changed.
    Incident "incident";
    /// A secret was rotated.
    Rotated "rotated";
    /// Bodies are gone because of their age.
    Pruned "pruned";
    /// Bodies are gone because somebody asked.
    Erased "erased";
    /// A person said that nothing of the log may go, for a matter of law.
    LegalHeld "legal-held";
    /// A person said that it may again.
    LegalReleased "legal-released";
}

/// What a hold stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldWhat {
    /// All of the client.
    Client,
    /// One workflow.
    Workflow(WorkflowId),
    /// One connection.
    Connection(ConnectionId),
}
