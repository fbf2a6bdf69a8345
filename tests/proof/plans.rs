//! The workflows that the agent's own tests run are those of the example, as the compiler lowers them. `UPDATE=1` writes them.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::canon;
use assent_schema::client::ClientFacts;
use assent_tests::signed::Signed;

/// Where the agent's tests read them.
const PLANS: &str = "../agent/tests/plans";

/// The facts with the keys of the people as they are there: each founding of the example makes new ones.
fn with_keys_of(there: &Path, facts: &ClientFacts) -> ClientFacts {
    let known = std::fs::read(there).ok().and_then(|bytes| canon::from_bytes::<ClientFacts>(&bytes).ok());
    let mut facts = facts.clone();
    for (person, keys) in known.into_iter().flat_map(|known| known.people) {
        if let Some(new) = facts.people.get_mut(&person) {
            new.keys = keys.keys;
        }
    }
    facts
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test writes what others read")]
fn the_agents_tests_run_the_example() {
    let checked = Signed::example("2026-06-01T09:00:00Z".parse().expect("an instant")).check();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLANS);
    let mut wanted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for ((client, workflow), form) in checked.forms() {
        wanted.insert(format!("{client}.{workflow}.plan.json"), form.bytes);
        wanted.insert(format!("{client}.{workflow}.tests.json"), form.tests.expect("scenarios").bytes);
        let facts = &checked.survey.resolved.clients.get(&client).expect("a client").facts;
        let name = format!("{client}.client.json");
        let bytes = canon::to_bytes(&with_keys_of(&folder.join(&name), facts)).expect("facts");
        wanted.insert(name, bytes);
    }
    let update = std::env::var_os("UPDATE").is_some();
    let mut others = Vec::new();
    for (name, bytes) in &wanted {
        if update {
            std::fs::write(folder.join(name), bytes).expect("written");
        }
        if std::fs::read(folder.join(name)).ok().as_ref() != Some(bytes) {
            others.push(name);
        }
    }
    assert!(others.is_empty(), "`UPDATE=1` writes what the example is now: {others:?}");
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let known = |name: &str| name == "README.md" || wanted.contains_key(name);
    let rest: Vec<_> = files.map(|name| name.to_string_lossy().into_owned()).filter(|name| !known(name)).collect();
    assert!(rest.is_empty(), "no workflow of the example: {rest:?}");
}
