//! What one transaction does: facts in. Pure data; the stores apply it.

use assent_schema::canon::Digest;
use assent_schema::id::{Name, PersonId};

use crate::store::alert::Alert;
use crate::store::fact::{Entry, FactText, StepAt, Waiting};
use crate::store::log::Log;
use crate::store::queue::QueueItem;
use crate::store::run_id::RunId;
use crate::world::Wall;

/// All or nothing: conditions first, then everything else, one fsync shared with whoever commits at the same time.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// When; the time of journal rows and ledger entries.
    pub at: Wall,
    /// What happens, in order.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// An empty transaction.
    pub fn new(at: Wall) -> Self {
        Self { at, writes: Vec::new() }
    }

    /// Adds one write.
    #[must_use]
    pub fn with(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }
}

/// One change. The first four can refuse the whole transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// An event is accepted once: refused as [`Refusal::Duplicate`] when the key is known.
    Deliver {
        /// A keyed hash of the delivery id or of the authenticated bytes.
        key: [u8; 16],
        /// The run that it began.
        run: RunId,
    },
    /// Adds to a named sum: refused as [`Refusal::Over`] when the sum would exceed `most`.
    Count {
        /// The sum's name: references only, parts joined by `/`.
        name: String,
        /// What is added.
        add: i64,
        /// The limit.
        most: Option<i64>,
    },
    /// A waiting question is answered: refused as [`Refusal::NotWaiting`] when it is not there any more.
    Answer {
        /// The run.
        run: RunId,
        /// The step that asks.
        at: StepAt,
    },
    /// Sets or removes a named value if it stands as expected: refused as [`Refusal::Moved`] otherwise.
    Swap {
        /// The value's name.
        name: String,
        /// What must stand there.
        from: Option<Vec<u8>>,
        /// What stands there then.
        to: Option<Vec<u8>>,
    },
    /// A run begins. The first journal row of the run must be in the same transaction.
    Open {
        /// Which run.
        run: RunId,
        /// Content for the run alone, sealed under the epoch key.
        sealed: Option<Vec<u8>>,
    },
    /// Other sealed content for a run that is open.
    Reseal {
        /// Which run.
        run: RunId,
        /// The content, sealed.
        sealed: Option<Vec<u8>>,
    },
    /// A row of the journal. The store numbers it.
    Journal {
        /// Which run.
        run: RunId,
        /// The fact.
        entry: Entry,
    },
    /// The run ended: sealed content and questions are removed. The journal stays.
    Close {
        /// Which run.
        run: RunId,
    },
    /// A person is asked.
    Ask(Box<Waiting>),
    /// An item of the manual queue; one per run, a later one takes its place.
    Queue(Box<QueueItem>),
    /// A person took an item of the manual queue out.
    Unqueue {
        /// The item's run.
        run: RunId,
    },
    /// On-call must know. One open alert for each key: a further one raises its count.
    Alert(Alert),
    /// An alert was delivered by its routes, or is to be tried again. Nothing happens when it became due for another reason
    /// meanwhile.
    AlertSent {
        /// Which.
        no: i64,
        /// When it was due, as it was read.
        due: Wall,
        /// When it is due again; `None` when it was delivered.
        again: Option<Wall>,
    },
    /// Somebody did something about an alert that routes may want to know: it is due again.
    AlertMoved {
        /// Which.
        no: i64,
    },
    /// The cause of an alert is gone; the next of its key is a new one. It is due once more, so that routes hear of it.
    AlertOver {
        /// Its key.
        key: String,
    },
    /// Sets or removes a named value.
    State {
        /// The value's name: references only, parts joined by `/`.
        name: String,
        /// The value; `None` removes it.
        value: Option<Vec<u8>>,
    },
    /// An entry of the ledger.
    Note(Box<Note>),
    /// Removes the sealed part of ledger rows; the commitments stay.
    Prune {
        /// Whose log.
        log: Log,
        /// The first index.
        from: u64,
        /// The last index.
        to: u64,
    },
    /// All logs end where they are and begin anew with the next entry: their rows stay under names of their own, and runs
    /// are numbered from 1 again.
    EndLogs {
        /// The number of the logs that begin then, above that of those that end.
        life: u32,
    },
    /// Puts another sealed part for a ledger row, under another day key.
    ResealLedger {
        /// Whose log.
        log: Log,
        /// Its index.
        index: u64,
        /// The sealed salt and body.
        sealed: Vec<u8>,
    },
}

/// Why a transaction was refused; nothing of it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The event began this run already.
    Duplicate(RunId),
    /// The sum would exceed its limit.
    Over {
        /// Which sum.
        name: String,
    },
    /// Nobody waits for this answer.
    NotWaiting,
    /// Another value stands there.
    Moved,
}

/// What the ledger is told; the store adds the time and the run's number, the appender index, salt and seal.
#[derive(Clone, Debug)]
pub struct Note {
    /// Whose log.
    pub log: Log,
    /// The kind: `accepted`, `intent`, `outcome`, `decided`, `ended` and more.
    pub kind: &'static str,
    /// The run.
    pub run: Option<RunId>,
    /// The step.
    pub step: Option<Name>,
    /// The key of the item, of a step inside an `each`.
    pub item: Option<FactText>,
    /// The attempt, from 1.
    pub attempt: Option<u32>,
    /// Who.
    pub actor: Option<PersonId>,
    /// The plan.
    pub plan: Option<Digest>,
    /// Facts, as formats.md section 4 names them; an object.
    pub data: serde_json::Map<String, serde_json::Value>,
}

impl Note {
    /// A note about nothing in particular.
    pub fn new(log: Log, kind: &'static str) -> Self {
        Self {
            log,
            kind,
            run: None,
            step: None,
            item: None,
            attempt: None,
            actor: None,
            plan: None,
            data: serde_json::Map::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }
}
