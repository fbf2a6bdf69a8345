//! The whole way of an entry: into a store's transaction, out as export and proof, through a restart.

mod gone;

use std::sync::{Arc, Mutex};

use assent_schema::canon::Digest;
use assent_schema::ledger::export::{self, ExportFault};
use assent_schema::ledger::{Checkpoint, Fault, Kind, LogKey};
use ed25519_dalek::SigningKey;

use super::testing::{Counting, Folder};
use super::*;
use crate::store::{
    Accepted, Ending, Entry, LedgerRows as _, Log, Memory, RunId, Store as _, StoreError, Tables, Transaction,
    TriggerKind, Write,
};
use crate::vault::HostKey;
use crate::world::{Disk as _, Wall};

struct Place {
    tables: Arc<Mutex<Tables>>,
    disk: Folder,
    host: Arc<HostKey>,
    now: i64,
}

fn acme() -> Log {
    Log::Client("acme".parse().unwrap())
}

fn run(n: u8) -> RunId {
    RunId::from_bytes([n; 16])
}

fn signing() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

impl Place {
    fn new() -> Self {
        let host = Arc::new(HostKey::generate());
        Self { tables: Arc::default(), disk: Folder::default(), host, now: 1_772_442_000_000 }
    }

    fn books(&self) -> Result<Ledgers<Folder, Counting>, StoreError> {
        let outside = (self.disk.clone(), Counting::default(), Arc::clone(&self.host));
        Ledgers::load("harbor".parse().unwrap(), "eu-1".parse().unwrap(), outside, &*self.tables.lock().unwrap())
    }

    fn store(&self) -> Memory {
        Memory::open(Arc::clone(&self.tables), Box::new(self.books().unwrap()))
    }

    fn publishers(&self) -> Publishers<Folder> {
        Publishers::new("assent/harbor/eu-1".parse().unwrap(), signing(), self.disk.clone())
    }

    fn days(&self) -> DayKeys<Folder> {
        DayKeys::new(self.disk.clone(), Arc::clone(&self.host))
    }

    fn at(&mut self, seconds: i64) -> Transaction {
        self.now += seconds * 1_000;
        Transaction::new(Wall::from_millis(self.now))
    }

    fn note(&mut self, store: &Memory, seconds: i64, note: Note) -> Result<(), StoreError> {
        store.commit_now(self.at(seconds).with(Write::Note(Box::new(note))))
    }

    fn accept(&mut self, store: &Memory, n: u8) {
        let note = of_run(n, "accepted").fact("id", run(n).to_string()).fact("trigger", "webhook").fact("event", "e");
        let accepted = Accepted {
            client: "acme".parse().unwrap(),
            workflow: "refund".parse().unwrap(),
            plan: Digest::of_file(b"plan"),
            number: 0,
            life: 1,
            trigger: TriggerKind::Webhook,
            event: "e".into(),
            fields: std::collections::BTreeMap::default(),
            key: None,
            content: false,
            again: None,
            hours: None,
        };
        let transaction = self
            .at(1)
            .with(Write::Open { run: run(n), sealed: None })
            .with(Write::Journal { run: run(n), entry: Entry::Accepted(Box::new(accepted)) })
            .with(Write::Note(Box::new(note)));
        store.commit_now(transaction).unwrap();
    }

    fn end(&mut self, store: &Memory, n: u8) {
        let ended = Entry::Ended { ending: Ending::Done, stop: None, step: None, code: None };
        let note = of_run(n, "ended").fact("outcome", "done");
        let transaction = self.at(1).with(Write::Journal { run: run(n), entry: ended });
        store.commit_now(transaction.with(Write::Note(Box::new(note)))).unwrap();
    }
}

fn of_run(n: u8, kind: &'static str) -> Note {
    Note { run: Some(run(n)), ..Note::new(acme(), kind) }
}

/// Two logs, two restarts, two runs, two ticks, over midnight.
fn lived() -> Place {
    let mut place = Place::new();
    let store = place.store();
    for log in [Log::Agent, acme()] {
        place.note(&store, 0, opened(log.clone(), Digest::of_file(b"root"), vec![])).unwrap();
        place.note(&store, 0, started(log, true)).unwrap();
    }
    place.accept(&store, 1);
    place.accept(&store, 2);
    place.end(&store, 1);
    place.note(&store, 3_000, tick(acme())).unwrap();
    place.note(&store, 1, tick(Log::Agent)).unwrap();
    drop(store);
    let store = place.store();
    place.note(&store, 86_400, started(acme(), false)).unwrap();
    place.end(&store, 2);
    drop(store);
    let store = place.store();
    place.note(&store, 60, tick(acme())).unwrap();
    place.note(&store, 60, tick(Log::Agent)).unwrap();
    place
}

