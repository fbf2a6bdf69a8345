//! What is pruned or erased, and what a crash leaves of that.

use super::*;

async fn go(place: &mut Place, store: &Memory) -> Result<Step, StoreError> {
    let now = place.at(0).at;
    let mut days = place.days();
    step(store, &mut days, &Counting::default(), (&acme(), &log_name()), now).await
}

/// Plays an announcement with a crash after each number of steps, and with one between what a step does to the disk and its
/// commit. At every moment the log verifies, and in the end everything is done. Gives the places as they were left.
async fn crashed_at_each_step(announce: impl Fn(&mut Place, &Memory)) -> Vec<Place> {
    let mut left = Vec::new();
    for crash in 0..20 {
        let mut place = lived();
        let store = place.store();
        announce(&mut place, &store);
        let gone = verified(&place, &store).unwrap().gone;
        assert!(gone > 0, "announced is as good as gone");
        let mut ended = false;
        for _ in 0..crash {
            ended |= go(&mut place, &store).await.unwrap() != Step::Went;
            assert_eq!(verified(&place, &store).unwrap().gone, gone);
        }
        place.tables.lock().unwrap().set_full(true);
        let torn = go(&mut place, &store).await;
        assert!(torn != Ok(Step::Went), "nothing can be committed");
        place.tables.lock().unwrap().set_full(false);
        drop(store);
        let store = place.store();
        assert_eq!(verified(&place, &store).unwrap().gone, gone);
        for _ in 0..20 {
            if go(&mut place, &store).await.unwrap() != Step::Went {
                break;
            }
        }
        assert_eq!(work(&store, &acme()).unwrap(), None);
        assert_eq!(verified(&place, &store).unwrap().gone, gone);
        place.accept(&store, 9);
        place.note(&store, 1, tick(acme())).unwrap();
        assert_eq!(verified(&place, &store).unwrap().gone, gone);
        drop(store);
        left.push(place);
        if ended {
            return left;
        }
    }
    panic!("it never ends");
}

fn first_day(place: &Place) -> String {
    place.days().days(&log_name()).unwrap().remove(0)
}

#[tokio::test]
async fn a_day_that_is_pruned_is_gone_after_a_crash_at_any_step() {
    let announce = |place: &mut Place, store: &Memory| {
        let days = place.days().days(&log_name()).unwrap();
        let old = before(store, &acme(), &days[1]).unwrap().unwrap();
        assert_eq!(old, (0, 5));
        let note = Note::new(acme(), "pruned").fact("rule", "retention").fact("reason", "90d");
        let writes = announce(store, &acme(), &[old], Some(note), vec![days[0].clone()], vec![]).unwrap();
        store.commit_now(Transaction { writes, ..place.at(1) }).unwrap();
    };
    let left = crashed_at_each_step(announce).await;
    assert!(left.len() > 2, "bodies, key, end: {}", left.len());
    for place in left {
        let store = place.store();
        let told = verified(&place, &store).unwrap().told;
        assert_eq!(told.iter().map(|told| (told.entry, told.ranges.clone())).collect::<Vec<_>>(), [(9, vec![(0, 5)])]);
        assert_eq!(place.days().days(&log_name()).unwrap().len(), 1, "the key is destroyed");
        assert!(store.ledger_rows(&acme(), 0, 6).unwrap().iter().all(|row| row.sealed.is_none()));
        let proof = proof_of(&place, &store, 2);
        assert!(proof.opened.is_none());
    }
}

fn proof_of(place: &Place, store: &Memory, index: u64) -> assent_schema::ledger::proof::Inclusion {
    let (key, checkpoint, mut days) = (key(), checkpoint(place, store), place.days());
    let mut reader =
        Reader { store, log: acme(), key: &key, days: &mut days, checkpoint: &checkpoint, announced: vec![] };
    reader.prove(Target::Index(index)).unwrap().remove(0)
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_rest_of_the_day_is_under_a_new_key() {
    let announce = |place: &mut Place, store: &Memory| {
        let anew = Anew { day: first_day(place), next: 0, made: false };
        let note = Note::new(acme(), "erased").fact("request", "dsr-1");
        let writes = announce(store, &acme(), &[(2, 2), (4, 4)], Some(note), vec![], vec![anew]).unwrap();
        store.commit_now(Transaction { writes, ..place.at(1) }).unwrap();
    };
    let untouched = lived();
    let left = crashed_at_each_step(announce).await;
    assert!(left.len() > 4, "bodies, new key, sealing, change of keys, end: {}", left.len());
    for place in left {
        let store = place.store();
        assert_eq!(place.disk.list("ledger/keys/acme").unwrap().len(), 2, "no key is left beside those of the days");
        let rows = store.ledger_rows(&acme(), 0, 6).unwrap();
        let sealed: Vec<u64> = rows.iter().filter(|row| row.sealed.is_some()).map(|row| row.index).collect();
        assert_eq!(sealed, [0, 1, 3, 5]);
        let before = untouched.tables.lock().unwrap().rows(&acme(), 0, 6).unwrap();
        for row in rows.iter().filter(|row| row.sealed.is_some()) {
            let old = &before[usize::try_from(row.index).unwrap()];
            assert_eq!(row.commitment, old.commitment);
            assert_ne!(row.sealed, old.sealed, "sealed again");
        }
    }
}

#[tokio::test]
async fn a_day_that_is_written_on_waits_for_its_end() {
    let mut place = lived();
    let store = place.store();
    let today = place.days().days(&log_name()).unwrap().remove(1);
    let anew = Anew { day: today.clone(), next: 6, made: false };
    let note = Note::new(acme(), "erased").fact("request", "dsr-1");
    let writes = announce(&store, &acme(), &[(7, 7)], Some(note), vec![], vec![anew]).unwrap();
    store.commit_now(Transaction { writes, ..place.at(1) }).unwrap();
    assert_eq!(go(&mut place, &store).await, Ok(Step::Went), "the body goes at once");
    assert_eq!(go(&mut place, &store).await, Ok(Step::Waits));
    assert_eq!(verified(&place, &store).unwrap().gone, 1);
    place.note(&store, 86_400, started(acme(), false)).unwrap();
    while go(&mut place, &store).await.unwrap() == Step::Went {}
    assert_eq!(work(&store, &acme()), Ok(None));
    assert_eq!(verified(&place, &store).unwrap().gone, 1);
    assert_eq!(first_on(&store, &acme(), &today), Ok(6));
}

#[test]
fn bodies_that_go_without_an_entry_are_missed() {
    let mut place = lived();
    let store = place.store();
    store.commit_now(place.at(1).with(Write::Prune { log: acme(), from: 0, to: 5 })).unwrap();
    let found = verified(&place, &store);
    assert!(matches!(found, Err(AnswerError::Fault(ExportFault { index: Some(0), fault: Fault::BodyGone, .. }))));
    // Neither does it help to say so where no entry is: what is announced is compared with the entries.
    let forged = Write::State { name: "ledger/gone/acme".into(), value: Some(b"[[0,5]]".to_vec()) };
    store.commit_now(place.at(1).with(forged)).unwrap();
    assert!(verified(&place, &store).is_err());
}
