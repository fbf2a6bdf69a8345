//! The attack suite: one named row for each way to cheat, refused for the stated reason by the real verification code.
//!
//! `docs/attacks.md` is the same table for people. `survivors` beside this file removes each check of the verification code
//! in turn and runs this suite: none of those mutants may live.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests stop at what is not there, and play on a real disk"
)]
#![expect(clippy::duplicate_mod, reason = "console and chats, which are shared, bring the same room each")]

mod agreement;
mod approvers;
#[path = "../support/changes.rs"]
#[expect(dead_code, unreachable_pub, reason = "a part of the library of tests; others use more of it")]
mod changes;
mod chats;
mod commands;
mod console;
mod deploy;
mod endpoints;
mod facts;
mod files;
#[path = "../../agent/src/verify/fixture.rs"]
#[expect(dead_code, reason = "the unit tests of the agent use more of it")]
mod fixture;
mod git;
mod identity;
mod ledgers;
mod passkeys;
mod rehearsals;
mod reset;
mod roots;
mod signatures;
mod site;
mod statements;
mod stolen;
mod table;
mod time;
mod uses;
mod world;

// What the shared fixture takes from the room that it stands in.
use assent_agent::verify::{Now, PinnedTrust, Place, uses_of};
use table::Attack;

/// Every room of the table, in the order of the page.
const ROOMS: &[(&str, &[Attack])] = &[
    ("Signatures", signatures::ROOM),
    ("Roots and keys", roots::ROOM),
    ("Approvers, teams and the catalog", approvers::ROOM),
    ("Approvers reset by root, and what signed files may not hold", reset::ROOM),
    ("Releases and their files", files::ROOM),
    ("Git", git::ROOM),
    ("Statements of clients", statements::ROOM),
    ("Plans", uses::ROOM),
    ("Clients' files", facts::ROOM),
    ("Endpoints", endpoints::ROOM),
    ("Rehearsals", rehearsals::ROOM),
    ("Time", time::ROOM),
    ("Deploy and rollback", deploy::ROOM),
    ("An agent's own store and name", identity::ROOM),
    ("Ledgers", ledgers::ROOM),
    ("Commands on an agent's host", commands::ROOM),
    ("The console", console::ROOM),
    ("Passkeys", passkeys::ROOM),
    ("Chats and helpdesks", chats::ROOM),
];

#[test]
fn signatures() {
    table::play(signatures::ROOM);
}

#[test]
fn chats() {
    table::play(chats::ROOM);
}

#[test]
fn passkeys() {
    table::play(passkeys::ROOM);
}

#[test]
fn roots() {
    table::play(roots::ROOM);
}

#[test]
fn approvers() {
    table::play(approvers::ROOM);
}

#[test]
fn reset() {
    table::play(reset::ROOM);
}

#[test]
fn files() {
    table::play(files::ROOM);
}

#[test]
fn git() {
    table::play(git::ROOM);
}

#[test]
fn time() {
    table::play(time::ROOM);
}

#[test]
fn deploy() {
    table::play(deploy::ROOM);
}

#[test]
fn identity() {
    table::play(identity::ROOM);
}

#[test]
fn ledgers() {
    table::play(ledgers::ROOM);
}

#[test]
fn commands() {
    table::play(commands::ROOM);
}

#[test]
fn console() {
    table::play(console::ROOM);
}

#[test]
fn statements() {
    table::play(statements::ROOM);
}

#[test]
fn uses() {
    table::play(uses::ROOM);
}

#[test]
fn facts() {
    table::play(facts::ROOM);
}

#[test]
fn endpoints() {
    table::play(endpoints::ROOM);
}

#[test]
fn rehearsals() {
    table::play(rehearsals::ROOM);
}

#[test]
fn every_row_has_a_name_of_its_own_and_the_page_is_fresh() {
    let mut seen = std::collections::BTreeSet::new();
    for row in ROOMS.iter().flat_map(|(_, rows)| *rows) {
        assert!(seen.insert(row.name), "two rows are called `{}`", row.name);
    }
    let refused = ROOMS.iter().flat_map(|(_, rows)| *rows).filter(|row| row.answer != "accepted").count();
    assert!(refused >= 80, "only {refused} attacks");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attacks.md");
    let page = table::page(ROOMS);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page is written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page, "docs/attacks.md is stale; UPDATE=1 writes it again");
}

