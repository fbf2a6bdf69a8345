//! From a push to what runs: verifying and staging a large release, a poll that finds nothing new, a switch, a rollback, and
//! a fetch that is ended at its limits.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_agent::config;
use assent_agent::deploy::{Accepted, Board, switch};
use assent_agent::ledger::Ledgers;
use assent_agent::pull::fetch::Transfers;
use assent_agent::pull::transfer::{Bounds, Request, Task};
use assent_agent::pull::{read, transfer};
use assent_agent::real::{RealClock, RealDice, RealDisk};
use assent_agent::store::{Books, LedgerRows, Sqlite, Store as _};
use assent_agent::vault::HostKey;
use assent_agent::verify::{Now, PinnedTrust, Place, uses_of, verify, verify_after};
use assent_agent::world::Clock as _;
use assent_schema::canon;
use assent_schema::id::{AgentId, ProjectName};
use assent_schema::status::Poke;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, sign};
use git2::Repository;

use crate::figures;
use crate::large::Large;
use crate::process::{self, Site};

#[path = "../../src/verify/fixture.rs"]
#[expect(dead_code, reason = "the unit tests of the agent use more of it")]
pub(crate) mod fixture;

/// Clients and workflows of each in the large release.
const CLIENTS: usize = 100;
const WORKFLOWS_EACH: usize = 100;
const BRANCH: &str = "release/production/eu";
/// Polls whose processor time is counted together: the kernel counts in hundredths of a second.
const POLLS: u32 = 200;

/// A large release in one process: taken into the agent's own repository, which its child does, read, verified, staged.
pub(crate) struct Staged {
    pub(crate) fetch: Took,
    pub(crate) read: Took,
    pub(crate) verify: Took,
    pub(crate) stage: Took,
}

/// What something took: by the clock, which others on the same cores lengthen, and of all cores together.
pub(crate) struct Took {
    wall: Duration,
    processor: Duration,
}

impl Took {
    pub(crate) fn wall(&self) -> Duration {
        self.wall
    }

    pub(crate) fn processor(&self) -> Duration {
        self.processor
    }
}

fn took<R>(work: impl FnOnce() -> R) -> (R, Took) {
    let (began, before) = (Instant::now(), figures::cpu_with_children());
    let done = work();
    let wall = began.elapsed();
    (done, Took { wall, processor: figures::cpu_with_children().saturating_sub(before) })
}

fn store(folder: &std::path::Path) -> Sqlite {
    let disk = Arc::new(RealDisk::open(folder).expect("a folder"));
    let (project, agent) = (ProjectName::new("harbor").expect("an id"), AgentId::new("eu-1").expect("an id"));
    let parts = (disk, RealDice, Arc::new(HostKey::generate()));
    let open = |rows: &dyn LedgerRows| Ok(Box::new(Ledgers::load(project, agent, parts, rows)?) as Box<dyn Books>);
    Sqlite::open(&folder.join("agent.db"), open).expect("a store")
}

/// The first release of so many clients.
fn first(now: Moment, clients: usize) -> Large {
    let (agent, shop) = (fixture::agent("eu-production-1", "production"), "127.0.0.1:9".to_owned());
    let (sequence, previous, words) = (1, None, "the first".to_owned());
    Large { now, clients, workflows_each: WORKFLOWS_EACH, sequence, previous, agent, shop, words }
}

