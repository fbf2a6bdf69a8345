use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::sim::NoBooks;
use crate::store::{Memory, Tables};

/// A Monday at ten.
const BEGINS: i64 = 1_772_445_600_000;
const HOUR: i64 = HOUR_SECONDS * 1_000;

fn place() -> Place {
    ("acme".parse().unwrap(), "refund".parse().unwrap())
}

struct Site {
    tables: Arc<Mutex<Tables>>,
    runs: u64,
}

impl Site {
    fn new() -> Self {
        Self { tables: Arc::default(), runs: 0 }
    }

    fn store(&self) -> Memory {
        let books = NoBooks::load(&*self.tables.lock().unwrap()).unwrap();
        Memory::open(Arc::clone(&self.tables), books)
    }

    async fn write(&mut self, store: &Memory, at: i64, ended: bool) {
        self.write_many(store, at, ended, 1).await;
    }

    async fn write_many(&mut self, store: &Memory, at: i64, ended: bool, count: usize) {
        let writes = (0..count).flat_map(|_| self.run(ended)).collect();
        store.commit(Transaction { at: Wall::from_millis(at), writes }).await.unwrap();
    }

    fn run(&mut self, ended: bool) -> Vec<Write> {
        self.runs += 1;
        let run = RunId::from_bytes(u128::from(self.runs).to_be_bytes());
        let (client, workflow) = place();
        let accepted = json!({"accepted": {"client": client, "workflow": workflow,
            "plan": assent_schema::canon::Digest::of_file(b"plan"), "number": 0, "trigger": "webhook", "event": "e"}});
        let mut writes = vec![Write::Journal { run, entry: serde_json::from_value(accepted).unwrap() }];
        if ended {
            let ended = json!({"ended": {"ending": "done"}});
            writes.push(Write::Journal { run, entry: serde_json::from_value(ended).unwrap() });
        }
        writes
    }
}

fn kept(store: &Memory) -> u32 {
    let days = store.states(HOURS).unwrap();
    days.iter().flat_map(|(_, value)| read(value).into_values()).map(|hour| hour.accepted).sum()
}

#[tokio::test]
async fn a_crash_neither_loses_nor_doubles_what_was_counted() {
    let (mut site, now) = (Site::new(), Wall::from_millis(BEGINS));
    let store = site.store();
    for n in 0..600 {
        site.write(&store, BEGINS + n, n % 2 == 0).await;
    }
    let mut first = Watcher::open(&store, now, Spans::new(false)).unwrap();
    assert!(first.look(&store).unwrap());
    let transaction = first.unwritten(now).unwrap();
    // The process dies before it could be written: the next one counts all of it, once.
    drop(first);
    let mut second = Watcher::open(&store, now, Spans::new(false)).unwrap();
    second.look(&store).unwrap();
    assert_eq!(second.unwritten(now).unwrap().writes.len(), transaction.writes.len());
    store.commit(transaction).await.unwrap();
    // It dies after, before it knows: nothing is counted twice.
    drop(second);
    let mut third = Watcher::open(&store, now, Spans::new(false)).unwrap();
    third.look(&store).unwrap();
    assert_eq!((kept(&store), third.unwritten(now).is_none()), (600, true));
    site.write(&store, BEGINS + 700, true).await;
    third.look(&store).unwrap();
    store.commit(third.unwritten(now).unwrap()).await.unwrap();
    third.written(now);
    assert_eq!(kept(&store), 601);
}

#[tokio::test]
async fn silence_after_weeks_of_events_is_told_and_ends_when_they_come_again() {
    let mut site = Site::new();
    let store = site.store();
    let weeks = 4 * 168;
    for hour in 0..weeks {
        // Nothing of their ends: times are none of this.
        site.write_many(&store, BEGINS + hour * HOUR, false, 22).await;
    }
    let mut watcher = Watcher::open(&store, Wall::from_millis(BEGINS), Spans::new(false)).unwrap();
    while !watcher.look(&store).unwrap() {}
    let places = BTreeSet::from([place()]);
    let told = |watcher: &mut Watcher, hour: i64| {
        let now = Wall::from_millis(BEGINS + hour * HOUR + 30_000);
        let found = watcher.unlike(&store, &places, now, &|_, _| false, 10).unwrap();
        let anomaly =
            |condition: &Condition| if let Condition::Unlike { anomaly, .. } = condition { *anomaly } else { panic!() };
        found.iter().map(anomaly).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut watcher, weeks), []);
    assert_eq!(told(&mut watcher, weeks + 1), [Anomaly::Silent]);
    // Far too many within an hour are told before it is over.
    site.write_many(&store, BEGINS + (weeks + 2) * HOUR, false, 300).await;
    watcher.look(&store).unwrap();
    assert!(told(&mut watcher, weeks + 2).contains(&Anomaly::High));
    assert!(!told(&mut watcher, weeks + 3).contains(&Anomaly::Silent));
}

#[tokio::test]
async fn days_that_are_too_old_are_forgotten() {
    let mut site = Site::new();
    let store = site.store();
    site.write(&store, BEGINS, true).await;
    let mut watcher = Watcher::open(&store, Wall::from_millis(BEGINS), Spans::new(false)).unwrap();
    watcher.look(&store).unwrap();
    store.commit(watcher.unwritten(Wall::from_millis(BEGINS)).unwrap()).await.unwrap();
    let after = |days: i64| Watcher::too_old(&store, Wall::from_millis(BEGINS + days * 24 * HOUR)).unwrap().len();
    assert_eq!((after(DAYS_KEPT), after(DAYS_KEPT + 1)), (0, 1));
}

#[tokio::test]
async fn what_came_of_requests_is_counted_by_connection_also_of_runs_that_were_under_way() {
    let (mut site, now) = (Site::new(), Wall::from_millis(BEGINS));
    let store = site.store();
    let run = RunId::from_bytes(1_u128.to_be_bytes());
    let write = |entry: serde_json::Value| Write::Journal { run, entry: serde_json::from_value(entry).unwrap() };
    let intent = |attempt: u32, operation: &str| {
        write(json!({"intent": {"step": "pay", "attempt": attempt, "operation": operation, "effect": "none"}}))
    };
    let outcome =
        |attempt: u32, code: &str| write(json!({"outcome": {"step": "pay", "attempt": attempt, "code": code}}));
    let commit = async |at: i64, writes: Vec<Write>| {
        store.commit(Transaction { at: Wall::from_millis(at), writes }).await.unwrap();
    };
    // Before this process, which counts what comes from now on.
    commit(BEGINS - 10, [site.run(false), vec![intent(1, "shop.refund"), outcome(1, "http_503")]].concat()).await;
    let mut first = Watcher::open(&store, now, Spans::new(false)).unwrap();
    first.look(&store).unwrap();
    store.commit(first.unwritten(now).unwrap()).await.unwrap();
    let mut watcher = Watcher::open(&store, now, Spans::new(false)).unwrap();
    commit(BEGINS + 1, vec![intent(2, "shop.refund"), outcome(2, "bad_answer"), intent(3, "shop.refund")]).await;
    commit(BEGINS + 2, vec![outcome(3, "ok"), intent(4, "desk.read"), outcome(4, "cached")]).await;
    watcher.look(&store).unwrap();
    let told = watcher.counts().requests().samples("connection").into_iter();
    let told: Vec<_> = told
        .map(|(labels, count)| (labels.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "), count))
        .collect();
    assert_eq!(told, [("acme shop bad_answer".to_owned(), 1.0), ("acme shop ok".to_owned(), 1.0)]);
}
