//! Who may say SQL, clocks, sockets and random numbers; what is pure; what never leaves.

use super::{files, head};

/// What no pure file has: waiting, tasks, logs, files, the real world.
const SHELL: [&str; 9] = [
    ".await",
    "tokio",
    "tracing::",
    "std::fs",
    "TcpStream",
    "crate::real",
    "crate::store::Sqlite",
    "crate::daemon",
    "SystemTime",
];

/// The code of a file: no comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Asserts that a text stands only in files of the agent below some places.
fn only_in(needle: &str, places: &[&str]) {
    for (name, text) in files("agent") {
        let allowed = places.iter().any(|place| name.starts_with(place));
        assert!(allowed || !code(&text).contains(needle), "`{needle}` in {name}");
    }
}

/// Asserts that files of the agent below a place do not import some rooms.
fn never_imports(place: &str, rooms: &[&str]) {
    let all = files("agent");
    let found: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(place)).collect();
    assert!(!found.is_empty(), "nothing stands in {place}");
    for (name, text) in found {
        for room in rooms {
            assert!(!code(text).contains(&format!("crate::{room}")), "{name} imports `{room}`");
        }
    }
}

#[test]
fn sql_stands_in_the_store_alone() {
    only_in("rusqlite", &["store/"]);
}

#[test]
fn what_must_survive_is_put_in_place_in_one_way() {
    only_in("fs::rename(", &["durable.rs"]);
    only_in("renameat(", &["real/disk.rs", "real/inboxes.rs"]);
    // A folder of one transfer, which goes with it.
    only_in("fs::write(", &["pull/talk/ssh.rs"]);
    only_in("File::create(", &[]);
}

#[test]
fn what_the_compiler_writes_is_put_in_place_in_one_way() {
    for (name, text) in files("compiler") {
        for needle in ["fs::rename(", "File::create("] {
            let is_home = name == "publish/place.rs";
            assert!(is_home || !code(&text).contains(needle), "`{needle}` in compiler/src/{name}");
        }
    }
}

#[test]
fn what_a_panic_leaves_behind_a_lock_is_said_in_one_place() {
    only_in("PoisonError", &["sync.rs"]);
}

#[test]
fn clocks_and_dice_are_those_of_the_world() {
    only_in("SystemTime", &["real/"]);
    only_in("Instant::now", &["real/"]);
    only_in("getrandom::", &["real/", "vault/", "identity"]);
}

#[test]
fn the_engine_sees_only_the_world() {
    for place in ["run/", "store/", "sim/", "rehearse", "request/", "retry/"] {
        never_imports(place, &["real", "daemon", "command", "deploy", "listen", "pull"]);
        for (name, text) in files("agent").iter().filter(|(name, _)| name.starts_with(place)) {
            let is_bare = !code(text).contains("tokio::time") && !code(text).contains("tokio::spawn");
            assert!(is_bare, "{name} waits or starts tasks by itself");
        }
    }
}

#[test]
fn which_characters_hide_is_said_in_one_place() {
    // As characters that are compared; a text of ours may hold one, such as what keeps a name in a comment from paging people.
    // Line separators are not among them: what escapes for JSON and Markdown says itself which characters end lines there.
    let needles = ["ad", "200b", "200d", "202a", "202e", "2060", "fe0f", "e0000", "e0001", "e0100"];
    for name in super::CRATES {
        for (file, text) in files(name).iter().filter(|(file, _)| name != "schema" || file != "hidden.rs") {
            for needle in needles.map(|code| format!("'\\u{{{code}}}'")) {
                assert!(
                    !code(text).contains(&needle),
                    "{name}/src/{file} judges {needle}, which `schema/src/hidden.rs` does"
                );
            }
        }
    }
}

#[test]
fn pure_rooms_import_no_shell() {
    for place in ["run/life/machine.rs", "run/capacity/lanes.rs", "run/compiled.rs", "request/", "retry/"] {
        never_imports(place, &["real", "sim", "store::Sqlite", "vault", "ledger", "daemon", "command"]);
    }
}

