//! Checkpoints on their way to witnesses and to a branch of the client's own, on a machine that dies at every durable write
//! and every request: before it, after it, and with the reply lost. Whatever happens, nobody outside ever sees a checkpoint that
//! is smaller than one before it or does not continue it, no witness ever denies one, and in the end all have the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::ledger::{
    Asked, Denied, Ledgers, Note, Owned, Publishers, Stands, Watcher, cosign, hand, opened, root_at,
};
use assent_agent::pull::PullFailure;
use assent_agent::request::url::Base;
use assent_agent::sim::{Crash, Host, Reply, SimWorld, Spawner, Strike, run};
use assent_agent::store::{LedgerRows, Log, Memory, Store as _, Transaction, Write};
use assent_agent::world::{Clock as _, Dice, Disk, DiskFailure, HttpRequest, HttpResponse, Net as _, Wall};
use assent_schema::canon::Digest;
use assent_schema::client::Witness;
use assent_schema::ledger::{Checkpoint, LogKey, Origin};
use assent_schema::plan::Method;
use ed25519_dalek::SigningKey;

use crate::story::HOST_KEY;

const LOG: &str = "assent/harbor/eu-1/acme";
/// How many checkpoints one machine signs, its processes together.
const ROUNDS: u64 = 4;
/// Processes that it may take.
const PROCESSES_MOST: usize = 4;

fn acme() -> Log {
    Log::Client("acme".parse().expect("an id"))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn log_key() -> LogKey {
    LogKey::of_log(&LOG.parse().expect("an origin"), key().verifying_key().as_bytes()).expect("a key")
}

/// A witness's folder.
#[derive(Clone, Default)]
struct Folder(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Disk for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        Ok(self.0.lock().expect("no panic").get(path).cloned())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        self.0.lock().expect("no panic").insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        self.0.lock().expect("no panic").remove(path);
        Ok(())
    }

    fn list(&self, _: &str) -> Result<Vec<String>, DiskFailure> {
        Ok(Vec::new())
    }
}

struct Loaded(u8);

impl Dice for Loaded {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

/// What is outside and outlives the machine's processes.
struct Outside {
    witnesses: BTreeMap<String, Watcher<Folder>>,
    /// The commits of the client's branch: its number, and what its file says.
    branch: Vec<String>,
    /// Everything that anybody was shown, in order.
    shown: Vec<Checkpoint>,
    /// What witnesses said no with.
    denied: Vec<Denied>,
}

impl Outside {
    fn new() -> Self {
        let witness = |seed: u8| {
            let name = format!("witness-{seed}");
            let watcher = Watcher::open(Folder::default(), &Loaded(seed), &name, [log_key()]).expect("a witness");
            (name, watcher)
        };
        Self { witnesses: [1, 2].map(witness).into(), branch: Vec::new(), shown: Vec::new(), denied: Vec::new() }
    }

    fn show(&mut self, note: &str) {
        self.shown.push(Checkpoint::verify(note, &log_key(), &[]).expect("a checkpoint of the log"));
    }

    fn answer(&mut self, now: Wall, request: &HttpRequest) -> (u16, String) {
        let body = std::str::from_utf8(request.body.reveal()).expect("text").to_owned();
        if let Some(witness) = self.witnesses.get_mut(&request.host) {
            let answer = witness.add(&body, now.moment());
            self.show(body.split_once("\n\n").expect("a proof").1);
            return match answer {
                Ok(cosigned) => (200, cosigned.line),
                Err(denied) => {
                    self.denied.push(denied);
                    let size = if let Denied::OldSize(size) = denied { format!("{size}\n") } else { String::new() };
                    (denied.status(), size)
                }
            };
        }
        let at = self.branch.len();
        match request.target.reveal().as_str() {
            "/look" => (200, self.branch.last().map_or_else(String::new, |note| format!("{at}\n{note}"))),
            put => {
                let over = put.strip_prefix("/put/").expect("a put");
                self.show(&body);
                // As git: only on top of where it stands.
                if over.parse() != Ok(at) {
                    return (409, String::new());
                }
                self.branch.push(body);
                (200, (at + 1).to_string())
            }
        }
    }
}

/// The branch as an agent reaches it, by requests that can be lost.
struct Branch(SimWorld);

impl Branch {
    async fn ask(&self, target: String, body: &str) -> Result<(u16, String), PullFailure> {
        let operation = "ledger.push".parse().expect("an operation");
        let request = HttpRequest {
            client: "acme".parse().expect("an id"),
            operation,
            method: Method::Post,
            tls: true,
            host: "git".into(),
            port: 443,
            target: Content::new(target),
            headers: Vec::new(),
            body: Content::new(body.as_bytes().to_vec()),
            timeout: Duration::from_secs(10),
            most_bytes: 1 << 20,
            private_addresses: false,
        };
        let answer = self.0.exchange(request).await.or(Err(PullFailure::Unreachable))?;
        Ok((answer.status, String::from_utf8(answer.body.reveal().clone()).expect("text")))
    }
}

impl Owned for Branch {
    async fn look(&self) -> Result<Option<Stands>, PullFailure> {
        let (_, text) = self.ask("/look".into(), "").await?;
        let stands = text.split_once('\n');
        Ok(stands.map(|(commit, note)| Stands { commit: commit.to_owned(), note: Some(note.to_owned()) }))
    }

