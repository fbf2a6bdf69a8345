//! One suite that every store passes: on SQLite and in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use assent_agent::store::{
    Accepted, Alert, Books, Ending, Entry, LedgerRow, LedgerRows, Log, Memory, Note, Refusal, RunFilter, RunId, Sqlite,
    StepAt, Store as _, StoreError, Tables, Transaction, TriggerKind, Waiting, Write,
};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, GroupId, Name, WorkflowId};

/// Books that count and nothing else. A note of kind `torn` cannot be appended.
#[derive(Default)]
struct Plain {
    kept: BTreeMap<Log, u64>,
    now: BTreeMap<Log, u64>,
}

impl Plain {
    fn load(rows: &dyn LedgerRows) -> Result<Box<dyn Books>, StoreError> {
        let mut kept = BTreeMap::new();
        for log in rows.logs()? {
            let size = rows.rows(&log, 0, usize::MAX)?.len();
            kept.insert(log, u64::try_from(size).expect("a small log"));
        }
        Ok(Box::new(Self { now: kept.clone(), kept }))
    }
}

impl Books for Plain {
    fn append(&mut self, at: Wall, run: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError> {
        let next = self.now.entry(note.log.clone()).or_default();
        let index = *next;
        *next += 1;
        if note.kind == "torn" {
            return Err(StoreError::Full);
        }
        let sealed = format!("{} {run:?}", note.kind).into_bytes();
        let commitment = *Digest::of_file(&sealed).as_bytes();
        Ok(LedgerRow { index, commitment, sealed: Some(sealed), day: at.moment().day() })
    }

    fn keep(&mut self) {
        self.kept = self.now.clone();
    }

    fn drop_back(&mut self) {
        self.now = self.kept.clone();
    }
}

/// A place where a store can be opened again and again.
enum Place {
    Folder(tempfile::TempDir),
    Tables(Arc<Mutex<Tables>>),
}

enum Any {
    Sqlite(Box<Sqlite>),
    Memory(Memory),
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("agent.db")
}

impl Place {
    fn open(&self) -> Any {
        match self {
            Self::Folder(folder) => Any::Sqlite(Box::new(Sqlite::open(&file(folder), Plain::load).expect("a store"))),
            Self::Tables(tables) => {
                let books = Plain::load(&*tables.lock().expect("tables")).expect("books");
                Any::Memory(Memory::open(Arc::clone(tables), books))
            }
        }
    }
}

/// Runs a check on a fresh store of each kind.
fn on_each(check: impl Fn(&Place)) {
    check(&Place::Folder(tempfile::tempdir().expect("a folder")));
    check(&Place::Tables(Arc::default()));
}

macro_rules! with {
    ($any:expr, $store:ident => $body:expr) => {
        match $any {
            Any::Sqlite($store) => $body,
            Any::Memory($store) => $body,
        }
    };
}

struct Thread(std::thread::Thread);

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        std::thread::park();
    }
}

impl Any {
    fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.commit_at(1_772_442_000_000, writes)
    }

    fn commit_at(&self, at: i64, writes: Vec<Write>) -> Result<(), StoreError> {
        let transaction = Transaction { at: Wall::from_millis(at), writes };
        with!(self, store => wait(store.commit(transaction)))
    }
}

fn client() -> ClientId {
    ClientId::new("acme").expect("an id")
}

fn run(n: u8) -> RunId {
    RunId::new(Wall::from_millis(i64::from(n)), [n; 10])
}

fn accepted(client: ClientId) -> Entry {
    Entry::Accepted(Box::new(Accepted {
        client,
        workflow: WorkflowId::new("refund").expect("an id"),
        plan: Digest::of_file(b"plan"),
        number: 0,
        life: 1,
        trigger: TriggerKind::Webhook,
        event: "evt-1".into(),
        fields: BTreeMap::new(),
        key: None,
        content: false,
        again: None,
        hours: None,
    }))
}

