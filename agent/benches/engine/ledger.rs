//! A client's log of a million entries of one day: how long it takes to verify, to prove one entry, and to prune the day.

use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_agent::ledger::{
    DayKeys, Ledgers, Publishers, Reader, Step, Target, announce, announced, before, opened, step,
};
use assent_agent::real::{RealDice, RealDisk};
use assent_agent::store::{Books, LedgerRows, Log, Note, Sqlite, Store as _, Transaction, Write};
use assent_agent::vault::HostKey;
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, ProjectName};
use ed25519_dalek::SigningKey;

/// Entries that are written with one commit.
const PAGE: u64 = 1_000;
/// Noon of the day that is pruned, in milliseconds.
const NOON: i64 = 1_772_452_800_000;
/// Proofs whose median is shown.
const PROOFS: u64 = 21;

/// What one log showed.
pub(crate) struct Measured {
    pub(crate) verify: Duration,
    pub(crate) prove: Duration,
    pub(crate) prune: Duration,
    pub(crate) longest: Duration,
}

fn intent(log: Log, n: u64) -> Write {
    let note = Note::new(log, "intent").fact("operation", "shop.refund");
    let note = note.fact("keyed", Digest::of_file(&n.to_be_bytes()).to_string());
    Write::Note(Box::new(Note { plan: Some(Digest::of_file(b"plan")), attempt: Some(1), ..note }))
}

/// Writes so many entries, then measures.
pub(crate) fn measure(entries: u64) -> Measured {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let disk = Arc::new(RealDisk::open(folder.path()).expect("a folder"));
    let host = Arc::new(HostKey::generate());
    let (project, agent) = (ProjectName::new("harbor").expect("an id"), AgentId::new("eu-1").expect("an id"));
    let parts = (Arc::clone(&disk), RealDice, Arc::clone(&host));
    let open = |rows: &dyn LedgerRows| Ok(Box::new(Ledgers::load(project, agent, parts, rows)?) as Box<dyn Books>);
    let store = Sqlite::open(&folder.path().join("agent.db"), open).expect("a store");
    let log = Log::Client(ClientId::new("acme").expect("an id"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let commit = |at: i64, writes: Vec<Write>| {
        runtime.block_on(store.commit(Transaction { at: Wall::from_millis(at), writes })).expect("a commit");
    };
    commit(NOON, vec![Write::Note(Box::new(opened(log.clone(), Digest::of_file(b"root"), Vec::new())))]);
    for page in 0..entries / PAGE {
        commit(NOON, (0..PAGE).map(|n| intent(log.clone(), page * PAGE + n)).collect());
    }

    let own = "assent/harbor/eu-1".parse().expect("an origin");
    let mut publishers = Publishers::new(own, SigningKey::from_bytes(&[5; 32]), Arc::clone(&disk));
    publishers.round(&store).expect("a checkpoint");
    let (key, checkpoint) = (publishers.log_key(&log).expect("a key"), publishers.last(&log).expect("one").clone());
    let mut days = DayKeys::new(Arc::clone(&disk), Arc::clone(&host));
    let gone = announced(&store, &log).expect("nothing");
    let mut reader = Reader {
        store: &store,
        log: log.clone(),
        key: &key,
        days: &mut days,
        checkpoint: &checkpoint,
        announced: gone,
    };
    let began = Instant::now();
    reader.verify(&[]).expect("it verifies");
    let verify = began.elapsed();
    let mut proofs: Vec<_> = (0..PROOFS)
        .map(|n| {
            let began = Instant::now();
            reader.prove(Target::Index(entries / PROOFS * n)).expect("a proof");
            began.elapsed()
        })
        .collect();
    proofs.sort();

    let day = "2026-03-03";
    let old = before(&store, &log, day).expect("rows").expect("a day");
    let note = Note::new(log.clone(), "pruned").fact("rule", "retention").fact("reason", "90d");
    let later = NOON + 100 * 86_400_000;
    let began = Instant::now();
    let writes = announce(&store, &log, &[old], Some(note), vec!["2026-03-02".into()], Vec::new()).expect("a form");
    commit(later, writes);
    let origin = checkpoint.head().origin.clone();
    let mut longest = Duration::ZERO;
    loop {
        let began = Instant::now();
        let at = Wall::from_millis(later);
        let went = runtime.block_on(step(&store, &mut days, &RealDice, (&log, &origin), at)).expect("a step");
        longest = longest.max(began.elapsed());
        if went != Step::Went {
            break;
        }
    }
    let prune = began.elapsed();
    publishers.round(&store).expect("a checkpoint");
    let checkpoint = publishers.last(&log).expect("one").clone();
    let gone = announced(&store, &log).expect("what is gone");
    let mut reader =
        Reader { store: &store, log, key: &key, days: &mut days, checkpoint: &checkpoint, announced: gone };
    assert_eq!(reader.verify(&[]).expect("it verifies").gone, entries + 1);
    let prove = proofs.get(proofs.len() / 2).copied().unwrap_or_default();
    Measured { verify, prove, prune, longest }
}
