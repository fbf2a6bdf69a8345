//! All that an agent keeps: each table and each file of its state folder, what stands there, and the most private class that
//! does so in the clear. A store with another table fails its test; so does a page that lacks a row.
//!
//! # Source
//! promises.md, P01.

/// One thing that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// A table of `agent.db`, or a file or folder of the state folder. Files of one beginning are one.
    pub name: &'static str,
    /// Whether it is a table.
    pub is_table: bool,
    /// What stands there.
    pub holds: &'static str,
    /// The most private class that stands there in the clear, or who can open what is sealed.
    pub class: &'static str,
}

const fn table(name: &'static str, holds: &'static str, class: &'static str) -> Kept {
    Kept { name, is_table: true, holds, class }
}

const fn file(name: &'static str, holds: &'static str, class: &'static str) -> Kept {
    Kept { name, is_table: false, holds, class }
}

/// What facts are.
const FACTS: &str = "reference";
/// What nobody but this host opens.
const SEALED: &str = "sealed to the host's key";

/// Everything, tables first, by name.
pub const KEPT: &[Kept] = &[
    table("alert", "alerts and incidents: codes, names, times", FACTS),
    table("delivery", "keyed hashes of events that were accepted", FACTS),
    table("journal", "what each run did, and how it ended", FACTS),
    table("ledger", "commitments; the entries are sealed under the key of their day", "sealed under day keys"),
    table("log", "the names of the ledger's logs", "public"),
    table(
        "open",
        "runs that have not ended; fields above `reference` are sealed",
        "sealed under keys that end within 24 h",
    ),
    table("queue", "the manual queue: what was already done, and where to look", FACTS),
    table("state", "holds, trials, polls; cached answers are sealed", FACTS),
    table("sum", "counts and sums: KPIs, guardrails", FACTS),
    table("tile", "hashes of the ledger's tree", "public"),
    table("waiting", "questions that wait for people: hashes of what they are shown", FACTS),
    file("agent.db", "the tables, with the write-ahead log and copies of older forms", FACTS),
    file("checkpoints", "the newest signed head of each log", "public"),
    file("control.sock", "where commands on the host are taken; holds nothing", "public"),
    file("identity", "the keys of the agent, in a folder that is closed to others", "secret"),
    file("ledger", "the day keys of the ledger", SEALED),
    file("lock", "that one agent uses the folder; holds nothing", "public"),
    file("out", "exports on their way to the person who asked", FACTS),
    file("recovery.json", "a recovery that on-call signed, until the next start", "reference"),
    file("recovery.refused", "a recovery that was signed and cannot be read", "reference"),
    file("renewed", "refresh tokens that an API replaced", SEALED),
    file("repo.git", "releases that count or may count again, and what is pushed: workflow configuration", "public"),
    file("reserve", "zeros that make room when the disk is full", "public"),
    file("staged", "secrets that a rotation has not tested yet", SEALED),
    file("transfers", "what a fetch lays down while it runs: workflow configuration", "public"),
    file("trust", "which project, root and release were seen last", "public"),
    file("vault.age", "secrets of connections", SEALED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_all_that_is_kept() {
        let page = include_str!("../../../docs/agent.md");
        for kept in KEPT {
            let what = if kept.is_table { "table" } else { "file" };
            let row = format!("| {what} `{}` | {} | {} |", kept.name, kept.holds, kept.class);
            assert!(page.contains(&row), "docs/agent.md lacks: {row}");
        }
    }
}
