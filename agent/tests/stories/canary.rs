//! No content in any file, and in nothing that leaves: every scenario on the real database in a real folder, then a scan of
//! every byte that is there, and of what goes out: exports and proofs as they are read, checkpoints, pushed branches, alerts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::private::Canaries;
use crate::story::{HOST_KEY, Story, workflow, workflows};
use assent_agent::ledger::{DayKeys, Ledgers, Publishers, Reader, Target, checkpoint_path, opened};
use assent_agent::pull::push;
use assent_agent::real::{RealDice, RealDisk};
use assent_agent::run::Engine;
use assent_agent::sim::{NoBooks, Spawner, Stage, run};
use assent_agent::store::{Log, RunFilter, Sqlite, Store as _, Transaction, Write};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::ledger::export;
use ed25519_dalek::SigningKey;

/// Every file of a folder and below it, whole: the database, its write-ahead log, keys, checkpoints.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        if path.is_dir() { files(&path) } else { vec![std::fs::read(path).expect("a file")] }
    };
    entries.flat_map(read).collect()
}

/// What an agent gives out about a log: the export and what its entries say, proofs and what they open, the note.
fn given_out(store: &Sqlite, disk: &Arc<RealDisk>, client: &ClientId) -> (Vec<Vec<u8>>, Vec<u8>) {
    let log = Log::Client(client.clone());
    let own = "assent/harbor/eu-1".parse().expect("an origin");
    let mut publishers = Publishers::new(own, SigningKey::from_bytes(&[3; 32]), Arc::clone(disk));
    publishers.round(store).expect("checkpoints");
    let Some(checkpoint) = publishers.last(&log).cloned() else { return (Vec::new(), Vec::new()) };
    let key = publishers.log_key(&log).expect("a key");
    let mut days = DayKeys::new(Arc::clone(disk), Arc::clone(&HOST_KEY));
    let mut reader =
        Reader { store, log: log.clone(), key: &key, days: &mut days, checkpoint: &checkpoint, announced: vec![] };
    let mut whole = Vec::new();
    reader.export(&mut whole).expect("an export");
    // In the file bodies are base64, which hides what it holds.
    let mut found: Vec<Vec<u8>> =
        export::entries(&whole).iter().map(|entry| entry.to_bytes().expect("a body")).collect();
    assert!(!found.is_empty(), "there is something to read");
    for index in 0..checkpoint.head().size {
        let proof = reader.prove(Target::Index(index)).expect("a proof").remove(0);
        found.extend(proof.opened.iter().map(|(_, body)| body.clone()));
        found.push(proof.to_text().into_bytes());
    }
    found.extend([whole, checkpoint.note().as_bytes().to_vec(), checkpoint_path(&log).into_bytes()]);
    // Alerts and queue items as they leave for their routes and for people.
    found.extend(store.alerts().expect("read").iter().map(|row| format!("{row:?}").into_bytes()));
    found.extend(store.queue().expect("read").iter().map(|item| format!("{item:?}").into_bytes()));
    let sums = store.sums("").expect("read");
    found.extend(sums.iter().map(|(name, value)| format!("{name} {value}").into_bytes()));
    (found, checkpoint.note().as_bytes().to_vec())
}

/// Everything in the object database of a pushed branch, inflated.
fn pushed(folder: &Path, note: &[u8]) -> Vec<Vec<u8>> {
    let path = folder.join("repo.git");
    git2::Repository::init_bare(&path).expect("a repository");
    let at = "2026-03-02T09:00:00Z".parse().expect("a moment");
    push::commit(&path, "status/a", &[("checkpoints/acme/checkpoint".to_owned(), note.to_vec())].into(), at)
        .expect("a commit");
    push::alone(&path, "owned/acme", None, &[("checkpoint", note)], at).expect("a commit");
    let repository = git2::Repository::open_bare(&path).expect("a repository");
    let odb = repository.odb().expect("objects");
    let mut found = Vec::new();
    odb.foreach(|id| odb.read(*id).map(|object| found.push(object.data().to_vec())).is_ok()).expect("objects");
    assert!(found.len() > 5, "two commits with their trees");
    found
}