    async fn put(&self, over: Option<&str>, note: &str) -> Result<String, PullFailure> {
        match self.ask(format!("/put/{}", over.unwrap_or("0")), note).await? {
            (200, commit) => Ok(commit),
            _ => Err(PullFailure::PushRefused),
        }
    }
}

fn store(world: &SimWorld) -> Memory {
    let books = |rows: &dyn LedgerRows| {
        let outside = (world.clone(), world.clone(), Arc::clone(&HOST_KEY));
        let books = Ledgers::load("harbor".parse().expect("a name"), "eu-1".parse().expect("an id"), outside, rows)?;
        Ok(Box::new(books) as Box<_>)
    };
    world.store(books).expect("a store")
}

/// One process: it writes entries until there are enough, and after each tells everybody. `left` says what became of it.
async fn live(world: SimWorld, witnesses: Vec<Asked>, last: Arc<Mutex<Option<Checkpoint>>>) {
    let store = store(&world);
    let origin: Origin = "assent/harbor/eu-1".parse().expect("an origin");
    let mut publishers = Publishers::new(origin, key(), world.clone());
    let mut left = None;
    loop {
        let size = store.ledger_size(&acme()).expect("a size");
        if size < ROUNDS {
            let note = match size {
                0 => opened(acme(), Digest::of_file(b"root"), vec![]),
                size => Note::new(acme(), "viewed").fact("what", format!("run:{size}")).fact("why", "audit"),
            };
            let transaction = Transaction::new(world.now()).with(Write::Note(Box::new(note)));
            if store.commit(transaction).await.is_err() {
                return; // The machine died at the commit.
            }
        }
        if publishers.round(&store).is_err() {
            return; // The machine died at the file.
        }
        let newest = publishers.last(&acme()).expect("a checkpoint").clone();
        let client = "acme".parse().expect("an id");
        let (cosigned, troubles) = cosign((&world, &store), (&acme(), &log_key()), &client, &witnesses, newest).await;
        if world.crashed() {
            return;
        }
        for (name, trouble) in &troubles {
            assert!(!trouble.is_grave(), "{name}: {}", trouble.code());
        }
        let branch = Branch(world.clone());
        let root = |size| root_at(&store, &acme(), size).expect("rows");
        match hand(&branch, left.as_ref(), (&cosigned, &log_key()), root).await {
            Ok(stands) => left = Some(stands),
            Err(what) => {
                assert!(!what.is_grave(), "{}", what.code());
                left = None;
            }
        }
        let done = left.is_some() && troubles.is_empty() && cosigned.head().size == ROUNDS;
        if done {
            *last.lock().expect("no panic") = Some(cosigned);
            return;
        }
        // What did not work is tried again with the next minute.
        world.sleep(Duration::from_mins(1)).await;
    }
}

/// One machine's story with at most one crash. Gives how many points there were.
fn story(crash: Option<Crash>) -> u64 {
    let outside = Arc::new(Mutex::new(Outside::new()));
    let service = Arc::clone(&outside);
    let answers = move |now: Wall, request: HttpRequest| {
        let (status, body) = service.lock().expect("no panic").answer(now, &request);
        let body = Content::new(body.into_bytes());
        Reply { result: Ok(HttpResponse { status, headers: Vec::new(), body }), after: Duration::from_millis(20) }
    };
    let host = Host::new(7, "2026-03-02T09:00:00Z".parse().expect("a moment"), answers);
    let asked = |(name, watcher): (&String, &Watcher<Folder>)| {
        let (url, key) = (format!("https://{name}"), watcher.public().to_vkey());
        Asked::new(&Witness { url, key, region: "eu".parse().expect("an id") }).expect("a witness")
    };
    let witnesses: Vec<Asked> = outside.lock().expect("no panic").witnesses.iter().map(asked).collect();
    assert_eq!(Base::parse("https://witness-1"), witnesses.first().map(|first| first.base.clone()));
    let last = Arc::new(Mutex::new(None));
    host.crash_at(crash);
    for _ in 0..PROCESSES_MOST {
        let (world, spawner) = (host.boot(), Spawner::default());
        run(&world, &spawner, live(world.clone(), witnesses.clone(), Arc::clone(&last)));
        if last.lock().expect("no panic").is_some() {
            break;
        }
    }
    let outside = outside.lock().expect("no panic");
    let newest = last.lock().expect("no panic").clone().unwrap_or_else(|| panic!("{crash:?}: it never came to an end"));
    assert_eq!(newest.witnessed().len(), 2, "{crash:?}");
    assert_eq!(outside.branch.last().map(String::as_str), Some(newest.note()), "{crash:?}");
    let sizes: Vec<u64> = outside.shown.iter().map(|checkpoint| checkpoint.head().size).collect();
    assert!(sizes.is_sorted(), "{crash:?}: a smaller one was shown: {sizes:?}");
    let store = store(&host.boot());
    for checkpoint in &outside.shown {
        let root = root_at(&store, &acme(), checkpoint.head().size).expect("rows");
        assert_eq!(root, Some(checkpoint.head().root), "{crash:?}: another history was shown");
    }
    let only_sizes = outside.denied.iter().all(|denied| matches!(denied, Denied::OldSize(_)));
    assert!(only_sizes, "{crash:?}: {:?}", outside.denied);
    assert!(crash.is_some() || outside.denied.is_empty(), "nothing is denied where nothing goes wrong");
    u64::try_from(host.points().len()).expect("few points")
}

#[test]
fn checkpoints_reach_their_holders_whatever_dies_and_no_smaller_one_ever_leaves() {
    let points = story(None);
    assert!(points >= 30, "{points} points");
    for at in 0..points {
        for strike in [Strike::Before, Strike::After, Strike::Lost] {
            story(Some(Crash { at, strike }));
        }
    }
}
