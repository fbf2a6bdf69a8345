//! Where the agent of the days keeps what it knows: the tables in memory, or a real SQLite database on a real disk.
//!
//! Either way a commit takes simulated time and may be the last thing that a process does. SQLite's is awaited on the spot:
//! the thread that writes and syncs knows nothing of the simulation, and nothing else happens meanwhile.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use assent_agent::sim::SimWorld;
use assent_agent::store::{
    AlertRow, Gate as _, JournalRow, LedgerRow, LedgerTile, Log, Memory, OpenRun, QueueItem, RunFilter, RunId, RunLine,
    Sqlite, StepAt, Store, StoreError, Tail, Transaction, Waiting,
};
use assent_agent::world::Wall;
use assent_schema::id::ClientId;

use crate::days::books;

/// Which of the two.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
}

/// The store of one process.
pub(crate) enum Disk {
    Memory(Memory),
    Sqlite { database: Sqlite, world: SimWorld },
}

impl Disk {
    /// Opens what the processes before left.
    pub(crate) fn open(place: &Place, world: &SimWorld) -> Self {
        match place {
            Place::Memory => Self::Memory(world.store(|rows| books(world, rows)).unwrap()),
            Place::Sqlite(path) => {
                let database = Sqlite::open(path, |rows| books(world, rows)).unwrap();
                Self::Sqlite { database, world: world.clone() }
            }
        }
    }
}

/// Wakes the thread that waits.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits in real time.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The same question to whichever store it is.
macro_rules! ask {
    ($($name:ident($($given:ident: $kind:ty),*) -> $told:ty;)*) => {
        $(fn $name(&self, $($given: $kind),*) -> Result<$told, StoreError> {
            match self {
                Self::Memory(memory) => memory.$name($($given),*),
                Self::Sqlite { database, .. } => database.$name($($given),*),
            }
        })*
    };
}

impl Store for Disk {
    async fn commit(&self, transaction: impl Into<Arc<Transaction>> + Send) -> Result<(), StoreError> {
        match self {
            Self::Memory(memory) => memory.commit(transaction).await,
            Self::Sqlite { database, world } => {
                let transaction = transaction.into();
                let dies = world.before().await;
                let done = block_on(database.commit(transaction));
                world.after(dies).await;
                done
            }
        }
    }

    ask! {
        open_runs() -> Vec<OpenRun>;
        open_run(run: RunId) -> Option<OpenRun>;
        journal(run: RunId) -> Vec<JournalRow>;
        tail(after: i64, most: usize) -> Vec<Tail>;
        runs(filter: &RunFilter) -> Vec<RunLine>;
        delivered(key: &[u8; 16]) -> Option<RunId>;
        waiting() -> Vec<Waiting>;
        waiting_of(run: RunId, at: &StepAt) -> Option<Waiting>;
        queue() -> Vec<QueueItem>;
        alerts_due(now: Wall, most: usize) -> Vec<AlertRow>;
        alerts() -> Vec<AlertRow>;
        incidents() -> Vec<AlertRow>;
        sum(name: &str) -> i64;
        sums(prefix: &str) -> Vec<(String, i64)>;
        state(name: &str) -> Option<Vec<u8>>;
        states(prefix: &str) -> Vec<(String, Vec<u8>)>;
        logs() -> Vec<Log>;
        ledger_size(log: &Log) -> u64;
        ledger_rows(log: &Log, from: u64, most: usize) -> Vec<LedgerRow>;
        ledger_tiles(log: &Log) -> Vec<LedgerTile>;
        run_counts(client: &ClientId) -> (u64, u64);
    }
}
