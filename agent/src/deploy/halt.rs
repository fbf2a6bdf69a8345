//! Whether this agent may be trusted with its own name: what it published, compared with what its store says. Pure.
//!
//! What counts is signed by the agent's own keys alone. Whoever may push to the branch and nothing else can put old or foreign
//! files there; those prove nothing and stop nobody.
//!
//! # Source
//! trust.md section 6. Promise P24.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::ledger::Head;

use super::board::Returned;
use crate::store::Log;

/// What the agent published, as far as its own keys signed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The newest root version.
    pub root: u32,
    /// Generation and sequence of the newest release.
    pub release: (u32, u64),
    /// The checkpoint of each log: its head, and the note as it was published.
    pub heads: BTreeMap<Log, (Head, String)>,
    /// The plans that went back.
    pub returned: Returned,
}

/// What its store says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Which of the agent's logs are written now.
    pub life: u32,
    /// The newest root version.
    pub root: u32,
    /// Generation and sequence of the newest release.
    pub release: (u32, u64),
    /// The root of each log where the published one ended; absent for a log that is shorter.
    pub roots: BTreeMap<Log, Digest>,
}

/// Why the agent starts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A log has fewer entries than were published.
    LedgerOlder,
    /// A log has other entries than were published.
    LedgerForked,
    /// A newer root version was published.
    RootOlder,
    /// A newer release was published.
    ReleaseOlder,
    /// Something was published by this identity after a recovery that never happened here.
    IdentityElsewhere,
}

impl Why {
    /// Every one of them.
    pub const ALL: [Self; 5] =
        [Self::LedgerOlder, Self::LedgerForked, Self::RootOlder, Self::ReleaseOlder, Self::IdentityElsewhere];

    /// What it means, as one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LedgerOlder => {
                "A ledger of the agent has fewer entries than it published: its store is an older one."
            }
            Self::LedgerForked => "A ledger of the agent has other entries than it published.",
            Self::RootOlder => "The agent published a newer root version than its store knows.",
            Self::ReleaseOlder => "The agent published a newer release than its store knows.",
            Self::IdentityElsewhere => {
                "Something was published by this identity after a recovery that never happened here: it works elsewhere, too."
            }
        }
    }

    /// Its code in status, alerts and ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::LedgerOlder => "ledger-older",
            Self::LedgerForked => "ledger-forked",
            Self::RootOlder => "root-older",
            Self::ReleaseOlder => "release-older",
            Self::IdentityElsewhere => "identity-elsewhere",
        }
    }
}

/// Everything that keeps the agent from starting; nothing when its store holds all that it published.
pub fn judge(published: &Published, own: &Own) -> BTreeSet<Why> {
    let mut whys: BTreeSet<Why> =
        published.heads.iter().filter_map(|(log, (head, _))| of_log(log, head, own)).collect();
    if published.root > own.root {
        whys.insert(Why::RootOlder);
    }
    if published.release > own.release {
        whys.insert(Why::ReleaseOlder);
    }
    whys
}

fn of_log(log: &Log, head: &Head, own: &Own) -> Option<Why> {
    match head.origin.life.cmp(&own.life) {
        // It ended with a recovery, which the log of now names.
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Greater => Some(Why::IdentityElsewhere),
        std::cmp::Ordering::Equal => match own.roots.get(log) {
            None => Some(Why::LedgerOlder),
            Some(root) => (*root != head.root).then_some(Why::LedgerForked),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    fn published(life: u32, root: u8) -> Published {
        let log = if life == 1 { "assent/harbor/eu-1".to_owned() } else { format!("assent/harbor/eu-1.{life}") };
        let head = Head { origin: log.parse().unwrap(), size: 5, root: digest(root) };
        Published {
            root: 3,
            release: (1, 7),
            heads: [(Log::Agent, (head, String::new()))].into(),
            ..Published::default()
        }
    }

    #[test]
    fn only_what_is_older_or_other_than_what_was_published_stops_the_agent() {
        let own = Own { life: 1, root: 3, release: (1, 7), roots: [(Log::Agent, digest(1))].into() };
        let whys = |published: &Published, own: &Own| judge(published, own).into_iter().collect::<Vec<_>>();
        assert_eq!(whys(&published(1, 1), &own), []);
        assert_eq!(whys(&Published::default(), &own), [], "nothing was published, or nothing that it signed");
        let newer = Own { root: 4, release: (2, 1), ..own.clone() };
        assert_eq!(whys(&published(1, 1), &newer), []);
        assert_eq!(whys(&published(1, 2), &own), [Why::LedgerForked]);
        let shorter = Own { life: 1, root: 3, release: (1, 7), roots: BTreeMap::new() };
        assert_eq!(whys(&published(1, 1), &shorter), [Why::LedgerOlder]);
        assert_eq!(whys(&published(1, 1), &Own { root: 2, ..own.clone() }), [Why::RootOlder]);
        assert_eq!(whys(&published(1, 1), &Own { release: (1, 6), ..own.clone() }), [Why::ReleaseOlder]);
        assert_eq!(whys(&published(1, 1), &Own { release: (0, 9), ..own.clone() }), [Why::ReleaseOlder]);
        assert_eq!(whys(&published(2, 1), &own), [Why::IdentityElsewhere]);
        assert_eq!(whys(&published(1, 2), &Own { life: 2, ..own }), [], "that log ended");
    }
}