#[test]
fn a_file_that_calls_itself_pure_is() {
    let mut count = 0;
    for name in ["compiler", "agent"] {
        for (file, text) in files(name).iter().filter(|(_, text)| head(text).contains("Pure")) {
            count += 1;
            for shell in SHELL {
                assert!(!code(text).contains(shell), "{name}/src/{file} calls itself pure and has `{shell}`");
            }
        }
    }
    assert!(count > 40, "{count} files call themselves pure");
}

#[test]
fn the_schema_is_pure() {
    for (file, text) in files("schema") {
        for shell in [
            "std::fs",
            "TcpStream",
            "UdpSocket",
            "std::process",
            "std::env",
            "SystemTime",
            "Instant::now",
            "tokio",
            "git2",
        ] {
            assert!(!code(&text).contains(shell), "schema/src/{file} has `{shell}`");
        }
    }
}

#[test]
fn the_compiler_reaches_the_agent_through_its_commands_alone() {
    for (file, text) in files("compiler") {
        let may = file.starts_with("command/") || file == "main.rs";
        assert!(may || !code(&text).contains("assent_agent"), "compiler/src/{file} imports the agent");
    }
}

/// Where files are opened that nobody named: the programs' own, and those of a repository or of the system.
const OWN_FILES: [(&str, &[&str]); 2] = [
    (
        "agent",
        &[
            "command/ledger.rs",          // the export that the agent left for the command
            "daemon/host.rs",             // what the system says
            "daemon/ledger_questions.rs", // a proof that was written for this answer
            "durable.rs",
            "named.rs",
            "pull/compact.rs", // the agent's own repository
            "pull/loose.rs",   // objects of repositories on this machine
            "pull/weigh.rs",   // packs of the agent's own repository, which a fetch bounds
        ],
    ),
    (
        "compiler",
        &[
            "command/demo/", // what it wrote itself
            "named.rs",
            "publish/back.rs", // what stands in the repository's own folder
            "publish/config.rs",
            "publish/newest.rs",
            "publish/place.rs",    // a folder, to be made durable
            "publish/unlocked.rs", // the terminal
            "source/",             // files of the repository, measured there
        ],
    ),
];

#[test]
fn a_file_that_somebody_named_is_read_in_one_place() {
    for (name, own) in OWN_FILES {
        for (file, text) in files(name) {
            if own.iter().any(|may| file.starts_with(may)) {
                continue;
            }
            for opens in ["fs::read(", "fs::read_to_string(", "File::open("] {
                assert!(!code(&text).contains(opens), "{name}/src/{file} has `{opens}`: see {name}/src/named.rs");
            }
        }
    }
}

#[test]
fn the_console_reaches_the_agent_through_its_office_alone() {
    never_imports("console/", &["real", "sim", "daemon", "command", "desk", "vault", "pull", "deploy::live"]);
    for (name, text) in files("agent").iter().filter(|(name, _)| name.starts_with("console/pages/")) {
        let shows = !code(text).contains("commit(") && !code(text).contains("Store");
        assert!(shows, "{name} does more than show");
    }
}

#[test]
fn nobody_imports_the_daemon_or_commands() {
    for (name, text) in files("agent") {
        let is_one = name.starts_with("daemon") || name.starts_with("command") || name == "main.rs";
        let imports = code(&text).contains("crate::daemon") || code(&text).contains("crate::command");
        assert!(is_one || !imports, "{name} imports the daemon or a command");
    }
}

/// `Content` has neither of the traits by which a value is written out, however the implementation is spelled.
#[test]
fn content_has_no_way_out() {
    let all = files("agent");
    let (_, text) = all.iter().find(|(name, _)| name == "content.rs").expect("a file");
    let before = text.split("pub struct Content").next().expect("a part");
    let derives = before.rsplit("///").next().expect("a part").contains("derive");
    assert!(!derives, "`Content` derives something");
    for line in all.iter().flat_map(|(_, text)| text.lines()).filter(|line| line.trim_start().starts_with("impl")) {
        let of_content = line.contains(" for Content") || line.contains(" for crate::content::Content");
        let writes = ["Debug", "Display", "Serialize", "AsRef", "Deref ", "Deref for", "Borrow<", "Into<"];
        assert!(!(of_content && writes.iter().any(|word| line.contains(word))), "`Content` can be written out: {line}");
    }
}