fn begin(n: u8) -> Vec<Write> {
    let mut note = Note::new(Log::Client(client()), "accepted");
    note.run = Some(run(n));
    vec![
        Write::Open { run: run(n), sealed: Some(vec![n]) },
        Write::Journal { run: run(n), entry: accepted(client()) },
        Write::Note(Box::new(note)),
    ]
}

fn end(n: u8) -> Vec<Write> {
    let entry = Entry::Ended { ending: Ending::Done, stop: None, step: None, code: None };
    vec![Write::Journal { run: run(n), entry }, Write::Close { run: run(n) }]
}

fn alert(code: &str) -> Alert {
    Alert {
        rule: assent_schema::alert::Rule::RunFailed,
        client: Some(client()),
        workflow: None,
        connection: None,
        code: code.into(),
        run: None,
        incident: true,
        by: None,
        about: None,
    }
}

#[test]
fn a_run_is_open_until_it_is_closed_and_its_journal_stays() {
    on_each(|place| {
        let store = place.open();
        store.commit(begin(1)).expect("committed");
        drop(store);
        let store = place.open();
        with!(&store, s => {
            let open = s.open_runs().expect("read");
            assert_eq!(open.len(), 1);
            assert_eq!(open[0].sealed, Some(vec![1]));
            assert_eq!(s.run_counts(&client()), Ok((1, 0)));
        });
        store.commit(end(1)).expect("committed");
        with!(&store, s => {
            assert_eq!(s.open_runs(), Ok(vec![]));
            assert_eq!(s.open_run(run(1)), Ok(None));
            assert_eq!(s.journal(run(1)).expect("read").len(), 2);
            assert_eq!(s.run_counts(&client()), Ok((1, 1)));
        });
    });
}

#[test]
fn runs_of_a_client_are_numbered_without_gaps_in_its_own_log() {
    on_each(|place| {
        let store = place.open();
        for n in 1..=3 {
            store.commit(begin(n)).expect("committed");
        }
        let entry = accepted(ClientId::new("bolt").expect("an id"));
        store.commit(vec![Write::Journal { run: run(9), entry }]).expect("committed");
        with!(&store, s => {
            let lines = s.runs(&RunFilter { client: Some(client()), before: None, most: 10 }).expect("read");
            assert_eq!(lines.iter().map(|l| l.accepted.number).collect::<Vec<_>>(), [3, 2, 1]);
            let rows = s.ledger_rows(&Log::Client(client()), 0, 10).expect("read");
            assert_eq!(rows[2].sealed.as_deref(), Some(b"accepted Some(3)".as_slice()));
            let older = s.runs(&RunFilter { client: None, before: Some(run(3)), most: 1 }).expect("read");
            assert_eq!(older.iter().map(|l| l.run).collect::<Vec<_>>(), [run(2)]);
        });
    });
}

#[test]
fn an_event_is_accepted_once() {
    on_each(|place| {
        let store = place.open();
        let deliver = |n: u8| {
            let state = Write::State { name: "x".into(), value: Some(vec![n]) };
            vec![state, Write::Deliver { key: [7; 16], run: run(n) }]
        };
        store.commit(deliver(1)).expect("committed");
        let again = store.commit(deliver(2));
        assert_eq!(again, Err(StoreError::Refused(Refusal::Duplicate(run(1)))));
        with!(&store, s => {
            assert_eq!(s.state("x"), Ok(Some(vec![1])), "nothing of a refused transaction happened");
            assert_eq!(s.delivered(&[7; 16]), Ok(Some(run(1))));
        });
    });
}

