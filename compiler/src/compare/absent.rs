//! Pinned clients that one of two commits has and the repository does not: what changes for them is not known.
//!
//! # Source
//! trust.md section 2, "Teams". Promise P25.

use std::collections::BTreeSet;

use assent_schema::id::ClientId;
use serde::Serialize;

use crate::source::Parts;

/// A client that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Which.
    pub client: ClientId,
    /// The commit at which it was pinned; absent where it was not, or where there is nothing to compare with.
    pub was: Option<String>,
    /// The commit at which it is pinned; absent where it is not.
    pub is: Option<String>,
}

impl Absent {
    /// Whether the pin is another one than before.
    pub fn is_moved(&self) -> bool {
        self.was != self.is
    }
}

/// The clients of two sources of which one is not here.
pub fn absent(before: Option<&dyn Parts>, now: &dyn Parts) -> Vec<Absent> {
    let away: BTreeSet<ClientId> = now.away().into_iter().chain(before.map(Parts::away).unwrap_or_default()).collect();
    let (was, is) = (before.map(Parts::pins).unwrap_or_default(), now.pins());
    let each = away.into_iter().map(|client| {
        let (was, is) = (was.get(&client).map(ToString::to_string), is.get(&client).map(ToString::to_string));
        Absent { client, was, is }
    });
    each.collect()
}
