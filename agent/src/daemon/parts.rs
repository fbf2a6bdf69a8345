//! What the agent is made of: what it is built from, and the groups of its state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::ledger::Checkpoint;
use assent_schema::status::{Halt, Hold, PullStatus};
use tokio::sync::Notify;

use super::agent::{TheEngine, TheField, TheWorld};
use super::pokes::Pokes;
use super::releases::Judged;
use super::unread::Unread;
use crate::config::Config;
use crate::control::ledger_desk::LedgerDesk;
use crate::deploy::Board;
use crate::identity::Identity;
use crate::pin::Pin;
use crate::real::RealDisk;
use crate::store::{Log, Sqlite};
use crate::watch::Routes;

/// Looking for releases.
#[derive(Default)]
pub(super) struct Pulling {
    /// It is wanted now.
    pub(super) pull: Arc<Notify>,
    pub(super) pokes: tokio::sync::Mutex<Pokes>,
    /// The commit that was judged last, so that it is not judged again.
    pub(super) judged: Mutex<Option<Judged>>,
    /// When the agent looked last, by the time since boot, and found the release that it holds; nothing while it refuses one.
    pub(super) looked: Mutex<Option<Duration>>,
    /// Looks that ended before there was a release to judge.
    pub(super) unread: Unread,
    /// What keeps the agent from it.
    pub(super) trouble: Mutex<Option<PullStatus>>,
}

/// What is said to the outside: status and checkpoints.
#[derive(Default)]
pub(super) struct Telling {
    /// Something is to be said.
    pub(super) news: Arc<Notify>,
    /// There are checkpoints that holders of ledgers may not have.
    pub(super) shared: Notify,
    /// The newest checkpoint of each log, signed and durable.
    pub(super) newest: Mutex<BTreeMap<Log, Checkpoint>>,
    /// Checkpoints with lines of witnesses that the agent's own branch does not have yet.
    pub(super) cosigned: Mutex<BTreeMap<Log, Checkpoint>>,
    /// What keeps the agent from saying anything.
    pub(super) unsaid: Mutex<Option<PullStatus>>,
}

/// Whether anything is started.
#[derive(Default)]
pub(super) struct Standing {
    /// Why not.
    pub(super) halt: Mutex<Option<Halt>>,
    /// On-call signed a recovery.
    pub(super) recovered: Notify,
    /// It was recovered, and has not pushed since: its branch is further than its repository here.
    pub(super) returns: AtomicBool,
}

/// What an agent is made of, and stays.
pub(super) struct Made {
    pub(super) config: Config,
    pub(super) pin: Pin,
    pub(super) identity: Identity,
    pub(super) disk: Arc<RealDisk>,
    pub(super) world: Arc<TheWorld>,
    pub(super) store: Arc<Sqlite>,
    pub(super) field: Arc<TheField>,
    pub(super) engine: Arc<TheEngine>,
    pub(super) routes: Arc<Mutex<Arc<Routes>>>,
}

/// What an agent begins with besides.
pub(super) struct Parts {
    pub(super) made: Made,
    pub(super) ledger: LedgerDesk,
    pub(super) program: PathBuf,
    pub(super) board: Board,
    pub(super) holds: Vec<Hold>,
}