#[test]
fn events_are_known_again_however_many_came_since() {
    let key = |n: u32| Digest::of_file(&n.to_be_bytes()).as_bytes()[..16].try_into().expect("16 bytes");
    let deliver = |from: u32, to: u32| (from..to).map(|n| Write::Deliver { key: key(n), run: run(1) }).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Folder(folder);
    let store = place.open();
    store.commit(deliver(0, 8_500)).expect("committed");
    // A crash after each few commits, while keys are being moved and after that.
    let mut store = store;
    for (round, commits) in [(0, 3), (1, 70), (2, 100), (3, 5)] {
        for n in 0..commits {
            let next = 10_000 + round * 1_000 + n;
            store.commit(deliver(next, next + 1)).expect("committed");
        }
        drop(store);
        store = place.open();
        for n in (0..8_500).step_by(97).chain([8_499, 10_000 + round * 1_000]) {
            with!(&store, s => assert_eq!(s.delivered(&key(n)), Ok(Some(run(1))), "key {n} in round {round}"));
            assert!(store.commit(deliver(n, n + 1)).is_err(), "key {n} in round {round}");
        }
        with!(&store, s => assert_eq!(s.delivered(&key(9_999)), Ok(None)));
    }
}

#[test]
fn a_sum_never_passes_its_limit() {
    on_each(|place| {
        let store = place.open();
        let add = |n: i64| vec![Write::Count { name: "eur/day".into(), add: n, most: Some(100) }];
        store.commit(add(60)).expect("committed");
        let over = store.commit(add(41));
        assert_eq!(over, Err(StoreError::Refused(Refusal::Over { name: "eur/day".into() })));
        store.commit(add(40)).expect("committed");
        let unbounded = Write::Count { name: "eur/day".into(), add: i64::MAX, most: None };
        store.commit(vec![unbounded]).expect("committed");
        assert!(store.commit(add(1)).is_err(), "an overflow does not open the limit again");
        with!(&store, s => assert_eq!(s.sums("eur/").expect("read").len(), 1));
    });
}

#[test]
fn a_question_is_answered_once() {
    on_each(|place| {
        let store = place.open();
        store.commit(begin(1)).expect("committed");
        let step = Name::new("agree").expect("a name");
        let answer = || vec![Write::Answer { run: run(1), at: StepAt::new(&step, None) }];
        assert_eq!(store.commit(answer()), Err(StoreError::Refused(Refusal::NotWaiting)));
        let waiting = Waiting {
            run: run(1),
            client: client(),
            workflow: WorkflowId::new("refund").expect("an id"),
            plan: Digest::of_file(b"plan"),
            step: step.clone(),
            item: None,
            guardrail: false,
            by: GroupId::new("leads").expect("an id"),
            since: 1,
            until: 2,
            nonce: Digest::of_file(b"nonce"),
            shown: Digest::of_file(b"shown"),
            keyed: BTreeMap::new(),
        };
        store.commit(vec![Write::Ask(Box::new(waiting))]).expect("committed");
        with!(&store, s => assert_eq!(s.waiting().expect("read").len(), 1));
        store.commit(answer()).expect("committed");
        assert_eq!(store.commit(answer()), Err(StoreError::Refused(Refusal::NotWaiting)));
    });
}

#[test]
fn a_value_that_moved_is_not_overwritten() {
    on_each(|place| {
        let store = place.open();
        let swap = |from: Option<&[u8]>, to: &[u8]| {
            vec![Write::Swap { name: "trial".into(), from: from.map(<[u8]>::to_vec), to: Some(to.to_vec()) }]
        };
        store.commit(swap(None, b"1")).expect("committed");
        assert_eq!(store.commit(swap(None, b"2")), Err(StoreError::Refused(Refusal::Moved)));
        store.commit(swap(Some(b"1"), b"2")).expect("committed");
        with!(&store, s => {
            assert_eq!(s.states("tri"), Ok(vec![("trial".into(), b"2".to_vec())]));
            assert_eq!(s.states("other"), Ok(vec![]));
        });
    });
}