#[test]
fn every_refusal_has_a_row() {
    use assent_agent::verify::{OffCode, RefusalCode};
    let answers: Vec<&str> = ROOMS.iter().flat_map(|(_, rows)| *rows).map(|row| row.answer).collect();
    let refusals = RefusalCode::ALL.iter().map(|code| code.code().to_owned());
    let offs = OffCode::ALL.iter().map(|code| code.code().to_owned());
    let lacking: Vec<String> =
        refusals.chain(offs).filter(|code| !answers.iter().any(|a| a.contains(&**code))).collect();
    assert!(lacking.is_empty(), "no row is answered with {lacking:?}");
}

/// Where something is refused: the source of each such place.
const REFUSES: [&str; 7] = [
    "Refusal::new(",
    "TrustError::new(",
    "TrustError::missing(",
    "TrustError::unsigned(",
    "refuse(",
    "Err(BadKey::",
    "Err(SignatureError::",
];
/// Files of checks; `sshsig.rs` and `json.rs` among them.
const CHECKS: [&str; 3] = ["agent/src/verify", "schema/src/trust", "schema/src/trust/strict"];
/// How many lines a check and what it says stand apart, at most.
const APART_MOST: usize = 8;

/// Whether a line refuses what could be let through. What is missing or has no form cannot be: there is nothing to go on with.
fn refuses(line: &str) -> bool {
    let says = REFUSES.iter().any(|word| line.contains(word));
    let structural = [
        "ok_or",
        "map_err",
        ".or(Err",
        "fn ",
        "let refuse",
        "//",
        "unwrap_or",
        "TrustError { ",
        "let broken",
        "|code| Err(",
    ];
    says && !structural.iter().any(|word| line.contains(word))
}

#[test]
fn every_refusal_has_a_mutant() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = std::fs::read_to_string(root.join("tests/attacks/mutants.toml")).expect("the list of mutants");
    let mutants = toml::from_str::<Mutants>(&list).expect("a list of mutants").mutant;
    let mut lacking = Vec::new();
    for folder in CHECKS {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("a name");
            let tested = ["tests", "fixture", "error.rs", "refusal.rs"].iter().any(|word| name.contains(word));
            if tested || std::path::Path::new(&name).extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let (file, text) = (format!("{folder}/{name}"), std::fs::read_to_string(entry.path()).expect("a file"));
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
            let line_of = |at: usize| code[..at].matches('\n').count();
            let here = mutants.iter().filter(|mutant| mutant.file == file);
            let spans: Vec<(usize, usize)> = here
                .filter_map(|mutant| code.find(&mutant.old).map(|at| (line_of(at), line_of(at + mutant.old.len()))))
                .collect();
            for (number, line) in code.lines().enumerate().filter(|(_, line)| refuses(line)) {
                let near = |(from, to): &(usize, usize)| *from <= number + 1 && number <= to + APART_MOST;
                if !spans.iter().any(near) {
                    lacking.push(format!("{file}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(lacking.is_empty(), "no mutant takes these away: {lacking:#?}");
}

/// What `survivors` does to a copy of the source.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    file: String,
    old: String,
    new: String,
    #[serde(default)]
    also: Vec<(String, String)>,
    #[serde(default)]
    run: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[test]
fn every_mutant_still_fits_the_source() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = std::fs::read_to_string(root.join("tests/attacks/mutants.toml")).expect("the list of mutants");
    let mutants = toml::from_str::<Mutants>(&list).expect("a list of mutants").mutant;
    let mut names = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for Mutant { name, file, old, new, also, run } in &mutants {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let edits = std::iter::once((old, new)).chain(also.iter().map(|(old, new)| (old, new)));
        for (old, new) in edits {
            if text.matches(old.as_str()).count() != 1 || old == new {
                wrong.push(format!("{name}: `{old}` does not stand once in {file}, or stays"));
            }
        }
        if !names.insert(name) || run.iter().any(String::is_empty) {
            wrong.push(format!("{name}: two are called so, or it runs nothing"));
        }
    }
    assert!(wrong.is_empty() && mutants.len() > 150, "{wrong:#?}");
}