/// Three looks at 10,000 plans: all of them new, all of them known, and one of them new; each staged in a store.
pub(crate) fn large() -> Vec<(&'static str, Staged)> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (agency, repository) = (folder.path().join("agency.git"), folder.path().join("own.git"));
    Repository::init_bare(&agency).expect("a repository");
    read::prepare(&repository).expect("a repository");
    let request = Request {
        repository: repository.clone(),
        other: config::Repository::Path(agency.clone()),
        task: Task::Fetch { branch: BRANCH.to_owned(), into: "refs/quarantine/bench".to_owned(), known: None },
        limits: Bounds { bytes: 1 << 30, memory_bytes: 1 << 33, cpu_seconds: 600 },
    };
    std::fs::create_dir(folder.path().join("state")).expect("a folder");
    let store = store(&folder.path().join("state"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let now = process::clock();
    let mut release = first(now, CLIENTS);
    let place = Place { engine: env!("CARGO_PKG_VERSION").to_owned(), ..fixture::place() };
    let mut pinned: PinnedTrust = fixture::enrolled();
    let mut board = Board::default();
    let (mut all, mut before) = (Vec::new(), None);
    for what in ["all of them new", "the same again", "one of them new"] {
        process::publish(&agency, &release.files());
        let (tip, fetch) = took(|| transfer::work(&request, None).expect("a commit"));
        let (files, read) = took(|| read::read(&repository, &tip).expect("a release"));
        let now_all = Now { expiry: now, clock: now, trusted: now };
        let (bundle, verify) =
            took(|| verify_after(&files, &pinned, &place, now_all, before.as_ref()).expect("an honest release"));
        let ((), stage) = took(|| {
            let named = bundle.workflows.iter().map(|(place, one)| (place.clone(), one.active.plan)).collect();
            assert!(bundle.workflows.values().all(|workflow| workflow.off.is_empty()), "everything is approved");
            let accepted = Accepted { named, ..Accepted::default() };
            let proposal = board.accept(&accepted, now);
            let transaction = switch::transaction(&proposal, RealClock.now()).expect("a transaction");
            if !transaction.writes.is_empty() {
                runtime.block_on(store.commit(transaction)).expect("a commit");
            }
            board.apply(proposal);
        });
        all.push((what, Staged { fetch, read, verify, stage }));
        pinned = bundle.pin(&pinned);
        before = Some(bundle);
        if what == "the same again" {
            release.sequence += 1;
            release.previous = before.as_ref().map(|bundle| bundle.manifest.digest());
            "the second".clone_into(&mut release.words);
        }
    }
    all
}

/// Verifies 2,000 new plans again and again, for a profiler; how long each time takes.
pub(crate) fn verified(times: u32) -> Duration {
    let now = process::clock();
    let release = first(now, CLIENTS / 5);
    let place = Place { engine: env!("CARGO_PKG_VERSION").to_owned(), ..fixture::place() };
    let (files, pinned) = (release.files(), fixture::enrolled());
    let began = Instant::now();
    for _ in 0..times {
        verify(&files, &pinned, &place, Now { expiry: now, clock: now, trusted: now }).expect("an honest release");
    }
    began.elapsed() / times
}

/// Processor time of one poll that finds nothing new, child and all.
pub(crate) fn poll(served: bool) -> Duration {
    let mut site = Site::enrol(1, 1, served, "");
    site.publish(&site.release.files());
    site.start();
    site.runs(Instant::now());
    let config = config::load(&site.repository().with_file_name("agent.toml"), None).expect("a configuration");
    let transfers = Transfers::new(
        PathBuf::from(env!("CARGO_BIN_EXE_assent-agent")),
        &config,
        Arc::new(|| Box::pin(async { None })),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let fetch = |known: Option<&str>| {
        runtime.block_on(transfers.fetch(BRANCH, "refs/quarantine/bench", known)).expect("a commit")
    };
    let known = fetch(None);
    let before = figures::cpu_with_children();
    for _ in 0..POLLS {
        assert_eq!(fetch(Some(&known)), known, "nothing is new");
    }
    figures::cpu_with_children().saturating_sub(before) / POLLS
}

/// From a push until the new plan runs, seen through the command line.
pub(crate) fn push_to_running(poked: bool) -> Duration {
    let mut site = Site::enrol(1, 1, poked, "");
    site.publish(&site.release.files());
    site.start();
    site.runs(Instant::now());
    let files = site.next("the second");
    let began = site.publish(&files);
    if poked {
        poke(&site);
    }
    site.runs(began)
}

/// The same for the large release: the first, one with another plan in it, and a start after a kill, which verifies all of it
/// again. The largest resident memory of the last one in MB.
pub(crate) fn large_push_to_running() -> (Duration, Duration, Duration, f64) {
    let mut site = Site::enrol(CLIENTS, WORKFLOWS_EACH, false, "");
    site.publish(&site.release.files());
    let began = Instant::now();
    site.start();
    let first = site.runs(began);
    let files = site.next("the second");
    let began = site.publish(&files);
    let next = site.runs(began);
    site.kill();
    let began = Instant::now();
    site.start();
    (first, next, site.runs(began), figures::resident_most(site.process()))
}

fn poke(site: &Site) {
    let id = |text: &str| text.parse().expect("an id");
    let poke = Poke::new(fixture::project(), "production".parse().expect("an id"), id("eu"), process::clock());
    let poke = String::from_utf8(canon::to_bytes(&poke).expect("JSON")).expect("text");
    let armour = sign(&fixture::key("ann"), Namespace::Poke, poke.as_bytes());
    let body = serde_json::json!({"poke": poke, "signatures": {"ann": armour}}).to_string();
    let mut stream = std::net::TcpStream::connect(&site.listen).expect("an agent that listens");
    let head = format!("POST /poke HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", site.listen, body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 202") || answer.starts_with("HTTP/1.1 202"), "{answer}");
}

/// From the word of somebody on call, and from the push of a release that names the older plan, until that plan runs.
pub(crate) fn rollback() -> (Duration, Duration) {
    let mut site = Site::enrol(1, 1, false, "");
    site.publish(&site.release.files());
    site.start();
    site.runs(Instant::now());
    // It must have run well here before anybody can go back to it: its schedule says each minute.
    let plan_of = |status: &assent_schema::status::Status| {
        status.workflows.values().flat_map(|all| all.values()).next().and_then(|one| one.plan)
    };
    let first = std::cell::Cell::new(None);
    site.wait(Instant::now(), |status| {
        first.set(plan_of(status));
        status
            .workflows
            .values()
            .flat_map(|all| all.values())
            .any(|one| one.trial.as_ref().is_some_and(|trial| trial.runs > 0))
    });
    let files = site.next("the second");
    let began = site.publish(&files);
    site.runs(began);
    let hand = site.hand();
    let began = Instant::now();
    site.call(&["rollback", "client-0000/look-0000", "--key", &hand]);
    let by_hand = site.wait(began, |status| plan_of(status) == first.get());
    let files = site.next("the third");
    let began = site.publish(&files);
    site.runs(began);
    site.wait(began, |status| plan_of(status).is_some() && plan_of(status) != first.get());
    let files = site.next("the first");
    let began = site.publish(&files);
    (by_hand, site.wait(began, |status| plan_of(status) == first.get()))
}

/// What a branch that no child may unpack did to the agent.
pub(crate) struct Bomb {
    pub(crate) ended: Duration,
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// A file of zeros that is larger than the child's memory, a few kilobytes on the wire.
pub(crate) fn bomb() -> Bomb {
    const LIMITS: &str = "[limits]\nfetch_memory_bytes = 134217728\n";
    let mut site = Site::enrol(1, 1, true, LIMITS);
    site.publish(&site.release.files());
    site.start();
    site.runs(Instant::now());
    poke(&site);
    let mut files = site.release.files();
    files.insert("manifest.json".to_owned(), vec![0; 400 << 20]);
    let began = site.publish(&files);
    drop(files);
    let before = figures::resident_most(site.process());
    poke(&site);
    let ended = site.wait(began, |status| status.pull.as_ref().is_some_and(|pull| pull.code == "too-large"));
    Bomb { ended, before, after: figures::resident_most(site.process()) }
}
