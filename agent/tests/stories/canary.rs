//! No content in any file: every scenario on the real database in a real folder, then a scan of every byte that is there.

use std::path::Path;
use std::sync::Arc;

use crate::story::{Story, canaries, holds_canary, workflows};
use assent_agent::run::Engine;
use assent_agent::sim::{NoBooks, Spawner, Stage, run};
use assent_agent::store::{RunFilter, Sqlite, Store as _};

/// Every file of a folder, whole: the database, its write-ahead log, copies.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file")).collect()
}

#[test]
fn no_text_of_a_person_reaches_a_file() {
    let (mut sought, mut alerts) = (0, 0);
    for workflow in workflows() {
        for scenario in &workflow.tests.scenarios {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("agent.db");
            let story = Story::new(&workflow, scenario, 1);
            let world = story.host.boot();
            let store = Arc::new(Sqlite::open(&path, |rows| NoBooks::load(rows)).expect("a store"));
            let stage = Stage::new(Arc::clone(&workflow.compiled), Arc::clone(&workflow.facts));
            let (spawner, shared, kept) = (Spawner::default(), Arc::new(world.clone()), Arc::clone(&store));
            let event = story.event();
            run(&world, &spawner, async move {
                let engine = Engine::open(shared, store, Arc::new(stage)).await.expect("an engine");
                if let Some(event) = event {
                    engine.begin(event).expect("a run").task.await;
                }
            });
            let runs = kept.runs(&RunFilter { most: 1, ..RunFilter::default() }).expect("read").len();
            assert_eq!(runs, usize::from(story.event().is_some()), "{}", scenario.name);
            sought += canaries(scenario).len();
            // Once while it is open, with its log; once more when it is closed.
            assert!(files(folder.path()).iter().all(|file| !holds_canary(file, scenario)), "{}", scenario.name);
            // Nor in what on-call, a Prometheus or a collector of traces is told.
            let told = crate::told::told(&kept, &workflow.facts);
            alerts += usize::from(told.len() > 3);
            assert!(told.iter().all(|one| !holds_canary(one, scenario)), "{}", scenario.name);
            drop(kept);
            assert!(files(folder.path()).iter().all(|file| !holds_canary(file, scenario)), "{}", scenario.name);
        }
    }
    assert!(sought > 50, "there is something to find");
    assert!(alerts > 3, "on-call was told of something by every route");
}