#[test]
fn no_text_of_a_person_reaches_a_file_or_leaves() {
    let (mut sought, mut alerts) = (0, 0);
    let read_again = Arc::new(AtomicUsize::new(0));
    for workflow in workflows() {
        for scenario in &workflow.tests.scenarios {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("agent.db");
            let disk = Arc::new(RealDisk::open(folder.path()).expect("a disk"));
            let story = Story::new(&workflow, scenario, 1);
            let world = story.host.boot();
            let (project, agent) = ("harbor".parse().expect("a name"), "eu-1".parse().expect("an id"));
            let outside = (Arc::clone(&disk), RealDice, Arc::clone(&HOST_KEY));
            let store = Sqlite::open(&path, |rows| Ok(Box::new(Ledgers::load(project, agent, outside, rows)?)));
            let store = Arc::new(store.expect("a store"));
            let stage = Stage::new(Arc::clone(&workflow.compiled), Arc::clone(&workflow.facts));
            let (spawner, shared, kept) = (Spawner::default(), Arc::new(world.clone()), Arc::clone(&store));
            let event = story.event();
            let count = Arc::clone(&read_again);
            let client = workflow.facts.client.clone();
            run(&world, &spawner, async move {
                let engine = Engine::open(shared, store, Arc::new(stage)).await.expect("an engine");
                let begun = opened(Log::Client(client), Digest::of_file(b"root"), Vec::new());
                let begun = Transaction::new(Wall::default()).with(Write::Note(Box::new(begun)));
                engine.store().commit(begun).await.expect("a log that begins");
                if let Some(event) = event {
                    let begun = engine.begin(event).expect("a run");
                    begun.task.await;
                    // Somebody looks at its content: that, too, is kept nowhere.
                    let read = engine.reread(begun.run).await.expect("a store").expect("a run");
                    count.fetch_add(read.iter().filter(|one| one.found.is_ok()).count(), Ordering::Relaxed);
                }
            });
            let runs = kept.runs(&RunFilter { most: 1, ..RunFilter::default() }).expect("read").len();
            assert_eq!(runs, usize::from(story.event().is_some()), "{}", scenario.name);
            sought += story.private.count();
            let clean = |bytes: &[Vec<u8>]| bytes.iter().all(|one| !story.private.are_in(one));
            let (given, note) = given_out(&kept, &disk, &workflow.facts.client);
            assert!(clean(&given), "{}: something leaves", scenario.name);
            assert!(clean(&pushed(folder.path(), &note)), "{}: something is pushed", scenario.name);
            // Once while it is open, with its log; once more when it is closed.
            assert!(clean(&files(folder.path())), "{}", scenario.name);
            // Nor in what on-call, a Prometheus or a collector of traces is told.
            let told = crate::told::told(&kept, &workflow.facts);
            alerts += usize::from(told.len() > 3);
            assert!(told.iter().all(|one| !story.private.are_in(one)), "{}", scenario.name);
            drop(kept);
            assert!(clean(&files(folder.path())), "{}", scenario.name);
        }
    }
    assert!(sought > 50, "there is something to find");
    assert!(alerts > 3, "on-call was told of something by every route");
    assert!(read_again.load(Ordering::Relaxed) > 10, "people read content again");
}

#[test]
fn names_addresses_and_single_words_are_sought_where_a_plan_says_that_they_are_private() {
    let workflow = workflow("borealis", "failed-payment");
    let sought = |text: &str| {
        let of = |scenario| Canaries::of(&workflow.compiled.plan, scenario).seek(text);
        workflow.tests.scenarios.iter().any(of)
    };
    assert!(sought("kim@example.com"), "one word of a personal field");
    assert!(sought("Kim Example"), "what nobody declares");
    assert!(!sought("contact") && !sought("c-31"), "facts may be kept");
}

/// The scan itself: what is planted it finds, in the log of the database too, and what was deleted lies in no page.
#[test]
fn what_is_planted_is_found_and_what_was_deleted_leaves_no_page_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = workflow("borealis", "failed-payment");
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    let story = Story::new(&workflow, scenario, 1);
    let canary = story.private.any().expect("a canary").as_bytes().to_vec();
    let open = || Sqlite::open(&folder.path().join("agent.db"), |rows| NoBooks::load(rows)).expect("a store");
    let found = || files(folder.path()).iter().any(|one| story.private.are_in(one));
    let puts = |store: Sqlite, value: Option<Vec<u8>>| {
        let write = Write::State { name: "planted".into(), value };
        let (world, spawner) = (story.host.boot(), Spawner::default());
        let store = Arc::new(store);
        let inside = Arc::clone(&store);
        run(&world, &spawner, async move {
            inside.commit(Transaction::new(Wall::default()).with(write)).await.expect("a commit");
        });
        Arc::into_inner(store).expect("nobody else has it")
    };
    let store = open();
    assert!(!found());
    // Among so many other bytes that it stands on pages of its own.
    let around = vec![b'.'; 40_000];
    let store = puts(store, Some([around.clone(), canary, around].concat()));
    assert!(found(), "in the log of the database");
    drop(store);
    assert!(found(), "in the database");
    let store = puts(open(), None);
    drop(store);
    assert!(!found(), "in a page that is free");
}