#[test]
fn alerts_of_one_cause_are_one_until_it_is_over() {
    on_each(|place| {
        let store = place.open();
        for at in [1_000, 2_000] {
            store.commit_at(at, vec![Write::Alert(alert("timed_out"))]).expect("committed");
        }
        store.commit_at(3_000, vec![Write::Alert(alert("no_reply"))]).expect("committed");
        let due = with!(&store, s => s.alerts_due(Wall::from_millis(2_500), 10).expect("read"));
        assert_eq!(due.iter().map(|row| (row.count, row.since.millis())).collect::<Vec<_>>(), [(2, 1_000)]);
        let no = due[0].no;
        let (was, next) = (Wall::from_millis(1_000), Wall::from_millis(9_000));
        store.commit(vec![Write::AlertSent { no, due: was, again: Some(next) }]).expect("committed");
        let due = with!(&store, s => s.alerts_due(Wall::from_millis(9_000), 10).expect("read"));
        assert_eq!(due.iter().map(|row| row.tries).collect::<Vec<_>>(), [0, 1]);
        // It became due for another reason than the one that was looked at.
        store.commit(vec![Write::AlertSent { no, due: was, again: None }]).expect("committed");
        with!(&store, s => assert_eq!(s.alerts_due(next, 10).expect("read").len(), 2));
        store.commit(vec![Write::AlertSent { no, due: next, again: None }]).expect("committed");
        with!(&store, s => assert_eq!(s.alerts_due(Wall::from_millis(9_000), 10).expect("read").len(), 1));
        let key = alert("timed_out").key();
        store.commit_at(5_000, vec![Write::AlertMoved { no }]).expect("committed");
        let due = |at| with!(&store, s => s.alerts_due(Wall::from_millis(at), 10).expect("read"));
        assert!(due(5_000).iter().any(|row| row.no == no && row.due == Some(Wall::from_millis(5_000))));
        store.commit_at(5_000, vec![Write::AlertOver { key }, Write::Alert(alert("timed_out"))]).expect("committed");
        assert!(due(6_000).iter().any(|row| row.no == no && row.over && row.due == Some(Wall::from_millis(5_001))));
        let counts = |rows: Vec<assent_agent::store::AlertRow>| rows.iter().map(|row| row.count).collect::<Vec<_>>();
        with!(&store, s => assert_eq!(s.alerts().map(counts), Ok(vec![1, 1])));
        with!(&store, s => assert_eq!(s.incidents().map(counts), Ok(vec![2, 1, 1]), "also what is over"));
        // The ledger heard of each incident with the commit that opened it, and once.
        with!(&store, s => assert_eq!(s.ledger_size(&Log::Client(client())), Ok(3)));
    });
}

/// A release ends what might stand of every workflow, and nearly nothing does.
#[test]
fn one_that_ends_many_alerts_ends_those_that_stand() {
    on_each(|place| {
        let store = place.open();
        store.commit_at(1_000, vec![Write::Alert(alert("a")), Write::Alert(alert("b"))]).expect("committed");
        let over = |code: &str| Write::AlertOver { key: alert(code).key() };
        let mut writes: Vec<Write> = (0..50).map(|n| over(&format!("none_{n}"))).collect();
        // One stands before, one begins here and ends, and one begins again.
        writes.extend([over("a"), Write::Alert(alert("c")), over("c"), over("b"), Write::Alert(alert("b"))]);
        store.commit_at(2_000, writes).expect("committed");
        with!(&store, s => {
            let standing = s.alerts().expect("read");
            let told: Vec<_> = standing.iter().map(|row| (row.alert.code.as_str(), row.since.millis(), row.count)).collect();
            assert_eq!(told, [("b", 2_000, 1)]);
            let ended = s.alerts_due(Wall::from_millis(3_000), 10).expect("read");
            assert_eq!(ended.iter().filter(|row| row.over).count(), 3, "each is told once more");
        });
    });
}

#[test]
fn what_fails_midway_leaves_no_part_and_the_books_go_on() {
    on_each(|place| {
        let store = place.open();
        store.commit(begin(1)).expect("committed");
        let mut torn = begin(2);
        torn.push(Write::Note(Box::new(Note::new(Log::Client(client()), "torn"))));
        assert_eq!(store.commit(torn), Err(StoreError::Full));
        store.commit(begin(3)).expect("committed");
        with!(&store, s => {
            assert_eq!(s.journal(run(2)), Ok(vec![]));
            assert_eq!(s.ledger_size(&Log::Client(client())), Ok(2));
            assert_eq!(s.run_counts(&client()), Ok((2, 0)));
            assert_eq!(s.logs(), Ok(vec![Log::Client(client())]));
        });
    });
}