fn key() -> LogKey {
    LogKey::of_log(&"assent/harbor/eu-1/acme".parse().unwrap(), signing().verifying_key().as_bytes()).unwrap()
}

fn checkpoint(place: &Place, store: &Memory) -> Checkpoint {
    let mut publishers = place.publishers();
    publishers.round(store).unwrap();
    publishers.last(&acme()).unwrap().clone()
}

fn reader<'a>(
    store: &'a Memory,
    key: &'a LogKey,
    days: &'a mut DayKeys<Folder>,
    checkpoint: &'a Checkpoint,
) -> Reader<'a, Memory, Folder> {
    Reader { store, log: acme(), key, days, checkpoint, announced: announced(store, &acme()).unwrap() }
}

#[test]
fn a_log_that_lived_verifies_exports_and_proves() {
    let place = lived();
    let (store, key, mut days) = (place.store(), key(), place.days());
    let checkpoint = checkpoint(&place, &store);
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    let summary = reader.verify(&[]).unwrap();
    assert_eq!((summary.accepted, summary.finished, summary.gone), (2, 2, 0));
    let mut file = Vec::new();
    assert_eq!(reader.export(&mut file).unwrap(), summary);
    assert_eq!(export::verify(&file, &key, &[]).unwrap(), summary);
    let proofs = reader.prove(Target::Run(1)).unwrap();
    let kinds: Vec<_> = proofs.iter().map(|p| p.verify(&key, None).unwrap().unwrap().kind.name().to_owned()).collect();
    assert_eq!(kinds, ["accepted", "ended"]);
    assert_eq!(reader.prove(Target::Index(0)).unwrap().len(), 1);
    assert!(matches!(reader.prove(Target::Run(3)), Err(AnswerError::NotThere)));
    // Where bodies are gone, nobody can say that no entry was of such a run.
    reader.announced = vec![(1, 1)];
    assert!(matches!(reader.prove(Target::Run(3)), Err(AnswerError::Unreadable)));
    for proof in proofs {
        assert_eq!(assent_schema::ledger::proof::Inclusion::parse(&proof.to_text()), Ok(proof));
    }
}

#[test]
fn the_logs_tie_each_other_together_without_showing_one_client_another() {
    let place = lived();
    let (store, mut days) = (place.store(), place.days());
    let mut heads = Vec::new();
    for log in store.logs().unwrap() {
        let origin = place.books().unwrap().origin(&log);
        for row in store.ledger_rows(&log, 0, 100).unwrap() {
            let sealed = row.sealed.unwrap();
            let (_, body) = days.open(&origin, &row.day).unwrap().open(&origin, row.index, &sealed).unwrap();
            if let Kind::Tick(tick) = assent_schema::ledger::Entry::from_bytes(&body).unwrap().kind {
                heads.extend(
                    tick.heads.into_iter().map(|head| (origin.to_string(), head.origin.to_string(), head.size)),
                );
            }
        }
    }
    let (own, acme) = ("assent/harbor/eu-1", "assent/harbor/eu-1/acme");
    let wanted = [(own, acme, 6), (own, acme, 9), (acme, own, 2), (acme, own, 3)];
    assert_eq!(heads, wanted.map(|(a, b, size)| (a.to_owned(), b.to_owned(), size)));
}

#[test]
fn a_log_grows_out_of_its_older_checkpoints() {
    let mut place = lived();
    let store = place.store();
    let (key, older) = (key(), checkpoint(&place, &store));
    place.accept(&store, 3);
    let newer = checkpoint(&place, &store);
    assert_eq!(newer.head().size, older.head().size + 1);
    let mut days = place.days();
    let mut reader =
        Reader { store: &store, log: acme(), key: &key, days: &mut days, checkpoint: &newer, announced: vec![] };
    let proof = reader.since(older.note(), None).unwrap();
    assert_eq!(
        assent_schema::ledger::proof::Consistency::parse(&proof.to_text()).unwrap().verify(&key, &older),
        Ok(newer.clone())
    );
    assert!(reader.verify(std::slice::from_ref(older.head())).is_ok());
    let mut forged = older.head().clone();
    forged.root = Digest::of_file(b"another history");
    let forged = Checkpoint::sign(forged, &signing());
    assert!(matches!(
        reader.since(forged.note(), None),
        Err(AnswerError::Fault(ExportFault { fault: Fault::NotConsistent, .. }))
    ));
}

