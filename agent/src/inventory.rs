//! What an agent stores: every file of its state folder and every table of its database, each with what it may hold.
//!
//! Held to what is really there by tests: a table, column or file that this list does not know is a defect. Pure.
//!
//! # Source
//! promises.md: P01 (what is stored) and P04 (what is not).

/// What a file or column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// Nothing of a client: counters, locks, room for a full disk.
    Nothing,
    /// Releases: workflows, approvals and facts of clients, as their commits have them.
    Configuration,
    /// Facts: values of class reference or lower, keyed hashes, times, codes.
    Facts,
    /// What is sealed with a key that the kernel alone holds, for less than 24 hours.
    SealedForHours,
    /// Entries of ledgers, facts too, sealed with the key of their day until that is thrown away.
    SealedForRetention,
    /// Secrets, encrypted.
    Secrets,
    /// Keys by which the agent itself is known or seals.
    Keys,
}

impl Holds {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Configuration,
        Self::Facts,
        Self::SealedForHours,
        Self::SealedForRetention,
        Self::Secrets,
        Self::Keys,
    ];

    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing of a client",
            Self::Configuration => "configuration",
            Self::Facts => "facts",
            Self::SealedForHours => "sealed, less than 24 h",
            Self::SealedForRetention => "facts, sealed by day",
            Self::Secrets => "secrets, encrypted",
            Self::Keys => "the agent's own keys",
        }
    }
}

/// One file, or one table.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name: the first part of a path below the state folder, or a table.
    pub name: &'static str,
    /// What is in it.
    pub what: &'static str,
    /// What it may hold; of a table each column by name, in the order of their names.
    pub holds: &'static [(&'static str, Holds)],
}

const fn file(name: &'static str, holds: &'static [(&'static str, Holds)], what: &'static str) -> Part {
    Part { name, what, holds }
}

/// The state folder.
pub const FILES: &[Part] = &[
    file("agent.db", &[("", Holds::Facts)], "the database of the tables below, with its log and copies of older forms"),
    file("checkpoints", &[("", Holds::Facts)], "the newest signed checkpoint of each ledger"),
    file("control.sock", &[("", Holds::Nothing)], "the socket by which commands reach the running agent"),
    file("identity", &[("", Holds::Keys)], "its signing key, ledger key and host key"),
    file("ledger", &[("", Holds::Keys)], "the keys of the days by which entries of ledgers are sealed"),
    file("lock", &[("", Holds::Nothing)], "what one running agent holds"),
    file("plans", &[("", Holds::Configuration)], "plans that may run or run again, by digest"),
    file("recovery.json", &[("", Holds::Nothing)], "what on-call is to sign before a stopped agent goes on"),
    file("releases", &[("", Holds::Configuration)], "verified releases, kept for a restart"),
    file(
        "renewed",
        &[("", Holds::Secrets)],
        "secrets that were rotated or refreshed here, one sealed file for each slot",
    ),
    file("repo.git", &[("", Holds::Configuration)], "the repository into which releases are fetched"),
    file("reserve", &[("", Holds::Nothing)], "room that is given back when the disk is full"),
    file("staged", &[("", Holds::Secrets)], "secrets that a rotation has not yet tested"),
    file("transfers", &[("", Holds::Configuration)], "what transfers lay down while they run"),
    file("trust", &[("", Holds::Configuration)], "what was pinned at enrolment"),
    file("vault.age", &[("", Holds::Secrets)], "the secrets of connections and routes"),
];

/// The database.
pub const TABLES: &[Part] = &[
    Part {
        name: "alert",
        what: "alerts that stand or are to be delivered",
        holds: &[
            ("body", Holds::Facts),
            ("count", Holds::Facts),
            ("due", Holds::Facts),
            ("key", Holds::Facts),
            ("last", Holds::Facts),
            ("no", Holds::Nothing),
            ("over", Holds::Facts),
            ("sent", Holds::Facts),
            ("since", Holds::Facts),
            ("tries", Holds::Facts),
        ],
    },
    Part {
        name: "delivery",
        what: "which events were accepted, by keyed hash",
        holds: &[("key", Holds::Facts), ("run", Holds::Facts)],
    },
    Part {
        name: "journal",
        what: "what became of each run, step by step",
        holds: &[
            ("at", Holds::Facts),
            ("entries", Holds::Facts),
            ("keys", Holds::Facts),
            ("no", Holds::Nothing),
            ("run", Holds::Facts),
        ],
    },
    Part {
        name: "ledger",
        what: "the entries of all ledgers with what they are committed to",
        holds: &[
            ("commitment", Holds::Facts),
            ("day", Holds::Facts),
            ("id", Holds::Facts),
            ("sealed", Holds::SealedForRetention),
        ],
    },
    Part { name: "log", what: "the names of ledgers", holds: &[("name", Holds::Facts), ("no", Holds::Nothing)] },
    Part {
        name: "open",
        what: "runs under way, with the event that began each",
        holds: &[("run", Holds::Facts), ("sealed", Holds::SealedForHours)],
    },
    Part {
        name: "queue",
        what: "runs that people have to look at",
        holds: &[("body", Holds::Facts), ("run", Holds::Facts), ("since", Holds::Facts)],
    },
    Part {
        name: "state",
        what: "what the agent remembers by name: deployments, holds, cursors, KPIs by the hour, statements",
        holds: &[("name", Holds::Facts), ("value", Holds::Facts)],
    },
    Part {
        name: "sum",
        what: "what was counted for guardrails and keys, by day",
        holds: &[("name", Holds::Facts), ("value", Holds::Facts)],
    },
    Part {
        name: "tile",
        what: "roots over each 256 entries of a ledger",
        holds: &[("accepted", Holds::Facts), ("id", Holds::Facts), ("root", Holds::Facts)],
    },
    Part {
        name: "waiting",
        what: "questions to people, and what else runs wait for",
        holds: &[("body", Holds::Facts), ("run", Holds::Facts), ("step", Holds::Facts)],
    },
];

/// What is stored, one sentence for each kind.
pub fn sentences() -> Vec<String> {
    let of = |wanted: Holds| {
        let all = FILES.iter().map(|file| (file, "")).chain(TABLES.iter().map(|table| (table, "agent.db: ")));
        let named = all.filter(|(part, _)| part.holds.iter().any(|(_, holds)| *holds == wanted));
        named.map(|(part, of)| format!("{of}{}", part.name)).collect::<Vec<_>>().join(", ")
    };
    Holds::ALL.iter().map(|holds| format!("An agent stores {}: {}.", holds.as_str(), of(*holds))).collect()
}

/// The list as a page, for people.
pub fn page() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(
        "# What an agent stores\n\n<!-- Written by `UPDATE=1 cargo test --workspace --test store`. -->\n\nEverything that is in an \
         agent's state folder, and every column of its database, with what it may hold. Tests compare this list with a real \
         state folder and a real database. *Facts* are values of class `reference` or lower, keyed hashes, times and codes; \
         content and personal data stand nowhere but in what is sealed for less than 24 hours.\n",
    );
    let mut table = |title: &str, parts: &[Part]| {
        let _infallible = write!(page, "\n## {title}\n| name | holds | what |\n|---|---|---|\n");
        for part in parts {
            for (column, holds) in part.holds {
                let dot = if column.is_empty() { "" } else { "." };
                let (name, holds) = (part.name, holds.as_str());
                let _infallible = writeln!(page, "| `{name}{dot}{column}` | {holds} | {} |", part.what);
            }
        }
    };
    table("Files", FILES);
    table("Tables", TABLES);
    page
}
