//! The real agent process: how long until it says that it is ready, and how much memory it keeps while nothing happens.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_agent::identity::Identity;
use assent_agent::ledger::{Ledgers, opened, started};
use assent_agent::pin::Pin;
use assent_agent::real::{RealClock, RealDice, RealDisk};
use assent_agent::store::{Books, LedgerRows, Log, Sqlite, Store as _, Transaction, Write};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, ProjectName};

/// Ledger entries that are written with one commit.
const PAGE: usize = 1_000;

/// What one start showed.
pub(crate) struct Start {
    pub(crate) ready: Duration,
    pub(crate) resident_ready: f64,
    pub(crate) resident_idle: f64,
}

/// The folder of an enrolled agent, whose ledgers have so many entries.
pub(crate) fn enrolled(entries: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    git2::Repository::init_bare(folder.path().join("agency.git")).expect("a repository");
    let text = "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"staging\"\nregion = \"eu\"\n\
                repository = \"agency.git\"\nstate = \"state\"\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("agent.toml"), text).expect("a file");
    let disk = Arc::new(RealDisk::open(&state).expect("a folder"));
    let identity = Identity::make(&disk, &RealDice, "eu-1").unwrap_or_else(|_| panic!("an identity"));
    let root = Digest::of_file(b"root");
    Pin { project: root, root: 1, generation: 1, sequence: 0 }.write(&disk).expect("a pin");
    let (project, agent) = (ProjectName::new("harbor").expect("an id"), AgentId::new("eu-1").expect("an id"));
    let parts = (disk, RealDice, Arc::clone(&identity.host));
    let open = |rows: &dyn LedgerRows| Ok(Box::new(Ledgers::load(project, agent, parts, rows)?) as Box<dyn Books>);
    let store = Sqlite::open(&state.join("agent.db"), open).expect("a store");
    let log = Log::Client(ClientId::new("acme").expect("an id"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut notes = (0..entries).map(|n| {
        let log = log.clone();
        Write::Note(Box::new(if n == 0 { opened(log, root, Vec::new()) } else { started(log, true) }))
    });
    loop {
        let writes: Vec<_> = notes.by_ref().take(PAGE).collect();
        if writes.is_empty() {
            break;
        }
        runtime.block_on(store.commit(Transaction { at: RealClock.now(), writes })).expect("a commit");
    }
    folder
}

/// Starts the agent, waits until it is ready, looks at its memory and stops it.
pub(crate) fn measure(folder: &Path) -> Start {
    let socket = folder.join("notify");
    drop(std::fs::remove_file(&socket));
    let manager = UnixDatagram::bind(&socket).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    let began = Instant::now();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_assent-agent"))
        .args(["run", "--config"])
        .arg(folder.join("agent.toml"))
        .env("NOTIFY_SOCKET", &socket)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the agent");
    hear(&manager, b"READY=1");
    let ready = began.elapsed();
    let resident_ready = crate::figures::resident(agent.id());
    std::thread::sleep(Duration::from_secs(2));
    let resident_idle = crate::figures::resident(agent.id());
    let process = i32::try_from(agent.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("a signal");
    assert!(agent.wait().expect("an end").success(), "the agent stops in order");
    Start { ready, resident_ready, resident_idle }
}

fn hear(manager: &UnixDatagram, wanted: &[u8]) {
    let mut heard = [0; 64];
    loop {
        let length = manager.recv(&mut heard).expect("the agent says that it is ready");
        if heard.get(..length) == Some(wanted) {
            return;
        }
    }
}
