//! What is asked over the socket, and how long its answer may take.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, PersonId, SlotId, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

use super::alerts::AlertQuestion;
use super::handling::{Chosen, Mode, Verb};
use super::incidents::IncidentQuestion;
use super::ledger::LedgerQuestion;
use crate::people::wire::{Introduction, SignedCommand};
use crate::store::RunRef;

/// What is written to the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Said {
    /// A question that anybody may ask who can open the socket.
    Question(Question),
    /// Somebody wants to show who they are.
    Introduction(Introduction),
    /// A question that somebody signed.
    Command(SignedCommand),
}

impl Said {
    /// The longest time that its answer may take.
    pub fn answer_time(&self) -> Duration {
        match self {
            Self::Question(question) => question.answer_time(),
            Self::Introduction(_) => SHORT,
            Self::Command(signed) => {
                serde_json::from_str(&signed.question).map_or(SHORT, |question: Question| question.answer_time())
            }
        }
    }
}

/// What a command wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// How the agent and its workflows stand.
    Status,
    /// What stands of the agent itself.
    Standing,
    /// The statements that clients handed over and that its release does not hold.
    Statements,
    /// Runs, newest first.
    Runs {
        /// Of this client only.
        client: Option<ClientId>,
        /// At most so many.
        most: usize,
    },
    /// One run with its journal.
    Run {
        /// Which.
        run: RunRef,
    },
    /// What a run read is read again, live, and shown.
    Reread {
        /// Which.
        run: RunRef,
        /// The reason, as a code or ticket id.
        why: Token,
    },
    /// The manual queue.
    Queue,
    /// Runs that ended are gone on with, runs under way are ended, work of the manual queue is done or handed on.
    Handle {
        /// What is done with them.
        verb: Verb,
        /// Which.
        chosen: Chosen,
        /// The reason, as a code or ticket id.
        why: Token,
        /// Whether it is done or only told to which runs it would be.
        #[serde(rename = "really")]
        mode: Mode,
    },
    /// Plans go back to the ones before.
    RollBack {
        /// Of which workflow; of all when absent.
        place: Option<(ClientId, WorkflowId)>,
    },
    /// Something is stopped for a while: its triggers are kept, its runs wait.
    Hold {
        /// What.
        at: HoldAt,
        /// The reason, as a code or ticket id.
        why: Token,
        /// For how long, at most.
        lasts: Period,
    },
    /// What was stopped goes on.
    Resume {
        /// What.
        at: HoldAt,
    },
    /// On-call lets an agent go on that stopped for an older store or another instance.
    Recover {
        /// Canonical JSON of `schema::status::Recover`, as it was signed.
        statement: String,
        /// The armoured SSHSIGs over it under `recover@assent`.
        signatures: BTreeMap<PersonId, String>,
    },
    /// The repository is looked at now.
    Pull,
    /// Something about the ledger.
    Ledger(LedgerQuestion),
    /// The entries of one person's runs are made unreadable.
    Erase {
        /// Whose ledger.
        client: ClientId,
        /// What the person is known by in the client's systems: a value of class `reference`.
        reference: String,
        /// The id of the request.
        request: Token,
    },
    /// Nothing of a ledger may go.
    LegalHold {
        /// Whose; the agent's own when absent.
        client: Option<ClientId>,
        /// The matter, as a code or ticket id.
        why: Token,
    },
    /// It may again.
    LegalRelease {
        /// Whose; the agent's own when absent.
        client: Option<ClientId>,
    },
    /// The vault was changed: it is opened again.
    OpenVault,
    /// What a secret of a slot looks like.
    Form {
        /// The slot, as the vault names it.
        slot: String,
    },
    /// Whether the person may have a new secret of a slot tested; asked before one is put there.
    MayRotate {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// The secret that a person put beside the one that counts is tested and takes its place.
    Rotate {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// The secret that counts in a slot ends by itself.
    SecretEnds {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
        /// When; absent where it does not, whatever was said before.
        at: Option<Moment>,
    },
    /// What a connection is, to ask somebody for consent.
    Connection {
        /// Whose.
        client: ClientId,
        /// Which.
        connection: ConnectionId,
    },
    /// Something about incidents.
    Incidents(IncidentQuestion),
    /// Something about alerts that are no incidents.
    Alerts(AlertQuestion),
}

impl Question {
    /// Whether an agent answers it that has stopped: nothing begins with it, and somebody's clock runs.
    pub fn starts_nothing(&self) -> bool {
        matches!(self, Self::Incidents(IncidentQuestion::Acknowledge { .. }))
    }
}

/// The longest time for an answer that reads little.
const SHORT: Duration = Duration::from_secs(30);
/// The longest time for one for which others are asked.
const ASKING: Duration = Duration::from_mins(10);
/// The longest time for one that reads a whole ledger.
const LONG: Duration = Duration::from_hours(1);

impl Question {
    /// The longest time that its answer may take.
    pub fn answer_time(&self) -> Duration {
        match self {
            Self::Ledger(_) | Self::Erase { .. } | Self::LegalHold { .. } | Self::LegalRelease { .. } => LONG,
            // APIs and receivers are asked, one after the other.
            Self::Reread { .. } | Self::Handle { .. } | Self::Rotate { .. } | Self::Incidents(_) => ASKING,
            Self::Status
            | Self::Runs { .. }
            | Self::Run { .. }
            | Self::Queue
            | Self::Standing
            | Self::Statements
            | Self::RollBack { .. }
            | Self::Hold { .. }
            | Self::Resume { .. }
            | Self::Recover { .. }
            | Self::Pull
            | Self::OpenVault
            | Self::Form { .. }
            | Self::MayRotate { .. }
            | Self::SecretEnds { .. }
            | Self::Connection { .. }
            | Self::Alerts(_) => SHORT,
        }
    }
}

/// What a hold is about: a client, and what of it.
pub type HoldAt = (ClientId, HeldWhat);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Log;

    #[test]
    fn whole_ledgers_may_take_longer_than_other_answers() {
        let ledger = Question::Ledger(LedgerQuestion::Export { log: Log::Agent });
        assert_eq!((Question::Status.answer_time(), ledger.answer_time()), (SHORT, LONG));
    }
}