#[test]
fn an_older_copy_of_the_state_signs_nothing() {
    let mut place = lived();
    let copy = place.tables.lock().unwrap().clone();
    let store = place.store();
    place.accept(&store, 3);
    checkpoint(&place, &store);
    *place.tables.lock().unwrap() = copy;
    let store = place.store();
    let refused = place.publishers().round(&store);
    assert!(matches!(refused, Err(RoundError::Refused(_, PublishError::Smaller))));
    // The other life of the copy is as long as the first one, and still refused.
    place.note(&store, 5, Note::new(acme(), "stopped")).unwrap();
    let refused = place.publishers().round(&store);
    assert!(matches!(refused, Err(RoundError::Refused(_, PublishError::Inconsistent))));
}

#[test]
fn what_others_saw_is_never_unsigned() {
    let mut place = lived();
    let copy = place.tables.lock().unwrap().clone();
    let store = place.store();
    place.accept(&store, 3);
    let seen = checkpoint(&place, &store);
    *place.tables.lock().unwrap() = copy;
    place.disk.remove("checkpoints/acme/checkpoint").unwrap();
    let mut publishers = place.publishers();
    publishers.seen(&acme(), seen.note()).unwrap();
    assert!(matches!(publishers.round(&place.store()), Err(RoundError::Refused(_, PublishError::Smaller))));
}

#[test]
fn a_transaction_that_fails_leaves_no_trace_in_the_tree() {
    let mut place = lived();
    let store = place.store();
    let before = place.tables.lock().unwrap().rows(&acme(), 0, 100).unwrap().len();
    let torn = place
        .at(1)
        .with(Write::Note(Box::new(of_run(2, "outcome").fact("code", "ok"))))
        .with(Write::Note(Box::new(Note::new(acme(), "held").fact("nonsense", true))));
    assert!(store.commit_now(torn).is_err());
    place.accept(&store, 3);
    assert_eq!(place.tables.lock().unwrap().rows(&acme(), 0, 100).unwrap().len(), before + 1);
    let (key, checkpoint, mut days) = (key(), checkpoint(&place, &store), place.days());
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    assert!(reader.verify(&[]).is_ok());
}

#[test]
fn time_never_goes_back() {
    let mut place = lived();
    let store = place.store();
    place.note(&store, -7_200, Note::new(acme(), "stopped")).unwrap();
    drop(store);
    let store = place.store();
    place.note(&store, 1, started(acme(), true)).unwrap();
    let (key, checkpoint, mut days) = (key(), checkpoint(&place, &store), place.days());
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    assert!(reader.verify(&[]).is_ok());
}

#[test]
fn a_day_whose_key_is_gone_cannot_be_opened_and_is_missed() {
    let place = lived();
    let (store, key) = (place.store(), key());
    let checkpoint = checkpoint(&place, &store);
    let mut days = place.days();
    let first = days.days(&checkpoint.head().origin).unwrap()[0].clone();
    days.destroy(&checkpoint.head().origin, &first).unwrap();
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    let fault = ExportFault::at(Some(0), Fault::BodyGone);
    assert!(matches!(reader.verify(&[]), Err(AnswerError::Fault(found)) if found == fault));
    // The proof of an entry whose body is gone still holds against its commitment.
    let proof = &reader.prove(Target::Index(2)).unwrap()[0];
    assert!(proof.opened.is_none());
}

#[test]
fn a_lost_day_key_stops_no_start_and_is_found() {
    let mut place = lived();
    let origin = place.books().unwrap().origin(&acme());
    let mut days = place.days();
    for day in days.days(&origin).unwrap() {
        days.destroy(&origin, &day).unwrap();
    }
    let store = place.store();
    place.accept(&store, 3);
    place.note(&store, 60, tick(acme())).unwrap();
    let (key, checkpoint) = (key(), checkpoint(&place, &store));
    let mut days = place.days();
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    let found = reader.verify(&[]);
    assert!(matches!(found, Err(AnswerError::Fault(ExportFault { index: Some(0), fault: Fault::BodyGone, .. }))));
}