#[test]
fn pruning_keeps_the_commitment() {
    on_each(|place| {
        let store = place.open();
        let log = Log::Client(client());
        store.commit(begin(1)).expect("committed");
        store.commit(begin(2)).expect("committed");
        store.commit(vec![Write::Prune { log: log.clone(), from: 0, to: 0 }]).expect("committed");
        store.commit(vec![Write::ResealLedger { log: log.clone(), index: 0, sealed: vec![1] }]).expect("committed");
        store.commit(vec![Write::ResealLedger { log: log.clone(), index: 1, sealed: vec![2] }]).expect("committed");
        with!(&store, s => {
            let rows = s.ledger_rows(&log, 0, 10).expect("read");
            assert_eq!((&rows[0].sealed, &rows[1].sealed), (&None, &Some(vec![2])));
            assert_ne!(rows[0].commitment, [0; 32]);
        });
    });
}

#[test]
fn logs_that_ended_keep_their_rows_and_what_was_announced_of_them() {
    on_each(|place| {
        let acme = Log::Client(client());
        let note = |kind| Write::Note(Box::new(Note::new(acme.clone(), kind)));
        let state = |name: &str| Write::State { name: name.to_owned(), value: Some(b"[[0,0]]".to_vec()) };
        let before = vec![note("opened"), note("started"), state("ledger/gone/acme"), state("ledger/end/acme")];
        place.open().commit(before).expect("committed");
        place.open().commit(vec![Write::EndLogs { life: 2 }]).expect("committed");
        let store = place.open();
        with!(&store, s => assert_eq!(s.logs(), Ok(Vec::new()), "nothing is written to it any more"));
        store.commit(vec![note("opened")]).expect("committed");
        with!(&store, s => {
            let rows = |log: &Log| s.ledger_rows(log, 0, 9).expect("read").len();
            assert_eq!((s.logs(), rows(&acme), rows(&acme.ended(1))), (Ok(vec![acme.clone()]), 1, 2));
            let states = s.states("ledger/").expect("read").into_iter().map(|(name, _)| name);
            assert_eq!(states.collect::<Vec<_>>(), ["ledger/gone/acme.1", "ledger/life"]);
        });
        store.commit(vec![Write::EndLogs { life: 3 }]).expect("committed");
        with!(&store, s => {
            let rows = |log: &Log| s.ledger_rows(log, 0, 9).expect("read").len();
            assert_eq!((rows(&acme), rows(&acme.ended(1)), rows(&acme.ended(2))), (0, 2, 1));
        });
    });
}

#[test]
fn many_at_once_share_commits_and_none_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Sqlite::open(&file(&folder), Plain::load).expect("a store"));
    let threads: Vec<_> = (0_u8..8)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for n in 0_u8..50 {
                    let write = Write::Count { name: "all".into(), add: 1, most: Some(400) };
                    let torn = Write::Note(Box::new(Note::new(Log::Agent, "torn")));
                    let bad = Transaction::new(Wall::from_millis(1)).with(torn);
                    if n % 10 == thread {
                        assert_eq!(wait(store.commit(bad)), Err(StoreError::Full));
                    }
                    wait(store.commit(Transaction::new(Wall::from_millis(1)).with(write))).expect("committed");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(store.sum("all"), Ok(400));
}

#[test]
fn a_second_agent_cannot_open_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Sqlite::open(&file(&folder), Plain::load).expect("a store");
    assert_eq!(Sqlite::open(&file(&folder), Plain::load).map(drop), Err(StoreError::Busy));
    drop(first);
    assert!(Sqlite::open(&file(&folder), Plain::load).is_ok());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages the file behind the store's back")]
fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(file(&folder), [0x5a; 8192]).expect("written");
    assert!(matches!(Sqlite::open(&file(&folder), Plain::load).map(drop), Err(StoreError::Damaged(_))));
}
