//! What a client may have at once, before and after a restart, and what a full disk takes.

use std::sync::{Arc, Mutex};

use assent_agent::accept::webhook;
use assent_agent::run::{Engine, NewRun, NotBegun};
use assent_agent::sim::NoBooks;
use assent_agent::store::{Memory, RunFilter, Store as _, Tables, TriggerKind};
use assent_schema::client::{ClientFacts, ClientLimits};
use assent_schema::plan::Rate;
use assent_schema::time::Period;

use super::{BODY, Place, SECRET, deployed, facts, now, plan, world};

#[test]
fn runs_that_wait_for_people_count_towards_what_a_client_may_have() {
    let place = Place::new();
    let at = now();
    for n in 0..100 {
        assert_eq!(place.hook(&format!("msg_{n}"), at, BODY).0, 202, "{n}");
    }
    assert_eq!(place.hook("msg_100", at, BODY).0, 429);
    assert_eq!((place.refused)(), [("acme".to_owned(), "waiting")]);
    assert_eq!((place.refused)(), [], "told once");
}

#[test]
fn a_client_that_sends_more_than_its_rate_is_told_so_and_on_call_hears_of_it() {
    let store = Memory::open(Arc::default(), Box::new(NoBooks::default()));
    let few = Rate { requests: 20, per: Period::days(1) };
    let limits = ClientLimits { rate: Some(few), ..facts().limits };
    let place = Place::with(plan(), ClientFacts { limits, ..facts() }, Arc::new(store), Arc::default());
    let at = now();
    let told: Vec<u16> = (0..4).map(|n| place.hook(&format!("msg_{n}"), at, BODY).0).collect();
    assert_eq!(told, [202, 202, 429, 429], "one in ten of them may come at once");
    assert_eq!((place.refused)(), [("acme".to_owned(), "rate")]);
}

#[test]
fn strangers_use_up_nothing_of_a_clients_rate() {
    let store = Memory::open(Arc::default(), Box::new(NoBooks::default()));
    let few = Rate { requests: 20, per: Period::days(1) };
    let limits = ClientLimits { rate: Some(few), ..facts().limits };
    let place = Place::with(plan(), ClientFacts { limits, ..facts() }, Arc::new(store), Arc::default());
    let at = now();
    for n in 0..50 {
        assert_eq!(
            place.hook_signed(&format!("msg_{n}"), at, BODY, b"whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw").0,
            401,
            "{n}"
        );
    }
    assert_eq!((place.refused)(), []);
    let told: Vec<u16> = (0..3).map(|n| place.hook(&format!("msg_{n}"), at, BODY).0).collect();
    assert_eq!(told, [202, 202, 429]);
}

#[tokio::test]
async fn a_client_has_as_many_runs_after_a_restart_as_before() {
    let tables: Arc<Mutex<Tables>> = Arc::default();
    let folder = tempfile::tempdir().expect("a folder");
    let limits = ClientLimits { waiting: 3, ..facts().limits };
    let start = async || {
        let deployed = deployed(plan(), ClientFacts { limits, ..facts() });
        let store = Arc::new(Memory::open(Arc::clone(&tables), Box::new(NoBooks::default())));
        Engine::open(Arc::new(world(folder.path())), store, deployed).await.expect("an engine")
    };
    let event = |n: u8| NewRun {
        client: "acme".parse().expect("an id"),
        workflow: "refund".parse().expect("an id"),
        trigger: TriggerKind::Webhook,
        event: format!("ev-{n}"),
        keys: vec![[n; 16]],
        fields: [("ticket_id".parse().expect("a name"), assent_schema::expr::Value::text("T-1"))].into(),
        writes: Vec::new(),
    };
    let engine = start().await;
    for n in 0..3 {
        let begun = engine.begin(event(n)).unwrap_or_else(|why| panic!("{why:?}"));
        tokio::spawn(begun.task);
        begun.durable.await.expect("an answer").unwrap_or_else(|why| panic!("{why:?}"));
    }
    let refused = |engine: &Arc<Engine<_, _, _>>| engine.begin(event(9)).map(|begun| begun.run);
    assert_eq!(refused(&engine), Err(NotBegun::TooMany));
    // Another process: none of its runs was taken up yet, then all are.
    let engine = start().await;
    let tasks = engine.resume().expect("open runs");
    assert_eq!((tasks.len(), refused(&engine)), (3, Err(NotBegun::TooMany)));
    let mut asked = engine.asked();
    for (_, task) in tasks {
        drop(tokio::spawn(task));
    }
    while engine.questions().len() < 3 {
        asked.changed().await.expect("a question");
    }
    assert_eq!(refused(&engine), Err(NotBegun::TooMany));
}

#[test]
fn a_full_disk_refuses_events_keeps_what_is_durable_and_goes_on_with_space() {
    let tables = Arc::new(Mutex::new(Tables::default()));
    let full = |full| tables.lock().expect("a lock").set_full(full);
    let opened = || Memory::open(Arc::clone(&tables), Box::new(NoBooks::default()));
    let place = Place::over(Arc::new(opened()), Arc::default());
    let (at, id) = (now(), |n: usize| format!("msg_{n}"));
    let signed = |n: usize| webhook::sign(SECRET, &id(n), at, BODY.as_bytes()).unwrap_or_default();
    let send = |n: usize| place.heads("/hooks/acme/refund", &signed(n), BODY.as_bytes()).0;
    assert!(send(0).starts_with("HTTP/1.1 202"));
    full(true);
    for n in 1..5 {
        let refused = send(n);
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\r\nretry-after: "), "{refused}");
    }
    let known = || opened().runs(&RunFilter { most: 1_000, ..RunFilter::default() }).expect("read").len();
    assert_eq!(known(), 1, "each that was told so, and no other");
    assert_eq!(place.hook(&id(0), at, BODY).0, 200, "what is durable is known again");
    full(false);
    assert!(send(1).starts_with("HTTP/1.1 202"), "the refused one is taken when it comes again");
    assert_eq!(place.decisions("lena", 1).1["decisions"].as_array().map(Vec::len), Some(2), "all go on");
}