#[test]
fn a_clock_that_was_set_is_told_before_the_tick_that_would_be_late() {
    let mut place = lived();
    let store = place.store();
    let missed = Missed::Clock(place.at(1).at.moment());
    place.note(&store, 7_200, missed.note(acme())).unwrap();
    place.note(&store, 1, tick(acme())).unwrap();
    let (key, checkpoint, mut days) = (key(), checkpoint(&place, &store), place.days());
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    assert!(reader.verify(&[]).is_ok());
}

/// A log of some tiles, with a restart within one.
fn long() -> (Place, Memory) {
    let mut place = Place::new();
    let store = place.store();
    place.note(&store, 0, opened(acme(), Digest::of_file(b"root"), vec![])).unwrap();
    place.note(&store, 0, started(acme(), true)).unwrap();
    for n in 1..=130 {
        place.accept(&store, n);
    }
    drop(store);
    let store = place.store();
    for n in 1..=130 {
        place.end(&store, n);
        place.note(&store, 0, of_run(n, "viewed").fact("what", "run").fact("why", "T-1")).unwrap();
        place.note(&store, 1, Note::new(acme(), "root").fact("version", 2)).unwrap();
    }
    (place, store)
}

#[test]
fn proofs_from_tiles_hold_and_a_run_is_found_wherever_it_began() {
    let (mut place, store) = long();
    let (key, older, mut days) = (key(), checkpoint(&place, &store), place.days());
    let size = older.head().size;
    assert!(size > 512, "{size} entries are two tiles");
    assert_eq!(
        store.ledger_tiles(&acme()).unwrap().iter().map(|tile| (tile.at, tile.accepted)).collect::<Vec<_>>(),
        [(0, 130), (1, 130)]
    );
    let mut reader =
        Reader { store: &store, log: acme(), key: &key, days: &mut days, checkpoint: &older, announced: vec![] };
    for index in [0, 1, 255, 256, 257, 511, 512, size - 1] {
        assert_eq!(reader.prove(Target::Index(index)).unwrap()[0].index, index);
    }
    assert!(matches!(reader.prove(Target::Index(size)), Err(AnswerError::NotThere)));
    let of = |reader: &mut Reader<'_, _, _>, run| reader.prove(Target::Run(run)).unwrap().len();
    assert_eq!([of(&mut reader, 1), of(&mut reader, 130)], [3, 3]);
    // Between two checkpoints that somebody kept, neither of them the newest.
    place.accept(&store, 131);
    let kept = checkpoint(&place, &store);
    place.accept(&store, 132);
    let newest = checkpoint(&place, &store);
    let mut reader =
        Reader { store: &store, log: acme(), key: &key, days: &mut days, checkpoint: &newest, announced: vec![] };
    assert_eq!(of(&mut reader, 132), 1);
    let proof = reader.since(older.note(), Some(kept.note())).unwrap();
    assert_eq!(proof.verify(&key, &older), Ok(kept.clone()));
    assert!(reader.since(newest.note(), Some(kept.note())).is_err(), "backwards");
}

#[test]
fn a_row_that_was_changed_is_found_in_its_tile() {
    let (place, store) = long();
    let (key, checkpoint, mut days) = (key(), checkpoint(&place, &store), place.days());
    place.tables.lock().unwrap().forge(&acme(), 300, |row| {
        row.sealed = None;
        row.commitment[0] ^= 1;
    });
    let mut reader = reader(&store, &key, &mut days, &checkpoint);
    let found = reader.verify(&[]);
    let place = ExportFault { index: Some(256), until: Some(511), fault: Fault::WrongRoot };
    assert!(matches!(found, Err(AnswerError::Fault(found)) if found == place), "not {place}");
}

fn verified(place: &Place, store: &Memory) -> Result<assent_schema::ledger::Summary, AnswerError> {
    let (key, checkpoint, mut days) = (key(), checkpoint(place, store), place.days());
    let announced = announced(store, &acme()).unwrap();
    let mut reader = Reader { store, log: acme(), key: &key, days: &mut days, checkpoint: &checkpoint, announced };
    let summary = reader.verify(&[])?;
    let mut file = Vec::new();
    reader.export(&mut file)?;
    assert_eq!(export::verify(&file, &key, &[]).unwrap(), summary);
    Ok(summary)
}

fn log_name() -> assent_schema::ledger::Origin {
    "assent/harbor/eu-1/acme".parse().unwrap()
}
